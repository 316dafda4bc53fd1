"""The whole pass as a reader lives it: bytes -> mail -> webhook -> silence."""

import base64
import email
import json
import re
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default

import pytest
import time_machine
from django.conf import settings
from django.test import Client

from newsletter import delivery, editions, events, issues, sources
from newsletter.models import Delivery, Event, Source, Subscriber, SubscriberStatus
from newsletter.sources import huggingface

MORNING = datetime(2026, 11, 18, 3, 0, tzinfo=UTC)
BYTES = json.dumps(
    [
        {
            "paper": {
                "id": f"2611.0000{n}",
                "title": title,
                "summary": "A robot learns to fold laundry from ten demonstrations. It needs no reward.",
                "authors": [{"name": "Ada Example", "hidden": False}],
                "publishedAt": "2026-11-17T00:00:00.000Z",
                "upvotes": 40 - n,
            },
            "publishedAt": "2026-11-17T00:00:00.000Z",
            "title": title,
            "numComments": 1,
        }
        for n, title in enumerate(["Folding Laundry with Ten Demonstrations", "A Robot <script>alert(1)</script> Reads"], 1)
    ]
).encode()


def _outbox() -> list[EmailMessage]:
    files = sorted((settings.PAPERROUND_DATA / "outbox").glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
    return [email.message_from_bytes(path.read_bytes(), policy=default) for path in files]


def _link(mail: EmailMessage, kind: str) -> str:
    text = mail.get_body(("plain",)).get_content()
    return re.search(rf"{settings.PUBLIC_URL}(/{kind}/\S+)", text)[1]


@pytest.fixture(autouse=True)
def _empty_outbox():
    for path in (settings.PAPERROUND_DATA / "outbox").glob("*.eml"):
        path.unlink()


@pytest.mark.django_db(transaction=True)
def test_from_bytes_to_an_inbox_to_a_bounce_to_silence(client: Client):
    source = Source.objects.create(slug="hf", name="Daily", kind="huggingface", is_trending=True)
    with time_machine.travel(MORNING, tick=False):
        page = huggingface.parse(BYTES, day=MORNING.date())
        sources.store(page, source, seen_at=MORNING, day=MORNING.date())
        issues.gather(now=MORNING)
        wish = {"email": "ada@example.org", "topic": [], "q": "robot", "hour": "7", "zone": "UTC"}
        assert client.post("/subscribe", wish).status_code == 200
        delivery.send(now=MORNING)
        confirm = _link(_outbox()[-1], "confirm")
        assert client.get(confirm).status_code == 200
        assert Subscriber.objects.get().status == SubscriberStatus.PENDING
        assert client.post(confirm).status_code == 200
    reader = Subscriber.objects.get()
    assert reader.status == SubscriberStatus.ACTIVE

    issues.close(now=MORNING + timedelta(minutes=90))
    seven = MORNING + timedelta(hours=4)
    assert editions.plan(now=seven).prepared == 1
    delivery.send(now=seven)
    digest = _outbox()[-1]
    assert digest["To"] == "ada@example.org"
    assert "Folding Laundry" in digest.get_body(("plain",)).get_content()
    html = digest.get_body(("html",)).get_content()
    assert "<script>" not in html and "&lt;script&gt;" in html
    copy = Delivery.objects.get(kind="DIGEST")
    assert copy.state == "SENT" and copy.public_id in digest["Message-ID"]

    _bounce(client, copy)
    events.apply(now=seven + timedelta(minutes=1))
    reader.refresh_from_db()
    assert reader.status == SubscriberStatus.BOUNCED

    mails = len(_outbox())
    tomorrow = seven + timedelta(days=1)
    sources.store(_another(page), source, seen_at=tomorrow, day=tomorrow.date())
    issues.close(now=tomorrow - timedelta(hours=1))
    assert editions.plan(now=tomorrow).prepared == 0
    delivery.send(now=tomorrow)
    assert len(_outbox()) == mails
    assert client.post(_link(digest, "u"), {"List-Unsubscribe": "One-Click"}).status_code == 200


def _another(page):
    raw = BYTES.replace(b"2611.0000", b"2611.1000").replace(b"Folding Laundry", b"Ironing Shirts")
    return huggingface.parse(raw, day=page.listed_on)


def _bounce(client: Client, copy: Delivery) -> None:
    """A hard bounce as Postmark's documented webhook reports it."""
    notice = {
        "RecordType": "Bounce",
        "ID": 4323372036854775807,
        "Type": "HardBounce",
        "TypeCode": 1,
        "Email": "ada@example.org",
        "MessageID": "00000000-0000-0000-0000-000000000000",
        "Metadata": {"delivery": copy.public_id},
        "BouncedAt": "2026-11-18T07:00:10Z",
        "Description": "The server was unable to deliver your message",
        "Inactive": True,
    }
    path = "/webhooks/postmark/tracking/"
    assert client.post(path, json.dumps(notice), content_type="application/json").status_code in {400, 401, 403}
    assert not Event.objects.exists()
    secret = base64.b64encode(settings.WEBHOOK_SECRET.encode()).decode()
    for _ in range(2):
        answer = client.post(
            path, json.dumps(notice), content_type="application/json", headers={"Authorization": f"Basic {secret}"}
        )
        assert answer.status_code == 200
    assert Event.objects.count() == 1
    assert "ada@example.org" not in str(list(Event.objects.values()))
