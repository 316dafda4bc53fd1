"""The rows: claim a slice, read what may have changed, settle what came of it. A constant number of statements a slice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, F, Value, When

from newsletter import subscribers
from newsletter.models import Delivery, DeliveryState, Issue, Kind, Subscriber, Suppression

SLICE = 64
LEASE = timedelta(seconds=60)
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


def claim(*, token: str, limit: int, at: datetime, digests: bool = True) -> list[int]:
    """Gives at most `limit` due rows to this token, in the order (lane, due_at, id); durable on return.

    digests False: of the digests only those past their late window, which are to be cancelled.

    One conditional UPDATE: two processes never get the same row, and on PostgreSQL they do not wait for each other.
    A digest whose window has a held issue stays where it is until its late window is over.
    """
    delivery, issue, quote = Delivery._meta.db_table, Issue._meta.db_table, connection.ops.quote_name
    skip_locked = "FOR UPDATE OF d SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""
    # 'PENDING' is written out because SQLite uses a partial index only for a literal. The array keeps PostgreSQL from
    # running the inner select, and so the limit, more than once.
    inner = f"""
        SELECT d.id FROM {quote(delivery)} d
        WHERE d.state = 'PENDING' AND d.due_at <= %s {"" if digests else _NO_DIGESTS} AND NOT (d.kind = 'DIGEST' AND d.late_at > %s AND EXISTS (
            SELECT 1 FROM {quote(issue)} i WHERE i.held_at IS NOT NULL AND i.number > d.{quote("after")} AND i.number <= d.upto))
        ORDER BY d.lane, d.due_at, d.id LIMIT %s {skip_locked}"""  # noqa: S608 (names of our own tables)
    chosen = f"= ANY(ARRAY({inner}))" if connection.vendor == "postgresql" else f"IN ({inner})"
    statement = f"""
        UPDATE {quote(delivery)} SET state = 'SENDING', claim_token = %s, claimed_at = %s, as_of = %s
        WHERE state = 'PENDING' AND id {chosen} RETURNING id"""  # noqa: S608
    now = connection.ops.adapt_datetimefield_value(at)
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(statement, [token, now, now, now, *([] if digests else [now]), now, limit])
        return [row[0] for row in cursor.fetchall()]


def waiting(*, at: datetime, digests: bool) -> bool:
    """Whether a claim would find anything, but for holds."""
    due = Delivery.objects.filter(state=DeliveryState.PENDING, due_at__lte=at)
    return (due if digests else due.exclude(kind=Kind.DIGEST, late_at__gt=at)).exists()


def load(ids: Collection[int]) -> list[Delivery]:
    """The claimed rows, service lane first; `read` brings their readers."""
    return list(Delivery.objects.filter(pk__in=ids).order_by("lane", "due_at", "pk"))


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
    """Three statements, whatever the number of rows; each row gets its reader as read. An erased one is None."""
    found = Subscriber.objects.in_bulk({row.subscriber_id for row in rows if row.subscriber_id})
    for row in rows:
        row.subscriber = found.get(row.subscriber_id or 0)
    keys = {address_key(row) for row in rows}
    reasons: dict[str, set[str]] = defaultdict(set)
    for key, reason in Suppression.objects.filter(address_key__in=keys - {""}).values_list("address_key", "reason"):
        reasons[key].add(reason)
    return Reading(reasons, list(Issue.objects.filter(held_at__isnull=False).values_list("number", flat=True)))


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
    with transaction.atomic():
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
