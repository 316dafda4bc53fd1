"""The ledger proves itself: invariants 1, 2, 6, 9 (acts) and 10 (editions) of ARCHITECTURE.md, each finding with its row.

Reads only. A constraint makes most of this impossible; the audit finds what hands in the database did all the same.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from newsletter import acts
from newsletter.editions.window import MARK_DAYS
from newsletter.issues import sums
from newsletter.models import Candidate, Delivery, Edition, Issue, IssueState, Kind, Paper, Run, Subscriber
from newsletter.models.ledger import ACCEPTED_STATES, OPEN_STATES, WINDOW_STATES


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach: the invariant's number, the row by its name, what is wrong with it."""

    invariant: int
    row: str
    message: str


@dataclass(slots=True)
class AuditReport:
    """What was looked at, in rows, and what was found."""

    copies: int = 0
    readers: int = 0
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        found = [{"invariant": f.invariant, "row": f.row, "message": f.message} for f in self.findings]
        return {"copies": self.copies, "readers": self.readers, "findings": found}


def audit() -> AuditReport:
    """Every finding on the whole ledger. Erased readers' copies (subscriber null) count in the sums only."""
    report = AuditReport()
    with _one_moment():
        report.findings.extend(_parents())
        report.findings.extend(Finding(6, breach.row, breach.message) for breach in sums.breaches())
        report.findings.extend(Finding(10, breach.row, breach.message) for breach in sums.edition_breaches())
        _readers(report)
        changed = acts.verify()
    if changed is not None:
        report.findings.append(Finding(9, f"Act {changed}", "is changed, misplaced or follows a gap in the log"))
    return report


@contextmanager
def _one_moment() -> Iterator[None]:
    """Copies and sums as of one moment, else a wave planned meanwhile reads like a breach. Nobody waits for it.

    Not by `atomic` on SQLite, where that takes the one place of the writer.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")


def _parents() -> Iterable[Finding]:
    """Copies whose edition, planning run or reader is gone: the database does not look (`Delivery.Meta`)."""
    for number, name, model in ((1, "edition", Edition), (6, "run", Run), (9, "subscriber", Subscriber)):
        gone = Delivery.objects.filter(~Exists(model.objects.filter(pk=OuterRef(f"{name}_id"))), **{f"{name}__isnull": False})
        for pk, public_id, parent in gone.order_by("id").values_list("id", "public_id", f"{name}_id")[:20]:
            yield Finding(number, f"Delivery {pk} ({public_id})", f"its {name} {parent} is not there")


@dataclass(slots=True)
class _Past:
    """What one reader's copies have shown so far, walking them by window."""

    shown: _Shown
    upto: int = 0
    last: int = 0
    open: int = 0
    slots: Counter[object] = field(default_factory=Counter)
    papers: dict[int, dict[int, int]] = field(default_factory=dict)
    ends: set[int] = field(default_factory=set)


def _readers(report: AuditReport) -> None:
    """Invariants 1 and 2, reader by reader, streaming: one reader's past is in memory at a time."""
    shown, marks = _Shown(), _Marks()
    copies = Delivery.objects.filter(kind=Kind.DIGEST, subscriber__isnull=False).order_by("subscriber_id", "upto", "id")
    fields = ("id", "public_id", "subscriber_id", "slot_on", "after", "upto", "state", "as_of", "created_at", "edition_id",
              "edition__picks", "subscriber__confirmed_at", "subscriber__created_at")  # fmt: skip
    reader, past = None, _Past(shown)
    for values in copies.values_list(*fields).iterator(2000):
        pk, public_id, subscriber, slot_on, after, upto, state, as_of, planned_at, edition, picks, confirmed_at, asked_at = values
        if subscriber != reader:
            reader, past = subscriber, _Past(shown)
            report.readers += 1
        report.copies += 1
        row = f"Delivery {pk} ({public_id})"
        past.slots[slot_on] += 1
        if past.slots[slot_on] > 1:
            report.findings.append(Finding(2, row, f"a second digest of reader {subscriber} for the slot of {slot_on}"))
        past.open += state in OPEN_STATES
        if state in OPEN_STATES and past.open > 1:
            report.findings.append(Finding(2, row, f"a second open digest of reader {subscriber}"))
        if after not in past.ends and not marks.explain(after, planned_at, confirmed_at or asked_at):
            report.findings.append(Finding(1, row, f"its window begins after issue {after}, where none before it ended"))
        past.ends.add(upto)
        if state in WINDOW_STATES:
            if after < past.upto:
                message = f"its window ({after}, {upto}] overlaps that of Delivery {past.last}, which ends at {past.upto}"
                report.findings.append(Finding(1, row, message))
            past.upto, past.last = max(past.upto, upto), pk
        if state in ACCEPTED_STATES:
            report.findings.extend(_repeats(row, pk, past, shown.papers(edition, picks, as_of), planned_at))


