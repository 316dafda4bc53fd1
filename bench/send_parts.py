"""What `bench send` starts and watches: the sink, real workers, an old snapshot; and what the kernel says they cost."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from celery import Celery
from django.conf import settings
from django.db import connection

_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def sink(script: Path) -> Iterator[int]:
    """A port where every mail is taken and thrown away."""
    port = free_port()
    started = subprocess.Popen([sys.executable, str(script), "smtp", str(port), "for=7200"], stdout=subprocess.PIPE)
    try:
        if started.stdout is None or not started.stdout.readline():
            raise RuntimeError(f"{script} does not start")
        yield port
    finally:
        _stop(started)


def _stop(started: subprocess.Popen[bytes]) -> None:
    started.terminate()
    try:
        started.wait(20)
    except subprocess.TimeoutExpired:
        started.kill()
        started.wait()


@dataclass
class Worker:
    """A running Celery worker with its pool processes."""

    main: int
    processes: int
    celery: Celery
    figures: Path
    samples: list[tuple[float, dict[int, float]]] = field(default_factory=list)
    _read: int = 0

    def pids(self) -> list[int]:
        return [self.main, *self.pool()]

    def pool(self) -> list[int]:
        """Its children; the main process only hands tasks to them."""
        return [int(pid) for pid in Path(f"/proc/{self.main}/task/{self.main}/children").read_text().split()]

    def ring(self) -> None:
        """One bell for each process, as beat and `plan` ring it."""
        for _ in range(self.processes):
            self.celery.send_task("newsletter.send", expires=60)

    def told(self) -> list[dict[str, Any]]:
        """The figures of the tasks that ended since the last call."""
        lines = self.figures.read_text().splitlines() if self.figures.exists() else []
        fresh, self._read = lines[self._read :], len(lines)
        return [json.loads(line) for line in fresh]


@contextmanager
def worker(environment: dict[str, str], processes: int, folder: Path) -> Iterator[Worker]:
    """A worker as Compose starts it, on this database and broker; watched until it is stopped."""
    prefix, figures, log = f"bench-send-{os.getpid()}", folder / "figures.jsonl", folder / "worker.log"
    env = os.environ | environment | {"KEY_PREFIX": prefix, "PAPERROUND_BENCH_FIGURES": str(figures)}
    options = ["--concurrency", str(processes), "--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    command = [sys.executable, "-m", "celery", "-A", "bench.send_worker", "worker", *options]
    celery = Celery(broker=settings.CELERY_BROKER_URL)
    celery.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS | {"global_keyprefix": f"{prefix}:"}
    with log.open("wb") as out:
        started = subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT)
        found = Worker(started.pid, processes, celery, figures)
        over = threading.Event()
        watcher = threading.Thread(target=_watch, args=(found, over), daemon=True)
        try:
            _until_ready(started, log)
            watcher.start()
            yield found
        finally:
            over.set()
            _stop(started)
            _forget(prefix)


def _until_ready(started: subprocess.Popen[bytes], log: Path) -> None:
    limit = time.monotonic() + 120
    while b" ready." not in log.read_bytes():
        if started.poll() is not None or time.monotonic() > limit:
            raise RuntimeError(f"the worker does not start: {log.read_text()[-2000:]}")
        time.sleep(0.2)


def _watch(found: Worker, over: threading.Event) -> None:
    while not over.wait(0.5):
        with suppress(OSError):
            found.samples.append((time.monotonic(), {pid: _resident_mb(pid) for pid in found.pool()}))


def _resident_mb(pid: int) -> float:
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def _forget(prefix: str) -> None:
    """The keys that the worker's broker leaves."""
    import redis

    with redis.Redis.from_url(settings.REDIS_URL) as client:
        for key in list(client.scan_iter(f"{prefix}:*")):
            client.delete(key)


def cpu_s(pids: list[int]) -> float:
    """User and system time of these processes, all threads, in seconds."""
    return sum(_ticks(pid) for pid in pids) / _TICKS


def _ticks(pid: int) -> int:
    with suppress(OSError):
        values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(values[11]) + int(values[12])
    return 0


def backends() -> list[int]:
    """The server's processes behind the other connections to this database; none where the server is another machine."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND application_name <> 'snapshot'"
        )
        pids = [row[0] for row in cursor.fetchall()]
    return [pid for pid in pids if _is_postgres(pid)]


def _is_postgres(pid: int) -> bool:
    with suppress(OSError):
        return "postgres" in Path(f"/proc/{pid}/comm").read_text()
    return False


@contextmanager
def old_snapshot() -> Iterator[None]:
    """A transaction that began before and reads on: the server may clear away nothing that changes meanwhile."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SET application_name = 'snapshot'")
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT count(*) FROM newsletter_issue")
            yield
            cursor.execute("ROLLBACK")
    finally:
        other.close()


def added(lines: list[dict[str, Any]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for line in lines:
        total.update({name: value for name, value in line.items() if name != "pid"})
    return total
