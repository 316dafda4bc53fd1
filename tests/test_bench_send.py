"""The bench of sending: real workers and a sink on PostgreSQL, told apart from what is missing to run it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from bench import send
from bench.send import Taken

ROOT = Path(__file__).parents[1]


@pytest.mark.sqlite
def test_without_postgresql_it_says_what_to_set():
    with pytest.raises(CommandError, match="DATABASE_URL=postgresql://"):
        call_command("bench", "send")


@pytest.mark.postgresql
@pytest.mark.parametrize(
    ("missing", "said"), [("html2text", "pip install"), ("smtp-source", "postfix"), ("yard", "PAPERROUND_YARD")]
)
def test_what_is_missing_is_named_before_anything_is_started(missing, said, monkeypatch):
    monkeypatch.setattr(send.mails, "_html2text", lambda: None if missing == "html2text" else str)
    monkeypatch.setattr(send.shutil, "which", lambda name: None if missing == "smtp-source" else name)
    monkeypatch.setenv("PAPERROUND_YARD", "")
    with pytest.raises(CommandError, match=said):
        call_command("bench", "send", copies=1)


def taken(case, **figures):
    return Taken(case, [{name: float(value) for name, value in figures.items()}])


def test_what_misses_its_demand_is_named():
    ours = {"send_us": 500, "ledger_us": 200, "celery_us": 30, "cpu_us": 800, "statements_per_mail": 0.15, "mails_per_s": 900}
    cases = {
        "naive": taken("naive", cpu_us=24_000),
        "ours": taken("ours", **ours),
        "ours, old snapshot": taken("ours, old snapshot", **ours | {"ledger_us": 400}),
        send.SOURCE: taken(send.SOURCE, mails_per_s=1800),
    }
    row = send._judged(cases, {"grown_percent": 12.0})
    assert (row["send_times_less_cpu"], row["whole_times_less_cpu"], row["mails_per_s_of_smtp_source"]) == (48, 30, 0.5)
    assert row["missed"] == ["ledger_and_celery_share", "memory_grown_percent"]


def test_time_outside_the_sending_is_the_ledgers_and_outside_the_task_celerys():
    told = {"task": 8.0, "sending": 7.0, "ledger": 2.0, "journal": 0.5, "statements": 15, "octets": 5500, "mails": 100}
    figures = send._figures(told, 100, 9.0)
    parts = [figures[f"{name}_us"] for name in ("send", "journal", "ledger", "celery")]
    assert parts == [45_000, 5_000, 30_000, 10_000]
    assert sum(parts) == figures["cpu_us"]
    assert (figures["statements_per_mail"], figures["octets"]) == (0.15, 55)


@pytest.mark.postgresql
@pytest.mark.django_db
def test_real_workers_send_a_small_morning_and_leave_nothing_behind(tmp_path):
    yard = os.environ.get("PAPERROUND_YARD", "")
    if not (yard and shutil.which(send.SOURCE) and os.environ.get("REDIS_URL")):
        pytest.skip("needs PAPERROUND_YARD, REDIS_URL and smtp-source of the package postfix")
    env = {**os.environ, "PAPERROUND_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    code = "import sys, types; sys.modules.setdefault('html2text', types.SimpleNamespace(html2text=lambda html: 'text')); "
    code += "import django; django.setup(); from bench import send; send.CONFIRMATIONS = 1; "
    code += "import json; print(json.dumps(send.measure(copies=130, rounds=1, naive=1)))"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=env, stdout=PIPE, stderr=PIPE, text=True) as bench:
        said, complained = bench.communicate(timeout=300)
    assert bench.returncode == 0, complained[-2000:]
    rows = {row["case"]: row for row in json.loads(said.splitlines()[-1])}
    for case in ("ours", "ours, old snapshot"):
        assert 50_000 < rows[case]["octets"] < 60_000
        assert rows[case]["statements_per_mail"] > 0
        assert rows[case]["cpu_us"] > rows[case]["send_us"] > 0
    assert rows["a confirmation with 650 digests due"]["digests_still_due"] < 650
    assert rows["demands"]["whole_times_less_cpu"] > 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [f"paperround_bench_{bench.pid}"])
        assert cursor.fetchone() == (0,)
