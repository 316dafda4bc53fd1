"""Paper -> Terms, and Terms -> a Document that was not cut again. Pure over loaded rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import snowballstemmer

from newsletter.matching import Document, document, stems
from newsletter.matching.document import BREAK
from newsletter.models import Paper, Terms
from newsletter.search import _bylines

FIELDS = ("title", "keywords", "summary", "abstract")


def _version() -> str:
    """Of the code that cuts words and names: another one makes other terms, and `heal` writes all rows again."""
    sources = (stems.__file__, document.__file__, _bylines.__file__, __file__)
    digest = hashlib.sha256(snowballstemmer.__version__.encode() if hasattr(snowballstemmer, "__version__") else b"")
    for name in sources:
        digest.update(Path(name).read_bytes())
    return digest.hexdigest()[:12]


VERSION = _version()


class Row(NamedTuple):
    """A candidate as `issues.document` reads it. listed_by: JSON; summary: a curator's, "" for none."""

    candidate: int
    paper: int
    issue: int
    pin: str
    has_code: bool
    has_project: bool
    upvotes: int | None
    comments: int | None
    stars: int | None
    trend: float
    listed_by: str
    summary: str


class Rest(NamedTuple):
    """What few questions read of a row of Terms: names, and `kept`."""

    paper_id: int
    authors: str = ""
    organizations: str = ""
    kept: str = "0 0 0 0\n\n\n\n\n"

    def surfaces(self) -> list[str]:
        return self.kept.split("\n")[1:5]


class Words(NamedTuple):
    """What every question reads of a row of Terms. listed_on: stored, as text; kept: its beginning, the lengths and more."""

    paper_id: int
    listed_on: date | str
    title: str
    keywords: str
    summary: str
    abstract: str
    kept: str
    rest: Rest | None = None

    @classmethod
    def cut(cls, paper: Paper, summary: str = "") -> Words:
        """Of a paper without Terms, or with a curator's summary: its words are cut now."""
        row = terms_of(paper, summary)
        rest = Rest(*(getattr(row, name) for name in Rest._fields))
        read = {name: getattr(row, name) for name in cls._fields if name != "rest"}
        return cls(**read, rest=rest)

    @property
    def lines(self) -> tuple[str, str, str, str]:
        return self.title, self.keywords, self.summary, self.abstract


class Vocabulary(Set[str]):
    """The terms of a line. A few lookups in the line cost less than the set of its words, which is made when asked for."""

    def __init__(self, line: str) -> None:
        self._line = line

    def __contains__(self, term: object) -> bool:
        return f" {term} " in self._line

    def issuperset(self, terms: Iterable[str]) -> bool:
        return all(f" {term} " in self._line for term in terms)

    def __iter__(self) -> Iterator[str]:
        return iter(self._terms)

    def __len__(self) -> int:
        return len(self._terms)

    def __and__(self, other: Set[Any]) -> Set[str]:
        return frozenset(other) & self._terms

    @cached_property
    def _terms(self) -> frozenset[str]:
        return frozenset(vocabulary_of(self._line))


@dataclass(frozen=True, slots=True)
class KeptView:
    """A View that was not cut again."""

    line: str
    surface: str
    length: int

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(self.line)


@dataclass(frozen=True, kw_only=True)
class KeptDocument(Document):
    """A Document with its words but without its text: `score.relevance` reads it, `score.score` would miss the wording."""

    kept: str = ""
    lines: tuple[str, str, str, str] = ("", "", "", "")

    @cached_property
    def title_view(self) -> KeptView:  # type: ignore[override]
        return self._view(0)

    @cached_property
    def keywords_view(self) -> KeptView:  # type: ignore[override]
        return self._view(1)

    @cached_property
    def summary_view(self) -> KeptView:  # type: ignore[override]
        return self._view(2)

    @cached_property
    def abstract_view(self) -> KeptView:  # type: ignore[override]
        return self._view(3)

    @cached_property
    def body_view(self) -> KeptView:  # type: ignore[override]
        _, _, summary, abstract = self.lines
        return KeptView(f"{abstract}{BREAK}{summary}", f"{self._parts[4]}{BREAK}{self._parts[3]}", 0)

    @cached_property
    def anywhere_view(self) -> KeptView:  # type: ignore[override]
        return KeptView(BREAK.join(self.lines), BREAK.join(self._parts[1:5]), 0)

    @cached_property
    def _parts(self) -> list[str]:
        return self.kept.split("\n")

    def _view(self, place: int) -> KeptView:
        return KeptView(self.lines[place], self._parts[1 + place], int(self._parts[0].split()[place]))


