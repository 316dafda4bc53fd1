"""Planning: who gets a copy, of which issues, with which papers, and why not."""

from datetime import timedelta

import pytest
from django.db import IntegrityError
from issue_rows import DAY, MONDAY, paper, reader, sight

from newsletter import editions, issues
from newsletter.models import Candidate, Delivery, Edition, Issue, PinScope, Run, Subscriber

pytestmark = pytest.mark.django_db
SEVEN = timedelta(hours=4)  # 03:00 -> 07:00


def _deliver(now=None):
    Delivery.objects.filter(state="PENDING").update(state="SENT", as_of=now or MONDAY + SEVEN)


def _titles(copy: Delivery, as_of=None) -> list[str]:
    digest = editions.digest_of(copy, as_of=as_of or MONDAY + 30 * DAY)
    return [pick.card.title for pick in digest.picks] if digest else []


def test_a_reader_gets_what_matches_at_the_reader_s_hour_with_the_reason():
    paper("A robot learns to fold")
    paper("On the zeros of a function")
    who = reader("robot")
    issues.close(now=MONDAY + timedelta(hours=1))
    assert editions.plan(now=MONDAY + timedelta(hours=2)).due == 0
    run = editions.plan(now=MONDAY + SEVEN)
    assert (run.due, run.prepared, run.excluded) == (1, 1, {})
    copy = Delivery.objects.get()
    assert (copy.subscriber, copy.after, copy.upto, copy.due_at) == (who, 0, 1, MONDAY + SEVEN)
    digest = editions.digest_of(copy, as_of=MONDAY + SEVEN)
    assert [pick.card.title for pick in digest.picks] == ["A robot learns to fold"]
    assert "robot" in digest.picks[0].reason and "title" in digest.picks[0].reason


def test_planning_twice_or_at_once_plans_one_copy():
    paper("A robot learns to fold")
    reader("robot")
    issues.close(now=MONDAY + timedelta(hours=1))
    editions.plan(now=MONDAY + SEVEN)
    editions.plan(now=MONDAY + SEVEN)
    Subscriber.objects.update(next_slot_at=MONDAY + SEVEN)
    assert editions.plan(now=MONDAY + SEVEN).excluded == {"ALREADY": 1}
    assert Delivery.objects.count() == 1
    assert Issue.objects.get(number=1).prepared == 1


def test_readers_for_whom_the_result_is_the_same_share_an_edition():
    paper("A robot learns to fold")
    for query in ("robot", "robot", "fold"):
        reader(query)
    issues.close(now=MONDAY + timedelta(hours=1))
    run = editions.plan(now=MONDAY + SEVEN)
    assert (run.prepared, Edition.objects.count()) == (3, 2)


def test_the_papers_of_a_failed_copy_come_again_and_those_of_an_accepted_one_never():
    paper("A robot learns to fold")
    reader("robot")
    issues.close(now=MONDAY + timedelta(hours=1))
    editions.plan(now=MONDAY + SEVEN)
    Delivery.objects.update(state="FAILED")
    issues.close(now=MONDAY + DAY)
    editions.plan(now=MONDAY + DAY + SEVEN)
    again = Delivery.objects.get(state="PENDING")
    assert (again.after, again.upto, _titles(again)) == (0, 2, ["A robot learns to fold"])
    _deliver()
    issues.close(now=MONDAY + 2 * DAY)
    assert editions.plan(now=MONDAY + 2 * DAY + SEVEN).excluded == {"EMPTY": 1}


def test_a_silent_empty_day_leaves_the_window_open():
    reader("robot")
    issues.close(now=MONDAY + timedelta(hours=1))
    assert editions.plan(now=MONDAY + SEVEN).excluded == {"EMPTY": 1}
    paper("A robot learns to fold", at=MONDAY + DAY)
    issues.close(now=MONDAY + DAY)
    editions.plan(now=MONDAY + DAY + SEVEN)
    assert Delivery.objects.get().after == 0


def test_a_reader_who_asked_for_a_note_gets_one_and_it_moves_the_mark():
    reader("robot", empty_day="NOTE")
    issues.close(now=MONDAY + timedelta(hours=1))
    assert editions.plan(now=MONDAY + SEVEN).prepared == 1
    assert Delivery.objects.get().edition.picks == []
    _deliver()
    issues.close(now=MONDAY + DAY)
    editions.plan(now=MONDAY + DAY + SEVEN)
    assert Delivery.objects.get(state="PENDING").after == 1


