"""What is older than it is kept goes, in whole waves; the sums hold before, between and after, and nobody gets a paper twice."""

import json
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import connection
from issue_rows import DAY, MONDAY, paper, reader

from newsletter import curation, delivery, editions, issues, subscribers
from newsletter.delivery import retention
from newsletter.delivery.audit import audit
from newsletter.issues.sums import edition_breaches, edition_key
from newsletter.models import Allowance, Delivery, Edition, Event, Issue, PinScope, Run, Subscriber
from newsletter.subscribers import allowances, consent

pytestmark = pytest.mark.django_db
KEPT = timedelta(days=396)
DAYS = 4


@pytest.fixture
def ledger():
    """Three readers and four days of accepted copies with a notice each; the first day is past its time at MONDAY + KEPT."""
    for _ in range(3):
        reader("robot")
    for day in range(DAYS):
        at = MONDAY + day * DAY
        paper(f"A robot of day {day}", at=at)
        issues.close(now=at + timedelta(hours=1))
        editions.plan(now=at + timedelta(hours=4))
        fresh = Delivery.objects.filter(state="PENDING")
        for copy in fresh:
            Event.objects.create(
                provider="esp", key=copy.public_id, type="delivered", delivery=copy, received_at=at, applied_at=at
            )
        fresh.update(state="SENT", as_of=at + timedelta(hours=4), settled_at=at + timedelta(hours=4))
    issues.close(now=MONDAY + DAYS * DAY)
    assert audit().findings == [] and Delivery.objects.count() == 3 * DAYS


def _prune(capsys, now, *words: str) -> dict:
    call_command("prune", "--json", "--at", now.isoformat(), *words)
    return json.loads(capsys.readouterr().out.strip().splitlines()[-1])


def test_waves_past_their_time_go_with_editions_and_runs_and_the_audit_stays_clean(ledger, capsys, settings):
    settings.KEEP_EVENTS = 2 * KEPT
    now = MONDAY + KEPT + 2 * DAY
    told = _prune(capsys, now, "--dry-run")
    assert Delivery.objects.count() == 3 * DAYS
    done = _prune(capsys, now)
    assert {**told, "dry_run": None} == {**done, "dry_run": None}
    assert (done["copies"], done["editions"]) == (6, 2)
    assert set(Delivery.objects.values_list("upto", flat=True)) == {3, 4}
    assert Edition.objects.count() == 2
    assert list(Issue.objects.filter(number__lte=3).order_by("number").values_list("prepared", "pruned")) == [
        (3, 3),
        (3, 3),
        (3, 0),
    ]
    assert Event.objects.filter(delivery__isnull=True).count() == 6
    assert audit().findings == []
    again = _prune(capsys, now)
    assert (again["copies"], again["editions"], again["events"]) == (0, 0, 0)
    assert Run.objects.filter(stage="prune").count() == 3


def test_issues_are_done_before_and_after_their_copies_have_aged_out(ledger, capsys):
    _prune(capsys, MONDAY + KEPT + 2 * DAY)
    assert issues.finish(now=MONDAY + KEPT + 2 * DAY) == []
    assert Issue.objects.filter(done_at__isnull=False).count() == DAYS
    Issue.objects.update(done_at=None)
    assert issues.finish(now=MONDAY + KEPT + 2 * DAY) == [1, 2, 3, 4]


def test_a_copy_deleted_by_hand_is_missed_even_once_its_wave_has_aged_out(ledger, capsys):
    Delivery.objects.filter(upto=1).first().delete()
    _prune(capsys, MONDAY + KEPT + 2 * DAY)
    assert [finding.row for finding in audit().findings] == [str(Issue.objects.get(number=1))]


def test_an_open_copy_keeps_its_wave(ledger, capsys):
    row = Delivery.objects.filter(upto=1).first()
    Delivery.objects.filter(pk=row.pk).update(state="PENDING")
    assert _prune(capsys, MONDAY + KEPT + DAY)["copies"] == 0
    assert Delivery.objects.filter(upto=1).count() == 3


