"""The archive's pages: days, weeks, months, what trends, authors, labs; each list whole, in pages, and cheap."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from xml.etree import ElementTree

import pytest
import web_rows as rows
from django.db import connection
from django.test.utils import CaptureQueriesContext

from newsletter import search
from newsletter.models import Alias, Byline, Candidate, Issue, IssueState, Paper, Source
from newsletter.web import sitemap

pytestmark = pytest.mark.django_db


def get(client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def ld_of(html: str) -> dict:
    return json.loads(html.split('<script type="application/ld+json">')[1].split("</script>")[0])


def printed(on: date, number: int, title: str, trend: float = 5.0, count: int = 1) -> list[Paper]:
    at = rows.datetime(on.year, on.month, on.day, 5, tzinfo=rows.UTC)
    issue = Issue.objects.create(number=number, state=IssueState.CLOSED, opened_at=at, closed_at=at, closed_on=on)
    return rows.papers(issue, count, title=title, trend=trend)


def test_a_week_and_a_month_hold_their_days_and_no_other_the_most_trending_first(client):
    printed(date(2026, 11, 15), 1, "Sunday before")
    printed(date(2026, 11, 16), 2, "Quiet Monday", trend=1.0)
    printed(date(2026, 11, 22), 3, "Loud Sunday", trend=9.0)
    printed(date(2026, 12, 1), 4, "Later paper")
    week = get(client, "/archive/2026-W47")
    assert "Week 47 of 2026" in week and week.index("Loud Sunday") < week.index("Quiet Monday")
    assert "Sunday before" not in week and "Later paper" not in week
    assert 'rel="prev" href="/archive/2026-W46"' in week and 'rel="next" href="/archive/2026-W49"' in week
    month = get(client, "/archive/2026-11")
    assert all(title in month for title in ("Sunday before", "Quiet Monday", "Loud Sunday")) and "Later paper" not in month
    assert 'rel="next" href="/archive/2026-12"' in month and 'rel="prev"' not in month


def test_a_week_belongs_to_the_iso_year(client):
    printed(date(2027, 1, 1), 1, "New year")
    assert "New year" in get(client, "/archive/2026-W53") and "New year" in get(client, "/archive/2027-01")
    assert '<a href="/archive/2026-W53">' in get(client, "/archive/2027-01-01")


@pytest.mark.parametrize(
    "ref", ["2026-W00", "2026-W54", "2025-W53", "2026-13", "2026-00", "0000-01", "9999-W99", "20261120", "2026-W4"]
)
def test_what_is_no_span_of_the_calendar_is_not_found(client, ref):
    printed(date(2026, 11, 20), 1, "A paper")
    assert client.get(f"/archive/{ref}").status_code == 404


def test_a_paper_that_came_again_stands_once_in_its_week_and_a_hidden_one_not_at_all(client):
    [again], [hidden] = printed(date(2026, 11, 16), 1, "Twice"), printed(date(2026, 11, 17), 2, "Hidden")
    Candidate.objects.create(issue=Issue.objects.get(number=2), paper=again, kind="AGAIN", trend=8.0)
    Candidate.objects.filter(paper=hidden).update(hidden_at=rows.now())
    for path in ("/archive/2026-W47", "/archive/2026-11"):
        html = get(client, path)
        assert html.count(f'<a href="/papers/{again.public_id}">{again.title}') == 1 and hidden.title not in html


def test_a_day_shows_whole_abstracts_and_describes_itself_to_machines(client):
    abstract = "Moss grows. " * 200 + "The very last words."
    closed = rows.issue()
    [paper] = rows.papers(closed, 1, title=rows.HOSTILE, abstract=abstract)
    html = get(client, f"/archive/{closed.closed_on}")
    assert "The very last words." in html
    said = ld_of(html)
    assert said["mainEntity"]["itemListElement"][0]["name"] == paper.title
    assert re.search(rf'<link rel="canonical" href="http[^"]+/archive/{closed.closed_on}">', html)


def test_references_of_a_day_and_a_paper_are_files(client):
    closed = rows.issue()
    found = rows.papers(closed, 3)
    Candidate.objects.filter(paper=found[0]).update(hidden_at=rows.now())
    answer = client.get(f"/archive/{closed.closed_on}.bib")
    assert answer["Content-Type"].startswith("application/x-bibtex") and "attachment" in answer["Content-Disposition"]
    assert answer.content.decode().count("@misc{") == 2
    assert client.get(f"/archive/{closed.closed_on}.ris").content.decode().count("ER  - ") == 2
    assert client.get(f"/papers/{found[1].public_id}.ris").content.startswith(b"TY  - ")
    assert client.get("/papers/none.bib").status_code == 404 and client.get("/archive/2020-01-01.bib").status_code == 404


def test_trending_has_three_windows_and_shows_what_still_gathers(client):
    rows.papers(rows.issue(1, days_ago=20), 1, title="Of this month", trend=9.0)
    rows.papers(rows.issue(2, days_ago=3), 1, title="Of this week", trend=8.0)
    rows.papers(rows.issue(3, days_ago=0, state=IssueState.OPEN), 1, title="Just now", trend=7.0)
    day, week, month = (get(client, f"/trending?window={window}") for window in ("day", "week", "month"))
    assert "Just now" in day and "Of this week" not in day
    assert "Of this week" in week and "Of this month" not in week
    assert month.index("Of this month") < month.index("Of this week") < month.index("Just now")
    assert 'href="/?q=is%3Atrending"' in day
    assert client.get("/trending?window=year").status_code == 404


def test_authors_and_labs_have_pages_by_name_that_can_be_mailed(client):
    names = {"authors": ["Žofie Nováková", "Ada L."], "organizations": ["Peking University"]}
    old = rows.papers(rows.issue(1, days_ago=5), 1, title="Old", **names)[0]
    new = rows.papers(rows.issue(2), 1, title="New", **names)[0]
    rows.papers(rows.issue(3, days_ago=2), 1, title="Stranger", authors=["Ada Lovelace"])
    search.index_changed()
    html = get(client, "/authors/zofie-novakova")
    assert html.index(new.title) < html.index(old.title) and "Stranger" not in html and "<h1>Žofie Nováková</h1>" in html
    assert 'href="/?q=author%3A%22%C5%BDofie%20Nov%C3%A1kov%C3%A1%22"' in html
    assert "New" in get(client, "/labs/peking-university")
    assert 'href="/authors/zofie-novakova"' in get(client, f"/papers/{new.public_id}")
    mailed = get(client, "/?q=author%3A%22%C5%BDofie%20Nov%C3%A1kov%C3%A1%22")
    assert "2 papers in the last 14 days" in mailed
    Candidate.objects.filter(paper=new).update(hidden_at=rows.now())
    assert new.title not in get(client, "/authors/zofie-novakova")
    for path in ("/authors/nobody", "/labs/zofie-novakova", "/authors/zofie-novakova?page=2", "/authors/%00", "/authors/a%20b"):
        assert client.get(path).status_code == 404, path


def test_a_topic_shows_its_newest_papers_first_and_leads_to_all_of_them(client):
    rows.topic()
    rows.papers(rows.issue(1, days_ago=30), 1, title="Robot robot of old", trend=9.0)
    rows.papers(rows.issue(2, days_ago=2), 1, title="New machine", abstract="A robot, at last.", trend=0.0)
    html = get(client, "/topics/robotics")
    assert html.index("New machine") < html.index("Robot robot of old")
    assert 'href="/search?q=robot"' in html


def test_bylines_follow_the_paper_and_are_written_once():
    [paper] = rows.papers(rows.issue(), 1, authors=["李 明", "李 明", "…", "A" * 300])
    search.index_changed()
    assert set(Byline.objects.values_list("slug", flat=True)) == {"李-明", "a" * 120}
    Paper.objects.filter(pk=paper.pk).update(authors=["Bob"])
    search.index_changed()
    search.index_changed()
    assert list(Byline.objects.values_list("slug", "name")) == [("bob", "Bob")]


def test_a_paper_page_shows_votes_over_time_the_trend_s_parts_what_is_like_it_and_tags(client):
    closed = rows.issue()
    paper, other = rows.papers(closed, 2, keywords=["moss"], abstract="Of moss.", organizations=["Lab"])
    Alias.objects.create(scheme="arxiv", value="2611.00001", paper=paper)
    Candidate.objects.filter(paper=paper).update(upvotes=15)
    source = Source.objects.create(slug="s", name="A Source", kind="feed")
    for hours, votes in ((0, 3), (5, 9), (9, 15)):
        at = rows.now() - timedelta(hours=10 - hours)
        paper.sightings.create(source=source, seen_at=at, listed_on=paper.listed_on, rank=1, upvotes=votes)
    search.index_changed()
    html = get(client, f"/papers/{paper.public_id}")
    points = re.search(r'<polyline class="l0" points="([^"]+)"', html)
    assert points and points[1].split()[0].endswith(",76.8") and points[1].split()[-1] == "320.0,0.0"
    assert "A Source: 3 votes on" in html and "<td>A Source</td>" in html
    assert "Votes<svg" in html and "4.0" in html.split("Trend: ")[1][:8]
    assert f"/papers/{other.public_id}" in html.split("Related papers")[1]
    for name, value in (("title", paper.title), ("author", "Ada L."), ("arxiv_id", "2611.00001"), ("keywords", "moss")):
        assert f'<meta name="citation_{name}" content="{value}">' in html
    assert ld_of(html)["identifier"] == "arXiv:2611.00001"


def test_hostile_words_stay_words_in_data_tags_and_files(client):
    [paper] = rows.papers(rows.issue(), 1, title=rows.HOSTILE, authors=['</script><script>alert("x")</script>'], keywords=["<b>"])
    search.index_changed()
    html = get(client, f"/papers/{paper.public_id}")
    assert "<script>alert" not in html and "<b>" not in html.split("<main")[0]
    assert ld_of(html)["author"][0]["name"] == paper.authors[0]


def test_the_sitemap_names_every_page_of_the_archive_and_no_withdrawn_paper(client):
    closed = rows.issue()
    shown, withdrawn = rows.papers(closed, 2)
    Paper.objects.filter(pk=withdrawn.pk).update(withdrawn_at=rows.now())
    rows.topic()
    space = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}
    index = ElementTree.fromstring(client.get("/sitemap.xml").content)
    maps = [node.text or "" for node in index.findall("s:sitemap/s:loc", space)]
    found = set()
    for address in maps:
        tree = ElementTree.fromstring(client.get(address.replace("http://127.0.0.1:8000", "")).content)
        found |= {(node.text or "").replace("http://127.0.0.1:8000", "") for node in tree.findall("s:url/s:loc", space)}
    on = closed.closed_on
    wanted = {
        "/",
        f"/archive/{on}",
        f"/archive/{on:%G-W%V}",
        f"/archive/{on:%Y-%m}",
        "/topics/robotics",
        f"/papers/{shown.public_id}",
    }
    assert wanted <= found and f"/papers/{withdrawn.public_id}" not in found
    assert all(client.get(path).status_code == 200 for path in found)
    assert "Sitemap: " in client.get("/robots.txt").content.decode()


def test_the_sitemap_names_no_part_without_papers(client):
    Paper.objects.create(id=2 * sitemap.PAPERS + 1, title="Robots", listed_on=rows.now().date(), seen_at=rows.now())
    index = client.get("/sitemap.xml").content.decode()
    assert "papers-2.xml" in index and "papers-0.xml" not in index and "papers-1.xml" not in index


LISTS = ("/today", "/trending?window=month", "/archive/", "/archive/{on}", "/archive/{week}", "/archive/{month}", "/archive/{on}.bib",
         "/authors/ada-l", "/labs/lab", "/topics/robotics", "/search?q=robot", "/papers/{ref}", "/", "/?day={on}", "/sitemap.xml",
         "/sitemaps/papers-{part}.xml")  # fmt: skip


def test_ten_papers_and_a_thousand_take_as_many_queries(client):
    closed = rows.issue()
    rows.topic()
    first = rows.papers(closed, 10, organizations=["Lab"], keywords=["robot"])[0]
    search.index_changed()
    on = closed.closed_on
    parts = {"on": on, "week": f"{on:%G-W%V}", "month": f"{on:%Y-%m}", "ref": first.public_id, "part": first.pk // sitemap.PAPERS}
    paths = [path.format(**parts) for path in LISTS]
    few = {path: queries(client, path) for path in paths}
    rows.papers(closed, 990, organizations=["Lab"], keywords=["robot"])
    search.index_changed()
    assert {path: queries(client, path) for path in paths} == few


def queries(client, path: str) -> int:
    search.forget()
    with CaptureQueriesContext(connection) as seen:
        assert client.get(path).status_code == 200, path
    return len(seen)
