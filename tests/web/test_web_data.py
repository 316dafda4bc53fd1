"""The reader's data: all of it told, all of it gone, and a link that comes only by mail."""

import json
import re
from datetime import timedelta

import pytest
import web_rows as rows
from django.apps import apps
from django.core.serializers import serialize
from django.db import connection

from newsletter import editions, links, subscribers, tasks
from newsletter.events.notices import Notice, keep
from newsletter.links import Purpose
from newsletter.models import (
    Allowance,
    Candidate,
    Delivery,
    Interest,
    Kind,
    Move,
    MutedInterest,
    Subscriber,
    SubscriberInterest,
    SubscriberStatus,
    Suppression,
    Way,
)
from newsletter.subscribers import exports, tastes

pytestmark = pytest.mark.django_db
ADDRESS = "ada.lovelace+papers@engines.example.org"


@pytest.fixture(autouse=True)
def bells(monkeypatch):
    monkeypatch.setattr(tasks, "ring", lambda stage: None)


@pytest.fixture
def who() -> Subscriber:
    """A reader with a row in every table that can hold one."""
    now = rows.now()
    path = rows.asked(ADDRESS)
    subscribers.confirm(path.rpartition("/")[2], now=now)
    Delivery.objects.filter(kind=Kind.CONFIRM).update(state="UNCERTAIN")
    who = Subscriber.objects.get(address=ADDRESS)
    closed = rows.issue()
    paper = rows.papers(closed, 2)[0]
    copy = rows.copy_of(who, list(Candidate.objects.select_related("issue")))
    subscribers.change(who, now=now, interests=[f'"{ADDRESS}"', "robots"], muted=["survey"])
    tastes.vote(who, paper, Way.MORE, now=now)
    tastes.save(who, paper, now=now)
    tastes.mute_interest(who, Interest.objects.create(query="ada lovelace"), now=now)
    subscribers.ask_move(who, "Ada.Else@example.net", now=now)
    subscribers.send_export_link(who, now=now)
    notice = Notice(key="n1", type="delivered", recipient_key=who.address_key, delivery=copy.public_id, happened_at=now)
    keep([notice], provider="test", now=now)
    Suppression.objects.create(address_key=who.address_key, reason="LEFT", created_at=now)
    return who


def dump() -> str:
    """Every value of every table as the database holds it."""
    tables = [*connection.introspection.table_names()]
    found = []
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            found += [str(row) for row in cursor.fetchall()]
    return "\n".join(found)


def exported(client, who) -> dict[str, list[dict[str, object]]]:
    answer = client.post(rows.signed("export", who.public_id), {"form": "json"})
    assert answer["Content-Type"].startswith("application/json") and "attachment" in answer["Content-Disposition"]
    return json.loads(answer.content)


def test_every_table_that_names_readers_and_every_column_of_it_is_exported(client, who):
    told, known = exported(client, who), {section.model: section for section in exports.SECTIONS}
    assert set(told) == {section.name for section in exports.SECTIONS}
    for model in apps.get_app_config("newsletter").get_models():
        columns = {column.name: column for column in model._meta.concrete_fields}
        names_readers = any(column.related_model is Subscriber for column in columns.values())
        names_readers |= any(word in name for name in columns for word in ("address", "recipient", "subscriber", "network"))
        if not names_readers and model is not Allowance:
            continue
        assert model in known, f"{model.__name__} names readers: add it to newsletter/subscribers/exports.py"
        section = known[model]
        assert set(section.omitted) <= set(columns) and all(section.omitted.values())
        assert told[section.name], f"no row of {model.__name__} was exported"
        for row in told[section.name]:
            assert set(row) == set(columns) - set(section.omitted), model.__name__


def test_what_is_left_out_is_no_word_about_the_reader(who):
    left_out = {name for section in exports.SECTIONS for name in section.omitted}
    assert left_out == {"id", "subscriber", "leave_id", "feed_id", "confirm_hash", "run", "run_seq", "claim_token"}


def test_the_export_says_what_there_is(client, who):
    told = exported(client, who)
    [own] = told["subscription"]
    assert (own["address"], own["muted"], own["max_papers"]) == (ADDRESS, ["survey"], 10)
    assert {row["interest"] for row in told["interests"]} == {f'"{ADDRESS}"'.lower(), "robots"} or len(told["interests"]) == 2
    assert told["votes"][0]["way"] == "MORE" and "A robot that learns" in told["votes"][0]["paper"]
    digest = next(row for row in told["mails"] if row["kind"] == "DIGEST")
    assert len(digest["edition"]) == 2 and digest["edition"][0].startswith("A robot that learns")
    assert told["moves"][0]["to_address"] == "Ada.Else@example.net"
    assert [row["type"] for row in told["events"]] == ["delivered"]
    assert who.leave_id not in json.dumps(told)


def test_the_page_says_the_same_for_people_and_get_shows_only_a_masked_address(client, who):
    path = rows.signed("export", who.public_id)
    before = rows.counts()
    shown = client.get(path).content.decode()
    assert ADDRESS not in shown and shown.count("<button") == 2
    html = client.post(path, {"form": "html"}).content.decode()
    for word in (ADDRESS, "survey", "A robot that learns", "Muted at", "Your subscription", "Ada.Else@example.net"):
        assert word in html, word
    assert rows.counts() == before


