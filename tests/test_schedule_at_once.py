"""Schedulers that run at once plan once, and one that dies inside its wave leaves nothing: real processes, real kills."""

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from issue_rows import MONDAY, paper, reader
from threads import threads_share_the_database

from newsletter import editions, issues
from newsletter.delivery.audit import audit
from newsletter.models import Delivery, Run, Subscriber

ROOT = Path(__file__).resolve().parent.parent
SEVEN = MONDAY + timedelta(hours=4)
READERS = 60

SETUP = f"""
import django, json, time
django.setup()
from datetime import timedelta
from django.core.management import call_command
from issue_rows import MONDAY, paper, reader
from newsletter import editions, issues
from newsletter.delivery.audit import audit
from newsletter.models import Delivery, Edition, Issue, Run, Subscriber
SEVEN = MONDAY + timedelta(hours=4)
READERS = {READERS}
"""
SEED = """
call_command("migrate", verbosity=0)
for _ in range(READERS):
    reader("robot")
paper("A robot")
issues.close(now=MONDAY + timedelta(hours=1))
"""
DIES = """
def stall(*_):
    print("inside", Delivery.objects.count(), flush=True)
    time.sleep(60)
issues.count_prepared = stall
editions.plan(now=SEVEN)
"""
PLAN = """
print("ready", flush=True)
input()
print(json.dumps(editions.plan(now=SEVEN).prepared))
"""
LOOK = """
rows = [model.objects.count() for model in (Delivery, Edition, Run)]
slots = Subscriber.objects.filter(next_slot_at=SEVEN).count()
print(json.dumps([*rows, slots, Issue.objects.get(number=1).prepared, len(audit().findings)]))
"""


@pytest.fixture
def environment(transactional_db, tmp_path) -> dict[str, str]:
    """Of processes that share a database with rows: a file of their own, or the test's own on PostgreSQL."""
    given = {**os.environ, "PAPERROUND_DATA": str(tmp_path), "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    given |= {"DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": ""}
    if connection.vendor == "postgresql":
        facts = {"USER": "", "PASSWORD": "", "HOST": "127.0.0.1", "PORT": "5432"}
        user, password, host, port = (str(connection.settings_dict[name] or usual) for name, usual in facts.items())
        who = f"{user}:{password}@" if password else f"{user}@" if user else ""
        given["DATABASE_URL"] = f"postgresql://{who}{host}:{port}/{connection.settings_dict['NAME']}"
    run(given, SEED)
    return given


def start(environment: dict[str, str], code: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", SETUP + code]
    return subprocess.Popen(words, env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def run(environment: dict[str, str], code: str) -> str:
    process = start(environment, code)
    said, _ = process.communicate("\n", timeout=90)
    assert process.returncode == 0
    return said


def test_a_scheduler_killed_inside_its_wave_leaves_nothing_and_the_next_plans_it(environment):
    process = start(environment, DIES)
    try:
        assert process.stdout.readline() == f"inside {READERS}\n"
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
    assert json.loads(run(environment, LOOK)) == [0, 0, 0, READERS, 0, 0]
    assert json.loads(run(environment, PLAN).splitlines()[-1]) == READERS
    assert json.loads(run(environment, LOOK)) == [READERS, 1, 1, 0, READERS, 0]


def test_two_scheduler_processes_at_once_plan_once(environment):
    both = [start(environment, PLAN) for _ in range(2)]
    for process in both:
        assert process.stdout.readline() == "ready\n"
    for process in both:
        process.stdin.write("\n")
        process.stdin.flush()
    prepared = [json.loads(process.communicate(timeout=150)[0]) for process in both]
    assert sorted(prepared) == [0, READERS]
    assert json.loads(run(environment, LOOK)) == [READERS, 1, 2, 0, READERS, 0]


@pytest.mark.django_db(transaction=True)
def test_four_schedulers_in_threads_plan_once_wave_by_wave(tmp_path, monkeypatch):
    """Small waves, so that all of them plan: each copy belongs to one Run, and the Runs say how many there are."""
    monkeypatch.setitem(editions_waves(), connection.vendor, 7)
    for _ in range(READERS):
        reader("robot")
    paper("A robot")
    issues.close(now=MONDAY + timedelta(hours=1))
    with threads_share_the_database(tmp_path) as shared:
        shared.all_at_once(lambda _: editions.plan(now=SEVEN), times=4)

        def look() -> tuple[object, ...]:
            runs = Run.objects.filter(stage="plan")
            copies = Delivery.objects.values_list("subscriber", flat=True)
            due = Subscriber.objects.filter(next_slot_at__lte=SEVEN).count()
            return len(copies), len(set(copies)), sum(runs.values_list("prepared", flat=True)), due, audit().findings

        assert shared.ask(look) == (READERS, READERS, READERS, 0, [])


def editions_waves() -> dict[str, int]:
    waves: dict[str, int] = sys.modules["newsletter.editions.plan"].WAVES
    return waves
