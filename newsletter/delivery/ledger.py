"""The rows: claim a slice, read what may have changed, settle what came of it. A constant number of statements a slice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from django.db import connection, transaction
from django.db.models import Case, F, Model, Value, When

from newsletter import subscribers
from newsletter.models import Delivery, DeliveryState, Issue, Kind, Lane, Subscriber, Suppression

SLICE = 64
LEASE = timedelta(seconds=60)
_OF_A_DIGEST = (
    *("public_id", "leave_id", "address", "address_key", "zone", "locale", "card_length", "text_only"),
    *("status", "paused_until", "confirmed_at"),
)  # what is asked of a reader before and while a digest is written; half of the row
_NO_DIGESTS = "AND (d.kind <> 'DIGEST' OR d.late_at <= %s)"
SWEEP_AFTER = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one row. PENDING with due_at None: untouched, not begun. tried: counts as an attempt."""

    state: DeliveryState
    reason: str = ""
    provider_id: str = ""
    due_at: datetime | None = None
    tried: bool = False

    def plain(self) -> dict[str, Any]:
        """For the journal; `of_plain` reads it back."""
        due_at = self.due_at.isoformat() if self.due_at else ""
        values = {"reason": self.reason, "provider_id": self.provider_id, "due_at": due_at, "tried": self.tried}
        return {"state": self.state.value, **{name: value for name, value in values.items() if value}}

    @classmethod
    def of_plain(cls, values: Mapping[str, Any]) -> Outcome:
        due_at = values.get("due_at")
        return cls(
            state=DeliveryState(values["state"]),
            reason=values.get("reason", ""),
            provider_id=values.get("provider_id", ""),
            due_at=datetime.fromisoformat(due_at) if due_at else None,
            tried=bool(values.get("tried")),
        )


Place: TypeAlias = tuple[datetime, int]  # due_at and id of a digest


def claim(*, token: str, limit: int, at: datetime, beyond: Place | None = None, digests: bool = True) -> list[int]:
    """Gives at most `limit` due rows to this token, in the order (lane, due_at, id); durable on return.

    digests False: of the digests only those past their late window, which are to be cancelled.

    One conditional UPDATE: two processes never get the same row, and on PostgreSQL they do not wait for each other.
    A digest whose window has a held issue stays where it is until its late window is over. beyond: where this process
    stopped, so that it need not pass again what it has sent; digests behind it are not claimed, service mails always are.
    """
    now = connection.ops.adapt_datetimefield_value(at)
    chosen, values = _chosen(now, limit, beyond, digests=digests)
    # 'PENDING' is written out because SQLite uses a partial index only for a literal.
    statement = f"""
        UPDATE {_quoted(Delivery)} SET state = 'SENDING', claim_token = %s, claimed_at = %s, as_of = %s
        WHERE state = 'PENDING' AND id {chosen} RETURNING id"""  # noqa: S608 (names of our own tables)
    with _durably(), connection.cursor() as cursor:
        cursor.execute(statement, [token, now, now, *values])
        return [row[0] for row in cursor.fetchall()]


def _chosen(now: Any, limit: int, beyond: Place | None, *, digests: bool) -> tuple[str, list[Any]]:
    """The condition on id. An array keeps PostgreSQL from running the inner select, and so the limit, more than once.

    On PostgreSQL the index keeps what was sent until no snapshot sees it any more, so without `beyond` a claim passes
    all of that. SQLite's forgets at once.
    """
    some, its = ("", []) if digests else (_NO_DIGESTS, [now])
    if connection.vendor != "postgresql":
        return f"IN ({_due(some, '')})", [now, now, *its, limit]
    lock = "FOR UPDATE OF d SKIP LOCKED"
    if beyond is None:
        return f"= ANY(ARRAY({_due(some, lock)}))", [now, now, *its, limit]
    service = _due(f"AND d.lane = {int(Lane.SERVICE)}", lock)
    further = _due(f"AND d.lane = {int(Lane.DIGEST)} AND (d.due_at, d.id) > (%s, %s) {some}", lock)
    values = [now, now, limit, now, now, *beyond, *its, limit, limit]
    return f"= ANY((ARRAY({service}) || ARRAY({further}))[:%s])", values


def _due(more: str, lock: str) -> str:
    """Ids of due rows that no hold keeps back, in order. Parameters: now, now, those of `more`, the limit."""
    after = connection.ops.quote_name("after")
    return f"""
        SELECT d.id FROM {_quoted(Delivery)} d
        WHERE d.state = 'PENDING' AND d.due_at <= %s AND NOT (d.kind = 'DIGEST' AND d.late_at > %s AND EXISTS (
            SELECT 1 FROM {_quoted(Issue)} i WHERE i.held_at IS NOT NULL AND i.number > d.{after} AND i.number <= d.upto))
        {more} ORDER BY d.lane, d.due_at, d.id LIMIT %s {lock}"""  # noqa: S608 (names of our own tables)


