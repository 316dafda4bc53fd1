"""The five outcomes, told apart on everything that sources were seen to do; each with a sentence, none a lie."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from newsletter.models import Paper, Permit, Sighting
from newsletter.sources import KINDS, ingest, polite
from newsletter.sources.page import Page
from tests.sources import samples
from tests.sources.making import record, source

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 9, 15, tzinfo=UTC)  # a Friday
FRIDAY = date(2026, 1, 9)
CURSOR = "2026-01-08:abc"
RSS = (
    '<rss version="2.0"><channel><title>cs.CL updates on arXiv.org</title><link>http://rss.arxiv.org/rss/cs.CL</link>'
    "<pubDate>{day:%a, %d %b %Y} 00:00:00 -0500</pubDate>{items}</channel></rss>"
)


@pytest.fixture
def server(settings):
    settings.ALLOW_PRIVATE_FETCH = True
    with HTTPServer() as one:
        yield one


@pytest.fixture
def feed(server):
    """A source of kind arxiv, and a way to say what its feed answers."""

    def serve(day=FRIDAY, numbers=(), data=None, **answer):
        server.clear()
        Permit.objects.all().delete()  # the local server stands for a host that is asked once a day
        items = "".join(
            f"<item><title>Feed Paper Number {n} Here</title><guid>oai:arXiv.org:2601.{n:05d}v1</guid></item>" for n in numbers
        )
        server.expect_request("/rss").respond_with_data(data or RSS.format(day=day, items=items), **answer)

    place = source(kind="feed_of_a_day", params={"url": server.url_for("/rss")})
    return SimpleNamespace(place=place, serve=serve)


@pytest.fixture(autouse=True)
def _plain_kinds(monkeypatch):
    """arXiv's parser behind a plain fetch: no pause, no cross-check."""
    monkeypatch.setitem(KINDS, "feed_of_a_day", fake_kind())


def fake_kind(**more):
    def fetch(params, *, now, etag="", last_modified=""):
        return polite.get(params["url"], etag=etag, last_modified=last_modified)

    parts = {"HOME": "", "NAME": "", "GROWS": False, "fetch": fetch, "parse": KINDS["arxiv"].parse}
    return SimpleNamespace(**{**parts, **more})


def with_history(feed, size=20, weeks=5):
    for week in range(weeks, 0, -1):
        feed.serve(FRIDAY - timedelta(weeks=week), range(week * 100, week * 100 + size))
        assert ingest(feed.place, now=NOW - timedelta(weeks=week)).outcome == "FRESH"


def test_a_weekend_feed_is_quiet_and_moves_the_cursor(feed):
    feed.serve(date(2026, 1, 10))
    report = ingest(feed.place, now=NOW)
    assert (report.outcome, feed.place.cursor[:10]) == ("QUIET", "2026-01-10")
    assert report.reason == "Nothing was listed on 2026-01-10."


def test_an_empty_weekday_is_quiet_but_says_what_is_usual(feed):
    with_history(feed)
    feed.serve()
    report = ingest(feed.place, now=NOW)
    assert report.outcome == "QUIET" and "about 20: if it is no holiday, look at the source" in report.reason


def test_an_empty_list_of_hugging_face_is_quiet(server):
    server.expect_request("/api").respond_with_data("[]")
    place = source(kind="huggingface", params={"url": server.url_for("/api")})
    assert ingest(place, now=NOW).outcome == "QUIET"


def test_yesterdays_batch_under_a_fresh_date_is_late_until_the_new_one_comes_and_the_day_between_is_caught_up(feed, monkeypatch):
    asked = []

    def past(params, *, day):
        asked.append(day)
        return polite.Fetched(answers=(polite.Answer(data=RSS.format(day=day, items="").encode()),))

    monkeypatch.setitem(KINDS, "feed_of_a_day", fake_kind(past=past))
    feed.serve(date(2026, 1, 7), (1, 2))
    ingest(feed.place, now=NOW - timedelta(days=2))
    before = feed.place.cursor
    feed.serve(date(2026, 1, 8), (1, 2), headers={"ETag": '"8"'})
    report = ingest(feed.place, now=NOW - timedelta(days=1))
    assert (report.outcome, feed.place.cursor, feed.place.fetched_etag) == ("LATE", before, "")
    assert "the new list is not out" in report.reason
    feed.serve(FRIDAY, (5, 6))
    assert ingest(feed.place, now=NOW).outcome == "FRESH"
    assert asked == [date(2026, 1, 8)] and feed.place.cursor.startswith("2026-01-09")


