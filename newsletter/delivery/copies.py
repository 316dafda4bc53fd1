"""What leaves: each claimed row's words from the room that knows them, and the envelope they leave in."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from email.utils import parseaddr
from functools import lru_cache
from typing import TypeAlias

from django.conf import settings

from newsletter import editions, links, mail, subscribers
from newsletter.delivery.transport import Mail
from newsletter.models import Delivery, Kind

logger = logging.getLogger(__name__)

DIGESTS = {Kind.DIGEST, Kind.TEST}


Content: TypeAlias = mail.Message | mail.Copy


def write(
    rows: Sequence[Delivery], *, as_of: datetime, kept: editions.Kept | None = None
) -> dict[int, Content | Exception | None]:
    """Delivery id -> what it says, None for a copy left empty, or what went wrong. One broken row spoils no other.

    kept: the run's own, for what its slices have in common.
    """
    digests = [row for row in rows if row.kind in DIGESTS]
    written: dict[int, Content | Exception | None] = {}
    try:
        written |= editions.copies_of(digests, as_of=as_of, kept=kept) if digests else {}
    except Exception:
        logger.exception("digests of a slice could not be written together; trying one by one")
    for row in rows:
        if row.pk not in written:
            written[row.pk] = _write_one(row, as_of=as_of)
    return written


def _write_one(row: Delivery, *, as_of: datetime) -> Content | Exception | None:
    try:
        return editions.copies_of([row], as_of=as_of)[row.pk] if row.kind in DIGESTS else subscribers.write(row, as_of=as_of)
    except Exception as error:
        logger.exception("delivery %s could not be written", row.public_id)
        return error


def compose(row: Delivery, content: Content, *, as_of: datetime, sign: bool = True) -> Mail:
    """The bytes on the wire. The same row written again has the same Message-ID. sign: by our key, where there is one."""
    from_header = settings.MAIL_FROM if row.kind in DIGESTS else settings.SERVICE_FROM
    domain = _address(settings.MAIL_FROM).rpartition("@")[2]
    leave_url = _leave_url(row)
    envelope = mail.Envelope(
        to=recipient(row),
        from_header=from_header,
        reply_to=settings.REPLY_TO,
        message_id=f"<{row.public_id}@{domain}>",
        date=as_of,
        list_id=f"{settings.NEWSLETTER_NAME} <digest.{domain}>" if leave_url else None,
        unsubscribe_url=leave_url,
        help_url=links.absolute("/") if leave_url else None,
        feedback_id=f"{row.upto or 0}:{row.kind.lower()}:{row.lane}:paperround",
        text_only=bool(row.subscriber and row.subscriber.text_only),
    )
    wire = content.wire(envelope) if isinstance(content, mail.Copy) else mail.to_wire(content, envelope)
    return Mail(
        ref=row.public_id,
        sender=_return_path(row) or _address(from_header),
        to=envelope.to,
        wire=_signed(wire) if sign and settings.DKIM_KEY else wire,
        as_of=as_of,
    )


def _signed(wire: bytes) -> bytes:
    return mail.Signer(settings.DKIM_KEY, settings.DKIM_SELECTOR, settings.DKIM_DOMAIN).signed(wire)


def recipient(row: Delivery) -> str:
    """Empty when nobody is left to write to."""
    return row.to_address or (row.subscriber.address if row.subscriber else "")


def _leave_url(row: Delivery) -> str | None:
    """Digests come from a list that can be left; a service mail does not, so it offers no such thing."""
    if row.kind not in DIGESTS or row.subscriber is None:
        return None
    return links.absolute(links.leave_path(row.subscriber.leave_id))


def _return_path(row: Delivery) -> str:
    """Where bounces of this mail go: an address that names the delivery, signed. Providers put their own in its place."""
    return f"{links.return_path(row.public_id)}@{settings.BOUNCE_DOMAIN}" if settings.BOUNCE_DOMAIN else ""


@lru_cache(maxsize=16)
def _address(header: str) -> str:
    return parseaddr(header)[1]
