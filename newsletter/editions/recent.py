"""The papers of some issues as previews look at them: read for one question, or whole, for all that are asked meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from newsletter import search
from newsletter.editions import twins
from newsletter.editions._rows import Ints
from newsletter.matching.query import Query
from newsletter.models import Candidate, Issue, Paper, PinScope
from newsletter.search import Holdings, Row

MOST_CARDS = 1_000  # rows kept with their papers, about 10 kB each
MOST = 6_000  # candidates that are read whole, about 16 kB each


class Shown(NamedTuple):
    """A surviving paper as the newest visible candidate of one issue shows it, with the newest pin of any of them."""

    paper: int
    row: Row
    pin: str


@dataclass(frozen=True)
class Recent:
    """A paper is called by its place among `shown`. What is remembered stays what it is: threads may share it."""

    shown: Sequence[Shown]
    holdings: Holdings

    @classmethod
    def asked(cls, shown: Sequence[Issue], queries: Sequence[Query]) -> Recent:
        """What may match one of these queries, and what is pinned."""
        return cls._of(shown, search.among(queries, issues=[issue.pk for issue in shown]))

    @classmethod
    def whole(cls, shown: Sequence[Issue]) -> Recent | None:
        """Everything; None where that is more than MOST, and a question is better asked of the index."""
        if Candidate.objects.filter(issue__in=shown).count() > MOST:
            return None
        return cls._of(shown, search.everything(issues=[issue.pk for issue in shown]), lasting=True)

    @classmethod
    def _of(cls, issues: Sequence[Issue], rows: Sequence[Row], *, lasting: bool = False) -> Recent:
        offered, days = _survivors(rows), {issue.pk: issue.closed_on for issue in issues}
        read = [one.row for one in offered]
        return cls(offered, Holdings.of(read, [one.paper for one in offered], [days[row.issue] for row in read], lasting=lasting))

    @cached_property
    def places(self) -> dict[int, int]:
        """By candidate."""
        return {one.row.candidate: place for place, one in enumerate(self.shown)}

    def ranked(self, relevance: NDArray[np.float64], matched: NDArray[np.bool_]) -> list[int]:
        """Places as `choose` ranks them: pins, then by relevance x trend, then the older candidate; what is no offer is left out."""
        pinned, everyone, trend, candidate = self._columns
        order = np.lexsort((candidate, -(np.maximum(relevance, 0.0) * (1.0 + trend)), ~pinned))
        places: list[int] = order[(matched | everyone)[order]].tolist()
        return places

    def alike(self, places: Sequence[int]) -> list[frozenset[int]]:
        """For each of these places, which of them, counted from 0, are nearly the same."""
        known = self._outlines
        for place in places:
            if place not in known:
                known[place] = twins.outline(self.holdings.vocabularies(place))
        return twins.by_outline([known[place] for place in places], lambda at: self.holdings.vocabularies(places[at]))

    def candidates(self, ids: Sequence[int]) -> dict[int, Candidate]:
        """Those rows that are still there, with their papers; read once."""
        known = self._candidates
        found = {pk: row for pk in ids if (row := known.get(pk)) is not None}
        if missing := [pk for pk in ids if pk not in found]:
            read = Candidate.objects.select_related("paper__merged_into").in_bulk(missing)
            if len(known) + len(read) > MOST_CARDS:
                known.clear()
            known.update(read)
            found |= read
        return found

    @cached_property
    def _candidates(self) -> dict[int, Candidate]:
        return {}

    @cached_property
    def _outlines(self) -> dict[int, twins.Outline]:
        return {}

    @cached_property
    def _columns(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64], Ints]:
        return (
            np.array([one.pin != PinScope.NONE for one in self.shown], np.bool_),
            np.array([one.pin == PinScope.EVERYONE for one in self.shown], np.bool_),
            np.array([one.row.trend for one in self.shown], np.float64),
            np.array([one.row.candidate for one in self.shown], np.int64),
        )


Keep = Callable[[Sequence[Issue]], Recent | None]
"""Who keeps the papers of some issues, whole, as long as they stay what they are; None: ask for those that matter."""


def _survivors(rows: Sequence[Row]) -> list[Shown]:
    """As a window of each one issue shows it: a merged paper's candidate stands for the survivor."""
    merged = dict(Paper.objects.filter(merged_into__isnull=False).values_list("id", "merged_into_id"))
    gone = set(Paper.objects.filter(withdrawn_at__isnull=False).values_list("id", flat=True))
    newest: dict[tuple[int, int], Shown] = {}
    for row in sorted(rows, key=attrgetter("candidate")):
        paper = row.paper
        while paper in merged:
            paper = merged[paper]
        if paper not in gone:
            known = newest.get((row.issue, paper))
            newest[row.issue, paper] = Shown(paper, row, known.pin if known and row.pin == PinScope.NONE else row.pin)
    return list(newest.values())
