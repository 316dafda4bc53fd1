"""Signing up on the page and by curl: works, refused, forged."""

from __future__ import annotations

import re

import pytest
import web_rows as rows
from django.test import Client

from newsletter import subscribers, tasks
from newsletter.models import Delivery, IssueState, Kind, Subscriber, SubscriberStatus, Suppression

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bells(monkeypatch) -> list[str]:
    rung: list[str] = []
    monkeypatch.setattr(tasks, "ring", rung.append)
    return rung


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_an_address_alone_is_a_valid_sign_up(client, bells):
    answer = client.post("/subscribe", {"email": "ada@example.org"})
    assert answer.status_code == 200
    assert "ada@example.org" in answer.content.decode() and "within 2 minutes" in answer.content.decode()
    reader = Subscriber.objects.get()
    assert (reader.status, reader.zone, reader.hour) == (SubscriberStatus.PENDING, "UTC", 7)
    assert Delivery.objects.filter(kind=Kind.CONFIRM).count() == 1
    assert bells == ["send"]


def test_a_plain_curl_signs_up_without_a_token_or_a_cookie():
    strict = Client(enforce_csrf_checks=True, headers={"Accept": "*/*"})
    answer = strict.post("/subscribe", "email=ada%40example.org", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200 and not answer.cookies
    assert Subscriber.objects.filter(address="ada@example.org").exists()


def test_a_program_gets_json_and_a_refusal_as_a_problem(client):
    ask = {"Accept": "application/json"}
    assert client.post("/subscribe", {"email": "ada@example.org"}, headers=ask).json()["status"] == "ok"
    refused = client.post("/subscribe", {"email": "ada@@example"}, headers=ask)
    assert refused.status_code == 422
    assert refused["Content-Type"] == "application/problem+json"
    assert refused.json()["status"] == 422 and "name@example.org" in refused.json()["errors"]["email"]


def test_the_answer_is_the_same_for_new_pending_active_left_and_never(client):
    rows.reader("active@example.org")
    rows.reader("left@example.org", status=SubscriberStatus.LEFT)
    rows.asked("pending@example.org")
    key = subscribers.address_key("never@example.org")
    Suppression.objects.create(address_key=key, reason="NEVER", created_at=rows.now())
    answers = set()
    for name in ("new", "active", "left", "pending", "never"):
        answer = client.post("/subscribe", {"email": f"{name}@example.org"})
        answers.add((answer.status_code, answer.content.decode().replace(f"{name}@example.org", "X")))
    assert len(answers) == 1


BAD = ("ada@@example", "", "ada", "a@b@c.org", "x" * 390 + "@example.org", "ada@example.org\r\nBcc: x@example.org")


@pytest.mark.parametrize("typed", BAD)
def test_a_bad_address_is_refused_beside_the_field_and_kept(client, typed):
    answer = client.post("/subscribe", {"email": typed, "q": "robots", "hour": "9"})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in html and 'aria-describedby="email-error' in html and 'role="alert"' in html
    assert 'value="robots"' in html and '<option value="9" selected>' in html
    assert not Subscriber.objects.exists()


def test_what_was_typed_into_the_address_is_kept_literally(client):
    html = client.post("/subscribe", {"email": '"><script>x</script>'}).content.decode()
    assert "<script>x" not in html and "&lt;script&gt;x" in html


def test_choices_are_stored_with_the_sign_up(client):
    rows.topic()
    wish = {"email": "ada@example.org", "q": '"world model"', "topic": ["robotics"], "hour": "9", "zone": "Europe/Amsterdam"}
    assert client.post("/subscribe", wish).status_code == 200
    reader = Subscriber.objects.get()
    assert (reader.hour, reader.zone) == (9, "Europe/Amsterdam")
    assert {each.slug for each in reader.interests.all()} == {"robotics", None}


@pytest.mark.parametrize(
    "wrong",
    [
        {"q": "(robots"},
        {"zone": "Mars/Olympus"},
        {"zone": "../etc"},
        {"hour": "24"},
        {"hour": "x"},
        {"topic": ["none"]},
    ],
)
def test_a_wrong_choice_is_refused_whole(client, wrong):
    answer = client.post("/subscribe", {"email": "ada@example.org", **wrong})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert not Subscriber.objects.exists()


def test_a_query_error_names_its_column(client):
    answer = client.get("/preview", {"q": "robots AND (vision"}, headers={"HX-Request": "true"})
    assert answer.status_code == 422
    assert "Column 12" in answer.content.decode()
    assert client.get("/", {"q": "robots AND (vision"}).status_code == 422


def test_get_does_not_sign_up(client):
    assert client.get("/subscribe?email=ada@example.org").status_code == 405
    assert not Subscriber.objects.exists()


def test_the_preview_counts_fourteen_days_and_shows_the_newest(client):
    rows.papers(rows.issue(1, days_ago=3), 4, title="Old robot")
    rows.papers(rows.issue(2, days_ago=1), 7, title="New robot")
    html = client.get("/").content.decode()
    bars = [int(count) for count in re.findall(r'<span aria-hidden="true"(?: class="none")?>(\d+)</span>', html)]
    assert len(bars) == 14 and bars[-4:] == [4, 0, 7, 0] and sum(bars) == 11
    assert "11 papers in 14 days, on 2 of them" in text_of(html)
    assert "New robot" in html and "Old robot" not in html


def test_any_day_of_the_preview_can_be_chosen_with_and_without_a_script(client):
    rows.papers(rows.issue(1, days_ago=3), 4, title="Old robot")
    rows.papers(rows.issue(2, days_ago=1), 7, title="New robot")
    chosen = {"day": (rows.now() - rows.timedelta(days=3)).date().isoformat()}
    asked = {"HX-Request": "true"}
    for html in (
        client.get("/preview", chosen, headers=asked).content.decode(),
        client.post("/preview", chosen).content.decode(),
    ):
        assert "Old robot" in html and "New robot" not in html
        assert re.search(rf'value="{chosen["day"]}"[^>]* aria-current="date"', html)
    for wrong in ("2020-01-01", "2026-02-31", "x"):
        assert "New robot" in client.get("/preview", {"day": wrong}, headers=asked).content.decode()


def test_the_script_s_answer_carries_the_lines_that_follow_the_preview(client):
    rows.papers(rows.issue(), 3)
    answer = client.get("/preview?q=robot", headers={"HX-Request": "true"}).content.decode()
    assert "papers about robot" in answer.split("innerHTML:#q-said")[1].split("</div>")[0]
    assert "3 papers in the last 14 days" in text_of(answer.split("innerHTML:#tally")[1])


def test_the_open_issue_counts_for_today(client):
    rows.papers(rows.issue(1, days_ago=1), 2)
    rows.papers(rows.issue(2, days_ago=0, state=IssueState.OPEN), 5)
    html = client.get("/").content.decode()
    assert re.findall(r'<span aria-hidden="true"(?: class="none")?>(\d+)</span>', html)[-2:] == ["2", "5"]


def test_the_preview_follows_topics_and_query_and_echoes_them(client):
    closed = rows.issue()
    rows.papers(closed, 1, title="A robot")
    rows.papers(closed, 1, title="A poem", abstract="Verse.", trend=0.0)
    rows.topic()
    html = client.get("/preview?topic=robotics", headers={"HX-Request": "true"}).content.decode()
    assert "A robot" in html and "A poem" not in html and "Robotics" in html
    assert "<html" not in html
    both = client.get("/preview?topic=robotics&q=poem", headers={"HX-Request": "true"}).content.decode()
    assert "A robot" in both and "A poem" in both and "Robotics · papers about poem" in both


def test_the_preview_button_keeps_the_form_and_stores_nothing(client):
    rows.topic()
    before = rows.counts()
    form = {"email": "ada@example.org", "topic": ["robotics"], "q": "vision", "hour": "6", "zone": "Asia/Tokyo"}
    html = client.post("/preview", form).content.decode()
    assert rows.counts() == before
    assert 'value="ada@example.org"' in html and 'value="robotics" checked' in html and 'value="vision"' in html
    assert "<option selected>Asia/Tokyo<" in html


def test_the_words_of_consent_stand_beside_the_button(client):
    html = client.get("/").content.decode()
    assert subscribers.consent_text() in html
    client.post("/subscribe", {"email": "ada@example.org"})
    assert Subscriber.objects.get().consent_text == subscribers.consent_text()


def test_the_answer_links_to_the_outbox_only_where_mail_goes_to_files(client, settings):
    assert 'href="/outbox/"' in client.post("/subscribe", {"email": "ada@example.org"}).content.decode()
    settings.MAIL_URL = "smtp://mail.example.org"
    assert "/outbox/" not in client.post("/subscribe", {"email": "ada@example.org"}).content.decode()
