"""When a reader's digest is due: pure, over IANA zones with every leap of the clock.

A slot is one local day and its hour. An hour skipped by the clock means the first instant after the gap, a doubled hour
its first occurrence. Where the gap swallows the end of the day (Greenland leaps from Saturday 23:00 to Sunday 00:00) it is
the last second before the gap, so that the slot stays on its day; a day that does not exist at all (a zone crossed the
date line) has none.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

_ONE_DAY = timedelta(days=1)


@cache
def zones() -> frozenset[str]:
    """Every IANA name a reader may choose."""
    return frozenset(zoneinfo.available_timezones() - {"Factory", "localtime"})


def next_slot(*, zone: str, hour: int, days: int, after: datetime, paused_until: date | None = None) -> datetime:
    """The first slot strictly after `after`, in UTC. days: bit 0 = Monday; paused_until: first local day allowed again.

    Raises ValueError for no day at all or an hour outside 0-23; ZoneInfoNotFoundError for an unknown zone.
    """
    if not days & 0b1111111:
        raise ValueError("a reader without days has no slot")
    clock = ZoneInfo(zone)
    day = after.astimezone(clock).date() - _ONE_DAY
    if paused_until is not None:
        day = max(day, paused_until)
    while True:
        if days >> day.weekday() & 1:
            slot = _instant(day, hour, clock)
            if slot is not None and slot > after:
                return slot
        day += _ONE_DAY


def slot_on(slot_at: datetime, zone: str) -> date:
    """The local day of a slot."""
    return slot_at.astimezone(ZoneInfo(zone)).date()


def _instant(day: date, hour: int, clock: ZoneInfo) -> datetime | None:
    """The slot of one local day; None when the day does not exist."""
    wall = datetime.combine(day, time(hour), tzinfo=clock)
    early = wall.astimezone(UTC)
    if early.astimezone(clock).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return early
    leap = _end_of_gap(wall.replace(fold=1).astimezone(UTC), early, clock)
    near = (leap, leap - timedelta(seconds=1))
    return next((instant for instant in near if instant.astimezone(clock).date() == day), None)


def _end_of_gap(low: datetime, high: datetime, clock: ZoneInfo) -> datetime:
    """The leap between two instants, of which `low` is before and `high` at or after it, to the second."""
    before = low.astimezone(clock).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        if middle.astimezone(clock).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high