def test_a_crash_between_waves_leaves_whole_ones_and_the_next_run_goes_on(ledger, monkeypatch):
    real, calls = retention._drop, []

    def crash_at_the_second(which):
        calls.append(which)
        gone = real(which)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return gone

    monkeypatch.setattr(retention, "_drop", crash_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        delivery.prune(before=MONDAY + 3 * DAY)
    assert Delivery.objects.count() == 9
    assert audit().findings == []
    monkeypatch.undo()
    assert delivery.prune(before=MONDAY + 3 * DAY) == 6
    assert audit().findings == []


def test_pruning_at_the_shortest_setting_repeats_no_paper(ledger, capsys, settings):
    """45 days: a paper comes again at most 30 days after it was listed, and a window reaches 14 days back."""
    settings.KEEP_COPIES = timedelta(days=45)
    row = paper("A robot of every day", at=MONDAY + DAYS * DAY)
    now = MONDAY + DAYS * DAY + timedelta(hours=1)
    issues.close(now=now)
    editions.plan(now=now + timedelta(hours=3))
    Delivery.objects.filter(state="PENDING").update(state="SENT", as_of=now, settled_at=now)
    issue = issues.open_issue(now=now)
    for day in range(1, 60):
        at = now + day * DAY
        _prune(capsys, at)
        if day == 30:
            curation.pin(row.candidates.get(), scope=PinScope.MATCHING, by="ed", now=at)
        issue = issues.close(now=at)
        editions.plan(now=at + timedelta(hours=3))
        for copy in Delivery.objects.filter(state="PENDING"):
            assert row.pk not in [pick[1] for pick in copy.edition.picks]
    assert issue.number > 50 and not Delivery.objects.filter(upto=5).exists()
    assert audit().findings == []


def test_the_edition_without_papers_stays_for_the_notes_to_come(ledger, capsys):
    empty = Edition.objects.create(key="0" * 64, picks=[], created_at=MONDAY)
    _prune(capsys, MONDAY + KEPT + 9 * DAY)
    assert list(Edition.objects.all()) == [empty]


def test_service_mails_notices_runs_sign_ups_counters_and_log_ins_age_out_each_by_its_rule(capsys):
    now = MONDAY + KEPT + DAY
    young = now - timedelta(days=5)
    rows = {"kind": "LINK", "lane": 0, "due_at": MONDAY}
    Delivery.objects.create(**rows, state="SENT", created_at=MONDAY)
    waits = Delivery.objects.create(**rows, state="PENDING", created_at=MONDAY)
    kept = Delivery.objects.create(**rows, state="SENT", created_at=young)
    for key, at, applied in (("old", MONDAY, MONDAY), ("waits", MONDAY, None), ("new", young, young)):
        Event.objects.create(provider="esp", key=key, type="delivered", received_at=at, applied_at=applied)
    for at in (now - timedelta(days=91), now - timedelta(days=89)):
        Run.objects.create(stage="send", as_of=at, started_at=at)
    for days in (90, 89, 0):
        Allowance.objects.create(scope="confirm", key="k", day_on=(now - timedelta(days=days)).date(), used=1)
    for name, days in (("a", 8), ("b", 6)):
        Subscriber.objects.create(
            address=f"{name}@example.org", address_key=name, created_at=MONDAY, confirm_expires_at=now - timedelta(days=days)
        )
    for key, days in (("x" * 32, -1), ("y" * 32, 1)):
        Session.objects.create(session_key=key, session_data="", expire_date=now + timedelta(days=days))
    report = _prune(capsys, now)
    parts = ("events", "copies", "editions", "runs", "unconfirmed", "allowances", "sessions")
    assert {name: report[name] for name in parts} == dict.fromkeys(parts, 1) | {"editions": 0}
    assert set(Delivery.objects.all()) == {waits, kept}
    assert set(Event.objects.values_list("key", flat=True)) == {"waits", "new"}
    assert set(Subscriber.objects.values_list("address_key", flat=True)) == {"b"}


def test_no_limit_looks_further_back_than_counters_are_kept():
    limits = [value for value in vars(consent).values() if isinstance(value, allowances.Limit)]
    assert len(limits) > 3 and max(limit.over_days for limit in limits) <= allowances.LONGEST_DAYS
    assert subscribers.forget_allowances(now=MONDAY) == 0


def _steps(act) -> int:
    """Of SQLite's machine, in thousands."""
    taken = []
    connection.connection.set_progress_handler(lambda: taken.append(1), 1_000)
    try:
        act()
    finally:
        connection.connection.set_progress_handler(None, 0)
    return len(taken)


@pytest.mark.sqlite
def test_what_asks_for_the_copies_of_editions_reads_the_ledger_once():
    """No index leads from an edition to its copies: twice the ledger is twice the work, not four times."""
    steps = []
    run = Run.objects.create(stage="plan", as_of=MONDAY, started_at=MONDAY)
    shared = {"kind": "DIGEST", "lane": 1, "slot_on": MONDAY.date(), "due_at": MONDAY, "after": 0, "upto": 1, "run": run}
    for _ in range(2):
        first = Edition.objects.count()
        picks = [[[number, 1, 1, ""]] for number in range(first, first + 2_000)]
        rows = [Edition(key=edition_key(each), picks=each, created_at=MONDAY) for each in picks]
        copies = [
            Delivery(**shared, subscriber_id=place, run_seq=place + 1, state="SENT", created_at=MONDAY, edition=row)
            for place, row in enumerate(Edition.objects.bulk_create(rows), start=first)
        ]
        Delivery.objects.bulk_create(copies)
        asked = [
            lambda: list(edition_breaches(1)),
            lambda: editions.prune(before=MONDAY + DAY),
            lambda: editions.prune(before=MONDAY + DAY, dry_run=True),
        ]
        steps.append([_steps(act) for act in asked])
    assert Edition.objects.count() == 4_000
    assert all(twice < 3 * once for once, twice in zip(*steps, strict=True)), steps
