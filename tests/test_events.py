"""What the world says: kept once, without an address, and the same end in whatever order it comes."""

import itertools
import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
from anymail.signals import AnymailTrackingEvent, tracking
from delivery_rows import NOW, digests, edition, readers
from django.utils import timezone

from newsletter import events
from newsletter.models import Delivery, DeliveryState, Event, Subscriber, Suppression

pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> Delivery:
    [made] = digests(readers(1), edition(), state=DeliveryState.UNCERTAIN, claim_token="t", provider_id="re-1")
    return made


def notice(row: Delivery | None, kind: str, **fields) -> AnymailTrackingEvent:
    values = {
        "event_id": None,
        "timestamp": NOW,
        "recipient": row.subscriber.address if row else "stranger@example.net",
        "metadata": {"delivery": row.public_id} if row else {},
        "esp_event": {},
        **fields,
    }
    return AnymailTrackingEvent(event_type=kind, **values)


def told(*notices: AnymailTrackingEvent) -> dict[str, int]:
    for one in notices:
        events.record(one, provider="Resend", now=NOW)
    return events.apply(now=NOW)


def status(row: Delivery) -> str:
    return Subscriber.objects.values_list("status", flat=True).get(pk=row.subscriber_id)


def test_a_notice_told_twice_is_kept_once_and_holds_no_address(row):
    assert events.record(notice(row, "delivered", event_id="e1"), provider="Resend", now=NOW)
    assert events.record(notice(row, "delivered", event_id="e1"), provider="Resend", now=NOW) is None
    assert events.record(notice(row, "delivered"), provider="Resend", now=NOW)
    assert events.record(notice(row, "delivered"), provider="Resend", now=NOW) is None
    for kept in Event.objects.values():
        assert row.subscriber.address not in str(kept)
        assert kept["recipient_key"] == row.subscriber.address_key


def test_one_event_id_for_two_recipients_is_two_notices(row):
    events.record(notice(row, "bounced", event_id="sns-1"), provider="Amazon SES", now=NOW)
    events.record(notice(None, "bounced", event_id="sns-1"), provider="Amazon SES", now=NOW)
    assert Event.objects.count() == 2


@pytest.mark.parametrize("fields", [{}, {"metadata": {}, "message_id": "re-1"}])
def test_a_delivered_notice_makes_an_uncertain_copy_sent(row, fields):
    assert told(notice(row, "delivered", **fields))["settled"] == 1
    row.refresh_from_db()
    assert (row.state, row.reason, row.settled_at) == (DeliveryState.SENT, "", NOW)
    assert told()["applied"] == 0


def test_a_notice_about_a_mail_still_being_sent_waits_for_its_outcome(row):
    Delivery.objects.update(state=DeliveryState.SENDING)
    assert told(notice(row, "delivered")) | {"open": 0, "applied": 0} == told() | {"open": 0, "applied": 0}
    assert Event.objects.get().applied_at is None
    Delivery.objects.update(state=DeliveryState.UNCERTAIN)
    assert events.apply(now=NOW)["settled"] == 1
    assert Event.objects.get().applied_at == NOW


@pytest.mark.parametrize("reject_reason", ["bounced", None])
def test_a_hard_bounce_stops_the_reader_and_the_address(row, reject_reason):
    told(notice(row, "bounced", reject_reason=reject_reason, mta_response="550 5.1.1 no such user"))
    assert status(row) == "BOUNCED"
    assert Suppression.objects.values_list("address_key", "reason").get() == (row.subscriber.address_key, "HARD_BOUNCE")


@pytest.mark.parametrize(
    "fields",
    [
        {"esp_event": {"Type": "SoftBounce"}},
        {"esp_event": {"event": "soft_bounce"}},
        {"esp_event": {"bounce": {"bounceType": "Transient"}}},
        {"esp_event": {"hard_bounce": False}},
        {"mta_response": "452 4.2.2 mailbox full"},
    ],
)
def test_a_soft_bounce_is_noted_and_changes_nothing_for_the_reader(row, fields):
    told(notice(row, "bounced", reject_reason="bounced", **fields))
    assert status(row) == "ACTIVE"
    assert Event.objects.get().reject_reason == "soft"
    assert not Suppression.objects.exists()


