"""Load on a web server: an open loop, and what the processes behind it spent.

A request leaves at its time whether or not the ones before it were answered, and its latency counts from that time: a server
that stalls is not spared the requests that it kept waiting.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 30.0
_TICKS = 100  # a second, by which Linux counts


@dataclass(frozen=True, slots=True)
class Shot:
    """One GET: when it leaves, in seconds from the start."""

    at_s: float
    page: str
    path: str
    headers: tuple[str, ...] = ()

    def wire(self, port: int) -> bytes:
        lines = [f"GET {self.path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close", "Accept: text/html"]
        return "\r\n".join([*lines, "Accept-Encoding: gzip", *self.headers, "", ""]).encode()


@dataclass(frozen=True, slots=True)
class Answered:
    """status 0: nobody answered, or not to the end. ms: from the time it was to leave to its last byte."""

    page: str
    status: int
    ms: float


class Spent:
    """Milliseconds of processor that some processes have had since; what came to an end in between is missed."""

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        """pids: who they are, asked now and when it is counted."""
        self._pids = pids
        self._before = {pid: _ticks(pid) for pid in pids()}

    def ms(self) -> float:
        ticks = sum(_ticks(pid) - self._before.get(pid, 0) for pid in self._pids())
        return ticks * 1_000 / _TICKS


def fire(port: int, shots: Sequence[Shot]) -> list[Answered]:
    """All of them, each at its time."""
    return asyncio.run(_fire(port, shots))


async def _fire(port: int, shots: Sequence[Shot]) -> list[Answered]:
    begun = time.perf_counter()
    waiting = []
    for shot in sorted(shots, key=lambda shot: shot.at_s):
        await asyncio.sleep(max(0.0, begun + shot.at_s - time.perf_counter()))
        waiting.append(asyncio.create_task(_one(port, shot, begun)))
    return list(await asyncio.gather(*waiting))


async def _one(port: int, shot: Shot, begun: float) -> Answered:
    try:
        status = await asyncio.wait_for(_status(port, shot), PATIENCE_S)
    except (OSError, TimeoutError, ValueError):
        status = 0
    return Answered(shot.page, status, (time.perf_counter() - begun - shot.at_s) * 1_000)


async def _status(port: int, shot: Shot) -> int:
    """Of an answer that came whole. A connection of its own, as from one more visitor."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(shot.wire(port))
        head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    finally:
        writer.close()
    lines = head.decode("latin-1").lower().split("\r\n")
    length = next((int(line.partition(":")[2]) for line in lines if line.startswith("content-length:")), None)
    return int(lines[0].split()[1]) if lines[0] and length in {None, len(body)} else 0


def family(pid: int) -> list[int]:
    """That process and its descendants; itself alone where there is no /proc."""
    found = [pid]
    for one in found:
        for file in Path(f"/proc/{one}/task").glob("*/children"):
            found += map(int, file.read_text().split())
    return found


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
