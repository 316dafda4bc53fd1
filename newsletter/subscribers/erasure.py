"""Forgetting a reader: after it no row holds the address, and a keyed hash of it alone says that it was here.

Copies stay in the ledger without a reader, because an issue's sums are made of them; notices of providers stay without a
recipient. A copy that is being sent while this runs is on its way already.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from newsletter.models import (
    Delivery,
    DeliveryState,
    Event,
    Interest,
    Kind,
    Move,
    MutedInterest,
    Subscriber,
    SubscriberInterest,
    SubscriberStatus,
    Suppression,
    SuppressionReason,
)
from newsletter.subscribers.allowances import Limit, take
from newsletter.subscribers.letters import addressed
from newsletter.subscribers.moves import UNDO_KEPT

_LINKS = Limit(a_day=3, in_all=90, over_days=90)
_KNOWN = (SubscriberStatus.ACTIVE, SubscriberStatus.LEFT)


def send_export_link(reader: Subscriber, *, now: datetime) -> None:
    """Mail the reader's own address a link to all that is kept about it, three a day at most."""
    _send(reader, Kind.EXPORT, now=now)


def send_erase_link(reader: Subscriber, *, now: datetime) -> None:
    """Mail the reader's own address a link to the page that erases, three a day at most."""
    _send(reader, Kind.ERASE, now=now)


def _send(reader: Subscriber, kind: Kind, *, now: datetime) -> None:
    with transaction.atomic():
        row = Subscriber.objects.select_for_update().filter(pk=reader.pk, status__in=_KNOWN).first()
        if row is not None and not _just_moved(row, now) and take(kind.lower(), row.address_key, _LINKS, now=now):
            addressed(row, kind, now=now).save(force_insert=True)


def _just_moved(reader: Subscriber, now: datetime) -> bool:
    """While the old address can undo a move, the new one may be a stranger's: nothing that cannot be undone is mailed there."""
    return reader.moves.filter(moved_at__gt=now - UNDO_KEPT, undone_at=None).exists()


def erase(subscriber_ref: str, *, now: datetime) -> bool:
    """Delete the reader and all that says who it was; True when there was one. Safe to repeat.

    What barred the address from mail (a complaint, a bounce, NEVER) goes on barring it. Queries that nobody else has go, too:
    they are the reader's words.
    """
    with transaction.atomic():
        reader = Subscriber.objects.select_for_update().filter(public_id=subscriber_ref).first()
        if reader is None:
            return False
        own = [
            *SubscriberInterest.objects.filter(subscriber=reader).values_list("interest_id", flat=True),
            *MutedInterest.objects.filter(subscriber=reader).values_list("interest_id", flat=True),
            *Interest.objects.filter(query__in=(reader.asked or {}).get("queries", ())).values_list("id", flat=True),
        ]
        Event.objects.filter(Q(delivery__subscriber=reader) | Q(recipient_key=reader.address_key)).update(recipient_key="")
        mails = Delivery.objects.filter(subscriber=reader)
        mails.filter(state=DeliveryState.PENDING).update(state=DeliveryState.CANCELLED, reason="erased", settled_at=now)
        mails.update(to_address="", subscriber=None)
        _forget_moves(reader.address_key, now=now)
        reader.delete()
        _forget_queries(own)
        _remember(reader.address_key, now=now)
    return True


def _forget_moves(address_key: str, *, now: datetime) -> None:
    """The address also where another reader's subscription came from it or goes to it; what was mailed there is stopped."""
    for end, ref, kind in (("from", "undo_ref", Kind.MOVE_OLD), ("to", "ask_ref", Kind.MOVE_NEW)):
        moves = Move.objects.filter(**{f"{end}_key": address_key})
        mails = Delivery.objects.filter(public_id__in=list(moves.values_list(ref, flat=True)), kind=kind)
        mails.filter(state=DeliveryState.PENDING).update(state=DeliveryState.CANCELLED, reason="erased", settled_at=now)
        mails.update(to_address="")
        moves.update(**{f"{end}_address": ""})


def _forget_queries(interests: list[int]) -> None:
    read = SubscriberInterest.objects.filter(interest=OuterRef("pk"))
    muted = MutedInterest.objects.filter(interest=OuterRef("pk"))
    Interest.objects.filter(~Exists(read), ~Exists(muted), pk__in=interests, slug__isnull=True).exclude(
        query="is:trending"
    ).delete()


def _remember(address_key: str, *, now: datetime) -> None:
    """In place of LEFT: the address may sign up anew, an import may not bring it back."""
    Suppression.objects.filter(address_key=address_key, reason=SuppressionReason.LEFT).delete()
    row = Suppression(address_key=address_key, reason=SuppressionReason.ERASED, created_at=now)
    Suppression.objects.bulk_create([row], ignore_conflicts=True)
