"""What a query is made of: leaves that hold for a document or not, joined by And, Or, Not. Immutable values.

`str(node)` is the canonical form, `says()` plain English. A leaf asks one question of one document, so a whole issue
can be answered leaf by leaf and the joins done on sets of papers.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from newsletter.matching import stems, trend
from newsletter.matching.document import Document

Order = Callable[[int, int], bool]
ORDERS: dict[str, Order] = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq}


@dataclass(frozen=True)
class Text:
    """Words that stand together: one word, a phrase, or (prefix) their beginning. field: "" = anywhere, title, abstract."""

    field: str
    words: tuple[str, ...]
    prefix: bool = False

    @cached_property
    def terms(self) -> tuple[str, ...]:
        return stems.terms(self.words)

    @cached_property
    def needle(self) -> str:
        """What is looked for in a line of a View."""
        if self.prefix:
            return " " + " ".join(self.words)
        if len(self.terms) == 1 and stems.is_cjk(self.terms[0]):
            return self.terms[0]  # two characters are a term of their own, one is part of a term
        return f" {' '.join(self.terms)} "

    def holds(self, doc: Document) -> bool:
        view = doc.title_view if self.field == "title" else doc.body_view if self.field == "abstract" else doc.anywhere_view
        if self.prefix:
            return self.needle in view.surface
        if self.needle[0] != " ":
            return self.needle in view.line
        # Most phrases fail on their words already: a set answers that in a tenth of the time of a search.
        return view.vocabulary.issuperset(self.terms) and (len(self.terms) == 1 or self.needle in view.line)

    def __str__(self) -> str:
        return (f"{self.field}:" if self.field else "") + _written(self.words, prefix=self.prefix)

    def says(self) -> str:
        where = {"": "", "title": " in the title", "abstract": " in the abstract"}[self.field]
        return f"about {' '.join(self.words)}{'…' if self.prefix else ''}{where}"


@dataclass(frozen=True)
class Name:
    """author, org or source. An author matches by all words in any order, a single letter by the initial it is."""

    field: str
    words: tuple[str, ...]
    prefix: bool = False

    def holds(self, doc: Document) -> bool:
        return self.found(doc) is not None

    def found(self, doc: Document) -> str | None:
        """The name as the paper has it."""
        if self.field == "author":
            return next((name for name, parts in zip(doc.authors, doc.author_words, strict=True) if self._is(parts)), None)
        names, lines = (doc.organizations, doc.organization_lines) if self.field == "org" else (doc.sources, doc.source_lines)
        needle = f" {' '.join(self.words)}" + ("" if self.prefix else " ")
        return next((name for name, line in zip(names, lines, strict=True) if needle in line), None)

    def _is(self, parts: tuple[str, ...]) -> bool:
        last = len(self.words) - 1
        return all(
            word in parts or ((len(word) == 1 or (self.prefix and at == last)) and any(part.startswith(word) for part in parts))
            for at, word in enumerate(self.words)
        )

    def __str__(self) -> str:
        return f"{self.field}:{_written(self.words, prefix=self.prefix)}"

    def says(self) -> str:
        name = " ".join(self.words) + ("…" if self.prefix else "")
        return {"author": "by ", "org": "from ", "source": "listed by "}[self.field] + name


@dataclass(frozen=True)
class Category:
    """cs (the whole archive), cs.LG, LG (the second part of any code), or another source's own category."""

    code: str

    @cached_property
    def folded(self) -> str:
        return self.code.casefold()

    def holds(self, doc: Document) -> bool:
        return self.folded in doc.category_codes

    def __str__(self) -> str:
        plain = re.fullmatch(r"\w[\w.-]*", self.code) and self.code != "OR"
        return f"cat:{self.code}" if plain else f'cat:"{self.code}"'

    def says(self) -> str:
        return f"in {self.code}"


