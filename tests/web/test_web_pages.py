"""Every page: it answers, changes nothing, fetches nothing foreign, and says what its visitors' browsers must know."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import web_rows as rows
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from newsletter.models import Candidate, IssueState, Paper, Source
from newsletter.web import errors, listing

pytestmark = pytest.mark.django_db
PERSONAL = (
    "confirm", "preferences", "unsubscribe", "never", "own_preview", "ask_move", "drop", "mail_export", "mail_erase",
    "leave_erase", "tune", "export", "erase", "move", "undo", "return", "bib", "ris",
)  # fmt: skip
MAILS = ("view", "edition")


@pytest.fixture
def pages() -> dict[str, str]:
    return rows.whole()


def html_of(client: Client, pages: dict[str, str]) -> dict[str, str]:
    found = {name: client.get(path) for name, path in pages.items()}
    return {name: answer.content.decode() for name, answer in found.items() if "html" in answer["Content-Type"]}


def test_every_page_answers_and_neither_get_nor_head_changes_a_row(client, pages):
    before = rows.counts()
    for name, path in pages.items():
        assert client.get(path).status_code == 200, name
        assert client.head(path).status_code == 200, name
    assert rows.counts() == before


def test_no_page_asks_a_foreign_host_or_carries_inline_code(client, pages):
    for name, html in html_of(client, pages).items():
        if name in MAILS:
            continue
        found = rows.Links(html)
        assert all(src.startswith("/") and not src.startswith("//") for src in found.fetched), name
        assert found.inline == [], name
        assert len(found.ids) == len(set(found.ids)), name


def test_no_link_inside_the_house_leads_nowhere(client, pages):
    seen = {href.split("#")[0] for html in html_of(client, pages).values() for href in rows.Links(html).own()}
    assert {"/today", "/topics/", "/archive/", "/search", "/feeds/today.rss", "/privacy"} <= seen
    for href in seen:
        if not href.startswith("/static/"):
            assert client.get(href).status_code == 200, href


def test_pages_carry_a_strict_policy(client, pages):
    policy = client.get("/")["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self'" in policy and "style-src 'self'" in policy
    assert "unsafe" not in policy
    assert "camera=()" in client.get("/today")["Permissions-Policy"]


def test_reading_needs_no_cookie(client, pages):
    for path in pages.values():
        assert not client.get(path).cookies


@pytest.mark.parametrize("name", PERSONAL)
def test_personal_pages_are_kept_and_told_by_nobody(client, pages, name):
    answer = client.get(pages[name])
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "noindex" in answer["X-Robots-Tag"]
    assert "known@example.org" not in answer.content.decode()


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_in_the_browser_is_a_sandbox_of_its_own(client, pages, name):
    answer = client.get(pages[name])
    assert answer["Content-Security-Policy"].endswith("; sandbox")
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert "A robot that learns" in answer.content.decode()


def test_the_copy_for_a_friend_holds_no_personal_link(client, pages):
    html = client.get(pages["edition"]).content.decode()
    assert not re.search(r"/(u|unsubscribe|preferences|view|never|tune)/", html)
    assert "/u/" in client.get(pages["view"]).content.decode()


def test_hostile_titles_are_shown_as_they_are_written(client):
    closed = rows.issue()
    paper = rows.papers(closed, 1, title=rows.HOSTILE)[0]
    for path in ("/", "/today", f"/papers/{paper.public_id}", f"/archive/{closed.closed_on}", "/search?q=world"):
        html = client.get(path).content.decode()
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; " in html, path
        assert "<script>alert" not in html, path


def test_today_says_which_issue_is_closed_and_which_still_grows(client):
    rows.papers(rows.issue(7), 1, title="Printed paper")
    rows.papers(rows.issue(8, state=IssueState.OPEN), 1, title="Growing paper")
    html = client.get("/today").content.decode()
    assert html.index("Issue 7") < html.index("Printed paper") < html.index("Issue 8, still open") < html.index("Growing paper")


def test_a_hidden_paper_is_on_no_list_and_a_pinned_one_leads(client):
    closed = rows.issue()
    hidden, plain, pinned = rows.papers(closed, 3)
    Candidate.objects.filter(paper=hidden).update(hidden_at=rows.now(), trend=99)
    Candidate.objects.filter(paper=pinned).update(pin="EVERYONE", trend=0)
    for path in ("/today", f"/archive/{closed.closed_on}", "/search?q=robot", "/feeds/today.rss"):
        assert hidden.title not in client.get(path).content.decode(), path
    html = client.get("/today").content.decode()
    assert html.index(pinned.title) < html.index(plain.title)


def test_a_day_with_two_closings_shows_both_and_a_day_without_is_404(client):
    first = rows.issue(1, days_ago=2)
    second = rows.issue(2, days_ago=2)
    rows.papers(first, 1, title="Morning paper")
    rows.papers(second, 1, title="Evening paper")
    html = client.get(f"/archive/{first.closed_on}").content.decode()
    assert "Morning paper" in html and "Evening paper" in html and "Issues 1, 2" in html
    for path in ("/archive/2020-01-01", "/archive/2026-02-30", "/archive/yesterday"):
        assert client.get(path).status_code == 404


def test_a_long_day_is_read_page_by_page_and_no_paper_is_left_out(client):
    closed = rows.issue()
    found = rows.papers(closed, 130)
    path = f"/archive/{closed.closed_on}"
    pages = [client.get(f"{path}?page={number}").content.decode() for number in range(1, 7)]
    for paper in found:
        assert sum(f"/papers/{paper.public_id}" in page for page in pages) == 1
    assert client.get(f"{path}?page=7").status_code == 404


def test_a_paper_page_shows_all_that_is_known(client):
    closed = rows.issue()
    abstract = "A whole abstract. " * 80 + "Its very last words."
    paper = rows.papers(closed, 1, abstract=abstract, authors_total=None, is_sample=True, organizations=["Lab & Co"])[0]
    source = Source.objects.create(slug="s", name="A Source", kind="feed")
    paper.sightings.create(source=source, seen_at=rows.now(), listed_on=paper.listed_on, rank=3)
    html = client.get(f"/papers/{paper.public_id}").content.decode()
    for text in ("Its very last words.", "and others", "sample", "Lab &amp; Co", "A Source", 'rel="canonical"'):
        assert text in html


def test_a_list_cuts_a_long_abstract_between_words_and_no_number_apart(client):
    rows.papers(rows.issue(), 1, abstract="moss " * 43 + "grows 3.5 × 10⁻³ mm a year. " + "Moss. " * 300)
    assert "moss grows…" in client.get("/today").content.decode()


def test_the_description_of_a_paper_is_cut_before_a_number_that_it_would_part(client):
    [row] = rows.papers(rows.issue(), 1, abstract="m" * 290 + " 1,000,000,000 rows. " + "Moss. " * 99)
    html = client.get(f"/papers/{row.public_id}").content.decode()
    assert f'content="{"m" * 290}…"' in html


def test_a_merged_paper_shows_the_survivor_and_a_withdrawn_one_its_title_alone(client):
    one, other = rows.papers(rows.issue(), 2)
    Paper.objects.filter(pk=one.pk).update(merged_into=other)
    assert other.title in client.get(f"/papers/{one.public_id}").content.decode()
    Paper.objects.filter(pk=other.pk).update(withdrawn_at=rows.now())
    answer = client.get(f"/papers/{other.public_id}")
    assert answer.status_code == 410
    assert other.title in answer.content.decode() and other.abstract not in answer.content.decode()
    assert client.get("/papers/nothing").status_code == 404


def test_search_ranks_explains_and_refuses_by_column(client):
    closed = rows.issue()
    rows.papers(closed, 1, title="Plants", abstract="A robot in one word of the abstract, among many others.")
    rows.papers(closed, 1, title="Robot robot robot", trend=9.0)
    html = client.get("/search?q=robot").content.decode()
    assert html.index("Robot robot robot") < html.index("Plants")
    assert "matches" in html
    refused = client.get("/search", {"q": "(robot"})
    assert refused.status_code == 422
    assert 'role="alert"' in refused.content.decode() and 'value="(robot"' in refused.content.decode()


def test_a_topic_page_names_its_papers_and_offers_them_by_mail(client):
    rows.papers(rows.issue(), 2)
    rows.topic()
    html = client.get("/topics/robotics").content.decode()
    assert 'href="/?topic=robotics"' in html and "A robot that learns" in html
    assert client.get("/topics/none").status_code == 404


@pytest.mark.parametrize("path", ["/", "/today", "/archive/", "/topics/robotics", "/search?q=robot", "/feeds/today.rss"])
def test_queries_do_not_grow_with_papers(client, path):
    closed = rows.issue()
    rows.topic()
    rows.papers(closed, 100)
    few = queries_of(lambda: client.get(path))
    rows.papers(closed, 200)
    assert queries_of(lambda: client.get(path)) == few


def queries_of(act: Callable[[], object]) -> int:
    with CaptureQueriesContext(connection) as seen:
        act()
    return len(seen)


def test_an_empty_house_has_no_broken_page(client):
    for path in ("/", "/today", "/archive/", "/topics/", "/search?q=robot", "/feeds/today.atom", "/preview", "/outbox/"):
        assert client.get(path).status_code == 200, path


def test_what_went_wrong_is_said_in_the_family_s_dress_and_to_programs_as_a_problem():
    browser = RequestFactory().get("/nope", headers={"Accept": "text/html"})
    program = RequestFactory().get("/nope", headers={"Accept": "application/json"})
    for view, status in ((errors.not_found, 404), (errors.bad_request, 400), (errors.forbidden, 403)):
        page = view(browser, Exception())
        assert page.status_code == status and "Paper Round" in page.content.decode()
        body = json.loads(view(program, Exception()).content)
        assert body["status"] == status and body["title"]
    assert errors.broken(browser).status_code == 500


def test_the_stylesheet_is_small_and_asks_for_nothing():
    css = (Path(listing.__file__).parent / "static" / "paper.css").read_text("utf-8")
    assert len(css.encode()) < 20_000
    assert "url(" not in css and "@import" not in css


def test_the_script_of_others_is_the_one_that_was_published():
    script = Path(listing.__file__).parent / "static" / "htmx-4.0.1.min.js"
    assert hashlib.sha256(script.read_bytes()).hexdigest() == "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"


def test_the_sign_up_page_with_all_it_asks_for_is_under_a_hundred_kilobytes(client):
    for number in range(1, 15):
        rows.papers(rows.issue(number, days_ago=number), 10, title="A title of the usual length, which is ten words")
    for number in range(60):
        rows.topic(f"topic-number-{number}", query=f"robot{number}", group=f"Group {number // 7}")
    page = len(client.get("/").content)
    assert page + sum(path.stat().st_size for path in (Path(listing.__file__).parent / "static").iterdir()) < 100_000
    assert len(client.get("/", headers={"Accept-Encoding": "gzip"}).content) < page / 4


def test_robots_stay_out_of_personal_pages_and_security_txt_does_not_expire(client):
    robots = client.get("/robots.txt").content.decode()
    for name in ("confirm", "u", "unsubscribe", "preferences", "view", "never"):
        assert f"Disallow: /{name}/" in robots
    text = client.get("/.well-known/security.txt").content.decode()
    expires = re.search(r"Expires: (\S+)Z", text)
    assert expires and rows.datetime.fromisoformat(expires[1]).replace(tzinfo=rows.UTC) > rows.now() + rows.timedelta(days=100)
    assert "Contact: mailto:service@paperround.example.org" in text
