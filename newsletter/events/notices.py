"""A provider's notices -> Event rows: one statement a batch, no address in them, each kept once."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parseaddr
from typing import Any

from newsletter import subscribers
from newsletter.events.reports import Verdict, meaning
from newsletter.models import Delivery, Event
from newsletter.models.record import HARD_REASONS

logger = logging.getLogger(__name__)

KEYED = ("mailgun", "resend", "sendgrid")  # providers that sign with a key of ours: WEBHOOK_KEYS
SOFT = "soft"
CONTENT = "spam"
_PASSING = {"transient", "temporary", "undetermined", "dnserror"}
_CONTENT_KINDS = {"contentrejected", "messagetoolarge", "attachmentrejected"}
_KIND_FIELDS = {"type", "event", "bouncetype", "severity", "bounce_type", "record_type"}
_BATCH = 1000
_KEY_CHARACTERS = 300  # of a provider's words that go into a key


@dataclass(frozen=True, slots=True)
class Notice:
    """One statement about one recipient, in django-anymail's words. delivery: its public id; message_id: the provider's."""

    key: str
    type: str
    reject_reason: str = ""
    recipient_key: str = ""
    delivery: str = ""
    message_id: str = ""
    happened_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """kept: new rows. known: notices told before. broken: what could not be read at all."""

    kept: int = 0
    known: int = 0
    broken: int = 0


def record(events: Iterable[Any], *, provider: str, now: datetime) -> Told:
    """Keeps notices (AnymailTrackingEvents or anything with their attributes). One that is broken spoils no other.

    The address becomes a keyed hash. The delivery is looked up by the metadata that every mail carries, else by the
    provider's message id.
    """
    notices, broken, last = [], 0, ""
    for event in events:
        try:
            notices.append(_notice(event))
        except Exception as error:  # a provider may send anything
            broken += 1
            last = type(error).__name__
    if broken:
        logger.warning("%d notices of %s cannot be read: %s", broken, provider, last)
    return replace(keep(notices, provider=provider, now=now), broken=broken)


def keep(notices: Sequence[Notice], *, provider: str, now: datetime) -> Told:
    """Three statements for each thousand, whatever they say; what is known already stays as it was."""
    name, kept = provider.lower()[:30], 0
    for start in range(0, len(notices), _BATCH):
        batch = {notice.key: notice for notice in notices[start : start + _BATCH]}
        known = set(Event.objects.filter(provider=name, key__in=batch).values_list("key", flat=True))
        new = [notice for key, notice in batch.items() if key not in known]
        rows = _rows(new, provider=name, now=now)
        Event.objects.bulk_create(rows, ignore_conflicts=True)
        kept += len(rows)
    return Told(kept=kept, known=len(notices) - kept)


def _rows(notices: Sequence[Notice], *, provider: str, now: datetime) -> list[Event]:
    by_ref, by_message = _deliveries(notices)
    rows = []
    for notice in notices:
        delivery, recipient_key = by_ref.get(notice.delivery) or by_message.get(notice.message_id) or (None, "")
        rows.append(
            Event(
                provider=provider,
                key=notice.key,
                type=notice.type,
                reject_reason=notice.reject_reason,
                recipient_key=notice.recipient_key or recipient_key,
                delivery_id=delivery,
                happened_at=notice.happened_at,
                received_at=now,
            )
        )
    return rows


_Found = dict[str, tuple[int, str]]


def _deliveries(notices: Sequence[Notice]) -> tuple[_Found, _Found]:
    """Public id, and provider's message id, -> (delivery, its reader's address key).

    Mailgun gives all mails of a request one id: that names none of them.
    """
    columns = ("pk", "subscriber__address_key")
    refs = {notice.delivery for notice in notices} - {""}
    by_ref = {
        ref: (pk, key or "") for ref, pk, key in Delivery.objects.filter(public_id__in=refs).values_list("public_id", *columns)
    }
    ids = {notice.message_id for notice in notices if notice.delivery not in by_ref} - {""}
    found = Delivery.objects.filter(provider_id__in=ids).order_by("pk") if ids else Delivery.objects.none()
    rows = list(found.values_list("provider_id", *columns))
    times = Counter(name for name, _, _ in rows)
    return by_ref, {name: (pk, key or "") for name, pk, key in rows if times[name] == 1}


def _notice(event: Any) -> Notice:
    recipient_key = _recipient_key(event.recipient)
    metadata = event.metadata if isinstance(event.metadata, Mapping) else {}
    return Notice(
        key=_key(event, recipient_key),
        type=_plain(event.event_type, 20),
        reject_reason=_reject_reason(event),
        recipient_key=recipient_key,
        delivery=_plain(metadata.get("delivery"), 16),
        message_id=_plain(event.message_id, 200),
        happened_at=_aware(event.timestamp),
    )


def _reject_reason(event: Any) -> str:
    """Anymail's word, with SOFT for a bounce that passes and CONTENT where the receiver blames the mail.

    Anymail has one word for soft and hard bounces, so the provider's own notice and the receiver's answer are asked.
    """
    answer, reason = _plain(event.mta_response, 1000).strip(), _plain(event.reject_reason, 20)
    if event.event_type != "bounced" or reason in ("blocked", CONTENT):
        return reason
    kinds = list(_kinds(event.esp_event)) if isinstance(event.esp_event, Mapping) else []
    # The provider calls it hard: only plain words of the receiver speak against that.
    said = meaning(answer, "5.1.1" if reason in HARD_REASONS else "")
    if said is Verdict.CONTENT or any(kind == "bouncesubtype" and value in _CONTENT_KINDS for kind, value in kinds):
        return CONTENT
    if answer.startswith("4") or _is_soft(kinds):
        return SOFT
    return "bounced" if said is Verdict.HARD else (reason or answer) and SOFT


def _kinds(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every plain field of the provider's own notice, at any depth, in lower case."""
    for name, value in raw.items():
        if isinstance(value, Mapping):
            yield from _kinds(value)
        else:
            yield str(name).lower(), str(value).lower()


