"""The breaker: so many confirmations an hour in all. Whoever signs up a list of strangers gets no further than that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Sum

from newsletter.models import Allowance
from newsletter.subscribers.allowances import Hour

_SCOPE, _ALL = "mailed", "all"
_REFUSED = "not mailed"
_SHOWN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Breaker:
    """mailed: answers to sign-ups mailed in the last hour; most: how many may be; refused: sign-ups that got none because
    of it, yesterday and today (UTC)."""

    mailed: int
    most: int
    refused: int

    @property
    def is_open(self) -> bool:
        """Nothing goes through now."""
        return self.mailed >= self.most


def let_through(wanted: bool, *, now: datetime) -> bool:
    """Count one more mail to a stranger; False when the hour is full, and then that is counted. The same statements run
    where none is wanted (and it says False). Call last before the mail: everybody waits here, to the end of the transaction."""
    taken = Hour(_SCOPE, settings.CONFIRMATIONS_AN_HOUR).take(_ALL, now=now, wanted=wanted)
    row = Allowance(scope=_REFUSED, key=_ALL, day_on=now.date())
    Allowance.objects.bulk_create([row], ignore_conflicts=True)
    refused = Allowance.objects.filter(scope=_REFUSED, day_on=row.day_on, key=_ALL if wanted and not taken else "")
    refused.update(used=F("used") + 1)
    return taken


def state(*, now: datetime) -> Breaker:
    """For the desk. Reads only."""
    most = settings.CONFIRMATIONS_AN_HOUR
    rows = Allowance.objects.filter(scope=_REFUSED, key=_ALL, day_on__gte=(now - _SHOWN).date())
    refused = rows.aggregate(n=Sum("used"))["n"] or 0
    return Breaker(Hour(_SCOPE, most).used(_ALL, now=now), most, refused)
