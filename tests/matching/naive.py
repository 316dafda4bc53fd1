"""The query language read a second time from docs/query.md, the slow and obvious way, for tests to compare with.

It reads the typed text itself and compares lists of words; of the product it shares only `stems.words` and
`stems.terms`, which say what a word is. It knows no mistakes: ask it only what can be meant.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from typing import Any

from newsletter.matching import stems
from newsletter.matching.document import Document

Holds = Callable[["Facts"], bool]
QUOTES = '"“”„«»'
FIELDS = {
    "title": "title", "ti": "title", "abstract": "abstract", "abs": "abstract", "author": "author", "authors": "author",
    "au": "author", "org": "org", "lab": "org", "organization": "org", "organisation": "org", "cat": "cat", "category": "cat",
    "source": "source", "has": "has", "is": "is",
}  # fmt: skip
COMPARISON = re.compile(
    r"(upvotes|votes|stars|comments|age)\s*:?\s*(>=|<=|=>|=<|==|≥|≤|>|<|=)\s*(\d+)(\s?(?:days|weeks)|[dwm]|)", re.I
)
ORDERS = {">": operator.gt, "<": operator.lt, "=": operator.eq, "==": operator.eq} | dict.fromkeys((">=", "=>", "≥"), operator.ge)
ORDERS |= dict.fromkeys(("<=", "=<", "≤"), operator.le)


class Facts:
    """A document as lists of words, a list a text."""

    def __init__(self, doc: Document) -> None:
        self.doc = doc
        self.title = list(_readings(doc.title))
        self.abstract = [*_readings(doc.abstract), *_readings(doc.summary)]
        self.anywhere = [*self.title, *self.abstract, *(words for text in doc.keywords for words in _readings(text))]
        self.authors = [stems.words(name) for name in doc.authors]
        self.names = {"org": [*map(stems.words, doc.organizations)], "source": [*map(stems.words, doc.sources)]}


def holds(text: str) -> Holds | None:
    """None: there is no word in it."""
    return _Reader(text).either("")


class _Reader:
    """A recursive descent over the characters."""

    def __init__(self, text: str) -> None:
        self.rest = text.strip()
        self.before = ""  # the character just read

    def either(self, field: str) -> Holds | None:
        found = [self.every(field)]
        while self.operator(("OR", "||", "|"), "or"):
            found.append(self.every(field))
        return _joined(any, found)

    def every(self, field: str) -> Holds | None:
        found = [self.part(field)]
        while self.rest.strip() and self.rest.strip()[0] != ")" and not self.at_operator(("OR", "||", "|"), "or"):
            self.operator(("AND", "&&", "&"), "and")
            found.append(self.part(field))
        return _joined(all, found)

    def part(self, field: str) -> Holds | None:
        self.skip()
        if re.match(r"NOT(?=[\s(\"“])|[-–−](?=[^\s–−-])", self.rest):
            self.read(3 if self.rest.startswith("NOT") else 1)
            part = self.part(field)
            return None if part is None else lambda facts: not part(facts)
        return self.atom(field)

    def atom(self, field: str) -> Holds | None:
        if self.rest[0] == "(":
            self.read(1)
            inner = self.either(field)
            self.skip()
            assert self.read(1) == ")"
            return inner
        if compared := COMPARISON.match(self.rest):
            self.read(compared.end())
            return _comparison(*compared.groups())
        if named := re.match(r"([A-Za-z]+)\s*:\s*", self.rest):
            self.read(named.end())
            return self.atom(FIELDS[named[1].lower()])
        if self.rest[0] in QUOTES:
            end = min(at for at, char in enumerate(self.rest) if at and char in QUOTES)
            return _leaf(field, self.read(end + 1)[1:-1], quoted=True)
        return _leaf(field, self.read(len(re.match(rf"[^\s(){QUOTES}]+", self.rest)[0])), quoted=False)  # type: ignore[index]

    def operator(self, upper: tuple[str, ...], lower: str) -> bool:
        sign = self.at_operator(upper, lower)
        if sign:
            self.skip()
            self.read(len(sign))
        return bool(sign)

    def at_operator(self, upper: tuple[str, ...], lower: str) -> str:
        rest = self.rest.lstrip()
        for sign in upper:
            if rest.startswith(sign) and (rest[len(sign) :] + " ")[0] in f" (){QUOTES}":
                return sign
        spaced = rest != self.rest or self.before in f"){QUOTES}"
        return lower if spaced and re.match(rf"{lower}\s+\S", rest) else ""

    def skip(self) -> None:
        self.read(len(self.rest) - len(self.rest.lstrip()))

    def read(self, count: int) -> str:
        text, self.rest = self.rest[:count], self.rest[count:]
        self.before = text[-1:] or self.before
        return text


def _joined(how: Callable[[Iterable[bool]], bool], found: list[Holds | None]) -> Holds | None:
    parts = [part for part in found if part is not None]
    return (lambda facts: how(part(facts) for part in parts)) if parts else None


def _comparison(name: str, order: str, digits: str, unit: str) -> Holds:
    attribute = {"age": "age_days", "votes": "upvotes"}.get(name.lower(), name.lower())
    limit = int(digits) * {"": 1, "d": 1, "w": 7, "m": 30}[unit.strip()[:1].lower()]

    def compared(facts: Facts) -> bool:
        actual: Any = getattr(facts.doc, attribute)
        return actual is not None and bool(ORDERS[order](actual, limit))

    return compared


def _leaf(field: str, text: str, *, quoted: bool) -> Holds | None:
    if field in {"has", "is"}:
        return {"code": lambda facts: facts.doc.has_code, "project": lambda facts: facts.doc.has_project,
                "trending": lambda facts: facts.doc.trend >= 3.5}[text.lower()]  # fmt: skip
    if field == "cat":
        return lambda facts: any(_is_category(text.lower().removesuffix(".*"), code.lower()) for code in facts.doc.categories)
    words = stems.words(text)
    if not words:
        return None
    prefix = not quoted and text.rstrip(",.").endswith("*") and not stems.is_cjk(words[-1]) and words[-1][-1] not in "+#"
    if field == "author":
        return lambda facts: any(_is_author(words, name, prefix) for name in facts.authors)
    if field in {"org", "source"}:
        return lambda facts: any(_stand(words, name, prefix) for name in facts.names[field])
    texts = field or "anywhere"
    if prefix:
        return lambda facts: any(_stand(words, each, True) for each in getattr(facts, texts))
    return lambda facts: any(_says(words, each) for each in getattr(facts, texts))


def _is_category(asked: str, code: str) -> bool:
    return asked == code or asked in code.split(".", 1)


def _is_author(asked: tuple[str, ...], name: tuple[str, ...], prefix: bool) -> bool:
    def given(at: int, word: str) -> bool:
        short = len(word) == 1 or (prefix and at == len(asked) - 1)
        return any(part == word or (short and part[: len(word)] == word) for part in name)

    return all(given(at, word) for at, word in enumerate(asked))


def _stand(asked: tuple[str, ...], words: tuple[str, ...], prefix: bool) -> bool:
    """Side by side as they are, of the last one only its beginning if prefix."""
    for at in range(len(words) - len(asked) + 1):
        run = words[at : at + len(asked)]
        if run == asked or (prefix and run[:-1] == asked[:-1] and run[-1][: len(asked[-1])] == asked[-1]):
            return True
    return False


def _says(asked: tuple[str, ...], words: tuple[str, ...]) -> bool:
    """Side by side in any ending."""
    wanted, terms = stems.terms(asked), stems.terms(words)
    if len(wanted) == 1 and stems.is_cjk(wanted[0]):
        return any(wanted[0] in term for term in terms)
    return any(terms[at : at + len(wanted)] == wanted for at in range(len(terms)))


def _readings(text: str) -> Iterable[tuple[str, ...]]:
    yield stems.words(text)
    for name in "".join(char if char.isalnum() and not stems.is_cjk(char) else " " for char in text).split():
        for at in range(3, len(name)) if len(name) <= 40 else ():
            before, after = name[at - 3 : at], name[at:]
            begins = after[0].isupper() and (after[1:2].isdigit() or (len(after) > 2 and after[1:3].isalpha()))
            if begins and name.isascii() and before[0].isalpha() and before[1:].isalpha() and before[1:].islower():
                yield stems.words(name[:at]) + stems.words(name[at:])