class _Marks:
    """Where a window may begin that continues no copy still in the ledger."""

    def __init__(self) -> None:
        closed = Issue.objects.filter(state=IssueState.CLOSED, closed_at__isnull=False)
        closes = sorted((at, number) for number, at in closed.values_list("number", "closed_at") if at)
        self.aged = set(Issue.objects.filter(pruned__gt=0).values_list("number", flat=True))
        self.times = [at for at, _ in closes]
        self.newest = [0, *accumulate((number for _, number in closes), max)]

    def explain(self, after: int, planned_at: datetime, since_at: datetime) -> bool:
        """The newest issue closed at the confirmation, the newest too old to be shown, or one whose copies have aged out.

        Who has confirmed again since hides the first.
        """
        begins = (self._newest(since_at), self._newest(planned_at - timedelta(days=MARK_DAYS)))
        return planned_at < since_at or after in begins or after in self.aged

    def _newest(self, at: datetime) -> int:
        return self.newest[bisect_right(self.times, at)]


def _repeats(row: str, pk: int, past: _Past, papers: Iterable[tuple[int, int]], planned_at: datetime) -> Iterable[Finding]:
    """papers: (as picked, as it lives on now). Two that were merged only after the plan were two works then."""
    for picked, paper in papers:
        before = past.papers.setdefault(paper, {})
        for other, copy in before.items():
            if past.shown.were_one(picked, other, planned_at):
                yield Finding(1, row, f"holds Paper {paper}, which Delivery {copy} already had")
                break
        before[picked] = pk


class _Shown:
    """What an edition showed at a claim: picks less those hidden before it, merges followed."""

    def __init__(self) -> None:
        merged = Paper.objects.filter(merged_into__isnull=False).values_list("id", "merged_into_id", "merged_at")
        self.merged = {pk: (into, at) for pk, into, at in merged if into is not None}
        hidden = Candidate.objects.filter(hidden_at__isnull=False).values_list("id", "hidden_at")
        self.hidden = {pk: at for pk, at in hidden if at is not None}
        self.picks: dict[int, list[tuple[int, int, int]]] = {}

    def papers(self, edition: int, rows: Sequence[Sequence[Any]], as_of: datetime | None) -> list[tuple[int, int]]:
        if edition not in self.picks:
            self.picks[edition] = [(pick[0], pick[1], self._survivor(pick[1])) for pick in rows or ()]  # none: it is gone
        return [(picked, paper) for candidate, picked, paper in self.picks[edition] if not self._was_hidden(candidate, as_of)]

    def were_one(self, paper: int, other: int, at: datetime) -> bool:
        """Were these rows one paper at that time, as far as the merges of today tell?"""
        return paper == other or self._survivor(paper, at) == self._survivor(other, at)

    def _was_hidden(self, candidate: int, as_of: datetime | None) -> bool:
        return candidate in self.hidden and as_of is not None and self.hidden[candidate] <= as_of

    def _survivor(self, paper: int, at: datetime | None = None) -> int:
        seen = set()
        while paper in self.merged and paper not in seen:
            into, merged_at = self.merged[paper]
            if at is not None and merged_at is not None and merged_at > at:
                break
            seen.add(paper)
            paper = into
        return paper
