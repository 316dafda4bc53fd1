"""Slots: exactly one per chosen local day, at the stated hour, in every zone and over every leap of the clock."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.subscribers import next_slot, slot_on, zones

EVERY_DAY = 0b1111111
QUARTER = timedelta(minutes=15)


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def slots(zone, hour, days, start, end):
    found, at = [], start
    while (at := next_slot(zone=zone, hour=hour, days=days, after=at)) < end:
        found.append(at)
    return found


def clock_by_hand(zone, start, end):
    """(local day, hour) -> first instant whose wall clock reads that hour or later on that day, by walking in quarters."""
    clock, first, previous = ZoneInfo(zone), {}, (start.astimezone(ZoneInfo(zone)).date(), -1)
    at = start
    while at < end:
        wall = at.astimezone(clock)
        reading = (wall.date(), wall.hour)
        if reading[0] > previous[0]:
            for hour in range(previous[1] + 1, 24):
                first.setdefault((previous[0], hour), at - timedelta(seconds=1))
        if reading != previous:
            for hour in range(wall.hour + 1):
                first.setdefault((wall.date(), hour), at)
        at, previous = at + QUARTER, reading
    return first


def one_zone_per_calendar(year):
    """Zones whose clocks differ on some day of the year, one of each."""
    noons = [datetime(year, 1, 1, 12, tzinfo=UTC) + timedelta(days=n) for n in range(0, 365, 3)]
    kinds = {}
    for zone in sorted(zones()):
        clock = ZoneInfo(zone)
        kinds.setdefault(tuple(noon.astimezone(clock).utcoffset() for noon in noons), zone)
    return sorted(kinds.values())


def test_every_zone_has_one_slot_a_local_day_over_a_whole_year():
    start, end = utc("2027-01-01"), utc("2028-01-01")
    calendars = one_zone_per_calendar(2027)
    assert len(calendars) > 40
    for number, zone in enumerate(calendars):
        first = clock_by_hand(zone, start - timedelta(days=2), end + timedelta(days=2))
        for hour in {2, 23, number % 24}:
            expected = sorted(at for (_day, at_hour), at in first.items() if at_hour == hour and start < at < end)
            found = slots(zone, hour, EVERY_DAY, start, end)
            assert found == expected, (zone, hour)
            local = [slot_on(at, zone) for at in found]
            assert [b - a for a, b in pairwise(local)] == [timedelta(days=1)] * (len(local) - 1), (zone, hour)


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(sorted(zones())),
    hour=st.integers(0, 23),
    days=st.integers(1, EVERY_DAY),
    after=st.integers(0, 3 * 365 * 86_400).map(lambda seconds: utc("2026-01-01") + timedelta(seconds=seconds)),
)
def test_the_next_slot_is_the_first_of_a_chosen_day_after_the_moment(zone, hour, days, after):
    at = next_slot(zone=zone, hour=hour, days=days, after=after)
    assert at > after
    assert days >> slot_on(at, zone).weekday() & 1
    midnight = after.replace(hour=0, minute=0, second=0, microsecond=0)
    first = clock_by_hand(zone, midnight - timedelta(days=2), at + timedelta(days=2))
    assert at == min(t for (day, h), t in first.items() if h == hour and t > after and days >> day.weekday() & 1)


@pytest.mark.parametrize(
    ("zone", "hour", "after", "expected"),
    [
        ("Europe/Amsterdam", 7, "2027-03-27T12:00", "2027-03-28T05:00"),
        ("Europe/Amsterdam", 2, "2027-03-27T12:00", "2027-03-28T01:00"),  # 02:00 is skipped: 03:00 summer time
        ("Europe/Amsterdam", 2, "2027-10-30T12:00", "2027-10-31T00:00"),  # 02:00 comes twice: the first
        ("Europe/Amsterdam", 2, "2027-10-31T00:00", "2027-11-01T01:00"),  # and not the second
        ("Australia/Lord_Howe", 2, "2027-10-02T00:00", "2027-10-02T15:30"),  # 02:00 -> 02:30, half an hour
        ("Australia/Lord_Howe", 2, "2027-04-03T00:00", "2027-04-03T15:30"),  # 01:30-02:00 comes twice, 02:00 once
        ("Australia/Lord_Howe", 1, "2027-04-03T00:00", "2027-04-03T14:00"),
        ("America/Nuuk", 23, "2027-03-27T03:00", "2027-03-28T00:59:59"),  # Saturday 23:00 leaps to Sunday
        ("America/Nuuk", 0, "2027-03-27T03:00", "2027-03-28T01:00"),
        ("Pacific/Apia", 7, "2011-12-29T18:00", "2011-12-30T17:00"),  # there was no 30 December 2011
        ("Asia/Kathmandu", 7, "2027-01-01T00:00", "2027-01-01T01:15"),
        ("Pacific/Kiritimati", 0, "2027-01-01T10:00", "2027-01-02T10:00"),  # strictly after
    ],
)
def test_slots_at_the_leaps_of_the_clock(zone, hour, after, expected):
    assert next_slot(zone=zone, hour=hour, days=EVERY_DAY, after=utc(after)) == utc(expected)


def test_a_missing_day_gives_no_second_slot_to_the_next():
    found = slots("Pacific/Apia", 7, EVERY_DAY, utc("2011-12-27"), utc("2012-01-03"))
    local = [slot_on(at, "Pacific/Apia") for at in found]
    assert date(2011, 12, 30) not in local
    assert len(set(local)) == len(local)
    assert {date(2011, 12, 29), date(2011, 12, 31)} < set(local)


def test_a_weekly_reader_has_one_day_a_week():
    found = slots("America/New_York", 7, 0b0010000, utc("2027-01-01"), utc("2028-01-01"))
    assert {slot_on(at, "America/New_York").weekday() for at in found} == {4}
    assert len(found) == 53


def test_a_pause_leaps_to_its_first_day_or_the_next_chosen_one():
    ask = {"zone": "Europe/Amsterdam", "hour": 7, "after": utc("2027-01-01")}
    assert next_slot(**ask, days=EVERY_DAY, paused_until=date(2027, 2, 6)) == utc("2027-02-06T06:00")
    assert next_slot(**ask, days=0b0011111, paused_until=date(2027, 2, 6)) == utc("2027-02-08T06:00")
    assert next_slot(**ask, days=EVERY_DAY, paused_until=date(2020, 1, 1)) == utc("2027-01-01T06:00")


def test_a_reader_without_days_has_no_slot():
    with pytest.raises(ValueError, match="no slot"):
        next_slot(zone="UTC", hour=7, days=0, after=utc("2027-01-01"))


def test_the_zones_offered_are_the_published_ones():
    assert {"UTC", "Europe/Amsterdam", "Australia/Lord_Howe", "America/Argentina/Buenos_Aires"} < zones()
    assert not {"localtime", "Factory", "posixrules", "", "Europe"} & zones()
