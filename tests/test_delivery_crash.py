"""A crash is told apart by the journal: answered -> its outcome, in flight -> UNCERTAIN, not begun -> PENDING."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from delivery_rows import NOW, digests, edition, readers
from delivery_smtp import smtp_server

from newsletter import delivery
from newsletter.delivery import journal, ledger
from newsletter.models import Delivery

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def data(settings, tmp_path):
    settings.PAPERROUND_DATA = tmp_path
    return tmp_path


def claimed(number: int) -> list[int]:
    digests(readers(number), edition())
    return sorted(ledger.claim(token="dead", limit=64, at=NOW))


def journal_of(folder: Path, *lines: object, boot: str | None = None) -> Path:
    path = folder / "journals" / "1-dead.journal"
    path.parent.mkdir(exist_ok=True)
    head = [["boot", boot or journal.boot_id()], ["slice", "dead"]]
    path.write_text("".join(json.dumps(line) + "\n" for line in [*head, *lines]))
    return path


def outcomes() -> list[tuple[str, str]]:
    return list(Delivery.objects.order_by("pk").values_list("state", "reason"))


@pytest.mark.django_db
def test_recovery_believes_outcomes_doubts_what_was_in_flight_and_returns_the_rest(data):
    a, b, c, d, _ = claimed(5)
    again = {"state": "PENDING", "reason": "SMTP 451", "due_at": (NOW + timedelta(minutes=1)).isoformat(), "tried": True}
    path = journal_of(
        data,
        ["begin", a], ["done", a, {"state": "SENT", "provider_id": "p-1"}],
        ["begin", b], ["done", b, {"state": "FAILED", "reason": "SMTP 550"}],
        ["begin", c], ["done", c, again],
        ["begin", d],
    )  # fmt: skip
    report = delivery.recover(now=NOW)
    assert outcomes() == [
        ("SENT", ""),
        ("FAILED", "SMTP 550"),
        ("PENDING", "SMTP 451"),
        ("UNCERTAIN", "IN_FLIGHT"),
        ("PENDING", ""),
    ]
    assert (report.journals, report.sent, report.failed, report.uncertain, report.pending) == (1, 1, 1, 1, 2)
    assert Delivery.objects.get(pk=a).provider_id == "p-1"
    assert Delivery.objects.get(pk=c).attempts == 1
    assert not path.exists()
    assert delivery.recover(now=NOW) == delivery.RecoverReport()


@pytest.mark.django_db
def test_a_line_torn_by_the_crash_is_no_line(data):
    [a] = claimed(1)
    path = journal_of(data)
    path.write_text(path.read_text() + f'["begin",{a}')
    delivery.recover(now=NOW)
    assert outcomes() == [("PENDING", "")]


@pytest.mark.django_db
def test_after_a_reboot_the_whole_slice_is_uncertain(data):
    a, _ = claimed(2)
    journal_of(data, ["begin", a], ["done", a, {"state": "SENT"}], boot="another")
    delivery.recover(now=NOW)
    assert outcomes() == [("UNCERTAIN", "REBOOT")] * 2


@pytest.mark.django_db
def test_the_living_are_left_alone_and_time_alone_only_makes_uncertain(data):
    claimed(2)
    living = journal.Journal.open(data / "journals", "living")
    living.slice("dead")
    assert delivery.recover(now=NOW + timedelta(minutes=15)) == delivery.RecoverReport()
    assert delivery.recover(now=NOW + timedelta(minutes=16)).swept == 2
    assert outcomes() == [("UNCERTAIN", "ABANDONED")] * 2
    living.close(keep=False)


@pytest.mark.django_db
def test_a_journal_whose_claim_may_still_be_committing_is_kept_for_a_minute(data):
    path = journal_of(data)
    assert delivery.recover(now=NOW).journals == 0
    assert delivery.recover(now=NOW).journals == 0, "two recoveries in one moment are one look"
    claimed(2)
    assert delivery.recover(now=NOW + timedelta(seconds=1)).pending == 2
    assert not path.exists()


@pytest.mark.django_db
def test_a_journal_whose_claim_never_came_is_removed_a_minute_after_the_first_look(data):
    path = journal_of(data)
    looks = [delivery.recover(now=NOW + timedelta(seconds=passed)).journals for passed in (0, 59, 60, 61)]
    assert looks == [0, 0, 1, 0]
    assert not path.exists()


def test_an_empty_journal_taken_for_a_dead_one_is_opened_anew(data, monkeypatch):
    folder, lock, stolen = data / "journals", journal.fcntl.flock, []

    def steal_once(descriptor, how):
        if not stolen:
            stolen.append(True)
            (folder / "mine.journal").unlink()
        lock(descriptor, how)

    monkeypatch.setattr(journal.fcntl, "flock", steal_once)
    mine = journal.Journal.open(folder, "mine")
    monkeypatch.undo()
    assert mine.path.read_text() == json.dumps(["boot", journal.boot_id()], separators=(",", ":")) + "\n"
    with journal.take(mine.path) as dead:
        assert dead is None, "its owner lives"
    mine.close(keep=True)
    with journal.take(mine.path) as dead:
        assert dead is not None


SETUP = """
import django, json, sys
django.setup()
from dataclasses import asdict
from delivery_rows import NOW, digests, edition, readers
from newsletter import delivery
from newsletter.models import Delivery
"""
PREPARE = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
digests(readers(40), edition())
"""
SEND = "delivery.send(now=NOW)"
RECOVER = "print(json.dumps(asdict(delivery.recover(now=NOW))))"
FINISH = """
first = delivery.recover(now=NOW)
sent = delivery.send(now=NOW)
again = delivery.recover(now=NOW)
states = list(Delivery.objects.values_list("public_id", "state"))
print(json.dumps([asdict(first), asdict(sent), asdict(again), states]))
"""


def command(code: str) -> list[str]:
    return [sys.executable, "-c", SETUP + code]


def run(environment: dict[str, str], code: str) -> str:
    done = subprocess.run(command(code), env=environment, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kill_nine_in_the_middle_of_a_slice_loses_nothing_and_repeats_nothing(tmp_path):
    in_flight, release = threading.Event(), threading.Event()

    def stall_at_the_tenth(_: str) -> str | None:
        if server.began == 10 and not release.is_set():
            in_flight.set()
            release.wait(60)
        return None

    with smtp_server(data=stall_at_the_tenth) as server:
        environment = {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "PAPERROUND_DATA": str(tmp_path),
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PUBLIC_URL": "https://papers.example.org",
            "MAIL_URL": server.url.replace("timeout=5", "timeout=90"),
        }
        run(environment, PREPARE)
        sender = subprocess.Popen(command(SEND), env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)
        try:
            assert in_flight.wait(60)
            assert not any(json.loads(run(environment, RECOVER)).values()), "its owner lives: nothing is taken from it"
        finally:
            sender.send_signal(signal.SIGKILL)
            sender.wait(10)
            release.set()
        first, sent, again, rows = json.loads(run(environment, FINISH))
    assert first == {"journals": 1, "sent": 9, "failed": 0, "uncertain": 1, "pending": 30, "swept": 0}
    assert sent["sent"] == 30
    assert not any(again.values())
    assert Counter(state for _, state in rows) == {"SENT": 39, "UNCERTAIN": 1}
    ids = [line for _, content in server.mails for line in content.split(b"\r\n") if line.lower().startswith(b"message-id:")]
    assert len(ids) == len(set(ids)) == 40, "the one in flight was taken by the server, and by no second try"
