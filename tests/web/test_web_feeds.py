"""Feeds: what the mail brought, what a search finds; one reader's own by an address that only they know."""

from __future__ import annotations

import json
from datetime import timedelta

import feedparser
import pytest
import web_rows as rows
from django.db import connection
from django.test.utils import CaptureQueriesContext

from newsletter import editions, subscribers
from newsletter.models import Candidate, IssueState, Subscriber

pytestmark = pytest.mark.django_db


def ids(answer) -> list[str]:
    """The papers of a feed of any form, in its order."""
    if "json" in answer["Content-Type"]:
        return [item["id"] for item in answer.json()["items"]]
    read = feedparser.parse(answer.content)
    assert not read.bozo
    return [entry.id for entry in read.entries]


def mailed(who: Subscriber, *numbers: int) -> list[str]:
    """Papers of a mail for each of these issues, the newest first, as the mails showed them."""
    shown: list[str] = []
    for number in numbers:
        issue = rows.issue(number, days_ago=20 - number)
        rows.papers(issue, 3, title=f"Robot of {number}")
        candidates = list(Candidate.objects.filter(issue=issue).select_related("issue").order_by("-id"))
        copy = rows.copy_of(who, candidates)
        copy.slot_on -= timedelta(days=20 - number)
        copy.after = number - 1
        copy.save()
        digest = editions.digest_of(copy, as_of=rows.now())
        assert digest is not None
        shown = [pick.card.page_url for pick in digest.picks] + shown
    return shown


@pytest.mark.parametrize("form", ["rss", "atom", "json"])
def test_a_readers_own_feed_has_the_papers_and_order_of_the_mails(client, form):
    who = rows.reader()
    expected = mailed(who, 11, 12)
    mailed(rows.reader(), 13)
    answer = client.get(f"/feeds/own/{subscribers.renew_feed(who.public_id, now=rows.now())}.{form}")
    assert answer.status_code == 200 and ids(answer) == expected and len(expected) == 6
    assert who.address not in answer.content.decode() and who.public_id not in answer.content.decode()


def test_it_is_private_and_answers_304(client):
    who = rows.reader()
    mailed(who, 11)
    path = f"/feeds/own/{subscribers.renew_feed(who.public_id, now=rows.now())}.rss"
    answer = client.get(path, headers={"Origin": "https://x.example"})
    assert answer["Cache-Control"].startswith("private") and "noindex" in answer["X-Robots-Tag"]
    assert answer["Referrer-Policy"] == "no-referrer" and "Access-Control-Allow-Origin" not in answer.headers
    again = client.get(path, headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304 and again["Cache-Control"].startswith("private")


def test_another_address_ends_the_one_before_and_revoking_ends_all(client):
    who = rows.reader()
    first = subscribers.renew_feed(who.public_id, now=rows.now())
    second = subscribers.renew_feed(who.public_id, now=rows.now())
    assert len(first) == 22 and first != second
    assert [client.get(f"/feeds/own/{each}.json").status_code for each in (first, second)] == [404, 200]
    subscribers.revoke_feed(who.public_id, now=rows.now())
    subscribers.revoke_feed(who.public_id, now=rows.now())
    assert client.get(f"/feeds/own/{second}.json").status_code == 404
    assert subscribers.renew_feed("nobody", now=rows.now()) == ""


def test_who_left_has_no_feed(client):
    who = rows.reader()
    feed_id = subscribers.renew_feed(who.public_id, now=rows.now())
    subscribers.unsubscribe(who.public_id, now=rows.now())
    assert client.get(f"/feeds/own/{feed_id}.rss").status_code == 404


def test_before_the_first_mail_it_shows_the_issue_of_the_welcome_page(client):
    rows.papers(rows.issue(1), 2)
    who = rows.reader()
    assert len(ids(client.get(f"/feeds/own/{subscribers.renew_feed(who.public_id, now=rows.now())}.rss"))) == 2


def test_a_paper_hidden_since_is_gone_from_it_and_a_repeated_one_stands_once(client):
    who = rows.reader()
    expected = mailed(who, 11, 12)
    hidden = Candidate.objects.select_related("paper").order_by("id").first()
    assert hidden is not None
    Candidate.objects.filter(pk=hidden.pk).update(hidden_at=rows.now())
    found = ids(client.get(f"/feeds/own/{subscribers.renew_feed(who.public_id, now=rows.now())}.rss"))
    assert found == [each for each in expected if not each.endswith(hidden.paper.public_id)] and len(found) == 5


def test_its_queries_do_not_grow_with_the_mails(client):
    who = rows.reader()
    path = f"/feeds/own/{subscribers.renew_feed(who.public_id, now=rows.now())}.rss"
    mailed(who, 11)
    with CaptureQueriesContext(connection) as few:
        client.get(path)
    mailed(who, 12, 13, 14)
    with CaptureQueriesContext(connection) as many:
        client.get(path)
    assert len(few) == len(many)


@pytest.mark.parametrize("form", ["rss", "atom", "json"])
def test_a_searchs_feed_has_what_matches_the_newest_first(client, form):
    rows.papers(rows.issue(1, days_ago=3), 2, title="Old robot", trend=99.0)
    rows.papers(rows.issue(2, days_ago=1), 2, title="New robot", trend=1.0)
    rows.papers(rows.issue(3, days_ago=0, state=IssueState.OPEN), 1, title="Newest robot", trend=0.0)
    rows.papers(rows.issue(4, days_ago=2), 1, title="A poem", abstract="Verse.")
    answer = client.get(f"/feeds/search.{form}", {"q": "robot"})
    titles = (
        [item["title"] for item in answer.json()["items"]]
        if form == "json"
        else [e.title for e in feedparser.parse(answer.content).entries]
    )
    assert [title.split()[0] for title in titles] == ["Newest", "New", "New", "Old", "Old"]
    assert answer["Access-Control-Allow-Origin"] == "*" and answer["Cache-Control"].startswith("public")


def test_a_searchs_feed_says_its_own_address(client):
    body = json.loads(client.get("/feeds/search.json", {"q": '"a b" -c'}).content)
    assert body["feed_url"] == "http://127.0.0.1:8000/feeds/search.json?q=%22a+b%22+-c"
    assert 'type="application/rss+xml"' in client.get("/search", {"q": "robot"}).content.decode()


@pytest.mark.parametrize("q", ["", "(robot", "x" * 501, "\0"])
def test_a_query_that_cannot_be_read_is_a_problem(client, q):
    answer = client.get("/feeds/search.rss", {"q": q})
    assert answer.status_code == 422 and answer["Content-Type"] == "application/problem+json"
