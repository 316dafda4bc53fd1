"""The rows behind copies, kept from one slice of a run to the next: a paper is read once, not once a slice.

Words may be as old as KEPT. What was hidden or withdrawn is asked anew for every batch, because what a copy left out is
found again by its claim time alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import numpy as np
from django.db.models import Exists, OuterRef

from newsletter import mail
from newsletter.editions._rows import Ints, among, tuples
from newsletter.models import Candidate, Delivery, Edition, Issue, Paper

KEPT = timedelta(seconds=10)
EDITIONS_AT_MOST = 4096  # 15 picks each, about 3 kB


@dataclass(frozen=True, slots=True)
class Window:
    """Issues by number: the curator's notes, and the days of those that have papers."""

    notes: Mapping[int, str]
    days: Mapping[int, date]


@dataclass
class Kept:
    """Rows by id. Used by one thread, for one run."""

    editions: dict[int, Edition] = field(default_factory=dict)
    candidates: dict[int, Candidate] = field(default_factory=dict)
    papers: dict[int, Paper] = field(default_factory=dict)
    cards: dict[int, mail.Card] = field(default_factory=dict)
    _windows: dict[tuple[int, int], Window] = field(default_factory=dict)
    _read_at: datetime | None = None
    _shown: set[int] = field(default_factory=set)
    _old: bool = False

    def fetch(self, deliveries: Sequence[Delivery], *, as_of: datetime) -> None:
        """Afterwards what the editions of these copies name is here. as_of: the clock; in one run it never goes back."""
        if self._read_at is None or not timedelta() <= as_of - self._read_at < KEPT or len(self.editions) > EDITIONS_AT_MOST:
            self._forget()
            self._read_at = as_of
        wanted = {row.edition_id for row in deliveries if row.edition_id}
        fresh = Edition.objects.in_bulk(wanted - self.editions.keys()) if wanted - self.editions.keys() else {}
        picks = [pick for pk in wanted if (edition := fresh.get(pk) or self.editions.get(pk)) for pick in edition.picks]
        self._shown = {pick[0] for pick in picks}
        self._old = any(pick[0] in self.candidates or pick[1] in self.papers for pick in picks)
        self._fetch_picks([pick for edition in fresh.values() for pick in edition.picks])
        self.editions |= fresh  # last: an edition is known with its picks or not at all

    def _forget(self) -> None:
        for rows in (self.editions, self.candidates, self.papers, self.cards, self._windows):
            rows.clear()

    def _fetch_picks(self, picks: Sequence[Sequence[int]]) -> None:
        papers = {pick[1] for pick in picks} - self.papers.keys()
        candidates = {pick[0] for pick in picks} - self.candidates.keys()
        if papers:
            self.papers |= Paper.objects.in_bulk(papers)
        if candidates:
            found = Candidate.objects.in_bulk(candidates)
            issues = Issue.objects.in_bulk({row.issue_id for row in found.values()})
            for row in found.values():
                row.issue = issues[row.issue_id]
            self.candidates |= found

    def gone(self, *, as_of: datetime) -> set[int]:
        """Those candidates of the last batch that nobody sees any more, as of then; asked unless all were read just now."""
        if not self._old:
            return {pk for pk in self._shown & self.candidates.keys() if self._is_gone(self.candidates[pk], as_of)}
        condition, ids = among("c.id", _ids(self._shown))
        asked = f"""SELECT c.id FROM newsletter_candidate c JOIN newsletter_paper p ON p.id = c.paper_id
            WHERE {condition} AND (c.hidden_at <= %s OR p.withdrawn_at <= %s)"""  # noqa: S608 (our own names)
        return {row[0] for row in tuples(asked, [ids, as_of, as_of])}

    def _is_gone(self, row: Candidate, as_of: datetime) -> bool:
        paper = self.papers.get(row.paper_id)
        return _past(row.hidden_at, as_of) or (paper is not None and _past(paper.withdrawn_at, as_of))

    def window(self, low: int, high: int) -> Window:
        """Of the issues in (low, high]."""
        if (low, high) not in self._windows:
            filled = Exists(Candidate.objects.filter(issue=OuterRef("pk")))
            noted = Issue.objects.filter(number__gt=low, number__lte=high).order_by("number").annotate(filled=filled)
            rows = list(noted.values_list("number", "note", "closed_on", "filled"))
            days = {number: day for number, _, day, has_papers in rows if day and has_papers}
            self._windows[low, high] = Window({number: note for number, note, _, _ in rows}, days)
        return self._windows[low, high]


def interests_of(readers: Iterable[int]) -> dict[int, list[tuple[str, str]]]:
    """Reader id -> (name, query) of each interest, in the order they were added; one statement, no object a row."""
    found: dict[int, list[tuple[str, str]]] = {}
    condition, ids = among("l.subscriber_id", _ids(readers))
    asked = f"""SELECT l.subscriber_id, i.name, i.query FROM newsletter_subscriberinterest l
        JOIN newsletter_interest i ON i.id = l.interest_id WHERE {condition} ORDER BY l.id"""  # noqa: S608 (our own names)
    for reader, name, query in tuples(asked, [ids]):
        found.setdefault(reader, []).append((name, query))
    return found


def _past(at: datetime | None, as_of: datetime) -> bool:
    return at is not None and at <= as_of


def _ids(ids: Iterable[int]) -> Ints:
    return np.fromiter(ids, np.int64)
