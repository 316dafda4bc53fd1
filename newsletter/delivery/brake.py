"""What the next slice of a run may take: how many mails, and whether digests are among them.

Asked before every claim, so that nothing is claimed that may not begin. Reasons to hold digests back: complaints or
bounces, the day's bounds, Redis away. A provider that asked for patience gets no mail of any kind, from any worker: that
is a row, which outlives Redis.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from newsletter.delivery import alarm, ledger
from newsletter.delivery.pace import Pace, Permit, way_name
from newsletter.delivery.quota import Quota, put_off
from newsletter.models import Mark

_FRESH_S = 1.0  # how old what the marks said may be


@dataclass(slots=True)
class Leave:
    """For one slice. waits: why digests stay for now, "" when they go; closed: why nothing may go."""

    permit: Permit | None = None
    digests: bool = True
    waits: str = ""
    closed: str = ""


class Brake:
    """Of one run by one way out; `clock` counts seconds as the run's own does."""

    def __init__(self, url: str, *, at_once: int, clock: Callable[[], float]) -> None:
        self._closed, self._clock = f"mail.closed.{way_name(url)}", clock
        self._pace, self._quota = Pace(url, at_once=at_once), Quota()
        self._marks: dict[str, datetime] = {}
        self._read_s: float | None = None

    def leave(self, wanted: int, *, at: datetime, seconds: float | None) -> Leave:
        """permit None: nothing may begin before `seconds` are over, or nothing is due, or `closed` says why not."""
        marks = self._fresh_marks()
        if (until := marks.get(self._closed)) and until > at:
            return Leave(closed=f"THROTTLED until {until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, as the provider asked")
        waits = self._waits(at)
        left = self._quota.left(at)
        if not waits and left == 0:
            put_off(at)
            waits = "QUOTA: the day's mails have left"
        wanted = min(wanted, left) if left and not waits else wanted
        if self._pace.limited and not ledger.waiting(at=at, digests=not waits):
            return Leave(waits=waits)
        permit = self._pace.permit(wanted, until_s=time.monotonic() + (seconds if seconds is not None else 3600.0))
        if permit and not permit.digests:
            waits = waits or "REDIS: the pace is not known while it is away"
        return Leave(permit, not waits, waits)

    def too_many(self, claimed: int, at: datetime) -> int:
        """How many of a claim must go back, because others claimed at the same time."""
        return self._quota.took(claimed, at)

    def close_until(self, until: datetime) -> None:
        """No worker begins a mail by this way before then. An earlier time does not shorten it."""
        mark, made = Mark.objects.get_or_create(name=self._closed, defaults={"at": until})
        if not made:
            Mark.objects.filter(pk=mark.pk, at__lt=until).update(at=until)
        self._read_s = None

    def _waits(self, at: datetime) -> str:
        paused = self._marks.get(alarm.PAUSED)
        return f"PAUSED since {paused.astimezone(UTC):%Y-%m-%d %H:%M} UTC for complaints or bounces" if paused else ""

    def _fresh_marks(self) -> dict[str, datetime]:
        if self._read_s is None or self._clock() - self._read_s > _FRESH_S:
            self._marks = dict(Mark.objects.filter(name__in=[self._closed, alarm.PAUSED]).values_list("name", "at"))
            self._read_s = self._clock()
        return self._marks
