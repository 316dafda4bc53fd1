"""Between a form and a robot: nobody is turned away, and nothing is silent."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from datetime import timedelta
from html import unescape
from html.parser import HTMLParser

import pytest
import time_machine
import web_rows as rows
from altcha import v1 as altcha

from newsletter import tasks
from newsletter.models import Delivery, Subscriber
from newsletter.web import gate

pytestmark = pytest.mark.django_db
BROWSER = {"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Mode": "navigate"}
NOW = rows.now().replace(microsecond=0)


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(tasks, "ring", lambda _name: None)


class Form(HTMLParser):
    """What a browser would send from the page's form that goes to /subscribe, nothing touched."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self.challenge = ""
        self.inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.inside = values.get("action") == "/subscribe" if tag == "form" else self.inside
        if tag == "input" and self.inside and values.get("type") not in {"checkbox", "radio"} and "name" in values:
            self.fields.append((values["name"], values.get("value", "")))
            self.challenge = values.get("data-challenge", self.challenge)

    def sent(self, **typed: str) -> dict[str, list[str]]:
        data: dict[str, list[str]] = {}
        for name, value in self.fields:
            data.setdefault(name, []).append(value)
        return data | {name: [value] for name, value in typed.items()}


def press(client, form: Form, after: timedelta, **typed: str):
    with time_machine.travel(NOW + after, tick=False):
        return client.post("/subscribe", form.sent(**typed), headers=BROWSER)


def home(client) -> Form:
    with time_machine.travel(NOW, tick=False):
        return Form(client.get("/", headers=BROWSER).content.decode())


def test_who_takes_a_breath_is_signed_up_at_once(client):
    answer = press(client, home(client), timedelta(seconds=3), email="ada@example.org")
    assert answer.status_code == 200 and Subscriber.objects.count() == 1


def test_too_fast_a_form_comes_back_with_one_more_button_and_loses_nothing(client):
    rows.topic()
    fast = press(client, home(client), timedelta(seconds=1), email="ada@example.org", q='"a b" & c', topic="robotics")
    assert fast.status_code == 200 and "One more press" in fast.content.decode() and "ada@example.org" in fast.content.decode()
    assert not Subscriber.objects.exists()
    again = press(client, Form(fast.content.decode()), timedelta(seconds=1.2))
    assert again.status_code == 200 and "Check your inbox" in again.content.decode()
    reader = Subscriber.objects.get()
    assert {each.slug for each in reader.interests.all()} == {"robotics", None}


@pytest.mark.parametrize("spoil", ["trap", "no stamp", "forged", "old", "cut"])
def test_whatever_looks_like_a_robot_gets_the_button_and_gets_through_with_it(client, spoil):
    form = home(client)
    typed = {"email": "ada@example.org"}
    typed |= {"trap": {gate.TRAP: "ACME"}, "forged": {gate.STAMP: "form:1.x"}, "cut": {gate.STAMP: "form"}}.get(spoil, {})
    if spoil == "no stamp":
        form.fields = [(name, value) for name, value in form.fields if name != gate.STAMP]
    after = timedelta(hours=25) if spoil == "old" else timedelta(seconds=5)
    first = press(client, form, after, **typed)
    assert "One more press" in first.content.decode() and not Subscriber.objects.exists()
    press(client, Form(first.content.decode()), after)
    assert Subscriber.objects.count() == 1


def test_a_form_on_another_site_ends_at_the_button(client):
    rows.topic()
    html = client.get("/embed?q=poem&topic=robotics").content.decode()
    copied = re.search(r"<textarea[^>]*>(.*?)</textarea>", html, re.S)
    assert copied and "<script" not in copied[1] and "&lt;form" in copied[1]
    snippet = unescape(copied[1])
    assert 'action="http://127.0.0.1:8000/subscribe"' in snippet and "style" not in snippet
    data = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', snippet))
    assert data == {"q": "poem", "topic": "robotics"}
    headers = {**BROWSER, "Origin": "https://lab.example.org", "Sec-Fetch-Site": "cross-site"}
    answer = client.post("/subscribe", {**data, "email": "ada@example.org"}, headers=headers)
    assert answer.status_code == 200 and "One more press" in answer.content.decode() and not answer.cookies
    press(client, Form(answer.content.decode()), timedelta(seconds=1))
    assert Subscriber.objects.get().interests.count() == 2


def test_the_snippet_cannot_be_broken_out_of(client):
    html = client.get("/embed", {"q": '"</textarea><script>alert(1)</script>"'}).content.decode()
    assert "<script>alert" not in html


