"""Preferences: checked, stored, and the next slot moved without a day coming twice. And what each mail needs."""

from datetime import UTC, date, datetime, timedelta

import pytest

from newsletter import subscribers
from newsletter.matching.compiled import compiled
from newsletter.matching.query import BadQuery, parse
from newsletter.models import (
    Delivery,
    DeliveryState,
    Edition,
    Interest,
    Kind,
    Lane,
    Subscriber,
    SubscriberInterest,
    SubscriberStatus,
    SuppressionReason,
)
from newsletter.subscribers import BadWish, change, refusal

NOW = datetime(2027, 3, 1, 12, 30, tzinfo=UTC)  # a Monday
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def ada(db):
    return Subscriber.objects.create(
        address="ada@example.org", address_key="a" * 64, status=SubscriberStatus.ACTIVE, created_at=NOW, confirmed_at=NOW,
        next_slot_at=datetime(2027, 3, 2, 7, tzinfo=UTC),
    )  # fmt: skip


def had(reader, slot_on, state=DeliveryState.SENT):
    edition, _ = Edition.objects.get_or_create(key="k", defaults={"created_at": NOW})
    Delivery.objects.create(
        subscriber=reader, kind=Kind.DIGEST, lane=Lane.DIGEST, edition=edition, slot_on=slot_on, due_at=NOW, after=0, upto=1,
        state=state, created_at=NOW,
    )  # fmt: skip


def kept(reader):
    return dict(SubscriberInterest.objects.filter(subscriber=reader).values_list("interest__query", "added_at"))


def test_every_preference_is_stored(ada):
    wanted = {
        "zone": "Asia/Tokyo", "hour": 0, "days": 0b1, "max_papers": 25, "paused_until": date(2027, 4, 1), "empty_day": "BEST",
        "card_length": "ABSTRACT", "text_only": True,
    }  # fmt: skip
    change(ada, now=LATER, **wanted, muted=[" Foo  Bar ", "", "foo bar", "Ömer"])
    ada.refresh_from_db()
    assert {name: getattr(ada, name) for name in wanted} == wanted
    assert ada.muted == ["foo bar", "ömer"]


def test_what_is_not_named_stays(ada):
    change(ada, now=LATER, hour=9)
    before = Subscriber.objects.values().get()
    change(ada, now=LATER, text_only=True)
    assert Subscriber.objects.values().get() == before | {"text_only": True}


@pytest.mark.parametrize(
    "wanted",
    [
        {"zone": "Mars/Olympus"},
        {"hour": 24},
        {"days": 0},
        {"max_papers": 26},
        {"empty_day": "LOUD"},
        {"card_length": ""},
        {"text_only": "yes"},
        {"paused_until": "2027-04-01"},
        {"paused_until": NOW},
        {"paused_until": date(9999, 12, 31)},
        {"muted": ["x" * 81]},
        {"muted": [str(n) for n in range(201)]},
        {"muted": ["a\0b"]},
        {"topics": ["no-such-topic"]},
        {"topics": ["a\0b"]},
    ],
    ids=str,
)
def test_a_preference_that_cannot_be_served_changes_nothing(ada, wanted):
    before = Subscriber.objects.values().get()
    with pytest.raises(BadWish) as caught:
        change(ada, now=LATER, max_papers=wanted.pop("max_papers", 5), **wanted)
    assert str(caught.value)
    assert Subscriber.objects.values().get() == before


def test_a_query_with_a_slip_and_an_unknown_key_change_nothing(ada):
    with pytest.raises(BadQuery):
        change(ada, now=LATER, hour=9, interests=["robotics", "("])
    with pytest.raises(TypeError, match="adress"):
        change(ada, now=LATER, hour=9, adress="x")
    ada.refresh_from_db()
    assert ada.hour == 7 and not Interest.objects.exists()


def test_a_new_interest_is_kept_compiled(ada):
    change(ada, now=NOW, interests=["robots AND walking"])
    assert Interest.objects.get().compiled == compiled(parse("robots AND walking"))


def test_interests_that_stay_keep_the_day_they_were_added(ada):
    change(ada, now=NOW, interests=["robotics", "agents"])
    change(ada, now=LATER, interests=["agents", "proteins"])
    assert sorted(kept(ada).values()) == [NOW, LATER]
    assert len(kept(ada)) == 2


def test_queries_and_topics_are_replaced_apart(ada):
    Interest.objects.create(query="cat:cs.RO", slug="robots", name="Robots")
    Interest.objects.create(query="cat:cs.CL", slug="language", name="Language")
    change(ada, now=NOW, interests=["agents"], topics=["robots"])
    change(ada, now=LATER, topics=["language"])
    assert {each.slug for each in ada.interests.all()} == {None, "language"}
    change(ada, now=LATER, interests=[])
    assert [each.slug for each in ada.interests.all()] == ["language"]
    change(ada, now=LATER, topics=[])
    assert not kept(ada)


def test_the_next_slot_follows_a_new_hour(ada):
    assert change(ada, now=NOW, hour=15).next_slot_at == datetime(2027, 3, 1, 15, tzinfo=UTC)
    assert change(ada, now=NOW, hour=6).next_slot_at == datetime(2027, 3, 2, 6, tzinfo=UTC)
    assert change(ada, now=NOW, hour=6, days=0b1000000).next_slot_at == datetime(2027, 3, 7, 6, tzinfo=UTC)
    assert change(ada, now=NOW, paused_until=date(2027, 4, 1)).next_slot_at == datetime(2027, 4, 4, 6, tzinfo=UTC)
    assert change(ada, now=NOW, paused_until=None, days=0b11).next_slot_at == datetime(2027, 3, 2, 6, tzinfo=UTC)


