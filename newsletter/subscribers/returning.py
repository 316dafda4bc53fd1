"""Taking a leaving back: the link in the goodbye, for seven days."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from newsletter import links
from newsletter.models import Delivery, Kind, Subscriber, SubscriberStatus, Suppression, SuppressionReason
from newsletter.subscribers import preferences


def returnable(goodbye_ref: str) -> Subscriber:
    """The reader whom this goodbye's link would bring back; changes nothing.

    Raises links.Refused: USED when they read already, FORGED when they have left again since, or for another reason than
    their own wish.
    """
    goodbye = Delivery.objects.filter(public_id=goodbye_ref, kind=Kind.GOODBYE).select_related("subscriber").first()
    if goodbye is None or goodbye.subscriber is None:
        raise links.Refused("FORGED")
    return _left_by(goodbye, goodbye.subscriber)


def come_back(goodbye_ref: str, *, now: datetime) -> Subscriber:
    """Active again, with all settings as they were, whatever was asked since, and the next slot to come. Raises links.Refused as `returnable`."""
    with transaction.atomic():
        goodbye = Delivery.objects.filter(public_id=goodbye_ref, kind=Kind.GOODBYE).first()
        found = Subscriber.objects.select_for_update().filter(deliveries=goodbye).first() if goodbye else None
        if goodbye is None or found is None:
            raise links.Refused("FORGED")
        reader = _left_by(goodbye, found)
        Suppression.objects.filter(address_key=reader.address_key, reason=SuppressionReason.LEFT).delete()
        reader.status, reader.left_at = SubscriberStatus.ACTIVE, None
        reader.confirm_expires_at = reader.asked = None
        reader.next_slot_at = preferences.upcoming(reader, now=now)
        reader.save(update_fields=["status", "left_at", "confirm_expires_at", "asked", "next_slot_at"])
    return reader


def _left_by(goodbye: Delivery, reader: Subscriber) -> Subscriber:
    if reader.status == SubscriberStatus.ACTIVE:
        raise links.Refused("USED")
    barred = Suppression.objects.filter(address_key=reader.address_key).exclude(reason=SuppressionReason.LEFT).exists()
    if reader.status != SubscriberStatus.LEFT or reader.left_at != goodbye.created_at or barred:
        raise links.Refused("FORGED")
    return reader
