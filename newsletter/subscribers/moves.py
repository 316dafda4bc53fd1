"""A change of address: asked by the reader, confirmed at the new address, told at the old one, which can undo it for 7 days.

Nothing happens to the subscription before the new address says yes. Every verb locks the reader's row first, so that of two
processes one acts after the other; each may be repeated and then says links.Refused(USED).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from newsletter import links
from newsletter.models import (
    Delivery,
    DeliveryState,
    Kind,
    Move,
    Subscriber,
    SubscriberStatus,
    Suppression,
    SuppressionReason,
)
from newsletter.models.papers import random_id
from newsletter.subscribers import addresses, breaker, preferences
from newsletter.subscribers.addresses import BadAddress
from newsletter.subscribers.allowances import Limit, count, lapse, room, take
from newsletter.subscribers.letters import addressed

ASK_KEPT = timedelta(days=2)  # an ask lives as long as its link, a day from when the mail left
UNDO_KEPT = timedelta(days=8)  # and an undo seven
KEYS_KEPT = timedelta(days=90)

_ASKS = Limit(a_day=3, in_all=30, over_days=90)  # of one reader
_TO_A_STRANGER = Limit(a_day=1, in_all=3, over_days=90)  # counted together with the confirmations of sign-ups
_NOT_TO = Limit(a_day=0, in_all=0, over_days=90)
_BARRING = (SuppressionReason.COMPLAINT, SuppressionReason.NEVER, SuppressionReason.HARD_BOUNCE)
_LIFTED = (SuppressionReason.LEFT, SuppressionReason.ERASED)


class Taken(Exception):
    """The address has a subscription of its own that goes on; nothing was changed."""


def ask_move(reader: Subscriber, typed: str, *, now: datetime) -> None:
    """Mail the new address a link that confirms it. Whether anything leaves is not told: the address may be a stranger's.

    An earlier ask that waits is dropped. Raises BadAddress for what is no address or is the reader's own already.
    """
    address = addresses.read(typed)
    key = addresses.address_key(address)
    with transaction.atomic():
        count("asked", key, now=now)
        locked = Subscriber.objects.select_for_update().get(pk=reader.pk)
        if address == locked.address:
            raise BadAddress(_("Your papers go to this address already."))
        limit = _TO_A_STRANGER if _may_be_asked(locked, key) and not addresses.is_reserved(address) else _NOT_TO
        if not take("move", locked.address_key, _ASKS, now=now):
            return
        if not breaker.let_through(room("confirm", key, limit, now=now), now=now) or not take("confirm", key, limit, now=now):
            return
        _cancel(locked, (Kind.MOVE_NEW,), now=now)
        Move.objects.filter(subscriber=locked, moved_at__isnull=True).delete()
        mail = addressed(locked, Kind.MOVE_NEW, now=now, to=address)
        mail.save(force_insert=True)
        Move.objects.create(
            subscriber=locked, ask_ref=mail.public_id, from_address=locked.address, from_key=locked.address_key,
            to_address=address, to_key=key, asked_at=now,
        )  # fmt: skip


def _may_be_asked(reader: Subscriber, key: str) -> bool:
    if Suppression.objects.filter(address_key=key, reason__in=_BARRING).exists():
        return False
    return not Subscriber.objects.filter(address_key=key, status=SubscriberStatus.ACTIVE).exclude(pk=reader.pk).exists()


def movable(ask_ref: str) -> Move:
    """The change that this mail's link would make; changes nothing. Raises links.Refused: FORGED or USED."""
    return _waiting(Move.objects.select_related("subscriber").filter(ask_ref=ask_ref).first())


def move(ask_ref: str, *, now: datetime) -> Move:
    """Make the change, and tell the old address. Mails on their way to the old one that open something are stopped.

    A subscription of the new address that is not active any more, or not yet, is dissolved: its owner has just said where
    to go on. Raises links.Refused, or Taken.
    """
    with transaction.atomic():
        reader, change = _locked(Move.objects.filter(ask_ref=ask_ref).first())
        change = _waiting(change)
        _make_room(change.to_key, reader, now=now)
        _cancel(reader, (Kind.LINK, Kind.ALREADY, Kind.EXPORT, Kind.ERASE), now=now)
        Suppression.objects.filter(address_key=change.to_key, reason__in=_LIFTED).delete()
        lapse("confirm", change.to_key, now=now)
        change.from_address, change.from_key, change.moved_at = reader.address, reader.address_key, now
        _rehouse(reader, change.to_address, change.to_key)
        told = addressed(reader, Kind.MOVE_OLD, now=now, to=change.from_address)
        told.save(force_insert=True)
        change.undo_ref = told.public_id
        change.save(update_fields=["from_address", "from_key", "moved_at", "undo_ref"])
    change.subscriber = reader
    return change


def undoable(undo_ref: str) -> Move:
    """The change that would be undone; changes nothing. Raises links.Refused: FORGED, USED or EXPIRED."""
    return _made(Move.objects.select_related("subscriber").filter(undo_ref=undo_ref).first() if undo_ref else None)


def undo_move(undo_ref: str, *, now: datetime) -> Move:
    """Back to the old address, and to reading, had the subscription been stopped since; later changes are undone with it.

    Every link that opens something of the reader's stops working: whoever moved the address may hold one. Ways out stay.
    Raises links.Refused, or Taken.
    """
    with transaction.atomic():
        reader, change = _locked(Move.objects.filter(undo_ref=undo_ref).first() if undo_ref else None)
        change = _made(change)
        _make_room(change.from_key, reader, now=now)
        _cancel(reader, [kind for kind in Kind if kind not in (Kind.DIGEST, Kind.MOVE_OLD)], now=now)
        Move.objects.filter(subscriber=reader, moved_at__isnull=True).delete()
        Move.objects.filter(subscriber=reader, moved_at__gte=change.moved_at, undone_at__isnull=True).update(undone_at=now)
        reader.public_id, reader.feed_id = random_id(), None
        _rehouse(reader, change.from_address, change.from_key)
        _resume(reader, change, now=now)
    change.subscriber = reader
    return change


