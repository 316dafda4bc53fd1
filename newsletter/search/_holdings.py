"""Candidates with their stored words: many are asked at once, and a Document is made of the few that somebody looks at."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import overload

import numpy as np
from django.db import connection

from newsletter.matching import Document
from newsletter.matching.compiled import compiled
from newsletter.matching.crowd import Answers
from newsletter.matching.query import Query
from newsletter.matching.scan import Scan
from newsletter.models import Paper, Unindexed
from newsletter.search._kept import Row, Words, document_of, worded

ASKED_AT_ONCE = 10_000  # ids a statement


class Holdings(Sequence[Document]):
    """A candidate is called by its place among the rows. Documents have no text before `tell`, as `KeptDocument` says."""

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
        lengths = np.array(" ".join(words.kept.partition("\n")[0] for words in self._words).split(), np.float64).reshape(-1, 4)
        lines = list(zip(*(words.lines for words in self._words), strict=True)) or [()] * 4
        scan = Scan(self, self.rows, lines, self._surfaces, lengths)
        return Answers(scan, [compiled(query) for query in queries])

    def tell(self, place: int, paper: Paper) -> Document:
        """The Document with the texts of this paper, by which reasons are worded; from now on at this place."""
        self._made[place] = worded(self[place], paper, summary=self.rows[place].summary)
        return self._made[place]

    def _surfaces(self) -> Sequence[Sequence[str]]:
        return list(zip(*(words.surfaces() for words in self._words), strict=True)) or [()] * 4

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
            made = self._made[place] = document_of(self._words[place], self.rows[place], on=self._days[place])
        return made


def _stored(papers: Collection[int]) -> dict[int, Words]:
    """The stored words of those papers that have not changed since."""
    changed = set(Unindexed.objects.values_list("paper_id", flat=True))
    ids, found = sorted(set(papers) - changed), {}
    with connection.cursor() as cursor:
        for start in range(0, len(ids), ASKED_AT_ONCE):
            some = ids[start : start + ASKED_AT_ONCE]
            marks = ", ".join(["%s"] * len(some))
            cursor.execute(f"SELECT {', '.join(Words._fields)} FROM newsletter_terms WHERE paper_id IN ({marks})", some)  # noqa: S608
            found.update({row[0]: Words._make(row) for row in cursor.fetchall()})
    return found