def _quoted(model: type[Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _durably() -> AbstractContextManager[None]:
    """A statement outside a transaction commits by itself; inside of one this raises, as a claim must never be undone."""
    return nullcontext() if connection.get_autocommit() else transaction.atomic(durable=True)


def waiting(*, at: datetime, digests: bool) -> bool:
    """Whether a claim would find anything, but for holds."""
    due = Delivery.objects.filter(state=DeliveryState.PENDING, due_at__lte=at)
    return (due if digests else due.exclude(kind=Kind.DIGEST, late_at__gt=at)).exists()


def load(ids: Collection[int]) -> list[Delivery]:
    """The claimed rows, service lane first; `read` brings their readers."""
    rows = Delivery.objects.filter(pk__in=ids).defer("claim_token", "claimed_at", "settled_at", "created_at", "provider_id")
    return sorted(rows, key=lambda row: (row.lane, row.due_at, row.pk))


@dataclass(frozen=True, slots=True)
class Reading:
    """What the rows' readers and issues were at one moment. reasons: by address key; held: issue numbers."""

    reasons: Mapping[str, Collection[str]]
    held: Sequence[int]

    def holds(self, row: Delivery) -> bool:
        return row.after is not None and row.upto is not None and any(row.after < number <= row.upto for number in self.held)

    def suppressed(self, row: Delivery) -> Collection[str]:
        key = address_key(row)
        return self.reasons.get(key, ()) if key else ()


def read(rows: Sequence[Delivery]) -> Reading:
    """Two statements, whatever the number of rows; each row gets its reader as read. An erased one is None."""
    digests = all(row.kind == Kind.DIGEST for row in rows)
    readers = Subscriber.objects.only(*_OF_A_DIGEST) if digests else Subscriber.objects.all()
    found = readers.in_bulk({row.subscriber_id for row in rows if row.subscriber_id})
    for row in rows:
        row.subscriber = found.get(row.subscriber_id or 0)
    keys = {address_key(row) for row in rows} - {""}
    reasons: dict[str, set[str]] = defaultdict(set)
    held = Issue.objects.filter(held_at__isnull=False).values_list(Value(""), Value(""), "number")
    barred = Suppression.objects.filter(address_key__in=keys).values_list("address_key", "reason", Value(0))
    numbers = []
    for key, reason, number in barred.union(held, all=True) if keys else held:
        if key:
            reasons[key].add(reason)
        else:
            numbers.append(number)
    return Reading(reasons, numbers)


def address_key(row: Delivery) -> str:
    """Of the address it goes to: the reader's own, but of a move the one that is left or not yet theirs."""
    if row.subscriber and row.kind not in (Kind.MOVE_NEW, Kind.MOVE_OLD):
        return row.subscriber.address_key
    return subscribers.address_key(row.to_address) if row.to_address else ""


def settle(token: str, outcomes: Mapping[int, Outcome], *, at: datetime) -> None:
    """Writes the outcomes of one slice: a statement for each distinct outcome, one in the common case.

    Only rows that this token still holds are touched, so settling twice changes nothing. An acknowledgement (SENT)
    also beats the UNCERTAIN that a sweep wrote in between.
    """
    groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for delivery_id, outcome in outcomes.items():
        groups[outcome.state, outcome.reason, outcome.due_at, outcome.tried].append(delivery_id)
    with transaction.atomic() if len(groups) > 1 else nullcontext():
        for ids in groups.values():
            outcome = outcomes[ids[0]]
            held = [DeliveryState.SENDING, *([DeliveryState.UNCERTAIN] if outcome.state == DeliveryState.SENT else [])]
            rows = Delivery.objects.filter(pk__in=ids, claim_token=token, state__in=held)
            rows.update(**_fields(outcome, at=at), **_provider_ids(ids, outcomes))


def _fields(outcome: Outcome, *, at: datetime) -> dict[str, Any]:
    fields: dict[str, Any] = {"state": outcome.state, "reason": outcome.reason}
    if outcome.tried:
        fields["attempts"] = F("attempts") + 1
    if outcome.state == DeliveryState.PENDING:
        fields |= {"claim_token": "", "claimed_at": None, "as_of": None}
        return fields | ({"due_at": outcome.due_at} if outcome.due_at else {})
    if outcome.state != DeliveryState.UNCERTAIN:
        fields |= {"settled_at": at, "to_address": ""}
    return fields


def _provider_ids(ids: Sequence[int], outcomes: Mapping[int, Outcome]) -> dict[str, Any]:
    known = [When(pk=pk, then=Value(outcomes[pk].provider_id[:200])) for pk in ids if outcomes[pk].provider_id]
    return {"provider_id": Case(*known, default=F("provider_id"))} if known else {}


def settle_dead(token: str, *, begun: Collection[int], done: Mapping[int, Outcome], at: datetime) -> dict[DeliveryState, int]:
    """What a dead owner left: its outcomes, UNCERTAIN for what was in flight, PENDING for what it had not begun.

    Only for the holder of the dead owner's lock. Counts by state the rows that were still SENDING.
    """
    left = list(Delivery.objects.filter(claim_token=token, state=DeliveryState.SENDING).values_list("pk", flat=True))
    in_flight = Outcome(state=DeliveryState.UNCERTAIN, reason="IN_FLIGHT")
    untouched = Outcome(state=DeliveryState.PENDING)
    outcomes = {pk: done.get(pk) or (in_flight if pk in begun else untouched) for pk in left}
    settle(token, {**done, **outcomes}, at=at)
    counts: dict[DeliveryState, int] = defaultdict(int)
    for outcome in outcomes.values():
        counts[outcome.state] += 1
    return counts


def doubt(token: str, *, reason: str) -> int:
    """The whole slice UNCERTAIN: its journal was written before this machine went down."""
    rows = Delivery.objects.filter(claim_token=token, state=DeliveryState.SENDING)
    return rows.update(state=DeliveryState.UNCERTAIN, reason=reason)


def sweep(*, now: datetime) -> int:
    """Rows claimed long ago that nobody settled, whoever owns them, become UNCERTAIN and nothing else."""
    rows = Delivery.objects.filter(state=DeliveryState.SENDING, claimed_at__lt=now - SWEEP_AFTER)
    return rows.update(state=DeliveryState.UNCERTAIN, reason="ABANDONED")
