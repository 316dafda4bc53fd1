"""Invariant 6: due == prepared + excluded of a wave, prepared == sent + failed + cancelled + uncertain of an issue.

Each row is held against its neighbours: a copy against its wave (place, issue, time), its state against what the verbs
that lead there write, an edition against its key. So a row deleted or changed by hand is named; erasing a reader and
pruning change none of it. What no other row knows (a column that only it has) cannot be missed. Reads only.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, Max, Min, Q

from newsletter.models import Delivery, DeliveryState, Edition, Issue, IssueState, Kind, Run
from newsletter.models.ledger import OPEN_STATES

_NAMED = 20  # rows of one kind of breach that are named


@dataclass(frozen=True, slots=True)
class Breach:
    """One row, by its name, and what is wrong with it."""

    row: str
    message: str


def breaches(number: int | None = None) -> Iterator[Breach]:
    """Every breach of the sums: of one issue, by its number, or of the whole ledger."""
    yield from _issues(number)
    yield from _waves(number)
    yield from _copies(number)


def edition_breaches(number: int | None = None) -> Iterator[Breach]:
    """Editions that are not what they were made as: of the copies of one issue, or all."""
    rows = Edition.objects.all()
    if number is not None:
        # Not the other way round: no index leads from an edition to its copies.
        rows = rows.filter(pk__in=Delivery.objects.filter(upto=number).values("edition_id"))
    for pk, key, picks in rows.values_list("id", "key", "picks").iterator(2000):
        if key != edition_key(picks):
            yield Breach(f"Edition {pk}", "its picks are not those it was made with")


def edition_key(picks: Sequence[Sequence[Any]]) -> str:
    """`Edition.key` of these picks."""
    return hashlib.sha256(json.dumps(picks, separators=(",", ":")).encode()).hexdigest()


def _issues(number: int | None) -> Iterator[Breach]:
    copies = (
        Delivery.objects.filter(kind=Kind.DIGEST) if number is None else Delivery.objects.filter(kind=Kind.DIGEST, upto=number)
    )
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for upto, state, count in copies.values_list("upto", "state").annotate(n=Count("id")).order_by():
        counts[upto or 0][state] = count
    known = Issue.objects.filter(number__gt=0) if number is None else Issue.objects.filter(number=number)
    for issue in known.order_by("number"):
        states = counts.pop(issue.number, Counter())
        for message in _sum_of(issue, states):
            yield Breach(str(issue), message)
    for upto in counts:
        yield Breach(f"Delivery with upto {upto}", "names an issue that does not exist")


def _sum_of(issue: Issue, states: Counter[str]) -> Iterator[str]:
    total, still_open = sum(states.values()), sum(states[state] for state in OPEN_STATES)
    if total + issue.pruned != issue.prepared:
        aged = f" and {issue.pruned} aged out" if issue.pruned else ""
        yield f"prepared {issue.prepared} copies, {total} are in the ledger{aged}"
    if issue.done_at and still_open:
        yield f"is done, yet {still_open} of its copies are open"
    if issue.state == IssueState.OPEN and total:
        yield f"is still open, yet {total} copies claim to reach up to it"


def _waves(number: int | None) -> Iterator[Breach]:
    """due == prepared + excluded, and the copies a wave prepared are there, by their places in it, as it made them."""
    runs = Run.objects.filter(stage="plan")
    copies = Delivery.objects.filter(run__isnull=False)
    if number is not None:
        runs, copies = runs.filter(report__upto=number), copies.filter(run__in=runs.filter(report__upto=number))
    made: dict[int, list[dict[str, Any]]] = defaultdict(list)
    counts = {"n": Count("id"), "placed": Count("run_seq"), "low": Min("run_seq"), "high": Max("run_seq")}
    for found in copies.values("run_id", "upto", "created_at", "kind").annotate(**counts).order_by():
        made[found["run_id"] or 0].append(dict(found))
    for run in runs.order_by("id").iterator(500):
        excluded = sum(run.excluded.values())
        if run.due != run.prepared + excluded:
            yield Breach(f"Run {run.pk}", f"due {run.due} is not prepared {run.prepared} + excluded {excluded}")
        groups = made.pop(run.pk, [])
        if not _complete(run, groups):
            yield from _places(run)
        for group in groups:
            if (group["upto"], group["created_at"], group["kind"]) != (run.report.get("upto"), run.as_of, Kind.DIGEST):
                strays = Delivery.objects.filter(run=run, upto=group["upto"], created_at=group["created_at"], kind=group["kind"])
                yield from _named(strays, f"is not as Run {run.pk} made it: kind, issue or time differ")
    for run_id in made:
        yield from _named(Delivery.objects.filter(run=run_id), f"names Run {run_id}, which is no wave of planning")


def _complete(run: Run, groups: Sequence[dict[str, Any]]) -> bool:
    """Places are unique by constraint: as many as were prepared, all of them between 1 and that, are all of them."""
    placed = sum(group["placed"] for group in groups)
    inside = all(group["placed"] == group["n"] and group["low"] >= 1 and group["high"] <= run.prepared for group in groups)
    return placed == run.prepared and inside


def _places(run: Run) -> Iterator[Breach]:
    copies = Delivery.objects.filter(run=run)
    outside = copies.filter(Q(run_seq__isnull=True) | Q(run_seq__lt=1) | Q(run_seq__gt=run.prepared))
    yield from _named(outside, f"has no place among the {run.prepared} copies of Run {run.pk}")
    missing = sorted(set(range(1, run.prepared + 1)) - set(copies.values_list("run_seq", flat=True)))
    for place in missing[:_NAMED]:
        yield Breach(f"Run {run.pk}", f"copy {place} of {run.prepared} is missing from the ledger")


def _copies(number: int | None) -> Iterator[Breach]:
    """A copy's state and what the verbs that lead there write must tell one story."""
    rows = Delivery.objects.filter(kind=Kind.DIGEST)
    if number is not None:
        rows = rows.filter(upto=number)
    if not rows.filter(_WRONG).exists():  # one reading of the ledger instead of one a kind of breach
        return
    yield from _named(rows.filter(run__isnull=True), "belongs to no wave of planning")
    for state, contradiction, message in _CONTRADICTIONS:
        yield from _named(rows.filter(contradiction, state=state), f"is {state.value}, yet {message}")


