"""Pages and answers of Hugging Face: recorded ones of every layout, and what comes in their place."""

import json
import re
from datetime import UTC, date, datetime

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from newsletter.sources import huggingface
from newsletter.sources.page import Malformed
from tests.sources import samples

NOW = datetime(2026, 1, 7, 9, tzinfo=UTC)
DAY = date(2026, 1, 7)
CHALLENGE = (
    b"<!DOCTYPE html><html><head><title></title><script>window.awsWafCookieDomainList = [];</script></head><body></body></html>"
)


def day_in(name):
    found = re.search(r"\d{4}-\d\d-\d\d", name)
    return date.fromisoformat(found[0]) if found else None


def numbers(page):
    return [dict(record.aliases)["arxiv"] for record in page.records]


@samples.needed
@pytest.mark.parametrize(("name", "want"), samples.expected("hf/html/"))
def test_recorded_pages_by_their_hydration(name, want):
    data = samples.data(name)
    assert huggingface.recognises(data)
    page = huggingface.parse(data, day=day_in(name))
    first = page.records[0] if page.records else None
    assert (len(page.records), page.rejected) == (want.get("papers", 1), ())
    assert page.listed_on == (day_in(name) or date(2026, 8, 20))
    if not first:
        return
    assert first.title == want.get("first_title", want.get("title"))
    assert first.upvotes == want.get("first_upvotes", want.get("upvotes") if "title" in want else want.get("upvotes", [0])[0])
    assert len(first.authors) == want.get("first_authors", want.get("authors", len(first.authors)))
    assert numbers(page)[0] == want.get("first_id", want.get("id", want.get("ids", [""])[0]))
    assert numbers(page) == want.get("ids", numbers(page))
    votes = [record.upvotes for record in page.records]
    assert sum(votes) == want.get("sum_upvotes", sum(votes))
    assert sum(record.comments for record in page.records) == want.get(
        "total_comments", want.get("comments", sum(record.comments for record in page.records))
    )


@samples.needed
@pytest.mark.parametrize(("name", "want"), [pair for pair in samples.expected("hf/html/") if pair[1].get("articles_in_dom")])
def test_without_hydration_the_cards_say_the_same(name, want):
    data = samples.data(name)
    bare = re.sub(rb'data-props="[^"]*"', b"", data)
    whole, cards = huggingface.parse(data, day=day_in(name)), huggingface.parse(bare, day=day_in(name))
    assert len(cards.records) == want["articles_in_dom"]
    assert numbers(cards) == numbers(whole)
    same = ("title", "upvotes", "stars", "published_on") if "2024" not in name else ("title", "upvotes", "comments")
    for field in same:
        assert [getattr(one, field) for one in cards.records] == [getattr(one, field) for one in whole.records], field


@samples.needed
@pytest.mark.parametrize("name", [name for name, _ in samples.expected("hf/html/")])
def test_attributes_may_stand_in_any_order_and_under_any_name_of_target(name):
    data = samples.data(name)
    turned = re.sub(rb'data-target="\w+" (data-props="[^"]*")', rb'\1 class="x" data-target="Renamed"', data)
    assert turned != data
    assert huggingface.parse(turned, day=day_in(name)) == huggingface.parse(data, day=day_in(name))


