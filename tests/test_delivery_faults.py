"""What goes wrong in one slice stays there: the next slices, the other way out and other readers go on."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from delivery_redis import own_redis
from delivery_rows import NOW, digests, edition, readers, service
from django.db import OperationalError, connection
from django.utils import timezone

from newsletter import delivery
from newsletter.delivery import alarm, doubts, ledger
from newsletter.delivery.transport import Accepted, Throttled
from newsletter.models import Delivery, DeliveryState, Event, Kind, Lane, Mark

pytestmark = pytest.mark.django_db


class Wire:
    """A transport that takes everything, or answers everything with `error`."""

    signs = together = False
    at_once = 1

    def __init__(self) -> None:
        self.error: Exception | None = None

    def send(self, mail, begin):
        begin()
        if self.error:
            raise self.error
        return Accepted()

    def close(self) -> None:
        pass


@pytest.fixture
def wire(settings, tmp_path, monkeypatch):
    settings.PAPERROUND_DATA, settings.MAIL_URL = tmp_path, "file:"
    wire = Wire()
    monkeypatch.setattr(delivery, "transport_of", lambda url: wire)
    return wire


def test_a_read_that_failed_once_takes_no_paper_from_later_copies(wire, monkeypatch):
    monkeypatch.setattr(ledger, "SLICE", 1)
    digests(readers(3), edition())
    cut = []

    def failing(execute, sql, params, many, context):
        if not cut and ('FROM "newsletter_paper"' in sql or 'FROM "newsletter_candidate"' in sql):
            cut.append(sql)
            raise OperationalError("the server closed the connection")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(failing):
        delivery.send(now=NOW)
    assert cut and not Delivery.objects.filter(state=DeliveryState.CANCELLED).exists()


def test_late_copies_of_a_busy_domain_are_cancelled_at_once(wire, settings, monkeypatch):
    claims = []
    claim = ledger.claim
    monkeypatch.setattr(ledger, "claim", lambda **wanted: claims.append(1) or claim(**wanted))
    with own_redis(settings):
        settings.MAIL_DOMAIN_RATE = 10
        digests(readers(60), edition(), late_at=NOW - timedelta(hours=1), due_at=NOW - timedelta(hours=7))
        delivery.send(now=NOW, seconds=10)
    assert Counter(Delivery.objects.values_list("state", "reason")) == {("CANCELLED", "LATE"): 60}
    assert len(claims) < 10


def test_a_first_way_that_asks_for_patience_leaves_the_second_in_use(wire, settings, monkeypatch):
    settings.MAIL_URL, settings.MAIL_URL_2 = "smtp://a", "smtp://b"
    first, second = wire, Wire()
    first.error = Throttled("HTTP 429", 3600)
    monkeypatch.setattr(delivery, "transport_of", lambda url: first if url.endswith("a") else second)
    Mark.objects.create(name="mail.first.down", at=NOW - timedelta(hours=1))
    Mark.objects.create(name="mail.first.tried", at=NOW - timedelta(minutes=6))
    _asked, later = digests(readers(2), edition())
    Delivery.objects.filter(pk=later.pk).update(due_at=NOW + timedelta(minutes=1))
    assert delivery.send(now=NOW).stopped
    assert delivery.send(now=NOW + timedelta(minutes=3)).second == 1


def test_a_second_of_patience_is_a_second(wire):
    wire.error = Throttled("HTTP 429", 1)
    [reader] = readers(1)
    digests([reader], edition())
    delivery.send(now=NOW)
    wire.error = None
    service(reader, Kind.LINK)
    assert delivery.send(now=NOW + timedelta(seconds=30)).sent == 1


def sent(number: int, kind: Kind) -> list[Delivery]:
    at = NOW - timedelta(hours=1)
    times = dict.fromkeys(("due_at", "created_at", "claimed_at", "as_of", "settled_at"), at)
    row = {"kind": kind, "lane": Lane.SERVICE, "state": DeliveryState.SENT, "claim_token": "t", **times}
    return Delivery.objects.bulk_create([Delivery(**row) for _ in range(number)])


def bounced(rows: list[Delivery]) -> None:
    told = {"provider": "test", "type": "bounced", "reject_reason": "bounced", "received_at": NOW}
    Event.objects.bulk_create(Event(key=f"b{row.pk}", recipient_key=f"k{row.pk}", delivery=row, **told) for row in rows)


def test_dead_addresses_on_the_sign_up_form_stop_nobodys_digests():
    sent(1500, Kind.TEST)
    bounced(sent(100, Kind.CONFIRM))
    assert alarm.watch(now=NOW) is None
    bounced(sent(200, Kind.TEST))
    assert alarm.watch(now=NOW) == NOW


def test_a_copy_is_not_sent_again_while_digests_are_held_back(wire):
    [row] = digests(readers(1), edition())
    Delivery.objects.filter(pk=row.pk).update(state=DeliveryState.UNCERTAIN)
    Mark.objects.create(name=alarm.PAUSED, at=timezone.now())
    with pytest.raises(doubts.Refused, match="held back"):
        doubts.send_again(row, by="mara", now=NOW)
    row.refresh_from_db()
    assert row.state == DeliveryState.UNCERTAIN
