"""Papers become candidates once; a close freezes them and opens the next issue."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError
from issue_rows import DAY, MONDAY, paper, sight

from newsletter import issues
from newsletter.models import Candidate, CandidateKind, Issue, IssueState, Paper

pytestmark = pytest.mark.django_db


def test_gather_offers_each_paper_once_however_often_it_runs():
    paper("Folding proteins")
    first = issues.gather(now=MONDAY)
    second = issues.gather(now=MONDAY)
    assert (first.new, second.new) == (1, 0)
    assert Candidate.objects.count() == 1


def test_a_paper_is_new_in_one_issue_only():
    paper("Folding proteins")
    issues.close(now=MONDAY)
    issues.close(now=MONDAY + DAY)
    assert [row.issue.number for row in Candidate.objects.select_related("issue")] == [1]
    with pytest.raises(IntegrityError):
        Candidate.objects.create(issue=Issue.objects.get(number=2), paper=Paper.objects.get())


def test_a_paper_listed_over_fourteen_days_ago_is_not_new():
    paper("Old", at=MONDAY - timedelta(days=15))
    paper("Just in time", at=MONDAY - timedelta(days=14))
    assert issues.gather(now=MONDAY).new == 1


def test_what_is_withdrawn_or_merged_is_not_offered():
    paper("Withdrawn", withdrawn_at=MONDAY)
    paper("Merged", merged_into=paper("Survivor"))
    issues.gather(now=MONDAY)
    assert Candidate.objects.get().paper.title == "Survivor"


def test_signals_move_while_the_issue_is_open_and_freeze_at_its_close():
    row = paper("Rising", upvotes=3)
    issues.gather(now=MONDAY)
    Paper.objects.update(upvotes=12)
    issues.close(now=MONDAY)
    Paper.objects.update(upvotes=90)
    issues.gather(now=MONDAY + DAY)
    assert Candidate.objects.get(paper=row).upvotes == 12


def test_a_paper_that_a_trending_source_lists_later_comes_again_with_the_reason():
    row = paper("From the listing")
    issues.close(now=MONDAY)
    sight(row, at=MONDAY + DAY, seen_by="daily", trending=True)
    assert issues.gather(now=MONDAY + DAY).again == 1
    issues.close(now=MONDAY + DAY)
    assert issues.gather(now=MONDAY + 2 * DAY).again == 0
    again = Candidate.objects.get(kind=CandidateKind.AGAIN)
    assert (again.paper, again.reasons, again.issue.number) == (row, ["LISTED"], 2)


def test_a_hidden_paper_does_not_come_again_by_itself():
    row = paper("Hidden")
    issues.close(now=MONDAY)
    Candidate.objects.update(hidden_at=MONDAY)
    sight(row, at=MONDAY + DAY, seen_by="daily", trending=True)
    assert issues.gather(now=MONDAY + DAY).again == 0


@pytest.mark.parametrize(
    ("opened", "now", "closes"),
    [
        ("2026-11-16T05:00", "2026-11-17T04:29", False),
        ("2026-11-16T05:00", "2026-11-17T04:31", True),
        ("2026-11-16T04:00", "2026-11-16T04:31", True),
        ("2026-11-12T05:00", "2026-11-16T12:00", True),
    ],
)
def test_an_issue_closes_at_the_first_cut_off_after_it_was_opened(opened, now, closes):
    issues.open_issue(now=datetime.fromisoformat(opened).replace(tzinfo=UTC))
    closed = issues.close_due(now=datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert bool(closed) is closes
    assert Issue.objects.filter(state=IssueState.OPEN).count() == 1


def test_the_cut_off_keeps_its_wall_clock_over_the_change_of_summer_time(settings):
    from datetime import time
    from zoneinfo import ZoneInfo

    settings.ISSUE_CUTOFF, settings.ISSUE_ZONE = time(6, 0), ZoneInfo("Europe/Amsterdam")
    before, after = datetime(2027, 3, 27, 12, tzinfo=UTC), datetime(2027, 3, 28, 12, tzinfo=UTC)
    assert issues.next_cutoff(before) == datetime(2027, 3, 28, 4, 0, tzinfo=UTC)
    assert issues.last_cutoff(after) == datetime(2027, 3, 28, 4, 0, tzinfo=UTC)
    assert issues.last_cutoff(before) == datetime(2027, 3, 27, 5, 0, tzinfo=UTC)


def test_two_open_issues_are_impossible():
    issues.open_issue(now=MONDAY)
    with pytest.raises(IntegrityError):
        Issue.objects.create(number=9, state=IssueState.OPEN, opened_at=MONDAY)


def test_archived_days_stand_outside_every_window():
    with pytest.raises(IntegrityError):
        Issue.objects.create(number=5, state=IssueState.ARCHIVED, opened_at=MONDAY, closed_at=MONDAY, closed_on=MONDAY.date())
