"""Mails to the curators about what a source came to: one for each change of its state, never one for each reading."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from newsletter.models import Delivery, Kind, Lane, Outcome, Source

_WELL = {Outcome.NEVER, Outcome.FRESH, Outcome.QUIET}


def plan_alerts(*, now: datetime) -> int:
    """One ALERT to every active superuser with an address, about all sources whose state has changed since the last one.

    States: well (FRESH, QUIET, never read), LATE, PARTIAL, BROKEN. The number of mails planned. Safe to repeat and in
    several processes: who moves `told_outcome` tells.
    """
    with transaction.atomic():
        changed = [source for source in Source.objects.filter(is_sample=False).order_by("id") if _moved(source)]
        if not changed:
            return 0
        addresses = User.objects.filter(is_superuser=True, is_active=True).exclude(email="").values_list("email", flat=True)
        params = {"subject_line": _subject(changed), "lines": [_line(source) for source in changed]}
        rows = [
            Delivery(kind=Kind.ALERT, lane=Lane.SERVICE, due_at=now, to_address=address, params=params, created_at=now)
            for address in sorted({address.lower(): address for address in addresses}.values())
        ]
        return len(Delivery.objects.bulk_create(rows))


def _state(outcome: str) -> str:
    return "" if outcome in _WELL else str(outcome)


def _moved(source: Source) -> bool:
    state = _state(source.outcome)
    if state == source.told_outcome:
        return False
    return bool(Source.objects.filter(pk=source.pk, told_outcome=source.told_outcome).update(told_outcome=state))


def _subject(changed: Sequence[Source]) -> str:
    if len(changed) > 1:
        return f"{len(changed)} sources have changed"
    (source,) = changed
    said = {"": "reads again", Outcome.LATE: "is late", Outcome.PARTIAL: "is read in part", Outcome.BROKEN: "cannot be read"}
    return f"{source.name} {said[_state(source.outcome)]}"


def _line(source: Source) -> str:
    return f"{source.name}: {source.get_outcome_display()}. {source.outcome_reason}"[:1000]
