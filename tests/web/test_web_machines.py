"""What programs read: feeds, health, the outbox of files."""

from __future__ import annotations

import importlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import feedparser
import pytest
import web_rows as rows
from lxml import etree

from newsletter import links, mail
from newsletter.models import Mark
from newsletter.web import feeds, health, urls

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("form", "kind"), [("rss", "application/rss+xml"), ("atom", "application/atom+xml")])
def test_a_feed_is_well_formed_and_absolute_and_names_itself(client, form, kind):
    rows.papers(rows.issue(), 3, title="Bell \x07 & <b>" + rows.HOSTILE)
    answer = client.get(f"/feeds/today.{form}")
    assert answer["Content-Type"].startswith(kind)
    etree.fromstring(answer.content)
    feed = feedparser.parse(answer.content)
    assert not feed.bozo and len(feed.entries) == 3
    assert any(link.rel == "self" and link.href.endswith(f"/feeds/today.{form}") for link in feed.feed.links)
    for entry in feed.entries:
        assert entry.link.startswith(links.absolute("/papers/")) and entry.id == entry.link
    assert len({entry.id for entry in feed.entries}) == 3


def test_the_json_feed_holds_the_same_papers_in_the_same_order(client):
    rows.papers(rows.issue(), 3)
    body = json.loads(client.get("/feeds/today.json").content)
    assert body["version"] == "https://jsonfeed.org/version/1.1"
    rss = feedparser.parse(client.get("/feeds/today.rss").content)
    assert [item["id"] for item in body["items"]] == [entry.id for entry in rss.entries]
    assert all(item["content_text"] and item["date_published"].endswith("+00:00") for item in body["items"])


def test_an_unchanged_feed_is_304_and_a_changed_one_is_not(client):
    closed = rows.issue()
    rows.papers(closed, 1)
    etag = client.get("/feeds/today.atom")["ETag"]
    assert client.get("/feeds/today.atom", headers={"If-None-Match": etag}).status_code == 304
    rows.papers(closed, 1)
    assert client.get("/feeds/today.atom", headers={"If-None-Match": etag}).status_code == 200


def test_a_topic_has_a_feed_of_printed_papers_and_its_page_announces_it(client):
    rows.topic()
    rows.papers(rows.issue(1), 2)
    rows.papers(rows.issue(2, days_ago=0, state="OPEN"), 1, title="Not printed robot")
    body = client.get("/feeds/topics/robotics.rss").content.decode()
    assert len(feedparser.parse(body).entries) == 2 and "Not printed" not in body
    assert 'href="/feeds/topics/robotics.atom"' in client.get("/topics/robotics").content.decode()
    assert client.get("/feeds/topics/none.rss").status_code == 404


def test_what_xml_cannot_hold_is_left_out():
    assert feeds.printable("a\x00b\ud800c\ufffed\te") == "abcd\te"


@pytest.fixture
def broker(tmp_path, settings) -> Iterator[list[bytes]]:
    """A socket that answers one PING after the other as told."""
    path = f"{tmp_path}/b.sock"
    answers = [b"+PONG\r\n"]
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen()

    def serve() -> None:
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            with line:
                line.recv(64)
                line.sendall(answers[0])

    threading.Thread(target=serve, daemon=True).start()
    settings.REDIS_URL = f"unix://{path}"
    yield answers
    server.shutdown(socket.SHUT_RDWR)
    server.close()


def test_health_is_green_when_every_part_is_alive(client, broker):
    Mark.objects.create(name="pulse", at=rows.now())
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "parts": dict.fromkeys(("web", "database", "broker", "worker", "beat"), "ok")}


def test_health_is_red_after_three_missed_marks_and_live_stays_green(client, broker):
    Mark.objects.create(name="pulse", at=rows.now() - timedelta(seconds=3 * health.PULSE_SECONDS + 1))
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert "s ago" in answer.json()["parts"]["worker"] and answer.json()["parts"]["broker"] == "ok"
    assert client.get("/livez").status_code == 200


def test_two_missed_marks_are_not_yet_a_death(client, broker):
    Mark.objects.create(name="pulse", at=rows.now() - timedelta(seconds=2 * health.PULSE_SECONDS + 1))
    assert client.get("/healthz").status_code == 200


