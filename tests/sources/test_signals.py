"""Stars and points: they count for known papers and make none."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from newsletter.models import Outcome, Paper, Sighting, Source
from newsletter.sources import default_sources, github, hackernews, ingest, ingest_files, preview, preview_files, store
from newsletter.sources.page import Malformed, text
from tests.sources import making, samples

NOW = datetime(2026, 1, 8, 9, tzinfo=UTC)


def hit(number="1", url="https://arxiv.org/abs/2601.00001v2", points=5, comments=2, **more):
    at = int(datetime(2026, 1, 7, tzinfo=UTC).timestamp())
    return {"objectID": number, "title": "A", "url": url, "points": points, "num_comments": comments, "created_at_i": at,
            "_tags": ["story"]} | more  # fmt: skip


def answer(*hits):
    return {"hits": list(hits)}


@pytest.fixture
def papers(db):
    one = making.record(arxiv="2601.00001", code_url="https://github.com/Some/Thing", has_code=True, upvotes=7, stars=1)
    other = making.record("Quite Another Study of Readers", arxiv="2601.00002")
    store(making.page(one, other), making.source(), seen_at=making.NOW, day=making.DAY)
    return list(Paper.objects.order_by("pk"))


@pytest.fixture
def local(httpserver, settings, tmp_path):
    settings.ALLOW_PRIVATE_FETCH = True
    settings.PAPERROUND_DATA = tmp_path
    return httpserver


@samples.needed
@pytest.mark.parametrize(("name", "want"), samples.expected("hackernews/"))
def test_the_recorded_answer_of_hacker_news(name, want):
    page = hackernews.parse(samples.data(name))
    first = page.signals[0]
    assert hackernews.recognises(samples.data(name))
    assert len(page.signals) == want["hits"] and not page.records
    assert (first.number, first.name, first.points) == (want["first_id"], want["first_title"], want["first_points"])
    assert sum(not signal.aliases for signal in page.signals) == want["no_url"]


@samples.needed
@pytest.mark.django_db
def test_recorded_stories_about_nothing_known_leave_no_trace():
    report = ingest_files(samples.ROOT / "hackernews", now=NOW)
    assert [(one.kind, one.new) for one in report.files] == [("hackernews", 0)]
    assert not Paper.objects.exists() and not Sighting.objects.exists()


@samples.needed
@pytest.mark.parametrize(("name", "want"), samples.expected("github-trending/"))
def test_the_trending_page_of_github_is_not_built(name, want):
    assert not github.recognises(samples.data(name))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"hits": 1}', b'{"hits": [{}]}', b'{"hits": [{"objectID": "1"}]}'])
def test_what_is_no_answer_of_hacker_news_is_refused(data):
    with pytest.raises(Malformed):
        hackernews.parse(data)


def test_points_of_all_stories_of_a_known_paper_become_a_sighting(papers, local):
    both = answer(hit(), hit("2", "https://arxiv.org/pdf/2601.00001", 10, 1), hit("3", "https://arxiv.org/abs/2601.09999"))
    local.expect_request("/search").respond_with_json(both)
    source = making.source("hn", kind="hackernews", params={"url": local.url_for("/search"), "places": ["arxiv.org"]})
    report = ingest(source, now=NOW)
    assert (report.outcome, report.new) == (Outcome.FRESH, 0)
    seen = Sighting.objects.get(source=source)
    assert (seen.paper, seen.upvotes, seen.comments, seen.listed_on) == (papers[0], 15, 3, date(2026, 1, 7))
    papers[0].refresh_from_db()
    assert papers[0].upvotes == 7 and Paper.objects.count() == 2
    assert ingest(source, now=NOW + timedelta(hours=3)).outcome == Outcome.FRESH
    assert Sighting.objects.filter(source=source).count() == 1


def test_points_reach_the_survivor_of_a_merge(papers, local):
    Paper.objects.filter(pk=papers[0].pk).update(merged_into=papers[1])
    local.expect_request("/search").respond_with_json(answer(hit()))
    source = making.source("hn", kind="hackernews", params={"url": local.url_for("/search")})
    ingest(source, now=NOW)
    assert Sighting.objects.get(source=source).paper == papers[1]


def test_an_error_of_hacker_news_changes_nothing(papers, local):
    local.expect_request("/search").respond_with_data("no", status=503)
    source = making.source("hn", kind="hackernews", params={"url": local.url_for("/search")})
    report = ingest(source, now=NOW)
    assert report.outcome == Outcome.BROKEN and not Sighting.objects.filter(source=source).exists()


def test_stars_go_to_the_paper_and_the_etag_is_sent_the_next_day(papers, local):
    local.expect_ordered_request("/repos/some/thing").respond_with_json(
        {"full_name": "Some/Thing", "stargazers_count": 42}, headers={"ETag": '"x"'}
    )
    local.expect_ordered_request("/repos/some/thing", headers={"If-None-Match": '"x"'}).respond_with_data("", status=304)
    source = making.source("stars", kind="github", params={"url": local.url_for("").rstrip("/")})
    assert ingest(source, now=NOW).outcome == Outcome.FRESH
    papers[0].refresh_from_db()
    assert papers[0].stars == 42 and Sighting.objects.get(source=source).stars == 42
    assert ingest(source, now=NOW + timedelta(hours=3)).outcome == Outcome.QUIET
    assert len(local.log) == 1
    assert ingest(source, now=NOW + timedelta(hours=24)).outcome == Outcome.QUIET
    assert len(local.log) == 2 and not local.check_assertions()


def test_old_papers_samples_and_more_than_the_most_are_not_asked(papers, local):
    made = making.source("more")
    for number in range(5):
        record = making.record(f"Study Number {number} of Careful Readers", arxiv=f"2601.1000{number}",
                               code_url=f"https://github.com/o/r{number}")  # fmt: skip
        store(making.page(record), made, seen_at=making.NOW, day=making.DAY if number else date(2025, 12, 1))
    local.expect_request("/repos/o/r1").respond_with_json({"full_name": "o/r1", "stargazers_count": 3})
    local.expect_request("/repos/some/thing").respond_with_data("gone", status=404)
    source = making.source("stars", kind="github", params={"url": local.url_for("").rstrip("/"), "most": 2})
    ingest(source, now=NOW)
    asked = {request.path for request, _ in local.log} - {"/robots.txt"}
    assert len(asked) == 2 and "/repos/o/r0" not in asked


def test_after_three_failures_nothing_more_is_asked(papers, local):
    made = making.source("more")
    for number in range(5):
        record = making.record(f"Study Number {number} of Careful Readers", arxiv=f"2601.1000{number}",
                               code_url=f"https://github.com/o/r{number}")  # fmt: skip
        store(making.page(record), made, seen_at=making.NOW, day=making.DAY)
    local.expect_request("/robots.txt").respond_with_data("", status=404)
    source = making.source("stars", kind="github", params={"url": local.url_for("").rstrip("/")})
    assert ingest(source, now=NOW).outcome == Outcome.BROKEN
    assert len([request for request, _ in local.log if request.path != "/robots.txt"]) <= 3


def test_a_repository_is_known_by_owner_and_name():
    assert text.repository("https://www.github.com/Some/Thing.git") == "some/thing"
    assert text.repository("https://github.com/some/thing/tree/main") == "some/thing"
    assert [text.repository(url) for url in ("https://github.com/some", "https://gitlab.com/a/b", "x")] == ["", "", ""]
    assert github.recognises(json.dumps({"full_name": "a/b", "stargazers_count": 1}).encode())


@pytest.mark.django_db
def test_signals_are_shipped_switched_on_and_the_mailbox_off():
    default_sources()
    assert dict(Source.objects.filter(slug__in=["github-stars", "hacker-news", "mailbox"]).values_list("kind", "enabled")) == {
        "github": True,
        "hackernews": True,
        "mailbox": False,
    }


@pytest.mark.django_db
def test_a_dry_run_tells_signals_from_an_empty_list(local, papers, tmp_path):
    local.expect_request("/hn").respond_with_json(answer(hit()))
    place = making.source("hn", kind="hackernews", params={"url": local.url_for("/hn")})
    (tmp_path / "hn.json").write_text(json.dumps(answer(hit())))
    said = "1 signal; they count for papers known here and make none."
    assert [(one.outcome, one.reason) for one in preview(place, now=NOW)] == [(Outcome.FRESH, said)]
    assert [(one.outcome, one.reason) for one in preview_files(tmp_path / "hn.json", now=NOW)] == [(Outcome.FRESH, said)]
