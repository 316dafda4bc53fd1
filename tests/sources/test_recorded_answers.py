"""Every recorded file that a kind reads today, against what a correct parser gets."""

import json
import re
from datetime import date

import pytest

from newsletter.sources import arxiv, feed, huggingface, snapshot
from newsletter.sources.page import Malformed, ids
from tests.sources import samples

pytestmark = samples.needed


def bare(value):
    return ids.arxiv_id(value.rsplit("/abs/")[-1])


@pytest.mark.parametrize(("name", "want"), [pair for pair in samples.expected("hf/api/") if "papers" in pair[1]])
def test_hugging_face_days_of_all_years(name, want):
    page = huggingface.parse(samples.data(name))
    items = json.loads(samples.data(name))
    first, last = page.records[0], page.records[-1]
    assert len(page.records) == want["papers"]
    assert not page.rejected
    assert dict(first.aliases)["arxiv"] == want["first_id"]
    assert dict(last.aliases)["arxiv"] == want["last_id"]
    assert first.title == want["first_title"]
    assert first.upvotes == want["first_upvotes"]
    assert len(first.authors) == first.authors_total == want["first_authors"]
    assert sum(record.upvotes for record in page.records) == want["sum_upvotes"]
    assert sum(record.comments for record in page.records) == want["total_comments"]
    assert sum(bool(record.organizations) for record in page.records) == want["with_org"]
    given = [item["paper"].get("githubRepo") for item in items]
    assert sum(map(bool, given)) == want["with_github"]
    assert all(record.code_url == url for record, url in zip(page.records, given, strict=True) if url)


@pytest.mark.parametrize(("name", "want"), samples.expected("arxiv/feed/"))
def test_daily_feeds_of_arxiv(name, want):
    page = arxiv.parse(samples.data(name))
    assert len(page.records) == want.get("items", want.get("entries"))
    assert [dict(record.aliases)["arxiv"] for record in page.records] == [
        bare(value) for value in want.get("guids", want.get("ids", []))
    ]
    assert [record.announce for record in page.records] == want.get("announce", [])
    assert [record.title for record in page.records[:1]] == ([want["first_title"]] if "first_title" in want else [])
    if "first_creator" in want:
        assert ", ".join(page.records[0].authors) == want["first_creator"]
    assert page.listed_on.isoformat() in name


@pytest.mark.parametrize(("name", "want"), samples.expected("feeds/blogs/"))
def test_feeds_of_blogs(name, want):
    page = feed.parse(samples.data(name))
    assert len(page.records) + len(page.rejected) == want["feedparser_entries"]
    assert {rejected.reason for rejected in page.rejected} <= {"no title and no text"}
    assert [record.title for record in page.records[:1]] == ([want["first_title"]] if want["first_title"] else [])


def test_the_json_feed():
    page = feed.parse(samples.data("feeds/blogs/reader_full.json"))
    assert [record.title for record in page.records] == ["Title", "Hello, world!"]
    assert page.records[1].authors == ("Jane",)


def test_a_feed_about_papers_leads_to_the_papers():
    page = feed.parse(samples.data("feeds/blogs/third_party_hf_weekly.xml"))
    assert all("arxiv" in dict(record.aliases) for record in page.records)


@pytest.mark.parametrize(("name", "want"), samples.expected("seeds/"))
def test_the_seeds(name, want):
    page = snapshot.parse(samples.data(name), day=date(2026, 11, 22))
    assert [record.title for record in page.records] == [item["title"] for item in want["items"]]
    for record, item in zip(page.records, want["items"], strict=True):
        if "authors" in item:
            same_card(record, item)


@pytest.mark.parametrize(("name", "want"), samples.expected("text-snapshots/"))
def test_other_saved_pages(name, want):
    page = snapshot.parse(samples.data(name), day=date(2026, 11, 22))
    titles = want.get("titles") or [item["title"] for item in want["items"]]
    assert [record.title for record in page.records] == titles
    for record, item in zip(page.records, want.get("items", []), strict=False):
        same_card(record, item)
    if "upvotes" in want:
        assert [record.upvotes for record in page.records] == want["upvotes"]
        assert [record.comments for record in page.records] == want["comments"]
        assert [f"{record.published_on:%b} {record.published_on.day}" for record in page.records] == [
            shown.partition(",")[0] for shown in want["dates"]
        ]


@pytest.mark.parametrize("together", [1, 10])
def test_real_titles_and_names_run_together_come_apart_again(together):
    days = [name for name, want in samples.expected("hf/api/") if "papers" in want]
    papers = [record for name in days for record in huggingface.parse(samples.data(name)).records if record.authors]
    for start in range(0, len(papers), together):
        cards = papers[start : start + together]
        lines = []
        for card in cards:
            more = " et al." if len(card.authors) > 3 else ""
            lines += ["CLJan 5, 2024", f"{card.title}{', '.join(card.authors[:3])}{more}", card.abstract]
        found = snapshot.parse("\n".join(lines).encode()).records
        assert [(one.title, one.authors) for one in found] == [(card.title, card.authors[:3]) for card in cards]


def same_card(record, item):
    assert list(record.authors) == item["authors"]
    assert (record.authors_total is None) == item["authors_truncated"]
    assert list(record.organizations) == item["affiliations"]
    assert record.has_code == item["has_code"]
    assert record.categories == (ids.category(item["category"]),)
    month, dom = item["date"].partition(",")[0].split()
    assert (f"{record.published_on:%b}", record.published_on.day) == (month, int(dom))
    assert item["date"][-4:] in (str(record.published_on.year), item["date"][-4:] if "," not in item["date"] else "")


@pytest.mark.parametrize("name", [name for name, _ in samples.expected("hostile/xml/")])
def test_hostile_xml_is_refused_before_anything_expands(name):
    for kind in (feed, arxiv):
        with pytest.raises(Malformed, match=r"DTD|no listing"):
            kind.parse(samples.data(name))


def test_titles_and_abstracts_come_out_without_tex():
    left = []
    for name, want in samples.expected("hf/api/"):
        for record in huggingface.parse(samples.data(name)).records if "papers" in want else ():
            left += re.findall(r"\\.{0,20}|[{}].{0,20}|\bsim\d.{0,10}", f"{record.title} {record.abstract}")
    assert left == []


def test_names_and_titles_of_old_papers_read_as_people_write_them():
    from newsletter.sources.page import text

    rows = [json.loads(line) for line in samples.data("arxiv/tex-titles.jsonl").decode().splitlines()]
    shown = [text.clean(f"{row['title']} {row['authors']}") for row in rows]
    assert not [line for line in shown if re.search(r"[\\{}$]", line)]
    assert any("Balázs" in line for line in shown)
    assert any("Puchała" in line for line in shown)
    assert any("¹³²Sn" in line for line in shown)