def test_health_names_a_dead_broker_and_a_stranger_on_its_socket(client, broker, settings):
    Mark.objects.create(name="pulse", at=rows.now())
    broker[0] = b"HTTP/1.1 400\r\n"
    assert client.get("/healthz").json()["parts"]["broker"] == "not a Redis server"
    settings.REDIS_URL = "unix:///nowhere/at.sock"
    answer = client.get("/healthz")
    assert answer.status_code == 503 and "no answer" in answer.json()["parts"]["broker"]


@pytest.fixture
def outbox(tmp_path: Path, settings) -> Path:
    settings.PAPERROUND_DATA = tmp_path
    folder = tmp_path / "outbox"
    folder.mkdir()
    html = (
        "<!DOCTYPE html><html><head><title>x</title></head><body><a href='https://example.org/confirm/abc'>Go</a></body></html>"
    )
    message = mail.Message(subject="Grüße & <b>", text="Open https://example.org/confirm/abc.\n<script>", html=html)
    for place, to in enumerate(("old@example.org", "new@example.org")):
        wire = EmailMessage()
        wire["To"], wire["From"], wire["Subject"] = to, "Paper Round <a@example.org>", message.subject
        wire.set_content(message.text)
        wire.add_alternative(message.html, subtype="html")
        (folder / f"{place}.eml").write_bytes(wire.as_bytes())
        os.utime(folder / f"{place}.eml", (1_700_000_000 + place, 1_700_000_000 + place))
    return folder


def test_the_outbox_lists_the_newest_first_and_says_who_can_read_it(client, outbox):
    html = client.get("/outbox/").content.decode()
    assert html.index("new@example.org") < html.index("old@example.org")
    assert "Anyone at this machine" in html and "Grüße &amp; &lt;b&gt;" in html


def test_a_mail_shows_its_text_with_links_and_its_html_in_a_sandbox(client, outbox):
    page = client.get("/outbox/0.eml").content.decode()
    assert '<a href="https://example.org/confirm/abc"' in page and "&lt;script&gt;" in page
    assert 'src="/outbox/0.eml/html"' in page and "sandbox=" in page
    html = client.get("/outbox/0.eml/html")
    assert "sandbox" in html["Content-Security-Policy"] and "allow-scripts" not in html["Content-Security-Policy"]
    assert "default-src 'none'" in html["Content-Security-Policy"]
    assert html["X-Frame-Options"] == "SAMEORIGIN"


@pytest.mark.parametrize("name", ["2.eml", "..%2F..%2Fsecret_key", "secret_key", "0.eml%00"])
def test_the_outbox_opens_no_other_file(client, outbox, name):
    (outbox.parent / "secret_key").write_text("s")
    assert client.get(f"/outbox/{name}").status_code == 404
    assert client.get(f"/outbox/{name}/html").status_code == 404


@pytest.mark.parametrize(
    ("change", "meta"),
    [({"MAIL_URL": "smtp://mail.example.org"}, {}), ({"HOST": "0.0.0.0"}, {}), ({}, {"REMOTE_ADDR": "192.0.2.7"}),
     ({}, {"HTTP_X_FORWARDED_FOR": "192.0.2.7"})],
)  # fmt: skip
def test_the_outbox_is_for_this_machine_alone(client, outbox, settings, change, meta):
    for name, value in change.items():
        setattr(settings, name, value)
    for path in ("/outbox/", "/outbox/0.eml", "/outbox/0.eml/html"):
        assert client.get(path, **meta).status_code == 404


def test_webhooks_are_mounted_only_with_a_secret(settings):
    settings.WEBHOOK_SECRET = "name:password"
    assert "webhooks/" in [str(each.pattern) for each in importlib.reload(urls).urlpatterns]
    settings.WEBHOOK_SECRET = ""
    assert "webhooks/" not in [str(each.pattern) for each in importlib.reload(urls).urlpatterns]


@pytest.mark.parametrize(
    "path", ["/papers/a%00b", "/editions/a%00b", "/topics/a%00b", "/search?q=%00", "/preview?topic=%00&q=%00x"]
)
def test_a_nul_in_an_address_is_no_crash(client, path):
    assert client.get(path).status_code in {200, 404, 422}
