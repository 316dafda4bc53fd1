"""arXiv in all its formats: the recorded ones are compared in full, the rules by small pages."""

from datetime import UTC, date, datetime

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from newsletter.sources import arxiv
from newsletter.sources._outcome import of_page
from newsletter.sources.page import Malformed, ids
from tests.sources import samples

NOW = datetime(2026, 1, 7, 9, tzinfo=UTC)
DAY = date(2026, 1, 7)


def numbers(page):
    return [dict(record.aliases)["arxiv"] for record in page.records]


@samples.needed
@pytest.mark.parametrize(("name", "want"), samples.expected("arxiv/api/"))
def test_answers_of_the_query_api_in_both_serialisations(name, want):
    data = samples.data(name)
    assert arxiv.recognises(data)
    if want.get("http_status", 200) != 200:
        with pytest.raises(Malformed, match="incorrect id format"):
            arxiv.parse(data)
        return
    page = arxiv.parse(data)
    assert len(page.records) == want["entries"]
    assert numbers(page) == [ids.arxiv_id(value) for value in want.get("ids", [])]
    for first in page.records[:1]:
        assert (first.title, len(first.authors), first.categories[0]) == (
            want["first_title"],
            want["first_authors"],
            want["first_primary"],
        )
        assert first.published_on == date.fromisoformat(want["first_published"][:10])
        assert sum("doi" in dict(record.aliases) for record in page.records) == want["with_doi"]


@samples.needed
def test_an_unknown_id_that_is_left_out_is_named():
    page = arxiv.parse(samples.data("arxiv/api/id_0000.0000_s0_m100.xml"))
    assert [(one.reason, one.where) for one in page.rejected] == [("arXiv knows no paper with this id", "0000.0000")]


@samples.needed
@pytest.mark.parametrize(("name", "want"), samples.expected("arxiv/list/"))
def test_the_listing_page(name, want):
    data = samples.data(name)
    assert arxiv.recognises(data)
    page = arxiv.parse(data)
    assert numbers(page) == want["ids"]
    assert f"{page.listed_on:%A, %d %B %Y}" == want["heading"]
    assert (page.declared, page.rejected) == (len(want["ids"]), ())
    assert [record.announce for record in page.records] == ["new", "new", "cross", "cross", "replace", "replace"]
    assert page.records[0].title == "Closed-Loop LLM Co-Pilots for Digital Agriculture"
    assert page.records[0].authors == ("Serge Kernbach",)
    assert all(len(record.abstract) > 500 and record.categories for record in page.records)
    assert page.records[-1].code_url.startswith("https://github.com/")


@samples.needed
@pytest.mark.parametrize(("name", "want"), samples.expected("arxiv/oai/"))
def test_answers_of_oai_pmh(name, want):
    data = samples.data(name)
    assert arxiv.recognises(data)
    if want["error"] not in (None, "noRecordsMatch"):
        with pytest.raises(Malformed, match=want["error"]):
            arxiv.parse(data)
        return
    page = arxiv.parse(data)
    assert (len(page.records), page.rejected) == (want["records"], ())
    for first in page.records[:1]:
        assert first.title == want["first_title"]
        assert numbers(page)[0] == want.get("first_id", numbers(page)[0])
        assert list(first.categories) == want.get("first_categories", "").split()
        assert first.authors and not any("," in name for name in first.authors)
        assert first.abstract and first.published_on <= first.listed_on


# -- the rules -----------------------------------------------------------------------------------------------------------


def atom(*entries, title="arXiv Query: search_query=cat:cs.CL", total=None, start=0):
    return (
        "<feed xmlns='http://www.w3.org/2005/Atom' xmlns:o='http://a9.com/-/spec/opensearch/1.1/' "
        f"xmlns:arxiv='http://arxiv.org/schemas/atom'><title>{title}</title><id>https://arxiv.org/api/x</id>"
        f"<o:totalResults>{len(entries) if total is None else total}</o:totalResults><o:startIndex>{start}</o:startIndex>"
        f"{''.join(entries)}</feed>"
    ).encode()


def entry(number, title="A Study of Careful Readers", more=""):
    return f"<entry><id>http://arxiv.org/abs/{number}v2</id><title>{title}</title>{more}</entry>"


def test_the_query_api_gives_an_empty_page_at_random_which_is_no_empty_day():
    with pytest.raises(Malformed, match="list of 12"):
        arxiv.parse(atom(total=12))
    assert arxiv.parse(atom(total=12, start=12)).records == ()


