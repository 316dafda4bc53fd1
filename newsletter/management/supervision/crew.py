"""The children: each in a session of its own, its output in a log, started again when it dies, ended with the rest."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newsletter.management.supervision import screen
from newsletter.management.supervision.lock import RUN_VARIABLE
from newsletter.management.supervision.site import CannotStart, Site

ROUND_S = 0.1
PATIENCE_S = 8.0
STARTS_A_MINUTE = 6  # the first, and five times again
DEAF_S = 2.0  # the web server loses a TERM that comes in its first second, and stays deaf to the next
LOG_LIMIT_BYTES = 10_000_000
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


class Stopped(Exception):
    """A signal asked the supervisor to end."""


@dataclass
class Child:
    """One program that is to be running."""

    name: str
    argv: list[str]
    log: Path
    process: subprocess.Popen[bytes]
    started: deque[float] = field(default_factory=lambda: deque(maxlen=STARTS_A_MINUTE))
    swept: bool = False
    complained: bool = False

    def may_start(self, now: float) -> bool:
        return len(self.started) < STARTS_A_MINUTE or now - self.started[0] > 60

    def sweep(self) -> None:
        """Kills whatever is left of its group: pool processes outlive a killed worker."""
        _kill_group(self.process)
        self.swept = True


class Crew:
    """Starts, tends and ends the children. Every wait goes through `_round`, which raises Stopped once asked to end."""

    def __init__(self, here: Site, asked: Callable[[], int], token: str) -> None:
        self.here = here
        self.asked = asked
        self.children: list[Child] = []
        self.environment = {
            **os.environ,
            RUN_VARIABLE: token,
            "PAPERROUND_DATA": str(here.data),
            "PYTHONUNBUFFERED": "1",
            "PYTHONSAFEPATH": "1",  # no folder of the caller's comes before ours
            "PYTHONPATH": os.pathsep.join(filter(None, [str(here.root), os.environ.get("PYTHONPATH")])),
        }

    def start(self, name: str, argv: Sequence[str]) -> None:
        self._round(0)
        log = self.here.logs / f"{name}.log"
        child = Child(name, list(argv), log, self._spawn(argv, log))
        child.started.append(time.monotonic())
        self.children.append(child)

    def tend(self) -> None:
        """One round: what died is swept and started again, at most five times a minute."""
        self._round(ROUND_S)
        for child in self.children:
            if child.process.poll() is not None:
                self._again(child)

    def _again(self, child: Child) -> None:
        if not child.swept:
            child.sweep()
        now = time.monotonic()
        if child.may_start(now):
            screen.say(f"{child.name} ended ({_how(child.process.returncode)}) and is started again; see {child.log}")
            child.process, child.swept, child.complained = self._spawn(child.argv, child.log), False, False
            child.started.append(now)
        elif not child.complained:
            screen.complain(f"{child.name} ended {STARTS_A_MINUTE} times within a minute and waits; {child.log} says why.")
            child.complained = True

    def until(self, true: Callable[[], bool], *, seconds: float) -> bool:
        """Tends the children until something is true; False when the time is over."""
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                return False
            for _ in range(3):
                self.tend()
        return True

    def prepare(self, argv: Sequence[str]) -> dict[str, Any]:
        """Runs a program to its end with a line of progress every few seconds; what it printed, a JSON object."""
        answer, log, begun = self.here.logs / "prepare.json", self.here.logs / "prepare.log", time.monotonic()
        process = self._spawn(argv, log, answer=answer)
        told = 0
        screen.say("Preparing database and papers ...")
        try:
            while process.poll() is None:
                self.tend()
                if (passed := int((time.monotonic() - begun) // 5)) > told:
                    told = passed
                    screen.say(f"Preparing database and papers ... {told * 5} s")
        finally:
            _kill_group(process)
        facts = _object_in(answer) if process.returncode == 0 else None
        answer.unlink(missing_ok=True)  # it held a login link
        if facts is None:
            raise CannotStart(f"The database could not be prepared: {_last_line(log)} ({log} has the whole story.)")
        return facts

    def end(self) -> None:
        """Web, beat and worker first, then the broker, which the worker needs to hand back what it holds."""
        last = [child for child in self.children if child.name == "broker"]
        self._end_these([child for child in self.children if child not in last])
        self._end_these(last)
        self.children.clear()

    def _end_these(self, children: list[Child]) -> None:
        begun, asked = time.monotonic(), self.asked()
        waited_for = [child for child in children if not (child.name == "web" and begun - child.started[-1] < DEAF_S)]
        for child in waited_for:
            if child.process.poll() is None:
                child.process.terminate()
        while any(child.process.poll() is None for child in waited_for) and time.monotonic() - begun < PATIENCE_S:
            if self.asked() > max(asked, 1):
                break  # asked twice: now
            time.sleep(ROUND_S / 2)
        for child in children:
            child.sweep()

    def _round(self, seconds: float) -> None:
        if self.asked():
            raise Stopped
        time.sleep(seconds)

    def _spawn(self, argv: Sequence[str], log: Path, *, answer: Path | None = None) -> subprocess.Popen[bytes]:
        if log.exists() and log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as errors, (answer or log).open("ab") as output:
            return subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                cwd=self.here.root,
                env=self.environment,
                start_new_session=True,
                preexec_fn=_tied_to(os.getpid()),  # safe: this process has one thread
            )


def _tied_to(parent: int) -> Callable[[], None]:
    """On Linux a child gets TERM when the supervisor dies by a signal nobody can catch."""

    def tie() -> None:
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return tie


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody is left (macOS says it with the second)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _object_in(file: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(file.read_text()))
    except (OSError, ValueError):
        return None


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit {code}"


def _last_line(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return (lines or ["it said nothing"])[-1][:300]
