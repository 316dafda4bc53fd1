import json
import re
from datetime import date, timedelta

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from newsletter.models import Paper, Run, Sighting, Source
from newsletter.sources import default_sources, ingest, ingest_due, ingest_sample, online
from tests.sources.making import NOW, source

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings, monkeypatch):
    settings.ALLOW_PRIVATE_FETCH = True
    monkeypatch.setattr("newsletter.sources.arxiv._PAUSE", 0.0)
    with HTTPServer() as one:
        yield one


def hf_items(*numbers, votes=1):
    return [{"paper": {"id": f"2601.{n:05d}", "title": f"Paper Number {n} of the Day", "upvotes": votes}} for n in numbers]


def hugging_face(server, days):
    """A server with these papers by day, cut by limit and p as the real one cuts."""

    def answer(request):
        items = days.get(request.args["date"], [])
        if isinstance(items, int):
            return Response(b"<html>", status=items)
        size, page = int(request.args["limit"]), int(request.args.get("p", 0))
        return Response(json.dumps(items[page * size : (page + 1) * size]))

    server.expect_request("/api").respond_with_handler(answer)
    return source(kind="huggingface", params={"url": server.url_for("/api")})


RSS = (
    '<rss version="2.0"><channel><title>cs.CL updates on arXiv.org</title>'
    "<pubDate>{day:%a, %d %b %Y} 00:00:00 -0500</pubDate>{items}</channel></rss>"
)


def arxiv(server, day, *numbers, **answer):
    items = "".join(
        f"<item><title>Feed Paper Number {n} Here</title><guid>oai:arXiv.org:2601.{n:05d}v1</guid></item>" for n in numbers
    )
    server.clear()
    server.expect_request("/rss").respond_with_data(answer.pop("data", RSS.format(day=day, items=items)), **answer)


def test_a_day_is_read_to_its_end_past_fifty_and_past_a_hundred(server):
    place = hugging_face(server, {"2026-01-07": hf_items(*range(1, 131)), "2026-01-06": hf_items(*range(200, 260))})
    report = ingest(place, now=NOW)
    assert (report.outcome, report.new, report.rejected) == ("FRESH", 190, 0)
    assert Sighting.objects.filter(listed_on=date(2026, 1, 6)).count() == 60
    assert ingest(place, now=NOW + timedelta(hours=3)).outcome == "FRESH"
    assert Sighting.objects.count() == 190


def test_votes_that_grow_are_seen_again(server):
    days = {"2026-01-07": hf_items(1, votes=2)}
    place = hugging_face(server, days)
    ingest(place, now=NOW)
    days["2026-01-07"] = hf_items(1, 2, votes=30)
    report = ingest(place, now=NOW + timedelta(hours=3))
    assert (report.new, report.merged) == (1, 1)
    assert Paper.objects.get(aliases__value="2601.00001").upvotes == 30


def test_one_failing_day_is_partial_and_moves_no_cursor(server):
    place = hugging_face(server, {"2026-01-07": 403, "2026-01-06": hf_items(1, 2)})
    report = ingest(place, now=NOW)
    assert (report.outcome, report.new, place.cursor) == ("PARTIAL", 2, "")
    assert "403" in report.reason


def test_yesterdays_list_under_todays_date_is_late(server):
    place = hugging_face(server, {"2026-01-07": hf_items(1, 2), "2026-01-06": hf_items(1, 2)})
    report = ingest(place, now=NOW)
    assert report.outcome == "LATE" and "not out" in report.reason
    assert not Sighting.objects.filter(listed_on=date(2026, 1, 7)).exists()


def test_the_outcomes_of_a_feed_over_some_days(server):
    place = source(kind="arxiv", params={"url": server.url_for("/rss")})
    story = [
        (date(2026, 1, 9), (1, 2), "FRESH"),
        (date(2026, 1, 9), (1, 2), "FRESH"),
        (date(2026, 1, 10), (), "QUIET"),
        (date(2026, 1, 12), (1, 2), "LATE"),
        (date(2026, 1, 12), (3, 4), "FRESH"),
    ]
    for step, (day, numbers, outcome) in enumerate(story):
        before = place.cursor
        arxiv(server, day, *numbers)
        report = ingest(place, now=NOW + timedelta(days=step))
        assert (step, report.outcome) == (step, outcome)
        assert (place.cursor == before) == (outcome == "LATE" or step == 1)
    assert Paper.objects.count() == 4


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 429, "headers": {"Retry-After": "7200"}}, "too often"),
        ({"status": 500}, "error of its own"),
        ({"data": "<html><script src=challenge.js></script>"}, "tests for robots"),
        ({"data": RSS.format(day=NOW, items="<item>")[:-30]}, "cannot be read"),
        ({"data": RSS.format(day=NOW, items="<item><title>x</title></item>")}, "layout may have changed"),
    ],
)
def test_an_error_is_broken_with_a_sentence_and_never_an_empty_day(server, answer, said):
    place = source(kind="arxiv", params={"url": server.url_for("/rss")}, cursor="2026-01-06:abc")
    arxiv(server, NOW, **answer)
    report = ingest(place, now=NOW)
    place.refresh_from_db()
    assert (report.outcome, place.outcome, place.cursor) == ("BROKEN", "BROKEN", "2026-01-06:abc")
    assert re.search(said, report.reason), report.reason
    assert report.reason.endswith(".") and place.due_at >= NOW + timedelta(hours=2 if "headers" in answer else 1)


