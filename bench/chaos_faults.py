"""What goes wrong in a play, and when."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from bench.chaos_servers import Broker, PostgreSQL, Program
from bench.chaos_worker import LEASE

EVERY_S = 0.5
_AWAY_S = 1.0  # the broker
_ANSWER_S = 0.1  # in which the server is done with a mail
_ANSWERS = (1, 6)  # of its slice a sender has before it is killed: they are in its journal and not yet in the ledger


@dataclass
class LastSlice:
    """What a journal says of the slice that its process is at: begun and not answered, answered with SENT."""

    token: str
    in_flight: set[int] = field(default_factory=set)
    sent: set[int] = field(default_factory=set)
    answers: int = 0

    def is_at(self, depth: int) -> bool:
        """A mail is on its way, or was, and so many are answered."""
        return bool(self.in_flight or self.answers) and self.answers >= depth


def last_slice(text: str) -> LastSlice | None:
    """None between two slices."""
    found: LastSlice | None = None
    for line in text.splitlines():
        match json.loads(line):
            case ["slice", str(token)]:
                found = LastSlice(token)
            case ["begin", int(pk)] if found:
                found.in_flight.add(pk)
            case ["done", int(pk), {"state": state}] if found:
                found.in_flight.discard(pk)
                found.answers += 1
                found.sent |= {pk} if state == "SENT" else set()
            case ["settled", _]:
                found = None
    return found


class Faults:
    """A kill every half second, of a process in the middle of a slice; between them, for every ten kills, the other faults.

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
        self.killed = self.whole_workers = self.senders_killed = self.wiped = self.restarted = self.ended = 0
        self._depth = self._dice.randint(*_ANSWERS)
        self._ice: dict[int, str] = {}
        self.thawed: dict[str, float] = {}
        self.dead: list[LastSlice] = []

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
            "killed_in_flight": sum(len(part.in_flight) for part in self.dead),
            "killed_with_answers": sum(len(part.sent) for part in self.dead),
            "ended_by_themselves": self.ended,
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
                self.ended += program.process is not None and program.process.returncode != -signal.SIGKILL
                program.kill()  # what is left of its group
                program.start()

    def _senders(self, journals: Path, depth: int = 0) -> dict[int, Path]:
        """Living processes so deep in a slice, by their journals; those on ice left out."""
        found = {}
        for path in journals.glob("*.journal"):
            pid = int(path.name.partition("-")[0])
            with suppress(ProcessLookupError, FileNotFoundError, ValueError):
                if pid not in self._ice and self._worker_of(pid) and (part := last_slice(path.read_text())) and part.is_at(depth):
                    found[pid] = path
        return found

    def _worker_of(self, pid: int) -> Program | None:
        group = os.getpgid(pid) if _runs(pid) else None  # a dead one not yet buried has a group too
        return next((worker for worker in self._workers if worker.alive() and worker.pid == group), None)

    def _kill(self, journals: Path) -> bool:
        senders = self._senders(journals, self._depth)
        if not senders:
            return False
        pid = self._dice.choice(sorted(senders))
        with suppress(ProcessLookupError, FileNotFoundError), ExitStack() as files:
            worker = self._worker_of(pid)
            whole = self.killed % 4 == 3 and worker not in map(self._worker_of, self._ice)
            dying = [other for other in senders if self._worker_of(other) is worker] if whole else [pid]
            opened = [files.enter_context(senders[other].open()) for other in dying]
            if whole and worker:
                worker.kill()
            elif not self._kill_one(pid, opened[0]):
                return False
            self._depth = self._dice.randint(*_ANSWERS)
            self.killed += 1
            self.whole_workers += whole
            self.senders_killed += self.SENDERS if whole else 1
            for other, file in zip(dying, opened, strict=True):
                self._note_last_words(other, file)
            return True
        return False

    def _kill_one(self, pid: int, journal: TextIO) -> bool:
        """Every other one while its mail is on its way: the server has taken it, and nobody is there to hear so."""
        if self.killed % 2 == 0:
            os.kill(pid, signal.SIGSTOP)
            part = last_slice(journal.read())
            if not (part and part.in_flight):
                os.kill(pid, signal.SIGCONT)
                return False
            time.sleep(_ANSWER_S)
            journal.seek(0)
        os.kill(pid, signal.SIGKILL)
        return True

    def _note_last_words(self, pid: int, file: TextIO) -> None:
        """Read once it is dead, from the file as it was opened before: a recovery may remove its name."""
        while _runs(pid):
            time.sleep(0.002)
        if part := last_slice(file.read()):
            self.dead.append(part)

    def _freeze(self, journals: Path) -> bool:
        senders = self._senders(journals)
        if not senders:
            return False
        pid = self._dice.choice(sorted(senders))
        with suppress(ProcessLookupError, FileNotFoundError, ValueError):
            os.kill(pid, signal.SIGSTOP)
            if part := last_slice(senders[pid].read_text()):
                self._ice[pid] = part.token
                self._in(LEASE.total_seconds() + 0.5, lambda: self._thaw(pid))
                return True
            os.kill(pid, signal.SIGCONT)  # it was between two slices: another one, or a moment later
        return False

    def _thaw(self, pid: int) -> None:
        token = self._ice.pop(pid)
        if _runs(pid):
            self.thawed[token] = time.time()
            os.kill(pid, signal.SIGCONT)
        else:  # its worker ended by itself, as Celery does when the broker goes at the wrong moment: another one
            self._due.insert(0, (0, self._freeze))

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


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"
