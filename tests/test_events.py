"""What the world says: kept once, without an address, and the same end in whatever order it comes."""

import itertools
from datetime import timedelta

import pytest
from anymail.signals import AnymailTrackingEvent
from delivery_rows import NOW, digests, edition, readers

from bench import events as states
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
    events.record(notices, provider="Resend", now=NOW)
    return events.apply(now=NOW)


def status(row: Delivery) -> str:
    return Subscriber.objects.values_list("status", flat=True).get(pk=row.subscriber_id)


def test_a_notice_told_twice_is_kept_once_and_holds_no_address(row):
    twice = [notice(row, "delivered", event_id="e1"), notice(row, "delivered")] * 2
    assert events.record(twice, provider="Resend", now=NOW) == events.Told(kept=2, known=2)
    assert events.record(twice, provider="Resend", now=NOW) == events.Told(known=4)
    for kept in Event.objects.values():
        assert row.subscriber.address not in str(kept)
        assert kept["recipient_key"] == row.subscriber.address_key


def test_one_event_id_for_two_recipients_is_two_notices(row):
    both = [notice(each, "bounced", event_id="sns-1") for each in (row, None)]
    events.record(both, provider="Amazon SES", now=NOW)
    assert Event.objects.count() == 2


@pytest.mark.parametrize(
    "fields",
    [
        {"recipient": "a\x00b@example.org", "message_id": "m\x00"},
        {"metadata": ["no", "mapping"], "esp_event": "text"},
        {"timestamp": None, "recipient": None},
        {"timestamp": "yesterday"},
        {"recipient": "\udcff@" + "x" * 4000, "mta_response": "\x00" * 4000},
        {"metadata": {"delivery": {"nested": "x" * 4000}}, "event_id": "\udcff"},
    ],
)
def test_a_broken_notice_spoils_no_other(row, fields):
    assert told(notice(None, "bounced", **fields), notice(row, "complained"))["complained"] == 1
    assert status(row) == "COMPLAINED"


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


def test_a_vacation_reply_is_noted_only(row):
    told(notice(row, "autoresponded"))
    assert status(row) == "ACTIVE"
    assert Event.objects.get().applied_at == NOW


def test_an_id_that_several_mails_share_speaks_of_the_address_alone():
    first, second = digests(readers(2), edition(), state=DeliveryState.SENT, provider_id="one-for-all", settled_at=NOW)
    told(notice(first, "bounced", reject_reason="bounced", metadata={}, message_id="one-for-all"))
    assert (status(first), status(second)) == ("BOUNCED", "ACTIVE")
    assert Event.objects.get().delivery is None


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


def softs(row: Delivery, *days: float, delivered: tuple[float, ...] = ()) -> list[AnymailTrackingEvent]:
    """Soft bounces and deliveries, so many days after the reader confirmed."""
    start = row.subscriber.confirmed_at
    soft = {"reject_reason": "bounced", "esp_event": {"Type": "SoftBounce"}}
    bounces = [notice(row, "bounced", timestamp=start + timedelta(days=day), **soft) for day in days]
    return bounces + [notice(row, "delivered", timestamp=start + timedelta(days=day)) for day in delivered]


def test_the_sixth_day_in_a_row_with_a_soft_bounce_stops_the_reader_and_bars_no_address(row):
    told(*softs(row, 0, 1, 2, 3, 4))
    assert status(row) == "ACTIVE"
    assert told(*softs(row, 5))["bounced"] == 1
    assert status(row) == "BOUNCED"
    assert not Suppression.objects.exists()


def test_at_most_one_soft_bounce_a_day_counts(row):
    told(*softs(row, *(hour / 24 for hour in range(0, 12, 1))), *softs(row, 1, 2, 3, 4))
    assert status(row) == "ACTIVE"


def test_a_delivered_mail_resets_the_soft_bounces(row):
    told(*softs(row, 0, 1, 2, 3, 4, delivered=(4.5,)), *softs(row, 5, 6, 7, 8, 9))
    assert status(row) == "ACTIVE"
    told(*softs(row, 10))
    assert status(row) == "BOUNCED"


def test_a_delivery_told_late_takes_back_the_stop(row):
    told(*softs(row, 0, 1, 2, 3, 4, 5))
    assert status(row) == "BOUNCED"
    told(*softs(row, delivered=(2.5,)))
    assert status(row) == "ACTIVE"
    assert Subscriber.objects.get(pk=row.subscriber_id).next_slot_at > NOW


def test_a_delivery_told_late_takes_back_no_hard_bounce_and_no_leaving(row):
    told(*softs(row, 0, 1, 2, 3, 4, 5), notice(row, "unsubscribed"))
    assert status(row) == "BOUNCED"
    told(*softs(row, delivered=(2.5,)))
    assert status(row) == "LEFT"
    told(notice(row, "bounced", reject_reason="bounced"))
    told(*softs(row, delivered=(2.6,)))
    assert status(row) == "BOUNCED"


def test_soft_bounces_before_a_new_confirmation_are_forgotten(row):
    told(*softs(row, -3, -2, -1, 0, 1, 2))
    assert status(row) == "ACTIVE"


@pytest.mark.parametrize(
    "fields",
    [
        {"reject_reason": "spam"},
        {"reject_reason": "bounced", "mta_response": "550 5.7.1 looks like spam"},
        {"reject_reason": "bounced", "esp_event": {"bounce": {"bounceType": "Transient", "bounceSubType": "ContentRejected"}}},
    ],
)
def test_a_bounce_for_the_content_never_counts_against_the_reader(row, fields):
    told(*(notice(row, "bounced", timestamp=NOW - timedelta(days=day), **fields) for day in range(8)))
    assert status(row) == "ACTIVE"
    assert set(Event.objects.values_list("reject_reason", flat=True)) == {"spam"}


@pytest.mark.parametrize("answer", ["552 5.2.2 mailbox full", "550 4.4.1 try again later"])
def test_a_full_mailbox_is_no_hard_bounce_even_when_the_provider_calls_it_permanent(row, answer):
    told(notice(row, "bounced", reject_reason="bounced", mta_response=answer, esp_event={"severity": "permanent"}))
    assert status(row) == "ACTIVE"
    assert Event.objects.get().reject_reason == "soft"


@pytest.mark.parametrize("seed", range(3))
def test_shuffled_doubled_and_broken_notices_end_as_the_ordered_ones(seed):
    ordered, shuffled = (states.end(1_000, seed=seed, disorder=disorder) for disorder in (False, True))
    assert ordered == shuffled
    assert {"ACTIVE", "LEFT", "BOUNCED", "COMPLAINED"} <= {state[1] for state in ordered.readers}
