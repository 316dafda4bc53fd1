"""A change of address: nothing before the new one says yes, everything back when the old one says no."""

import re
from datetime import timedelta

import pytest
import web_rows as rows
from django.test import Client

from newsletter import events, links, subscribers, tasks
from newsletter.events.notices import Notice, keep
from newsletter.links import Purpose
from newsletter.models import Delivery, Interest, Kind, Move, Subscriber, SubscriberStatus, Suppression, SuppressionReason

pytestmark = pytest.mark.django_db
OLD, NEW = "ada.old@example.org", "ada.new@example.net"


@pytest.fixture(autouse=True)
def bells(monkeypatch):
    monkeypatch.setattr(tasks, "ring", lambda stage: None)


@pytest.fixture
def who() -> Subscriber:
    return rows.reader(OLD)


def asks(client: Client, who: Subscriber, address: str = NEW):
    return client.post(rows.signed("preferences", who.public_id) + "/move", {"email": address})


def confirm_path() -> str:
    return rows.signed("move", Delivery.objects.filter(kind=Kind.MOVE_NEW).latest("id").public_id)


def undo_path() -> str:
    return rows.signed("undo", Delivery.objects.filter(kind=Kind.MOVE_OLD).latest("id").public_id)


def moved(client: Client, who: Subscriber, address: str = NEW) -> None:
    asks(client, who, address)
    assert client.post(confirm_path()).status_code == 200
    who.refresh_from_db()
    assert who.address == address


def test_nothing_moves_before_the_new_address_says_yes_by_its_button(client, who):
    assert "Look in the other inbox" in asks(client, who).content.decode()
    [mail] = Delivery.objects.all()
    assert (mail.kind, mail.to_address, mail.subscriber) == (Kind.MOVE_NEW, NEW, who)
    before = rows.counts()
    html = client.get(confirm_path()).content.decode()
    assert rows.counts() == before and html.count("<button") == 1
    assert NEW not in html and OLD not in html and "a•••@e•••.net" in html and "a•••@e•••.org" in html
    client.post(confirm_path())
    who.refresh_from_db()
    assert (who.address, who.address_key) == (NEW, subscribers.address_key(NEW))
    told = Delivery.objects.get(kind=Kind.MOVE_OLD)
    assert told.to_address == OLD
    assert "a•••@e•••.net" in subscribers.write(told, as_of=rows.now()).text


def test_a_confirmation_works_once_and_only_the_newest(client, who):
    asks(client, who, "first@example.net")
    first = confirm_path()
    asks(client, who)
    assert client.post(first).status_code == 404
    moved(client, who, "third@example.net")
    again = client.post(confirm_path())
    assert again.status_code == 200 and "done already" in again.content.decode()
    assert Delivery.objects.filter(kind=Kind.MOVE_OLD).count() == 1


def test_the_old_address_undoes_it_and_every_link_of_the_mover_is_dead(client, who):
    stolen = rows.signed("preferences", who.public_id)
    moved(client, who)
    before = rows.counts()
    assert client.get(undo_path()).content.decode().count("<button") == 1 and rows.counts() == before
    assert client.post(undo_path()).status_code == 200
    who.refresh_from_db()
    assert (who.address, who.address_key, who.status) == (OLD, subscribers.address_key(OLD), SubscriberStatus.ACTIVE)
    assert client.get(stolen).status_code == 404
    assert client.get(f"/u/{who.leave_id}").status_code == 200
    assert "done already" in client.post(undo_path()).content.decode()


def test_whoever_moves_and_leaves_neither_silences_the_old_address_nor_keeps_it_from_coming_back(client, who):
    moved(client, who)
    client.post(f"/u/{who.leave_id}")
    assert Delivery.objects.get(kind=Kind.MOVE_OLD).state == "PENDING"
    client.post(undo_path())
    who.refresh_from_db()
    assert who.status == SubscriberStatus.ACTIVE and who.next_slot_at is not None and who.left_at is None


def test_an_undo_takes_later_moves_back_too(client, who):
    moved(client, who)
    first = undo_path()
    moved(client, who, "third@example.net")
    second = undo_path()
    client.post(first)
    who.refresh_from_db()
    assert who.address == OLD
    assert "done already" in client.post(second).content.decode()