def test_a_wrong_address_is_told_before_any_button(client):
    answer = press(client, home(client), timedelta(0), email="ada@@example")
    assert answer.status_code == 422 and 'aria-invalid="true"' in answer.content.decode()


def test_a_program_that_fills_the_trap_is_told_how_to_go_on(client):
    data = {"email": "ada@example.org", gate.TRAP: "x"}
    answer = client.post("/subscribe", data, headers={"Accept": "application/json"})
    assert answer.status_code == 422 and answer["Content-Type"] == "application/problem+json"
    stamp = answer.json()["again"][gate.STAMP]
    assert client.post("/subscribe", {"email": "ada@example.org", gate.STAMP: stamp}).status_code == 200
    assert Subscriber.objects.count() == 1


@pytest.mark.parametrize("chosen", ["ada@gmail.com", "ada@gmial.com"])
def test_a_slip_in_the_address_is_asked_back_once_and_either_answer_counts(client, chosen):
    first = press(client, home(client), timedelta(seconds=5), email="ada@gmial.com", q="poem")
    page = first.content.decode()
    assert not Subscriber.objects.exists() and f'name="email" value="{chosen}"' in page
    press(client, Form(page), timedelta(seconds=6), email=chosen)
    assert Subscriber.objects.get().address == chosen and Subscriber.objects.get().interests.count() == 1


# Proof of work


def solution(challenge: str, *, number: int | None = None) -> str:
    asked = json.loads(challenge)
    found = altcha.solve_challenge(asked["challenge"], asked["salt"], asked["algorithm"], asked["maxnumber"])
    assert found is not None
    told = {**asked, "number": found.number if number is None else number}
    return b64encode(
        json.dumps({name: told[name] for name in ("algorithm", "challenge", "number", "salt", "signature")}).encode()
    ).decode()


@pytest.fixture
def puzzles(settings, monkeypatch):
    settings.PROOF_OF_WORK = True
    monkeypatch.setattr(gate, "HARDEST", 500)


def test_without_the_setting_no_puzzle_and_no_script_is_served(client):
    html = client.get("/").content.decode()
    assert "work.js" not in html and 'name="altcha"' not in html
    assert client.get("/api/v1/challenge").json()["needed"] is False


def test_a_solved_puzzle_signs_up_at_once_and_only_once(client, puzzles):
    form = home(client)
    solved = solution(form.challenge)
    assert (
        "Check your inbox" in press(client, form, timedelta(seconds=1), email="ada@example.org", altcha=solved).content.decode()
    )
    second = press(client, form, timedelta(seconds=2), email="bob@example.org", altcha=solved)
    assert "One more press" in second.content.decode() and Subscriber.objects.count() == 1


@pytest.mark.parametrize("spoil", ["", "x", "e30=", "wrong number", "forged", "expired"])
def test_what_solves_nothing_waits_instead(client, puzzles, spoil):
    form = home(client)
    told, after = spoil, timedelta(seconds=5)
    if spoil == "wrong number":
        told = solution(form.challenge, number=501)
    if spoil == "forged":
        told = solution(json.dumps(json.loads(form.challenge) | {"signature": "0" * 64}))
    if spoil == "expired":
        told, after = solution(form.challenge), gate.PUZZLE_LIFETIME
    first = press(client, form, after, email="ada@example.org", altcha=told)
    button = Form(first.content.decode())
    assert "20 seconds" in first.content.decode() and not Delivery.objects.exists()
    assert "20 seconds" in press(client, button, timedelta(seconds=0), email="ada@example.org").content.decode()
    late = rows.now() + timedelta(hours=1)
    with time_machine.travel(late, tick=False):
        page = client.post("/subscribe", {"email": "ada@example.org"}, headers=BROWSER)
        button = Form(page.content.decode())
    with time_machine.travel(late + gate.WAIT, tick=False):
        client.post("/subscribe", button.sent(), headers=BROWSER)
    assert Delivery.objects.count() == 1


def test_the_api_asks_for_the_puzzle_too(client, puzzles):
    wish = {"email": "ada@example.org"}
    refused = client.post("/api/v1/sign-up", json.dumps(wish), content_type="application/json")
    assert refused.status_code == 422 and "challenge" in refused.json()["errors"]["altcha"]
    asked = client.get("/api/v1/challenge").json()
    assert asked.pop("needed") is True
    solved = {**wish, "altcha": solution(json.dumps(asked))}
    assert client.post("/api/v1/sign-up", json.dumps(solved), content_type="application/json").status_code == 202
    assert client.post("/api/v1/sign-up", json.dumps(solved), content_type="application/json").status_code == 422