@pytest.mark.parametrize("reject_reason", ["blocked", "other", "timed_out", None])
def test_a_bounce_that_blames_the_message_or_nobody_does_not_stop_the_reader(row, reject_reason):
    told(notice(row, "bounced", reject_reason=reject_reason))
    assert status(row) == "ACTIVE"


def test_the_recorded_bounces_of_the_providers_are_hard_where_they_say_so(row):
    folder = os.environ.get("PAPERROUND_SAMPLES")
    if not folder:
        pytest.skip("PAPERROUND_SAMPLES is not set")
    hard: dict[str, bool] = {}
    for provider in ("amazon_ses", "brevo", "mailgun", "mailjet", "postmark", "resend", "sendgrid"):
        for case in json.loads((Path(folder) / "esp-webhooks" / f"{provider}.json").read_text())["cases"]:
            expect, raw = case["expect"], case["payload"].get("raw_event") or {}
            if expect.get("event_type") == "bounced":
                fields = {name: expect.get(name) for name in ("reject_reason", "mta_response")}
                kept = events.record(
                    notice(row, "bounced", esp_event=raw, event_id=case["case"], **fields), provider=provider, now=NOW
                )
                hard[f"{provider} {case['case']}"] = kept.reject_reason in ("bounced", "invalid")
    assert len(hard) >= 7
    assert {name for name, value in hard.items() if not value} == {"brevo soft_bounce_event", "resend suppressed_event"}


def test_a_vacation_reply_is_noted_only(row):
    told(notice(row, "autoresponded"))
    assert status(row) == "ACTIVE"
    assert Event.objects.get().applied_at == NOW


def test_a_complaint_stops_the_reader_for_good(row):
    told(notice(row, "complained"))
    assert status(row) == "COMPLAINED"
    assert Subscriber.objects.get(pk=row.subscriber_id).next_slot_at is None
    assert Suppression.objects.values_list("reason", flat=True).get() == "COMPLAINT"


def test_an_unsubscribe_at_the_provider_is_one_here(row):
    assert told(notice(row, "unsubscribed"))["unsubscribed"] == 1
    assert status(row) == "LEFT"


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
@pytest.mark.parametrize("together", [True, False])
def test_the_order_of_the_notices_does_not_matter(row, order, together):
    notices = [
        notice(row, "delivered"),
        notice(row, "unsubscribed"),
        notice(row, "bounced", reject_reason="bounced"),
        notice(row, "complained"),
    ]
    shuffled = [notices[place] for place in order]
    if together:
        told(*shuffled, *shuffled)
    else:
        for one in shuffled:
            told(one)
    assert status(row) == "COMPLAINED"
    assert set(Suppression.objects.values_list("reason", flat=True)) == {"LEFT", "HARD_BOUNCE", "COMPLAINT"}
    row.refresh_from_db()
    assert row.state == DeliveryState.SENT


def test_a_bounce_older_than_a_new_confirmation_says_nothing_about_the_reader(row):
    told(notice(row, "bounced", reject_reason="bounced", timestamp=NOW - timedelta(days=10)))
    assert status(row) == "ACTIVE"


def test_a_complaint_after_erasure_still_bars_the_address(row):
    row.subscriber.delete()
    told(notice(row, "complained"))
    assert Suppression.objects.values_list("address_key", "reason").get() == (row.subscriber.address_key, "COMPLAINT")


def test_a_notice_about_nothing_we_know_is_kept_and_done_with():
    assert told(notice(None, "delivered", metadata=None, message_id=None, recipient=None))["applied"] == 1


def test_anymail_s_signal_reaches_the_inbox_with_the_clock_of_the_door(row):
    tracking.disconnect(dispatch_uid="newsletter.events")
    events.connect(clock=lambda: NOW)
    events.connect(clock=lambda: NOW)
    try:
        tracking.send(sender=object(), event=notice(row, "delivered"), esp_name="Test")
    finally:
        tracking.disconnect(dispatch_uid="newsletter.events")
        events.connect(clock=timezone.now)
    assert Event.objects.values_list("provider", "received_at", "delivery").get() == ("test", NOW, row.pk)
