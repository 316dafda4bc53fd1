"""bioRxiv's details API: the recorded answer, and what it does to numbers, versions, licences and abstracts."""

import json
from datetime import UTC, date, datetime

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from newsletter.sources import biorxiv
from newsletter.sources.page import Malformed
from tests.sources import samples

NOW = datetime(2026, 1, 7, 9, tzinfo=UTC)
DAY = date(2026, 1, 7)


def item(number=1, **more):
    return {
        "doi": f"10.64898/2026.01.05.{number:06d}",
        "title": f"Preprint Number {number} of the Day",
        "authors": "Example, A. B.; van der Roe, C.; Group",
        "date": "2026-01-07",
        "version": "1",
        "license": "cc_by",
        "category": "neuroscience",
        "abstract": "Kind words.",
        "published": "NA",
        "server": "bioRxiv",
    } | more


def answer(*items, status="ok", **more):
    count = {"count": len(items), "total": str(len(items))} | more
    return json.dumps({"messages": [{"status": status, **count}], "collection": items}).encode()


@samples.needed
@pytest.mark.parametrize(("name", "want"), samples.expected("biorxiv/"))
def test_the_recorded_answer(name, want):
    data = samples.data(name)
    assert biorxiv.recognises(data) and biorxiv.recognises(data[:500])
    page = biorxiv.parse(data)
    assert (len(page.records), page.declared, page.rejected) == (want["records"], want["records"], ())
    first = page.records[0]
    assert first.aliases[0] == ("doi", want["first_doi"])
    assert first.title == want["first_title"]
    assert first.authors == ("T. Ghafari", "A. J. Quinn", "O. Jensen")
    assert first.published_on == page.listed_on == date(2026, 7, 15)
    assert [record.license for record in page.records] == want["licenses"]
    assert [record.announce for record in page.records] == ["replace" if one != "1" else "new" for one in want["versions"]]


def test_versions_of_one_preprint_are_one_and_the_newest():
    page = biorxiv.parse(answer(item(1), item(1, version="10", title="Newer"), item(1, version="2"), item(2)))
    assert [record.title for record in page.records] == ["Newer", "Preprint Number 2 of the Day"]
    assert page.declared == 2


@pytest.mark.parametrize("license", ["cc_no", "none", "NONE"])
def test_all_rights_reserved_is_title_and_link_only(license):
    (record,) = biorxiv.parse(answer(item(license=license, abstract="Secret https://github.com/a/b"))).records
    assert (record.title, record.url) == ("Preprint Number 1 of the Day", "https://doi.org/10.64898/2026.01.05.000001")
    assert (record.abstract, record.authors, record.categories, record.pdf_url, record.code_url) == ("", (), (), "", "")
    assert record.license == "cc_no"


@pytest.mark.parametrize(
    ("marked", "plain"),
    [
        ("O_ST_ABSBackgroundC_ST_ABSKind words. O_ST_ABSResultsC_ST_ABSHelp.", "Background: Kind words. Results: Help."),
        ("O_ST_ABSAbstractC_ST_ABSKind words.", "Kind words."),
        ("O_LIKind words C_LIO_LIhelp C_LI", "Kind words help"),
        ("The O_SCPLOWRNAC_SCPLOW of cO_SCPCAPDNAC_SCPCAP", "The RNA of cDNA"),
        ('Help. O_FIG O_LINKSMALLFIG WIDTH=200 SRC="x.gif"> View larger version: C_FIG Words.', "Help. Words."),
        ("p &lt; 0.05 and TO_LIVE", "p < 0.05 and TO_LIVE"),
    ],
)
def test_marks_of_the_layout_are_no_words(marked, plain):
    assert biorxiv.parse(answer(item(abstract=marked))).records[0].abstract == plain


def test_a_journals_doi_is_one_more_name_of_the_paper():
    (record,) = biorxiv.parse(answer(item(published="10.1038/S41586-026-0001"))).records
    assert record.aliases[1] == ("doi", "10.1038/s41586-026-0001")
    assert biorxiv.parse(answer(item(doi="10.1101/2024.01.01.000001"))).records[0].aliases[0][1].startswith("10.1101/")


def test_no_post_is_an_empty_day_and_anything_else_is_not():
    assert biorxiv.parse(answer(status="no posts found"), day=DAY).records == ()
    for data in (answer(status="bad interval"), b"[]", b'{"messages": []}', answer({}), b'{"messages": [{"status": "ok"}]}'):
        with pytest.raises(Malformed):
            biorxiv.parse(data)
    page = biorxiv.parse(answer(item(), item(2, doi="NA"), 3))
    assert [(one.reason, one.where) for one in page.rejected] == [("no DOI", "preprint 2"), ("no preprint", "preprint 3")]


@pytest.fixture
def server(settings, monkeypatch, db):
    settings.ALLOW_PRIVATE_FETCH = True
    monkeypatch.setattr(biorxiv, "_PAUSE", 0.0)
    with HTTPServer() as one:
        yield one


def test_a_day_is_paged_to_its_end_and_a_total_that_is_too_high_does_no_harm(server):
    whole = [item(number) for number in range(1, 71)]

    def page(request):
        cursor = int(request.path.rsplit("/", 1)[1])
        assert request.args["category"] == "cell_biology"
        some = whole[cursor : cursor + 30]
        return Response(answer(*some, total="75") if some else answer(status="no posts found"))

    server.expect_request("/d/2026-01-07/2026-01-07/0").respond_with_handler(page)
    for cursor in (30, 60, 70):
        server.expect_request(f"/d/2026-01-07/2026-01-07/{cursor}").respond_with_handler(page)
    (one,) = biorxiv.past({"url": server.url_for("/d"), "category": "cell biology"}, day=DAY).answers
    found = biorxiv.parse(one.data, day=DAY)
    assert (len(found.records), found.declared) == (70, 70)


def test_a_later_page_that_fails_is_said_and_the_rest_is_used(server):
    server.expect_request("/d/2026-01-07/2026-01-07/0").respond_with_data(answer(item(), total="60"))
    server.expect_request("/d/2026-01-07/2026-01-07/1").respond_with_data(status=500)
    server.expect_request("/d/2026-01-06/2026-01-06/0").respond_with_data(answer(status="no posts found"))
    quiet, read, failed = biorxiv.fetch({"url": server.url_for("/d")}, now=NOW).answers
    assert biorxiv.parse(quiet.data).records == () and not quiet.error
    assert len(biorxiv.parse(read.data).records) == 1 and "page after 1" in failed.error
