"""Why a paper was or was not in a copy: a sentence for each reason there is."""

from datetime import timedelta

import pytest
from issue_rows import DAY, MONDAY, paper, reader, sight

from newsletter import curation, editions, issues, subscribers
from newsletter.editions.explain import explain
from newsletter.models import Alias, Candidate, Delivery, Issue, Paper, PinScope, Subscriber

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
TUESDAY, WEDNESDAY = MONDAY + DAY, MONDAY + 2 * DAY
TITLE = "A robot folds laundry"


def end_of(day, *, state: str = "SENT", close: bool = True) -> None:
    if close:
        issues.close(now=day + HOUR)
    editions.plan(now=day + 4 * HOUR)
    Delivery.objects.filter(state="PENDING").update(state=state, as_of=day + 4 * HOUR)


def said(who: Subscriber, row: Paper) -> str:
    who.refresh_from_db()
    text = "\n".join(explain(reader=who, paper=Paper.objects.get(pk=row.pk)))
    assert "@" not in text and "None" not in text
    return text


def short(who: Subscriber, row: Paper) -> str:
    return said(who, row).rpartition("In short: ")[2]


def test_what_a_copy_holds_is_told_with_its_place_and_reason():
    row, who = paper(TITLE), reader("robot")
    end_of(MONDAY)
    assert "Copy of 2026-11-16, issues 1 to 1, SENT, sent: holds it at place 1: " in said(who, row)
    assert short(who, row) == "it reached the reader in the copy of 2026-11-16 and does not come again."


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("robot cooks", "it is not about cooks"),
        ("robot upvotes>10", "it is not with over 10 votes (it has 3)"),
        ("robot stars>5", "it is not with over 5 stars (it has no known number)"),
        ("robot -laundry", "it is about laundry, which is left out"),
        ("cooks OR sings", "it is none of: about cooks; about sings"),
        ("is:trending", "it is not trending now"),
        ("robot has:code", "it is not with code"),
        ("robot age>3d", "it is not over 3 days old (it has 0)"),
    ],
)
def test_an_interest_that_does_not_match_says_what_is_missing(query, why):
    row, who = paper(TITLE, upvotes=3), reader(query)
    reader("robot")
    end_of(MONDAY)
    assert f"does not match: {why}" in said(who, row)
    assert short(who, row) == "no interest of the reader matches it."


def test_a_paper_on_offer_that_was_cut_is_told_with_the_numbers():
    rows = [paper(f"A robot folds {number}", upvotes=50 - number) for number in range(6)]
    who = reader("robot", max_papers=3)
    end_of(MONDAY)
    assert "does not hold it: it was on offer and cut: 3 papers went before it, 3 more were left out" in said(who, rows[5])
    assert short(who, rows[5]) == "it has not reached the reader; the lines above say why."


def test_a_mute_is_named():
    row, who = paper(TITLE), reader("robot", muted=["laundry"])
    paper("A robot cooks")
    end_of(MONDAY)
    assert "muted “laundry”, which it has" in said(who, row) and "does not hold it: “laundry” is muted" in said(who, row)
    assert short(who, row) == "a mute keeps it out."


def test_what_was_hidden_before_and_after_the_plan_is_told_apart():
    before, after, who = paper(TITLE), paper("A robot cooks"), reader("robot")
    paper("A robot sings")
    issues.close(now=MONDAY + HOUR)
    curation.hide(Candidate.objects.get(paper=before), by="mara", now=MONDAY + 2 * HOUR)
    editions.plan(now=MONDAY + 3 * HOUR + timedelta(minutes=45))
    curation.hide(Candidate.objects.get(paper=after), by="mara", now=MONDAY + 3 * HOUR + timedelta(minutes=50))
    end_of(MONDAY, close=False)
    assert "does not hold it: it was hidden" in said(who, before)
    assert "was planned with it, left without it: it was hidden" in said(who, after)
    assert short(who, after) == "it is hidden and comes only when a curator restores it."


def test_a_withdrawn_paper_is_told():
    row, who = paper(TITLE), reader("robot")
    paper("A robot cooks")
    issues.close(now=MONDAY + HOUR)
    Paper.objects.filter(pk=row.pk).update(withdrawn_at=MONDAY + 2 * HOUR)
    end_of(MONDAY, close=False)
    assert "does not hold it: it was withdrawn" in said(who, row)
    assert short(who, row) == "it is withdrawn and reaches nobody any more."


def test_a_paper_withdrawn_between_the_plan_and_the_claim_left_without_it():
    row, who = paper(TITLE), reader("robot")
    end_of(MONDAY)
    Paper.objects.filter(pk=row.pk).update(withdrawn_at=MONDAY + 3 * HOUR)
    assert "left without it: it was withdrawn" in said(who, row)


