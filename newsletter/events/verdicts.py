"""Notices that wait -> what follows for deliveries, readers and addresses: a few statements a batch, however it is made up.

What follows is a function of all that was ever said, so order, batches and repetition make no difference: statuses have
a rank (COMPLAINED, BOUNCED, LEFT), times are the latest said, and soft bounces are counted anew from their notices.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from newsletter import subscribers
from newsletter.events.notices import SOFT
from newsletter.models import Delivery, DeliveryState, Event, Subscriber, SubscriberStatus, Suppression, SuppressionReason
from newsletter.models.record import HARD_REASONS

SOFT_DAYS = 6  # days in a row with a soft bounce and nothing delivered: the sixth stops the reader
_BATCH = 5000
# Each of these says that the provider had the mail.
_PROOF = frozenset(
    ["sent", "queued", "delivered", "deferred", "bounced", "complained", "unsubscribed", "autoresponded", "opened", "clicked"]
)
_HEARD = ("bounced", "rejected", "complained", "unsubscribed", "delivered")


@dataclass(slots=True)
class _Said:
    """What a batch says of readers (by id) and addresses (by key): the latest time of each kind."""

    suppressed: dict[tuple[str, SuppressionReason], datetime] = field(default_factory=dict)
    complained: set[int] = field(default_factory=set)
    bounced: set[int] = field(default_factory=set)
    left: dict[int, datetime] = field(default_factory=dict)
    counted: set[int] = field(default_factory=set)


def apply(*, now: datetime) -> dict[str, int]:
    """Draws the conclusions of every notice that waits; a notice about a mail still being sent waits for its outcome.

    Counts: applied (notices done with), open (those that wait on), settled (UNCERTAIN copies that left after all),
    bounced, complained, unsubscribed (readers whom this changed).
    """
    counts, after = Counter(applied=0, open=0, settled=0, bounced=0, complained=0, unsubscribed=0), 0
    while True:
        with transaction.atomic():
            waiting = Event.objects.filter(applied_at__isnull=True, pk__gt=after).order_by("pk")
            if connection.features.has_select_for_update_skip_locked:
                waiting = waiting.select_for_update(skip_locked=True, of=("self",))
            batch = list(waiting.select_related("delivery")[:_BATCH])
            if not batch:
                return dict(counts)
            after = batch[-1].pk
            _apply(batch, counts, now=now)


def _apply(batch: list[Event], counts: Counter[str], *, now: datetime) -> None:
    counts["settled"] += _settle(batch, now=now)
    readers = _readers([event for event in batch if event.type in _HEARD])
    said = _said(batch, readers)
    _suppress(said.suppressed)
    counts["complained"] += _rank(said.complained, SubscriberStatus.COMPLAINED, over=())
    counts["bounced"] += _rank(said.bounced, SubscriberStatus.BOUNCED, over=(SubscriberStatus.COMPLAINED,))
    counts["bounced"] += _count_soft(said.counted, now=now)
    counts["unsubscribed"] += subscribers.leave_as_told(said.left, now=now)
    # A copy in SENDING may yet become UNCERTAIN: its proof must still be there then.
    done = [event.pk for event in batch if not (event.delivery and event.delivery.state == DeliveryState.SENDING)]
    counts["applied"] += Event.objects.filter(pk__in=done, applied_at__isnull=True).update(applied_at=now)
    counts["open"] += len(batch) - len(done)


def _settle(batch: Iterable[Event], *, now: datetime) -> int:
    proven = {
        event.delivery.pk
        for event in batch
        if event.type in _PROOF and event.delivery and event.delivery.state == DeliveryState.UNCERTAIN
    }
    if not proven:
        return 0
    rows = Delivery.objects.filter(pk__in=proven, state=DeliveryState.UNCERTAIN)
    return rows.update(state=DeliveryState.SENT, reason="", settled_at=now, to_address="")


def _readers(batch: list[Event]) -> dict[int, Subscriber]:
    """Event id -> the reader it is about: the delivery's, else the one whose address has the key."""
    by_id = {event.delivery.subscriber_id for event in batch if event.delivery and event.delivery.subscriber_id}
    keys = {event.recipient_key for event in batch if event.recipient_key}
    known = ("public_id", "address_key", "status", "confirmed_at")
    found = list(Subscriber.objects.filter(Q(pk__in=by_id) | Q(address_key__in=keys)).only(*known))
    ids, names = {reader.pk: reader for reader in found}, {reader.address_key: reader for reader in found}
    pairs = (
        (event.pk, ids.get(event.delivery.subscriber_id or 0) if event.delivery else names.get(event.recipient_key))
        for event in batch
    )
    return {pk: reader for pk, reader in pairs if reader}


