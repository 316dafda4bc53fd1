"""How fast mails begin: the maths alone, then eight processes on a real Redis."""

import multiprocessing
import time
from bisect import bisect_left
from random import Random

import pytest
from delivery_redis import own_redis, wipe
from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery import pace
from newsletter.delivery.pace import Away, Bucket, Grid, Pace


def most_in_a_second(times: list[float]) -> int:
    times = sorted(times)
    return max(bisect_left(times, at + 1) - place for place, at in enumerate(times))


@pytest.fixture
def server(settings):
    with own_redis(settings) as client:
        yield client


@given(
    rate=st.floats(0.01, 3000).map(lambda rate: round(rate, 3)),
    at_once=st.sampled_from([1, 1, 50, 64]),
    late=st.integers(0, 2**32),
)
def test_no_second_holds_more_than_the_rate_however_late_within_the_tolerance_mails_begin(rate, at_once, late):
    grid, random = Grid.of(rate, at_once=at_once), Random(late)
    delay = random.choice([lambda: 0.0, lambda: random.random(), lambda: random.choice([0.0, 1.0])])
    points = [number / grid.points for number in range(int(min(grid.points, 300) * 2.2) + 3)]
    begun = [at + delay() * grid.tolerance_s * (1 - 1e-9) for at in points for _ in range(grid.each)]
    if grid.points <= 300:
        assert most_in_a_second(begun) <= -(-rate // 1)
    assert grid.each <= max(1, at_once)


@pytest.mark.parametrize(
    ("rate", "at_once", "share"), [(14, 1, 0.98), (0.5, 1, 0.98), (100, 64, 0.8), (1000, 50, 0.8), (7, 64, 0.8)]
)
def test_the_price_is_a_fiftieth_of_the_rate_and_a_fifth_where_requests_hold_many(rate, at_once, share):
    grid = Grid.of(rate, at_once=at_once)
    assert grid.points * grid.each >= share * rate * 0.999


def begin_for(seconds: float, busy_s: float, at_once: int, line) -> None:
    """One worker: slice after slice, and when each mail began by the clock that all processes share."""
    pace._client.cache_clear()
    times, until_s = [], time.monotonic() + seconds
    mine = Pace("smtp://mail.example.org", at_once=at_once)
    while time.monotonic() < until_s and (permit := mine.permit(64, until_s=until_s)):
        for _ in range(permit.size):
            while True:
                permit.rest(patient=True)
                before_s = time.monotonic()
                if permit.use():
                    break
            times.append(before_s)
            time.sleep(busy_s)
        permit.close()
    line.send(times)


def begun_by_eight(seconds: float, busy_s: float, at_once: int = 1) -> list[float]:
    fork, lines, running = multiprocessing.get_context("fork"), [], []
    for _ in range(8):
        here, there = fork.Pipe(duplex=False)
        running.append(fork.Process(target=begin_for, args=(seconds, busy_s, at_once, there)))
        lines.append(here)
        running[-1].start()
    times = [at for line in lines for at in line.recv()]
    for process in running:
        process.join()
    return sorted(times)


@pytest.mark.parametrize(
    ("rate", "busy_s", "at_once"),
    [
        pytest.param(100, 0.0, 1, id="quick"),
        pytest.param(200, 0.03, 1, id="each slower than the rate"),
        pytest.param(100, 0.002, 64, id="by requests"),
    ],
)
def test_eight_processes_never_exceed_the_rate_in_any_second(server, settings, rate, busy_s, at_once):
    settings.MAIL_RATE = rate
    times = begun_by_eight(4.5, busy_s, at_once)
    assert most_in_a_second(times) <= rate * 1.01
    assert len(times) > rate / 10  # a busy machine is late for its points, and loses them; it does not stop


def test_a_missing_bucket_starts_empty_so_that_wiping_redis_gives_no_burst(server, settings):
    settings.MAIL_RATE = 50
    bucket = Bucket(pace.client(), "a-way", Grid.of(50))
    begun = []
    for _ in range(3):
        until_s = time.monotonic() + 2.3
        while time.monotonic() < until_s:
            grants, wait_s = bucket.take(64)
            begun += [int(grant.point) / bucket.grid.points for grant in grants]  # by Redis' clock
            time.sleep(wait_s)
        wipe(server, settings.KEY_PREFIX)
        assert bucket.take(64)[0] == []
    assert len(begun) > 10 and most_in_a_second(begun) <= 50


def test_points_not_used_are_given_back(server, settings):
    settings.MAIL_RATE = 20
    bucket = Bucket(pace.client(), "a-way", Grid.of(20))
    bucket.take(1)
    time.sleep(2.2)
    grants, _ = bucket.take(64)
    assert 15 <= len(grants) <= 20
    bucket.give_back(grants)
    assert len(bucket.take(64)[0]) >= len(grants) - 5  # those whose time came meanwhile are gone


def test_two_workers_share_one_bucket_and_another_way_has_its_own(server, settings):
    bucket, same = (Bucket(pace.client(), "a-way", Grid.of(20)) for _ in range(2))
    other = Bucket(pace.client(), "another-way", Grid.of(20))
    bucket.take(1), other.take(1)
    time.sleep(2.2)
    mine, others = bucket.take(64)[0], same.take(64)[0]
    assert not {grant.point for grant in mine} & {grant.point for grant in others}
    assert len(mine) + len(others) <= 21 and len(other.take(64)[0]) >= 15


def test_without_redis_digests_wait_service_mails_go_and_it_is_said_once(settings, caplog):
    settings.REDIS_URL, settings.MAIL_RATE = "unix:///nowhere/at.sock", 50
    pace._gone.clear()
    for _ in range(3):
        permit = Pace("smtp://mail.example.org").permit(64, until_s=time.monotonic() + 9)
        assert permit.size == 64 and not permit.digests
        permit.rest(patient=False)
        assert permit.use()
        with pytest.raises(Away):
            permit.rest(patient=True)
    assert [record.message for record in caplog.records].count(
        "Redis does not answer (ConnectionError): digests wait, service mails go"
    ) == 1


def test_files_have_no_pace_and_ask_no_redis(settings):
    settings.REDIS_URL, settings.MAIL_RATE = "unix:///nowhere/at.sock", 50
    permit = Pace("file:").permit(64, until_s=0)
    assert permit.size == 64 and permit.digests and permit.use()
