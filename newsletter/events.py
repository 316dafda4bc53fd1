"""What the world says about mails that left -> Event; what follows for the delivery and its reader.

`record` only inserts: a provider drops the rest of a batch when a receiver fails, and asks again. `apply` draws the
conclusions later. Both are safe to repeat, and the end does not depend on the order of the notices.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from anymail.signals import tracking
from django.db import connection, transaction
from django.db.models import Q

from newsletter import subscribers
from newsletter.models import (
    Delivery,
    DeliveryState,
    Event,
    Subscriber,
    SubscriberStatus,
    Suppression,
    SuppressionReason,
)

logger = logging.getLogger(__name__)

_BATCH = 500
SOFT = "soft"
_HARD_REASONS = ("bounced", "invalid")
# Each of these says that the provider had the mail.
_PROOF = frozenset(
    ["sent", "queued", "delivered", "deferred", "bounced", "complained", "unsubscribed", "autoresponded", "opened", "clicked"]
)
_PASSING = {"transient", "temporary", "undetermined", "dnserror", "blocked"}
_KIND_FIELDS = {"type", "event", "bouncetype", "severity", "bounce_type", "record_type"}


def connect(*, clock: Callable[[], datetime]) -> None:
    """Listens to django-anymail's webhooks. The door that serves them gives the clock (aware UTC)."""

    def receive(sender: Any, event: Any, esp_name: str, **_: Any) -> None:
        record(event, provider=esp_name, now=clock())

    tracking.connect(receive, weak=False, dispatch_uid="newsletter.events")


def record(event: Any, *, provider: str, now: datetime) -> Event | None:
    """Keeps one notice (an AnymailTrackingEvent or anything with its attributes); None when it is known already.

    The address becomes a keyed hash. The delivery is looked up by the metadata that every mail carries, else by the
    provider's message id.
    """
    recipient_key = _recipient_key(getattr(event, "recipient", None))
    kept, created = Event.objects.get_or_create(
        provider=provider.lower()[:30],
        key=_key(event, recipient_key),
        defaults={
            "type": str(event.event_type)[:20],
            "reject_reason": _reject_reason(event),
            "recipient_key": recipient_key,
            "delivery": _delivery(event),
            "happened_at": event.timestamp,
            "received_at": now,
        },
    )
    return kept if created else None


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
    readers = _readers(batch)
    for event in batch:
        reader = readers.get(event.pk)
        if event.type == "complained":
            counts["complained"] += _stop(event, reader, SubscriberStatus.COMPLAINED, SuppressionReason.COMPLAINT, now=now)
        elif _is_hard(event) and not _outdated(event, reader):
            counts["bounced"] += _stop(event, reader, SubscriberStatus.BOUNCED, SuppressionReason.HARD_BOUNCE, now=now)
        elif event.type == "unsubscribed" and not _outdated(event, reader):
            counts["unsubscribed"] += _leave(event, reader, now=now)
    # A copy in SENDING may yet become UNCERTAIN: its proof must still be there then.
    done = [event.pk for event in batch if not (event.delivery and event.delivery.state == DeliveryState.SENDING)]
    counts["applied"] += Event.objects.filter(pk__in=done, applied_at__isnull=True).update(applied_at=now)
    counts["open"] += len(batch) - len(done)


def _settle(batch: Iterable[Event], *, now: datetime) -> int:
    proven = {event.delivery_id for event in batch if event.delivery_id and event.type in _PROOF}
    rows = Delivery.objects.filter(pk__in=proven, state=DeliveryState.UNCERTAIN)
    return rows.update(state=DeliveryState.SENT, reason="", settled_at=now, to_address="")


def _readers(batch: list[Event]) -> dict[int, Subscriber]:
    """Event id -> the reader it is about: the delivery's, else the one whose address has the key."""
    by_id = {event.delivery.subscriber_id for event in batch if event.delivery and event.delivery.subscriber_id}
    keys = {event.recipient_key for event in batch if event.recipient_key}
    found = list(Subscriber.objects.filter(Q(pk__in=by_id) | Q(address_key__in=keys)))
    ids, names = {reader.pk: reader for reader in found}, {reader.address_key: reader for reader in found}
    pairs = (
        (event.pk, ids.get(event.delivery.subscriber_id or 0) if event.delivery else names.get(event.recipient_key))
        for event in batch
    )
    return {pk: reader for pk, reader in pairs if reader}


