"""The audit finds what hands in the database did, and names the row."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from issue_rows import DAY, MONDAY, paper, reader

from newsletter import editions, issues
from newsletter.delivery.audit import audit
from newsletter.models import Delivery, Edition, Issue, Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def ledger():
    """Two readers, two days, four accepted copies, nothing wrong."""
    for day in range(2):
        at = MONDAY + day * DAY
        if day == 0:
            for _ in range(2):
                reader("robot", at=MONDAY)
        paper(f"A robot of day {day}", at=at)
        issues.close(now=at + timedelta(hours=1))
        editions.plan(now=at + timedelta(hours=4))
        Delivery.objects.filter(state="PENDING").update(state="SENT", as_of=at + timedelta(hours=4))
    issues.close(now=MONDAY + 2 * DAY)
    issues.finish(now=MONDAY + 2 * DAY)
    assert audit().findings == []


def _only(invariant: int) -> list:
    findings = audit().findings
    assert findings and {finding.invariant for finding in findings} == {invariant}
    return findings


def test_a_copy_deleted_by_hand_is_missed_by_its_place_in_the_wave(ledger):
    gone = Delivery.objects.order_by("id").last()
    run = gone.run_id
    gone.delete()
    findings = _only(6)
    assert any(finding.row == f"Run {run}" and "copy 2 of 2" in finding.message for finding in findings)


def test_an_edition_changed_by_hand_to_repeat_a_paper_is_named(ledger):
    old, new = Edition.objects.order_by("id")
    Edition.objects.filter(pk=new.pk).update(picks=old.picks)
    finding = _only(1)[0]
    copies = Delivery.objects.filter(edition=new)
    assert any(f"Delivery {copy.pk}" in finding.row for copy in copies)


def test_a_window_moved_by_hand_is_named(ledger):
    copy = Delivery.objects.order_by("id").last()
    Delivery.objects.filter(pk=copy.pk).update(after=0, state="FAILED")
    Delivery.objects.filter(subscriber=copy.subscriber, upto=1).update(after=-1)
    Delivery.objects.filter(pk=copy.pk).update(state="SENT")
    assert any(f"Delivery {copy.pk}" in finding.row for finding in _only(1))


def test_a_run_whose_sum_was_changed_is_named(ledger):
    run = Run.objects.filter(stage="plan", prepared=2).first()
    Run.objects.filter(pk=run.pk).update(due=9)
    assert [finding.row for finding in _only(6)] == [f"Run {run.pk}"]


def test_an_issue_done_with_open_copies_is_named(ledger):
    assert Issue.objects.get(number=1).done_at
    Delivery.objects.filter(upto=1).order_by("id").first()
    Delivery.objects.filter(pk=Delivery.objects.filter(upto=1).first().pk).update(state="PENDING")
    assert any("Issue 1" in finding.row for finding in _only(6))


def test_an_erased_reader_s_copies_stay_in_the_sums(ledger):
    Delivery.objects.first().subscriber.delete()
    assert audit().findings == []


def test_the_command_ends_with_one_and_says_which_row(ledger, capsys):
    call_command("audit")
    assert "0 findings" in capsys.readouterr().out
    Delivery.objects.last().delete()
    with pytest.raises(SystemExit) as ended:
        call_command("audit", "--json")
    assert ended.value.code == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["invariant"] == 6
