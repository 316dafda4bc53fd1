"""Strangers are protected from our mail: whoever asks, however often, from however many places and processes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from threads import threads_share_the_database

from newsletter import subscribers, tasks
from newsletter.models import Allowance, Delivery, Interest, Kind, Subscriber, SubscriberStatus, Suppression
from newsletter.subscribers import Wish
from newsletter.web.api import rates

NOW = datetime(2026, 11, 22, 9, 2, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(tasks, "ring", lambda _name: None)
    monkeypatch.setattr(rates, "_count", lambda _name: 0)


def ask(address: str, network: str = "192.0.2.1", *, now: datetime = NOW) -> None:
    subscribers.subscribe(address=address, wish=Wish(), network=network, now=now)


def network(number: int) -> str:
    return f"10.{number // 250}.{number % 250}.7"


def mails(kind: Kind = Kind.CONFIRM) -> int:
    return Delivery.objects.filter(kind=kind).count()


# One victim


@pytest.mark.parametrize("door", ["form", "api"])
@pytest.mark.django_db(transaction=True)
def test_one_victim_asked_for_from_many_networks_at_once_gets_one_mail_a_day_and_three_in_all(tmp_path, door):
    """Every spelling of the address, by real threads with connections of their own, on four days and then 90 days later."""
    spellings = ["victim@gmail.com", "Victim+x@Gmail.com", "v.ic.tim@gmail.com", "victim@googlemail.com"]

    def press(number: int) -> int:
        address, client, place = spellings[number % 4], Client(), {"REMOTE_ADDR": network(number)}
        if door == "form":
            return client.post("/subscribe", {"email": address}, **place).status_code
        body = json.dumps({"email": address})
        return client.post("/api/v1/sign-up", body, content_type="application/json", **place).status_code

    with threads_share_the_database(tmp_path) as shared:
        sent = []
        for day in (0, 1, 2, 3, 4, 91):
            with time_machine.travel(NOW + day * DAY, tick=False):
                statuses = {
                    status for part in range(3) for status in shared.all_at_once(lambda n, p=part: press(8 * p + n), times=8)
                }
            assert statuses == {200 if door == "form" else 202}
            sent.append(shared.ask(mails))
    assert sent == [1, 2, 3, 3, 3, 4]


def test_the_three_count_on_until_somebody_confirms(db):
    for day in range(5):
        ask("ada@example.org", network(day), now=NOW + day * DAY)
    assert mails() == 3
    assert Subscriber.objects.count() == 1


# Many victims


@pytest.mark.django_db(transaction=True)
def test_the_breaker_lets_exactly_so_many_through_from_many_threads(tmp_path, settings):
    settings.CONFIRMATIONS_AN_HOUR = 10

    def press(number: int) -> None:
        for part in range(6):
            ask(f"stranger{number}-{part}@example.org", network(8 * part + number))

    with threads_share_the_database(tmp_path) as shared:
        shared.all_at_once(press, times=8)
        state = shared.ask(lambda: subscribers.breaker_state(now=NOW))
        assert shared.ask(mails) == 10
        assert shared.ask(Subscriber.objects.count) == 10  # whom nobody mailed is not kept either
    assert (state.mailed, state.most, state.refused, state.is_open) == (10, 10, 38, True)


def test_who_was_refused_by_the_breaker_may_ask_again_the_same_day(db, settings):
    settings.CONFIRMATIONS_AN_HOUR = 1
    ask("first@example.org")
    ask("second@example.org")
    assert mails() == 1
    ask("second@example.org", now=NOW + timedelta(minutes=50))
    assert mails() == 1
    ask("second@example.org", now=NOW + timedelta(minutes=65))
    assert set(Delivery.objects.values_list("to_address", flat=True)) == {"first@example.org", "second@example.org"}


def test_the_hour_rolls_over_midnight(db, settings):
    settings.CONFIRMATIONS_AN_HOUR = 2
    late = datetime(2026, 11, 22, 23, 50, tzinfo=UTC)
    for number in range(4):
        ask(f"reader{number}@example.org", now=late + timedelta(minutes=5 * number))
    assert mails() == 2
    ask("reader5@example.org", now=late + timedelta(minutes=66))
    assert mails() == 3


def test_the_breaker_stands_on_the_desk(admin_client, settings):
    settings.CONFIRMATIONS_AN_HOUR = 1
    assert "CONFIRMATIONS_AN_HOUR" not in admin_client.get("/desk/").content.decode()
    for name in ("one", "two", "three"):
        ask(f"{name}@example.org", now=datetime.now(UTC))
    page = admin_client.get("/desk/").content.decode()
    assert "CONFIRMATIONS_AN_HOUR" in page and "2 sign-ups" in page and "example.org" not in page


def test_a_network_is_told_to_wait_and_leaves_no_row_behind(client, db, settings):
    settings.SIGN_UPS_A_NETWORK = 3
    answers = [client.post("/subscribe", {"email": f"a{n}@example.org"}, REMOTE_ADDR=f"192.0.2.{n}") for n in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 3600 and "try again in" in answers[-1].content.decode()
    assert Subscriber.objects.count() == 3
    assert not Allowance.objects.filter(key=subscribers.address_key("a4@example.org")).exists()
    assert client.post("/subscribe", {"email": "a9@example.org"}, REMOTE_ADDR="192.0.3.1").status_code == 200


def test_the_link_to_preferences_is_limited_by_network_too(db, settings):
    settings.SIGN_UPS_A_NETWORK = 1
    subscribers.send_preferences_link("ada@example.org", network="192.0.2.1", now=NOW)
    with pytest.raises(subscribers.TooMany):
        subscribers.send_preferences_link("bob@example.org", network="192.0.2.2", now=NOW)


def test_who_came_by_a_signed_link_is_of_no_network(db, settings):
    settings.SIGN_UPS_A_NETWORK = 1
    for number in range(3):
        subscribers.send_preferences_link(f"ada{number}@example.org", network="", now=NOW)


# Behind a proxy


PROXIED = [
    ("127.0.0.1", "198.51.100.7", "", "127.0.0.1"),
    ("127.0.0.1", "198.51.100.7", "127.0.0.1", "198.51.100.7"),
    ("127.0.0.1", "6.6.6.6, 198.51.100.7", "127.0.0.1", "198.51.100.7"),
    ("127.0.0.1", "6.6.6.6, 198.51.100.7, 10.1.2.3", "127.0.0.1 10.0.0.0/8", "198.51.100.7"),
    ("203.0.113.5", "198.51.100.7", "127.0.0.1", "203.0.113.5"),
    ("127.0.0.1", "", "127.0.0.1", "127.0.0.1"),
    ("127.0.0.1", "6.6.6.6, nonsense", "127.0.0.1", "127.0.0.1"),
    ("::ffff:127.0.0.1", "198.51.100.7:4711", "127.0.0.1", "198.51.100.7"),
    ("::1", "[2001:db8::5]:4711", "::1/128", "2001:db8::5"),
    ("", "198.51.100.7", "127.0.0.1", "198.51.100.7"),
    ("", "198.51.100.7", "", ""),
]


@pytest.mark.parametrize(("nearest", "told", "trusted", "believed"), PROXIED)
def test_only_a_proxy_of_ours_is_believed_about_whom_it_speaks_for(rf, settings, nearest, told, trusted, believed):
    from config.environment import trusted_proxies_of
    from newsletter.web import clients

    settings.TRUSTED_PROXIES = trusted_proxies_of(trusted)
    assert clients.address_of(rf.get("/", REMOTE_ADDR=nearest, headers={"X-Forwarded-For": told})) == believed


# The same for everybody


def _five() -> list[str]:
    """An address of each kind: unknown, waiting, active, barred, and one that no mail can reach."""
    for name, status in (("pending", SubscriberStatus.PENDING), ("active", SubscriberStatus.ACTIVE)):
        address = f"{name}@example.org"
        fields = {"confirmed_at": NOW, "next_slot_at": NOW} if name == "active" else {}
        Subscriber.objects.create(
            address=address, address_key=subscribers.address_key(address), status=status, created_at=NOW, **fields
        )
    barred = subscribers.address_key("barred@example.org")
    Suppression.objects.create(address_key=barred, reason="COMPLAINT", created_at=NOW)
    return ["unknown@example.org", "pending@example.org", "active@example.org", "barred@example.org", "nobody@there.invalid"]


@pytest.mark.parametrize("door", ["form", "json", "api"])
@pytest.mark.parametrize("again", [0, 1])
def test_the_answer_and_the_statements_are_the_same_whatever_is_known_of_an_address(client, db, door, again):
    """Also on the second day's asking, and with choices: as many statements, the same bytes but for address and nonce."""
    topic = Interest.objects.create(slug="robotics", name="Robotics", query="robot")
    wish, form = {"queries": ["poem"], "topics": [topic.slug]}, {"q": "poem", "topic": topic.slug}
    client.post("/subscribe", {"email": "warm@example.org", **form})
    answers, paths = set(), set()
    for address in _five():
        for _ in range(again):
            ask(address, now=datetime.now(UTC))
        with CaptureQueriesContext(connection) as asked:
            if door == "api":
                answer = client.post("/api/v1/sign-up", json.dumps({"email": address, **wish}), content_type="application/json")
            else:
                accept = {"Accept": "application/json" if door == "json" else "*/*"}
                answer = client.post("/subscribe", {"email": address, **form}, headers=accept)
        headers = tuple(sorted((name, value) for name, value in answer.headers.items() if name != "Content-Security-Policy"))
        body = answer.content.decode().replace(address, "X")
        answers.add((answer.status_code, body, tuple(h for h in headers if h[0] != "Content-Length")))
        paths.add(len(asked))
    assert len(answers) == 1
    assert len(paths) == 1, paths


def test_an_address_that_no_mail_can_reach_is_answered_and_not_mailed(db):
    for address in ("a@b.invalid", "a@b.test", "a@x.onion", "a@y.example"):
        ask(address)
    assert not Delivery.objects.exists() and not Subscriber.objects.exists()


def test_counters_hold_no_address_and_the_hours_are_forgotten(db):
    ask("ada@example.org", "192.0.2.77")
    kept = json.dumps(list(Allowance.objects.values()), default=str)
    assert "ada" not in kept and "192.0.2" not in kept
    hourly = Allowance.objects.filter(scope__contains=":").count()
    assert hourly and subscribers.forget_allowances(now=NOW + 2 * DAY) == hourly
    assert subscribers.forget_allowances(now=NOW + 90 * DAY) > 0 and not Allowance.objects.exists()
