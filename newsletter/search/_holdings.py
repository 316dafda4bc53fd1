"""Candidates with their stored words: many are asked at once, and a Document is made of the few that somebody looks at."""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from datetime import date
from functools import cached_property
from typing import Any, overload

import numpy as np
from django.db import connection

from newsletter.matching import Document
from newsletter.matching.compiled import compiled
from newsletter.matching.crowd import Answers
from newsletter.matching.nodes import Text
from newsletter.matching.query import Query
from newsletter.matching.scan import Scan
from newsletter.models import Paper, Unindexed
from newsletter.search._dialect import among, dialect
from newsletter.search._kept import FIELDS, Aged, Rest, Row, Words, document_of, told_by, vocabulary_of
from newsletter.search._remembered import Remembered

ASKED_AT_ONCE = 10_000  # ids a statement
_LINES = "paper_id, CAST(listed_on AS text), title, keywords, summary, abstract, substr(kept, 1, 60)"  # four lengths take fewer characters
MANY = 1_000
_REST = "paper_id, authors, organizations, kept"
_remembered = Remembered()
Stamps = Mapping[int, str | None]  # by paper; None: it has none


class _Documents(Sequence[Document]):
    """Made one by one, when asked for."""

    @abstractmethod
    def _one(self, place: int) -> Document: ...

    @overload
    def __getitem__(self, place: int) -> Document: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Document]: ...
    def __getitem__(self, place: int | slice) -> Document | Sequence[Document]:
        if isinstance(place, slice):
            return [self._one(each) for each in range(*place.indices(len(self)))]
        return self._one(place)


class Holdings(_Documents):
    """A candidate is called by its place among the rows. Documents have no text, as `KeptDocument` says; `Told` has it.

    Names, categories and unstemmed words, half of what is stored, are read when the first question asks for them.
    """

    def __init__(
        self, rows: Sequence[Row], words: Sequence[Words], days: Sequence[date | None], *, lasting: bool = False
    ) -> None:
        """words: each row's; days: what each row's age is counted to, None: the paper's own day; lasting: see `Scan`."""
        self.rows = rows
        self._words, self._days, self._lasting = words, days, lasting
        self._made: dict[int, Document] = {}

    @classmethod
    def of(
        cls,
        rows: Sequence[Row],
        papers: Sequence[int],
        days: Sequence[date | None],
        *,
        stamps: Stamps | None = None,
        lasting: bool = False,
    ) -> Holdings:
        """papers: whose words each row shows, which for a merged paper's row is the survivor; stamps: of the stored words of
        some of them, where this process is to remember them."""
        stored = _stored(set(papers), stamps)
        anew = {paper for row, paper in zip(rows, papers, strict=True) if row.summary or paper not in stored}
        whole = Paper.objects.in_bulk(anew) if anew else {}
        words = [
            Words.cut(whole[paper], row.summary) if row.summary or paper not in stored else stored[paper]
            for row, paper in zip(rows, papers, strict=True)
        ]
        return cls(rows, words, days, lasting=lasting)

    def answers(self, queries: Sequence[Query], told: Told | None = None) -> Answers:
        """What every query finds here and how well, by place; reasons once the places asked about are told."""
        return Answers(self._scan, [compiled(query) for query in queries], told)

    @cached_property
    def _scan(self) -> Scan:
        columns = dict(zip(Words._fields, zip(*self._words, strict=True), strict=False))  # none, where there are no words
        numbers = " ".join([kept.partition("\n")[0] for kept in columns.get("kept", ())])
        lengths = np.fromiter(map(int, numbers.split()), np.float64).reshape(-1, len(FIELDS))
        return Scan(
            self,
            self.rows,
            [columns.get(name, ()) for name in FIELDS],
            self._surfaces,
            lengths,
            self._ages,
            self._lasting,
            self._narrow,
        )

    def _narrow(self, leaf: Text) -> Sequence[int] | None:
        """Where this may stand, by SQLite's index: of many papers that is sooner than to search their texts."""
        if connection.vendor != "sqlite" or len(self) < MANY:
            return None
        places = self._places
        text, _ = dialect().phrase(leaf.field, leaf.terms)
        asked = "SELECT rowid FROM newsletter_terms_fts WHERE newsletter_terms_fts MATCH %s AND rowid BETWEEN %s AND %s"
        with connection.cursor() as cursor:
            cursor.execute(asked, (text, min(places), max(places)))
            found = [place for (paper,) in cursor.fetchall() for place in places.get(paper, ())]
        return sorted({*found, *self._anew})

    @cached_property
    def _places(self) -> dict[int, list[int]]:
        """By the paper whose words they show."""
        places: defaultdict[int, list[int]] = defaultdict(list)
        for place, words in enumerate(self._words):
            places[words.paper_id].append(place)
        return dict(places)

    @cached_property
    def _anew(self) -> list[int]:
        """Those whose words were cut now, which the index may not know."""
        return [place for place, words in enumerate(self._words) if words.rest is not None]

    def told(self, place: int, paper: Paper) -> Document:
        """The Document at this place with the texts of this paper, by which reasons are worded."""
        return told_by(paper, self._words[place], self.rows[place], on=self._days[place])

    def vocabularies(self, place: int) -> tuple[Set[str], Set[str]]:
        """The terms of title and abstract, without making a Document."""
        words = self._words[place]
        return vocabulary_of(words.title), vocabulary_of(words.abstract)

    def _ages(self) -> Sequence[Aged]:
        return [Aged.of(words, on) for words, on in zip(self._words, self._days, strict=True)]

    def _surfaces(self) -> Sequence[Sequence[str]]:
        return list(zip(*(self._rest_of(words).surfaces() for words in self._words), strict=True)) or [()] * 4

    def _rest_of(self, words: Words) -> Rest:
        return words.rest or self._rest[words.paper_id]

    @cached_property
    def _rest(self) -> dict[int, Rest]:
        """Of all, read when one is first asked for."""
        missing = {words.paper_id for words in self._words if words.rest is None}
        read = {row[0]: Rest._make(row) for row in _rows(_REST, missing)}
        return {paper: read.get(paper) or Rest(paper) for paper in missing}

    def __len__(self) -> int:
        return len(self.rows)

    def _one(self, place: int) -> Document:
        made = self._made.get(place)
        if made is None:
            words = self._words[place]
            made = self._made[place] = document_of(words, self._rest_of(words), self.rows[place], on=self._days[place])
        return made


