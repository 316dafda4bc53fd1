"""One claimed slice from its claim to its settlement. Every row of it ends with an outcome, whatever happens."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from django.db import DatabaseError

from newsletter import editions, mail, subscribers
from newsletter.delivery import copies, domains, ledger
from newsletter.delivery.journal import CannotWrite, Journal
from newsletter.delivery.ledger import LEASE, Outcome, Reading
from newsletter.delivery.pace import Away, Permit
from newsletter.delivery.transport import (
    Accepted,
    Configuration,
    Mail,
    Permanent,
    Result,
    Throttled,
    Transient,
    Transport,
    Uncertain,
    Unreachable,
)
from newsletter.models import Delivery, DeliveryState, Kind, Subscriber

logger = logging.getLogger(__name__)

_FRESH_S = 1.0
_REASON_CHARACTERS = 120  # the room of Delivery.reason
_BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
_UNTOUCHED = Outcome(state=DeliveryState.PENDING)


class _Unwanted(Exception):
    """The row may not leave after all."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class _LeaseOver(Exception):
    """The time in which this process may begin mails of this slice is over."""


@dataclass
class Slice:
    """claimed_s: the reading of `clock` (seconds, monotonic) taken before the claim, when it was `as_of`.

    kept: the rows that the slices of a run have in common. permit: what of it may begin, and when. closed_until: the
    other side asked for patience until then.
    """

    token: str
    rows: list[Delivery]
    as_of: datetime
    claimed_s: float
    clock: Callable[[], float]
    journal: Journal
    transport: Transport
    kept: editions.Kept = field(default_factory=editions.Kept)
    permit: Permit = field(default_factory=lambda: Permit(ledger.SLICE))
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    stopped: str = ""
    down: bool = False
    closed_until: datetime | None = None
    _begun: set[int] = field(default_factory=set)
    _reading: Reading = field(default_factory=lambda: Reading({}, []))
    _read_s: float = 0.0
    _sorted_s: float = 0.0

    def send(self) -> None:
        """Sends what may leave. Afterwards, also after an exception, `outcomes` names every row.

        `stopped` says why the run must not go on: the remedy of a wrong configuration, or that nobody answers. `down`:
        no mail can leave this way for now, where another may.
        """
        try:
            self._read()
            self._sort_domains()
            if self.transport.together:
                self._transmit_together()
            else:
                for row, finished in self._written():
                    if self.stopped:
                        break
                    self._transmit(row, finished)
        except _LeaseOver:
            logger.warning("a slice outlived its lease of %s; the rest goes back", LEASE)
        finally:
            self.permit.close()
            for row in self.rows:
                self.outcomes.setdefault(row.pk, _in_flight() if row.pk in self._begun else _UNTOUCHED)

    def leave_out(self, number: int) -> int:
        """So many digests of the claim, where it has them, go back as they were."""
        last = [row.pk for row in self.rows if row.kind == Kind.DIGEST][-number:] if number else []
        self.outcomes |= dict.fromkeys(last, _UNTOUCHED)
        return len(last)

    def now(self) -> datetime:
        return self.as_of + timedelta(seconds=self.clock() - self.claimed_s)

    def _read(self) -> None:
        self._read_s = self.clock()
        self._reading = ledger.read([row for row in self.rows if row.pk not in self.outcomes])

    def _sort_domains(self) -> None:
        """Copies of recipient domains over their rate go back with a time of their own; without Redis all digests do."""
        self._sorted_s = self.clock()
        now = self.now()
        rows = [row for row in self.rows if row.pk not in self.outcomes and not (row.late_at and row.late_at <= now)]
        try:
            self.outcomes |= domains.over(rows, at=now)
        except Away:
            self.outcomes |= {row.pk: _UNTOUCHED for row in rows if row.kind == Kind.DIGEST}

    def _written(self) -> Iterator[tuple[Delivery, Mail]]:
        wanted = [row for row in self.rows if row.pk not in self.outcomes and self._keep(row, self._refused(row))]
        messages = copies.write(wanted, as_of=self.as_of, kept=self.kept)
        for row in wanted:
            message = messages[row.pk]
            try:
                if message is None:
                    self.outcomes[row.pk] = Outcome(state=DeliveryState.CANCELLED, reason="EMPTY")
                elif isinstance(message, Exception):
                    raise message
                else:
                    yield row, copies.compose(row, message, as_of=self.as_of, sign=not self.transport.signs)
            except Exception as error:
                logger.error("delivery %s could not be composed: %s", row.public_id, type(error).__name__)
                self.outcomes[row.pk] = self._again(row, f"WRITE {mail.fault(error)}"[:_REASON_CHARACTERS])

    def _keep(self, row: Delivery, refused: Outcome | None) -> bool:
        if refused:
            self.outcomes[row.pk] = refused
        return refused is None

    def _refused(self, row: Delivery) -> Outcome | None:
        """Why this row may not leave, by the last reading; None when it may."""
        now = self.now()
        late = row.late_at is not None and now >= row.late_at
        if row.kind == Kind.DIGEST and not late and domains.stale(self.clock() - self._sorted_s):
            return Outcome(state=DeliveryState.PENDING, reason=domains.OVER)
        if row.kind == Kind.DIGEST and self._reading.holds(row):
            return Outcome(state=DeliveryState.CANCELLED if late else DeliveryState.PENDING, reason="HELD")
        if late:
            return Outcome(state=DeliveryState.CANCELLED, reason="LATE")
        today = now.astimezone(_zone(row.subscriber)).date()
        reason = subscribers.refusal(row.kind, row.subscriber, self._reading.suppressed(row), today_local=today)
        if not reason and not copies.recipient(row):
            reason = "NO_ADDRESS"
        return Outcome(state=DeliveryState.CANCELLED, reason=reason) if reason else None

    def _begin(self, row: Delivery) -> None:
        """The gate of every mail: at its time, inside the lease, with a reading not over 1 s old, and in the journal."""
        while True:
            try:
                self.permit.rest(patient=row.kind == Kind.DIGEST)
            except Away:
                raise _Unwanted(_UNTOUCHED) from None
            if self.clock() - self.claimed_s >= LEASE.total_seconds():
                raise _LeaseOver
            if self.clock() - self._read_s > _FRESH_S:
                self._read()
            if refused := self._refused(row):
                raise _Unwanted(refused)
            if self.permit.use():
                break
        try:
            self.journal.begin(row.pk)
        except CannotWrite as error:
            self.stopped = error.reason
            raise _Unwanted(_UNTOUCHED) from error
        self._begun.add(row.pk)

    def _transmit(self, row: Delivery, finished: Mail) -> None:
        try:
            result: Result = self.transport.send(finished, lambda: self._begin(row))
        except (_LeaseOver, DatabaseError):
            raise
        except Exception as error:
            result = error
        self._done(row, result)

    def _transmit_together(self) -> None:
        """Nothing more is begun once a mail has met what ends the slice; what is on its way still ends with its outcome."""
        rows: dict[str, Delivery] = {}
        ends: list[Exception] = []

        def coming() -> Iterator[Mail]:
            for row, finished in self._written():
                if self.stopped or ends:
                    return
                rows[finished.ref] = row
                yield finished

        def begin(finished: Mail) -> None:
            if self.stopped or ends:
                raise _Unwanted(_UNTOUCHED)
            self._begin(rows[finished.ref])

        def done(finished: Mail, result: Result) -> None:
            if isinstance(result, _LeaseOver | DatabaseError):
                ends.append(result)
                result = _Unwanted(_UNTOUCHED)
            self._done(rows[finished.ref], result)

        self.transport.send_together(coming(), begin, done)
        if ends:
            raise ends[0]

    def _done(self, row: Delivery, result: Result) -> None:
        match result:
            case Accepted():
                outcome = Outcome(state=DeliveryState.SENT, provider_id=result.provider_id)
                self.files += [result.where] if result.where else []
            case _Unwanted():
                outcome = result.outcome
            case _:
                outcome = self._meaning(row, result)
        self.outcomes[row.pk] = outcome
        if row.pk in self._begun:
            try:
                self.journal.done(row.pk, outcome.plain())
            except CannotWrite as error:  # the ledger will have it, unless this process dies before
                self.stopped = error.reason

    def _meaning(self, row: Delivery, error: Exception) -> Outcome:
        match error:
            case Throttled():
                until = self._later(error.retry_after_s, 0)
                asked = until if error.retry_after_s is None else self.now() + timedelta(seconds=error.retry_after_s)
                self.stopped, self.closed_until = error.reason, max(self.closed_until or asked, asked + timedelta(seconds=1))
                return Outcome(state=DeliveryState.PENDING, reason=error.reason, due_at=until)
            case Unreachable():
                self.stopped, self.down = error.reason, True
                return Outcome(state=DeliveryState.PENDING, reason=error.reason, due_at=self._later(error.retry_after_s, 0))
            case Transient():
                return self._again(row, error.reason, error.retry_after_s)
            case Permanent():
                return Outcome(state=DeliveryState.FAILED, reason=error.reason, tried=True)
            case Configuration():
                self.stopped, self.down = error.reason, True
                return Outcome(state=DeliveryState.PENDING, reason="CONFIGURATION")
            case Uncertain():
                return Outcome(state=DeliveryState.UNCERTAIN, reason=error.reason, tried=True)
        logger.error("delivery %s: the transport failed", row.public_id, exc_info=error)
        return _in_flight() if row.pk in self._begun else self._again(row, f"TRANSPORT {type(error).__name__}")

    def _again(self, row: Delivery, reason: str, retry_after_s: float | None = None) -> Outcome:
        """Later, with growing distance; the fifth refusal is the last."""
        if row.attempts >= len(_BACK_OFF):
            return Outcome(state=DeliveryState.FAILED, reason=reason, tried=True)
        return Outcome(state=DeliveryState.PENDING, reason=reason, due_at=self._later(retry_after_s, row.attempts), tried=True)

    def _later(self, retry_after_s: float | None, attempts: int) -> datetime:
        """Whole seconds, so that rows refused together are settled together."""
        wait = max(_BACK_OFF[attempts], timedelta(seconds=retry_after_s or 0))
        return (self.now() + wait).replace(microsecond=0)


def _in_flight() -> Outcome:
    return Outcome(state=DeliveryState.UNCERTAIN, reason="IN_FLIGHT")


def _zone(subscriber: Subscriber | None) -> tzinfo:
    return ZoneInfo(subscriber.zone) if subscriber else UTC
