"""A year of one reader in every zone, who move house: one digest for each chosen local day that has papers, inside the hour.

The oracle knows neither `next_slot` nor windows. It walks the clock on the wall, counts the issues closed by the time of
each planning, and says day, instant and window of every copy. The ledger must hold exactly those.
"""

import random
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from issue_rows import paper, reader
from test_subscribers_schedule import clock_by_hand

from newsletter import editions, issues, subscribers
from newsletter.delivery.audit import audit
from newsletter.models import Delivery, Subscriber

YEAR = connection.vendor == "sqlite"  # the same code, dearer round trips: there the weeks of the spring changes
START, DAYS = (datetime(2027, 1, 1, tzinfo=UTC), 365) if YEAR else (datetime(2027, 3, 1, tzinfo=UTC), 40)
STEP, DAY, HOUR = timedelta(hours=12), timedelta(days=1), timedelta(hours=1)
END = START + DAYS * DAY
MOVES_A_DAY = 1


def _days(dice: random.Random) -> int:
    return dice.choice([0b1111111, 0b0011111, dice.randint(1, 127), *(1 << dice.randrange(7) for _ in range(3))])


@cache
def _slots(zone: str, hour: int) -> list[tuple[datetime, date]]:
    """Every local day's first instant at which the clock on the wall has reached the hour; walked where the clock leaps."""
    clock, found = ZoneInfo(zone), []
    for number in range(-2, DAYS + 3):
        day = START.date() + number * DAY
        wall = datetime.combine(day, time(hour), tzinfo=UTC)
        offsets = {(wall + leap).astimezone(clock).utcoffset() for leap in (-DAY, DAY)}
        if len(offsets) == 1:
            found.append((wall - offsets.pop(), day))
        elif (at := clock_by_hand(zone, wall - 30 * HOUR, wall + 30 * HOUR).get((day, hour))) is not None:
            found.append((at, day))
    return sorted(found)


def _planned_at(slot: datetime) -> datetime:
    """The last planning before the slot: it looks one step ahead."""
    return START + (-((START - slot) // STEP) - 1) * STEP


def _closed_by(at: datetime) -> int:
    """Issues close at midnight, before the planning."""
    return max(0, (at - START) // DAY + 1)


def _expected(history: list[tuple[datetime, str, int, int]]) -> list[tuple[date, datetime, int, int]]:
    """Day, slot, after and upto of every copy. history: since when, zone, hour, days."""
    copies, mark, last = [], 0, date.min
    ends = [since for since, *_ in history[1:]] + [END]
    for (since, zone, hour, days), until in zip(history, ends, strict=True):
        for slot, day in _slots(zone, hour):
            planned = _planned_at(slot)
            if slot <= since or not since <= planned < until or day <= last or not days >> day.weekday() & 1:
                continue
            after, upto = max(mark, _closed_by(planned - 14 * DAY)), _closed_by(planned)
            if upto > after:
                copies.append((day, slot, after, upto))
                mark, last = upto, day
    return copies


def _live(history: dict[int, list[tuple[datetime, str, int, int]]], dice: random.Random) -> None:
    zones, readers, now = sorted(subscribers.zones()), sorted(history), START
    while now < END:
        pending = Delivery.objects.filter(state="PENDING")
        pending.update(state="SENT", as_of=now, settled_at=now)
        if now.hour == 0:
            paper(f"A robot of {now:%B %d}", at=now)
            issues.close(now=now)
            for pk in dice.sample(readers, MOVES_A_DAY) if now > START else ():
                zone, hour, days = dice.choice(zones), dice.randrange(24), _days(dice)
                subscribers.change(Subscriber.objects.get(pk=pk), now=now, zone=zone, hour=hour, days=days)
                history[pk].append((now, zone, hour, days))
        editions.plan(now=now, horizon=STEP)
        now += STEP
    Delivery.objects.filter(state="PENDING").update(state="SENT", as_of=now, settled_at=now)


@pytest.mark.long
@pytest.mark.django_db
@pytest.mark.timeout(600)
def test_every_zone_has_one_digest_a_chosen_day_inside_the_hour_and_no_issue_twice_or_never():
    dice, history = random.Random(20270101), {}
    for place, zone in enumerate(sorted(subscribers.zones())):
        hour, days = place % 24, _days(dice)
        who = reader("robot", at=START - timedelta(seconds=1), zone=zone, hour=hour, days=days)
        history[who.pk] = [(START - timedelta(seconds=1), zone, hour, days)]
        slot = subscribers.next_slot(zone=zone, hour=hour, days=days, after=START)
        Subscriber.objects.filter(pk=who.pk).update(next_slot_at=slot)
    _live(history, dice)
    found: dict[int, list[tuple[date, datetime, int, int]]] = {pk: [] for pk in history}
    facts = ("subscriber_id", "slot_on", "due_at", "after", "upto", "late_at", "edition__picks")
    for pk, day, due_at, after, upto, late_at, picks in Delivery.objects.order_by("upto").values_list(*facts):
        slot = late_at - timedelta(hours=6)
        assert slot <= due_at < slot + HOUR
        assert len(picks) == min(upto - after, 10)
        found[pk].append((day, slot, after, upto))
    for pk, moves in history.items():
        assert found[pk] == _expected(moves), moves
    assert sum(map(len, found.values())) > len(history) * DAYS / 7
    assert sum(len(moves) > 1 for moves in history.values()) > (200 if YEAR else 30)
    assert audit().findings == []
