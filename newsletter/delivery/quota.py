"""How many mails a day: MAIL_DAILY_QUOTA and the warm-up, both counted from the ledger.

Redis has no part in it, so that losing it gives nobody a second quota.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta

from django.conf import settings
from django.db.models import F, QuerySet

from newsletter.models import Delivery, DeliveryState, Kind

LEFT_STATES = (DeliveryState.SENDING, DeliveryState.SENT, DeliveryState.UNCERTAIN, DeliveryState.FAILED)
WARM_UP = "WARM_UP"
FIRST_DAY = 1_000  # digests on the first day; twice as many on each day after it
LAST_DAY = 14  # from the day with this number (the first is 0) there is no bound any more: 16 million
_DAY = timedelta(days=1)
_OLDEST = timedelta(days=3)  # a copy is made at most so long before it leaves, but for those that the warm-up put off
_RECOUNT_S = 10.0
_NEAR = 5_000  # with so few left they are counted anew for each slice
_PUT_OFF = 5_000  # copies in one statement


class Quota:
    """What one run may still begin by the day's bounds. Counted anew every ten seconds, near the bound for each slice."""

    def __init__(self) -> None:
        self._left: int | None = None
        self._counted_s = 0.0

    def left(self, at: datetime) -> int | None:
        """Digests that may still begin; None: any number."""
        if not settings.MAIL_DAILY_QUOTA and not settings.WARM_UP:
            return None
        near = self._left is not None and self._left < max(_NEAR, settings.MAIL_DAILY_QUOTA // 10)
        if self._left is None or near or time.monotonic() - self._counted_s > _RECOUNT_S:
            bounds = [left for left in (_of_quota(at), _of_warm_up(at)) if left is not None]
            self._left, self._counted_s = min(bounds, default=None), time.monotonic()
        return None if self._left is None else max(0, self._left)

    def took(self, number: int, at: datetime) -> int:
        """After a claim of so many: how many of them are too many, because other workers claimed at the same time.

        Each counts after its own claim was committed and gives back what is over, so together they never go over.
        """
        if self._left is None:
            return 0
        self._left -= number
        if self._left >= max(_NEAR, settings.MAIL_DAILY_QUOTA // 10):
            return 0
        bounds = [left for left in (_of_quota(at), _of_warm_up(at)) if left is not None]
        self._left, self._counted_s = min(bounds, default=None), time.monotonic()
        return 0 if self._left is None else min(number, max(0, -self._left))


def begun(since: datetime, *, only_digests: bool = False) -> int:
    """Mails claimed since then that left, may have left, or were refused."""
    rows = made_since(since - _OLDEST - (LAST_DAY * _DAY if settings.WARM_UP else timedelta()))
    rows = rows.filter(claimed_at__gte=since, state__in=LEFT_STATES)
    return (rows.filter(kind=Kind.DIGEST) if only_digests else rows).count()


def bound_on(day: date) -> int | None:
    """Digests of that day (UTC) by the warm-up: 1,000, 2,000, 4,000 ... from the first on; None: no bound."""
    first = first_day()
    if not settings.WARM_UP or (first and (day - first).days >= LAST_DAY):
        return None
    return FIRST_DAY << max(0, (day - first).days if first else 0)


def first_day() -> date | None:
    """Of the warm-up: the setting's date, else the day (UTC) on which the oldest digest in the ledger left."""
    if settings.WARM_UP not in {"", "1"}:
        return date.fromisoformat(settings.WARM_UP)
    rows = Delivery.objects.filter(kind=Kind.DIGEST, state__in=LEFT_STATES, claimed_at__isnull=False)
    oldest = rows.order_by("pk").values_list("claimed_at", flat=True).first()
    return oldest.astimezone(UTC).date() if oldest else None


def put_off(at: datetime) -> int:
    """Digests that are due beyond today's warm-up: a day later, at the reader's own hour, their late window with them.

    Put off, never skipped; until then the reader gets no other. Once the bound has been reached only. Copies.
    """
    left = _of_warm_up(at)
    if left is None or left > 0:
        return 0
    due = Delivery.objects.filter(state=DeliveryState.PENDING, kind=Kind.DIGEST, due_at__lte=at, late_at__gt=at)
    chosen = list(due.order_by("lane", "due_at", "pk").values_list("pk", flat=True)[:_PUT_OFF])
    rows = Delivery.objects.filter(pk__in=chosen, state=DeliveryState.PENDING, due_at__lte=at)
    return rows.update(due_at=F("due_at") + _DAY, late_at=F("late_at") + _DAY, reason=WARM_UP)


def _of_quota(at: datetime) -> int | None:
    return settings.MAIL_DAILY_QUOTA - begun(at - _DAY) if settings.MAIL_DAILY_QUOTA else None


def _of_warm_up(at: datetime) -> int | None:
    """Negative when more have begun than may."""
    bound = bound_on(at.astimezone(UTC).date())
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return None if bound is None else bound - begun(midnight, only_digests=True)


def made_since(at: datetime) -> QuerySet[Delivery]:
    """By their ids, which follow the time of their making: no index holds that."""
    ends = Delivery.objects.order_by("pk").values_list("pk", flat=True)
    low, high = ends.first() or 0, (ends.last() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        found = Delivery.objects.filter(pk__gte=middle).order_by("pk").values_list("created_at", flat=True).first()
        low, high = (middle + 1, high) if found and found < at else (low, middle)
    return Delivery.objects.filter(pk__gte=low)
