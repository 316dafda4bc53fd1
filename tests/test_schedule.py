"""From the slot to the copy that leaves: the late window, holds, pauses, weekly readers and the three empty days."""

from datetime import timedelta
from pathlib import Path

import pytest
from issue_rows import DAY, MONDAY, paper, reader

from newsletter import curation, delivery, editions, issues, subscribers
from newsletter.delivery.audit import audit
from newsletter.models import Delivery, Issue, Subscriber

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)
SEVEN = MONDAY + 4 * HOUR
BY = "ed"


@pytest.fixture(autouse=True)
def outbox(settings, tmp_path) -> Path:
    settings.PAPERROUND_DATA, settings.MAIL_URL = tmp_path, "file:"
    return tmp_path / "outbox"


def a_day(day: int = 0, *, papers: int = 1) -> Issue:
    for number in range(papers):
        paper(f"A robot of day {day}, number {number}", at=MONDAY + day * DAY)
    return issues.close(now=MONDAY + day * DAY + HOUR)


def round_at(now) -> tuple[dict, int]:
    """One sweep of the clock: who was excluded and why, and how many mails left."""
    return editions.plan(now=now).excluded, delivery.send(now=now).sent


def states() -> list[tuple[str, str]]:
    return list(Delivery.objects.order_by("id").values_list("state", "reason"))


def test_a_copy_is_planned_before_its_hour_and_leaves_inside_it(outbox):
    reader("robot")
    a_day()
    assert editions.plan(now=SEVEN - 31 * HOUR / 60).due == 0
    assert round_at(SEVEN - HOUR / 2) == ({}, 0)
    assert round_at(SEVEN + HOUR - timedelta(seconds=1)) == ({}, 1)
    assert len(list(outbox.glob("*.eml"))) == 1


@pytest.mark.parametrize("hours", [6, 2])
def test_what_was_not_planned_in_time_leaves_within_the_late_window_and_is_skipped_after_it(hours, settings):
    settings.LATE_WINDOW = timedelta(hours=hours)
    who = reader("robot")
    a_day()
    assert round_at(SEVEN + timedelta(hours=hours)) == ({}, 0)
    assert states() == [("CANCELLED", "LATE")], "planned at its last moment, too late to leave"
    a_day(1)
    assert round_at(SEVEN + DAY + timedelta(hours=hours, seconds=1)) == ({"LATE": 1}, 0)
    who.refresh_from_db()
    assert who.next_slot_at == SEVEN + 2 * DAY
    a_day(2)
    assert round_at(SEVEN + 2 * DAY) == ({}, 1)
    assert len(Delivery.objects.get(state="SENT").edition.picks) == 3, "nothing is lost"
    assert audit().findings == []


def test_a_planned_copy_that_could_not_leave_is_cancelled_at_the_end_of_the_late_window_and_its_papers_come_again():
    reader("robot")
    a_day()
    editions.plan(now=SEVEN)
    assert delivery.send(now=SEVEN + 6 * HOUR).cancelled == 1
    assert states() == [("CANCELLED", "LATE")]
    a_day(1)
    assert round_at(SEVEN + DAY) == ({}, 1)
    assert len(Delivery.objects.get(state="SENT").edition.picks) == 2


def test_a_house_that_was_down_for_days_sends_one_copy_with_all_the_papers():
    reader("robot")
    for day in range(3):
        a_day(day)
    now = SEVEN + 2 * DAY + HOUR
    assert round_at(now) == ({"LATE": 1}, 0)
    assert round_at(now) == ({}, 1)
    assert round_at(now) == ({}, 0)
    copy = Delivery.objects.get()
    assert (copy.slot_on, len(copy.edition.picks)) == (now.date(), 3)


def test_an_issue_approved_after_the_hour_still_leaves_within_the_late_window_and_once():
    early, later = reader("robot"), reader("robot", hour=12)
    curation.hold(a_day(), by=BY, now=MONDAY + HOUR)
    assert round_at(SEVEN) == ({"NO_ISSUE": 1}, 0)
    now = SEVEN + 3 * HOUR
    curation.approve(Issue.objects.get(number=1), by=BY, now=now)
    for _ in range(2):
        round_at(now)
        assert [copy.subscriber for copy in Delivery.objects.all()] == [early]
    copy = Delivery.objects.get(state="SENT")
    assert (copy.slot_on, copy.due_at) == (MONDAY.date(), SEVEN)
    assert round_at(SEVEN + 5 * HOUR) == ({}, 1)
    assert set(Subscriber.objects.values_list("id", "next_slot_at")) == {
        (early.pk, SEVEN + DAY),
        (later.pk, SEVEN + DAY + 5 * HOUR),
    }


