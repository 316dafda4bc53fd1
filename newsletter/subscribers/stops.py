"""Readers stopped, and let go again, by what others say: providers, the world's mail servers, support."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from newsletter.models import Delivery, DeliveryState, Kind, Subscriber, SubscriberStatus, Suppression, SuppressionReason
from newsletter.subscribers import preferences

LIFTABLE = (SuppressionReason.COMPLAINT, SuppressionReason.NEVER, SuppressionReason.HARD_BOUNCE)
_OPEN = (SubscriberStatus.ACTIVE, SubscriberStatus.PENDING)


def leave_as_told(left: Mapping[int, datetime], *, now: datetime) -> int:
    """Readers (by id) who unsubscribed at the provider, with the time: open mails are cancelled. How many this stopped.

    No goodbye: they have said so to somebody else, who may take no more mail for them. Who bounced or complained keeps
    that status and has left all the same. Safe to repeat.
    """
    if not left:
        return 0
    readers = list(Subscriber.objects.select_for_update().filter(pk__in=left).order_by("pk"))
    stopped = [reader for reader in readers if reader.status in _OPEN]
    for reader in readers:
        reader.left_at = max(left[reader.pk], reader.left_at or left[reader.pk])
        reader.next_slot_at = reader.confirm_expires_at = reader.asked = None
    for reader in stopped:
        reader.status = SubscriberStatus.LEFT
    Subscriber.objects.bulk_update(readers, ["status", "left_at", "next_slot_at", "confirm_expires_at", "asked"], batch_size=500)
    mails = Delivery.objects.filter(subscriber_id__in=left, state=DeliveryState.PENDING).exclude(kind=Kind.MOVE_OLD)
    mails.update(state=DeliveryState.CANCELLED, reason="left", settled_at=now, to_address="")
    return len(stopped)


def resume(reader: Subscriber, *, now: datetime) -> None:
    """Take back a stop for soft bounces that proved wrong: ACTIVE again, or LEFT for who has unsubscribed since."""
    gone = Suppression.objects.filter(address_key=reader.address_key, reason=SuppressionReason.LEFT).exists()
    reader.status = SubscriberStatus.LEFT if gone else SubscriberStatus.ACTIVE
    reader.next_slot_at = None if gone else preferences.upcoming(reader, now=now)
    reader.save(update_fields=["status", "next_slot_at"])


def lift(address_key: str, *, now: datetime) -> tuple[SuppressionReason, ...]:
    """Let the owner of an address ask again on the form; the reasons that were lifted, none when nothing barred it.

    LEFT takes their place: mail comes only after a new confirmation, and an import stays barred.
    """
    with transaction.atomic():
        rows = Suppression.objects.select_for_update().filter(address_key=address_key, reason__in=LIFTABLE)
        lifted = tuple(SuppressionReason(row.reason) for row in rows.order_by("reason"))
        if not lifted:
            return ()
        rows.delete()
        Suppression.objects.get_or_create(address_key=address_key, reason=SuppressionReason.LEFT, defaults={"created_at": now})
        stopped = Subscriber.objects.filter(
            address_key=address_key, status__in=[SubscriberStatus.COMPLAINED, SubscriberStatus.BOUNCED]
        )
        stopped.update(status=SubscriberStatus.LEFT, left_at=now)
    return lifted