def _is_soft(kinds: Iterable[tuple[str, str]]) -> bool:
    """Amazon SES bounceType, Postmark Type, Brevo event, SendGrid type, Resend bounce.type, Mailjet hard_bounce."""
    return any(
        (name in _KIND_FIELDS and ("soft" in value or value in _PASSING)) or (name, value) == ("hard_bounce", "false")
        for name, value in kinds
    )


def _recipient_key(recipient: str | None) -> str:
    address = parseaddr(_plain(recipient, 320))[1]
    return subscribers.address_key(address) if "@" in address else ""


def _key(event: Any, recipient_key: str) -> str:
    """The same for a notice sent twice. One event id may stand for several recipients (Amazon SNS), so it is not all."""
    facts = [str(event.event_type), recipient_key]
    if event.event_id:
        facts.append(str(event.event_id))
    else:
        facts += [str(event.message_id), str(event.timestamp), str(event.reject_reason), str(event.mta_response)]
    return hashlib.sha256(json.dumps([fact[:_KEY_CHARACTERS] for fact in facts]).encode()).hexdigest()


def _aware(at: datetime | None) -> datetime | None:
    if at is None or at.tzinfo:
        return at
    return at.replace(tzinfo=UTC)


def _plain(value: object, most: int) -> str:
    """Text that every database takes: PostgreSQL has no NUL, neither has surrogates."""
    text = "" if value is None else str(value)
    return text.replace("\x00", "").encode("utf-8", "replace").decode()[:most]


def prune(*, before: datetime, dry_run: bool = False) -> int:
    """Delete the notices received before then whose conclusion was drawn. Notices. Safe to repeat."""
    old = Event.objects.filter(received_at__lt=before, applied_at__isnull=False)
    return old.count() if dry_run else old.delete()[0]
