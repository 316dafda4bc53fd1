"""Bytes of our own making: the traps of each kind."""

import json
from datetime import date

import pytest

from newsletter.sources import KINDS, arxiv, feed, huggingface, snapshot
from newsletter.sources.page import Malformed, markup


def hf(**paper):
    return {"paper": {"id": "2601.00001", "title": "A Study of Careful Readers", **paper}}


def test_hugging_face_needs_only_id_and_title_and_never_takes_users():
    item = hf(
        authors=[
            {"name": "Ann Example", "user": {"avatarUrl": "/avatars/1.svg", "fullname": "X"}},
            {"name": "No", "hidden": True},
            "junk",
        ],
        submittedOnDailyBy={"fullname": "Somebody"},
        upvotes=True,
        githubStars="many",
        githubRepo="javascript:alert(1)",
        brandNewKey=[{}],
    )
    page = huggingface.parse(json.dumps([item, {"paper": None}, 7, hf(id="x"), hf(title=" ")]).encode())
    (record,) = page.records
    assert record.authors == ("Ann Example",)
    assert (record.upvotes, record.stars, record.code_url) == (None, None, "")
    assert "avatar" not in repr(page) and "Somebody" not in repr(page)
    assert [one.where for one in page.rejected] == ["paper 2", "paper 3", "paper 4", "paper 5"]


def test_a_cut_author_list_of_the_sample_knows_its_length():
    page = huggingface.parse(json.dumps([hf(authors=[{"name": "Ann"}, {"name": "Bob"}], authorsTotal=12)]).encode())
    assert page.records[0].authors_total == 12


def test_a_paper_titled_0_is_a_paper():
    assert huggingface.parse(json.dumps([hf(title="0")]).encode()).records[0].title == "0"


@pytest.mark.parametrize(
    "data", [b"", b"{", b'{"error": "Invalid date"}', b"[" * 100_000, b'[{"paper": {"id": "x"}}]', b"\xff\xfe\x00"]
)
def test_what_is_no_day_of_papers_is_malformed(data):
    with pytest.raises(Malformed):
        huggingface.parse(data)


def test_an_empty_day_is_a_valid_day():
    assert huggingface.parse(b"[]", day=date(2026, 1, 3)).records == ()


RSS = """<?xml version="1.0"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom">
<channel><title>cs.CL updates on arXiv.org</title><pubDate>Tue, 06 Jan 2026 00:00:00 -0500</pubDate>{}</channel></rss>"""
ITEM = """<item><title>Reading $\\alpha$ &amp; Writing Together</title><link>https://arxiv.org/abs/2601.00002</link>
<description>arXiv:2601.00002v1 Announce Type: new
Abstract: Code at https://github.com/some/thing .</description><guid>oai:arXiv.org:2601.00002v1</guid><category>cs.CL</category>
<arxiv:announce_type>new</arxiv:announce_type><dc:creator>J\\"org M\\"uller (Uni, Town), Bo Li</dc:creator></item>"""


def test_arxivs_feed_is_read_by_name():
    (record,) = arxiv.parse(RSS.format(ITEM).encode()).records
    assert record.title == "Reading α & Writing Together"
    assert record.authors == ("Jörg Müller", "Bo Li")
    assert record.abstract == "Code at https://github.com/some/thing ."
    assert record.code_url == "https://github.com/some/thing"
    assert record.listed_on == date(2026, 1, 6)