_CONTRADICTIONS = (
    (DeliveryState.PENDING, Q(settled_at__isnull=False), "was settled"),
    (DeliveryState.SENDING, Q(settled_at__isnull=False), "was settled"),
    (DeliveryState.SENT, Q(as_of__isnull=True), "was never claimed"),
    (DeliveryState.SENT, Q(settled_at__isnull=True), "was never settled"),
    (DeliveryState.SENT, ~Q(reason=""), "has a reason why not"),
    (DeliveryState.UNCERTAIN, Q(as_of__isnull=True), "was never claimed"),
    (DeliveryState.UNCERTAIN, Q(settled_at__isnull=False), "was settled"),
    (DeliveryState.UNCERTAIN, Q(reason=""), "has no reason"),
    (DeliveryState.FAILED, Q(attempts=0), "was never tried"),
    (DeliveryState.FAILED, Q(reason=""), "has no reason"),
    (DeliveryState.CANCELLED, Q(reason=""), "has no reason"),
)

_WRONG = reduce(or_, (Q(contradiction, state=state) for state, contradiction, _ in _CONTRADICTIONS), Q(run__isnull=True))


def _named(rows: Any, message: str) -> Iterator[Breach]:
    for pk, public_id in rows.order_by("id").values_list("id", "public_id")[:_NAMED]:
        yield Breach(f"Delivery {pk} ({public_id})", message)
