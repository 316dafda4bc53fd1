"""PubMed's esearch and efetch: recorded answers and the traps of its XML."""

from datetime import UTC, date, datetime

import pytest
from pytest_httpserver import HTTPServer

from newsletter.sources import pubmed
from newsletter.sources.page import Malformed
from tests.sources import samples

NOW = datetime(2026, 1, 7, 9, tzinfo=UTC)
DAY = date(2026, 1, 7)
DOCTYPE = '<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle//EN" "http://127.0.0.1:1/never-asked.dtd">'


def article(number=1, title="A Study of Careful Readers", *, more="", issue="<Year>2026</Year>", after=""):
    return (
        f"<PubmedArticle><MedlineCitation><PMID>{number}</PMID><Article><Journal><JournalIssue><PubDate>{issue}</PubDate>"
        f"</JournalIssue></Journal><ArticleTitle>{title}</ArticleTitle>{more}</Article></MedlineCitation>"
        f"<PubmedData><History><PubMedPubDate PubStatus='entrez'><Year>2026</Year><Month>1</Month><Day>7</Day>"
        f"</PubMedPubDate></History>{after}</PubmedData></PubmedArticle>"
    )


def articles(*some, doctype=DOCTYPE):
    return f'<?xml version="1.0" ?>{doctype}<PubmedArticleSet>{"".join(some)}</PubmedArticleSet>'.encode()


@samples.needed
@pytest.mark.parametrize(("name", "want"), [pair for pair in samples.expected("pubmed/") if "articles" in pair[1]])
def test_recorded_articles(name, want):
    data = samples.data(name)
    assert pubmed.recognises(data)
    page = pubmed.parse(data)
    assert (len(page.records), page.rejected, page.declared) == (want["articles"], (), want["articles"])
    assert page.records[0].url == f"https://pubmed.ncbi.nlm.nih.gov/{want['first_pmid']}/"
    assert page.records[0].title == want["first_title"]
    assert sum("METHODS:" in record.abstract for record in page.records) == want["with_abstract_sections"]
    assert sum(not record.abstract for record in page.records) == want["no_abstract"]
    assert not any(word in repr(page) for word in ("Department", "Hospital", "@"))


@samples.needed
def test_the_recorded_articles_names_dates_and_dois():
    (one,) = pubmed.parse(samples.data("pubmed/efetch-29768149.xml")).records
    assert one.aliases[0] == ("doi", "10.1056/nejmoa1715274")
    assert (one.authors[:2], one.published_on) == (("Paul M O'Byrne", "J Mark FitzGerald"), date(2018, 5, 17))
    assert one.abstract.startswith("BACKGROUND: In patients") and "β2-agonist" in one.abstract.replace("₂", "2")
    season, day = pubmed.parse(samples.data("pubmed/efetch-biopython-pubmed1.xml")).records
    assert season.aliases[0] == ("url", "https://pubmed.ncbi.nlm.nih.gov/12091962/")
    assert day.published_on == date(1976, 9, 28)


@samples.needed
@pytest.mark.parametrize(
    ("name", "count", "first", "held"),
    [("pubmed/esearch-2026-06.json", 42111, "42286391", 5), ("pubmed/esearch1.xml", 63, "41282813", 20)],
)
def test_an_answer_of_esearch_is_ids_without_articles(name, count, first, held):
    data = samples.data(name)
    assert pubmed.recognises(data)
    assert pubmed.found(data)[0] == count and len(pubmed.found(data)[1]) == held
    page = pubmed.parse(data)
    assert (page.records, page.declared, page.rejected[0].where) == ((), count, f"PMID {first}")


@samples.needed
def test_the_expected_ids_of_esearch():
    want = dict(samples.expected("pubmed/"))["pubmed/esearch-2026-06.json"]
    assert pubmed.found(samples.data("pubmed/esearch-2026-06.json")) == (int(want["count"]), tuple(want["ids"]))


def test_tags_in_a_title_and_labels_in_an_abstract():
    more = (
        "<Abstract><AbstractText Label='AIM'>To <b>read</b>.</AbstractText><AbstractText Label='UNLABELLED'>Words.</AbstractText>"
        "<CopyrightInformation>(c) Nobody</CopyrightInformation></Abstract>"
    )
    (record,) = pubmed.parse(articles(article(title="CO<sub>2</sub> in <i>E. coli</i>, &lt;5%", more=more))).records
    assert (record.title, record.abstract) == ("CO2 in E. coli, <5%", "AIM: To read. Words.")


