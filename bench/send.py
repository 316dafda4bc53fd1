"""A morning's copies from the ledger to a sink by real Celery workers, beside the naive design and postfix's smtp-source.

One alternating run, medians over its rounds. Every round: the naive design (Jinja2, premailer, html2text and Django's
EmailMultiAlternatives for each reader, sent by Django's SMTP backend, no ledger at all), ours, ours while another
transaction keeps an old snapshot open, and smtp-source with mails of the same size over 20 connections.
Ours is the whole path: two pool processes of one worker claim, write, sign tokens, keep the journal, talk SMTP by smtplib
over one connection each, settle. CPU counts the worker's main and pool processes; that of PostgreSQL's backends stands
apart, and neither side's sink counts. Everything is made in a temporary database that is dropped afterwards.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import get_connection
from django.core.management.base import CommandError
from django.db import connection
from django.utils import timezone

from bench import mail as mails
from bench import send_rows, temporary
from bench.send_parts import Worker, added, backends, cpu_s, old_snapshot, sink, worker
from newsletter import subscribers, tasks
from newsletter.models import Delivery, DeliveryState, Kind, Run, RunState

COPIES = 20_000
DUE = 5  # times as many digests wait when a confirmation is asked for
ROUNDS = 3
NAIVE = 30  # mails a round
PROCESSES = 2
CONFIRMATIONS = 5
RING_S = 30  # as beat rings
QUIET_S = 1.0
SOURCE = "smtp-source"


@dataclass
class Taken:
    """Figures of one case by name, one a round; CPU in microseconds a mail."""

    case: str
    rounds: list[dict[str, float]] = field(default_factory=list)

    def middle(self, name: str) -> float:
        return statistics.median(found[name] for found in self.rounds)

    def row(self) -> dict[str, Any]:
        least, most = (round(pick(found["cpu_us"] for found in self.rounds), 1) for pick in (min, max))
        figures = {name: round(self.middle(name), 3 if name.endswith("_per_mail") else 1) for name in self.rounds[0]}
        return {"case": self.case, **figures, "cpu_least_us": least, "cpu_most_us": most}


def measure(*, copies: int = COPIES, rounds: int = ROUNDS, naive: int = NAIVE) -> list[dict[str, Any]]:
    """A row a case, one for confirmations, one that holds the figures against what is demanded of them.

    Raises CommandError, which says what to install or set, before anything is started.
    """
    script = _ready()
    with temporary.database(), tempfile.TemporaryDirectory(prefix="paperround-bench-") as folder, sink(script) as port:
        send_rows.morning(copies * DUE, now=timezone.now())
        temporary.analyzed()
        environment = {
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": temporary.url(),
            "REDIS_URL": settings.REDIS_URL,
            "PAPERROUND_DATA": folder,
            "SECRET_KEY": settings.SECRET_KEY,
            "MAIL_URL": f"smtp://127.0.0.1:{port}",
            "PUBLIC_URL": mails.BASE,
        }
        with worker(environment, PROCESSES, Path(folder)) as started:
            taken = _alternate(_cases(started, port, copies, naive), rounds)
            memory = _memory(started)
            overtaking = _overtaking(started, copies * DUE)
    rows = [each.row() for each in taken.values()]
    return [*rows, memory, overtaking, _judged(taken, memory)]


def _ready() -> Path:
    """The sink's script, when everything is there."""
    if connection.vendor != "postgresql":
        raise CommandError("bench send measures the ledger on PostgreSQL: set DATABASE_URL=postgresql://USER@HOST/NAME.")
    if mails._html2text() is None:
        raise CommandError('The naive design needs html2text: pip install "html2text>=2025.4.15,<2026" and try again.')
    if not shutil.which(SOURCE):
        raise CommandError("smtp-source is not installed: install the package postfix (no daemon is needed) and try again.")
    script = Path(os.environ.get("PAPERROUND_YARD", "")) / "sink.py"
    if not os.environ.get("PAPERROUND_YARD") or not script.exists():
        raise CommandError("bench send needs the folder that holds sink.py: set PAPERROUND_YARD to it.")
    if (ails := tasks.broker()) != tasks.ALIVE:
        raise CommandError(f"bench send starts real workers, but the broker gives {ails}: start Redis and set REDIS_URL.")
    return script


Case = Callable[[dict[str, Taken]], dict[str, float]]


