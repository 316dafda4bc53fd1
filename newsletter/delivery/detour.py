"""The way a run's mails take: MAIL_URL, or MAIL_URL_2 once the first has let none out for a while.

Only PENDING copies are ever claimed, so only they change ways; what may have left the first way stays UNCERTAIN. Two
marks remember over runs and processes: since when nothing leaves the first way, and when it was last tried.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings

from newsletter.delivery.pace import way_name
from newsletter.delivery.slices import Slice
from newsletter.delivery.transport import Configuration, Transport
from newsletter.models import DeliveryState, Mark

logger = logging.getLogger(__name__)

_DOWN, _TRIED = "mail.first.down", "mail.first.tried"
_TRY_AGAIN = timedelta(minutes=5)  # one slice or less goes the first way that often, to see whether it is open again


def down_since() -> datetime | None:
    """Since when nothing leaves by MAIL_URL; None where it does, or where there is no second way."""
    return Mark.objects.filter(name=_DOWN).values_list("at", flat=True).first() if settings.MAIL_URL_2 else None


class Way:
    """The way of one run. second: it is MAIL_URL_2. Raises Configuration when the first cannot be set up and must be used."""

    def __init__(self, transport_of: Callable[[str], Transport], *, now: datetime) -> None:
        self._transport_of = transport_of
        closed = f"mail.closed.{way_name(settings.MAIL_URL)}"
        names = [_DOWN, _TRIED, closed]
        marks = dict(Mark.objects.filter(name__in=names).values_list("name", "at")) if settings.MAIL_URL_2 else {}
        self._down_at: datetime | None = marks.get(_DOWN)
        self.second = self._is_over(now) and (now - marks.get(_TRIED, now) < _TRY_AGAIN or marks.get(closed, now) > now)
        self._transport: Transport | None = None
        try:
            self._transport = self._transport_of(settings.MAIL_URL_2 if self.second else settings.MAIL_URL)
        except Configuration:
            if self.second or not self._leave(now):
                raise

    @property
    def transport(self) -> Transport:
        assert self._transport is not None
        return self._transport

    def turned(self, part: Slice, *, at: datetime) -> bool:
        """Takes in how a slice went; True when the run shall go on by the second way."""
        if self.second or not settings.MAIL_URL_2:
            return False
        if self._down_at and any(outcome.state == DeliveryState.SENT for outcome in part.outcomes.values()):
            Mark.objects.filter(name__in=[_DOWN, _TRIED]).delete()
            self._down_at = None
            logger.warning("mail leaves by MAIL_URL again")
        return part.down and self._leave(at)

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def _leave(self, at: datetime) -> bool:
        """The first way is closed. True when it has been for long enough, and the second is set up."""
        if not settings.MAIL_URL_2:
            return False
        self._down_at = Mark.objects.get_or_create(name=_DOWN, defaults={"at": at})[0].at
        Mark.objects.update_or_create(name=_TRIED, defaults={"at": at})
        if not self._is_over(at):
            return False
        second = self._transport_of(settings.MAIL_URL_2)
        self.close()
        self._transport, self.second = second, True
        logger.error("nothing leaves by MAIL_URL since %s; MAIL_URL_2 is used", self._down_at)
        return True

    def _is_over(self, now: datetime) -> bool:
        """Whether the patience with the first way is."""
        return self._down_at is not None and now - self._down_at >= timedelta(minutes=settings.MAIL_DETOUR_MINUTES)
