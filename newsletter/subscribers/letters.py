"""The service mails: what each template is given, and nothing a stranger typed."""

from __future__ import annotations

from datetime import UTC, datetime

from django.conf import settings
from django.utils import translation
from django.utils.formats import date_format

from newsletter import links, mail
from newsletter.links import Purpose
from newsletter.models import Delivery, Kind, Subscriber


def write(delivery: Delivery, *, as_of: datetime) -> mail.Message:
    """A service mail of any kind but DIGEST and TEST. The same row and `as_of` give the same bytes, so a retry repeats
    the link. Raises ValueError when the reader was erased (`refusal` says so before)."""
    reader = delivery.subscriber
    if reader is None and delivery.kind != Kind.ALERT:
        raise ValueError(f"{delivery!r} has no reader to be written to")
    with translation.override(reader.locale if reader else settings.LANGUAGE_CODE):
        return mail.service(delivery.kind, _context(delivery, reader, as_of))


def _context(delivery: Delivery, reader: Subscriber | None, as_of: datetime) -> dict[str, object]:
    context: dict[str, object] = {
        "newsletter": settings.NEWSLETTER_NAME,
        "postal_address": settings.POSTAL_ADDRESS,
        "home_url": links.absolute("/"),
        "locale": reader.locale if reader else settings.LANGUAGE_CODE,
    }
    if reader is None:
        return context | {
            "subject_line": delivery.params["subject_line"],
            "lines": delivery.params["lines"],
            "desk_url": links.absolute("/desk/"),
        }
    if delivery.kind == Kind.CONFIRM:
        return context | _confirmation(delivery, reader)
    if delivery.kind in (Kind.ALREADY, Kind.LINK):
        token = links.token(Purpose.PREFERENCES, reader.public_id, now=as_of)
        return context | {"preferences_url": links.absolute(f"/preferences/{token}")}
    return context


def _confirmation(delivery: Delivery, reader: Subscriber) -> dict[str, object]:
    token = links.confirm_token(delivery.public_id, expected_hash=reader.confirm_hash)
    return {
        "confirm_url": links.absolute(f"/confirm/{token}"),
        "never_url": links.absolute(f"/never/{links.token(Purpose.NEVER, reader.public_id)}"),
        "asked_at": date_format(delivery.created_at.astimezone(UTC), "j F Y, H:i") + " UTC",
    }
