"""The log of acts: appended only, chained, without addresses."""

import json
from datetime import UTC, datetime

import pytest
from django.db import IntegrityError
from threads import threads_share_the_database

from newsletter import acts
from newsletter.models import Act

NOW = datetime(2027, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def three():
    return [acts.record(actor="ada", verb=verb, target="paper x", details={"n": i}, now=NOW) for i, verb in enumerate("abc")]


def test_acts_follow_each_other_and_the_chain_is_whole(db):
    rows = three()
    assert [row.seq for row in rows] == [1, 2, 3]
    assert [row.prev_hash for row in rows] == ["", rows[0].hash, rows[1].hash]
    assert acts.verify() is None


def test_an_empty_log_is_whole(db):
    assert acts.verify() is None


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "bob"},
        {"verb": "z"},
        {"target": "paper y"},
        {"details": {"n": 7}},
        {"at": NOW.replace(microsecond=1)},
        {"hash": "0" * 64},
        {"prev_hash": "0" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_row_is_named(db, change):
    three()
    Act.objects.filter(seq=2).update(**change)
    assert acts.verify() == 2


def test_a_row_changed_together_with_its_own_hash_is_betrayed_by_the_next(db):
    three()
    row = Act.objects.get(seq=2)
    row.actor = "bob"
    row.hash = acts.digest(row)
    row.save()
    assert acts.verify() == 3


def test_a_row_missing_inside_is_named_by_its_follower(db):
    three()
    Act.objects.filter(seq=2).delete()
    assert acts.verify() == 3


def test_pruning_from_the_old_end_keeps_the_chain(db):
    three()
    Act.objects.filter(seq=1).delete()
    assert acts.verify() is None


def test_a_first_act_cannot_be_forged_before_the_others(db):
    three()
    Act.objects.filter(seq__in=[1, 2]).delete()
    forged = Act(seq=2, at=NOW, actor="eve", verb="x", prev_hash="f" * 64)
    forged.hash = acts.digest(forged)
    forged.save()
    assert acts.verify() == 3


@pytest.mark.parametrize(
    "details",
    [{"who": "ada@example.org"}, {"ada@example.org": 1}, {"deep": [{"x": "mail to <ada@example.org>, please"}]}],
)
def test_details_with_an_address_are_refused_and_nothing_is_recorded(db, details):
    with pytest.raises(acts.HoldsAddress):
        acts.record(actor="ada", verb="export", details=details, now=NOW)
    assert not Act.objects.exists()


def test_a_target_with_an_address_is_refused_and_an_actor_loses_the_domain(db):
    with pytest.raises(acts.HoldsAddress):
        acts.record(actor="ada", verb="export", target="ada@example.org", now=NOW)
    assert acts.record(actor="ada@example.org", verb="pin", now=NOW).actor == "ada@…"


def test_details_that_are_no_address_pass(db):
    acts.record(actor="ada", verb="note", details={"note": "votes @ noon; 3@once", "who": "@ada"}, now=NOW)
    assert acts.verify() is None


@pytest.mark.parametrize("details", [{"x": float("nan")}, {"x": NOW}, {"x": "a\0b"}])
def test_details_that_are_no_json_are_refused(db, details):
    with pytest.raises((ValueError, TypeError)):
        acts.record(actor="ada", verb="x", details=details, now=NOW)


def test_what_the_database_gives_back_hashes_as_it_went_in(db):
    details = {"ü": "→ ß", "n": 10**18, "f": 1e22, "z": -0.0, "list": [1, None, True, {"b": 1, "a": 2}], "q": '"\\\n'}
    row = acts.record(actor="Ada Ö", verb="note", target="issue 3", details=details, now=NOW)
    again = Act.objects.get(pk=row.pk)
    assert acts.digest(again) == row.hash
    assert json.loads(json.dumps(again.details)) == again.details


def test_a_lost_race_for_a_place_takes_the_next_one(db, monkeypatch):
    append, lost = acts._append, []

    def overtaken(values):
        if len(lost) < 3:
            lost.append(1)
            raise IntegrityError("UNIQUE constraint failed: newsletter_act.seq")
        return append(values)

    monkeypatch.setattr(acts, "_append", overtaken)
    assert acts.record(actor="ada", verb="pin", now=NOW).seq == 1
    assert len(lost) == 3


def test_a_race_that_is_never_won_says_so(db, monkeypatch):
    def always(values):
        raise IntegrityError("UNIQUE constraint failed: newsletter_act.seq")

    monkeypatch.setattr(acts, "_append", always)
    with pytest.raises(RuntimeError, match="too many writers"):
        acts.record(actor="ada", verb="pin", now=NOW)


def test_ten_at_once_make_one_chain(transactional_db, tmp_path):
    with threads_share_the_database(tmp_path) as database:
        database.all_at_once(lambda i: acts.record(actor=f"thread {i}", verb="pin", now=NOW), times=10)
        seqs = database.ask(lambda: list(Act.objects.order_by("seq").values_list("seq", flat=True)))
        assert seqs == list(range(1, 11))
        assert database.ask(acts.verify) is None