def terms_of(paper: Paper, summary: str = "") -> Terms:
    """The row to be stored; nothing is written here. summary: instead of the paper's."""
    doc = Document(
        title=paper.title, summary=summary or paper.summary, abstract=paper.abstract, keywords=tuple(paper.keywords),
        categories=tuple(paper.categories),
    )  # fmt: skip
    views = [doc.title_view, doc.keywords_view, doc.summary_view, doc.abstract_view]
    words = dict.fromkeys(word for view in views for word in view.surface.split() if word != "|")
    characters = dict.fromkeys(char for word in words if stems.is_cjk(word) for char in word)
    facets = ["_".join(code.split()) for code in doc.category_codes]
    codes = "\t".join(" ".join(code.split()) for code in sorted(doc.category_codes))
    kept = "\n".join([" ".join(str(view.length) for view in views), *(view.surface for view in views), codes])
    lines = {name: view.line for name, view in zip(FIELDS, views, strict=True)}
    return Terms(
        paper_id=paper.pk, version=VERSION, listed_on=paper.listed_on, words=" ".join({**words, **characters}),
        authors=_names(paper.authors), organizations=_names(paper.organizations), facets=" ".join(sorted(facets)), kept=kept, **lines,
    )  # fmt: skip


def _names(names: Sequence[str]) -> str:
    return BREAK.join(" ".join(stems.words(name)) for name in names)


def document_of(words: Words, rest: Rest, row: Row, *, on: date | None) -> KeptDocument:
    """Matches and weighs as the whole document would, with the row's signals. on: what its age is counted to; None: its own day."""
    return KeptDocument(
        lines=words.lines, kept=rest.kept,
        authors=tuple(rest.authors.split(BREAK)), organizations=tuple(rest.organizations.split(BREAK)),
        categories=tuple(rest.kept.rpartition("\n")[2].split("\t")), **_signals(words, row, on),
    )  # fmt: skip


class Aged(NamedTuple):
    """A paper as queries for its age read it."""

    age_days: int

    @classmethod
    def of(cls, words: Words, on: date | None) -> Aged:
        """on: the day it is counted to; None: its own. A paper dated in the future is 0 days old."""
        listed_on = date.fromisoformat(str(words.listed_on))
        return cls(max(((on or listed_on) - listed_on).days, 0))


def _signals(words: Words, row: Row, on: date | None) -> dict[str, Any]:
    return {
        "sources": _names_of(row.listed_by), "has_code": bool(row.has_code), "has_project": bool(row.has_project),
        "upvotes": row.upvotes, "comments": row.comments, "stars": row.stars, "trend": row.trend,
        "age_days": Aged.of(words, on).age_days,
    }  # fmt: skip


@lru_cache(maxsize=10_000)
def _names_of(listed_by: str) -> tuple[str, ...]:
    return tuple(json.loads(listed_by))


def told_by(paper: Paper, words: Words, row: Row, *, on: date | None) -> Document:
    """The paper's texts with the row's signals: what a reason shows, and nothing cut."""
    return Document(**_texts(paper, row.summary), **_signals(words, row, on))


def _texts(paper: Paper, summary: str) -> dict[str, Any]:
    return {
        "title": paper.title, "summary": summary or paper.summary, "abstract": paper.abstract, "authors": tuple(paper.authors),
        "organizations": tuple(paper.organizations), "categories": tuple(paper.categories), "keywords": tuple(paper.keywords),
    }  # fmt: skip


def vocabulary_of(line: str) -> Set[str]:
    """The terms of a line."""
    terms = set(line.split())
    terms.discard("|")
    return terms