def test_a_true_small_day_is_partial_then_fresh_after_a_day_and_an_equal_reading(feed):
    with_history(feed)
    before = feed.place.cursor
    feed.serve(numbers=(1,))
    report = ingest(feed.place, now=NOW)
    assert (report.outcome, report.new, feed.place.cursor) == ("PARTIAL", 1, before)
    assert report.reason.startswith("Only 1 paper on 2026-01-09, where such a weekday has about 20")
    feed.serve(numbers=(1,))
    assert ingest(feed.place, now=NOW + timedelta(hours=23)).outcome == "PARTIAL"
    feed.serve(numbers=(1,))
    report = ingest(feed.place, now=NOW + timedelta(hours=24))
    assert (report.outcome, feed.place.cursor[:10]) == ("FRESH", "2026-01-09")
    feed.serve(numbers=(1,))
    assert ingest(feed.place, now=NOW + timedelta(hours=27)).outcome == "FRESH"


def test_a_small_day_that_changes_begins_to_settle_anew(feed):
    with_history(feed)
    for hours, numbers, outcome in (
        (0, (1,), "PARTIAL"),
        (24, (1, 2), "PARTIAL"),
        (30, (1, 2), "PARTIAL"),
        (48, (1, 2), "FRESH"),
    ):
        feed.serve(numbers=numbers)
        assert (hours, ingest(feed.place, now=NOW + timedelta(hours=hours)).outcome) == (hours, outcome)


@pytest.mark.parametrize(("size", "outcome"), [(4, "PARTIAL"), (5, "FRESH")])
def test_a_quarter_of_the_median_is_the_line(feed, size, outcome):
    with_history(feed)
    feed.serve(numbers=range(1, size + 1))
    assert ingest(feed.place, now=NOW).outcome == outcome


def test_a_page_that_declares_more_than_it_holds_is_partial_for_good(feed, monkeypatch):
    page = Page(
        records=(record(arxiv="2601.00001"), record("Another Study of the Lists", arxiv="2601.00002")),
        listed_on=FRIDAY,
        declared=7,
    )
    monkeypatch.setitem(KINDS, "feed_of_a_day", fake_kind(parse=lambda data, day=None: page))
    for days in (0, 2):
        feed.serve()
        report = ingest(feed.place, now=NOW + timedelta(days=days))
        assert (report.outcome, report.new + report.merged, feed.place.cursor) == ("PARTIAL", 2, "")
    assert "2 of 7 papers could be read" in report.reason


def test_an_id_that_was_asked_for_and_left_out_is_named(feed, monkeypatch):
    def fetch(params, *, now, etag="", last_modified=""):
        return polite.Fetched(answers=(polite.Answer(data=b"", wanted=("2601.00001v2", "0000.0000")),))

    page = Page(records=(record(arxiv="2601.00001"),))
    monkeypatch.setitem(KINDS, "feed_of_a_day", fake_kind(fetch=fetch, parse=lambda data, day=None: page))
    report = ingest(feed.place, now=NOW)
    assert (report.outcome, report.reason) == ("PARTIAL", "1 of 2 papers asked for did not come: 0000.0000.")


CUT = RSS.format(day=FRIDAY, items="<item><title>A</title><guid>oai:arXiv.org:2601.00001v1</guid></item>")[:-40]
CHALLENGE = "<!DOCTYPE html><html><head><title>Just a moment...</title><script src='/challenge.js'></script></head></html>"


@pytest.mark.parametrize(
    ("answer", "said", "hours"),
    [
        ({"data": CUT}, "cannot be read", 1),
        ({"data": CHALLENGE}, "tests for robots", 1),
        ({"data": CHALLENGE, "status": 202}, "barrier", 1),
        ({"data": CHALLENGE, "status": 403}, "barrier", 1),
        ({"status": 429}, "too often", 1),
        ({"status": 429, "headers": {"Retry-After": "18000"}}, "too often", 5),
        ({"status": 500}, "error of its own", 1),
        ({"status": 503, "headers": {"Retry-After": "7200"}}, "error of its own", 2),
        ({"status": 404}, "address is still right", 1),
        ({"data": "{"}, "no XML|cannot be read", 1),
    ],
)
def test_an_error_is_broken_with_a_sentence_moves_no_cursor_and_grows_its_wait(feed, answer, said, hours):
    feed.place.cursor = CURSOR
    feed.place.save()
    feed.serve(**answer)
    report = ingest(feed.place, now=NOW)
    feed.place.refresh_from_db()
    assert (report.outcome, feed.place.outcome, feed.place.cursor, Paper.objects.count()) == ("BROKEN", "BROKEN", CURSOR, 0)
    assert re.search(said, report.reason) and re.fullmatch(r"[A-Z].*[^.]\.", report.reason), report.reason
    assert feed.place.due_at == pytest.approx(NOW + timedelta(hours=hours), abs=timedelta(seconds=2))
    feed.serve(**{key: value for key, value in answer.items() if key != "headers"})
    ingest(feed.place, now=NOW + timedelta(hours=hours))
    assert feed.place.fails == 2 and feed.place.due_at >= NOW + timedelta(hours=hours + 2)
    feed.serve(numbers=(1, 2))
    assert ingest(feed.place, now=NOW + timedelta(days=1)).outcome == "FRESH" and feed.place.fails == 0


