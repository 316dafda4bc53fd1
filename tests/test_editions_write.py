"""What a copy says of itself: since when, whether it looks back, in whose language."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from issue_rows import DAY, MONDAY, paper, reader

from newsletter import editions, issues
from newsletter.models import Candidate, Delivery, Paper

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


def test_rows_kept_for_a_run_follow_what_is_hidden_at_once_and_an_edit_within_ten_seconds():
    reader("robot")
    [copy] = _day(0, "A robot learns to fold", "A robot learns to iron")
    noon, kept = MONDAY + SEVEN, editions.Kept()

    def shown(seconds):
        made = editions.copies_of([copy], as_of=noon + timedelta(seconds=seconds), kept=kept)[copy.pk]
        return [(pick.card.title.split()[-1], pick.card.summary) for pick in made.digest().picks]

    assert sorted(shown(0)) == [("fold", ""), ("iron", "")]
    [iron] = Candidate.objects.filter(paper__title__endswith="iron")
    Candidate.objects.filter(pk=iron.pk).update(hidden_at=noon + timedelta(seconds=2))
    Candidate.objects.exclude(pk=iron.pk).update(summary_edit="It folds.")
    assert sorted(shown(1)) == [("fold", ""), ("iron", "")]
    assert shown(2) == [("fold", "")]
    assert shown(10) == [("fold", "It folds.")]
    Paper.objects.update(withdrawn_at=noon)
    assert editions.copies_of([copy], as_of=noon + timedelta(seconds=11), kept=kept) == {copy.pk: None}


def test_batches_of_a_run_read_a_paper_once():
    reader("robot")
    [copy] = _day(0, "A robot learns to fold")
    kept, counts = editions.Kept(), []
    for _ in range(3):
        with CaptureQueriesContext(connection) as queries:
            editions.copies_of([copy], as_of=MONDAY + SEVEN, kept=kept)
        counts.append(len(queries))
        assert any("newsletter_edition" in query["sql"] for query in queries) is (len(counts) == 1)
    seen = 3 if connection.vendor == "sqlite" else 1  # PostgreSQL is asked for the last two past Django's cursor
    assert counts[1] == counts[2] == seen, "the reader, the interests, what is hidden"
