"""One copy -> provider: claim, send, settle, recover. The only room that can send.

A row leaves only after its claim is durable, its needs were read again and its journal has a line. A crash loses
nothing and repeats nothing: what had begun without an answer is UNCERTAIN, what had not begun is PENDING again.
"""

from __future__ import annotations

import logging
import os
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from newsletter.delivery import alarm, doubts, ledger
from newsletter.delivery.brake import Brake, Leave
from newsletter.delivery.detour import Way, down_since
from newsletter.delivery.journal import CannotWrite, DeadJournal, Journal, take
from newsletter.delivery.ledger import Outcome
from newsletter.delivery.outbox import Outbox
from newsletter.delivery.pace import Permit
from newsletter.delivery.provider import Provider
from newsletter.delivery.retention import prune, prune_runs
from newsletter.delivery.slices import Slice
from newsletter.delivery.smtp import Smtp
from newsletter.delivery.transport import Configuration, Transport
from newsletter.editions import Kept
from newsletter.models import DeliveryState, Lane

__all__ = [
    "Configuration",
    "RecoverReport",
    "SendReport",
    "alarm",
    "doubts",
    "down_since",
    "prune",
    "prune_runs",
    "recover",
    "send",
    "transport_of",
]

logger = logging.getLogger(__name__)

_SETTLE_WAITS_S = (0.2, 1.0, 3.0, 10.0, 20.0)
_SECOND_LOOK = timedelta(seconds=60)  # a dead sender's claim commits long before; recoveries may come in one moment


@dataclass
class SendReport:
    """Rows by what came of them. waiting: PENDING again. files: of an outbox. stopped: why the run ended early, or "".

    second: of those sent, by MAIL_URL_2. digests_wait: why no digest leaves for now, or "".
    """

    sent: int = 0
    failed: int = 0
    cancelled: int = 0
    uncertain: int = 0
    waiting: int = 0
    files: list[str] = field(default_factory=list)
    stopped: str = ""
    second: int = 0
    digests_wait: str = ""

    def add(self, part: Slice, *, second: bool = False) -> None:
        counts = Counter(outcome.state for outcome in part.outcomes.values())
        self.sent += counts[DeliveryState.SENT]
        self.second += counts[DeliveryState.SENT] if second else 0
        self.failed += counts[DeliveryState.FAILED]
        self.cancelled += counts[DeliveryState.CANCELLED]
        self.uncertain += counts[DeliveryState.UNCERTAIN]
        self.waiting += counts[DeliveryState.PENDING]
        self.files += part.files
        self.stopped = part.stopped


@dataclass
class RecoverReport:
    """What dead senders left. journals: settled and removed; swept: rows made UNCERTAIN for their age alone."""

    journals: int = 0
    sent: int = 0
    failed: int = 0
    uncertain: int = 0
    pending: int = 0
    swept: int = 0


def send(
    *, now: datetime, limit: int | None = None, clock: Callable[[], float] = time.monotonic, seconds: float | None = None
) -> SendReport:
    """Sends what is due, slice by slice, service mails first, until nothing is due.

    limit: rows claimed at most. seconds: no slice is begun later than that. clock: monotonic seconds; what it counts is
    added to `now`. Safe to run twice and in several processes at once: a row belongs to one of them. A transport that
    cannot work, or a full disk, is no exception: `stopped` says what to do, and the rows wait.
    """
    report = SendReport()
    alarm.watch(now=now)
    try:
        way = Way(transport_of, now=now)
        journal = Journal.open(_journals(), f"{os.getpid()}-{secrets.token_hex(6)}")
    except (Configuration, CannotWrite) as error:
        logger.error("nothing is sent: %s", error.reason)
        report.stopped = error.reason
        return report
    brake = _brake(way, clock)
    settled, started_s, claimed, course = False, clock(), 0, _Course(clock, journal)
    try:
        while limit is None or claimed < limit:
            elapsed_s = clock() - started_s
            if seconds is not None and elapsed_s >= seconds:
                break
            at = now + timedelta(seconds=elapsed_s)
            size = ledger.SLICE if limit is None else min(ledger.SLICE, limit - claimed)
            leave = brake.leave(size, at=at, seconds=None if seconds is None else seconds - elapsed_s)
            report.digests_wait, report.stopped = leave.waits, leave.closed
            if leave.permit is None:
                break
            part = course.claimed(leave, leave.permit, now + timedelta(seconds=clock() - started_s), way.transport)
            if not part.rows:
                if course.anew():
                    continue
                break
            claimed += len(part.rows)
            collided = part.leave_out(brake.too_many(len(part.rows), part.now())) if leave.digests else 0
            _send(part, journal)
            report.add(part, second=way.second)
            if part.closed_until:
                brake.close_until(part.closed_until)
            if way.turned(part, at=part.now()):
                report.stopped, brake = "", _brake(way, clock)
                continue
            if report.stopped or not (_moved(part) or collided):
                break
            if collided:
                time.sleep(random.uniform(0.05, 0.5))  # noqa: S311 (not a secret: so that two who collided do not again)
        settled = True
    except CannotWrite as error:  # of the line before a claim, so nothing was claimed
        report.stopped, settled = error.reason, True
    finally:
        journal.close(keep=not settled)
        way.close()
    if report.stopped:
        logger.error("sending stopped: %s", report.stopped)
    return report