def test_best_of_the_week_brings_only_what_the_reader_has_not_had():
    paper("A robot learns to fold", upvotes=50)
    late = reader("robot", empty_day="BEST", at=MONDAY + timedelta(hours=2))
    early = reader("robot", empty_day="BEST")
    issues.close(now=MONDAY + timedelta(hours=1))
    editions.plan(now=MONDAY + SEVEN)
    _deliver()
    issues.close(now=MONDAY + DAY)
    editions.plan(now=MONDAY + DAY + SEVEN)
    copies = {copy.subscriber: copy for copy in Delivery.objects.filter(state="PENDING")}
    assert _titles(copies[early]) == []
    assert _titles(copies[late]) == ["A robot learns to fold"]
    _deliver()
    issues.close(now=MONDAY + 2 * DAY)
    editions.plan(now=MONDAY + 2 * DAY + SEVEN)
    assert all(_titles(copy) == [] for copy in Delivery.objects.filter(state="PENDING"))


def test_a_new_interest_catches_up_once():
    from newsletter import subscribers

    paper("A robot learns to fold")
    paper("Speech without microphones")
    who = reader("robot")
    issues.close(now=MONDAY + timedelta(hours=1))
    editions.plan(now=MONDAY + SEVEN)
    _deliver()
    subscribers.change(who, now=MONDAY + timedelta(hours=9), interests=["robot", "speech"])
    for day in (1, 2):
        issues.close(now=MONDAY + day * DAY)
        editions.plan(now=MONDAY + day * DAY + SEVEN)
        fresh = Delivery.objects.filter(state="PENDING")
        assert [_titles(copy) for copy in fresh] == ([["Speech without microphones"]] if day == 1 else [])
        _deliver()


def test_from_arxiv_on_monday_and_daily_papers_on_wednesday_each_reader_has_it_once():
    row = paper("A robot learns to fold")
    topic, trending = reader("robot"), reader()
    issues.close(now=MONDAY + timedelta(hours=1))
    editions.plan(now=MONDAY + SEVEN)
    assert [copy.subscriber for copy in Delivery.objects.all()] == [topic]
    _deliver()
    type(row).objects.update(upvotes=80)
    sight(row, at=MONDAY + 2 * DAY, seen_by="daily", trending=True)
    editions.plan(now=MONDAY + DAY + SEVEN)
    issues.close(now=MONDAY + 2 * DAY)
    run = editions.plan(now=MONDAY + 2 * DAY + SEVEN)
    assert [copy.subscriber for copy in Delivery.objects.filter(state="PENDING")] == [trending]
    assert run.excluded == {"EMPTY": 1}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"paused_until": (MONDAY + 3 * DAY).date()}, "PAUSED"),
        ({"next_slot_at": MONDAY - timedelta(hours=7)}, "LATE"),
    ],
)
def test_who_gets_no_copy_is_counted_with_the_reason(change, reason):
    paper("A robot learns to fold", at=MONDAY - DAY)
    who = reader("robot", at=MONDAY - 2 * DAY)
    issues.close(now=MONDAY - DAY)
    Subscriber.objects.filter(pk=who.pk).update(next_slot_at=MONDAY)
    Subscriber.objects.filter(pk=who.pk).update(**change)
    run = editions.plan(now=MONDAY)
    assert (run.due, run.prepared, run.excluded) == (1, 0, {reason: 1})
    who.refresh_from_db()
    assert who.next_slot_at > MONDAY - timedelta(hours=6)


def test_a_held_issue_and_all_after_it_stay_until_it_is_approved():
    paper("A robot learns to fold")
    reader("robot")
    held = issues.close(now=MONDAY + timedelta(hours=1))
    issues.close(now=MONDAY + timedelta(hours=2))
    Issue.objects.filter(pk=held.pk).update(held_at=MONDAY)
    assert editions.plan(now=MONDAY + SEVEN).excluded == {"NO_ISSUE": 1}
    Issue.objects.update(held_at=None)
    editions.plan(now=MONDAY + DAY + SEVEN)
    assert Delivery.objects.get().upto == 2


