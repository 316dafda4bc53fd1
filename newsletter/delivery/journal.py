"""What a sending process knew at the moment it died: an append-only file, locked while its owner lives.

One file a run, in PAPERROUND_DATA/journals, held by `flock`, headed by the boot id. One JSON list a line:
    ["slice", token]                  written before the claim, so that no claimed row is without a journal
    ["begin", delivery id]            just before DATA or the provider's request
    ["done", delivery id, {...}]      the outcome, after the reply
    ["settled", token]                the ledger has it all
    ["looked", time]                  a recovery found no row of the last slice: its claim may still be committing
No fsync: the page cache outlives the process, and a machine that went down has another boot id. A lock survives
fork, so a journal is opened by the process that sends and closed before it can fork again.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """Names this boot of this machine. Where the kernel gives none: the minute it started, by the clock.

    A drifting clock then reads as another boot, which errs towards UNCERTAIN.
    """
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"minute-{(time.time() - time.monotonic()) // 60:.0f}"


class CannotWrite(Exception):
    """The journal takes no line, as on a full disk. `reason` is the remedy, one sentence."""

    def __init__(self, folder: Path, error: OSError) -> None:
        why = error.strerror or type(error).__name__
        self.reason = f"PAPERROUND_DATA: cannot write in {folder} ({why}); make room there, and what is due leaves by itself"
        super().__init__(self.reason)


class Journal:
    """The living side: what the owner appends. Every line is one write, so a killed owner leaves whole lines.

    Raises CannotWrite when a line could not be written whole; what it announced must not happen then.
    """

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self.path = path

    @classmethod
    def open(cls, folder: Path, name: str) -> Journal:
        """A new journal, locked. Raises CannotWrite when the folder cannot be written: then nothing may be claimed."""
        path = folder / f"{name}.journal"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            journal = cls(_opened(path), path)
        except OSError as error:
            raise CannotWrite(folder, error) from error
        try:
            journal._append(["boot", boot_id()])
        except CannotWrite:
            journal.close(keep=False)
            raise
        return journal

    def slice(self, token: str) -> None:
        self._append(["slice", token])

    def begin(self, delivery_id: int) -> None:
        self._append(["begin", delivery_id])

    def done(self, delivery_id: int, outcome: dict[str, Any]) -> None:
        self._append(["done", delivery_id, outcome])

    def settled(self, token: str) -> None:
        self._append(["settled", token])

    def close(self, *, keep: bool) -> None:
        """Lets go of the lock. keep: something is not in the ledger yet, and `recover` shall bring it there."""
        if not keep:
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)

    def _append(self, line: list[Any]) -> None:
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        try:
            written = os.write(self._descriptor, data)
            if written != len(data):  # the last bytes of a disk: the next write has the reason
                written += os.write(self._descriptor, data[written:])
            if written != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise CannotWrite(self.path.parent, error) from error


def _opened(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # a recovery took the empty file for a dead one in between, and removed it


@dataclass(slots=True)
class DeadSlice:
    """What a dead owner had written of one slice that it did not settle."""

    token: str
    begun: set[int] = field(default_factory=set)
    done: dict[int, dict[str, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class DeadJournal:
    """A journal whose owner is dead: this process holds its lock now."""

    same_boot: bool
    slices: list[DeadSlice]
    looked_at: datetime | None
    _descriptor: int
    _path: Path

    def look_again(self, now: datetime) -> None:
        """Keeps the file for a later recovery. On a full disk the first look is forgotten, and the file kept all the same."""
        if self.looked_at is None:
            with suppress(OSError):
                os.write(self._descriptor, json.dumps(["looked", now.isoformat()]).encode() + b"\n")

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


@contextmanager
def take(path: Path) -> Iterator[DeadJournal | None]:
    """The journal of a dead owner, locked for the length of the block; None while its owner lives or when it is gone."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        yield _locked(descriptor, path)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, path: Path) -> DeadJournal | None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    if not os.fstat(descriptor).st_nlink:
        return None
    lines = list(_lines(path.read_bytes()))
    boot = next((line[1] for line in lines if line[0] == "boot"), "")
    return DeadJournal(boot == boot_id(), _unsettled(lines), _looked_at(lines), descriptor, path)


def _looked_at(lines: list[list[Any]]) -> datetime | None:
    times = [line[1] for line in lines if line[0] == "looked" and len(line) == 2]
    return datetime.fromisoformat(times[0]) if times else None


def _lines(data: bytes) -> Iterator[list[Any]]:
    """Whole lines only: what a power cut tore is left out, and its boot id differs anyway."""
    for line in data.split(b"\n"):
        with suppress(ValueError):
            value = json.loads(line)
            if isinstance(value, list) and value:
                yield value


def _unsettled(lines: list[list[Any]]) -> list[DeadSlice]:
    open_slices: dict[str, DeadSlice] = {}
    current: DeadSlice | None = None
    for line in lines:
        match line:
            case ["slice", str(token)]:
                current = open_slices[token] = DeadSlice(token)
            case ["begin", int(delivery_id)] if current:
                current.begun.add(delivery_id)
            case ["done", int(delivery_id), dict(outcome)] if current:
                current.done[delivery_id] = outcome
            case ["settled", str(token)]:
                open_slices.pop(token, None)
    return list(open_slices.values())
