"""What is the same for everybody is made once: same bytes, fewer queries, 304 for who has it, and never what is stale."""

from __future__ import annotations

import gzip
import re

import pytest
import web_rows as rows
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from newsletter import acts, search
from newsletter.models import Candidate
from newsletter.web import kept, warm

pytestmark = pytest.mark.django_db
PATHS = ("/today", "/trending", "/topics/robotics", "/search?q=robot")


@pytest.fixture(autouse=True)
def keeping(nothing_kept, monkeypatch):
    monkeypatch.setattr(kept, "SECONDS", 60.0)
    rows.papers(rows.issue(), 3)
    rows.topic()


def queries(client, path: str) -> tuple[bytes, int]:
    with CaptureQueriesContext(connection) as seen:
        return client.get(path).content, len(seen)


@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_made_once_and_costs_one_query_after(client, path):
    made, first = queries(client, path)
    again, second = queries(client, path)
    assert made == again and first > 1 and second == 1


def test_the_sign_up_page_keeps_its_preview_and_not_what_was_typed(client):
    client.get("/?q=robot")
    with CaptureQueriesContext(connection) as seen:
        html = client.post("/preview", {"q": "robot", "email": "ada@example.org"}).content.decode()
    assert len(seen) == 1 and "ada@example.org" in html
    assert "ada@example.org" not in client.get("/?q=robot").content.decode()


def test_a_new_paper_a_new_issue_and_a_curator_s_act_show_at_once(client):
    rows.papers(rows.issue(2, days_ago=0), 1, title="Fresh from the press")
    assert "Fresh from the press" in client.get("/today").content.decode()
    hidden = Candidate.objects.get(paper__title__startswith="Fresh")
    Candidate.objects.filter(pk=hidden.pk).update(hidden_at=rows.now())
    acts.record(actor="ada", verb="hide", target="paper", now=rows.now())
    assert "Fresh from the press" not in client.get("/today").content.decode()


def test_previews_of_other_queries_share_the_papers_until_a_curator_acts_or_one_comes(client):
    def shown(word: str) -> tuple[int, list[str]]:
        with CaptureQueriesContext(connection) as seen:
            html = client.get(f"/?q={word}").content.decode()
        return int(re.search(r"(\d+) papers? in 14 days|Nothing in 14", html)[1] or 0), [row["sql"] for row in seen]

    search.index_changed()
    before, read = shown("robot")
    again, kept_read = shown("paper OR robot")
    assert before == again == 3
    assert any("newsletter_terms" in sql for sql in read) and not any("newsletter_terms" in sql for sql in kept_read)
    one = Candidate.objects.order_by("id").first()
    Candidate.objects.filter(pk=one.pk).update(hidden_at=rows.now())
    acts.record(actor="ada", verb="hide", target="paper", now=rows.now())
    assert shown("robot OR curator")[0] == 2
    rows.papers(rows.issue(2, days_ago=0), 1, title="Fresh robot")
    assert shown("robot OR fresh")[0] == 3


def test_a_process_that_has_read_ahead_makes_no_visitor_wait(client):
    search.index_changed()
    warm.read_ahead()
    with CaptureQueriesContext(connection) as seen:
        assert "3 papers in 14 days" in client.get("/?topic=robotics").content.decode()
    assert not any("newsletter_terms" in row["sql"] for row in seen)


@pytest.mark.django_db(transaction=True)
def test_where_nothing_can_be_read_ahead_the_process_goes_on(monkeypatch, caplog):
    def broken():
        raise OperationalError("no such table: newsletter_interest")

    monkeypatch.setattr(warm, "read_ahead", broken)
    with caplog.at_level("INFO"):
        warm.begin().join(10)
    assert "not read ahead: OperationalError" in caplog.text


def test_who_has_the_page_is_told_so(client):
    first = client.get("/today")
    assert first["ETag"].startswith('W/"') and "must-revalidate" in first["Cache-Control"]
    assert client.get("/today", headers={"If-None-Match": first["ETag"]}).status_code == 304
    assert client.get("/today", headers={"If-None-Match": 'W/"other"'}).status_code == 200
    assert client.head("/today")["ETag"] == first["ETag"]


def test_a_page_is_packed_for_who_takes_it_and_is_the_same_page(client):
    plain = client.get("/today")
    packed = client.get("/today", headers={"Accept-Encoding": "br, gzip;q=0.5"})
    assert packed["Content-Encoding"] == "gzip" and gzip.decompress(packed.content) == plain.content
    assert packed["ETag"] == plain["ETag"] and "Accept-Encoding" in plain["Vary"]
    for refused in ("gzip;q=0", "gzip;q=0.0", "br", ""):
        assert "Content-Encoding" not in client.get("/today", headers={"Accept-Encoding": refused})


def test_what_is_not_found_or_cannot_be_read_is_not_kept(client):
    for path, status in (("/papers/later", 404), ("/search?q=(robot", 422)):
        assert client.get(path).status_code == status
        assert "ETag" not in client.get(path)


def test_the_shelf_holds_so_many_bytes_and_the_newest_ones():
    shelf = kept.Shelf(10)
    for name in "abc":
        shelf.keep(name, name.upper(), 4)
    assert [shelf.find(name) for name in "abc"] == [None, "B", "C"]
    shelf.find("b")
    shelf.keep("d", "D", 4)
    assert [shelf.find(name) for name in "bcd"] == ["B", None, "D"]
    shelf.keep("b", "B", 11)
    assert shelf.find("b") is None
