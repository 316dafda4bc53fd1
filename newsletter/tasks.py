"""The clock's door: read the clock, make one call, leave a Run. Commands and Celery tasks are the same functions.

A task may run twice or not at all: every stage is safe to repeat, and what a lost bell leaves undone the next sweep
of beat's schedule does. `ring` never fails when Redis is away: what must not be lost is in the database.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from celery import shared_task
from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from newsletter import curators, delivery, editions, events, issues, sources, subscribers
from newsletter.delivery import alerts
from newsletter.delivery.audit import audit as audit_ledger
from newsletter.models import Mark, Run, RunState, Source

log = logging.getLogger("newsletter.tasks")

PULSE_SECONDS = 10
PROBE_SECONDS = 0.5
ALIVE = "ok"
SEND_SECONDS = 60.0  # a task loops over slices for at most this long; the next sweep goes on
# (stage, seconds between sweeps): beat's schedule, written into the database by `manage.py prepare`.
SCHEDULE = (
    ("pulse", PULSE_SECONDS),
    ("ingest", 300),
    ("close", 60),
    ("plan", 120),
    ("send", 30),
    ("record", 30),
    ("audit", 86_400),
    ("prune", 86_400),
)


def run_stage(stage: str, *, now: datetime) -> Run:
    """Run one stage at that clock and keep its Run. A failure is booked on the Run and raised again."""
    if stage == "plan":
        return editions.plan(now=now)
    run = Run.objects.create(stage=stage, as_of=now, started_at=now)
    try:
        run.report = _STAGES[stage](now)
    except Exception as error:
        run.state, run.report = RunState.FAILED, {"error": f"{type(error).__name__}: {error}"[:500]}
        run.ended_at = timezone.now()
        run.save()
        raise
    run.state, run.ended_at = RunState.DONE, max(timezone.now(), now)
    run.save()
    return run


def ring(stage: str) -> None:
    """Wake a stage once the transaction has committed. Lost when Redis is away: the next sweep does it."""
    transaction.on_commit(lambda: _send_bell(stage))


def _send_bell(stage: str) -> None:
    if broker() != ALIVE:
        log.warning("bell %s not rung, the broker is away", stage)
        return
    try:
        _TASKS[stage].apply_async(expires=60, retry=False)
    except (OperationalError, OSError) as error:
        log.warning("bell %s not rung, the broker is away: %s", stage, type(error).__name__)


def _ingest(now: datetime) -> dict[str, Any]:
    # A demo without a network is no outage; anywhere else a silent source is BROKEN and is said to be.
    offline = _is_demo() and _live_due(now) and not sources.online(now=now)
    reports = [] if offline else sources.ingest_due(now=now)
    gathered = issues.gather(now=now)
    told = alerts.plan_alerts(now=now)
    return {
        "sources": [
            {"source": str(r.source), "outcome": str(r.outcome), "reason": r.reason, "new": r.new, "merged": r.merged,
             "rejected": r.rejected}
            for r in reports
        ],
        "gathered": asdict(gathered),
        "alerts": told,
        **({"network": "none: no source was asked"} if offline else {}),
    }  # fmt: skip


def _is_demo() -> bool:
    return Source.objects.filter(is_sample=True, checked_at__isnull=False).exists()


def _live_due(now: datetime) -> bool:
    live = Source.objects.filter(enabled=True, is_sample=False)
    return live.filter(Q(due_at__isnull=True) | Q(due_at__lte=now)).exists()


def fetch_now(source: Source, *, now: datetime) -> sources.IngestReport:
    """Read one source whatever its schedule, gather what it brought, and plan the alert about a change."""
    report = sources.ingest(source, now=now)
    issues.gather(now=now)
    alerts.plan_alerts(now=now)
    return report


def backfill(*, since: date, now: datetime) -> Iterator[tuple[date, sources.IngestReport]]:
    """Fill the days from `since` to yesterday that live sources missed, as archived issues: each day as it is stored.

    A day is one transaction with its archive, so that no gathering finds its papers in between. Leaves one Run.
    """
    run = Run.objects.create(stage="ingest", as_of=now, started_at=now)
    days: dict[str, str] = {}
    for source in Source.objects.filter(enabled=True, is_sample=False).order_by("id"):
        for step, day in enumerate(sources.days_to_fill(source, since=since, now=now), 1):
            seen_at = now + timedelta(microseconds=step)
            readings = sources.read_day(source, day, now=now)
            with transaction.atomic():
                report = sources.book_day(source, readings, day=day, now=seen_at)
                if report.new or report.merged:
                    issues.archive(day, now=seen_at)
            days[f"{source.slug} {day}"] = f"{report.outcome}: {report.reason}"
            yield day, report
    run.state, run.ended_at, run.report = RunState.DONE, max(timezone.now(), now), {"backfill": days}
    run.save()


def _gather(now: datetime) -> dict[str, Any]:
    return asdict(issues.gather(now=now))


def _close(now: datetime) -> dict[str, Any]:
    closed = issues.close_due(now=now)
    done = issues.finish(now=now)
    return {"closed": closed.number if closed else None, "done": done}


def _send(now: datetime) -> dict[str, Any]:
    recovered = delivery.recover(now=now)
    report = delivery.send(now=now, seconds=SEND_SECONDS)
    return {**asdict(report), "recovered": asdict(recovered)}


def _record(now: datetime) -> dict[str, Any]:
    mailbox = events.read_mailbox(settings.BOUNCE_MAILBOX, now=now) if settings.BOUNCE_MAILBOX else None
    report: dict[str, Any] = events.apply(now=now)
    return {**report, "mailbox": mailbox} if mailbox else report


def _audit(now: datetime) -> dict[str, Any]:
    report = audit_ledger()
    for finding in report.findings[:20]:
        log.error("audit: invariant %s: %s: %s", finding.invariant, finding.row, finding.message)
    return {"copies": report.copies, "findings": len(report.findings)}


def prune_rows(now: datetime, *, dry_run: bool = False) -> dict[str, Any]:
    """Rows by name that are older than they are kept, in an order that later ones build on; the rules are in docs/operate.md.

    dry_run: counted, not deleted. Each part is safe to repeat, so that one broken off is done by the next.
    """
    copies, notices, runs = now - settings.KEEP_COPIES, now - settings.KEEP_EVENTS, now - settings.KEEP_RUNS
    return {
        "events": events.prune(before=notices, dry_run=dry_run),
        "copies": delivery.prune(before=copies, dry_run=dry_run),
        "editions": editions.prune(before=copies, dry_run=dry_run),
        "runs": delivery.prune_runs(before=runs, dry_run=dry_run),
        "unconfirmed": subscribers.forget_unconfirmed(now=now, dry_run=dry_run),
        "allowances": subscribers.forget_allowances(now=now, dry_run=dry_run),
        "moves": subscribers.forget_moves(now=now, dry_run=dry_run),
        "sessions": curators.forget_sessions(now=now, dry_run=dry_run),
    }


_STAGES: dict[str, Callable[[datetime], dict[str, Any]]] = {
    "ingest": _ingest,
    "gather": _gather,
    "close": _close,
    "send": _send,
    "record": _record,
    "audit": _audit,
    "prune": prune_rows,
}


@shared_task(name="newsletter.ingest", ignore_result=True)
def ingest(**_: Any) -> None:
    run_stage("ingest", now=timezone.now())


@shared_task(name="newsletter.gather", ignore_result=True)
def gather(**_: Any) -> None:
    run_stage("gather", now=timezone.now())


@shared_task(name="newsletter.close", ignore_result=True)
def close(**_: Any) -> None:
    if run_stage("close", now=timezone.now()).report["closed"]:
        ring("plan")


@shared_task(name="newsletter.plan", ignore_result=True)
def plan(**_: Any) -> None:
    if run_stage("plan", now=timezone.now()).prepared:
        ring("send")


@shared_task(name="newsletter.send", ignore_result=True)
def send(**_: Any) -> None:
    run_stage("send", now=timezone.now())


@shared_task(name="newsletter.record", ignore_result=True)
def record(**_: Any) -> None:
    run_stage("record", now=timezone.now())


@shared_task(name="newsletter.audit", ignore_result=True)
def audit(**_: Any) -> None:
    run_stage("audit", now=timezone.now())


@shared_task(name="newsletter.prune", ignore_result=True)
def prune(**_: Any) -> None:
    run_stage("prune", now=timezone.now())


@shared_task(name="newsletter.pulse", ignore_result=True)
def pulse(**_: Any) -> None:
    """A sign that beat, broker and a worker are alive; /healthz reads its age."""
    Mark.objects.update_or_create(name="pulse", defaults={"at": timezone.now()})


_TASKS = {"ingest": ingest, "gather": gather, "close": close, "plan": plan, "send": send, "record": record}


def broker() -> str:
    """ALIVE, or what ails it. A raw PING: the client library would retry a dead socket for minutes."""
    try:
        with closing(_dial(settings.REDIS_URL)) as line:
            line.sendall(b"PING\r\n")
            answer = line.recv(64)
    except OSError as error:
        return f"no answer ({type(error).__name__})"
    return ALIVE if answer.startswith((b"+PONG", b"-NOAUTH")) else "not a Redis server"


def _dial(url: str) -> socket.socket:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(PROBE_SECONDS)
        try:
            line.connect(url.removeprefix("unix://").split("?", 1)[0])
        except OSError:
            line.close()
            raise
        return line
    host = parts.hostname or "127.0.0.1"
    line = socket.create_connection((host, parts.port or 6379), timeout=PROBE_SECONDS)
    return ssl.create_default_context().wrap_socket(line, server_hostname=host) if parts.scheme == "rediss" else line
