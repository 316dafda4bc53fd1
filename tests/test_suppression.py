"""Who gets no mail: every status, reason and kind; what outlives erasure; what stops a copy while its issue is sent."""

import threading
from datetime import date, timedelta
from itertools import combinations, product

import pytest
from delivery_rows import NOW, digests, edition, readers, service
from delivery_smtp import smtp_server
from django.contrib.auth.models import User
from django.db import connection
from django.urls import reverse

from newsletter import curation, delivery, links, subscribers
from newsletter.models import (
    Act,
    Delivery,
    DeliveryState,
    Kind,
    Subscriber,
    SubscriberStatus,
    Suppression,
    SuppressionReason,
)
from newsletter.subscribers import Wish

DAY = timedelta(days=1)
NEW = "ada@example.org"

# kind -> the statuses that may get it; the reasons that forbid it are by group below.
MAY = {
    "DIGEST": "ACTIVE", "TEST": "ACTIVE", "CONFIRM": "PENDING", "ALREADY": "ACTIVE", "LINK": "ACTIVE", "EXPORT": "ACTIVE LEFT",
    "ERASE": "ACTIVE LEFT", "MOVE_NEW": "ACTIVE", "MOVE_OLD": "ACTIVE LEFT BOUNCED COMPLAINED", "GOODBYE": "LEFT",
    "ALERT": "PENDING ACTIVE LEFT BOUNCED COMPLAINED",
}  # fmt: skip
HUSHED = {"COMPLAINT", "NEVER"}


def forbidden(kind: str) -> set[str]:
    if kind == "ALERT":  # to the curator, whoever the row names
        return set()
    if kind == "CONFIRM":  # the owner's own asking outweighs all but these
        return HUSHED
    return HUSHED | {"HARD_BOUNCE"} | ({"ERASED", "LEFT"} if kind in ("DIGEST", "TEST") else set())


def test_every_status_with_every_set_of_reasons_gets_exactly_the_kinds_of_the_table():
    reasons = [set(some) for size in range(6) for some in combinations(SuppressionReason.values, size)]
    cases = list(product(SubscriberStatus.values, reasons, Kind.values))
    assert len(cases) == 5 * 32 * 11
    for status, barred, kind in cases:
        reader = Subscriber(address=NEW, status=status)
        expected = status in MAY[kind].split() and not barred & forbidden(kind)
        said = subscribers.refusal(kind, reader, barred, today_local=date(2026, 11, 22))
        assert (said == "") is expected, (status, barred, kind, said)


def key(address: str = NEW) -> str:
    return subscribers.address_key(address)


def bar(reason: str, *, at=NOW, address: str = NEW) -> None:
    Suppression.objects.create(address_key=key(address), reason=reason, created_at=at)


def ask(*, now=NOW, address: str = NEW) -> int:
    """How many mails asking on the form brings this address."""
    before = Delivery.objects.count()
    subscribers.subscribe(address=address, wish=Wish(), network="192.0.2.0/24", now=now)
    return Delivery.objects.count() - before


def confirm(now=NOW) -> Subscriber:
    newest = Delivery.objects.filter(kind=Kind.CONFIRM).latest("id")
    return subscribers.confirm(links.confirm_token(newest.public_id), now=now)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("reason", "age", "mails"),
    [
        ("LEFT", 0, 1), ("ERASED", 0, 1), ("HARD_BOUNCE", 0, 0), ("HARD_BOUNCE", 29, 0), ("HARD_BOUNCE", 30, 1),
        ("COMPLAINT", 0, 0), ("COMPLAINT", 3650, 0), ("NEVER", 0, 0), ("NEVER", 3650, 0),
    ],
)  # fmt: skip
def test_the_owner_s_asking_brings_one_confirmation_or_none(reason, age, mails):
    bar(reason, at=NOW - age * DAY)
    assert ask() == mails
    assert ask(now=NOW + timedelta(hours=1)) == 0
    assert not Subscriber.objects.filter(status="ACTIVE").exists()


@pytest.mark.django_db
def test_after_a_hard_bounce_the_confirmations_are_one_in_thirty_days():
    bar("HARD_BOUNCE", at=NOW - 30 * DAY)
    assert [day for day in range(62) if ask(now=NOW + day * DAY)] == [0, 30, 60]


