"""Words of a mail: cleaning, cutting, picking a finding from an abstract, wrapping at 72 columns."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from urllib.parse import quote, urlsplit

COLUMNS = 72
READ_AT_MOST = 20_000  # characters of an abstract that anyone looks at; the longest of arXiv has 1,920
SENTENCES_WEIGHED = 40
WORTH_A_SECOND = 1.2
URL_CHARACTERS = 600  # a longer one would not survive every client, and fifteen of them would not fit the mail
_WORD = re.compile(r"[⺀-鿿぀-ヿ가-힯]|[^\s⺀-鿿぀-ヿ가-힯]+")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|et al|vs|cf|Fig|Figs|Eq|Eqs|Sec|Tab|Ref|Refs|No|approx|resp|Dr|Prof|St|w\.r\.t|a\.k\.a|[A-Z]))\.$"
)
_END = re.compile(r"""(?<=[.!?])["”’)\]]*\s+(?=["“‘(\[]?[A-Z0-9$α-ωΑ-Ω])|(?<=[。！？])""")
_FINDING = re.compile(
    r"\b(?:show(?:s|n|ed)?|find(?:s)?|found|demonstrat\w+|achiev\w+|outperform\w*|surpass\w*|reduc\w+|improv\w+|reveal\w*|"
    r"establish\w*|prov(?:e|es|ed)|yield\w*|match(?:es|ed)?|exceed\w*|results?|state-of-the-art|faster|fewer|gains?)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*\s?(?:%|×|x\b|times\b|percent\b|points?\b|[BMk]\b)", re.IGNORECASE)
_PROPOSAL = re.compile(
    r"\b(?:we|our|this (?:paper|work)|here)\b.{0,40}"
    r"\b(?:approach|method|propos|introduc|present|develop|releas|study|stud|investigat|ask)",
    re.IGNORECASE,
)
_BACKGROUND = re.compile(
    r"^(?:however|recent(?:ly)?|despite|although|while|existing|in recent|traditional|many|most|as|with the)\b", re.IGNORECASE
)
_BOAST = re.compile(r"\b(?:extensive|experimental|superior|competitive|state-of-the-art|promising)\b", re.IGNORECASE)
_DANGLING = re.compile(
    r"^(?:it|this|these|those|they|such|following|specifically|in addition|in particular|moreover|furthermore|"
    r"additionally|also|finally|then|our code|code|the code)\b",
    re.IGNORECASE,
)
_HANGING = re.compile(r"(?:\s+(?:a|an|the|of|for|with|as|in|on|to|and|or|by|via|from|is|are|at|that))+$", re.IGNORECASE)


def line(text: str) -> str:
    """One line without control characters, lone surrogates or doubled spaces: what every borrowed string goes through."""
    if not text.isprintable():
        text = "".join(" " if c.isspace() else c for c in text if c.isspace() or unicodedata.category(c) not in {"Cc", "Cs"})
    return " ".join(text.split())


def block(text: str) -> str:
    """Text of several lines without control characters and lone surrogates."""
    return "\n".join(row if row.isprintable() else line(row) for row in text.splitlines())


def web(url: str) -> str:
    """The address if a mail may link to it, else "". http or https with a host; stray characters are percent-encoded."""
    url = quote(url.strip(), safe="!#$%&'()*+,/:;=?@[]~", errors="replace")
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in {"http", "https"} and parts.hostname and len(url) <= URL_CHARACTERS else ""


def count(text: str) -> int:
    """Words; two characters of a script without spaces count as one."""
    units = _WORD.findall(text)
    wide = sum(1 for unit in units if len(unit) == 1 and unit >= "⺀")
    return len(units) - wide + (wide + 1) // 2


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, cut between words and marked with an ellipsis, never inside a number."""
    text = line(text[: limit * 4 + 400])
    if len(text) <= limit:
        return text
    head = text[: max(limit - 1, 0)]
    if not text[len(head)].isspace() and " " in head and unicodedata.east_asian_width(head[-1]) not in "WF":
        head = head.rsplit(" ", 1)[0]
    return _tidy(head) + "…" if head else ""


def excerpt(text: str, words: int) -> str:
    """Whole sentences of `text` up to `words` words; if even the first is longer, that one cut between words."""
    kept: list[str] = []
    for sentence in sentences(text):
        if count(" ".join([*kept, sentence])) > words:
            break
        kept.append(sentence)
    return " ".join(kept) or _cut_words(line(text[:READ_AT_MOST]), words)


def finding(abstract: str, words: int = 40) -> str:
    """One or two sentences of the abstract, in its order and at most `words` words: what was found, and what was done.

    A second sentence comes only when it says something of its own; without any that fits, the first is cut.
    """
    found = sentences(abstract)[:SENTENCES_WEIGHED]
    sizes = [count(sentence) for sentence in found]
    weights = [_weight(sentence, place) for place, sentence in enumerate(found)]
    best, chosen = -9.0, ""
    for i, sentence in enumerate(found):
        alone = weights[i] - _dangles(sentence)
        if sizes[i] <= words and alone > best:
            best, chosen = alone, sentence
        for j in range(i + 1, len(found)):
            both = alone + weights[j] - (_dangles(found[j]) if j > i + 1 else 0.0)
            if min(weights[i], weights[j]) >= WORTH_A_SECOND and both > best and sizes[i] + sizes[j] <= words:
                best, chosen = both, f"{sentence} {found[j]}"
    return chosen or _cut_words(line(abstract[:READ_AT_MOST]), words)


def sentences(text: str) -> list[str]:
    """Sentences in order. Decimals, initials and "et al." do not end one."""
    whole: list[str] = []
    for piece in _END.split(line(text[:READ_AT_MOST])):
        if whole and _ABBREVIATION.search(whole[-1]):
            whole[-1] += " " + piece
        elif piece:
            whole.append(piece.strip())
    return whole


def _weight(sentence: str, place: int) -> float:
    weight = 0.4 if place == 0 else 0.0
    weight += 2.0 if _FINDING.search(sentence) else 0.0
    weight += 1.5 if _NUMBER.search(sentence) else -0.8 if _BOAST.search(sentence) else 0.0
    weight += 2.0 if _PROPOSAL.search(sentence) else 0.0
    weight -= 2.0 if _BACKGROUND.match(sentence) else 0.0
    return weight


def _dangles(sentence: str) -> float:
    """What a sentence loses when it points back at one that is not shown."""
    return 2.0 if _DANGLING.match(sentence) else 0.0


def _cut_words(text: str, words: int) -> str:
    end, budget = 0, words * 2
    for unit in _WORD.finditer(text):
        budget -= 1 if unit[0] >= "⺀" and len(unit[0]) == 1 else 2
        if budget < 0:
            return _tidy(text[:end]) + "…"
        end = unit.end()
    return text


def _tidy(head: str) -> str:
    """Without a number at the end (its unit may be cut off), or an open bracket, comma or little word that leads nowhere."""
    head = re.sub(r"\s+[\W_]*\d[\d.,\s]*$", "", head.rstrip())
    head = re.sub(r"[\s,;:(\[–—-]+$", "", head)
    return _HANGING.sub("", head)


@lru_cache(maxsize=4096)
def wrap(text: str, indent: int = 0, hang: int = 0) -> str:
    """Lines of at most 72 columns. Later lines start after `indent` + `hang` spaces, the first after `indent`.

    A wide (CJK) character takes two columns. An address is never broken; other unbreakable text is.
    """
    rows, row, used = [], " " * indent, indent
    empty = True
    for word in _breakable(text, COLUMNS - indent - hang):
        size = _columns(word)
        if not empty and used + 1 + size > COLUMNS:
            rows.append(row)
            row, used, empty = " " * (indent + hang), indent + hang, True
        row, used = (row + word, used + size) if empty else (f"{row} {word}", used + 1 + size)
        empty = False
    return "\n".join([*rows, row]).rstrip()


def _breakable(text: str, room: int) -> list[str]:
    words = []
    for word in re.split(r"[ \t\n]+", text):  # not at a no-break space
        if "://" not in word:
            while _columns(word) > room:
                cut = next(n for n in range(1, len(word) + 1) if _columns(word[:n]) >= room - 1)
                words.append(word[:cut])
                word = word[cut:]
        if word:
            words.append(word)
    return words


def _columns(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
