"""One supervisor per data folder: run.lock, held by flock for as long as the process lives, and what a dead one left."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import signal
import time
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

from newsletter.management.supervision.site import Site, need_folders

RUN_VARIABLE = "PAPERROUND_RUN"


@dataclass
class Held:
    """The lock while it is ours. `token` is in the environment of every child, which is how orphans are known."""

    file: TextIOWrapper
    token: str

    def release(self) -> None:
        """The file stays, empty: removing it would let two supervisors hold two files of one name."""
        self.file.truncate(0)
        self.file.close()


def take(here: Site) -> Held | None:
    """The lock, or None when another supervisor has it. Raises CannotStart when the folder cannot be written.

    The file holds {"pid", "url", "token"}, and the token of the run before, whose orphans may still be there.
    """
    need_folders(here)
    file = (here.data / "run.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    before = _read(here).get("token", "")
    token = secrets.token_hex(8)
    file.truncate(0)
    json.dump({"pid": os.getpid(), "url": here.public_url, "token": token, "before": before}, file)
    file.flush()
    return Held(file, token)


def _read(here: Site) -> dict[str, str]:
    try:
        return dict(json.loads((here.data / "run.lock").read_text()))
    except (OSError, ValueError):
        return {}


def url_of_the_running(data: Path) -> str:
    """The address of the supervisor that holds this data folder's lock now, or ''."""
    try:
        with (data / "run.lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(OSError, ValueError):
            return str(json.loads((data / "run.lock").read_text()).get("url", ""))
    except OSError:
        return ""
    return ""


def where_the_first_is(here: Site) -> str:
    """What a second start says."""
    first = _read(here)
    pid = first.get("pid", "?")
    return (
        f"Paper Round is running already, at {first.get('url', here.public_url)}/ (process {pid}, data in {here.data}).\n"
        f"End it with: kill {pid}. To start another, give it a folder and a port: PAPERROUND_DATA=... PORT=... bin/run"
    )


def end_left_overs(here: Site, *, patience_s: float = 3.0) -> None:
    """Ends the children of a supervisor that was killed. Needs the lock. Without /proc there is nothing to find."""
    token = _read(here).get("before")
    orphans = _with_token(str(token)) if token else []
    for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, 1.0)):
        for pid in orphans:
            _signal(pid, number)
        deadline = time.monotonic() + wait_s
        while orphans and time.monotonic() < deadline:
            time.sleep(0.05)
            orphans = [pid for pid in orphans if pid in _with_token(str(token))]


def _with_token(token: str) -> list[int]:
    """Processes whose environment at their start held this token: no reused process id can be mistaken for ours."""
    wanted = f"{RUN_VARIABLE}={token}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if wanted in path.read_bytes().split(b"\0"):
                found.append(int(path.parent.name))
        except OSError:
            continue  # gone, or another user's
    return [pid for pid in found if pid != os.getpid()]


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