@dataclass(frozen=True)
class Flag:
    """has:code, has:project, is:trending."""

    name: str

    def holds(self, doc: Document) -> bool:
        if self.name == "trending":
            return doc.trend >= trend.THRESHOLD
        return doc.has_code if self.name == "code" else doc.has_project

    def __str__(self) -> str:
        return "is:trending" if self.name == "trending" else f"has:{self.name}"

    def says(self) -> str:
        return {"code": "with code", "project": "with a project page", "trending": "trending now"}[self.name]


@dataclass(frozen=True)
class Number:
    """upvotes>10, stars>=100, comments>3, age<7d (days). An unknown number never holds."""

    name: str
    order: str
    value: int

    def holds(self, doc: Document) -> bool:
        actual: int | None = getattr(doc, "age_days" if self.name == "age" else self.name)
        return actual is not None and ORDERS[self.order](actual, self.value)

    def __str__(self) -> str:
        return f"{self.name}{self.order}{self.value}{'d' if self.name == 'age' else ''}"

    def says(self) -> str:
        if self.name == "age":
            how = {">=": "at least ", "<=": "at most ", ">": "over ", "<": "under ", "=": ""}[self.order]
            return f"{how}{self.value} {'day' if self.value == 1 else 'days'} old"
        how = {">=": "at least ", "<=": "at most ", ">": "over ", "<": "under ", "=": "exactly "}[self.order]
        noun = {"upvotes": "vote", "stars": "star", "comments": "comment"}[self.name]
        return f"with {how}{self.value} {noun if self.value == 1 else noun + 's'}"


@dataclass(frozen=True)
class Not:
    part: Node

    def holds(self, doc: Document) -> bool:
        return not self.part.holds(doc)

    def __str__(self) -> str:
        return f"-({self.part})" if isinstance(self.part, And | Or) else f"-{self.part}"

    def says(self) -> str:
        said = self.part.says().removeprefix("about ")
        return f"not ({said})" if isinstance(self.part, And | Or) else f"not {said}"


@dataclass(frozen=True)
class And:
    parts: tuple[Node, ...]

    def holds(self, doc: Document) -> bool:
        return all(part.holds(doc) for part in self.parts)

    def __str__(self) -> str:
        return " ".join(f"({part})" if isinstance(part, Or) else str(part) for part in self.parts)

    def says(self) -> str:
        """Subjects first, then the facts, last what is left out."""
        subjects = [_subject(part) for part in self.parts]
        about = [f"({said})" if isinstance(part, Or) else said for part, said in zip(self.parts, subjects, strict=True) if said]
        if len(about) == 1:
            about = [said for said in subjects if said]
        facts = [part.says() for part, said in zip(self.parts, subjects, strict=True) if not said and not isinstance(part, Not)]
        left_out = [part.says() for part in self.parts if isinstance(part, Not)]
        return ", ".join([f"about {' and '.join(about)}"] * bool(about) + facts + left_out)


@dataclass(frozen=True)
class Or:
    parts: tuple[Node, ...]

    def holds(self, doc: Document) -> bool:
        return any(part.holds(doc) for part in self.parts)

    def __str__(self) -> str:
        return " OR ".join(map(str, self.parts))

    def says(self) -> str:
        subject = _subject(self)
        if subject:
            return f"about {subject}"
        return " or ".join(f"({part.says()})" if isinstance(part, And) else part.says() for part in self.parts)


Leaf = Text | Name | Category | Flag | Number
Node = Leaf | Not | And | Or


def _subject(node: Node) -> str:
    """What follows "about"; "" unless the node is made of words alone."""
    if isinstance(node, Text):
        return node.says().removeprefix("about ")
    if not isinstance(node, And | Or):
        return ""
    said = [_subject(part) for part in node.parts]
    inner = [f"({text})" if isinstance(part, And | Or) else text for part, text in zip(node.parts, said, strict=True)]
    return (" and " if isinstance(node, And) else " or ").join(inner) if all(said) else ""


def _written(words: tuple[str, ...], *, prefix: bool) -> str:
    """Words so that the parser reads the same words again; operators in lower case would be operators, hence the quotes."""
    if prefix:
        return "-".join(words) + "*"
    plain = len(words) == 1 and words[0] not in {"and", "or"}
    return words[0] if plain else f'"{" ".join(words)}"'