def _stop(event: Event, reader: Subscriber | None, status: SubscriberStatus, reason: SuppressionReason, *, now: datetime) -> int:
    """A complaint outranks a bounce, and both outrank leaving, whichever came first."""
    _suppress(event, reader, reason, now=now)
    if reader is None:
        return 0
    outranked = Subscriber.objects.filter(pk=reader.pk).exclude(status__in=[SubscriberStatus.COMPLAINED, status])
    return outranked.update(status=status, next_slot_at=None)


def _leave(event: Event, reader: Subscriber | None, *, now: datetime) -> int:
    _suppress(event, reader, SuppressionReason.LEFT, now=now)
    stopped = [SubscriberStatus.BOUNCED, SubscriberStatus.COMPLAINED]
    if reader is None or Subscriber.objects.filter(pk=reader.pk, status__in=stopped).exists():
        return 0
    return int(subscribers.unsubscribe(reader.public_id, now=now))


def _suppress(event: Event, reader: Subscriber | None, reason: SuppressionReason, *, now: datetime) -> None:
    key = reader.address_key if reader else event.recipient_key
    if key:
        Suppression.objects.get_or_create(address_key=key, reason=reason, defaults={"created_at": now})


def _outdated(event: Event, reader: Subscriber | None) -> bool:
    """The reader has confirmed the address anew since: the old notice says nothing about it."""
    return bool(reader and reader.confirmed_at and event.happened_at and event.happened_at < reader.confirmed_at)


def _is_hard(event: Event) -> bool:
    return event.type in ("bounced", "rejected") and event.reject_reason in _HARD_REASONS


def _reject_reason(event: Any) -> str:
    """Anymail's word, with two additions: SOFT for a bounce that passes, and "bounced" where SendGrid's answer says 5xx.

    Anymail has one word for soft and hard bounces, so the provider's own notice is asked.
    """
    answer = str(event.mta_response or "").lstrip()
    if event.event_type != "bounced":
        return str(event.reject_reason or "")[:20]
    if answer.startswith("4") or _says_soft(event.esp_event if isinstance(event.esp_event, Mapping) else {}):
        return SOFT
    return str(event.reject_reason or ("bounced" if answer.startswith("5") else ""))[:20]


def _says_soft(raw: Mapping[str, Any]) -> bool:
    """Amazon SES bounceType, Postmark Type, Brevo event, SendGrid type, Resend bounce.type, Mailjet hard_bounce."""
    for name, value in raw.items():
        if isinstance(value, Mapping):
            soft = _says_soft(value)
        elif name.lower() in _KIND_FIELDS:
            soft = "soft" in str(value).lower() or str(value).lower() in _PASSING
        else:
            soft = name == "hard_bounce" and value is False
        if soft:
            return True
    return False


def _delivery(event: Any) -> Delivery | None:
    metadata = event.metadata if isinstance(event.metadata, Mapping) else {}
    ref, message_id = str(metadata.get("delivery") or ""), str(event.message_id or "")
    found = Delivery.objects.filter(public_id=ref).first() if ref else None
    if found is None and message_id:
        found = Delivery.objects.filter(provider_id=message_id[:200]).order_by("-pk").first()
    return found


def _recipient_key(recipient: str | None) -> str:
    address = parseaddr(recipient or "")[1]
    return subscribers.address_key(address) if "@" in address else ""


def _key(event: Any, recipient_key: str) -> str:
    """The same for a notice sent twice. One event id may stand for several recipients (Amazon SNS), so it is not all."""
    facts = [str(event.event_type), recipient_key]
    if event.event_id:
        facts.append(str(event.event_id))
    else:
        facts += [str(event.message_id), str(event.timestamp), str(event.reject_reason), str(event.mta_response)]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()