def test_a_title_may_be_0_and_a_missing_one_is_rejected():
    page = arxiv.parse(atom(entry("2104.12255", "0"), entry("2104.12256", "")))
    assert [record.title for record in page.records] == ["0"]
    assert [one.reason for one in page.rejected] == ["no title"]


def test_of_two_ids_asked_for_one_is_missing():
    page = arxiv.parse(
        atom(entry("2601.00001"), title="arXiv Query: search_query=&amp;id_list=2601.00001,9999.99999&amp;start=0")
    )
    assert (numbers(page), [one.where for one in page.rejected]) == (["2601.00001"], ["9999.99999"])


def test_a_comment_tells_withdrawal_and_code():
    code, gone = (
        "<arxiv:comment>Code: https://github.com/a/b</arxiv:comment>",
        "<arxiv:comment>Withdrawn: an error</arxiv:comment>",
    )
    page = arxiv.parse(atom(entry("2601.00001", more=code), entry("2601.00002", more=gone)))
    assert [(one.code_url, one.withdrawn) for one in page.records] == [("https://github.com/a/b", False), ("", True)]


def listing(*entries, shown="2 of 2", heading="Wednesday, 7 January 2026"):
    sections = f"<h3>New submissions (showing {shown} entries)</h3>" if shown else ""
    return (
        f"<html><body><h3>Showing new listings for {heading}</h3>{sections}<dl>"
        + "".join(
            f"<dt><a href =\"/abs/{number}\" title='Abstract'>arXiv:{number}</a></dt><dd><div class='meta'>"
            f"<div class='list-title'><span class='descriptor'>Title:</span> Paper Number {number}</div></div></dd>"
            for number in entries
        )
        + "</dl></body></html>"
    ).encode()


@pytest.mark.parametrize("shown", ["3 of 3", "2 of 79"])
def test_a_listing_that_declares_more_says_so(shown):
    page = arxiv.parse(listing("2601.00001", "2601.00002", shown=shown))
    assert (len(page.records), page.declared) == (2, int(shown.split()[-1]))


def test_a_listing_that_says_no_count_is_partial_and_the_days_of_recent_say_theirs():
    page = arxiv.parse(listing("2601.00001", shown="1 of 1").replace(b"(showing 1 of 1 entries)", b""))
    assert of_page(page) == ("PARTIAL", "1 paper read: the page does not say how many it holds, so more may be missing.")
    recent = listing("2601.00001", shown="", heading="Wed, 7 Jan 2026 (showing first 1 of 2 entries )")
    assert of_page(arxiv.parse(recent))[1].startswith("1 of 2 papers could be read")


@samples.needed
def test_an_unknown_id_alone_is_partial_and_named():
    outcome, said = of_page(arxiv.parse(samples.data("arxiv/api/id_0000.0000_s0_m100.xml")))
    assert (outcome, said) == ("PARTIAL", "No paper could be used, 1 refused (arXiv knows no paper with this id: 0000.0000).")


def test_an_empty_listing_says_that_it_is_one():
    empty = b"<html><body><h3>Showing new listings for Wednesday, 7 January 2026</h3><p>No updates for this time period.</p></body></html>"
    assert arxiv.recognises(empty)
    assert (arxiv.parse(empty).records, arxiv.parse(empty).listed_on) == ((), DAY)
    for data, said in (
        (listing(shown="5 of 5"), "none of 5 declared"),
        (listing(shown=""), "no listing"),
        (listing("2601.00001")[:-20], "in the middle"),
        (b"<html><script>AwsWafIntegration</script></html>", "challenge"),
    ):
        with pytest.raises(Malformed, match=said):
            arxiv.parse(data)


def oai(*records, token=""):
    more = f"<resumptionToken>{token}</resumptionToken>" if token is not None else ""
    return (
        f"<OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'><ListRecords>{''.join(records)}{more}</ListRecords></OAI-PMH>"
    ).encode()


def raw(number, *versions, status=""):
    dates = "".join(f"<version version='v{place}'><date>{one}</date></version>" for place, one in enumerate(versions, 1))
    return (
        f"<record><header{status}><identifier>oai:arXiv.org:{number}</identifier><datestamp>2026-01-07</datestamp></header>"
        + (
            f"<metadata><arXivRaw xmlns='http://arxiv.org/OAI/arXivRaw/'><id>{number}</id>{dates}<title>Paper {number}</title>"
            '<authors>Ann Example (Uni, Town), Bo Li and J\\"org M\\"uller</authors><categories>cs.CL</categories></arXivRaw>'
            "</metadata></record>"
            if not status
            else "</record>"
        )
    )