@pytest.mark.parametrize("reason", ["COMPLAINT", "NEVER", "HARD_BOUNCE"])
def test_an_address_that_may_not_be_mailed_is_not_asked_and_the_answer_is_the_same(client, who, reason):
    free = asks(client, who, "free@example.net").content
    Suppression.objects.create(address_key=subscribers.address_key("fond@example.net"), reason=reason, created_at=rows.now())
    barred = asks(client, who, "fond@example.net")
    assert (barred.status_code, barred.content) == (200, free)
    assert Delivery.objects.filter(kind=Kind.MOVE_NEW).count() == 1


def test_an_address_that_reads_already_is_not_asked_and_keeps_its_subscription(client, who):
    free = asks(client, who, "free@example.net").content
    rows.reader("fellow@example.net")
    taken = asks(client, who, "fellow@example.net")
    assert taken.content == free and Delivery.objects.filter(kind=Kind.MOVE_NEW).count() == 1


def test_one_that_began_to_read_after_the_question_stays_and_the_page_says_why(client, who):
    asks(client, who)
    rows.reader(NEW)
    answer = client.post(confirm_path())
    assert answer.status_code == 409 and "subscription of its own" in answer.content.decode()
    who.refresh_from_db()
    assert who.address == OLD and Subscriber.objects.count() == 2


def test_a_subscription_that_waits_or_was_left_gives_way_and_holds_the_address_nowhere(client, who):
    rows.asked(NEW)
    Delivery.objects.filter(kind=Kind.CONFIRM).update(state="UNCERTAIN")
    Suppression.objects.create(address_key=subscribers.address_key(NEW), reason="LEFT", created_at=rows.now())
    client.post(rows.signed("preferences", who.public_id) + "/move", {"email": NEW})
    assert not Delivery.objects.filter(kind=Kind.MOVE_NEW).exists(), "a sign-up asked this address today already"
    from newsletter.models import Allowance

    Allowance.objects.all().delete()
    moved(client, who)
    assert Subscriber.objects.get() == who
    assert not Suppression.objects.exists()
    assert not Delivery.objects.filter(kind=Kind.CONFIRM).exclude(to_address="").exists()


def test_one_reader_asks_three_times_a_day_and_one_address_once(client, who):
    for number in range(5):
        asks(client, who, f"ada{number}@example.net")
    assert Delivery.objects.filter(kind=Kind.MOVE_NEW).count() == 3
    other = rows.reader()
    asks(client, other, "ada0@example.net")
    assert Delivery.objects.filter(kind=Kind.MOVE_NEW).count() == 3


@pytest.mark.parametrize("wrong", ["", "nobody", OLD, "a b@example.org"])
def test_what_is_no_address_or_one_s_own_is_said_on_the_page_and_kept_in_the_field(client, who, wrong):
    answer = asks(client, who, wrong)
    html = answer.content.decode()
    assert answer.status_code == 422 and 'id="move-error"' in html and (not wrong or f'value="{wrong}"' in html)
    assert not Delivery.objects.exists() and not Move.objects.exists()


def bounce(delivery: Delivery, *, key: str = "", at=None, kind: str = "bounced") -> None:
    notice = Notice(key=f"{delivery.pk}{kind}{key}", type=kind, reject_reason="bounced" if kind == "bounced" else "",
                    recipient_key=key, delivery=delivery.public_id, happened_at=at or rows.now())  # fmt: skip
    keep([notice], provider="test", now=rows.now())
    events.apply(now=rows.now())


@pytest.fixture
def copy(who) -> Delivery:
    closed = rows.issue()
    rows.papers(closed, 1)
    from newsletter.models import Candidate

    return rows.copy_of(who, list(Candidate.objects.select_related("issue")))


@pytest.mark.parametrize("named", [True, False])
def test_a_bounce_of_the_old_address_stops_the_old_one_alone(client, who, copy, named):
    Subscriber.objects.update(confirmed_at=rows.now() - timedelta(days=40))
    Delivery.objects.filter(pk=copy.pk).update(as_of=rows.now() - timedelta(hours=2))
    moved(client, who)
    bounce(copy, key=subscribers.address_key(OLD) if named else "")
    who.refresh_from_db()
    assert who.status == SubscriberStatus.ACTIVE
    assert list(Suppression.objects.values_list("address_key", "reason")) == [(subscribers.address_key(OLD), "HARD_BOUNCE")]