def _said(batch: list[Event], readers: Mapping[int, Subscriber]) -> _Said:
    said = _Said()
    for event in batch:
        reader = readers.get(event.pk)
        if event.type == "complained":
            _hear(said, event, reader, SuppressionReason.COMPLAINT, said.complained)
        elif _outdated(event, reader):
            continue
        elif event.type in ("bounced", "rejected") and event.reject_reason in HARD_REASONS:
            _hear(said, event, reader, SuppressionReason.HARD_BOUNCE, said.bounced)
        elif event.type == "unsubscribed":
            _hear(said, event, reader, SuppressionReason.LEFT, None)
        elif reader and (event.reject_reason == SOFT or _may_lift(event, reader)):
            said.counted.add(reader.pk)
    return said


def _hear(said: _Said, event: Event, reader: Subscriber | None, reason: SuppressionReason, group: set[int] | None) -> None:
    at = _at(event)
    if key := reader.address_key if reader else event.recipient_key:
        said.suppressed[key, reason] = max(at, said.suppressed.get((key, reason), at))
    if reader and group is not None:
        group.add(reader.pk)
    elif reader:
        said.left[reader.pk] = max(at, said.left.get(reader.pk, at))


def _at(event: Event) -> datetime:
    return event.happened_at or event.received_at


def _may_lift(event: Event, reader: Subscriber) -> bool:
    """A delivery told late may show that six soft bounces were not in a row."""
    return event.type == "delivered" and reader.status == SubscriberStatus.BOUNCED


def _outdated(event: Event, reader: Subscriber | None) -> bool:
    """The reader has confirmed the address anew since: the old notice says nothing about it."""
    return bool(reader and reader.confirmed_at and event.happened_at and event.happened_at < reader.confirmed_at)


def _suppress(said: Mapping[tuple[str, SuppressionReason], datetime]) -> None:
    """One row an address and reason, of the latest time said: HARD_BOUNCE rests for 30 days from it."""
    if not said:
        return
    new = [Suppression(address_key=key, reason=reason, created_at=at) for (key, reason), at in sorted(said.items())]
    Suppression.objects.bulk_create(new, ignore_conflicts=True)
    older = []
    for row in Suppression.objects.filter(address_key__in={key for key, _ in said}):
        at = said.get((row.address_key, SuppressionReason(row.reason)))
        if at and row.created_at < at:
            row.created_at = at
            older.append(row)
    Suppression.objects.bulk_update(older, ["created_at"], batch_size=500)


def _rank(readers: Collection[int], status: SubscriberStatus, *, over: Collection[SubscriberStatus]) -> int:
    """A complaint outranks a bounce, and both outrank leaving, whichever came first."""
    if not readers:
        return 0
    rows = Subscriber.objects.filter(pk__in=readers).exclude(status__in=[*over, status])
    return rows.update(status=status, next_slot_at=None)


def _count_soft(readers: Collection[int], *, now: datetime) -> int:
    """Stops those with soft bounces on six days in a row, and lets go on whom a late notice acquits."""
    if not readers:
        return 0
    rows = Subscriber.objects.in_bulk(readers)
    guilty = {pk for pk, heard in _heard(rows).items() if _in_a_row(heard) >= SOFT_DAYS}
    held = set(
        Suppression.objects.filter(
            address_key__in={row.address_key for row in rows.values()}, reason=SuppressionReason.HARD_BOUNCE
        ).values_list("address_key", flat=True)
    )
    for pk, row in rows.items():
        if row.status == SubscriberStatus.BOUNCED and pk not in guilty and row.address_key not in held:
            subscribers.resume(row, now=now)
    return _rank(guilty, SubscriberStatus.BOUNCED, over=(SubscriberStatus.COMPLAINED, SubscriberStatus.PENDING))


def _heard(readers: Mapping[int, Subscriber]) -> dict[int, list[tuple[datetime, bool]]]:
    """Reader -> (when, whether it was delivered), in order, for those with soft bounces on enough days to matter."""
    heard: dict[int, list[tuple[datetime, bool]]] = defaultdict(list)
    by_key = {reader.address_key: reader for reader in readers.values()}
    for event in _facts(by_key).filter(type="bounced", reject_reason=SOFT):
        if not _outdated(event, reader := by_key[event.recipient_key]):
            heard[reader.pk].append((_at(event), False))
    suspects = {pk: facts for pk, facts in heard.items() if _in_a_row(facts) >= SOFT_DAYS}
    for event in _facts(readers[pk].address_key for pk in suspects).filter(type="delivered"):
        suspects[by_key[event.recipient_key].pk].append((_at(event), True))
    return {pk: sorted(facts) for pk, facts in suspects.items()}


def _facts(keys: Iterable[str]) -> QuerySet[Event]:
    return Event.objects.filter(recipient_key__in=list(keys)).only("type", "recipient_key", "happened_at", "received_at")


def _in_a_row(heard: Iterable[tuple[datetime, bool]]) -> int:
    """The most days (UTC) with a soft bounce that no delivery interrupts."""
    most, days = 0, set[date]()
    for at, delivered in heard:
        days = set() if delivered else days | {at.astimezone(UTC).date()}
        most = max(most, len(days))
    return most