def test_a_wave_that_fails_leaves_nothing(monkeypatch):
    paper("A robot learns to fold")
    reader("robot")
    issues.close(now=MONDAY + timedelta(hours=1))
    monkeypatch.setattr(issues, "count_prepared", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        editions.plan(now=MONDAY + SEVEN)
    assert not Delivery.objects.exists() and not Run.objects.exists() and not Edition.objects.exists()
    assert Subscriber.objects.get().next_slot_at == MONDAY + SEVEN


def test_plan_now_reaches_everybody_without_todays_whatever_hour_and_days():
    paper("A robot learns to fold")
    reader("robot", days=0b1000000, hour=23)
    issues.close(now=MONDAY + timedelta(hours=1))
    assert editions.plan_now(now=MONDAY + timedelta(hours=2)).prepared == 1
    _deliver()
    assert editions.plan_now(now=MONDAY + timedelta(hours=3)).excluded == {"ALREADY": 1}


def test_a_pick_hidden_after_the_plan_leaves_the_copy_and_an_emptied_copy_is_none():
    paper("A robot learns to fold")
    paper("A robot that was hidden")
    reader("robot")
    issues.close(now=MONDAY + timedelta(hours=1))
    editions.plan(now=MONDAY + SEVEN)
    copy = Delivery.objects.get()
    Candidate.objects.filter(paper__title__contains="hidden").update(hidden_at=MONDAY + SEVEN)
    assert len(_titles(copy, MONDAY + SEVEN - timedelta(minutes=1))) == 2
    assert _titles(copy) == ["A robot learns to fold"]
    Candidate.objects.update(hidden_at=MONDAY + SEVEN)
    assert editions.write(copy, as_of=MONDAY + SEVEN) is None


def test_a_pin_goes_first_and_alone_triggers_no_mail():
    paper("A robot learns to fold", upvotes=90)
    paper("Pinned for everyone")
    reader("robot")
    reader("speech")
    issues.close(now=MONDAY + timedelta(hours=1))
    Candidate.objects.filter(paper__title__startswith="Pinned").update(pin=PinScope.EVERYONE)
    run = editions.plan(now=MONDAY + SEVEN)
    assert (run.prepared, run.excluded) == (1, {"EMPTY": 1})
    assert _titles(Delivery.objects.get()) == ["Pinned for everyone", "A robot learns to fold"]


def test_muted_words_never_appear():
    paper("A robot learns to fold")
    paper("A robot survey")
    reader("robot", muted=["survey"])
    issues.close(now=MONDAY + timedelta(hours=1))
    editions.plan(now=MONDAY + SEVEN)
    assert _titles(Delivery.objects.get()) == ["A robot learns to fold"]


def test_the_preview_of_a_closed_issue_is_what_planning_gives_a_fresh_reader():
    for title in ("A robot learns to fold", "Another robot", "Speech"):
        paper(title)
    issues.close(now=MONDAY + timedelta(hours=1))
    reader("robot", at=MONDAY)
    editions.plan(now=MONDAY + SEVEN)
    [day, growing] = editions.preview(queries=["robot"], now=MONDAY + SEVEN)
    assert growing.open and growing.count == 0
    planned = editions.digest_of(Delivery.objects.get(), as_of=MONDAY + SEVEN)
    assert [(p.card.ref, p.reason) for p in day.picks] == [(p.card.ref, p.reason) for p in planned.picks]


def test_an_overlapping_window_is_refused_by_the_database():
    paper("A robot learns to fold")
    reader("robot")
    issues.close(now=MONDAY + timedelta(hours=1))
    editions.plan(now=MONDAY + SEVEN)
    copy = Delivery.objects.get()
    copy.pk, copy.public_id, copy.slot_on, copy.run_seq, copy.state = None, "another", (MONDAY + DAY).date(), 2, "SENT"
    with pytest.raises(IntegrityError):
        copy.save()


def test_explain_names_the_match_and_the_copy():
    from newsletter.editions.explain import explain

    row = paper("A robot learns to fold")
    who = reader("robot")
    issues.close(now=MONDAY + timedelta(hours=1))
    editions.plan(now=MONDAY + SEVEN)
    text = "\n".join(explain(reader=who, paper=row))
    assert "matches “robot”" in text and "holds it" in text and "@" not in text


def test_queries_do_not_grow_with_the_readers(django_assert_max_num_queries):
    for number in range(30):
        paper(f"A robot learns to fold {number}")
    issues.close(now=MONDAY + timedelta(hours=1))
    for _ in range(40):
        reader("robot", at=MONDAY)
    with django_assert_max_num_queries(30):
        assert editions.plan(now=MONDAY + SEVEN).prepared == 40


def test_the_plan_is_the_preview_though_a_twin_of_both_lies_before_the_window():
    words = [f"w{number}" for number in range(50)]
    at = [MONDAY, MONDAY + DAY]
    both, late = reader("robot", at=at[0]), reader("robot", at=at[0] + timedelta(hours=2))
    paper("robot between", at=at[0], abstract=" ".join(words[4:44]))
    issues.close(now=at[0] + timedelta(hours=1))
    for start in (0, 8):
        paper(f"robot {start}", at=at[1], abstract=" ".join(words[start : start + 40]))
    issues.close(now=at[1] + timedelta(hours=1))
    Subscriber.objects.update(next_slot_at=at[1] + timedelta(hours=4))
    editions.plan(now=at[1] + timedelta(hours=4))
    shown = {copy.subscriber_id: len(copy.edition.picks) for copy in Delivery.objects.select_related("edition")}
    assert shown[late.pk] == 2 == editions.preview(queries=["robot"], now=at[1] + timedelta(hours=4))[-2].count
    assert shown[both.pk] in {1, 2}