def test_a_bounce_of_the_new_address_stops_the_reader_and_the_undo_brings_the_old_one_back(client, who, copy):
    Subscriber.objects.update(confirmed_at=rows.now() - timedelta(days=40))
    moved(client, who)
    Delivery.objects.filter(pk=copy.pk).update(as_of=rows.now())
    bounce(copy)
    who.refresh_from_db()
    assert who.status == SubscriberStatus.BOUNCED
    client.post(undo_path())
    who.refresh_from_db()
    assert (who.status, who.address) == (SubscriberStatus.ACTIVE, OLD)


def test_who_unsubscribes_from_an_old_mail_leaves(client, who, copy):
    moved(client, who)
    bounce(copy, key=subscribers.address_key(OLD), kind="unsubscribed", at=rows.now() + timedelta(minutes=1))
    who.refresh_from_db()
    assert who.status == SubscriberStatus.LEFT


def test_moves_are_forgotten_step_by_step(client, who):
    moved(client, who)
    asks(client, who, "fourth@example.net")
    assert subscribers.forget_moves(now=rows.now()) == 0
    later = rows.now() + timedelta(days=9)
    assert subscribers.forget_moves(now=later, dry_run=True) == 2 == subscribers.forget_moves(now=later)
    [change] = Move.objects.all()
    assert (change.from_address, change.to_address, change.from_key) == ("", "", subscribers.address_key(OLD))
    with pytest.raises(links.Refused, match="EXPIRED"):
        subscribers.undo_move(change.undo_ref, now=later)
    assert subscribers.forget_moves(now=rows.now() + timedelta(days=91)) == 1


def test_an_expired_confirmation_of_a_move_is_gone(client, who):
    asks(client, who)
    ref = Delivery.objects.get(kind=Kind.MOVE_NEW).public_id
    old = links.token(Purpose.MOVE, ref, now=rows.now() - timedelta(hours=25))
    assert client.post(f"/move/{old}").status_code == 410


def test_the_goodbye_brings_everything_back_for_seven_days(client, who):
    who.interests.add(Interest.objects.create(query="robots"), through_defaults={"added_at": rows.now()})
    client.post(f"/u/{who.leave_id}")
    goodbye = Delivery.objects.get(kind=Kind.GOODBYE)
    path = re.search(r"/return/\S+", subscribers.write(goodbye, as_of=rows.now()).text)[0]
    before = rows.counts()
    assert client.get(path).content.decode().count("<button") == 1 and rows.counts() == before
    assert client.post(path).status_code == 200
    who.refresh_from_db()
    assert who.status == SubscriberStatus.ACTIVE and who.next_slot_at and not Suppression.objects.exists()
    assert list(who.interests.values_list("query", flat=True)) == ["robots"]
    assert "reader already" in client.post(path).content.decode()
    client.post(f"/u/{who.leave_id}")
    assert client.post(path).status_code == 404, "a later leaving has a goodbye of its own"


def test_a_goodbye_brings_nobody_back_whom_something_else_bars(client, who):
    client.post(f"/u/{who.leave_id}")
    path = rows.signed("return", Delivery.objects.get(kind=Kind.GOODBYE).public_id)
    Suppression.objects.create(address_key=who.address_key, reason=SuppressionReason.COMPLAINT, created_at=rows.now())
    assert client.post(path).status_code == 404
    old = links.token(Purpose.RETURN, Delivery.objects.get(kind=Kind.GOODBYE).public_id, now=rows.now() - timedelta(days=8))
    assert client.post(f"/return/{old}").status_code == 410


def test_a_stranger_who_types_the_address_of_who_left_takes_nothing_from_them(client, who):
    client.post(f"/u/{who.leave_id}")
    path = rows.signed("return", Delivery.objects.get(kind=Kind.GOODBYE).public_id)
    rows.asked(who.address)
    assert Subscriber.objects.get(pk=who.pk).status == SubscriberStatus.LEFT
    client.post(f"/u/{who.leave_id}/erase")
    assert Delivery.objects.filter(kind=Kind.ERASE, subscriber=who).exists()
    assert client.post(path).status_code == 200
    back = Subscriber.objects.get(pk=who.pk)
    assert back.status == SubscriberStatus.ACTIVE and back.confirm_expires_at is None and back.asked is None
