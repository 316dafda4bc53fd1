"""The way out: a stored random id that opens nothing but its own reader's leaving."""

import importlib
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import web_rows as rows
from django.db import IntegrityError, connection, transaction

from newsletter import links, migrations
from newsletter.links import Purpose
from newsletter.models import Delivery, Kind, Subscriber, SubscriberStatus
from newsletter.models.readers import leave_id

pytestmark = pytest.mark.django_db
ACTIVE, LEFT = SubscriberStatus.ACTIVE, SubscriberStatus.LEFT


def way_out(who):
    return links.leave_path(who.leave_id)


def states(*readers):
    return [Subscriber.objects.get(pk=reader.pk).status for reader in readers]


def test_ten_thousand_ways_out_are_22_characters_and_all_differ():
    made = {leave_id() for _ in range(10_000)}
    assert len(made) == 10_000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", each) for each in made)


def test_a_way_out_leads_only_its_own_reader_out(client):
    first, second = rows.reader(), rows.reader()
    assert client.get(way_out(first)).content.decode().count("<button") == 2
    assert states(first, second) == [ACTIVE, ACTIVE]
    assert client.post(way_out(first)).status_code == 200
    assert states(first, second) == [LEFT, ACTIVE]


@pytest.mark.parametrize("name", ["preferences", "never", "view", "confirm"])
def test_a_way_out_opens_no_other_page(client, name):
    who = rows.reader()
    before = rows.counts()
    assert client.get(f"/{name}/{who.leave_id}").status_code == 404
    assert client.post(f"/{name}/{who.leave_id}").status_code in (404, 405)
    assert rows.counts() == before


@pytest.mark.parametrize("name", ["preferences", "never", "view"])
def test_no_other_token_and_no_public_id_is_a_way_out(client, name):
    who = rows.reader()
    signed = rows.signed(name, who.public_id).rpartition("/")[2]
    for token in (signed, who.public_id, who.leave_id[:-1], who.leave_id + "x"):
        assert client.post(f"/u/{token}").status_code == 404
    assert states(who) == [ACTIVE]


def test_the_way_out_of_someone_erased_answers_kindly_and_like_one_that_never_was(client):
    who = rows.reader()
    erased = way_out(who)
    who.delete()
    rows.reader()
    before = rows.counts()
    for act in (client.get, client.post):
        gone, unknown = act(erased), act(links.leave_path(leave_id()))
        assert gone.status_code == unknown.status_code == 200
        assert "unsubscribed" in gone.content.decode().lower()
        assert gone.content == unknown.content
    assert rows.counts() == before


@pytest.mark.parametrize("path", ["u", "unsubscribe"])
def test_a_signed_link_mailed_by_0_1_still_leads_out(client, path):
    who = rows.reader()
    assert client.post(f"/{path}/{links.token(Purpose.UNSUBSCRIBE, who.public_id)}").status_code == 200
    assert states(who) == [LEFT]


def test_a_way_out_survives_leaving_and_coming_back(client):
    who = rows.reader()
    client.post(way_out(who))
    rows.asked(who.address)
    [back] = Subscriber.objects.filter(address=who.address)
    assert back.leave_id == who.leave_id
    assert Delivery.objects.filter(kind=Kind.CONFIRM, subscriber=back).exists()


def test_the_database_takes_no_second_reader_with_the_same_way_out_and_none_without():
    who = rows.reader()
    for taken in (who.leave_id, None):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.reader(leave_id=taken)


def test_readers_made_in_bulk_have_ways_out_of_their_own():
    made = [
        Subscriber(address=f"{n}@example.org", address_key=f"{n:064}", status=ACTIVE, created_at=rows.now()) for n in range(50)
    ]
    Subscriber.objects.bulk_create(made)
    assert len(set(Subscriber.objects.values_list("leave_id", flat=True))) == 50


def test_readers_of_before_get_ways_out_in_one_statement(django_assert_num_queries):
    [path] = Path(migrations.__path__[0]).glob("*_ways_out.py")
    migration = importlib.import_module(f"newsletter.migrations.{path.stem}")
    with connection.cursor() as cursor:  # hides the real table until it is dropped
        cursor.execute("CREATE TEMPORARY TABLE newsletter_subscriber (id integer, leave_id varchar(22))")
        cursor.executemany("INSERT INTO newsletter_subscriber VALUES (%s, NULL)", [(n,) for n in range(1_000)])
        cursor.execute("INSERT INTO newsletter_subscriber VALUES (1000, 'kept')")
        with django_assert_num_queries(1):
            migration.fill(None, SimpleNamespace(connection=connection))
        cursor.execute("SELECT leave_id FROM newsletter_subscriber ORDER BY id")
        *filled, kept = (row[0] for row in cursor.fetchall())
        cursor.execute("DROP TABLE newsletter_subscriber")
    assert kept == "kept" and len(set(filled)) == 1_000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", each) for each in filled)
    assert len({each[:8] for each in filled} | {each[8:16] for each in filled} | {each[16:] for each in filled}) == 3_000