def test_a_feed_cut_in_the_middle_is_malformed_in_both_kinds():
    data = RSS.format(ITEM).encode()
    for kind in (arxiv, feed):
        with pytest.raises(Malformed):
            kind.parse(data[: len(data) // 2])


def test_one_bad_entry_does_not_cost_the_page():
    page = arxiv.parse(RSS.format(ITEM + "<item><title>No id</title></item>").encode())
    assert (len(page.records), [one.reason for one in page.rejected]) == (1, ["no arXiv id"])


def entry(title, body, link="https://blog.example.org/1"):
    return (
        f"<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>tag:1</id><title>{title}</title><link href='{link}'/>"
        f"<updated>2026-01-05T00:00:00Z</updated><author><name>Ann</name><email>ann@example.org</email></author>"
        f"<summary type='html'>{body}</summary></entry></feed>"
    ).encode()


def test_a_post_about_one_paper_is_that_paper_and_a_round_up_is_itself():
    one = feed.parse(entry("Our Paper", "See https://arxiv.org/abs/2601.00003v2")).records[0]
    two = feed.parse(entry("Weekly", "https://arxiv.org/abs/2601.00003 https://arxiv.org/abs/2601.00004")).records[0]
    assert one.aliases[0] == ("arxiv", "2601.00003")
    assert two.aliases == (("url", "https://blog.example.org/1"),)
    assert "@" not in repr(one)


def test_a_withdrawn_paper_is_told_from_one_that_speaks_of_withdrawal():
    def parsed(comment):
        text = (
            "<feed xmlns='http://www.w3.org/2005/Atom' xmlns:arxiv='http://arxiv.org/schemas/atom'><entry>"
            "<id>http://arxiv.org/abs/2601.00005v2</id><title>T</title>"
            f"<arxiv:comment>{comment}</arxiv:comment></entry></feed>"
        )
        return feed.parse(text.encode()).records[0].withdrawn

    assert parsed("This paper has been withdrawn by the authors")
    assert parsed("Withdrawn due to an error")
    assert not parsed("12 pages; a withdrawn version had an error")


@pytest.mark.parametrize(
    "data",
    [
        "<!DOCTYPE rss [<!ENTITY a 'x'>]><rss/>".encode("utf-16"),
        b"\xef\xbb\xbf<?xml version='1.0'?><!-- c --><!DOCTYPE rss><rss/>",
        b"https://example.org/feed.xml",
        b"/etc/passwd",
        b"<html></html>",
    ],
)
def test_a_feed_parser_is_never_given_a_dtd_or_an_address(data):
    with pytest.raises(Malformed):
        feed.parse(data)


LISTING = """CLJan 6, 2026Code
Kind Words, Long Thoughts, and ReadingAnn Example, Bo Li, C. D. Roe et al. · lab one, two
Reading kind words at length is good. Networks help.
ITFeb 30
Bounds for Small NetworksYann LeName
Small bounds hold for ResNet and others.
LGDec 24
Is This ResNet Deep?Ludwig van Example, Bo Li
Depth is small."""


def test_title_and_authors_run_together_are_parted():
    page = snapshot.parse(LISTING.encode(), day=date(2026, 1, 10))
    assert [(record.title, record.authors) for record in page.records] == [
        ("Kind Words, Long Thoughts, and Reading", ("Ann Example", "Bo Li", "C. D. Roe")),
        ("Bounds for Small Networks", ("Yann LeName",)),
        ("Is This ResNet Deep?", ("Ludwig van Example", "Bo Li")),
    ]
    assert [record.authors_total for record in page.records] == [None, 1, 2]
    assert [record.published_on for record in page.records] == [date(2026, 1, 6), None, date(2025, 12, 24)]
    assert [record.categories for record in page.records] == [("cs.CL",), ("IT",), ("cs.LG",)]
    assert page.records[0].has_code and page.records[0].organizations == ("lab one", "two")


PASTED = (
    "new\n\nSubscribe\n\nbyAK and the research community\n\nFeb 29\n\n"
    "A First Title of Some Length\n\n{}\n\nIs This the Second?\n\n{}\n\nAbout\n\nTerms"
)


def test_a_pasted_page_is_titles_and_abstracts_without_its_chrome():
    page = snapshot.parse(PASTED.format("First words. " * 30, "Second words. " * 30).encode(), day=date(2026, 1, 10))
    assert [record.title for record in page.records] == ["A First Title of Some Length", "Is This the Second?"]
    assert page.listed_on == date(2024, 2, 29)


@pytest.mark.parametrize("data", [b"", b"hello", b"\x00\x01\x02" * 50, b"CLJan 6, 2026", "ü".encode("utf-16")])
@pytest.mark.parametrize("kind", KINDS)
def test_junk_is_malformed_and_nothing_else(kind, data):
    with pytest.raises(Malformed):
        KINDS[kind].parse(data)


def test_deep_xml_and_json_are_refused():
    with pytest.raises(Malformed):
        markup.tree(b"<a>" * 5000 + b"</a>" * 5000)
    with pytest.raises(Malformed):
        markup.from_json(b"[" * 100_000)