def _locked(change: Move | None) -> tuple[Subscriber, Move]:
    """The reader's row, and the change as it is under that lock."""
    if change is None:
        raise links.Refused("FORGED")
    reader = Subscriber.objects.select_for_update().filter(pk=change.subscriber_id).first()
    again = Move.objects.filter(pk=change.pk).first()
    if reader is None or again is None:
        raise links.Refused("FORGED")
    again.subscriber = reader
    return reader, again


def _waiting(change: Move | None) -> Move:
    if change is None or (change.moved_at is None and change.subscriber.status != SubscriberStatus.ACTIVE):
        raise links.Refused("FORGED")
    if change.moved_at is not None:
        raise links.Refused("USED")
    if not change.to_address:  # its owner was erased meanwhile
        raise links.Refused("EXPIRED")
    return change


def _made(change: Move | None) -> Move:
    if change is None:
        raise links.Refused("FORGED")
    if change.undone_at is not None:
        raise links.Refused("USED")
    if not change.from_address:
        raise links.Refused("EXPIRED")
    return change


def _make_room(key: str, reader: Subscriber, *, now: datetime) -> None:
    other = Subscriber.objects.select_for_update().filter(address_key=key).exclude(pk=reader.pk).first()
    if other is None:
        return
    if other.status not in (SubscriberStatus.PENDING, SubscriberStatus.LEFT):
        raise Taken
    _cancel(other, tuple(Kind), now=now)
    Delivery.objects.filter(subscriber=other).update(to_address="")
    other.delete()


def _rehouse(reader: Subscriber, address: str, key: str) -> None:
    reader.address, reader.address_key = address, key
    reader.save(update_fields=["address", "address_key", "public_id", "feed_id"])


def _resume(reader: Subscriber, change: Move, *, now: datetime) -> None:
    """A stop that came after the change was of the other address, or of whoever had taken this one away."""
    stopped_before = reader.left_at is not None and change.moved_at is not None and reader.left_at < change.moved_at
    barred = Suppression.objects.filter(address_key=reader.address_key).exists()
    if reader.status == SubscriberStatus.ACTIVE or stopped_before or barred:
        return
    reader.status, reader.left_at = SubscriberStatus.ACTIVE, None
    reader.next_slot_at = preferences.upcoming(reader, now=now)
    reader.save(update_fields=["status", "left_at", "next_slot_at"])


def _cancel(reader: Subscriber, kinds: Iterable[Kind], *, now: datetime) -> None:
    waiting = Delivery.objects.filter(subscriber=reader, kind__in=list(kinds), state=DeliveryState.PENDING)
    waiting.update(state=DeliveryState.CANCELLED, reason="moved", settled_at=now, to_address="")


def keys_mailed_to(mails: Mapping[str, tuple[int | None, str, datetime | None]]) -> dict[str, str]:
    """The address key that each mail went to. mails: public id -> (reader's id, the reader's key now, when it was claimed).

    A mail claimed before its reader moved went to the address that was left. One statement.
    """
    changes: dict[int, list[Move]] = {}
    own: dict[str, str] = {}
    for change in Move.objects.filter(subscriber__in={reader for reader, _key, _at in mails.values() if reader}):
        changes.setdefault(change.subscriber_id, []).append(change)
        own |= {change.ask_ref: change.to_key} | ({change.undo_ref: change.from_key} if change.undo_ref else {})
    return {ref: own.get(ref) or _key_at(changes.get(reader or 0, ()), key, at) for ref, (reader, key, at) in mails.items()}


def _key_at(changes: Collection[Move], key: str, at: datetime | None) -> str:
    """The reader's key at that time: what the first change since then left behind."""
    since: list[tuple[datetime, float, str]] = []
    for change in changes:
        if change.moved_at is not None:
            since.append((change.moved_at, 0.0, change.from_key))
        if change.moved_at is not None and change.undone_at is not None:
            since.append((change.undone_at, -change.moved_at.timestamp(), change.to_key))
    return min((step for step in since if at is not None and step[0] > at), default=(None, 0.0, key))[2]


def other_keys(readers: Collection[int]) -> set[tuple[int, str]]:
    """(reader's id, key) of addresses that readers have left, or never took. One statement."""
    rows = Move.objects.filter(subscriber__in=readers).values_list(
        "subscriber_id", "from_key", "to_key", "subscriber__address_key"
    )
    return {(reader, key) for reader, *keys, now in rows for key in keys if key != now}


def forget_moves(*, now: datetime, dry_run: bool = False) -> int:
    """Drop asks that nobody confirmed, addresses that nothing leads back to, at last the keys. Rows. Safe to repeat."""
    asks = Move.objects.filter(moved_at__isnull=True, asked_at__lt=now - ASK_KEPT)
    old = Move.objects.filter(moved_at__lt=now - KEYS_KEPT)
    settled = Move.objects.filter(moved_at__lt=now - UNDO_KEPT).exclude(from_address="", to_address="")
    if dry_run:
        return asks.count() + old.count() + settled.count()
    return asks.delete()[0] + old.delete()[0] + settled.update(from_address="", to_address="")
