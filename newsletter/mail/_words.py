"""Words of a mail: cleaning, counting, cutting, wrapping at 72 columns."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import quote, urlsplit

from newsletter.mail._sentences import FORMULA_AHEAD, WIDE, cut, joined, places, split

COLUMNS = 72
READ_AT_MOST = 20_000  # characters of an abstract that anyone looks at; the longest of arXiv has 1,920
URL_CHARACTERS = 600  # a longer one would not survive every client, and fifteen of them would not fit the mail
_TRICKS = frozenset("\u00ad\u200b\u2060\u2061\u2062\u2063\u2064\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_WORD = re.compile(rf"[{WIDE}]|[^\s{WIDE}…]+")


def line(text: str) -> str:
    """One line without control characters, lone surrogates or doubled spaces: what every borrowed string goes through.

    Nor does it hold what turns the words around it (bidi overrides and isolates) or hides in them (zero-width spaces);
    joiners stay, because Persian, Hindi and emoji are spelled with them.
    """
    if not text.isprintable():
        text = "".join(" " if c.isspace() else c for c in text if c.isspace() or not _unseen(c))
    return " ".join(text.split())


def _unseen(c: str) -> bool:
    return unicodedata.category(c) in {"Cc", "Cs"} or c in _TRICKS


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


def read(text: str) -> str:
    """The part of an abstract that anyone looks at, on one line."""
    head = line(text[: READ_AT_MOST + FORMULA_AHEAD])
    return head if len(head) <= READ_AT_MOST else head[: next(places(head, READ_AT_MOST), READ_AT_MOST)]


def sentences(text: str) -> list[str]:
    """Sentences in order. Decimals, initials, formulas and "et al." do not end one."""
    return split(read(text))


def shorten(text: str, limit: int) -> str:
    """At most `limit` characters, cut between words and marked with an ellipsis; no number or formula comes apart."""
    text = line(text[: limit * 4 + 400])
    if len(text) <= limit:
        return text
    head = cut(text, max(limit - 1, 0))
    return f"{head}…" if head else ""


def headline(text: str, limit: int) -> str:
    """As `shorten`; a text that can be parted nowhere is cut at its last space, or inside a word: never to nothing."""
    short = shorten(text, limit)
    if short or not text.strip():
        return short
    head = line(text[: limit * 4 + 400])[: limit - 1]
    return f"{head.rpartition(' ')[0] or head}…"


def excerpt(text: str, words: int) -> str:
    """Whole sentences of `text` up to `words` words; if even the first is longer, that one cut between words."""
    kept: list[str] = []
    for sentence in sentences(text):
        if count(joined([*kept, sentence])) > words:
            break
        kept.append(sentence)
    return joined(kept) or beginning(text, words)


def beginning(text: str, words: int) -> str:
    """The first words of a text on one line, marked with an ellipsis if there were more."""
    return cut_words(read(text), words)


def cut_words(text: str, words: int) -> str:
    """At most `words` words of one line, marked with an ellipsis if it was longer; "" when not even one fits."""
    end, budget = 0, words * 2
    for unit in _WORD.finditer(text):
        budget -= 1 if unit[0] >= "⺀" and len(unit[0]) == 1 else 2
        if budget < 0:
            head = cut(text, end)
            return f"{head}…" if head else ""
        end = unit.end()
    return text


@lru_cache(maxsize=4096)
def wrap(text: str, indent: int = 0, hang: int = 0) -> str:
    """Lines of at most 72 columns. Later lines start after `indent` + `hang` spaces, the first after `indent`.

    A wide (CJK) character takes two columns. An address is never broken; other unbreakable text is.
    """
    columns = _measure(text)
    rows, row, used = [], " " * indent, indent
    empty = True
    for word in _breakable(text, COLUMNS - indent - hang, columns):
        size = columns(word)
        if not empty and used + 1 + size > COLUMNS:
            rows.append(row)
            row, used, empty = " " * (indent + hang), indent + hang, True
        row, used = (row + word, used + size) if empty else (f"{row} {word}", used + 1 + size)
        empty = False
    return "\n".join([*rows, row]).rstrip()


def _breakable(text: str, room: int, columns: Callable[[str], int]) -> list[str]:
    words = []
    for word in re.split(r"[ \t\n]+", text):  # not at a no-break space
        if "://" not in word:
            while columns(word) > room:
                cut = next(n for n in range(1, len(word) + 1) if columns(word[:n]) >= room - 1)
                words.append(word[:cut])
                word = word[cut:]
        if word:
            words.append(word)
    return words


_NARROW = re.compile(r"[\x00-\u10ff\u2000-\u2319]*")  # no character in it is wide in Unicode's East Asian Width


def _measure(text: str) -> Callable[[str], int]:
    """What tells the columns of any part of this text."""
    return len if text.isascii() or _NARROW.fullmatch(text) else _columns


def _columns(text: str) -> int:
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