def _cases(started: Worker, port: int, copies: int, naive: int) -> dict[str, Case]:
    sender = _naive_sender(port)

    def source(taken: dict[str, Taken]) -> dict[str, float]:
        return _source(port, max(100, copies // 4), round(taken["ours"].rounds[-1]["octets"]))

    return {
        "naive": lambda _: _naive(sender, naive),
        "ours": lambda _: _ours(started, copies, snapshot=False),
        "ours, old snapshot": lambda _: _ours(started, copies, snapshot=True),
        SOURCE: source,
    }


def _alternate(cases: dict[str, Case], rounds: int) -> dict[str, Taken]:
    taken = {name: Taken(name) for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            taken[name].rounds.append(case(taken))
    return taken


# --- the cases ----------------------------------------


def _naive_sender(port: int) -> Callable[[], None]:
    """Sends the next reader's mail: rendered, inlined, turned to text, made a message and sent, a connection each."""
    digests = send_rows.digests(40)
    readers = [(own, mails.envelope(number, own)) for number, own in enumerate(map(mails._own, range(200)))]
    backend = get_connection("django.core.mail.backends.smtp.EmailBackend", host="127.0.0.1", port=port)

    def finish(*parts: Any) -> bytes:
        message = mails.message(*parts)
        message.connection = backend
        message.send()
        return b""

    make, following = mails.naive(finish), zip(cycle(digests), cycle(readers), strict=False)

    def send() -> None:
        digest, reader = next(following)
        make(digest, *reader)

    send()  # templates are compiled once
    return send


def _naive(send: Callable[[], None], count: int) -> dict[str, float]:
    begun, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        send()
    spent = time.process_time() - cpu
    return {"cpu_us": spent / count * 1e6, "mails_per_s": count / (time.perf_counter() - begun)}


def _source(port: int, count: int, octets: int) -> dict[str, float]:
    """Postfix's load generator: the same number of octets again and again, 20 sessions that stay open."""
    options = ["-s", "20", "-m", str(count), "-l", str(octets), "-d", "-f", "a@example.org", "-t", "b@example.org"]
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([SOURCE, *options, f"127.0.0.1:{port}"], check=True, capture_output=True)
    seconds, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return {"cpu_us": spent / count * 1e6, "mails_per_s": count / seconds}


def _ours(started: Worker, copies: int, *, snapshot: bool) -> dict[str, float]:
    send_rows.copies(copies, now=timezone.now())
    temporary.analyzed()
    started.told()
    with old_snapshot() if snapshot else nullcontext():
        cpu, begun = cpu_s(started.pids()), time.perf_counter()
        served = _drained(started)
        seconds = time.perf_counter() - begun
        lines = _ended(started)
        spent = cpu_s(started.pids()) - cpu
    sent = Delivery.objects.filter(state=DeliveryState.SENT).count()
    if sent != copies:
        raise RuntimeError(f"{sent} of {copies} copies were sent; the others are in the ledger's other states")
    return _figures(added(lines), copies, spent) | {
        "mails_per_s": copies / seconds,
        "postgres_us": served / copies * 1e6,
    }


def _figures(told: Any, copies: int, spent_s: float) -> dict[str, float]:
    """ledger: with what the task does around the sending. send: writing, tokens, SMTP. celery: all outside of the task."""
    ledger_s = told["ledger"] + told["task"] - told["sending"]
    parts = {
        "send": told["sending"] - told["ledger"] - told["journal"],
        "journal": told["journal"],
        "ledger": ledger_s,
        "celery": spent_s - told["task"],
    }
    return {
        "cpu_us": spent_s / copies * 1e6,
        **{f"{name}_us": seconds / copies * 1e6 for name, seconds in parts.items()},
        "statements_per_mail": told["statements"] / copies,
        "octets": told["octets"] / max(1, told["mails"]),
    }


def _drained(started: Worker) -> float:
    """Rings as beat does until no copy waits or is on its way; the CPU seconds of the server's backends.

    A backend ends with its task, so what it has cost is read while it lives.
    """
    started.ring()
    rung, served = time.monotonic(), dict[int, float]()
    open_rows = Delivery.objects.filter(state__in=[DeliveryState.PENDING, DeliveryState.SENDING])
    while open_rows.exists():
        served |= {pid: cpu_s([pid]) for pid in backends()}
        time.sleep(0.2)
        if time.monotonic() - rung > RING_S:
            started.ring()
            rung = time.monotonic()
    return sum(served.values())


def _ended(started: Worker) -> list[dict[str, Any]]:
    """Waits for the tasks that run; a bell that nobody heard in time expires and is no task."""
    quiet_since = time.monotonic()
    while time.monotonic() - quiet_since < QUIET_S:
        time.sleep(0.1)
        if Run.objects.filter(stage="send", state=RunState.RUNNING).exists():
            quiet_since = time.monotonic()
    return started.told()


# --- memory, overtaking, judgement ----------------------------------------


def _memory(started: Worker) -> dict[str, Any]:
    """Of the pool process that grew most: resident at a fifth of the run, when its stores are full, and at most later."""
    samples = [found for _, found in started.samples]
    fifth = len(samples) // 5
    early: dict[int, float] = {}
    late: dict[int, float] = {}
    for place, found in enumerate(samples):
        for pid, resident in found.items():
            into = early if place <= fifth else late
            into[pid] = max(into.get(pid, 0.0), resident)
    grown = {pid: late[pid] / early[pid] for pid in late if pid in early}
    pid = max(grown, key=lambda each: grown[each])
    return {
        "case": "memory of a worker process",
        "mb_after_a_fifth": round(early[pid], 1),
        "mb_at_most_later": round(late[pid], 1),
        "grown_percent": round((grown[pid] - 1) * 100, 1),
    }


def _overtaking(started: Worker, due: int) -> dict[str, Any]:
    """Seconds from a sign-up to its confirmation being settled as sent, while the workers are busy with all the digests."""
    send_rows.copies(due, now=timezone.now())
    temporary.analyzed()
    started.told()
    started.ring()
    sent = Delivery.objects.filter(state=DeliveryState.SENT)
    while not sent.exists():
        time.sleep(0.05)
    waited = [_confirmed_s(number) for number in range(CONFIRMATIONS)]
    left = Delivery.objects.filter(state=DeliveryState.PENDING, kind=Kind.DIGEST).count()
    send_rows.forget("delivery")
    _ended(started)
    return {
        "case": f"a confirmation with {due} digests due",
        "seconds": round(statistics.median(waited), 2),
        "seconds_at_most": round(max(waited), 2),
        "digests_still_due": left,
    }


def _confirmed_s(number: int) -> float:
    begun = time.perf_counter()
    subscribers.subscribe(address=f"new{number}@example.org", wish=subscribers.Wish(), network="192.0.2.1", now=timezone.now())
    waiting = Delivery.objects.filter(kind=Kind.CONFIRM).exclude(state=DeliveryState.SENT)
    while waiting.exists():
        time.sleep(0.02)
        if time.perf_counter() - begun > 120:
            raise RuntimeError("the confirmation did not leave within two minutes")
    return time.perf_counter() - begun


def _judged(taken: dict[str, Taken], memory: dict[str, Any]) -> dict[str, Any]:
    """What is demanded of the worse of the two ways of ours."""
    ours = [taken["ours"], taken["ours, old snapshot"]]
    naive = taken["naive"].middle("cpu_us")
    share = max((each.middle("ledger_us") + each.middle("celery_us")) / each.middle("cpu_us") for each in ours)
    rate = min(each.middle("mails_per_s") for each in ours) / taken[SOURCE].middle("mails_per_s")
    figures = {
        "send_times_less_cpu": (round(naive / max(each.middle("send_us") for each in ours), 1), ">= 40"),
        "whole_times_less_cpu": (round(naive / max(each.middle("cpu_us") for each in ours), 1), ">= 25"),
        "ledger_and_celery_share": (round(share, 3), "<= 0.35"),
        "statements_per_mail": (round(max(each.middle("statements_per_mail") for each in ours), 3), "<= 0.2"),
        "memory_grown_percent": (memory["grown_percent"], "<= 10"),
        "mails_per_s_of_smtp_source": (round(rate, 3), ">= 0.1"),
    }
    row: dict[str, Any] = {"case": "demands"}
    for name, (value, wanted) in figures.items():
        row[name] = value
        row[f"{name}_demanded"] = wanted
    row["missed"] = [name for name, (value, wanted) in figures.items() if not _holds(value, wanted)]
    return row


def _holds(value: float, wanted: str) -> bool:
    sign, limit = wanted.split()
    return value >= float(limit) if sign == ">=" else value <= float(limit)
