"""The audit finds what hands in the database did, and names the row."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection, connections
from issue_rows import DAY, MONDAY, paper, reader
from threads import threads_share_the_database

from newsletter import acts, editions, issues
from newsletter.delivery import audit as audit_room
from newsletter.delivery.audit import audit
from newsletter.models import Act, Delivery, Edition, Issue, Run

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
        Delivery.objects.filter(state="PENDING").update(
            state="SENT", as_of=at + timedelta(hours=4), settled_at=at + timedelta(hours=4)
        )
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
    findings = audit().findings
    assert any(finding.invariant == 10 and finding.row == f"Edition {new.pk}" for finding in findings)
    copies = Delivery.objects.filter(edition=new)
    assert any(finding.invariant == 1 and f"Delivery {copy.pk}" in finding.row for copy in copies for finding in findings)


def test_a_window_moved_by_hand_is_named(ledger):
    copy = Delivery.objects.order_by("id").last()
    Delivery.objects.filter(pk=copy.pk).update(after=0, state="FAILED")
    Delivery.objects.filter(subscriber=copy.subscriber, upto=1).update(after=-1)
    Delivery.objects.filter(pk=copy.pk).update(state="SENT")
    assert any(f"Delivery {copy.pk}" in finding.row for finding in _only(1))


def test_a_window_that_leaves_issues_out_is_named(ledger):
    copy = Delivery.objects.filter(upto=2).first()
    Delivery.objects.filter(pk=copy.pk).update(after=1, upto=3)
    Delivery.objects.filter(pk=copy.pk).update(after=2)
    assert any(f"Delivery {copy.pk}" in finding.row and finding.invariant == 1 for finding in audit().findings)


def test_a_run_whose_sum_was_changed_is_named(ledger):
    run = Run.objects.filter(stage="plan", prepared=2).first()
    Run.objects.filter(pk=run.pk).update(due=9)
    assert [finding.row for finding in _only(6)] == [f"Run {run.pk}"]


def test_an_issue_done_with_open_copies_is_named(ledger):
    assert Issue.objects.get(number=1).done_at
    Delivery.objects.filter(pk=Delivery.objects.filter(upto=1).first().pk).update(state="PENDING")
    assert any("Issue 1" in finding.row for finding in _only(6))


# What hands may do to one accepted copy; each is named by the audit, and its issue is never done.
BY_HAND = {
    "state failed": {"state": "FAILED", "settled_at": MONDAY},
    "state cancelled": {"state": "CANCELLED"},
    "state uncertain": {"state": "UNCERTAIN"},
    "state pending": {"state": "PENDING"},
    "never claimed": {"as_of": None},
    "never settled": {"settled_at": None},
    "a reason": {"reason": "LATE"},
    "another kind": {"kind": "TEST"},
    "another issue": {"upto": 3},
    "another time": {"created_at": MONDAY},
    "another place": {"run_seq": 7},
    "no place": {"run_seq": None},
    "no wave": {"run": None},
}


@pytest.mark.parametrize("change", BY_HAND.values(), ids=BY_HAND)
def test_whatever_hands_change_in_a_copy_names_it_and_its_issue_is_never_done(ledger, change, caplog):
    copy = Delivery.objects.filter(upto=2).first()
    Issue.objects.update(done_at=None)
    Delivery.objects.filter(pk=copy.pk).update(**change)
    named = [finding for finding in audit().findings if finding.row.startswith(f"Delivery {copy.pk} ")]
    assert named or any(finding.row == f"Run {copy.run_id}" for finding in audit().findings)
    assert named or "run_seq" not in change
    assert 2 not in issues.finish(now=MONDAY + 2 * DAY)
    assert f"Delivery {copy.pk} " in caplog.text or change == {"state": "PENDING"}, "what is open is no error yet"
    Delivery.objects.filter(pk=copy.pk).update(**{name: getattr(copy, name) for name in change})
    assert audit().findings == []
    assert 2 in issues.finish(now=MONDAY + 2 * DAY)


@pytest.mark.parametrize("name", ["edition", "run", "subscriber"])
def test_a_copy_whose_edition_run_or_reader_is_not_there_is_named(ledger, name):
    copy = Delivery.objects.filter(upto=2).first()
    Delivery.objects.filter(pk=copy.pk).update(**{f"{name}_id": 999_999})
    named = [finding.message for finding in audit().findings if finding.row.startswith(f"Delivery {copy.pk} ")]
    assert f"its {name} 999999 is not there" in named


@pytest.mark.parametrize("change", [{"prepared": 1}, {"pruned": 1}])
def test_an_issue_whose_numbers_hands_changed_is_named_and_never_done(ledger, change):
    Issue.objects.filter(number=2).update(done_at=None, **change)
    assert any("Issue 2" in finding.row for finding in _only(6))
    assert issues.finish(now=MONDAY + 2 * DAY) == []


def test_an_issue_whose_copy_was_deleted_is_never_done_and_the_log_says_which_place(ledger, caplog):
    Issue.objects.update(done_at=None)
    gone = Delivery.objects.filter(upto=2).last()
    gone.delete()
    assert issues.finish(now=MONDAY + 2 * DAY) == [1]
    assert f"Run {gone.run_id} copy {gone.run_seq} of 2 is missing" in caplog.text


def test_a_wave_deleted_with_its_copies_is_missed_by_its_issue(ledger):
    run = Delivery.objects.filter(upto=2).first().run
    Delivery.objects.filter(run=run).delete()
    run.delete()
    assert any("Issue 2" in finding.row for finding in _only(6))


def test_an_act_changed_by_hand_is_named(ledger):
    act = acts.record(actor="ed", verb="hold", target="issue 1", now=MONDAY)
    Act.objects.filter(pk=act.pk).update(actor="somebody")
    assert [finding.row for finding in _only(9)] == [f"Act {act.seq}"]


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


@pytest.mark.parametrize(("model", "invariant", "name"), [(Edition, 1, "edition"), (Run, 6, "run")])
def test_an_edition_or_run_deleted_by_hand_is_missed_by_its_copies(ledger, model, invariant, name):
    copy = Delivery.objects.order_by("id")[0]
    table, gone = model._meta.db_table, getattr(copy, f"{name}_id")
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE id = %s", [gone])
    findings = [f for f in audit().findings if f.message == f"its {name} {gone} is not there"]
    assert findings and {finding.invariant for finding in findings} == {invariant}
    assert findings[0].row == f"Delivery {copy.pk} ({copy.public_id})"


@pytest.mark.django_db(transaction=True)
def test_a_wave_planned_while_the_audit_reads_is_no_breach(transactional_db, monkeypatch, tmp_path):
    parents = audit_room._parents

    def and_meanwhile_one_is_booked():
        found = list(parents())
        with ThreadPoolExecutor(1) as pool:
            pool.submit(book).result()
        return found

    def book():
        Issue.objects.filter(number=1).update(prepared=5)
        connections.close_all()

    with threads_share_the_database(tmp_path) as shared:
        shared.ask(lambda: (paper("A robot", at=MONDAY), issues.close(now=MONDAY)))
        monkeypatch.setattr(audit_room, "_parents", and_meanwhile_one_is_booked)
        assert shared.ask(audit).findings == []
        monkeypatch.undo()
        [found] = shared.ask(audit).findings
    assert "prepared 5 copies" in found.message