def test_erasing_leaves_no_row_with_the_address_and_one_fingerprint(client, who):
    path, key = rows.signed("erase", who.public_id), who.address_key
    before = rows.counts()
    html = client.get(path).content.decode()
    assert html.count("<button") == 1 and ADDRESS not in html and rows.counts() == before
    assert ADDRESS in dump() and "engines" in serialize("json", Subscriber.objects.all())
    assert "You are forgotten" in client.post(path).content.decode()
    left = dump().lower()
    for word in ("lovelace", "engines.example", "ada.else", who.public_id.lower(), who.leave_id.lower()):
        assert word not in left, word
    assert list(Suppression.objects.values_list("address_key", "reason")) == [(key, "ERASED")]
    holders = [model.__name__ for model in apps.get_models() if key in repr(list(model.objects.values_list()))]
    assert sorted(holders) == ["Allowance", "Suppression"], "a counter that protects the address lapses by itself"
    assert (
        Delivery.objects.filter(kind=Kind.DIGEST).count() == 1 and not Delivery.objects.filter(subscriber__isnull=False).exists()
    )
    assert not Delivery.objects.filter(state="PENDING").exists()
    assert not any(model.objects.exists() for model in (SubscriberInterest, MutedInterest, Move))
    for again in (client.get(path), client.post(path)):
        assert again.status_code == 200 and "You are forgotten" in again.content.decode()


def test_erasing_one_reader_touches_nobody_else_and_keeps_shared_queries(client, who):
    other = rows.reader()
    subscribers.change(other, now=rows.now(), interests=["robots"], muted=["own word"])
    topic = rows.topic()
    tastes.mute_interest(who, topic, now=rows.now())
    client.post(rows.signed("erase", who.public_id))
    other.refresh_from_db()
    assert [each.query for each in other.interests.all()] == ["robots"] and other.muted == ["own word"]
    assert set(Interest.objects.values_list("query", flat=True)) == {"robots", "robot"}


def test_who_was_erased_may_sign_up_again_and_no_old_link_opens_the_new_subscription(client, who):
    old = rows.signed("preferences", who.public_id)
    client.post(rows.signed("erase", who.public_id))
    Allowance.objects.all().delete()
    client.post(rows.asked(ADDRESS))
    again = Subscriber.objects.get(address=ADDRESS)
    assert again.status == SubscriberStatus.ACTIVE and not Suppression.objects.exists()
    assert client.get(old).status_code == 404
    assert again.public_id != who.public_id


def test_what_barred_the_address_goes_on_barring_it(client, who):
    Suppression.objects.create(address_key=who.address_key, reason="COMPLAINT", created_at=rows.now())
    client.post(rows.signed("erase", who.public_id))
    assert set(Suppression.objects.values_list("reason", flat=True)) == {"COMPLAINT", "ERASED"}


@pytest.mark.parametrize("what", ["export", "erase"])
def test_both_need_a_link_that_is_mailed_afresh_and_lives_half_an_hour(client, what):
    who, kind = rows.reader(), Kind[what.upper()]
    path = rows.signed("preferences", who.public_id) + f"/{what}"
    before = rows.counts()
    assert client.get(path).status_code == 200 and rows.counts() == before
    for _ in range(5):
        answer = client.post(path)
        assert answer.status_code == 200 and who.address not in answer.content.decode()
    assert list(Delivery.objects.values_list("kind", "to_address")) == [(kind, who.address)] * 3
    late = links.token(Purpose[what.upper()], who.public_id, now=rows.now() - timedelta(minutes=31))
    before = rows.counts()
    for act in (client.get, client.post):
        assert act(f"/{what}/{late}").status_code == 410
    assert rows.counts() == before


def test_who_left_gets_both_links_by_the_way_out_and_a_stranger_learns_nothing(client):
    who = rows.reader(status=SubscriberStatus.LEFT, next_slot_at=None)
    client.post(f"/u/{who.leave_id}/erase")
    client.post(f"/u/{who.leave_id}/export")
    assert set(Delivery.objects.values_list("kind", flat=True)) == {"ERASE", "EXPORT"}
    unknown = client.post("/u/" + "x" * 22 + "/erase")
    assert unknown.status_code == 200 and "Look in your inbox" in unknown.content.decode()
    assert client.post(f"/u/{who.leave_id[:-1]}/erase").status_code == 404


def test_a_copy_on_its_way_when_its_reader_is_erased_is_not_sent(client, who):
    copy = rows.copy_of(rows.reader(), list(Candidate.objects.select_related("issue")))
    Delivery.objects.filter(pk=copy.pk).update(state="PENDING", subscriber=who, slot_on="2020-01-01", after=-1)
    client.post(rows.signed("erase", who.public_id))
    copy.refresh_from_db()
    assert (copy.state, copy.reason) == ("CANCELLED", "erased")