@samples.needed
def test_another_day_a_cut_page_and_a_page_without_papers_are_told_apart():
    daily, empty = samples.data("hf/html/daily-2024-08-01.html"), samples.data("hf/html/empty-day-2026-08-22.rebuilt.html")
    with pytest.raises(Malformed, match="2024-08-01 in the place of those of 2026-01-07"):
        huggingface.parse(daily, day=DAY)
    with pytest.raises(Malformed, match="ends in the middle"):
        huggingface.parse(daily[: len(daily) // 2])
    with pytest.raises(Malformed, match="neither the data of papers nor their cards"):
        huggingface.parse(re.sub(rb'data-props="[^"]*"', b"", empty))
    with pytest.raises(Malformed, match=r"challenge for robots \(AWS WAF\)"):
        huggingface.parse(CHALLENGE)
    assert huggingface.recognises(CHALLENGE) and huggingface.recognises(daily[: len(daily) // 2])
    assert huggingface.parse(empty, day=date(2026, 8, 22)).records == ()


def card(more, number="2601.00001"):
    return (
        "<!DOCTYPE html><html><head><title>Daily Papers - Hugging Face</title>"
        '<meta content="https://huggingface.co/papers/date/2026-01-07" property="og:url"></head><body>'
        f'<article><h3><a href="/papers/{number}">A <b>Study</b> of Careful Readers</a></h3>{more}'
        f'<h3><a href="/papers/{number}">A Study of Careful Readers</a></h3></article></body></html>'
    ).encode()


@pytest.mark.parametrize(("shown", "stars"), [("3.29k", 3290), ("110k", 110_000), ("152", 152), ("1,204", 1204), ("", None)])
def test_stars_and_dates_of_a_card(shown, stars):
    more = f'<a href="https://github.com/a/b">GitHub <span>{shown}</span></a><span>Published on Jan 4, 2026</span>'
    (record,) = huggingface.parse(card(more), day=DAY).records
    assert (record.title, record.stars, record.code_url) == ("A Study of Careful Readers", stars, "https://github.com/a/b")
    assert record.published_on == date(2026, 1, 4)


def test_a_dash_is_no_vote_and_a_missing_year_is_the_latest_such_day():
    more = '<label><input type="checkbox"><div class="leading-none">-</div></label><span>Dec 30</span>'
    (record,) = huggingface.parse(card(more), day=DAY).records
    assert (record.upvotes, record.published_on, record.listed_on) == (0, date(2025, 12, 30), DAY)


def test_a_card_without_id_costs_no_page():
    page = huggingface.parse(card("").replace(b"</article>", b"</article><article><h3><a href='/papers/x'>X</a></h3></article>"))
    assert (len(page.records), [one.reason for one in page.rejected]) == (1, ["no arXiv id"])


# -- asking --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def server(settings, db):
    settings.ALLOW_PRIVATE_FETCH = True
    with HTTPServer() as one:
        yield one


def items(*names):
    return [{"paper": {"id": f"2601.{n:05d}", "title": f"Paper Number {n} of the Day", "upvotes": 1}} for n in names]


def params(server, **more):
    return {"url": server.url_for("/api"), "pages": server.url_for("/papers"), **more}


def test_where_the_api_fails_the_page_is_read(server):
    server.expect_request("/api").respond_with_data(b"oops", status=500)
    server.expect_request("/papers/date/2026-01-07").respond_with_data(card(""))
    server.expect_request("/papers/date/2026-01-06").respond_with_data(card(""))
    yesterday, today = huggingface.fetch(params(server), now=NOW).answers
    assert len(huggingface.parse(today.data, day=today.day).records) == 1
    assert "error of its own" in yesterday.error and "2026-01-07 in the place of those of 2026-01-06" in yesterday.error


def test_who_asks_too_often_does_not_ask_a_second_way(server):
    server.expect_request("/api").respond_with_data(b"We had to rate limit your IP", status=429)
    answers = huggingface.fetch(params(server), now=NOW).answers
    assert all("429" in answer.error for answer in answers)
    assert {request.path for request, _ in server.log} == {"/api"}


def test_a_challenge_with_status_200_is_no_list(server):
    server.expect_request("/api").respond_with_data(CHALLENGE)
    server.expect_request("/papers/date/2026-01-07").respond_with_data(CHALLENGE)
    (answer,) = huggingface.past(params(server), day=DAY).answers
    assert "challenge" in answer.error


@pytest.mark.parametrize("cap", [50, 100])
def test_a_list_cut_at_its_cap_is_read_to_its_end(server, cap):
    whole = items(*range(1, 131))

    def answer(request):
        page, size = int(request.args.get("p", 0)), min(cap, int(request.args["limit"]))
        return Response(json.dumps(whole[page * size : (page + 1) * size]))

    server.expect_request("/api").respond_with_handler(answer)
    (one,) = huggingface.past(params(server), day=DAY).answers
    assert len(huggingface.parse(one.data, day=DAY).records) == 130


def test_a_list_that_may_be_cut_is_said_and_used(server):
    server.expect_request("/api").respond_with_json(items(*range(1, 51)))
    one, two = huggingface.past(params(server), day=DAY).answers
    assert len(huggingface.parse(one.data).records) == 50
    assert "stops at 50" in two.error


def test_the_trending_list_is_todays(server):
    server.expect_request("/api", query_string="sort=trending&limit=100").respond_with_json(items(1, 2))
    (one,) = huggingface.fetch(params(server, page="trending"), now=NOW).answers
    assert {record.listed_on for record in huggingface.parse(one.data, day=one.day).records} == {DAY}
    assert huggingface.past(params(server, page="trending"), day=DAY).answers == ()


def test_an_empty_trending_list_is_no_quiet_day(server):
    server.expect_request("/api").respond_with_json([])
    server.expect_request("/papers/trending").respond_with_data(b"<html><body>no papers</body></html>")
    (one,) = huggingface.fetch(params(server, page="trending"), now=NOW).answers
    assert "empty" in one.error


def test_one_papers_answer_is_read_too():
    data = json.dumps({"id": "2601.00001", "title": "A Study of Careful Readers", "upvotes": 3}).encode()
    (record,) = huggingface.parse(data).records
    assert (record.title, record.upvotes) == ("A Study of Careful Readers", 3)
