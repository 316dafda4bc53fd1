"""Counters that protect strangers from our mail: rows, atomic over processes (invariant 12). They lapse, and hold no address."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import F, Q, QuerySet, Sum

from newsletter.models import Allowance

LONGEST_DAYS = 90  # no Limit looks further back
_SLICE = timedelta(minutes=5)
_SLICES = 12  # an hour
_NOBODY = ""  # no row has this key


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `a_day` per UTC day, and `in_all` over the last `over_days` days (today included)."""

    a_day: int
    in_all: int
    over_days: int


_ONCE = Limit(a_day=1, in_all=1, over_days=2)


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


def room(scope: str, key: str, limit: Limit, *, now: datetime) -> bool:
    """Whether `take` would count one; it counts nothing. What is said holds as long as the key is held (see `count`)."""
    today = now.astimezone(UTC).date()
    since = Q(day_on__gt=today - timedelta(days=limit.over_days))
    rows = Allowance.objects.filter(since, scope=scope, key=key)
    spent = rows.aggregate(n=Sum("used"), today=Sum("used", filter=Q(day_on=today)))
    return (spent["n"] or 0) < limit.in_all and (spent["today"] or 0) < limit.a_day


def spend(key: str, *, now: datetime) -> bool:
    """True for the first who comes with this key (64 characters at most), on whatever day; False for everybody after."""
    return take("spent", key, _ONCE, now=now)


def lapse(scope: str, key: str, *, now: datetime) -> None:
    """Forget all days but today: what was counted towards `in_all` counts no more, the day's limit stays."""
    Allowance.objects.filter(scope=scope, key=key, day_on__lt=now.astimezone(UTC).date()).delete()


@dataclass(frozen=True, slots=True)
class Hour:
    """At most `most` in any 60 minutes, give or take the five of a slice: each slice is a row of its own."""

    scope: str  # at most 24 characters
    most: int

    def take(self, key: str, *, now: datetime, wanted: bool = True) -> bool:
        """True when one more is within the limit; it is then counted. Of many at once exactly as many get True as are left.

        Call in a transaction: the hour's rows are held to its end. Where it is not `wanted` the same statements name nobody.
        """
        own = key if wanted else _NOBODY
        rows = {row.scope: row.used for row in self._rows(own, now).select_for_update().order_by("day_on", "scope")}
        newest = self._slice(key, now)
        Allowance.objects.bulk_create([newest], ignore_conflicts=True)
        left = self.most - sum(used for scope, used in rows.items() if scope != newest.scope)
        row = Allowance.objects.filter(scope=newest.scope, day_on=newest.day_on, key=own, used__lt=max(left, 0))
        return row.update(used=F("used") + 1) == 1

    def used(self, key: str, *, now: datetime) -> int:
        """How many were counted in the last hour."""
        return self._rows(key, now).aggregate(n=Sum("used"))["n"] or 0

    def wait_seconds(self, key: str, *, now: datetime) -> int:
        """How long until the oldest slice of the hour lapses, and with it what was counted there."""
        filled = [self._begun(row) for row in self._rows(key, now) if row.used]
        oldest = min(filled, default=now)
        return max(1, round((oldest + _SLICE * _SLICES - now).total_seconds()))

    def _rows(self, key: str, now: datetime) -> QuerySet[Allowance]:
        """The hour's slices: of today, and of yesterday just after midnight."""
        days: dict[date, list[str]] = {}
        for back in range(_SLICES):
            begun = _slice_of(now) - _SLICE * back
            days.setdefault(begun.date(), []).append(self._scope(begun))
        wanted = Q()
        for day, scopes in days.items():
            wanted |= Q(day_on=day, scope__in=scopes)
        return Allowance.objects.filter(wanted, key=key)

    def _slice(self, key: str, now: datetime) -> Allowance:
        begun = _slice_of(now)
        return Allowance(scope=self._scope(begun), key=key, day_on=begun.date())

    def _scope(self, begun: datetime) -> str:
        return f"{self.scope} {begun:%H:%M}"

    def _begun(self, row: Allowance) -> datetime:
        return datetime.combine(row.day_on, time.fromisoformat(row.scope[-5:]), UTC)


def _slice_of(at: datetime) -> datetime:
    begun = at.astimezone(UTC)
    return begun.replace(minute=begun.minute - begun.minute % 5, second=0, microsecond=0)


def forget_allowances(*, now: datetime, dry_run: bool = False) -> int:
    """Delete the counters older than any limit looks back: slices of an hour after two days. Rows. Safe to repeat."""
    today = now.astimezone(UTC).date()
    hourly = Q(scope__contains=":", day_on__lt=today - timedelta(days=1))
    old = Allowance.objects.filter(hourly | Q(day_on__lte=today - timedelta(days=LONGEST_DAYS)))
    return old.count() if dry_run else old.delete()[0]


def _today(scope: str, key: str, now: datetime) -> None:
    row = Allowance(scope=scope, key=key, day_on=now.astimezone(UTC).date())
    Allowance.objects.bulk_create([row], ignore_conflicts=True)