def test_a_day_far_under_its_weekdays_is_partial_and_still_used(server):
    place = source(kind="arxiv", params={"url": server.url_for("/rss")})
    for week in range(5, 0, -1):
        arxiv(server, date(2026, 1, 9) - timedelta(weeks=week), *range(week * 100, week * 100 + 20))
        assert ingest(place, now=NOW - timedelta(weeks=week)).outcome == "FRESH"
    arxiv(server, date(2026, 1, 9), 1, 2)
    report = ingest(place, now=NOW)
    assert (report.outcome, report.new) == ("PARTIAL", 2)
    assert "about 20" in report.reason


def test_an_unchanged_feed_is_quiet_and_its_marks_stay(server):
    place = source(kind="arxiv", params={"url": server.url_for("/rss")})
    arxiv(server, date(2026, 1, 7), 1, headers={"ETag": '"7"'})
    ingest(place, now=NOW)
    server.clear()
    server.expect_request("/rss", headers={"If-None-Match": '"7"'}).respond_with_data(status=304)
    assert ingest(place, now=NOW + timedelta(hours=3)).outcome == "QUIET"
    assert place.fetched_etag == '"7"'
    assert ingest(place, now=NOW + timedelta(days=9)).outcome == "LATE"


@pytest.mark.parametrize(
    ("kind", "params"), [("nonsense", {}), ("feed", {}), ("feed", {"url": "http://127.0.0.1:1/"}), ("snapshot", {})]
)
def test_a_source_that_cannot_be_read_at_all_is_broken_and_nothing_is_raised(kind, params):
    report = ingest(source(kind=kind, params=params), now=NOW)
    assert report.outcome == "BROKEN" and report.reason.endswith(".")


def test_a_mistake_of_ours_costs_one_source_and_is_logged(server, monkeypatch, caplog):
    place = source(kind="arxiv", params={"url": server.url_for("/rss")})
    arxiv(server, date(2026, 1, 7), 1)
    monkeypatch.setattr("newsletter.sources.arxiv._feed._announced", lambda *args: 1 // 0)
    report = ingest(place, now=NOW)
    assert (report.outcome, "ZeroDivisionError" in report.reason, "ZeroDivisionError" in caplog.text) == ("BROKEN", True, True)


def test_due_sources_are_read_once_and_leave_a_run(server):
    arxiv(server, date(2026, 1, 7), 1, 2)
    place = source("live", kind="arxiv", params={"url": server.url_for("/rss")})
    source("off", kind="arxiv", enabled=False)
    source("sample", kind="arxiv", is_sample=True)
    assert [report.source for report in ingest_due(now=NOW)] == [place]
    assert ingest_due(now=NOW + timedelta(minutes=179)) == []
    (run,) = Run.objects.all()
    assert (run.stage, run.state, run.report["live"]["new"]) == ("ingest", "DONE", 2)


def test_the_shipped_sources_are_made_once_and_stay_as_a_curator_set_them():
    default_sources()
    count = Source.objects.count()
    Source.objects.filter(slug="arxiv-cs-cl").update(enabled=False)
    default_sources()
    assert Source.objects.count() == count >= 11
    assert not Source.objects.get(slug="arxiv-cs-cl").enabled


def test_online_asks_the_enabled_sources(server):
    server.expect_request("/robots.txt").respond_with_data(b"")
    source(kind="feed", params={"url": server.url_for("/feed")})
    assert online(now=NOW, seconds=2)


def test_the_sample_is_fourteen_days_of_real_papers_that_end_today():
    today = date(2026, 3, 1)
    per_day = [sum(report.new for report in ingest_sample(day=today, offset=offset, now=NOW)) for offset in range(13, -1, -1)]
    assert all(per_day) and sum(per_day) == Paper.objects.count() >= 120
    assert ingest_sample(day=today, offset=14, now=NOW) == []
    assert set(Paper.objects.values_list("is_sample", flat=True)) == {True}
    days = set(Paper.objects.values_list("listed_on", flat=True))
    assert (min(days), max(days)) == (today - timedelta(days=13), today)
    assert not Paper.objects.filter(published_on__gt=today).exists()
    assert not Paper.objects.filter(title__contains="@-").exists()
    assert {source.kind for source in Source.objects.all()} == {"huggingface", "arxiv", "snapshot"}
    assert Sighting.objects.filter(paper__aliases__value="2509.26618").values("source").distinct().count() == 2
    before = Sighting.objects.count()
    assert sum(report.new for report in ingest_sample(day=today, offset=0, now=NOW)) == 0
    assert Sighting.objects.count() == before
