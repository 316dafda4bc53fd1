"""Candidates with their stored words: many are asked at once, and a Document is made of the few that somebody looks at."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence, Set
from datetime import date
from functools import cached_property
from typing import Any, overload

import numpy as np
from django.db import connection

from newsletter.matching import Document
from newsletter.matching.compiled import compiled
from newsletter.matching.crowd import Answers
from newsletter.matching.query import Query
from newsletter.matching.scan import Scan
from newsletter.models import Paper, Unindexed
from newsletter.search._kept import Rest, Row, Words, document_of, told_by, vocabulary_of

ASKED_AT_ONCE = 10_000  # ids a statement
_LINES = "paper_id, listed_on, title, keywords, summary, abstract, substr(kept, 1, 60)"  # four lengths take fewer characters
_REST = "paper_id, authors, organizations, kept"


class Holdings(Sequence[Document]):
    """A candidate is called by its place among the rows. Documents have no text before `tell`, as `KeptDocument` says.

    Names, categories and unstemmed words, half of what is stored, are read when the first question asks for them.
    """

    def __init__(self, rows: Sequence[Row], words: Sequence[Words], days: Sequence[date | None]) -> None:
        """words: each row's; days: what each row's age is counted to, None: the paper's own day."""
        self.rows = rows
        self._words, self._days = words, days
        self._made: dict[int, Document] = {}

    @classmethod
    def of(cls, rows: Sequence[Row], papers: Sequence[int], days: Sequence[date | None]) -> Holdings:
        """papers: whose words each row shows, which for a merged paper's row is the survivor."""
        stored = _stored(set(papers))
        anew = {paper for row, paper in zip(rows, papers, strict=True) if row.summary or paper not in stored}
        whole = Paper.objects.in_bulk(anew) if anew else {}
        words = [
            Words.cut(whole[paper], row.summary) if row.summary or paper not in stored else stored[paper]
            for row, paper in zip(rows, papers, strict=True)
        ]
        return cls(rows, words, days)

    def answers(self, queries: Sequence[Query]) -> Answers:
        """What every query finds here and how well, by place; reasons once the places asked about are told."""
        lengths = np.fromiter(map(int, " ".join([words.lengths for words in self._words]).split()), np.float64).reshape(-1, 4)
        lines = list(zip(*(words.lines for words in self._words), strict=True)) or [()] * 4
        scan = Scan(self, self.rows, lines, self._surfaces, lengths)
        return Answers(scan, [compiled(query) for query in queries])

    def tell(self, place: int, paper: Paper) -> None:
        """From now on the Document at this place has the texts of this paper, by which reasons are worded."""
        self._made[place] = told_by(paper, self._words[place], self.rows[place], on=self._days[place])

    def vocabularies(self, place: int) -> tuple[Set[str], Set[str]]:
        """The terms of title and abstract, without making a Document."""
        words = self._words[place]
        return vocabulary_of(words.title), vocabulary_of(words.abstract)

    def _surfaces(self) -> Sequence[Sequence[str]]:
        return list(zip(*(rest.surfaces() for rest in self._rests), strict=True)) or [()] * 4

    @cached_property
    def _rests(self) -> Sequence[Rest]:
        missing = {words.paper_id for words in self._words if words.rest is None}
        read = {row[0]: Rest._make(row) for row in _rows(_REST, missing)}
        return [words.rest or read.get(words.paper_id) or Rest(words.paper_id) for words in self._words]

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> Document: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Document]: ...
    def __getitem__(self, place: int | slice) -> Document | Sequence[Document]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        made = self._made.get(place)
        if made is None:
            words, rest = self._words[place], self._rests[place]
            made = self._made[place] = document_of(words, rest, self.rows[place], on=self._days[place])
        return made


def _stored(papers: Collection[int]) -> dict[int, Words]:
    """The stored words of those papers that have not changed since."""
    changed = set(Unindexed.objects.values_list("paper_id", flat=True))
    return {row[0]: Words(*row) for row in _rows(_LINES, set(papers) - changed)}


def _rows(columns: str, papers: Collection[int]) -> Iterator[tuple[Any, ...]]:
    """Of Terms, in the order of the papers' ids."""
    ids = sorted(papers)
    with connection.cursor() as cursor:
        for start in range(0, len(ids), ASKED_AT_ONCE):
            some = ids[start : start + ASKED_AT_ONCE]
            marks = ", ".join(["%s"] * len(some))
            cursor.execute(f"SELECT {columns} FROM newsletter_terms WHERE paper_id IN ({marks})", some)  # noqa: S608 (our own names)
            yield from cursor.fetchall()
