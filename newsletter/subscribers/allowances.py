"""Counters that protect strangers from our mail: rows, atomic over processes (invariant 12). They lapse, and hold no address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import F, Sum

from newsletter.models import Allowance

LONGEST_DAYS = 90  # no Limit looks further back


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `a_day` per UTC day, and `in_all` over the last `over_days` days (today included)."""

    a_day: int
    in_all: int
    over_days: int


def count(scope: str, key: str, *, now: datetime) -> None:
    """Count one, without a limit. Inside a transaction it also holds the row: the next one for this key waits here."""
    _today(scope, key, now)
    Allowance.objects.filter(scope=scope, key=key, day_on=now.astimezone(UTC).date()).update(used=F("used") + 1)


def take(scope: str, key: str, limit: Limit, *, now: datetime) -> bool:
    """True when one more is within the limit; it is then counted. Of many at once exactly as many get True as are left."""
    today = now.astimezone(UTC).date()
    _today(scope, key, now)
    rows = Allowance.objects.filter(scope=scope, key=key)
    spent: int = rows.filter(day_on__gt=today - timedelta(days=limit.over_days)).aggregate(n=Sum("used"))["n"] or 0
    a_day = limit.a_day if spent < limit.in_all else 0
    return rows.filter(day_on=today, used__lt=a_day).update(used=F("used") + 1) == 1


def lapse(scope: str, key: str, *, now: datetime) -> None:
    """Forget all days but today: what was counted towards `in_all` counts no more, the day's limit stays."""
    Allowance.objects.filter(scope=scope, key=key, day_on__lt=now.astimezone(UTC).date()).delete()


def forget_allowances(*, now: datetime, dry_run: bool = False) -> int:
    """Delete the counters older than any limit looks back. Rows. Safe to repeat."""
    old = Allowance.objects.filter(day_on__lte=now.astimezone(UTC).date() - timedelta(days=LONGEST_DAYS))
    return old.count() if dry_run else old.delete()[0]


def _today(scope: str, key: str, now: datetime) -> None:
    row = Allowance(scope=scope, key=key, day_on=now.astimezone(UTC).date())
    Allowance.objects.bulk_create([row], ignore_conflicts=True)