def test_arxiv_raw_tells_a_new_paper_from_a_revision_and_leaves_deleted_ones_out():
    page = arxiv.parse(
        oai(
            raw("2601.00001", "Tue, 6 Jan 2026 10:00:00 GMT"),
            raw("2512.00001", "Mon, 1 Dec 2025 10:00:00 GMT", "Tue, 6 Jan 2026 10:00:00 GMT"),
            raw("1001.0001", "Fri, 1 Jan 2010 10:00:00 GMT"),
            raw("2601.00009", status=" status='deleted'"),
        )
    )
    assert [record.announce for record in page.records] == ["new", "replace", "replace"]
    assert page.records[0].authors == ("Ann Example", "Bo Li", "Jörg Müller")
    assert (page.records[0].published_on, page.records[0].listed_on) == (date(2026, 1, 6), DAY)


# -- asking --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def server(settings, monkeypatch, db):
    settings.ALLOW_PRIVATE_FETCH = True
    monkeypatch.setattr("newsletter.sources.arxiv._PAUSE", 0.0)
    with HTTPServer() as one:
        yield one


def test_a_past_day_is_read_to_its_last_part(server):
    def answer(request):
        if request.args.get("resumptionToken") == "next":
            return Response(oai(raw("2601.00002", "Tue, 6 Jan 2026 10:00:00 GMT")))
        assert (request.args["from"], request.args["until"]) == ("2026-01-07", "2026-01-07")
        assert request.args["set"] == "cs:cs:CL"
        return Response(oai(raw("2601.00001", "Tue, 6 Jan 2026 10:00:00 GMT"), token="next"))

    server.expect_request("/oai").respond_with_handler(answer)
    answers = arxiv.past({"oai_url": server.url_for("/oai"), "category": "cs.CL"}, day=DAY).answers
    assert [numbers(arxiv.parse(one.data, day=one.day)) for one in answers] == [["2601.00001"], ["2601.00002"]]


def test_a_token_that_lapsed_costs_the_rest_and_is_said(server):
    bad = b"<OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'><error code='badResumptionToken'>late</error></OAI-PMH>"
    server.expect_request("/oai", query_string={"verb": "ListRecords", "resumptionToken": "next"}).respond_with_data(bad)
    server.expect_request("/oai").respond_with_data(oai(raw("2601.00001", "Tue, 6 Jan 2026 10:00:00 GMT"), token="next"))
    one, two = arxiv.past({"oai_url": server.url_for("/oai"), "category": "cs.CL"}, day=DAY).answers
    assert numbers(arxiv.parse(one.data)) == ["2601.00001"]
    assert "part 2 of the list" in two.error and "badResumptionToken" in two.error


def test_an_empty_page_of_the_api_is_asked_for_once_more(server):
    pages = [atom(total=3), atom(entry("2601.00001"))]
    server.expect_request("/api").respond_with_handler(lambda request: Response(pages.pop(0)))
    got = arxiv.fetch({"via": "api", "api_url": server.url_for("/api"), "query": "cat:cs.CL"}, now=NOW)
    assert numbers(arxiv.parse(got.data)) == ["2601.00001"]


RSS = (
    '<rss version="2.0"><channel><title>cs.CL updates on arXiv.org</title><pubDate>Wed, 07 Jan 2026 00:00:00 -0500</pubDate>'
    "{}</channel></rss>"
)


@pytest.mark.parametrize(
    ("feed", "listed", "read"),
    [
        (["2601.00001"], ["2601.00001"], [["2601.00001"]]),
        (["2512.00001"], ["2601.00001"], [["2601.00001"]]),
        ([], ["2601.00001"], [["2601.00001"]]),
        (["2601.00001"], ["2601.00001", "2601.00002"], [["2601.00001", "2601.00002"]]),
        (
            ["2601.00001", "2601.00003"],
            ["2601.00001", "2601.00002"],
            [["2601.00001", "2601.00003"], ["2601.00001", "2601.00002"]],
        ),
        (["2601.00001"], None, [["2601.00001"]]),
    ],
)
def test_a_feed_is_checked_against_the_listing(server, feed, listed, read):
    items = "".join(f"<item><title>Paper</title><guid>oai:arXiv.org:{number}v1</guid></item>" for number in feed)
    server.expect_request("/rss").respond_with_data(RSS.format(items))
    page = {"response_data": listing(*listed, shown=f"{len(listed)} of {len(listed)}")} if listed else {"status": 403}
    server.expect_request("/list").respond_with_data(**page)
    got = arxiv.fetch({"url": server.url_for("/rss"), "list_url": server.url_for("/list")}, now=NOW)
    assert [numbers(arxiv.parse(one.data)) for one in got.answers] == read