@pytest.mark.parametrize("state", DeliveryState)
def test_a_later_hour_gives_no_second_digest_on_the_same_day(ada, state):
    if state == DeliveryState.SENDING:
        had(ada, date(2027, 3, 1), DeliveryState.PENDING)
        Delivery.objects.update(state=state, claim_token="t")
    else:
        had(ada, date(2027, 3, 1), state)
    assert change(ada, now=NOW, hour=15).next_slot_at == datetime(2027, 3, 2, 15, tzinfo=UTC)


def test_a_flight_to_the_west_gives_no_local_day_twice(ada):
    had(ada, date(2027, 3, 2))  # had in Kiritimati, where it is tomorrow
    moved = change(ada, now=NOW, zone="Pacific/Honolulu", hour=7)
    assert subscribers.slot_on(moved.next_slot_at, moved.zone) == date(2027, 3, 3)


def test_zone_and_hour_changes_on_the_way_give_rising_days_and_no_day_twice(ada):
    at, days = NOW, []
    moves = [("Pacific/Kiritimati", 23), ("Pacific/Pago_Pago", 0), ("Europe/Amsterdam", 2), ("Asia/Tokyo", 7), ("UTC", 12)] * 8
    for number, (zone, hour) in enumerate(moves):
        row = change(ada, now=at, zone=zone, hour=hour, days=0b1111111)
        assert row.next_slot_at > at
        days.append(subscribers.slot_on(row.next_slot_at, zone))
        had_on(row, days[-1], number)
        at = row.next_slot_at + timedelta(minutes=number)
    assert days == sorted(set(days))


def had_on(reader, slot_on, mark):
    edition, _ = Edition.objects.get_or_create(key="k", defaults={"created_at": NOW})
    Delivery.objects.create(
        subscriber=reader, kind=Kind.DIGEST, lane=Lane.DIGEST, edition=edition, slot_on=slot_on, due_at=NOW, after=mark,
        upto=mark + 1, state=DeliveryState.SENT, created_at=NOW,
    )  # fmt: skip


def test_who_is_not_active_has_no_slot(ada):
    Subscriber.objects.update(status=SubscriberStatus.LEFT)
    assert change(ada, now=NOW, hour=9).next_slot_at is None


def test_an_erased_reader_cannot_be_changed(ada):
    Subscriber.objects.all().delete()
    with pytest.raises(Subscriber.DoesNotExist):
        change(ada, now=NOW, hour=9)


# -- the table of needs

TODAY = date(2027, 3, 1)
READS = {
    Kind.DIGEST: {"ACTIVE"}, Kind.TEST: {"ACTIVE"}, Kind.CONFIRM: {"PENDING"}, Kind.ALREADY: {"ACTIVE"}, Kind.LINK: {"ACTIVE"},
    Kind.EXPORT: {"ACTIVE", "LEFT"}, Kind.ERASE: {"ACTIVE", "LEFT"}, Kind.MOVE_NEW: {"ACTIVE"},
    Kind.MOVE_OLD: {"ACTIVE", "LEFT", "BOUNCED", "COMPLAINED"},
    Kind.GOODBYE: {"LEFT"},
}  # fmt: skip
UNWANTED = {"COMPLAINT", "NEVER", "HARD_BOUNCE"}
STOPS = {
    Kind.DIGEST: set(SuppressionReason), Kind.TEST: set(SuppressionReason), Kind.CONFIRM: {"COMPLAINT", "NEVER"},
} | dict.fromkeys(set(READS) - {Kind.DIGEST, Kind.TEST, Kind.CONFIRM}, UNWANTED)  # fmt: skip


def test_the_table_has_a_line_for_every_kind_but_the_curators():
    assert set(READS) | {Kind.ALERT} == set(Kind)


def someone(status, paused_until=None):
    return Subscriber(address="ada@example.org", status=status, paused_until=paused_until)


@pytest.mark.parametrize("kind", READS)
@pytest.mark.parametrize("status", SubscriberStatus)
def test_each_kind_needs_its_status(kind, status):
    assert (refusal(kind, someone(status), [], today_local=TODAY) == "") == (status in READS[kind])


@pytest.mark.parametrize("kind", READS)
@pytest.mark.parametrize("reason", SuppressionReason)
def test_each_kind_is_stopped_by_its_suppressions(kind, reason):
    stopped = refusal(kind, someone(min(READS[kind])), [reason.value], today_local=TODAY)
    assert bool(stopped) == (reason.value in {str(each) for each in STOPS[kind]})


def test_a_pause_stops_digests_alone_until_its_last_day():
    reader = someone("ACTIVE", paused_until=date(2027, 3, 2))
    assert [refusal(kind, reader, [], today_local=TODAY) for kind in (Kind.DIGEST, Kind.TEST, Kind.LINK)] == [
        "paused",
        "paused",
        "",
    ]
    assert refusal(Kind.DIGEST, reader, [], today_local=date(2027, 3, 2)) == ""


def test_an_erased_reader_gets_nothing_and_the_curator_everything():
    assert {refusal(kind, None, [], today_local=TODAY) for kind in READS if kind != Kind.TEST} == {"erased"}
    assert refusal(Kind.TEST, None, [], today_local=TODAY) == ""
    assert refusal(Kind.TEST, None, ["NEVER"], today_local=TODAY) != ""
    assert refusal(Kind.ALERT, None, [], today_local=TODAY) == ""


def test_reasons_are_short_words_that_fit_the_ledger():
    said = {refusal(kind, someone(status), [], today_local=TODAY) for kind in READS for status in SubscriberStatus}
    assert said == {"", "left", "not confirmed", "confirmed", "bounced", "complained"}
