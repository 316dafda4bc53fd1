"""Consent: asked twice, given once, taken back at once; what is mailed on the way, and what never is."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from threads import threads_share_the_database

from newsletter import links, subscribers
from newsletter.links import Purpose, Refused
from newsletter.matching.query import BadQuery, parse
from newsletter.models import (
    Allowance,
    Delivery,
    DeliveryState,
    Edition,
    Interest,
    Kind,
    Lane,
    Subscriber,
    SubscriberStatus,
    Suppression,
    SuppressionReason,
)
from newsletter.subscribers import BadAddress, BadWish, Wish, consent

NOW = datetime(2027, 3, 1, 12, 30, tzinfo=UTC)  # a Monday
DAY = timedelta(days=1)
ADA = "ada@example.org"
NETWORK = "192.0.2.0/24"


def ask(address=ADA, now=NOW, **wish):
    subscribers.subscribe(address=address, wish=Wish(**wish), network=NETWORK, now=now)


def reader(address=ADA):
    return Subscriber.objects.get(address_key=subscribers.address_key(address))


def mails(kind, **more):
    return Delivery.objects.filter(kind=kind, **more)


def newest_token():
    return links.confirm_token(mails(Kind.CONFIRM).latest("id").public_id)


def joined(address=ADA, now=NOW, **wish):
    ask(address, now=now, **wish)
    return subscribers.confirm(newest_token(), now=now)


def suppress(reason, address=ADA, at=NOW):
    Suppression.objects.create(address_key=subscribers.address_key(address), reason=reason, created_at=at)


def digest(subscriber, slot_on, state=DeliveryState.PENDING, after=0):
    edition, _ = Edition.objects.get_or_create(key="k", defaults={"created_at": NOW})
    return Delivery.objects.create(
        subscriber=subscriber, kind=Kind.DIGEST, lane=Lane.DIGEST, edition=edition, slot_on=slot_on, due_at=NOW,
        after=after, upto=after + 1, state=state, created_at=NOW,
    )  # fmt: skip


# -- asking in


def test_a_sign_up_waits_for_its_owner_and_one_confirmation_is_due_at_once(db):
    ask()
    row, mail = reader(), mails(Kind.CONFIRM).get()
    assert (row.status, row.address, row.confirmed_at, row.next_slot_at) == ("PENDING", ADA, None, None)
    assert (mail.subscriber, mail.lane, mail.due_at, mail.state, mail.to_address) == (row, 0, NOW, "PENDING", ADA)
    assert row.confirm_expires_at == NOW + timedelta(days=7)


def test_no_token_and_no_network_is_stored(db):
    ask()
    token = newest_token()
    stored = str(list(Subscriber.objects.values())) + str(list(Delivery.objects.values())) + str(list(Allowance.objects.values()))
    assert token not in stored and NETWORK not in stored
    assert reader().confirm_hash == links.confirm_hash(token)


def test_the_proof_of_consent_is_kept(db):
    ask()
    row = subscribers.confirm(newest_token(), now=NOW + DAY)
    assert row.consent_text == subscribers.consent_text()
    assert row.consent_network_key == links.keyed_hash("network", NETWORK)
    assert row.confirmed_at == NOW + DAY


def test_a_wish_is_kept_with_shared_interests_and_topics(db):
    topic = Interest.objects.create(query="robotics", slug="robotics", name="Robotics")
    wish = {"queries": ("world models", " ", "world  MODELS"), "topics": ("robotics",)}
    ask(**wish, zone="Europe/Amsterdam", hour=6, days=0b1000001, max_papers=5)
    ask("bob@example.org", **wish)
    row = reader()
    assert (row.zone, row.hour, row.days, row.max_papers) == ("Europe/Amsterdam", 6, 0b1000001, 5)
    assert row.interests.count() == 2 and topic in row.interests.all()
    assert Interest.objects.count() == 2
    assert set(row.interests.all()) == set(reader("bob@example.org").interests.all())


def test_a_wish_typed_again_before_the_confirmation_replaces_the_first(db):
    ask(queries=("robotics", "world models"), hour=6)
    ask(queries=("world models", "agents"), hour=9)
    row = reader()
    assert row.hour == 9
    assert {each.query for each in row.interests.all()} == {parse("world models").canonical, parse("agents").canonical}
    assert mails(Kind.CONFIRM).count() == 1


@pytest.mark.parametrize(
    ("wish", "error"),
    [
        ({"queries": ("(",)}, BadQuery),
        ({"topics": ("no-such-topic",)}, BadWish),
        ({"topics": ("\0",)}, BadWish),
        ({"queries": ("a\0(",)}, BadQuery),
        ({"zone": "Europe/Atlantis"}, BadWish),
        ({"zone": "../../etc/passwd"}, BadWish),
        ({"zone": ""}, BadWish),
        ({"hour": 24}, BadWish),
        ({"hour": -1}, BadWish),
        ({"hour": "7"}, BadWish),
        ({"hour": True}, BadWish),
        ({"days": 0}, BadWish),
        ({"days": 128}, BadWish),
        ({"max_papers": 2}, BadWish),
        ({"max_papers": 26}, BadWish),
        ({"queries": tuple(f"word{n}" for n in range(101))}, BadWish),
    ],
)
def test_a_wish_that_cannot_be_served_is_refused_and_nothing_is_stored(db, wish, error):
    with pytest.raises(error) as caught:
        ask(**wish)
    assert str(caught.value)
    assert not Subscriber.objects.exists() and not Delivery.objects.exists() and not Interest.objects.exists()


def test_a_bad_address_is_refused_and_nothing_is_stored(db):
    with pytest.raises(BadAddress, match=r"name@example\.org"):
        ask("ada@[127.0.0.1]")
    assert not Subscriber.objects.exists() and not Allowance.objects.exists()


# -- what asking may cost a stranger


def test_one_victim_gets_one_mail_a_day_however_the_address_is_spelled(db):
    for n in range(30):
        ask(f"Victim+{n}@Example.org", now=NOW + timedelta(minutes=n))
    assert Subscriber.objects.count() == 1 and mails(Kind.CONFIRM).count() == 1


def test_one_victim_gets_three_mails_until_confirmed_and_again_after_ninety_days(db):
    for n in range(30):
        ask(now=NOW + n * DAY)
    assert mails(Kind.CONFIRM).count() == 3
    ask(now=NOW + 89 * DAY)
    assert mails(Kind.CONFIRM).count() == 3
    ask(now=NOW + 90 * DAY)
    assert mails(Kind.CONFIRM).count() == 4


def test_a_confirmation_forgets_earlier_days_but_not_todays(db):
    ask(now=NOW)
    ask(now=NOW + DAY)
    joined(now=NOW + 2 * DAY)
    subscribers.unsubscribe(reader().public_id, now=NOW + 2 * DAY)
    ask(now=NOW + 2 * DAY)
    assert mails(Kind.CONFIRM).count() == 3
    for n in range(3, 10):
        ask(now=NOW + n * DAY)
    assert mails(Kind.CONFIRM).count() == 5


def test_twenty_at_once_give_one_reader_and_one_mail(transactional_db, tmp_path):
    with threads_share_the_database(tmp_path) as database:
        database.all_at_once(lambda n: ask(f"Victim+{n}@example.org", queries=("robotics", f"word{n}")), times=20)
        assert database.ask(lambda: (Subscriber.objects.count(), mails(Kind.CONFIRM).count())) == (1, 1)
        assert database.ask(lambda: Allowance.objects.get(scope="asked").used) == 20
        token = database.ask(newest_token)
        assert database.ask(lambda: reader("victim@example.org").confirm_hash) == links.confirm_hash(token)


def test_a_row_made_by_another_process_in_between_is_taken_as_it_is(db):
    key = subscribers.address_key(ADA)
    first = consent._new(ADA, key, now=NOW)
    assert consent._new("ada+other@example.org", key, now=NOW) == first
    assert Subscriber.objects.get().address == ADA


def test_two_confirming_at_once_confirm_once(transactional_db, tmp_path):
    def click(_):
        try:
            return subscribers.confirm(token, now=NOW).status
        except Refused as refused:
            return refused.reason

    with threads_share_the_database(tmp_path) as database:
        database.ask(ask)
        token = database.ask(newest_token)
        assert sorted(database.all_at_once(click, times=6)) == ["ACTIVE"] + ["USED"] * 5


def test_a_later_day_sends_a_new_link_and_the_old_one_is_dead(db):
    ask()
    old = newest_token()
    ask(now=NOW + DAY)
    assert newest_token() != old
    with pytest.raises(Refused) as caught:
        subscribers.confirmable(old, now=NOW + DAY)
    assert caught.value.reason == "FORGED"
    assert [(m.state, m.reason) for m in mails(Kind.CONFIRM).order_by("id")] == [
        ("CANCELLED", "replaced by a newer one"),
        ("PENDING", ""),
    ]


def test_a_token_mailed_to_one_spelling_never_confirms_another(db):
    ask("ada+mine@example.org")
    ask("ada@example.org")
    assert subscribers.confirm(newest_token(), now=NOW).address == "ada+mine@example.org"


def test_an_active_reader_is_told_once_a_day_and_keeps_every_preference(db):
    row = joined(queries=("robotics",), hour=6)
    before = Subscriber.objects.filter(pk=row.pk).values().get()
    for n in range(5):
        ask("ADA+x@example.org", queries=("agents",), hour=9, now=NOW + timedelta(minutes=n))
    assert Subscriber.objects.filter(pk=row.pk).values().get() == before
    assert [each.query for each in row.interests.all()] == [parse("robotics").canonical]
    assert mails(Kind.ALREADY).get().to_address == ADA
    ask(now=NOW + DAY)
    assert mails(Kind.ALREADY).count() == 2 and mails(Kind.CONFIRM).count() == 1


@pytest.mark.parametrize("reason", [SuppressionReason.COMPLAINT, SuppressionReason.NEVER, SuppressionReason.HARD_BOUNCE])
def test_a_suppressed_stranger_gets_nothing_and_no_row(db, reason):
    suppress(reason, at=NOW - timedelta(days=29))
    ask("ADA+1@example.org")
    assert not Subscriber.objects.exists() and not Delivery.objects.exists()


@pytest.mark.parametrize("reason", [SuppressionReason.LEFT, SuppressionReason.ERASED])
def test_who_left_or_was_erased_may_come_back_by_confirming(db, reason):
    suppress(reason)
    assert joined().status == "ACTIVE"
    assert not Suppression.objects.exists()


def test_what_is_asked_for_who_left_waits_for_their_confirmation(db):
    left = joined(queries=("robotics",), zone="Asia/Tokyo", hour=9)
    subscribers.unsubscribe(left.public_id, now=NOW)
    ask("Ada@example.org", now=NOW + DAY, queries=("poetry",), zone="Europe/Berlin", hour=5)
    row = reader()
    assert (row.status, row.address, row.zone, row.hour) == ("LEFT", ADA, "Asia/Tokyo", 9)
    assert [each.query for each in row.interests.all()] == ["robotics"]
    ask(now=NOW + DAY, queries=("sculpture",), zone="Europe/Paris")  # no second mail today; the wish is replaced
    assert subscribers.confirm(newest_token(), now=NOW + DAY).status == "ACTIVE"
    row = reader()
    assert (row.address, row.zone, row.hour, row.asked) == ("Ada@example.org", "Europe/Paris", 7, None)
    assert [each.query for each in row.interests.all()] == ["sculpture"]


def test_a_topic_that_is_gone_meanwhile_is_left_out_of_what_was_asked(db):
    Interest.objects.create(query="vision", slug="vision", name="Vision")
    left = joined(queries=("robotics",))
    subscribers.unsubscribe(left.public_id, now=NOW)
    ask(now=NOW + DAY, queries=("poetry",), topics=("vision",))
    Interest.objects.filter(slug="vision").update(slug=None)
    subscribers.confirm(newest_token(), now=NOW + DAY)
    assert [each.query for each in reader().interests.all()] == ["poetry"]


def test_what_was_asked_for_who_left_is_forgotten_after_fourteen_days(db):
    left = joined(queries=("robotics",))
    subscribers.unsubscribe(left.public_id, now=NOW)
    ask(now=NOW + DAY, queries=("poetry",))
    assert subscribers.forget_unconfirmed(now=NOW + 14 * DAY) == 0 and reader().asked
    assert subscribers.forget_unconfirmed(now=NOW + 15 * DAY + timedelta(seconds=1), dry_run=True) == 0 and reader().asked
    assert subscribers.forget_unconfirmed(now=NOW + 15 * DAY + timedelta(seconds=1)) == 0
    row = reader()
    assert (row.status, row.asked, row.confirm_expires_at) == ("LEFT", None, None)
    assert [each.query for each in row.interests.all()] == ["robotics"]


def test_leaving_again_takes_back_what_was_asked_and_leaves_the_goodbye(db):
    left = joined(queries=("robotics",))
    subscribers.unsubscribe(left.public_id, now=NOW)
    ask(now=NOW + DAY, queries=("poetry",))
    assert subscribers.unsubscribe(left.public_id, now=NOW + DAY)
    assert not subscribers.unsubscribe(left.public_id, now=NOW + DAY)
    row = reader()
    assert (row.status, row.left_at, row.asked, row.confirm_expires_at) == ("LEFT", NOW, None, None)
    assert mails(Kind.CONFIRM, state="PENDING").count() == 0 and mails(Kind.GOODBYE, state="PENDING").count() == 1
    with pytest.raises(Refused, match="USED"):
        subscribers.confirm(newest_token(), now=NOW + DAY)


def test_erasing_takes_the_words_that_were_asked_since_leaving(db):
    left = joined()
    subscribers.unsubscribe(left.public_id, now=NOW)
    ask(now=NOW + DAY, queries=("an unusual hobby",))
    assert Interest.objects.filter(query__contains="hobby").exists()
    subscribers.erase(left.public_id, now=NOW + DAY)
    assert not Interest.objects.filter(query__contains="hobby").exists()


def test_who_complained_stays_so_when_what_was_asked_lapses(db):
    left = joined()
    subscribers.unsubscribe(left.public_id, now=NOW)
    ask(now=NOW + DAY)
    Subscriber.objects.update(status=SubscriberStatus.COMPLAINED)
    subscribers.forget_unconfirmed(now=NOW + 30 * DAY)
    assert (reader().status, reader().asked) == ("COMPLAINED", None)


def test_a_bounced_reader_may_confirm_once_in_thirty_days_after_thirty_days(db):
    row = joined(now=NOW - 100 * DAY)
    Subscriber.objects.filter(pk=row.pk).update(status=SubscriberStatus.BOUNCED, next_slot_at=None)
    suppress(SuppressionReason.HARD_BOUNCE, at=NOW - 30 * DAY)
    ask(now=NOW - timedelta(seconds=1))
    assert reader().status == "BOUNCED" and mails(Kind.CONFIRM).count() == 1
    for n in range(10):
        ask(now=NOW + n * DAY)
    assert mails(Kind.CONFIRM).count() == 2
    assert subscribers.confirm(newest_token(), now=NOW + DAY).status == "ACTIVE"
    assert not Suppression.objects.exists()


def test_every_case_takes_about_as_many_queries(db):
    joined("active@example.org")
    ask("pending@example.org")
    suppress(SuppressionReason.NEVER, "never@example.org")
    left = joined("left@example.org")
    subscribers.unsubscribe(left.public_id, now=NOW)
    counted = {}
    for name in ("new", "pending", "active", "never", "left"):
        with CaptureQueriesContext(connection) as queries:
            ask(f"{name}@example.org", queries=("robotics",))
        counted[name] = len(queries)
    assert max(counted.values()) - min(counted.values()) <= 4, counted


# -- confirming


def test_looking_at_the_page_changes_nothing(db):
    ask()
    before = Subscriber.objects.values().get()
    assert subscribers.confirmable(newest_token(), now=NOW) == reader()
    assert Subscriber.objects.values().get() == before


def test_confirming_makes_an_active_reader_with_a_first_slot(db):
    row = joined(zone="America/New_York", hour=7)
    assert (row.status, row.confirmed_at) == ("ACTIVE", NOW)
    assert row.next_slot_at == datetime(2027, 3, 2, 12, tzinfo=UTC)
    assert reader().next_slot_at == row.next_slot_at


def test_a_used_token_says_so_and_a_forged_one_is_forged(db):
    row = joined()
    for verb in (subscribers.confirm, subscribers.confirmable):
        for token, reason in ((newest_token(), "USED"), (newest_token()[:-1], "FORGED"), ("", "FORGED"), ("\ud800", "FORGED")):
            with pytest.raises(Refused) as caught:
                verb(token, now=NOW)
            assert caught.value.reason == reason
    subscribers.unsubscribe(row.public_id, now=NOW)
    with pytest.raises(Refused, match="USED"):
        subscribers.confirm(newest_token(), now=NOW)


def test_a_token_expires_after_seven_days_to_the_second(db):
    ask()
    subscribers.confirmable(newest_token(), now=NOW + timedelta(days=7, seconds=-1))
    with pytest.raises(Refused, match="EXPIRED"):
        subscribers.confirm(newest_token(), now=NOW + timedelta(days=7))
    assert reader().status == "PENDING"


def test_a_signed_link_of_another_purpose_confirms_nobody(db):
    ask()
    for purpose in Purpose:
        with pytest.raises(Refused, match="FORGED"):
            subscribers.confirm(links.token(purpose, reader().public_id, now=NOW), now=NOW)


# -- leaving


def test_unsubscribing_is_effective_at_once_and_says_goodbye_once(db):
    row = joined()
    waiting = digest(row, date(2027, 3, 2))
    assert subscribers.unsubscribe(row.public_id, now=NOW) is True
    assert subscribers.unsubscribe(row.public_id, now=NOW + DAY) is False
    row, waiting = reader(), Delivery.objects.get(pk=waiting.pk)
    assert (row.status, row.left_at, row.next_slot_at) == ("LEFT", NOW, None)
    assert (waiting.state, waiting.reason, waiting.settled_at) == ("CANCELLED", "left", NOW)
    assert Suppression.objects.get().reason == "LEFT"
    assert mails(Kind.GOODBYE).get().due_at == NOW


def test_unsubscribing_leaves_alone_what_another_process_has_claimed_or_sent(db):
    row, other = joined(), joined("bob@example.org")
    sent = digest(row, date(2027, 2, 26), DeliveryState.SENT)
    claimed = digest(row, date(2027, 3, 1), after=1)
    Delivery.objects.filter(pk=claimed.pk).update(state=DeliveryState.SENDING, claim_token="t")
    theirs = digest(other, date(2027, 3, 1))
    subscribers.unsubscribe(row.public_id, now=NOW)
    states = [Delivery.objects.get(pk=each.pk).state for each in (sent, claimed, theirs)]
    assert states == ["SENT", "SENDING", "PENDING"]


def test_cancelled_service_mails_keep_no_address(db):
    ask()
    subscribers.never(reader().public_id, now=NOW)
    assert mails(Kind.CONFIRM).get().to_address == ""


def test_unsubscribing_nobody_changes_nothing(db):
    assert subscribers.unsubscribe("no-such-reader", now=NOW) is False
    subscribers.never("no-such-reader", now=NOW)
    assert not Suppression.objects.exists()


def test_a_complaint_is_not_softened_by_an_unsubscribe(db):
    row = joined()
    Subscriber.objects.filter(pk=row.pk).update(status=SubscriberStatus.COMPLAINED)
    assert subscribers.unsubscribe(row.public_id, now=NOW) is False
    subscribers.never(row.public_id, now=NOW)
    assert reader().status == "COMPLAINED"


def test_never_bars_a_stranger_who_was_asked_and_kills_the_open_link(db):
    ask()
    token = newest_token()
    for _ in range(2):
        subscribers.never(reader().public_id, now=NOW)
    assert mails(Kind.CONFIRM).get().state == "CANCELLED"
    assert set(Suppression.objects.values_list("reason", flat=True)) == {"LEFT", "NEVER"}
    with pytest.raises(Refused, match="USED"):
        subscribers.confirm(token, now=NOW)
    for n in range(1, 200, 20):
        ask(now=NOW + n * DAY)
    assert mails(Kind.CONFIRM).count() == 1 and reader().status == "LEFT"


def test_never_after_leaving_takes_back_the_goodbye(db):
    row = joined()
    subscribers.unsubscribe(row.public_id, now=NOW)
    subscribers.never(row.public_id, now=NOW)
    assert mails(Kind.GOODBYE).get().state == "CANCELLED"


def test_a_goodbye_comes_again_only_after_a_new_confirmation(db):
    row = joined()
    subscribers.unsubscribe(row.public_id, now=NOW)
    ask(now=NOW + DAY)
    subscribers.unsubscribe(row.public_id, now=NOW + DAY)
    assert reader().status == "LEFT" and mails(Kind.GOODBYE).count() == 1
    joined(now=NOW + 2 * DAY)
    subscribers.unsubscribe(row.public_id, now=NOW + 2 * DAY)
    assert mails(Kind.GOODBYE).count() == 2


def test_who_comes_back_has_no_second_digest_on_a_local_day(db):
    row = joined(now=NOW - 40 * DAY)
    digest(row, date(2027, 3, 2), DeliveryState.SENT)
    subscribers.unsubscribe(row.public_id, now=NOW)
    assert subscribers.slot_on(joined().next_slot_at, "UTC") == date(2027, 3, 3)


# -- the preferences link


def test_only_an_active_reader_is_mailed_the_preferences_link(db):
    joined()
    ask("pending@example.org")
    for address in (ADA, "pending@example.org", "nobody@example.org"):
        subscribers.send_preferences_link(address, network=NETWORK, now=NOW)
    assert mails(Kind.LINK).get().subscriber == reader()
    with pytest.raises(BadAddress):
        subscribers.send_preferences_link("ada", network=NETWORK, now=NOW)


def test_three_preferences_links_a_day_are_enough(db):
    joined()
    for _ in range(9):
        subscribers.send_preferences_link(ADA, network=NETWORK, now=NOW)
    assert mails(Kind.LINK).count() == 3


# -- the mails themselves


def written(kind, now=NOW):
    mail = mails(kind).latest("id")
    return subscribers.write(mail, as_of=now)


def test_a_confirmation_carries_the_working_link_the_same_on_every_try(db):
    ask(queries=("buy cheap robots",))
    first, again = written(Kind.CONFIRM), written(Kind.CONFIRM, now=NOW + timedelta(hours=3))
    assert first == again
    for part in (first.text, first.html):
        token = re.search(r"/confirm/([\w-]+)", part)[1]
        assert subscribers.confirmable(token, now=NOW) == reader()
        assert links.read(Purpose.NEVER, re.search(r"/never/([\w.-]+)", part)[1], now=NOW) == reader().public_id


def test_a_confirmation_holds_nothing_that_a_stranger_typed(db):
    ask("Buy+my-robots@example.org", queries=("cheap robots",), zone="Africa/Ouagadougou")
    mail = written(Kind.CONFIRM)
    for part in (mail.subject, mail.text, mail.html):
        assert not re.search("robots|ouagadougou|buy", part, re.IGNORECASE)
    assert "1 March 2027, 12:30 UTC" in mail.text


def test_the_link_of_a_confirmation_survives_a_rotated_key(db, settings):
    ask()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new-" + "y" * 40, [settings.SECRET_KEY]
    token = re.search(r"/confirm/([\w-]+)", written(Kind.CONFIRM).text)[1]
    assert subscribers.confirm(token, now=NOW).status == "ACTIVE"


@pytest.mark.parametrize("kind", [Kind.ALREADY, Kind.LINK])
def test_links_to_the_preferences_open_them_for_their_reader(db, kind):
    row = joined()
    ask()
    subscribers.send_preferences_link(ADA, network=NETWORK, now=NOW)
    mail = written(kind)
    for part in (mail.text, mail.html):
        token = re.search(r"/preferences/([\w.-]+)", part)[1]
        assert links.read(Purpose.PREFERENCES, token, now=NOW) == row.public_id


def test_a_goodbye_and_an_alert_can_be_written(db):
    row = joined()
    subscribers.unsubscribe(row.public_id, now=NOW)
    assert links.absolute("/") in written(Kind.GOODBYE).text
    Delivery.objects.create(
        kind=Kind.ALERT, lane=Lane.SERVICE, due_at=NOW, created_at=NOW, to_address="desk@example.org",
        params={"subject_line": "A source is silent", "lines": ["arXiv cs.CL has answered nothing for two days."]},
    )  # fmt: skip
    alert = written(Kind.ALERT)
    assert "A source is silent" in alert.subject and "nothing for two days" in alert.text


OWN = {
    Kind.EXPORT: ("export", Purpose.EXPORT, timedelta(minutes=30)),
    Kind.ERASE: ("erase", Purpose.ERASE, timedelta(minutes=30)),
    Kind.MOVE_NEW: ("move", Purpose.MOVE, timedelta(hours=24)),
    Kind.MOVE_OLD: ("undo", Purpose.UNDO, timedelta(days=7)),
}


@pytest.mark.parametrize("kind", OWN)
def test_a_fresh_link_works_for_one_purpose_and_as_long_as_its_mail_says(db, kind):
    path, purpose, lifetime = OWN[kind]
    row = joined()
    mail = Delivery.objects.create(subscriber=row, kind=kind, lane=Lane.SERVICE, due_at=NOW, created_at=NOW, to_address=ADA)
    said = subscribers.write(mail, as_of=NOW)
    token = re.search(rf"/{path}/([\w.-]+)", said.text)[1]
    assert token in said.html
    ref = mail.public_id if kind in (Kind.MOVE_NEW, Kind.MOVE_OLD) else row.public_id
    assert links.read(purpose, token, now=NOW + lifetime - timedelta(seconds=1)) == ref
    with pytest.raises(links.Refused, match="EXPIRED"):
        links.read(purpose, token, now=NOW + lifetime)
    for other in set(Purpose) - {purpose}:
        with pytest.raises(links.Refused, match="FORGED"):
            links.read(other, token, now=NOW)
    assert subscribers.write(mail, as_of=NOW) == said


def test_a_mail_to_an_address_that_nobody_confirmed_holds_nothing_that_was_typed(db):
    row = joined("Buy+my-robots@example.org", queries=("cheap robots",))
    mail = Delivery.objects.create(
        subscriber=row, kind=Kind.MOVE_NEW, lane=Lane.SERVICE, due_at=NOW, created_at=NOW, to_address="victim@example.net"
    )
    said = subscribers.write(mail, as_of=NOW)
    for part in (said.subject, said.text, said.html):
        assert not re.search("robots|buy|victim", part, re.IGNORECASE)


def test_the_old_address_learns_where_the_papers_go_but_not_the_whole_address(db):
    row = joined("ada.lovelace@engines.example.net")
    mail = Delivery.objects.create(
        subscriber=row, kind=Kind.MOVE_OLD, lane=Lane.SERVICE, due_at=NOW, created_at=NOW, to_address="old@example.org"
    )
    said = subscribers.write(mail, as_of=NOW)
    assert "a•••@e•••.net" in said.text and "lovelace" not in said.text + said.html and "engines" not in said.text + said.html


def test_a_letter_is_written_in_its_readers_language(db):
    row = joined()
    Subscriber.objects.update(locale="de")
    mail = Delivery.objects.create(subscriber=row, kind=Kind.ERASE, lane=Lane.SERVICE, due_at=NOW, created_at=NOW, to_address=ADA)
    mail.refresh_from_db()
    said = subscribers.write(mail, as_of=NOW)
    assert said.subject == "Ihre Daten bei Paper Round löschen" and "1. März 2027, 12:30 Uhr UTC" in said.text


def test_a_mail_to_an_erased_reader_is_not_written(db):
    ask()
    reader().delete()
    with pytest.raises(ValueError, match="no reader"):
        written(Kind.CONFIRM)


@pytest.mark.django_db
def test_who_never_confirms_is_forgotten_fourteen_days_after_asking_last():
    subscribers.subscribe(address="ada@example.org", wish=subscribers.Wish(), network="n", now=NOW)
    assert subscribers.forget_unconfirmed(now=NOW + timedelta(days=13)) == 0
    assert subscribers.forget_unconfirmed(now=NOW + timedelta(days=14, seconds=1)) == 1
    assert not Subscriber.objects.exists()