@pytest.mark.django_db
@pytest.mark.parametrize("reason", SuppressionReason.values)
def test_a_suppression_outlives_the_erasure_of_its_reader(reason):
    [row] = readers(1)
    bar(reason, address=row.address)
    address = row.address
    row.delete()
    assert Suppression.objects.get(address_key=key(address)).reason == reason
    assert not Suppression.objects.filter(address_key__contains="@").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("reason", SuppressionReason.values)
def test_a_row_brought_back_by_an_import_gets_no_digest(reason, settings, tmp_path):
    """Whatever makes the row and its copy, the claim reads the suppression again."""
    settings.PAPERROUND_DATA, settings.MAIL_URL = tmp_path, "file:"
    [row] = digests(readers(1), edition())
    bar(reason, address=row.subscriber.address)
    assert delivery.send(now=NOW).cancelled == 1
    assert not list(tmp_path.rglob("*.eml"))


@pytest.mark.django_db
@pytest.mark.parametrize("reason", ["COMPLAINT", "NEVER"])
def test_who_complained_gets_no_service_mail_either_until_support_lifts_it(reason, settings, tmp_path):
    settings.PAPERROUND_DATA, settings.MAIL_URL = tmp_path, "file:"
    [row] = readers(1, status="COMPLAINED" if reason == "COMPLAINT" else "LEFT")
    bar(reason, address=row.address)
    for kind in set(Kind) - {Kind.DIGEST, Kind.TEST, Kind.ALERT}:
        service(row, kind)
    report = delivery.send(now=NOW)
    assert report.sent == 0 and not list(tmp_path.rglob("*.eml"))

    assert curation.lift(row.address_key, by="root", now=NOW)
    assert not curation.lift(row.address_key, by="root", now=NOW)
    act = Act.objects.get()
    assert (act.verb, act.actor, act.details) == ("lift suppression", "root", {"reasons": [reason]})
    assert row.address not in str(act.__dict__)
    assert set(Suppression.objects.values_list("reason", flat=True)) == {"LEFT"}
    assert Subscriber.objects.get(pk=row.pk).status == "LEFT"
    assert ask(address=row.address) == 1
    assert confirm().status == "ACTIVE"


@pytest.mark.django_db
def test_the_desk_finds_a_suppression_by_its_address_and_lifts_it_for_superusers_alone(client):
    bar("NEVER")
    page = reverse("admin:newsletter_suppression_changelist")
    press = {"action": "lift", "_selected_action": [Suppression.objects.get().pk]}
    client.force_login(User.objects.create_user("ada", is_staff=True))
    client.post(page, press)
    assert Suppression.objects.get().reason == "NEVER"
    client.force_login(User.objects.create_superuser("root"))
    assert key().encode() in client.get(page, {"q": "  ADA+x@Example.org "}).content
    assert key().encode() not in client.get(page, {"q": "eve@example.org"}).content
    assert client.post(page, press).status_code == 302
    assert Suppression.objects.get().reason == "LEFT"
    assert Act.objects.get().actor == "root"


def elsewhere(act) -> None:
    """In a connection of its own, as a web process would."""

    def run() -> None:
        try:
            act()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", ["unsubscribe", "never", "pause", "complaint"])
def test_who_stops_mail_while_the_issue_is_sent_gets_no_copy_a_second_later(way, settings, tmp_path, monkeypatch):
    """A real server takes the first copy; meanwhile the last reader of the same slice acts; a second passes."""
    people = readers(3)
    digests(people, edition())
    last = people[-1]
    acts = {
        "unsubscribe": lambda: subscribers.unsubscribe(last.public_id, now=NOW),
        "never": lambda: subscribers.never(last.public_id, now=NOW),
        "pause": lambda: subscribers.change(last, now=NOW, paused_until=NOW.date() + DAY),
        "complaint": lambda: bar("COMPLAINT", address=last.address),
    }
    elapsed = [0.0]

    def acted(recipient: str) -> None:
        if recipient == people[0].address:
            elsewhere(acts[way])
            elapsed[0] += 1.01

    settings.PAPERROUND_DATA = tmp_path
    with smtp_server(data=acted) as server:
        settings.MAIL_URL = server.url
        report = delivery.send(now=NOW, clock=lambda: elapsed[0])
    digests_sent = {recipient for recipient, content in server.mails if b"List-Unsubscribe" in content}
    assert digests_sent == {person.address for person in people[:2]}
    assert report.cancelled >= 1
    stopped = Delivery.objects.get(subscriber=last, kind=Kind.DIGEST)
    assert stopped.state == DeliveryState.CANCELLED
    assert stopped.reason in ("left", "paused", "complaint", "asked never to be mailed")