@pytest.mark.parametrize(
    ("issue", "day"),
    [
        ("<Year>2025</Year><Month>Dec</Month><Day>3</Day>", date(2025, 12, 3)),
        ("<Year>2025</Year><Month>12</Month>", date(2025, 12, 1)),
        ("<MedlineDate>1998 Dec-1999 Jan</MedlineDate>", date(1998, 12, 1)),
        ("<MedlineDate>2000 Spring</MedlineDate>", None),
        ("<Year>2026</Year><Season>Winter</Season>", DAY),
        ("<Year>2026</Year><Month>Feb</Month><Day>31</Day>", DAY),
    ],
)
def test_dates_of_journals(issue, day):
    assert pubmed.parse(articles(article(issue=issue))).records[0].published_on == day


def test_groups_corrected_names_and_a_cut_list_of_authors():
    people = (
        "<AuthorList CompleteYN='N'><Author ValidYN='N'><LastName>Wrong</LastName></Author>"
        "<Author><LastName>Roe</LastName><ForeName>Ann</ForeName><Suffix>Jr</Suffix><AffiliationInfo><Affiliation>Uni, "
        "ann@example.org</Affiliation></AffiliationInfo></Author><Author><CollectiveName>The Group</CollectiveName></Author></AuthorList>"
    )
    (record,) = pubmed.parse(articles(article(more=people))).records
    assert (record.authors, record.authors_total) == (("Ann Roe Jr", "The Group"), None)
    assert "example.org" not in repr(record)


def test_the_doi_is_the_articles_own():
    after = (
        "<ReferenceList><Reference><ArticleIdList><ArticleId IdType='doi'>10.1/other</ArticleId></ArticleIdList></Reference>"
        "</ReferenceList><ArticleIdList><ArticleId IdType='doi'>10.1000/OWN</ArticleId></ArticleIdList>"
    )
    assert pubmed.parse(articles(article(after=after))).records[0].aliases[0] == ("doi", "10.1000/own")


def test_a_dtd_is_neither_loaded_nor_allowed_to_declare():
    assert len(pubmed.parse(articles(article())).records) == 1
    for doctype in (
        '<!DOCTYPE PubmedArticleSet [<!ENTITY a "b">]>',
        DOCTYPE[:-1] + '[<!ENTITY a "b">]>',
        DOCTYPE + '<!DOCTYPE x [<!ENTITY a "b">]>',
        '<!DOCTYPE html PUBLIC "x" "y">',
    ):
        with pytest.raises(Malformed):
            pubmed.parse(articles(article(), doctype=doctype))


def test_an_error_a_book_and_a_cut_answer():
    page = pubmed.parse(articles(article(), "<PubmedBookArticle/>"))
    assert [one.reason for one in page.rejected] == ["a book, not an article"]
    for data in (
        b'{"esearchresult": {"ERROR": "Search Backend failed"}}',
        b'{"esearchresult": {}}',
        b"{}",
        b"<eSearchResult><ERROR>no</ERROR></eSearchResult>",
        articles(article())[:-30],
    ):
        with pytest.raises(Malformed):
            pubmed.parse(data)


@pytest.fixture
def server(settings, monkeypatch, db):
    settings.ALLOW_PRIVATE_FETCH = True
    monkeypatch.setattr(pubmed, "_PAUSE", 0.0)
    with HTTPServer() as one:
        yield one


def search(count, *numbers):
    return {"esearchresult": {"count": str(count), "idlist": [str(number) for number in numbers]}}


def test_a_day_is_searched_and_fetched_and_what_is_left_out_is_said(server):
    server.expect_request("/e/esearch.fcgi").respond_with_json(search(7, 1, 2))
    server.expect_request("/e/efetch.fcgi").respond_with_data(articles(article(1), article(2)))
    read, wide = pubmed.past({"url": server.url_for("/e"), "query": "reading"}, day=DAY).answers
    assert [record.listed_on for record in pubmed.parse(read.data, day=DAY).records] == [DAY, DAY]
    assert "finds 7 articles, of which 2 were read" in wide.error
    asked = next(request for request, _ in server.log if "esearch" in request.path).args
    assert (asked["term"], asked["mindate"], asked["datetype"]) == ("reading", "2026/01/07", "edat")


def test_a_day_without_articles_is_empty_and_a_failing_one_is_not(server):
    server.expect_request("/e/esearch.fcgi", query_string=None).respond_with_json(search(0))
    one, two = pubmed.fetch({"url": server.url_for("/e"), "query": "x"}, now=NOW).answers
    assert pubmed.parse(one.data).records == pubmed.parse(two.data).records == () and not one.error
    server.clear()
    server.expect_request("/e/esearch.fcgi").respond_with_data(status=503)
    assert "503" in pubmed.past({"url": server.url_for("/e")}, day=DAY).answers[0].error
