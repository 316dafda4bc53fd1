"""The ledger proves itself: invariants 1, 2 and 6 of ARCHITECTURE.md, each finding with the row it is about.

Reads only. A constraint makes most of this impossible; the audit finds what hands in the database did all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from newsletter.models import Candidate, Delivery, Issue, IssueState, Kind, Paper, Run
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
    report.findings.extend(_sums_of_runs())
    report.findings.extend(_sums_of_issues())
    _readers(report)
    return report


@dataclass(slots=True)
class _Past:
    """What one reader's copies have shown so far, walking them by window."""

    shown: _Shown
    upto: int = 0
    last: int = 0
    open: int = 0
    slots: Counter[object] = field(default_factory=Counter)
    papers: dict[int, dict[int, int]] = field(default_factory=dict)


def _readers(report: AuditReport) -> None:
    """Invariants 1 and 2, reader by reader, streaming: one reader's past is in memory at a time."""
    shown = _Shown()
    copies = Delivery.objects.filter(kind=Kind.DIGEST, subscriber__isnull=False).order_by("subscriber_id", "upto", "id")
    fields = ("id", "public_id", "subscriber_id", "slot_on", "after", "upto", "state", "as_of", "created_at", "edition_id",
              "edition__picks")  # fmt: skip
    reader, past = None, _Past(shown)
    for values in copies.values_list(*fields).iterator(2000):
        pk, public_id, subscriber, slot_on, after, upto, state, as_of, planned_at, edition, picks = values
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
        if state in WINDOW_STATES:
            if after < past.upto:
                message = f"its window ({after}, {upto}] overlaps that of Delivery {past.last}, which ends at {past.upto}"
                report.findings.append(Finding(1, row, message))
            past.upto, past.last = max(past.upto, upto), pk
        if state in ACCEPTED_STATES:
            report.findings.extend(_repeats(row, pk, past, shown.papers(edition, picks, as_of), planned_at))


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
            self.picks[edition] = [(pick[0], pick[1], self._survivor(pick[1])) for pick in rows]
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


def _sums_of_runs() -> Iterable[Finding]:
    """due == prepared + excluded, and every copy a wave prepared is there, by its place in the wave."""
    for run in Run.objects.filter(stage="plan").order_by("id").iterator(500):
        excluded = sum(run.excluded.values())
        if run.due != run.prepared + excluded:
            yield Finding(6, f"Run {run.pk}", f"due {run.due} is not prepared {run.prepared} + excluded {excluded}")
        places = list(Delivery.objects.filter(run=run).values_list("run_seq", flat=True)) if run.prepared else []
        missing = sorted(set(range(1, run.prepared + 1)) - set(places))
        for place in missing[:20]:
            yield Finding(6, f"Run {run.pk}", f"copy {place} of {run.prepared} is missing from the ledger")


def _sums_of_issues() -> Iterable[Finding]:
    """prepared == sent + failed + cancelled + uncertain (+ open while not done) over the copies whose upto it is."""
    counts: dict[int, Counter[str]] = {}
    rows = Delivery.objects.filter(kind=Kind.DIGEST).values_list("upto", "state")
    for upto, state in rows.iterator(5000):
        counts.setdefault(upto or 0, Counter())[state] += 1
    for issue in Issue.objects.filter(number__gt=0).order_by("number"):
        states = counts.pop(issue.number, Counter())
        total = sum(states.values())
        if total != issue.prepared:
            yield Finding(6, str(issue), f"prepared {issue.prepared} copies, {total} are in the ledger")
        still_open = sum(states[state] for state in OPEN_STATES)
        if issue.done_at and still_open:
            yield Finding(6, str(issue), f"is done, yet {still_open} of its copies are open")
        if issue.state == IssueState.OPEN and total:
            yield Finding(6, str(issue), f"is still open, yet {total} copies claim to reach up to it")
    for upto in counts:
        yield Finding(6, f"Delivery with upto {upto}", "names an issue that does not exist")
