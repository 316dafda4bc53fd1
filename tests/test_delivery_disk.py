"""A full disk: a clear sentence, nothing marked sent that was not, and what is due leaves once there is room."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from delivery_rows import NOW, digests, edition, readers
from delivery_smtp import smtp_server

from newsletter import delivery
from newsletter.delivery import journal
from newsletter.models import Delivery

ROOT = Path(__file__).resolve().parent.parent
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture(autouse=True)
def data(settings, tmp_path):
    settings.PAPERROUND_DATA = tmp_path
    settings.MAIL_URL = "file:"
    return tmp_path


class Disk:
    """Takes the lines that `fits` says it has room for; of the first that it has not, only the beginning."""

    def __init__(self, monkeypatch, fits):
        self.fits, self.torn, self._write = fits, False, os.write
        monkeypatch.setattr(journal.os, "write", self.write)

    def write(self, descriptor, data):
        if not self.torn and self.fits(data):
            return self._write(descriptor, data)
        if self.torn:
            raise FULL
        self.torn = True
        return self._write(descriptor, data[: len(data) // 2])


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


@pytest.mark.django_db
@pytest.mark.parametrize("line", ["boot", "slice"])
def test_without_room_for_a_journal_nothing_is_claimed(data, monkeypatch, line):
    digests(readers(2), edition())
    Disk(monkeypatch, fits=lambda data: line.encode() not in data)
    report = delivery.send(now=NOW)
    assert "No space left on device" in report.stopped and str(data) in report.stopped and "make room" in report.stopped
    assert (report.sent, states()) == (0, ["PENDING"] * 2)
    monkeypatch.undo()
    assert delivery.send(now=NOW).sent == 2
    assert not list((data / "journals").iterdir())


@pytest.mark.django_db
@pytest.mark.parametrize("connections", [1, 2])
def test_a_mail_whose_line_does_not_fit_is_not_begun_and_the_run_ends(settings, monkeypatch, connections):
    rows = digests(readers(9), edition())
    Disk(monkeypatch, fits=lambda data: data != b'["begin",%d]\n' % rows[4].pk)
    with smtp_server() as server:
        settings.MAIL_URL = f"{server.url}&connections={connections}"
        report = delivery.send(now=NOW)
        assert "No space left" in report.stopped
        assert len(server.mails) == states().count("SENT") == report.sent < 9  # the other line may be ahead
        assert states().count("PENDING") == 9 - report.sent, "none of them failed, none is in doubt"
        assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
        monkeypatch.undo()
        assert delivery.send(now=NOW).sent == 9 - report.sent
    assert len({recipient for recipient, _ in server.mails}) == len(server.mails) == 9


@pytest.mark.django_db
def test_an_answer_that_does_not_fit_is_in_the_ledger_all_the_same(monkeypatch, settings):
    rows = digests(readers(5), edition())
    Disk(monkeypatch, fits=lambda data: not data.startswith(b'["done",%d' % rows[2].pk))
    with smtp_server() as server:
        settings.MAIL_URL = server.url
        report = delivery.send(now=NOW)
    assert "No space left" in report.stopped
    assert states() == ["SENT"] * 3 + ["PENDING"] * 2
    assert len(server.mails) == report.sent == 3


@pytest.mark.django_db
def test_an_outbox_without_room_keeps_the_mail_waiting(data, monkeypatch):
    digests(readers(2), edition())
    monkeypatch.setattr(Path, "write_bytes", lambda self, wire: (_ for _ in ()).throw(FULL))
    report = delivery.send(now=NOW)
    assert "No space left" in report.stopped and "make room" in report.stopped
    assert (states(), set(Delivery.objects.values_list("attempts", flat=True))) == (["PENDING"] * 2, {0})
    monkeypatch.undo()
    assert delivery.send(now=NOW).sent == 2


SEND = """
import django, json, resource, signal, sys
django.setup()
from django.core.management import call_command
from delivery_rows import NOW, digests, edition, readers
from newsletter import delivery
from newsletter.models import Delivery
call_command("migrate", verbosity=0)
digests(readers(30), edition())
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
first = resource.getrlimit(resource.RLIMIT_FSIZE)
write, stopped = delivery.journal.os.write, []
def limited(descriptor, data):  # the kernel's own limit, on the journal alone: the database needs its room to settle
    resource.setrlimit(resource.RLIMIT_FSIZE, (700, first[1]))
    try:
        return write(descriptor, data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, first)
delivery.journal.os.write = limited
report = delivery.send(now=NOW)
delivery.journal.os.write = write
print(json.dumps([report.stopped, report.sent, list(Delivery.objects.values_list("state", flat=True))]))
"""


def test_a_real_limit_on_the_size_of_files_ends_the_run_with_whole_figures(tmp_path):
    with smtp_server() as server:
        environment = {
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "PAPERROUND_DATA": str(tmp_path),
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PUBLIC_URL": "https://papers.example.org",
            "MAIL_URL": server.url,
        }
        command = [sys.executable, "-c", SEND]
        done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    stopped, sent, found = json.loads(done.stdout)
    assert "File too large" in stopped
    assert 0 < sent < 30
    assert sent == found.count("SENT") == len(server.mails)
    assert found.count("PENDING") == 30 - sent