def test_who_had_it_before_is_told_when_and_as_which_paper():
    old, young, who = paper(TITLE), paper("The same robot"), reader("robot")
    for each in (old, young):
        Alias.objects.create(scheme="title", value=each.title, paper=each)
    end_of(MONDAY)
    sight(old, at=TUESDAY, seen_by="daily", trending=True)
    paper("A robot cooks", at=TUESDAY)
    curation.merge(young, old, by="mara", now=TUESDAY)
    end_of(TUESDAY)
    text = said(who, young)
    assert f"It was merged into {old.public_id}: {TITLE}" in text
    assert "AGAIN (LISTED: now on daily)" in text
    assert "does not hold it: the reader had it in the copy of 2026-11-16" in text


def test_an_issue_that_no_copy_covers_says_why():
    row = paper(TITLE)
    issues.close(now=MONDAY + HOUR)
    joined = reader("robot", at=MONDAY + 2 * HOUR)
    assert "it had closed when the reader confirmed, 2026-11-16 05:00 UTC" in said(joined, row)
    left = reader("robot", status="LEFT")
    assert "the reader is LEFT." in said(left, row)
    paused = reader("robot", paused_until=(MONDAY + 9 * DAY).date())
    assert "paused until 2026-11-25" in said(paused, row) and "no copy for a day before 2026-11-25" in said(paused, row)
    weekly = reader("robot", days=0b0010000)
    text = said(weekly, row)
    assert "next slot is 2026-11-20 07:00 UTC (UTC, 07:00, Fri)" in text and "offered at the reader's next slot" in text
    Issue.objects.filter(number=1).update(held_at=MONDAY + 2 * HOUR)
    text = said(weekly, row)
    assert "issue 1 is held, and with it all after it" in text and "held since 2026-11-16 05:00 UTC" in text


@pytest.mark.parametrize(("state", "why"), [("FAILED", "failed, its papers come again"), ("CANCELLED", "cancelled, its papers")])
def test_a_copy_that_did_not_arrive_is_told_with_its_reason(state, why):
    row, who = paper(TITLE), reader("robot")
    end_of(MONDAY, state=state)
    Delivery.objects.update(reason="LATE")
    assert f"{state} (LATE), {why}" in said(who, row)
    assert short(who, row) == "it has not reached the reader; the lines above say why."


def test_a_copy_on_its_way_is_no_arrival():
    row, who = paper(TITLE), reader("robot")
    end_of(MONDAY, state="PENDING")
    assert short(who, row) == "it is in the copy of 2026-11-16, which has not left."


def test_an_interest_chosen_later_is_told():
    row, who = paper(TITLE), reader("cooks")
    paper("A robot cooks")
    end_of(MONDAY)
    subscribers.change(who, now=MONDAY + 5 * HOUR, interests=["cooks", "laundry"])
    text = said(who, row)
    assert "does not hold it: only “laundry” matches it, chosen later" in text
    assert "(chosen later, 2026-11-16 08:00 UTC)" in text


def test_a_paper_in_no_issue_of_the_window_is_told():
    row, who = paper(TITLE, at=TUESDAY), reader("robot")
    assert "candidate of no issue" in said(who, row) and "not gathered yet" in said(who, row)
    Paper.objects.filter(pk=row.pk).update(listed_on=(TUESDAY - 20 * DAY).date())
    assert "over 14 days apart, too old to be new" in said(who, row)
    Paper.objects.filter(pk=row.pk).update(listed_on=TUESDAY.date(), seen_at=TUESDAY)
    Paper.objects.create(title="A robot cooks", listed_on=MONDAY.date(), seen_at=MONDAY)
    Candidate.objects.filter(paper=row).delete()
    issues.close(now=MONDAY + HOUR)
    Candidate.objects.filter(paper=row).delete()
    end_of(MONDAY, close=False)
    issues.gather(now=TUESDAY)
    text = said(who, row)
    assert "does not hold it: it is in none of these issues" in text and "open: no copy before it closes" in text


def test_a_back_filled_day_says_that_it_mails_nobody():
    row, who = paper(TITLE, at=MONDAY), reader("robot")
    issues.archive(MONDAY.date(), now=MONDAY)
    assert "Issue -20261116 (ARCHIVED): NEW, trend 0.00, back-filled: mails nobody" in said(who, row)


def test_a_pin_for_everyone_needs_no_interest():
    row, who = paper(TITLE), reader("cooks")
    paper("A robot cooks")
    issues.gather(now=MONDAY)
    curation.pin_paper(row, scope=PinScope.EVERYONE, by="mara", now=MONDAY)
    end_of(MONDAY)
    assert "pinned for EVERYONE" in said(who, row) and "holds it at place 1: pinned for everyone" in said(who, row)
