"""What a copy says of itself: since when, whether it looks back, in whose language."""

from datetime import date, timedelta

import pytest
from issue_rows import DAY, MONDAY, paper, reader

from newsletter import editions, issues
from newsletter.models import Delivery

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
SEVEN = timedelta(hours=4)  # 03:00 -> 07:00


def _day(number, *titles):
    """One day: its papers, its close, its plan, and all copies sent."""
    for title in titles:
        paper(title, at=MONDAY + number * DAY)
    issues.close(now=MONDAY + number * DAY + HOUR)
    editions.plan(now=MONDAY + number * DAY + SEVEN)
    made = list(Delivery.objects.filter(state="PENDING").order_by("id"))
    Delivery.objects.filter(state="PENDING").update(state="SENT", as_of=MONDAY + number * DAY + SEVEN)
    return made


def _digest(copy):
    return editions.digest_of(copy, as_of=MONDAY + 30 * DAY)


def test_a_copy_over_three_days_with_papers_says_since_when():
    reader("robot")
    assert _day(0, "On zeros") == _day(1, "On ones") == []
    [copy] = _day(2, "A robot learns to fold")
    assert _digest(copy).back_to == date(2026, 11, 16)


def test_days_without_papers_do_not_count():
    reader("robot")
    assert _day(0) == _day(1, "On ones") == _day(2) == []
    [copy] = _day(3, "A robot learns to fold")
    assert (copy.upto - copy.after, _digest(copy).back_to) == (4, None)


def test_a_copy_that_only_looks_back_says_so_and_a_new_one_does_not():
    reader("robot", empty_day="BEST", at=MONDAY + 2 * HOUR)
    assert _day(0, "A robot learns to fold") == []
    [best] = _day(1, "On ones")
    [new] = _day(2, "A robot learns to iron")
    assert [pick.card.title for pick in _digest(best).picks] == ["A robot learns to fold"]
    assert (_digest(best).best_of_week, _digest(new).best_of_week) == (True, False)


def test_an_empty_day_note_looks_nowhere():
    reader("robot", empty_day="NOTE")
    [note] = _day(0)
    assert (_digest(note).best_of_week, _digest(note).back_to) == (False, None)


def test_a_reader_who_chose_nothing_is_told_so_in_the_readers_own_language():
    reader(locale="de")
    for title in ("A robot learns to fold", "On ones"):
        paper(title, upvotes=500)
    [copy] = _day(0)
    message = editions.write(copy, as_of=MONDAY + SEVEN)
    assert "weil Sie gefragte Artikel gewählt haben" in " ".join(message.text.split())
    assert "Geordnet nach Aufmerksamkeit" in message.text and "Montag, 16. November 2026" in message.text


def test_the_date_of_a_copy_is_its_slots_not_the_servers():
    reader("robot", zone="Pacific/Kiritimati", hour=0)
    paper("A robot learns to fold")
    issues.close(now=MONDAY + HOUR)
    editions.plan(now=MONDAY + SEVEN + 3 * HOUR)
    copy = Delivery.objects.get()
    assert copy.slot_on == date(2026, 11, 17) and copy.due_at.date() == date(2026, 11, 16)
    assert "Tuesday, 17 November 2026" in editions.write(copy, as_of=copy.due_at).text
