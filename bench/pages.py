"""The reader's pages under load: 50 requests a second for 20 s, over 50,000 papers, on the web server that Compose starts.

First each page alone, then all in turn. Searches and previews draw from 200 different ones, so that what a process has not
been asked before is part of every figure. Beside latency stands what a request costs in processor time, here and in the
database, which a busy machine blurs less.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.core.management import call_command
from django.db import connection

from bench.load import Answered, Shot, Spent, family, fire
from bench.match import database_url
from bench.papers import Writer
from bench.search import asked_for, stored
from bench.temporary import analyzed, database
from newsletter import issues, search
from newsletter.models import Interest

PAPERS = 50_000
RATE, SECONDS = 50, 20
DIFFERENT = 200
DEMANDED_P99_MS = 250
ROOT = Path(__file__).parents[1]
# As docker-compose.yml starts it; a test compares.
SERVER = ("granian", "--interface", "wsgi", "--workers", "2", "--blocking-threads", "4")
_WARM_S = 3


@dataclass(frozen=True)
class Site:
    """A running server and its first process."""

    port: int
    pid: int


@dataclass(frozen=True)
class Visitors:
    """What they ask for. searches, wishes: DIFFERENT of each."""

    searches: tuple[str, ...]
    wishes: tuple[str, ...]
    dice: random.Random

    @classmethod
    def of(cls, writer: Writer, papers: list[Any]) -> Visitors:
        dice = random.Random(7)
        texts = [text for _kind, text in islice(asked_for(writer, papers), DIFFERENT)]
        slugs = list(Interest.objects.filter(slug__isnull=False).order_by("id").values_list("slug", flat=True))
        words = [writer.word(25, 3_000) for _ in range(DIFFERENT)]
        asked = [{"q": word if place % 2 else "", "topic": dice.sample(slugs, place % 4)} for place, word in enumerate(words)]
        wishes = tuple("/preview?" + urlencode(one, doseq=True) for one in asked)
        return cls(tuple("/search?" + urlencode({"q": text}) for text in texts), wishes, dice)

    def shot(self, page: str, at_s: float) -> Shot:
        if page == "/search":
            return Shot(at_s, page, self.dice.choice(self.searches))
        if page == "/preview":
            return Shot(at_s, page, self.dice.choice(self.wishes), headers=("HX-Request: true",))
        return Shot(at_s, page, page)


PAGES = ("/", "/today", "/preview", "/search")


def measure(*, papers: int = PAPERS, seconds: float = SECONDS) -> list[dict[str, Any]]:
    """A row a page, alone and then among all, and one of all together; the machine's load stands in the first."""
    with database():
        begun = time.perf_counter()
        visitors = _made(papers)
        rows: list[dict[str, Any]] = [{"papers": papers, "made_in_s": round(time.perf_counter() - begun)}]
        with _served() as site:
            fire(site.port, [visitors.shot(page, 0.2 * place) for place, page in enumerate(PAGES * _WARM_S)])
            rows[0]["load_before"] = round(os.getloadavg()[0], 1)
            for page in PAGES:
                rows.append(_run(site, visitors, (page,), seconds))
            rows.append(_run(site, visitors, PAGES, seconds))
        return rows


def _made(number: int) -> Visitors:
    """Papers until yesterday in closed issues, topics as they ship, the index built."""
    call_command("prepare", stdout=StringIO())
    writer = Writer.of(7)
    papers = stored(writer, papers_in_all=number, newest=_today() - timedelta(days=1))
    search.index_changed()
    analyzed()
    return Visitors.of(writer, papers)


def _today() -> date:
    return issues.local_date(datetime.now(UTC))


def _run(site: Site, visitors: Visitors, pages: tuple[str, ...], seconds: float) -> dict[str, Any]:
    shots = [visitors.shot(pages[place % len(pages)], place / RATE) for place in range(int(RATE * seconds))]
    _rested(site)
    ours, theirs = Spent(lambda: family(site.pid)), Spent(_backends)
    answers = fire(site.port, shots)
    spent = {"cpu_ms_a_request": round(ours.ms() / len(shots), 1), "database_ms_a_request": round(theirs.ms() / len(shots), 1)}
    row = {"pages": " ".join(pages), "requests_a_second": RATE, **_figures(answers), **spent, "demanded_p99_ms": DEMANDED_P99_MS}
    if len(pages) > 1:
        row["p99_ms_of"] = {page: _figures([one for one in answers if one.page == page])["p99_ms"] for page in pages}
    return row


def _rested(site: Site) -> None:
    """Until the server has dealt with what the run before left it, two minutes at most."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        spent = Spent(lambda: family(site.pid))
        time.sleep(1)
        if spent.ms() < 200:
            return


def _figures(answers: list[Answered]) -> dict[str, Any]:
    ms = sorted(one.ms for one in answers)
    return {
        "requests": len(ms), "errors": sum(one.status != 200 for one in answers), "p50_ms": round(ms[len(ms) // 2], 1),
        "p99_ms": round(ms[int(len(ms) * 0.99)], 1), "max_ms": round(ms[-1], 1),
    }  # fmt: skip


def _backends() -> list[int]:
    """The database's processes that serve this database, where it runs on this machine; none for SQLite."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        return [pid for (pid,) in cursor.fetchall()]


@contextmanager
def _served() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="paperround-bench-") as folder:
        port = _free_port()
        env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "PAPERROUND_DATA": folder, "PORT": str(port)}
        env |= {"DATABASE_URL": database_url(str(connection.settings_dict["NAME"]))}
        env.pop("PUBLIC_URL", None)
        command = [sys.executable, "-m", *SERVER, "--host", "127.0.0.1", "--port", str(port), "config.wsgi:application"]
        log = Path(folder) / "web.txt"
        with log.open("wb") as out:
            process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        try:
            _wait(port, lambda: process.poll() is None, log)
            yield Site(port, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _wait(port: int, alive: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=5):
                time.sleep(2)  # the other workers
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            if not alive() or time.monotonic() > deadline:
                raise RuntimeError(log.read_text()[-2_000:]) from None
            time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
