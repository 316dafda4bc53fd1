"""What goes wrong in a play, and when."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from bench.chaos_servers import Broker, PostgreSQL, Program
from bench.chaos_worker import LEASE

EVERY_S = 0.5
_AWAY_S = 1.0  # the broker


class Faults:
    """A kill every half second of a process that holds a journal; between them, for every ten kills, the other faults.

    Every fourth kill takes a whole worker with all its processes. Nothing is killed that is frozen: it has to come back.
    """

    SENDERS = 2  # processes of a worker

    def __init__(
        self,
        workers: Sequence[Program],
        beat: Program,
        broker: Broker,
        database: PostgreSQL | None,
        *,
        kills: int,
        dice: random.Random,
    ) -> None:
        self._workers, self._beat, self._broker, self._database = workers, beat, broker, database
        self._to_kill, self._dice = kills, dice
        self._rounds = max(1, kills // 10)
        self._due = self._schedule()
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._next_s = time.monotonic() + EVERY_S
        self.killed = self.whole_workers = self.senders_killed = self.wiped = self.restarted = self.frozen = 0
        self._ice: dict[int, str] = {}
        self.thawed: dict[str, float] = {}

    def _schedule(self) -> list[tuple[float, Callable[[Path], bool]]]:
        """(after that many kills, act), in order."""
        step = self._to_kill / self._rounds
        acts = [(0.2, self._freeze), (0.5, self._wipe), *([(0.8, self._restart)] if self._database else [])]
        return [((number + share) * step, act) for number in range(self._rounds) for share, act in acts]

    def wanted(self) -> list[tuple[str, int]]:
        restarts = [("database_restarts", self._rounds)] if self._database else []
        return [("kills", self._to_kill), ("broker_wipes", self._rounds), ("thaws", self._rounds), *restarts]

    def counts(self) -> dict[str, int]:
        return {
            "kills": self.killed,
            "whole_workers": self.whole_workers,
            "senders_killed": self.senders_killed,
            "broker_wipes": self.wiped,
            "database_restarts": self.restarted,
            "thaws": len(self.thawed),
        }

    def over(self) -> bool:
        return self.killed >= self._to_kill and not (self._due or self._later or self._ice)

    def tend(self, journals: Path) -> None:
        """One look: what is due happens, and what has died is started again."""
        now_s = time.monotonic()
        for item in [item for item in self._later if item[0] <= now_s]:
            self._later.remove(item)
            item[1]()
        if self._due and self.killed >= self._due[0][0] and self._due[0][1](journals):
            self._due.pop(0)
        if self.killed < self._to_kill and now_s >= self._next_s and self._kill(journals):
            self._next_s = now_s + EVERY_S
        for program in (self._beat, *self._workers):
            if not program.alive():
                program.kill()  # what is left of its group
                program.start()

    def _senders(self, journals: Path) -> dict[int, Path]:
        """Living processes that hold a journal, those on ice left out."""
        found = {}
        for path in journals.glob("*.journal"):
            pid = int(path.name.partition("-")[0])
            with suppress(ProcessLookupError):
                if pid not in self._ice and any(os.getpgid(pid) == worker.pid for worker in self._workers if worker.alive()):
                    found[pid] = path
        return found

    def _kill(self, journals: Path) -> bool:
        senders = sorted(self._senders(journals))
        if not senders:
            return False
        pid = self._dice.choice(senders)
        with suppress(ProcessLookupError):
            [worker] = [each for each in self._workers if each.pid == os.getpgid(pid)]
            if self.killed % 4 == 3 and not any(os.getpgid(cold) == worker.pid for cold in self._ice):
                worker.kill()
                self.whole_workers += 1
                self.senders_killed += self.SENDERS
            else:
                os.kill(pid, signal.SIGKILL)
                self.senders_killed += 1
            self.killed += 1
            return True
        return False

    def _freeze(self, journals: Path) -> bool:
        senders = self._senders(journals)
        if not senders:
            return False
        pid = self._dice.choice(sorted(senders))
        with suppress(ProcessLookupError, FileNotFoundError):
            os.kill(pid, signal.SIGSTOP)
            lines = [json.loads(line) for line in senders[pid].read_text().splitlines()]
            open_slices = [line[1] for line in lines if line[0] == "slice"]
            if open_slices and lines[-1][0] in ("begin", "done"):
                self._ice[pid] = open_slices[-1]
                self._in(LEASE.total_seconds() + 0.5, lambda: self._thaw(pid))
                return True
            os.kill(pid, signal.SIGCONT)  # between two slices: another one, or a moment later
        return False

    def _thaw(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
            self.thawed[self._ice[pid]] = time.time()
        self._ice.pop(pid, None)

    def thaw_all(self) -> None:
        for pid in list(self._ice):
            self._thaw(pid)

    def _wipe(self, journals: Path) -> bool:
        self._broker.kill()
        self._in(_AWAY_S, self._broker.start)
        self.wiped += 1
        return True

    def _restart(self, journals: Path) -> bool:
        assert self._database is not None
        self._database.restart()
        self.restarted += 1
        return True

    def _in(self, seconds: float, act: Callable[[], None]) -> None:
        self._later.append((time.monotonic() + seconds, act))