def test_the_marks_of_a_list_that_was_not_believed_are_not_kept(feed, server):
    feed.serve(data=CUT, headers={"ETag": '"bad"'})
    assert ingest(feed.place, now=NOW).outcome == "BROKEN"
    server.clear()
    server.expect_request("/rss", headers={"If-None-Match": '"bad"'}).respond_with_data(status=304)
    feed.place.refresh_from_db()
    assert feed.place.fetched_etag == ""


def test_a_redirect_to_another_day_is_broken(server, monkeypatch):
    server.expect_request("/papers/date/2026-01-09").respond_with_data(status=302, headers={"Location": "/papers"})
    server.expect_request("/papers").respond_with_data("[]")
    place = source(kind="feed_of_a_day", params={"url": server.url_for("/papers/date/2026-01-09")})
    report = ingest(place, now=NOW)
    assert report.outcome == "BROKEN" and "leads from 2026-01-09 to another page" in report.reason


def test_the_list_of_another_day_than_the_one_asked_for_is_not_used(feed, monkeypatch):
    def fetch(params, *, now, etag="", last_modified=""):
        return polite.Fetched(answers=(polite.Answer(data=b"", day=FRIDAY),))

    page = Page(records=(record(arxiv="2601.00001"),), listed_on=date(2026, 1, 8))
    monkeypatch.setitem(KINDS, "feed_of_a_day", fake_kind(fetch=fetch, parse=lambda data, day=None: page))
    report = ingest(feed.place, now=NOW)
    assert (report.outcome, Paper.objects.count()) == ("BROKEN", 0)
    assert "2026-01-09 was asked for and the list of 2026-01-08 came" in report.reason


@samples.needed
def test_arxivs_error_entry_is_no_paper(feed):
    feed.place.kind = "feed"
    feed.place.save()
    feed.serve(data=samples.data("arxiv/api/id_abc_s0_m100.xml"))
    assert (ingest(feed.place, now=NOW).outcome, Paper.objects.count()) == ("BROKEN", 0)


@samples.needed
def test_a_page_without_hydration_and_cards_is_a_changed_layout():
    from newsletter.sources.page import Malformed

    data = re.sub(rb'data-props="[^"]*"', b"", samples.data("hf/html/empty-day-2026-08-22.rebuilt.html"))
    with pytest.raises(Malformed):
        KINDS["huggingface"].parse(data)


def test_a_server_that_cuts_every_list_at_fifty_is_read_to_the_end(server):
    items = [{"paper": {"id": f"2601.{n:05d}", "title": f"Paper Number {n} of the Day", "upvotes": 1}} for n in range(1, 121)]

    def answer(request):
        page = int(request.args.get("p", 0)) if request.args["date"] == "2026-01-09" else 9
        return Response(json.dumps(items[page * 50 : page * 50 + 50]))

    server.expect_request("/api").respond_with_handler(answer)
    place = source(kind="huggingface", params={"url": server.url_for("/api")})
    report = ingest(place, now=NOW)
    assert (report.outcome, report.new) == ("FRESH", 120)


def test_what_an_outage_missed_is_caught_up_by_the_next_run(server):
    days = {
        f"2026-01-{day:02d}": [{"paper": {"id": f"2601.{day:05d}", "title": f"Paper of the Day Number {day}"}}]
        for day in range(1, 10)
    }
    server.expect_request("/api").respond_with_handler(lambda request: Response(json.dumps(days.get(request.args["date"], []))))
    place = source(kind="huggingface", params={"url": server.url_for("/api")})
    ingest(place, now=NOW - timedelta(days=6))
    report = ingest(place, now=NOW)
    assert report.outcome == "FRESH" and place.cursor.startswith("2026-01-09")
    assert set(Sighting.objects.values_list("listed_on", flat=True)) == {date(2026, 1, day) for day in range(2, 10)}


def test_a_day_that_cannot_be_caught_up_keeps_the_cursor(server):
    def answer(request):
        if request.args["date"] == "2026-01-06":
            return Response(b"", status=404)
        return Response(json.dumps([{"paper": {"id": f"2601.000{request.args['date'][-2:]}", "title": "One Paper of the Day"}}]))

    server.expect_request("/api").respond_with_handler(answer)
    place = source(kind="huggingface", params={"url": server.url_for("/api")})
    ingest(place, now=NOW - timedelta(days=5))
    before = place.cursor
    report = ingest(place, now=NOW)
    assert (report.outcome, place.cursor) == ("PARTIAL", before) and "404" in report.reason


def test_a_rolling_list_with_the_same_entries_is_quiet_and_never_late(feed, monkeypatch):
    monkeypatch.setitem(KINDS, "feed_of_a_day", fake_kind(rolling=lambda params: True))
    for step, outcome in enumerate(("FRESH", "QUIET", "QUIET")):
        feed.serve(FRIDAY + timedelta(days=step), (1, 2))
        assert ingest(feed.place, now=NOW + timedelta(days=step)).outcome == outcome
