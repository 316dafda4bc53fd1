"""Where a text may be parted: between sentences, and between words where no number, unit or formula comes apart.

Every function takes one line of text (`_words.line`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

WIDE = "⺀-鿿぀-ヿ가-힯"
TAIL = 200  # characters before a cut that may be trimmed
FORMULA_AHEAD = 200  # characters past a cut that are looked at for the end of a formula
_STOP = re.compile(
    r"""(?<![.!?؟۔।])[.!?؟۔।]+["”’»)\]]*(?=\s)|(?<![。！？])[。！？]+["”’」』）]*|(?<=[a-z]{3})\.(?=(?:We|Our|The|This|In|To|It|However) )"""
)
_ABBREVIATION = re.compile(
    r"\b(?:e\.g|i\.e|et al|vs|cf|approx|resp|Dr|Mr|Ms|Mrs|Prof|St|ca|viz|w\.r\.t|a\.k\.a)\.$"
    r"|\b(?:Figs?|Eqs?|Eqns?|Secs?|Sect|Tabs?|Refs?|Nos?|Thm|Lem|Prop|Cor|Def|Alg|App|Vol|Ch|pp)\.$",
    re.IGNORECASE,
)
_ANSWER = re.compile(r"\bnos?\.$")  # "No. 3" is a number, "no. We" an answer
_INITIAL = re.compile(r"\b[A-Z]\.$")
_FRESH_START = re.compile(r"(?:We|Our|The|This|These|It|In|Here|Finally|To|For|However|Moreover|Furthermore)\b")
_LISTED = re.compile(r"(?:^|[:;]\s)\(?\d{1,2}\.$")
_FORMULA = re.compile(
    r"\$[^$\s](?:[^$]{0,198}[^$\s])?\$(?!\d)|\\\(.{0,200}?\\\)|(?<=\w)\((?:[^()]|\([^()]{0,60}\)){1,80}+\)(?!\w)"
)
_OPERATOR = re.compile(r"[=<>≤≥≈≠≲≳±+×·∙∗*/^~∼∈→⊂∪∩∝−|&]+")
_RELATIONS = "=<>≤≥≈±×"
_DASH = re.compile(r"[-–—]+")
_BARE_NUMBER = re.compile(r"[^\w\s]*\d(?:[\d.,'’–—/×x±:-]*\d)?(?:[⁺⁻]?[⁰¹²³⁴-⁹]+|\^\{?[-−+]?\d+\}?)?")
_STARTS_NUMBER = re.compile(r"[(\[]*[~≈<>≤≥±+−-]*[$€£¥]?\.?\d")
_MAGNITUDE = re.compile(r"(?:thousand|million|billion|trillion|hundred|percentage|orders|order|of magnitude|k|M|B)$")
_RANGE_WORDS = {"to", "and", "or", "by", "x"}
_LABEL = re.compile(r"[(\[]?(?:[A-Z][\w-]*\.?|figs?\.?|eqs?\.?|p|n|[a-z]+\.)$")
_HANGING = re.compile(
    r"(?:\s+(?:a|an|the|of|for|with|as|in|on|to|and|or|by|via|from|is|are|at|that|than|which|while|but|our|its|their|be|we|"
    r"\(?[ivx\d]{1,3}\)))+$",
    re.IGNORECASE,
)
_LOOSE = re.compile(r"[\s,;:(\[“‘–—-]+$")


def split(text: str) -> list[str]:
    """Sentences in order; nothing but the space between two of them is lost."""
    formulas = [found.span() for found in _FORMULA.finditer(text)]
    found, start = [], 0
    for stop in _STOP.finditer(text):
        inside = any(a < stop.start() and stop.end() < b for a, b in formulas)
        if not inside and _ends(text, start, stop.end()):
            found.append(text[start : stop.end()].strip())
            start = stop.end()
    rest = text[start:].strip()
    return [*found, rest] if rest else found


def joined(found: list[str]) -> str:
    """Sentences in a row; after a full stop of CJK comes no space."""
    text = ""
    for sentence in found:
        text += sentence if not text or _wide(text[-1]) else f" {sentence}"
    return text


def cut(text: str, end: int) -> str:
    """The longest beginning of at most `end` characters that parts no word, number, unit or formula; "" when none does.

    It ends in no comma, open bracket or little word. A word of a script with spaces that is itself longer is cut inside.
    """
    if len(text) <= end:
        return text
    formulas = _formulas(text, end)
    for place in _places(text, end, formulas):
        head = _trimmed(text, place)
        if head and (len(head) == place or _parts(text, len(head), formulas)):
            return head
    return "" if " " in text[:end] else _broken(text, end)


def places(text: str, end: int) -> Iterator[int]:
    """Where `text` may be cut, at `end` or before, the last one first."""
    return _places(text, end, _formulas(text, end))


def _places(text: str, end: int, formulas: Sequence[tuple[int, int]]) -> Iterator[int]:
    return (place for place in range(min(end, len(text)), 0, -1) if _parts(text, place, formulas))


def _formulas(text: str, end: int) -> list[tuple[int, int]]:
    return [found.span() for found in _FORMULA.finditer(text[: end + FORMULA_AHEAD])]


def _ends(text: str, start: int, end: int) -> bool:
    """Whether the full stop before `end` ends the sentence that began at `start`."""
    if _wide(text[end - 1]):
        return True
    tail, following = text[max(start, end - 24) : end].strip(), text[end : end + 80].lstrip()
    word = next((word for word in following.split() if any(c.isalnum() for c in word)), "")
    first = next((c for c in word if c.isalnum()), "")
    if first.islower() and not "α" <= first <= "ω" and word.lower() == word:
        return False
    if _LISTED.search(tail):
        return False
    if _INITIAL.search(tail):
        return bool(_FRESH_START.match(following))
    return not _ABBREVIATION.search(tail) or bool(_ANSWER.search(tail) and not first.isdigit())


def _parts(text: str, place: int, formulas: Sequence[tuple[int, int]]) -> bool:
    """Whether the text may be cut at `place`."""
    if place >= len(text):
        return True
    if not text[place].isspace():
        return _parts_wide(text, place)
    if any(a < place < b for a, b in formulas):
        return False
    before, after = text[max(0, place - 60) : place].split()[-2:], text[place : place + 60].split()[:1]
    if not before or not after:
        return False
    return _parts_words(before[0] if len(before) == 2 else "", before[-1], after[0])


def _parts_words(earlier: str, left: str, right: str) -> bool:
    if _BARE_NUMBER.fullmatch(left) or (_MAGNITUDE.match(left) and _BARE_NUMBER.fullmatch(earlier)):
        return False
    if _OPERATOR.fullmatch(left) or _OPERATOR.fullmatch(right) or left[-1] in _RELATIONS or right[0] in "%‰°×":
        return False
    number_follows = _STARTS_NUMBER.match(right) is not None
    if _DASH.fullmatch(left) or left in _RANGE_WORDS:
        return not (number_follows and any(c.isdigit() for c in earlier))
    return not (number_follows and _LABEL.match(left))


def _parts_wide(text: str, place: int) -> bool:
    """Between two characters: one of a script without spaces, and no number with its counter."""
    left, right = text[place - 1], text[place]
    if not (_wide(left) or _wide(right)) or right in "、。，．！？）」』：；々ーっゃゅょ":
        return False
    return not (
        left.isdigit()
        or (left == "第" and right.isdigit())
        or (left in "万萬億亿兆千百" and place > 1 and text[place - 2].isdigit())
    )


def _wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"


def _trimmed(text: str, place: int) -> str:
    """The beginning without what leads nowhere at its end."""
    kept, tail = text[: max(0, place - TAIL)], text[max(0, place - TAIL) : place]
    tail = _bare(tail)
    opened = max(tail.rfind("("), tail.rfind("["))
    if opened > len(tail) // 2 and not any(c in ")]" for c in tail[opened:]):
        tail = _bare(tail[:opened])
    return kept + tail


def _bare(tail: str) -> str:
    return _LOOSE.sub("", _HANGING.sub("", _LOOSE.sub("", tail)))


def _broken(text: str, end: int) -> str:
    """A single word cut where no digit is beside the cut."""
    while end > 0 and any(c.isnumeric() or c in ".,^×" for c in text[end - 1 : end + 1]):
        end -= 1
    return text[:end]
