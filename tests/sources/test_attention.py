"""Independent places, and what votes and stars gained in a day, from the sightings."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from newsletter.models import Alias, Paper, Sighting, Source
from newsletter.sources.attention import Attention, attention, gained, place

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours_ago(*readings: tuple[float, int]) -> list[tuple[datetime, int]]:
    return [(NOW - ago * HOUR, count) for ago, count in readings]


def every(hours: float, since: float = 120) -> list[datetime]:
    return sorted(NOW - step * hours * HOUR for step in range(int(since / hours) + 1))


@pytest.mark.parametrize(
    ("readings", "gain"),
    [
        ([], None),
        ([(3, 40)], None),
        ([(30, 10), (27, 12), (24, 15), (12, 20), (0, 31)], 16),
        ([(72, 10), (3, 31)], 21),  # read all the time and unchanged until three hours ago
        ([(72, 10), (60, 31)], 0),
        ([(9, 12), (6, 20), (0, 25)], 13),  # known for nine hours: at least so many
        ([(30, 10), (3, 8)], 0),
    ],
)
def test_a_gain_is_the_count_now_less_the_one_a_day_ago(readings, gain):
    assert gained(hours_ago(*readings), at=NOW, read_at=every(3)) == gain


def test_the_growth_of_an_outage_is_spread_over_it():
    readings = hours_ago((96, 10), (0, 90))
    assert gained(readings, at=NOW, read_at=[NOW - 96 * HOUR, NOW]) == 20
    assert gained(readings, at=NOW, read_at=[NOW - 96 * HOUR, NOW - 48 * HOUR, NOW]) == 40
    assert gained(readings, at=NOW, read_at=every(3)) == 80


def test_what_was_seen_later_is_not_known_yet():
    assert gained(hours_ago((20, 5), (10, 9), (-1, 99)), at=NOW, read_at=every(3)) == 4


@given(st.lists(st.tuples(st.integers(0, 13 * 24), st.integers(0, 500)), unique_by=lambda one: one[0]), st.integers(0, 300))
def test_a_gain_is_never_below_zero_nor_above_what_was_seen_and_grows_with_the_newest_count(readings, more):
    rows = hours_ago(*sorted(readings, reverse=True))
    read_at = sorted({at for at, _ in rows} | set(every(24)))
    gain = gained(rows, at=NOW, read_at=read_at)
    assert (gain is None) == (len(rows) < 2)
    if gain is not None:
        counts = [count for _, count in rows]
        assert 0 <= gain <= max(counts) - min(counts)
        grown = [*rows[:-1], (rows[-1][0], rows[-1][1] + more)]
        assert gained(grown, at=NOW, read_at=read_at) >= gain


@pytest.mark.parametrize(
    ("kind", "url", "counts_as"),
    [
        ("huggingface", "", "huggingface"),
        ("arxiv", "https://mirror.example.org/rss", "arxiv"),
        ("feed", "https://rss.arxiv.org/rss/cs.CL", "arxiv"),
        ("feed", "https://www.lab.example.org/feed.xml", "lab.example.org"),
        ("feed", "https://lab.example.org/other.xml", "lab.example.org"),
        ("feed", "https://notarxiv.org/feed", "notarxiv.org"),
        ("feed", "", "blog"),
    ],
)
def test_a_place_is_a_kind_or_the_host_of_a_feed(kind, url, counts_as):
    assert place(Source(slug="blog", kind=kind, params={"url": url} if url else {})) == counts_as


def source(slug: str, kind: str = "", **params: str) -> Source:
    return Source.objects.create(slug=slug, name=slug, kind=kind or slug, params=params)


def paper(title: str = "A robot", **values) -> Paper:
    return Paper.objects.create(title=title, listed_on=NOW.date(), seen_at=NOW, **values)


def sight(row: Paper, place: Source, ago: float = 0, **values) -> None:
    at = NOW - ago * HOUR
    Sighting.objects.create(source=place, paper=row, seen_at=at, listed_on=at.date(), rank=1, **values)


@pytest.mark.django_db
def test_two_lists_of_one_place_count_once():
    row = paper()
    for one in (source("hf-daily", "huggingface"), source("hf-trending", "huggingface", page="trending")):
        sight(row, one)
    assert attention([row.pk], at=NOW)[row.pk].places == 1
    for one in (
        source("arxiv-cs-cl", "arxiv"),
        source("arxiv-cs-lg", "arxiv"),
        source("rss", "feed", url="https://rss.arxiv.org/x"),
    ):
        sight(row, one)
    assert attention([row.pk], at=NOW)[row.pk].places == 2
    sight(row, source("hackernews"))
    sight(row, source("lab", "feed", url="https://lab.example.org/feed"))
    assert attention([row.pk], at=NOW)[row.pk].places == 4


@pytest.mark.django_db
def test_copies_of_a_list_count_only_alone_and_stars_never():
    row, saved = paper(), source("snapshot")
    sight(row, saved)
    sight(row, source("mailbox"))
    sight(row, source("github"), stars=9)
    seen = attention([row.pk], at=NOW)[row.pk]
    assert (seen.places, seen.sources & {saved.pk}) == (1, {saved.pk})
    sight(row, source("huggingface"))
    assert attention([row.pk], at=NOW)[row.pk].places == 1


@pytest.mark.django_db
def test_counts_of_two_places_or_two_ids_are_not_one_series():
    row, daily, other = paper(), source("huggingface"), source("biorxiv")
    twin = Alias.objects.create(scheme="arxiv", value="2611.00002", paper=row)
    sight(row, daily, ago=30, upvotes=100)
    sight(row, other, ago=20, upvotes=3)
    sight(row, daily, ago=10, upvotes=7, alias=twin)
    sight(row, daily, ago=5, upvotes=104)
    sight(row, other, ago=1, upvotes=5)
    assert attention([row.pk], at=NOW)[row.pk].upvotes_gained == 4


@pytest.mark.django_db
def test_points_of_stories_are_no_votes_but_stars_of_github_are_stars():
    row, hn, github = paper(), source("hackernews"), source("github")
    for ago, count in ((20, 5), (1, 400)):
        sight(row, hn, ago=ago, upvotes=count)
        sight(row, github, ago=ago, stars=count)
    assert attention([row.pk], at=NOW)[row.pk] == Attention(
        places=1, sources=frozenset({hn.pk}), upvotes_gained=None, stars_gained=395
    )


@pytest.mark.django_db
def test_it_asks_three_questions_however_many_papers():
    from django.db import connection

    place = source("huggingface")
    rows = [paper(f"Robot {number}") for number in range(40)]
    for row in rows:
        sight(row, place, ago=5, upvotes=1)
        sight(row, place, ago=2, upvotes=3)
    with CaptureQueriesContext(connection) as seen:
        found = attention([row.pk for row in rows], at=NOW)
    assert len(seen) == 3
    assert {one.upvotes_gained for one in found.values()} == {2} and len(found) == 40
    assert attention([], at=NOW) == {}
