"""Signed links: GET shows, POST acts, forged ones open nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import web_rows as rows
from django.test import Client

from newsletter import subscribers, tasks
from newsletter.models import Candidate, CardLength, Delivery, EmptyDay, Kind, Subscriber, SubscriberStatus, Suppression

pytestmark = pytest.mark.django_db
ONE_CLICK = "List-Unsubscribe=One-Click"


@pytest.fixture(autouse=True)
def bells(monkeypatch) -> list[str]:
    rung: list[str] = []
    monkeypatch.setattr(tasks, "ring", rung.append)
    return rung


@pytest.fixture
def stranger() -> Client:
    """A browser that checks CSRF, has no cookie and comes from a foreign origin."""
    return Client(enforce_csrf_checks=True, headers={"Origin": "null"})


def form(**changed: object) -> dict[str, object]:
    """What the preferences page sends for a reader who leaves all as it is."""
    return {"zone": "UTC", "hour": "7", "day": ["0", "1", "2", "3", "4"], "max_papers": "10", "paused_until": "",
            "empty_day": "SILENT", "card_length": "SUMMARY", "muted": "", "q": ["", ""], **changed}  # fmt: skip


def test_confirming_shows_one_button_and_the_button_confirms(stranger, bells):
    rows.papers(rows.issue(), 2, title="First paper")
    path = rows.asked("ada@example.org")
    shown = stranger.get(path).content.decode()
    assert shown.count("<button") == 1 and "a•••@e•••.org" in shown
    assert Subscriber.objects.get().status == SubscriberStatus.PENDING
    welcome = stranger.post(path)
    assert welcome.status_code == 200
    html = welcome.content.decode()
    assert "First paper" in html and re.search(r"Next issue: \w{3} \d+ \w{3} 07:00 UTC", html)
    assert Subscriber.objects.get().status == SubscriberStatus.ACTIVE
    assert bells == ["plan"]


def test_where_the_newest_issue_has_nothing_the_last_that_had_is_shown_and_its_feed_too(client):
    rows.papers(rows.issue(1, days_ago=9), 1, title="Older paper")
    rows.papers(rows.issue(2, days_ago=5), 1, title="Last paper")
    rows.papers(rows.issue(3), 1, title="Quiet paper", trend=0.0)
    html = client.post(rows.asked("ada@example.org")).content.decode()
    assert "Last paper" in html and "this is the last one that had" in html
    assert "Older paper" not in html and "Quiet paper" not in html
    feed = client.get(f"/feeds/own/{subscribers.renew_feed(Subscriber.objects.get().public_id, now=rows.now())}.rss")
    assert "Last paper" in feed.content.decode()


def test_no_first_issue_is_older_than_the_preview_or_shows_what_is_muted(client):
    rows.papers(rows.issue(1, days_ago=20), 1, title="Older paper")
    rows.papers(rows.issue(2, days_ago=5), 1, title="Muted paper")
    rows.papers(rows.issue(3), 1, title="Quiet paper", trend=0.0)
    path = rows.asked("ada@example.org")
    Subscriber.objects.update(muted=["muted"])
    html = client.post(path).content.decode()
    assert "No issue of the last 14 days has anything for your choice" in html and "Muted paper" not in html


def test_a_used_confirmation_says_so_kindly(client):
    path = rows.asked("ada@example.org")
    client.post(path)
    for again in (client.get(path), client.post(path)):
        assert again.status_code == 200 and "used already" in again.content.decode()
    assert Subscriber.objects.filter(status=SubscriberStatus.ACTIVE).count() == 1


def test_an_expired_confirmation_is_gone_and_helps(client):
    path = rows.asked("ada@example.org")
    Subscriber.objects.update(confirm_expires_at=rows.now() - timedelta(seconds=1))
    for answer in (client.get(path), client.post(path)):
        assert answer.status_code == 410 and "sign up again" in answer.content.decode()
    assert Subscriber.objects.get().status == SubscriberStatus.PENDING


@pytest.mark.parametrize("name", ["preferences", "unsubscribe", "never", "view"])
def test_a_token_of_another_purpose_cut_or_forged_opens_nothing(client, name):
    who = rows.reader()
    other = "unsubscribe" if name != "unsubscribe" else "never"
    good = rows.signed(name, who.public_id)
    before = rows.counts()
    foreign = rows.signed(other, who.public_id).replace(other, name, 1)
    for bad in (foreign, good[:-3], good + "x", f"/{name}/x", f"/{name}/{'x' * 900}"):
        answer = client.get(bad)
        assert answer.status_code == 404 and "does not open anything" in answer.content.decode(), bad
        if name != "view":
            assert client.post(bad, form()).status_code == 404
    assert rows.counts() == before


@pytest.mark.parametrize("name", ["preferences", "view"])
def test_an_expired_link_gets_a_helpful_page(client, name):
    who = rows.reader()
    answer = client.get(rows.signed(name, who.public_id, at=rows.now() - timedelta(days=31)))
    assert answer.status_code == 410 and "has expired" in answer.content.decode()


def test_one_click_works_from_any_origin_in_both_encodings_twice_without_redirect(stranger, bells):
    for kind in ("application/x-www-form-urlencoded", "multipart"):
        who = rows.reader()
        path = rows.signed("unsubscribe", who.public_id)
        for _ in range(2):
            if kind == "multipart":
                answer = stranger.post(path, {"List-Unsubscribe": "One-Click"})
            else:
                answer = stranger.post(path, ONE_CLICK, content_type=kind)
            assert answer.status_code == 200 and not answer.cookies
        who.refresh_from_db()
        assert who.status == SubscriberStatus.LEFT
    assert bells == ["send", "send"]


def test_following_the_unsubscribe_link_changes_nothing(client):
    who = rows.reader()
    before = rows.counts()
    html = client.get(rows.signed("unsubscribe", who.public_id)).content.decode()
    assert html.count("<button") == 2 and "/preferences/" not in html
    assert rows.counts() == before


def test_the_way_out_mails_the_preferences_link_and_never_shows_it(stranger, bells):
    who = rows.reader()
    path = f"/u/{who.leave_id}/preferences"
    before = rows.counts()
    assert "/preferences/" not in stranger.get(path).content.decode() and rows.counts() == before
    for _ in range(5):
        answer = stranger.post(path)
        assert answer.status_code == 200 and "/preferences/" not in answer.content.decode()
        assert who.address not in answer.content.decode()
    assert list(Delivery.objects.values_list("kind", "to_address")) == [(Kind.LINK, who.address)] * 3
    assert bells == ["send"] * 5
    subscribers.unsubscribe(who.public_id, now=datetime.now(UTC))
    stranger.post(path)
    assert Delivery.objects.filter(kind=Kind.LINK, state="PENDING").count() == 0
    assert stranger.post("/u/" + "x" * 22 + "/preferences").status_code == 200


def test_unsubscribing_stays_possible_after_erasure_and_says_nothing_of_anyone(client):
    who = rows.reader()
    path = rows.signed("unsubscribe", who.public_id)
    who.delete()
    assert client.post(path).status_code == 200
    assert client.get(path).status_code == 200


def test_never_bars_the_address_by_post_alone(client):
    path = rows.asked("victim@example.org")
    who = Subscriber.objects.get()
    path = rows.signed("never", who.public_id)
    client.get(path)
    assert not Suppression.objects.exists()
    assert client.post(path).status_code == 200
    assert Suppression.objects.filter(reason="NEVER").exists()
    client.post("/subscribe", {"email": "victim@example.org"})
    assert Delivery.objects.filter(kind=Kind.CONFIRM, state="PENDING").count() == 0


def test_a_reader_switches_the_summaries_of_sources_off(client):
    who = rows.reader()
    path = rows.signed("preferences", who.public_id)
    assert "summary in the authors’ own words" in client.get(path).content.decode()
    assert client.post(path, form(card_length="FINDING")).status_code == 200
    who.refresh_from_db()
    assert who.card_length == CardLength.FINDING
    assert 'value="FINDING" selected' in client.get(path).content.decode()


def test_preferences_are_shown_saved_and_confirmed_with_the_next_issue(client):
    rows.topic()
    who = rows.reader()
    path = rows.signed("preferences", who.public_id)
    assert "Your preferences" in client.get(path).content.decode()
    wish = form(zone="Europe/Amsterdam", hour="21", day=["6"], max_papers="5", topic=["robotics"], q=['"world model"', ""],
                empty_day="NOTE", card_length="TITLE", text_only="1", muted="Survey\nJane Doe")  # fmt: skip
    answer = client.post(path, wish)
    html = answer.content.decode()
    assert answer.status_code == 200
    assert re.search(r"Saved\. Next issue: Sun \d+ \w{3} 21:00 Europe/Amsterdam", re.sub(r"\s+", " ", html))
    who.refresh_from_db()
    assert (who.zone, who.hour, who.days, who.max_papers) == ("Europe/Amsterdam", 21, 0b1000000, 5)
    assert (who.empty_day, who.card_length, who.text_only) == (EmptyDay.NOTE, CardLength.TITLE, True)
    assert who.muted == ["survey", "jane doe"]
    assert {each.slug for each in who.interests.all()} == {"robotics", None}
    shown = client.get(path).content.decode()
    assert 'value="robotics" checked' in shown and "world model" in shown and "jane doe" in shown


def test_pausing_moves_the_next_issue(client):
    who = rows.reader()
    until = (rows.now() + timedelta(days=40)).date()
    client.post(rows.signed("preferences", who.public_id), form(paused_until=until.isoformat(), day=list("0123456")))
    who.refresh_from_db()
    assert who.paused_until == until and who.next_slot_at is not None and who.next_slot_at.date() == until


@pytest.mark.parametrize(
    "wrong",
    [{"hour": "24"}, {"hour": ""}, {"day": []}, {"max_papers": "99"}, {"zone": "Mars/Olympus"}, {"q": ["(robots"]},
     {"paused_until": "soon"}, {"paused_until": "2026-02-30"}, {"empty_day": "X"}, {"card_length": ""}, {"topic": ["none"]}],
)  # fmt: skip
def test_a_wrong_preference_saves_nothing_and_keeps_what_was_typed(client, wrong):
    who = rows.reader()
    before = rows.counts()
    answer = client.post(rows.signed("preferences", who.public_id), form(muted="kept words", **wrong))
    assert answer.status_code == 422
    html = answer.content.decode()
    assert "Nothing was saved." in html and 'role="alert"' in html and "kept words" in html
    assert rows.counts() == before


def test_a_nul_in_a_preference_is_left_out(client):
    who = rows.reader()
    assert client.post(rows.signed("preferences", who.public_id), form(muted="sur\x00vey")).status_code == 200
    who.refresh_from_db()
    assert who.muted == ["survey"]


def test_preferences_of_someone_who_left_offer_signing_up_again(client):
    who = rows.reader(status=SubscriberStatus.LEFT, next_slot_at=None)
    before = rows.counts()
    path = rows.signed("preferences", who.public_id)
    assert "Sign up again" in client.get(path).content.decode()
    client.post(path, form(hour="9"))
    assert rows.counts() == before


def test_no_personal_page_shows_an_address_that_a_forwarded_mail_would_give_away(client):
    who = rows.reader("secret.person@example.org")
    for name in ("preferences", "unsubscribe", "never"):
        html = client.get(rows.signed(name, who.public_id)).content.decode()
        assert "secret.person" not in html and "s•••@e•••.org" in html


def test_a_copy_is_seen_with_its_own_token_alone(client):
    closed = rows.issue()
    rows.papers(closed, 2)
    copy = rows.copy_of(rows.reader(), list(Candidate.objects.select_related("issue")))
    assert client.get(rows.signed("view", copy.public_id)).status_code == 200
    assert client.get(f"/view/{copy.public_id}").status_code == 404
    assert client.get("/editions/none").status_code == 404
    assert client.post(rows.signed("view", copy.public_id)).status_code == 405


def test_a_reader_opens_renews_and_closes_their_own_feed(stranger):
    who = rows.reader()
    path = rows.signed("preferences", who.public_id) + "/feed"
    address = re.compile(r"/feeds/own/[\w-]{22}\.json")
    assert not address.search(stranger.get(path).content.decode())
    first = address.search(stranger.post(path, {"do": "RENEW"}).content.decode())[0]
    second = address.search(stranger.post(path, {"do": "RENEW"}).content.decode())[0]
    assert [stranger.get(each).status_code for each in (first, second)] == [404, 200]
    assert not address.search(stranger.post(path, {"do": "CLOSE"}).content.decode())
    assert stranger.get(second).status_code == 404