def test_an_approval_after_the_late_window_brings_the_papers_with_the_next_copy():
    reader("robot")
    curation.hold(a_day(), by=BY, now=MONDAY + HOUR)
    round_at(SEVEN)
    curation.approve(Issue.objects.get(number=1), by=BY, now=SEVEN + 7 * HOUR)
    assert round_at(SEVEN + 7 * HOUR) == ({}, 0)
    assert round_at(SEVEN + DAY) == ({}, 1)


def test_an_approval_gives_nobody_a_second_copy_of_the_day_nor_one_for_an_hour_before_the_close():
    who, early = reader("robot"), reader("robot", hour=5)
    a_day()
    round_at(SEVEN)
    assert Delivery.objects.filter(state="SENT").count() == 2
    held = issues.close(now=SEVEN + HOUR)
    paper("A robot at nine", at=SEVEN)
    held = issues.close(now=SEVEN + 2 * HOUR)
    curation.hold(held, by=BY, now=SEVEN + 2 * HOUR)
    curation.approve(held, by=BY, now=SEVEN + 3 * HOUR)
    assert round_at(SEVEN + 3 * HOUR) == ({}, 0)
    assert Delivery.objects.count() == 2
    who.refresh_from_db(), early.refresh_from_db()
    assert (who.next_slot_at, early.next_slot_at) == (SEVEN + DAY, SEVEN + DAY - 2 * HOUR)


def test_a_hold_after_the_plan_keeps_the_copy_until_it_is_approved_or_its_window_ends():
    first, second = reader("robot"), reader("robot", hour=8)
    issue = a_day()
    editions.plan(now=SEVEN + HOUR)
    curation.hold(issue, by=BY, now=SEVEN)
    assert delivery.send(now=SEVEN + 6 * HOUR).cancelled == 1
    assert dict(Delivery.objects.values_list("subscriber", "reason")) == {first.pk: "HELD", second.pk: ""}
    curation.approve(issue, by=BY, now=SEVEN + 6 * HOUR)
    assert round_at(SEVEN + 6 * HOUR)[1] == 1
    assert dict(Delivery.objects.values_list("subscriber", "state")) == {first.pk: "CANCELLED", second.pk: "SENT"}
    a_day(1)
    assert round_at(SEVEN + DAY)[1] == 1
    assert len(Delivery.objects.filter(subscriber=first, state="SENT").get().edition.picks) == 2


def test_a_pause_ends_on_its_day_with_what_two_weeks_brought():
    who = reader("robot")
    subscribers.change(who, now=MONDAY, paused_until=(MONDAY + 3 * DAY).date())
    for day in range(4):
        a_day(day)
        assert round_at(SEVEN + day * DAY)[1] == (day == 3)
    assert len(Delivery.objects.get().edition.picks) == 4


def test_a_weekly_reader_gets_the_week_on_that_day():
    reader("robot", days=0b0010000)
    for day in range(12):
        a_day(day)
        assert round_at(SEVEN + day * DAY)[1] == (day in (4, 11))
    assert [len(copy.edition.picks) for copy in Delivery.objects.order_by("id")] == [5, 7]


def test_an_empty_day_is_silent_a_note_or_the_best_of_the_week(outbox):
    paper("A robot that nobody matched", upvotes=400)
    issues.close(now=MONDAY + HOUR)
    silent, note, best = (reader("robot", at=MONDAY + 2 * HOUR, empty_day=choice) for choice in ("SILENT", "NOTE", "BEST"))
    issues.close(now=MONDAY + 3 * HOUR)
    assert round_at(SEVEN) == ({"EMPTY": 1}, 2)
    shown = {copy.subscriber: editions.write(copy, as_of=copy.as_of) for copy in Delivery.objects.all()}
    assert set(shown) == {note, best} and silent not in shown
    assert "A robot that nobody matched" in shown[best].text
    assert "A robot that nobody matched" not in shown[note].text
    assert len(shown[note].text) < len(shown[best].text)
    assert len(list(outbox.glob("*.eml"))) == 2
    a_day(1)
    assert round_at(SEVEN + DAY) == ({}, 3)
    windows = dict(Delivery.objects.filter(upto=3).values_list("subscriber", "after"))
    assert windows == {silent.pk: 1, note.pk: 2, best.pk: 2}, "a silent day leaves the window open"
    assert audit().findings == []
