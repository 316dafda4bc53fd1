"""All rights reserved: title and link by every door, whatever came before, after, or from elsewhere."""

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from newsletter import issues, mail
from newsletter.editions import preview_issue
from newsletter.models import Paper
from newsletter.sources import biorxiv, store
from tests.sources import making
from tests.sources.test_biorxiv import answer, item

pytestmark = pytest.mark.django_db
DOI = "10.64898/2026.01.05.000001"
TITLE = "Preprint Number 1 of the Day"
SECRETS = ("Zebrafish", "A. B. Example", "Ann Example", "Institute of Stripes", "github.com/some", "zenodo.org", "full.pdf",
           "neuroscience", "paper.pdf")  # fmt: skip
FREE = {"license": "cc_by", "abstract": "Zebrafish help. Code: https://github.com/some/thing. https://zenodo.org/records/1"}


def feed_page():
    return making.page(
        making.record(TITLE, doi=DOI, url="https://a.example/1", abstract="Zebrafish of the feed.", summary="Zebrafish, short.",
                      summary_by="Feed", organizations=("Institute of Stripes",), keywords=("Zebrafish",), has_code=True,
                      code_url="https://github.com/some/other", pdf_url="https://a.example/paper.pdf"),
    )  # fmt: skip


def arrivals(reserved):
    return {
        "first": ("biorxiv", biorxiv.parse(answer(item(**FREE)))),
        "second": ("biorxiv", biorxiv.parse(answer(item(version="2", license=reserved, abstract="Zebrafish again.")))),
        "feed": ("feed", feed_page()),
    }


@pytest.mark.parametrize("reserved", ["cc_no", "none"])
@pytest.mark.parametrize("order", list(itertools.permutations(("first", "second", "feed"))), ids="-".join)
def test_title_and_link_only_by_every_door_in_any_order(order, reserved, client):
    now = datetime.now(UTC)
    issues.open_issue(now=now - timedelta(hours=3))
    places = {kind: making.source(kind, kind=kind) for kind in ("biorxiv", "feed")}
    for step, name in enumerate(order):
        kind, page = arrivals(reserved)[name]
        at = now - timedelta(hours=2) + timedelta(minutes=step)
        store(page, places[kind], seen_at=at, day=now.date(), one_day=True, revisions=True)
    paper = Paper.objects.get()
    assert (paper.title, paper.license, paper.authors_total, paper.has_code) == (TITLE, "cc_no", None, False)
    digest = preview_issue(issue=issues.close(now=now), queries=["title:preprint"])
    message = mail.digest(digest)
    doors = [message.text, message.html]
    for address in (f"/papers/{paper.public_id}", "/feeds/today.json", "/feeds/today.rss", "/search?q=title:preprint"):
        response = client.get(address)
        assert response.status_code == 200
        doors.append(response.content.decode())
    for shown in doors:
        assert TITLE in shown and not [secret for secret in SECRETS if secret in shown]
    for query in ("zebrafish", "author:example", "cat:neuroscience"):
        assert TITLE not in client.get("/search", {"q": query}).content.decode()
