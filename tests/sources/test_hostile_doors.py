"""Hostile titles go in by a feed and come out literally by every door: mail, page, feed, API-like JSON and admin."""

import html
import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from django.contrib.auth import get_user_model

from newsletter import issues, mail
from newsletter.editions import preview_issue
from newsletter.models import Paper
from newsletter.sources import feed, store
from tests.sources import making, samples

pytestmark = [samples.needed, pytest.mark.django_db]
ALERT = re.compile(
    r"<\s*(?:script|svg|iframe|img|object|embed|body|video|audio|math|details|marquee)\b[^>]*(?:on\w+\s*=|javascript:)", re.I
)


def hostile():
    """Every hostile string once, as it would stand in a title."""
    values = [case["value"] for case in json.loads(samples.data("hostile/field-values.json"))]
    values += json.loads(samples.data("hostile/naughty-strings.json"))
    values += samples.data("hostile/xss-payloads.txt").decode("utf-8", "replace").splitlines()
    return list(dict.fromkeys(value for value in values if isinstance(value, str)))


def page_of(titles):
    items = [{"id": f"https://a.example/{n}", "url": f"https://a.example/{n}", "title": title, "content_text": title,
              "authors": [{"name": title}], "date_published": "2026-01-07"} for n, title in enumerate(titles)]  # fmt: skip
    body = {"version": "https://jsonfeed.org/version/1.1", "title": "x", "items": items}
    return feed.parse(json.dumps(body, ensure_ascii=True).encode())


@pytest.fixture
def shown():
    page = page_of(hostile())
    now = datetime.now(UTC)
    issues.open_issue(now=now - timedelta(hours=2))
    store(page, making.source(), seen_at=now - timedelta(hours=1), day=now.date(), one_day=True)
    return list(Paper.objects.order_by("pk"))


def chunks(papers, size=60):
    return (papers[start : start + size] for start in range(0, len(papers), size))


def test_what_goes_in_is_one_line_without_controls(shown):
    assert len(shown) > 350
    for paper in shown:
        for value in (paper.title, paper.abstract, *paper.authors):
            assert "\n" not in value and not re.search(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufeff]", value)
            assert len(value) <= 20_000
        assert len(paper.title) <= 1000


def inert(source, papers):
    """No hostile tag is a tag; every title stands there, escaped (a very long one is cut between words)."""
    assert not ALERT.search(source)
    text = squeezed(html.unescape(source.replace("<wbr>", "")))
    for paper in papers:
        assert squeezed(paper.title)[: 60 if len(paper.title) < 150 else 15] in text, paper.title


def squeezed(text):
    """Without blanks and the marks at which long words may be broken."""
    return re.sub(r"[\s\u200b\u00ad]", "", text)


def test_pages_show_them_literally(shown, client):
    for paper in shown[::7]:
        answer = client.get(f"/papers/{paper.public_id}")
        assert answer.status_code == 200
        inert(answer.content.decode(), [paper])


def test_the_desk_shows_them_literally(shown, client):
    issues.gather(now=datetime.now(UTC))
    client.force_login(get_user_model().objects.create_superuser("mara", password="a long pass phrase"))
    read = ""
    for number in range(1, 12):
        answer = client.get(f"/desk/issue/?page={number}")
        assert answer.status_code in {200, 404}
        read += answer.content.decode() if answer.status_code == 200 else ""
    inert(read, [])
    text = html.unescape(read)
    assert sum(paper.title[:60] in text for paper in shown) > 30


def test_mails_show_them_literally(shown):
    digest = preview_issue(issue=issues.close(now=datetime.now(UTC)), queries=["title:the OR title:script OR title:alert"])
    assert digest.picks
    first = digest.picks[0]
    for papers in chunks(shown, 10):
        picks = tuple(replace(first, card=replace(first.card, ref=paper.public_id, title=paper.title)) for paper in papers)
        message = mail.digest(replace(digest, picks=picks))
        inert(message.html, papers)
        assert "\n" not in message.subject and not re.search(r"[\x00-\x1f\u202a-\u202e]", message.subject)
        assert all(squeezed(paper.title)[: 40 if len(paper.title) < 150 else 15] in squeezed(message.text) for paper in papers)


@pytest.mark.parametrize("form", ["rss", "atom", "json"])
def test_feeds_show_them_literally(shown, client, form):
    issues.close(now=datetime.now(UTC))
    answer = client.get(f"/feeds/today.{form}")
    assert answer.status_code == 200
    if form == "json":
        titles = [item["title"] for item in json.loads(answer.content)["items"]]
    else:
        titles = [node.text for node in ElementTree.fromstring(answer.content).iter() if node.tag.rpartition("}")[2] == "title"]
        titles = titles[1:]
    assert titles and set(titles) <= {paper.title for paper in shown}
