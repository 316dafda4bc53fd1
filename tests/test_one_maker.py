"""Mail, web view, RSS and JSON of one copy come from `editions.write`: the same papers, order and reasons."""

import re
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from xml.etree import ElementTree

import pytest
from django.conf import settings
from issue_rows import DAY, MONDAY, paper, reader

from newsletter import delivery, editions, issues, links
from newsletter.models import Candidate, Delivery, Paper, PinScope

pytestmark = pytest.mark.django_db
SEVEN = timedelta(hours=4)  # 03:00 -> 07:00
TITLES = ["A robot learns to fold", "Robots at sea", "Folding proteins by robot", "What a robot owes"]


@pytest.fixture
def copy():
    """A planned copy of four papers for one reader; the second is pinned to everyone."""
    for title in TITLES:
        paper(title)
    Candidate.objects.filter(paper__title=TITLES[1]).update(pin=PinScope.EVERYONE)
    reader("robot")
    issues.close(now=MONDAY + timedelta(hours=1))
    editions.plan(now=MONDAY + SEVEN)
    return Delivery.objects.get()


def sent(copy, at=MONDAY + SEVEN):
    report = delivery.send(now=at)
    copy.refresh_from_db()
    return [message_from_bytes(Path(file).read_bytes(), policy=policy.default) for file in report.files]


def refs_and_reasons(copy, at):
    return [(pick.card.title, pick.reason) for pick in editions.digest_of(copy, as_of=at).picks]


def of_html(html):
    found = re.findall(r"<h2 [^>]*>.*?</span>\s*(.*?)</h2>.*?Why: (.*?)</p>", html, re.S)
    return [(re.sub(r"<[^>]+>", "", title).strip(), reason) for title, reason in found]


def links_of(html):
    found = {link for link in re.findall(r'href="([^"]+)"', html) if "/editions/" not in link}
    return {link for link in found if "/preferences" not in link}


def of_text(text):
    return re.findall(r"^ ?\d+\. (.+?)\n.*?Why: (.+?)\n\n", text, re.M | re.S)


def test_mail_web_view_rss_and_json_show_the_same_papers_in_the_same_order_for_the_same_reasons(copy, client, time_machine):
    time_machine.move_to(MONDAY + SEVEN + timedelta(minutes=1), tick=False)
    [mail] = sent(copy)
    expected = refs_and_reasons(copy, copy.as_of)
    assert expected[0][0] == TITLES[1] and len(expected) == 4 and all(reason for _, reason in expected)
    text, html = (part.get_content().replace("\r\n", "\n") for part in mail.iter_parts())
    view = client.get(f"/view/{links.token(links.Purpose.VIEW, copy.public_id, now=MONDAY + SEVEN)}").content.decode()
    friend = client.get(f"/editions/{copy.edition.public_id}").content.decode()
    for shown in (of_html(html), of_html(view), of_html(friend), of_text(text)):
        assert shown == expected
    assert links_of(view) < links_of(html), "the web view is the mail without what opens something of the reader's"
    assert not re.search("/(?:preferences|tune|view)/", view) and f"/u/{copy.subscriber.leave_id}/preferences" in view

    ids = {row.title: f"{settings.PUBLIC_URL}/papers/{row.public_id}" for row in Paper.objects.all()}
    items = client.get(f"/editions/{copy.edition.public_id}.json").json()["items"]
    assert [(item["id"], item["content_text"].rsplit("Why: ", 1)[1]) for item in items] == [
        (ids[title], reason) for title, reason in expected
    ]
    channel = ElementTree.fromstring(client.get(f"/editions/{copy.edition.public_id}.rss").content)
    assert [(item.findtext("guid"), item.findtext("description").rsplit("Why: ", 1)[1]) for item in channel.iter("item")] == [
        (ids[title], reason) for title, reason in expected
    ]


def test_hidden_and_withdrawn_papers_leave_copies_that_wait_and_stay_in_those_that_left(copy, client):
    hidden, withdrawn, *_ = (Candidate.objects.get(paper__title=title) for title in TITLES)
    Candidate.objects.filter(pk=hidden.pk).update(hidden_at=MONDAY + SEVEN - timedelta(minutes=1))
    Paper.objects.filter(pk=withdrawn.paper_id).update(withdrawn_at=MONDAY + SEVEN - timedelta(minutes=1))
    [mail] = sent(copy)
    shown = [title for title, _ in of_text(mail.get_body(("plain",)).get_content().replace("\r\n", "\n"))]
    assert sorted(shown) == sorted(TITLES[2:])
    before = editions.write(copy, as_of=copy.as_of)
    Candidate.objects.exclude(pk=hidden.pk).update(hidden_at=copy.as_of + DAY)
    assert editions.write(copy, as_of=copy.as_of) == before, "what left can be shown again"
    assert before.html.rstrip() == mail.get_body(("html",)).get_content().replace("\r\n", "\n").rstrip()


def test_a_paper_hidden_or_withdrawn_after_the_mail_shows_in_the_web_view_as_withdrawn(copy, client, time_machine):
    time_machine.move_to(MONDAY + SEVEN + timedelta(minutes=5), tick=False)
    sent(copy)
    hidden, withdrawn, *_ = (Candidate.objects.get(paper__title=title) for title in TITLES)
    Paper.objects.update(abstract="We found a robot that folds.", pdf_url="https://a.example/pdf")
    Candidate.objects.filter(pk=hidden.pk).update(hidden_at=MONDAY + SEVEN + timedelta(minutes=4))
    Paper.objects.filter(pk=withdrawn.paper_id).update(withdrawn_at=MONDAY + SEVEN + timedelta(minutes=4))
    view = client.get(f"/view/{links.token(links.Purpose.VIEW, copy.public_id, now=MONDAY + SEVEN)}").content.decode()
    titles = [title for title, _ in refs_and_reasons(copy, copy.as_of)]
    assert [title for title, _ in of_html(view)] == [f"Withdrawn: {title}" if title in TITLES[:2] else title for title in titles]
    assert view.count(">PDF</a>") == view.count("We found a robot that folds.") == 2


def test_a_copy_left_empty_is_cancelled_and_nothing_leaves(copy):
    Paper.objects.update(withdrawn_at=MONDAY)
    assert sent(copy) == []
    assert (copy.state, copy.reason) == ("CANCELLED", "EMPTY")