def test_forgetting_the_unconfirmed_leaves_their_addresses_nowhere():
    rows.asked("never.confirmed@example.org")
    Delivery.objects.update(state="UNCERTAIN")
    subscribers.forget_unconfirmed(now=rows.now() + timedelta(days=30))
    assert "never.confirmed" not in dump()


def test_asking_for_a_link_answers_the_same_for_every_address(client):
    reader, left = rows.reader(), rows.reader(status=SubscriberStatus.LEFT)
    rows.asked("waits@example.org")
    Delivery.objects.all().delete()
    answers = [client.post("/preferences", {"email": each})
               for each in (reader.address, left.address, "waits@example.org", "nobody@example.org")]  # fmt: skip
    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert list(Delivery.objects.values_list("kind", "to_address")) == [(Kind.LINK, reader.address)]
    wrong = client.post("/preferences", {"email": "nobody"})
    assert wrong.status_code == 422 and 'value="nobody"' in wrong.content.decode()


def test_the_language_of_the_mails_is_chosen_and_the_next_mail_speaks_it(client):
    who = rows.reader()
    rows.papers(rows.issue(), 1)
    path = rows.signed("preferences", who.public_id)
    html = client.get(path).content.decode()
    assert ">Deutsch<" in html and ">English<" in html
    form = {"zone": "UTC", "hour": "7", "day": ["0"], "max_papers": "10", "paused_until": "", "empty_day": "SILENT",
            "card_length": "SUMMARY", "muted": "", "q": [""], "locale": "de"}  # fmt: skip
    assert client.post(path, form).status_code == 200
    who.refresh_from_db()
    assert who.locale == "de"
    copy = rows.copy_of(who, list(Candidate.objects.select_related("issue")))
    assert (
        "Abmelden" in editions.write(copy, as_of=rows.now()).text or "Abbestellen" in editions.write(copy, as_of=rows.now()).text
    )
    assert client.post(path, form | {"locale": "tlh"}).status_code == 422


def test_the_preview_shows_the_form_as_it_stands_and_saves_nothing(client):
    who = rows.reader()
    rows.papers(rows.issue(days_ago=1), 1, title="Robots in the snow")
    rows.papers(rows.issue(2, days_ago=2), 1, title="Robots at home")
    from newsletter import search

    search.index_changed()
    path = rows.signed("preferences", who.public_id)
    form = {"zone": "UTC", "hour": "7", "day": ["0"], "max_papers": "10", "paused_until": "", "empty_day": "SILENT",
            "card_length": "SUMMARY", "muted": "", "q": ["robots"], "locale": "en"}  # fmt: skip
    before = rows.counts()
    part = client.post(f"{path}/preview", form).content.decode()
    assert "Robots in the snow" in part and "2 papers in 14 days" in part and "<html" not in part
    muted = client.post(f"{path}/preview", form | {"muted": "snow"}).content.decode()
    assert "Robots in the snow" not in muted and "1 paper in 14 days" in muted
    whole = client.post(path, form | {"show": "1", "hour": "9"}).content.decode()
    assert "Not saved yet" in whole and "Robots in the snow" in whole and '<option value="9" selected' in whole
    wrong = client.post(f"{path}/preview", form | {"q": ["(robots"]})
    assert wrong.status_code == 422 and "Column" in wrong.content.decode()
    assert rows.counts() == before


def test_the_page_lists_the_last_thirty_copies_with_links_that_open(client):
    who = rows.reader()
    rows.papers(rows.issue(), 1)
    shown = list(Candidate.objects.select_related("issue"))
    first = rows.copy_of(who, shown)
    for number in range(1, 33):
        copy = Delivery.objects.get(pk=first.pk)
        copy.pk, copy.public_id = None, f"copy{number:012}"
        copy.slot_on, copy.after = rows.now().date() - timedelta(days=number), -number
        copy.save()
    html = client.get(rows.signed("preferences", who.public_id)).content.decode()
    found = re.findall(r'href="(/view/[^"]+)"', html)
    assert len(found) == 30 == len(set(found))
    assert client.get(found[0]).status_code == client.get(found[-1]).status_code == 200


def test_erasing_an_address_forgets_it_where_another_reader_came_from_it_or_was_going_to_it(client):
    came, goes, gone = rows.reader(), rows.reader(), "gone@example.org"
    Subscriber.objects.filter(pk=came.pk).update(address=gone, address_key=subscribers.address_key(gone))
    came.refresh_from_db()
    subscribers.ask_move(came, "now.elsewhere@example.net", now=rows.now())
    undo = subscribers.move(Move.objects.get().ask_ref, now=rows.now()).undo_ref
    subscribers.ask_move(goes, gone, now=rows.now())
    ask = Move.objects.get(subscriber=goes).ask_ref
    again = rows.reader(address=gone)
    client.post(rows.signed("erase", again.public_id))
    assert gone not in dump()
    assert (
        not Delivery.objects.filter(kind__in=(Kind.MOVE_OLD, Kind.MOVE_NEW), state="PENDING")
        .filter(public_id__in=(undo, ask))
        .exists()
    )
    assert client.post(rows.signed("undo", undo)).status_code == 410
    assert client.post(rows.signed("move", ask)).status_code == 410
