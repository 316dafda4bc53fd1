"""What a curator may do to an issue, and what it leaves in the tables."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from newsletter import acts, curation, editions, issues, mail
from newsletter.models import (
    Act,
    AgainReason,
    Alias,
    Candidate,
    CandidateKind,
    Delivery,
    DeliveryState,
    Edition,
    Issue,
    IssueState,
    Kind,
    Paper,
    PinScope,
    Subscriber,
    SubscriberStatus,
)

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)
BY = "mara"


def a_paper(title: str = "Robots that fold laundry", *, days_ago: int = 0, **values) -> Paper:
    listed_on = NOW.date() - timedelta(days=days_ago)
    defaults = {"url": "https://example.org/p", "seen_at": NOW, "upvotes": 40, "abstract": "A robot folds laundry."}
    return Paper.objects.create(title=title, listed_on=listed_on, **{**defaults, **values})


def offered(*titles: str) -> list[Candidate]:
    """These papers as candidates of the open issue."""
    papers = [a_paper(title) for title in titles]
    issues.gather(now=NOW)
    return [Candidate.objects.get(paper=paper, issue__state=IssueState.OPEN) for paper in papers]


def a_reader(name: str = "ada", **values) -> Subscriber:
    defaults = {
        "address": f"{name}@example.org", "address_key": name, "status": SubscriberStatus.ACTIVE, "created_at": NOW,
        "confirmed_at": NOW - timedelta(days=2),
    }  # fmt: skip
    return Subscriber.objects.create(**{**defaults, **values})


def verbs() -> list[str]:
    return list(Act.objects.order_by("seq").values_list("verb", flat=True))


def preview_titles() -> list[str]:
    issue = Issue.objects.get(state=IssueState.OPEN)
    return [pick.card.title for pick in editions.preview_issue(issue=issue, queries=["robots"]).picks]


def test_a_pin_goes_first_and_is_recorded_once_however_often_it_is_pinned():
    _, second = offered("Robots that fold laundry", "Robots that walk")
    for _ in range(2):
        curation.pin(second, scope=PinScope.EVERYONE, by=BY, now=NOW)
    assert preview_titles()[0] == "Robots that walk"
    assert verbs() == ["pin"]
    assert Act.objects.get().actor == BY
    assert acts.verify() is None


def test_a_pin_may_change_its_scope():
    (row,) = offered("Robots that walk")
    curation.pin(row, scope=PinScope.EVERYONE, by=BY, now=NOW)
    assert curation.pin(row, scope=PinScope.MATCHING, by=BY, now=NOW).pin == PinScope.MATCHING


def test_the_fourth_pin_is_refused_with_the_remedy_and_changes_nothing():
    rows = offered("One robot", "Two robots", "Three robots", "Four robots")
    for row in rows[:3]:
        curation.pin(row, scope=PinScope.MATCHING, by=BY, now=NOW)
    with pytest.raises(curation.Refused, match="unpin one first"):
        curation.pin(rows[3], scope=PinScope.MATCHING, by=BY, now=NOW)
    assert Candidate.objects.get(pk=rows[3].pk).pin == PinScope.NONE
    curation.unpin(rows[0], by=BY, now=NOW)
    assert curation.pin(rows[3], scope=PinScope.MATCHING, by=BY, now=NOW).pin == PinScope.MATCHING


def test_hiding_a_pinned_paper_frees_its_pin():
    rows = offered("One robot", "Two robots", "Three robots", "Four robots")
    for row in rows[:3]:
        curation.pin(row, scope=PinScope.MATCHING, by=BY, now=NOW)
    curation.hide(rows[0], by=BY, now=NOW)
    curation.pin(rows[3], scope=PinScope.MATCHING, by=BY, now=NOW)
    assert curation.restore(rows[0], by=BY, now=NOW).pin == PinScope.NONE


def test_a_hidden_paper_cannot_be_pinned():
    (row,) = offered("Robots that walk")
    curation.hide(row, by=BY, now=NOW)
    with pytest.raises(curation.Refused, match="restore it first"):
        curation.pin(row, scope=PinScope.EVERYONE, by=BY, now=NOW)


def test_pinning_a_paper_of_a_closed_issue_offers_it_again_with_live_signals():
    (row,) = offered("Robots that walk")
    issues.close(now=NOW)
    again = curation.pin(Candidate.objects.get(pk=row.pk), scope=PinScope.MATCHING, by=BY, now=NOW)
    assert (again.kind, again.reasons, again.issue.state) == (CandidateKind.AGAIN, [AgainReason.PINNED], IssueState.OPEN)
    assert again.upvotes == 40 and again.trend > 0
    assert Candidate.objects.get(pk=row.pk).pin == PinScope.NONE
    curation.pin_paper(row.paper, scope=PinScope.MATCHING, by=BY, now=NOW)
    assert Candidate.objects.filter(paper=row.paper).count() == 2
    assert verbs() == ["pin"]


def test_pinning_a_paper_that_was_never_gathered_keeps_it_new_once():
    issues.open_issue(now=NOW)
    row = curation.pin_paper(a_paper(), scope=PinScope.MATCHING, by=BY, now=NOW)
    assert row.kind == CandidateKind.NEW
    issues.close(now=NOW)
    issues.gather(now=NOW)
    assert Candidate.objects.filter(paper=row.paper).count() == 1


def test_an_old_paper_can_be_pinned_for_thirty_days_and_no_longer():
    issues.open_issue(now=NOW)
    assert curation.pin_paper(a_paper("Of a month ago", days_ago=30), scope=PinScope.MATCHING, by=BY, now=NOW).pk
    with pytest.raises(curation.Refused, match="30 days"):
        curation.pin_paper(a_paper("Older", days_ago=31), scope=PinScope.MATCHING, by=BY, now=NOW)


def test_a_withdrawn_paper_is_not_pinned_and_a_merged_one_pins_its_survivor():
    issues.open_issue(now=NOW)
    with pytest.raises(curation.Refused, match="withdrawn"):
        curation.pin_paper(a_paper("Gone", withdrawn_at=NOW), scope=PinScope.MATCHING, by=BY, now=NOW)
    survivor = a_paper("The survivor")
    twin = a_paper("The twin", merged_into=survivor)
    assert curation.pin_paper(twin, scope=PinScope.MATCHING, by=BY, now=NOW).paper == survivor


def test_unpinning_what_was_there_only_for_its_pin_takes_it_out_of_the_issue():
    (row,) = offered("Robots that walk")
    issues.close(now=NOW)
    again = curation.pin_paper(row.paper, scope=PinScope.MATCHING, by=BY, now=NOW)
    curation.unpin(again, by=BY, now=NOW)
    assert list(Candidate.objects.values_list("pk", flat=True)) == [row.pk]
    with pytest.raises(curation.Refused, match="load the page again"):
        curation.unpin(again, by=BY, now=NOW)


def test_a_pin_of_a_closed_issue_stays():
    (row,) = offered("Robots that walk")
    curation.pin(row, scope=PinScope.MATCHING, by=BY, now=NOW)
    issues.close(now=NOW)
    with pytest.raises(curation.Refused, match="hide the paper instead"):
        curation.unpin(row, by=BY, now=NOW)


def test_a_hidden_paper_is_gone_from_the_preview_until_it_is_restored():
    row, _ = offered("Robots that fold laundry", "Robots that walk")
    for _ in range(2):
        curation.hide(row, by=BY, now=NOW)
    assert preview_titles() == ["Robots that walk"]
    for _ in range(2):
        curation.restore(row, by=BY, now=NOW)
    assert len(preview_titles()) == 2
    assert verbs() == ["hide", "restore"]


def test_a_hide_after_the_plan_takes_the_paper_out_of_a_copy_that_has_not_left():
    a_reader()
    first, _ = offered("Robots trending far", "Robots trending wide")
    Candidate.objects.update(upvotes=400)
    Paper.objects.update(upvotes=400)
    report = curation.close_and_send_now(by=BY, now=NOW)
    assert report.run.prepared == 1
    copy = Delivery.objects.get(kind=Kind.DIGEST)
    curation.hide(first, by=BY, now=NOW + timedelta(minutes=1))
    shown = editions.digest_of(copy, as_of=NOW + timedelta(minutes=2))
    assert [pick.card.title for pick in shown.picks] == ["Robots trending wide"]


def test_restoring_in_a_closed_issue_offers_the_paper_again_and_leaves_the_old_row_hidden():
    (row,) = offered("Robots that walk")
    curation.hide(row, by=BY, now=NOW)
    issues.close(now=NOW)
    for _ in range(2):
        again = curation.restore(Candidate.objects.get(pk=row.pk), by=BY, now=NOW)
    assert (again.kind, again.reasons, again.issue.state) == (CandidateKind.AGAIN, [AgainReason.RESTORED], IssueState.OPEN)
    assert Candidate.objects.get(pk=row.pk).hidden_at == NOW
    assert verbs() == ["hide", "restore"]


def test_what_came_for_its_pin_and_was_hidden_comes_as_restored_and_names_no_pin():
    (row,) = offered("Robots that walk")
    issues.close(now=NOW)
    pinned = curation.pin_paper(row.paper, scope=PinScope.EVERYONE, by=BY, now=NOW)
    curation.hide(pinned, by=BY, now=NOW)
    again = curation.restore(pinned, by=BY, now=NOW)
    issues.gather(now=NOW)
    again.refresh_from_db()
    assert (again.pin, again.reasons) == (PinScope.NONE, [AgainReason.RESTORED])
    assert again.why == "held back at first, restored by the editors"


def test_a_paper_hidden_in_an_earlier_issue_is_restored_before_it_is_pinned():
    (row,) = offered("Robots that walk")
    curation.hide(row, by=BY, now=NOW)
    issues.close(now=NOW)
    with pytest.raises(curation.Refused, match="restore it there first"):
        curation.pin_paper(row.paper, scope=PinScope.MATCHING, by=BY, now=NOW)
    curation.restore(Candidate.objects.get(pk=row.pk), by=BY, now=NOW)
    assert curation.pin_paper(row.paper, scope=PinScope.MATCHING, by=BY, now=NOW).pin == PinScope.MATCHING


def test_an_edited_summary_is_shown_and_empty_gives_the_source_back():
    (row,) = offered("Robots that walk")
    Paper.objects.update(summary="From the source.")
    curation.edit_summary(row, text="  Walks \n on two legs. ", by=BY, now=NOW)
    issue = Issue.objects.get(state=IssueState.OPEN)
    assert editions.preview_issue(issue=issue, queries=["robots"]).picks[0].card.summary == "Walks on two legs."
    curation.edit_summary(row, text="", by=BY, now=NOW)
    assert editions.preview_issue(issue=issue, queries=["robots"]).picks[0].card.summary == "From the source."
    with pytest.raises(curation.Refused, match="601 characters"):
        curation.edit_summary(row, text="x" * 601, by=BY, now=NOW)


def test_a_note_is_in_the_mail_and_at_most_four_thousand_characters_long():
    offered("Robots that walk")
    issue = Issue.objects.get(state=IssueState.OPEN)
    for _ in range(2):
        curation.edit_note(issue, text="A *good* day.\r\n", by=BY, now=NOW)
    issue.refresh_from_db()
    message = mail.digest(editions.preview_issue(issue=issue, queries=["robots"]))
    assert ">good</em>" in message.html and "good" in message.text
    assert verbs() == ["edit note"]
    with pytest.raises(curation.Refused, match="4001 characters"):
        curation.edit_note(issue, text="x" * 4001, by=BY, now=NOW)


def test_acts_hold_no_text_of_a_note():
    issue = issues.open_issue(now=NOW)
    curation.edit_note(issue, text="Thanks to someone@example.org", by=BY, now=NOW)
    assert Act.objects.get().details == {"characters": len("Thanks to someone@example.org")}


def test_approving_an_issue_approves_the_held_ones_before_it():
    closed = [issues.close(now=NOW + timedelta(hours=hour)) for hour in range(3)]
    curation.hold(closed[0], by=BY, now=NOW)
    curation.hold(closed[2], by=BY, now=NOW)
    assert curation.approve(closed[1], by=BY, now=NOW) == [closed[0].number]
    assert list(Issue.objects.filter(held_at__isnull=False)) == [closed[2]]
    assert curation.approve(closed[2], by=BY, now=NOW) == [closed[2].number]
    assert curation.approve(closed[2], by=BY, now=NOW) == []
    assert verbs() == ["hold", "hold", "approve", "approve"]


def test_a_held_issue_reaches_nobody_until_it_is_approved():
    a_reader()
    offered("Robots trending far")
    Paper.objects.update(upvotes=400)
    curation.hold(Issue.objects.get(state=IssueState.OPEN), by=BY, now=NOW)
    assert curation.close_and_send_now(by=BY, now=NOW).run.prepared == 0
    curation.approve(Issue.objects.get(state=IssueState.CLOSED), by=BY, now=NOW)
    assert editions.plan_now(now=NOW).prepared == 1


def test_an_archived_day_is_neither_held_nor_annotated():
    day = date(2026, 1, 5)
    archived = Issue.objects.create(
        number=-20260105, state=IssueState.ARCHIVED, opened_at=NOW, closed_at=NOW, closed_on=day
    )  # fmt: skip
    with pytest.raises(curation.Refused):
        curation.hold(archived, by=BY, now=NOW)
    with pytest.raises(curation.Refused):
        curation.edit_note(archived, text="Late", by=BY, now=NOW)


def test_close_and_send_now_plans_once_however_often_the_button_is_clicked():
    a_reader()
    offered("Robots trending far")
    Paper.objects.update(upvotes=400)
    number = issues.open_issue(now=NOW).number
    assert curation.readers_waiting(now=NOW) == 1
    first = curation.close_and_send_now(by=BY, now=NOW, number=number)
    second = curation.close_and_send_now(by=BY, now=NOW + timedelta(seconds=1), number=number)
    assert (first.closed, first.run.prepared) == (number, 1)
    assert (second.closed, second.run.prepared) == (None, 0)
    assert Issue.objects.filter(state=IssueState.CLOSED).count() == 1
    assert Delivery.objects.filter(kind=Kind.DIGEST).count() == 1
    assert Delivery.objects.get().due_at == NOW
    assert verbs() == ["close and send"]
    assert curation.readers_waiting(now=NOW) == 0


def test_readers_waiting_counts_by_each_readers_own_day():
    a_reader("ada")
    a_reader("pia", paused_until=date(2026, 3, 13))
    a_reader("ben", paused_until=date(2026, 3, 12))
    a_reader("kim", status=SubscriberStatus.PENDING)
    had = a_reader("lea", zone="Pacific/Auckland")
    edition = Edition.objects.create(key="k", picks=[], created_at=NOW)
    Delivery.objects.create(
        subscriber=had, kind=Kind.DIGEST, lane=1, edition=edition, slot_on=date(2026, 3, 12), due_at=NOW, after=0, upto=1,
        state=DeliveryState.SENT, created_at=NOW,
    )  # fmt: skip
    assert curation.readers_waiting(now=NOW) == 2
    assert curation.readers_waiting(now=NOW + timedelta(hours=3)) == 3, "in Auckland it is the 13th by then"


@pytest.mark.parametrize(
    "named",
    ["2603.01234", "arXiv:2603.01234v2", "https://arxiv.org/abs/2603.01234v1", "https://arxiv.org/pdf/2603.01234", "10.1000/XYZ",
     "https://doi.org/10.1000/xyz", "https://example.org/entry"],
)  # fmt: skip
def test_a_paper_is_found_by_what_a_person_would_paste(named):
    paper = a_paper()
    for scheme, value in (("arxiv", "2603.01234"), ("doi", "10.1000/xyz"), ("url", "https://example.org/entry")):
        Alias.objects.create(scheme=scheme, value=value, paper=paper)
    assert curation.find_paper(named) == paper


def test_a_paper_is_found_by_our_own_id_and_address_and_nothing_else_is():
    paper = a_paper()
    assert curation.find_paper(paper.public_id) == paper
    assert curation.find_paper(f"http://127.0.0.1:8000/papers/{paper.public_id}") == paper
    assert curation.find_paper("2603.99999") is None
    assert curation.find_paper("") is None
