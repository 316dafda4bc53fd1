"""Real senders die in the middle of their slices, broker and database with them: nothing is lost, nothing leaves twice.

`manage.py bench chaos` plays the same with more copies; docs/operate.md says what its figures mean.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import chaos

ROOT = Path(__file__).resolve().parent.parent
ZEROS = ("lost", "twice", "stray", "wrong", "unfinished", "misjudged", "audit_findings", "begun_after_the_lease")


def played(stage: str, *, copies: int, kills: int) -> dict:
    if reason := chaos.missing(stage):
        pytest.skip(reason)
    row = chaos.row_of(stage, chaos.begin(stage, copies=copies, kills=kills, seed=1))
    assert row["failed"] == [], row
    assert row["ledger_check_exit"] == 0
    assert {name: row[name] for name in ZEROS} == dict.fromkeys(ZEROS, 0)
    assert row["planned"] == copies == row["sent"] + row["bounced"] + row["uncertain"]
    assert row["acknowledged"] >= row["sent"]
    assert 0 < row["uncertain"] <= row["uncertain_at_most"]
    faults = row["faults"]
    assert faults["kills"] == kills
    # A whole worker dies at every fourth kill, but for one that is frozen just then.
    planned = ("broker_wipes", "thaws", "temp", "perm", "busy", "drop-before", "drop-after")
    assert [name for name in planned if not faults[name]] == []
    assert faults["killed_in_flight"] + faults["killed_with_answers"] > 0, faults  # which of the two, the scheduler decides
    return row


@pytest.mark.long
@pytest.mark.worker
@pytest.mark.postgresql
@pytest.mark.timeout(600)
def test_killed_workers_an_empty_redis_and_a_restarted_postgresql_lose_nothing_and_repeat_nothing():
    assert played("postgresql", copies=500, kills=5)["faults"]["database_restarts"] == 1


@pytest.mark.long
@pytest.mark.worker
@pytest.mark.sqlite
@pytest.mark.timeout(600)
def test_a_killed_worker_and_an_empty_embedded_broker_lose_nothing_and_repeat_nothing_on_sqlite():
    played("sqlite", copies=250, kills=4)


@pytest.mark.worker
@pytest.mark.sqlite
def test_a_play_that_is_cut_off_leaves_no_process_and_no_folder():
    """Its starter dies by a signal nobody can catch, in the middle of setting up."""
    if reason := chaos.missing("sqlite"):
        pytest.skip(reason)
    code = "from bench import chaos; play = chaos.begin('sqlite', copies=50, kills=3, seed=1); print(play.pid, flush=True); play.wait()"
    starter = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        pid = int(starter.stdout.readline())
        folder = until(lambda: folder_of(pid))
        assert until(lambda: len(processes_in(folder)) >= 3), "the play, its broker, its SMTP server"
    finally:
        starter.kill()
        starter.wait()
    assert until(lambda: not processes_in(folder)), "every process is gone"
    assert until(lambda: not folder.exists())


def until(found, seconds: float = 60):
    deadline = time.monotonic() + seconds
    while not (value := found()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return value


def folder_of(pid: int) -> Path | None:
    """The play's folder, by the command line of its SMTP server."""
    for words in command_lines(parent=pid):
        for word in words:
            if "paperround-chaos-" in word and word.endswith("ledger.jsonl"):
                return Path(word).parent
    return None


def command_lines(*, parent: int | None = None) -> list[list[str]]:
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            status = (entry / "status").read_text()
        except OSError:
            continue
        if parent is None or f"PPid:\t{parent}\n" in status:
            found.append(words)
    return found


def processes_in(folder: Path) -> list[int]:
    """Processes that name the folder in their words or their environment, or write there."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            told = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            opened = [str(link.readlink()) for link in (entry / "fd").iterdir()]
        except OSError:
            continue
        if str(folder).encode() in told or any(path.startswith(str(folder)) for path in opened):
            found.append(int(entry.name))
    return found


def test_what_the_demands_do_not_allow_is_named():
    well = {**dict.fromkeys(ZEROS, 0), "uncertain": 3, "uncertain_at_most": 3, "faults": {"kills": 10}}
    assert chaos.failed(well, [("kills", 10)]) == []
    assert chaos.failed({**well, "twice": 1, "uncertain": 4}, [("kills", 10)]) == ["twice 1, 0 wanted", "uncertain 4, 3 at most"]
    assert chaos.failed({**well, "faults": {"kills": 9}}, [("kills", 10)]) == ["kills 9, 10 wanted"]


def test_the_bench_fails_where_it_cannot_measure(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name not in {"PAPERROUND_YARD", "DATABASE_URL"}}
    environment |= {"PAPERROUND_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    command = [sys.executable, "manage.py", "bench", "chaos", "--kills", "3", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "PAPERROUND_YARD" in done.stderr
    assert [row["stage"] for row in json.loads(done.stdout)["rows"]] == list(chaos.STAGES)
