"""The brake that complaints and bounces pull: digests stop, service mails go on, until a person lets them go on.

Product rule: warn at 0.1 % complaints, stop at 0.3 %, from 1,000 delivered mails and 3 complaints in 7 days; stop at 5 %
hard bounces from 500 delivered. Figures are counted from rows, over the last 7 days or since somebody said to go on.
Source: Gmail's sender guidelines (spam rate below 0.10 %, never 0.30 %).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from newsletter import acts
from newsletter.delivery.quota import made_since
from newsletter.models import Delivery, DeliveryState, Event, Kind, Mark
from newsletter.models.record import HARD_REASONS

logger = logging.getLogger(__name__)

PAUSED, _WENT_ON = "mail.paused", "mail.went_on"
WINDOW = timedelta(days=7)
WARN_COMPLAINTS, STOP_COMPLAINTS, STOP_BOUNCES = 0.001, 0.003, 0.05
_LEAST_COMPLAINTS, _DELIVERED_FOR_COMPLAINTS, _DELIVERED_FOR_BOUNCES = 3, 1_000, 500
_LEAST_BOUNCES = int(_DELIVERED_FOR_BOUNCES * STOP_BOUNCES)
_OLDEST = timedelta(days=21)  # a copy leaves so long after it was made at most


@dataclass(frozen=True, slots=True)
class Figures:
    """Since `since`: mails delivered (SENT), addresses that complained, addresses that bounced for good."""

    since: datetime
    delivered: int
    complaints: int
    bounces: int

    @property
    def complaint_rate(self) -> float:
        return self.complaints / self.delivered if self.delivered else 0.0

    @property
    def bounce_rate(self) -> float:
        return self.bounces / self.delivered if self.delivered else 0.0

    @property
    def warns(self) -> bool:
        return self._enough_complaints and self.complaint_rate >= WARN_COMPLAINTS

    @property
    def too_many_complaints(self) -> bool:
        return self._enough_complaints and self.complaint_rate >= STOP_COMPLAINTS

    @property
    def too_many_bounces(self) -> bool:
        return self.delivered >= _DELIVERED_FOR_BOUNCES and self.bounce_rate >= STOP_BOUNCES

    @property
    def _enough_complaints(self) -> bool:
        return self.delivered >= _DELIVERED_FOR_COMPLAINTS and self.complaints >= _LEAST_COMPLAINTS

    def __str__(self) -> str:
        shown = (
            f"{self.complaints} complaints ({self.complaint_rate:.2%})",
            f"{self.bounces} hard bounces ({self.bounce_rate:.2%})",
        )
        return f"{', '.join(shown)} of {self.delivered} mails since {self.since:%Y-%m-%d %H:%M} UTC"


def figures(*, now: datetime) -> Figures:
    """Whole: for the desk. A count over the mails of a week."""
    since, heard = _heard(Mark.objects.filter(name=_WENT_ON).values_list("at", flat=True).first(), now)
    return Figures(since, _sent(since).count(), *heard)


def paused_at() -> datetime | None:
    """Since when digests are stopped for complaints or bounces; None while they go."""
    return Mark.objects.filter(name=PAUSED).values_list("at", flat=True).first()


def watch(*, now: datetime) -> datetime | None:
    """Stops the digests where the figures ask for it, and says so once. Since when they are stopped, or None.

    Counts mails only where complaints or bounces could be too many: a statement or two in most runs.
    """
    marks = dict(Mark.objects.filter(name__in=[PAUSED, _WENT_ON]).values_list("name", "at"))
    if PAUSED in marks:
        return marks[PAUSED]
    since, (complaints, bounces) = _heard(marks.get(_WENT_ON), now)
    most = max(_most(complaints, _LEAST_COMPLAINTS, WARN_COMPLAINTS), _most(bounces, _LEAST_BOUNCES, STOP_BOUNCES))
    if not most:
        return None
    found = Figures(since, _sent(since)[: most + 1].count(), complaints, bounces)
    if found.too_many_complaints or found.too_many_bounces:
        logger.error("digests are stopped: %s; look at the desk, page Sending", found)
        return Mark.objects.get_or_create(name=PAUSED, defaults={"at": now})[0].at
    if found.warns:
        logger.warning("complaints rise: %s; digests stop at %s", found, f"{STOP_COMPLAINTS:.1%}")
    return None


def go_on(*, by: str, now: datetime) -> bool:
    """Lets digests go again, counting anew from now. False when they were not stopped. An act with the figures."""
    with transaction.atomic():
        found = figures(now=now)
        if not Mark.objects.filter(name=PAUSED).delete()[0]:
            return False
        Mark.objects.update_or_create(name=_WENT_ON, defaults={"at": now})
        details = {"delivered": found.delivered, "complaints": found.complaints, "bounces": found.bounces}
        acts.record(actor=by, verb="go on sending", target="digests", details=details, now=now)
    return True


def _heard(went_on: datetime | None, now: datetime) -> tuple[datetime, tuple[int, int]]:
    """Since when, and how many addresses complained or bounced for good since: a provider may tell the same twice.

    What is said after somebody let the digests go on, about mails that had left before, was decided then.
    """
    since = max(went_on or now - WINDOW, now - WINDOW)
    events = Event.objects.filter(received_at__gt=since, type__in=["bounced", "complained", "rejected"])
    events = events.filter(~Q(delivery__kind=Kind.CONFIRM) | Q(type="complained"))  # anybody can ask for one, to any address
    if went_on:
        events = events.filter(Q(delivery__isnull=True) | Q(delivery__claimed_at__gt=went_on))
    complained, bounced = set(), set()
    for pk, kind, reason, key in events.values_list("pk", "type", "reject_reason", "recipient_key").iterator(2000):
        if kind == "complained":
            complained.add(key or pk)
        elif reason in HARD_REASONS:
            bounced.add(key or pk)
    return since, (len(complained), len(bounced))


def _most(number: int, least: int, rate: float) -> int:
    """Among how many mails so many would be too many; 0 when they are too few for any."""
    return int(number / rate) if number >= least else 0


def _sent(since: datetime) -> QuerySet[Delivery]:
    return made_since(since - _OLDEST).filter(state=DeliveryState.SENT, claimed_at__gt=since)
