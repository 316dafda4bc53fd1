"""A topic is edited in the desk: checked by the query language, stored in canonical form, and no reader loses a query."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from newsletter.desk import unfold_settings
from newsletter.matching.query import parse
from newsletter.models import Act, Interest, Subscriber, SubscriberInterest

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(settings) -> Client:
    settings.UNFOLD = unfold_settings.UNFOLD
    client = Client()
    client.force_login(User.objects.create_superuser("mara", password="a long pass phrase"))
    return client


@pytest.fixture
def topic() -> Interest:
    return Interest.objects.create(query="robots", slug="robots", name="Robots", line="What moves.", group="Machines")


def _reader(interest: Interest, *, days_ago: int = 3) -> Subscriber:
    now, key = timezone.now(), str(Subscriber.objects.count())
    reader = Subscriber.objects.create(address=f"r{key}@example.org", address_key=key, created_at=now)
    SubscriberInterest.objects.create(subscriber=reader, interest=interest, added_at=now - timedelta(days=days_ago))
    return reader


def _edit(desk: Client, row: Interest, **values: str):
    form = {"name": row.name, "slug": row.slug or "", "line": row.line, "group": row.group, "position": str(row.position),
            "query": row.query, **values}  # fmt: skip
    return desk.post(reverse("admin:newsletter_interest_change", args=[row.pk]), form)


def _queries(reader: Subscriber) -> list[str]:
    return list(reader.interests.values_list("query", flat=True))


def test_a_new_query_is_stored_in_canonical_form_and_the_act_says_who_changed_what(desk, topic):
    assert _edit(desk, topic, query='Robots   OR\n "Soft  Grippers"').status_code == 302
    topic.refresh_from_db()
    assert topic.query == parse('robots OR "soft grippers"').canonical
    act = Act.objects.get()
    assert (act.actor, act.verb, act.target) == ("mara", "change interest", f"interest {topic.pk}")
    assert act.details == {"fields": ["query"]}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("robots AND (walk", "Column 12: This parenthesis is never closed. Expected here: )."),
        ("auther:hinton", "Column 1: There is no field “auther:”. Did you mean “author:”?"),
        ("robots OR", "Column 10: The query ends where a word should follow."),
        ("x" * 501, "500 characters"),
        (" OR ".join(f"w{n}" for n in range(41)), "at most 40 terms"),
    ],
)
def test_a_bad_query_is_refused_with_its_column_and_what_was_expected(desk, topic, typed, said):
    page = _edit(desk, topic, query=typed)
    assert page.status_code == 200 and said in page.content.decode()
    topic.refresh_from_db()
    assert topic.query == "robots" and not Act.objects.exists()


def test_readers_of_a_topic_follow_its_new_query(desk, topic):
    reader = _reader(topic)
    _edit(desk, topic, query="robots OR drones")
    assert _queries(reader) == ["robots OR drones"]
    assert Interest.objects.count() == 1


def test_a_query_that_another_topic_asks_is_refused_and_no_row_is_merged(desk, topic):
    other = Interest.objects.create(query="drones", slug="drones", name="Drones")
    readers = [_reader(topic), _reader(other)]
    page = _edit(desk, topic, query="DRONES")
    assert "The topic “Drones” asks exactly this." in page.content.decode()
    assert [_queries(reader) for reader in readers] == [["robots"], ["drones"]]


def test_a_query_that_readers_wrote_is_refused_with_the_way_to_make_it_a_topic(desk, topic):
    own = Interest.objects.create(query="drones")
    reader = _reader(own)
    page = _edit(desk, topic, query="drones").content.decode()
    assert f"Interest {own.pk} asks exactly this; readers wrote it. Open it and give it a name and a slug." in page
    assert _queries(reader) == ["drones"]


def test_a_readers_own_query_is_shown_but_not_rewritten(desk):
    own = Interest.objects.create(query="laundry")
    page = desk.get(reverse("admin:newsletter_interest_change", args=[own.pk])).content.decode()
    assert "laundry" in page and 'name="query"' not in page
    _edit(desk, own, query="hacked")
    own.refresh_from_db()
    assert own.query == "laundry"


def test_who_wrote_a_query_before_it_was_a_topic_keeps_it_when_the_topic_is_rewritten(desk):
    own = Interest.objects.create(query="laundry")
    writer = _reader(own)
    _edit(desk, own, name="Laundry", slug="laundry")
    follower = _reader(own, days_ago=-1)
    own.refresh_from_db()
    for typed in ("laundry OR dishes", "laundry OR windows"):
        assert _edit(desk, own, query=typed).status_code == 302
    assert _queries(writer) == ["laundry"]
    assert _queries(follower) == ["laundry OR windows"]
    assert Interest.objects.get(query="laundry").slug is None


def test_a_new_name_or_slug_moves_no_reader(desk, topic):
    reader = _reader(topic)
    _edit(desk, topic, name="Robotics", slug="robotics")
    topic.refresh_from_db()
    assert (topic.slug, topic.name, _queries(reader)) == ("robotics", "Robotics", ["robots"])
    _edit(desk, topic, query="robots OR drones")
    assert _queries(reader) == ["robots OR drones"]