class Told(_Documents):
    """Holdings for one question: the Documents whose reasons are asked for have their texts."""

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings
        self._told: dict[int, Document] = {}

    def tell(self, place: int, paper: Paper) -> None:
        self._told[place] = self._holdings.told(place, paper)

    def row(self, place: int) -> Row:
        return self._holdings.rows[place]

    def __len__(self) -> int:
        return len(self._holdings)

    def _one(self, place: int) -> Document:
        return self._told.get(place) or self._holdings[place]


def forget() -> None:
    """The words that this process remembers."""
    _remembered.forget()


def _stored(papers: Collection[int], stamps: Stamps | None) -> dict[int, Words]:
    """The stored words of those papers that have not changed since. stamps: None where nothing is to be remembered."""
    changed = set(Unindexed.objects.values_list("paper_id", flat=True))
    wanted = set(papers) - changed
    if connection.vendor == "sqlite" or stamps is None:
        return {row[0]: Words(*row) for row in _rows(_LINES, wanted)}
    known_as = {paper: stamp for paper in wanted if (stamp := stamps.get(paper))}
    known = _remembered.find(known_as)
    missing = known_as.keys() - known.keys() or {0}  # nobody's: a page asks as often whatever is remembered
    read = {row[0]: Words(*row) for row in _rows(_LINES, missing)}
    _remembered.keep(read, known_as)  # a row written in between has another stamp than this one by the next time
    return known | read


def _rows(columns: str, papers: Collection[int]) -> Iterator[tuple[Any, ...]]:
    """Of Terms, in the order of the papers' ids."""
    ids = sorted(papers)
    with connection.cursor() as cursor:
        for start in range(0, len(ids), ASKED_AT_ONCE):
            some = ids[start : start + ASKED_AT_ONCE]
            condition, params = among("paper_id", some)
            cursor.execute(f"SELECT {columns} FROM newsletter_terms WHERE {condition}", params)  # noqa: S608 (our own names)
            yield from cursor.fetchall()