@dataclass
class _Course:
    """What a run carries from slice to slice. beyond: the last digest it claimed."""

    clock: Callable[[], float]
    journal: Journal
    kept: Kept = field(default_factory=Kept)
    beyond: ledger.Place | None = None

    def claimed(self, leave: Leave, permit: Permit, at: datetime, transport: Transport) -> Slice:
        token, claimed_s = secrets.token_hex(16), self.clock()
        try:
            self.journal.slice(token)
            ids = ledger.claim(token=token, limit=permit.size, at=at, beyond=self.beyond, digests=leave.digests)
        except BaseException:
            permit.close()
            raise
        if not ids:
            permit.close()
        rows = ledger.load(ids) if ids else []
        part = Slice(token, rows, at, claimed_s, self.clock, self.journal, transport, kept=self.kept, permit=permit)
        digests = [row for row in part.rows if row.lane == Lane.DIGEST]
        if digests:
            self.beyond = digests[-1].due_at, digests[-1].pk
        return part

    def anew(self) -> bool:
        """From the beginning, for what came back behind this run; False when it was looked for there already."""
        again, self.beyond = self.beyond is not None, None
        return again


def _brake(way: Way, clock: Callable[[], float]) -> Brake:
    url = settings.MAIL_URL_2 if way.second else settings.MAIL_URL
    return Brake(url, at_once=getattr(way.transport, "at_once", 1), clock=clock)


def _send(part: Slice, journal: Journal) -> None:
    """Sends and settles one slice. The ledger is told also when the sending ended in an exception."""
    try:
        part.send()
    except DatabaseError as error:
        part.stopped = f"DATABASE {type(error).__name__}"
    finally:
        _settle(part)
        try:
            journal.settled(part.token)
        except CannotWrite as error:  # the ledger has it: a recovery finds nothing left to do
            part.stopped = error.reason


def _settle(part: Slice) -> None:
    """Tries again while the database is away; after half a minute the journal keeps the outcomes for `recover`."""
    for wait_s in (*_SETTLE_WAITS_S, None):
        try:
            ledger.settle(part.token, part.outcomes, at=part.now())
            return
        except (OperationalError, InterfaceError):
            if wait_s is None or connection.in_atomic_block:
                raise
            logger.warning("the ledger does not answer; settling again in %s s", wait_s)
            connection.close()
            time.sleep(wait_s)


def _moved(part: Slice) -> bool:
    """False when every row went back as it was: the next slice would be the same one."""
    return any(outcome.state != DeliveryState.PENDING or outcome.due_at for outcome in part.outcomes.values())


def recover(*, now: datetime) -> RecoverReport:
    """Settles what senders left that are dead; leaves the living alone. Safe to repeat and to run in several processes.

    A journal's outcomes are believed; a mail begun without one is UNCERTAIN; a row not begun is PENDING again. After
    the machine went down the whole slice is UNCERTAIN. Rows nobody settled for 15 minutes become UNCERTAIN, no more.
    """
    report = RecoverReport()
    for path in sorted(_journals().glob("*.journal")):
        with take(path) as dead:
            if dead and _settled_dead(dead, report, now=now):
                dead.remove()
                report.journals += 1
    report.swept = ledger.sweep(now=now)
    return report


def _settled_dead(dead: DeadJournal, report: RecoverReport, *, now: datetime) -> bool:
    """False when the last claim may still be on its way to the ledger: the server outlives its client for a moment."""
    found = 0
    for part in dead.slices:
        if not dead.same_boot:
            counts = {DeliveryState.UNCERTAIN: ledger.doubt(part.token, reason="REBOOT")}
        else:
            done = {pk: Outcome.of_plain(values) for pk, values in part.done.items()}
            counts = ledger.settle_dead(part.token, begun=part.begun, done=done, at=now)
        found = sum(counts.values())
        report.sent += counts.get(DeliveryState.SENT, 0)
        report.failed += counts.get(DeliveryState.FAILED, 0)
        report.uncertain += counts.get(DeliveryState.UNCERTAIN, 0)
        report.pending += counts.get(DeliveryState.PENDING, 0)
    if found or not dead.slices or not dead.same_boot:
        return True
    dead.look_again(now)
    return dead.looked_at is not None and now - dead.looked_at >= _SECOND_LOOK


def transport_of(url: str) -> Transport:
    """The transport of a MAIL_URL. Raises Configuration, whose reason is the remedy, without touching the network."""
    parts = urlsplit(url)
    match parts.scheme:
        case "file":
            return Outbox(Path(unquote(parts.path)) if parts.path else Path(settings.PAPERROUND_DATA) / "outbox")
        case "smtp" | "smtps":
            return Smtp(parts)
        case "anymail":
            return Provider(parts)
    raise Configuration("MAIL_URL: write file:, smtp://USER:PASSWORD@HOST:PORT, smtps://... or anymail:PROVIDER?api_key=...")


def _journals() -> Path:
    return Path(settings.PAPERROUND_DATA) / "journals"
