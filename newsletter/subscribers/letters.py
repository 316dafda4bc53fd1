"""The service mails: what each template is given, and nothing a stranger typed."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings

from newsletter import links, mail
from newsletter.links import Purpose
from newsletter.models import Delivery, Kind, Lane, Move, Subscriber
from newsletter.subscribers.addresses import mask


def write(delivery: Delivery, *, as_of: datetime) -> mail.Message:
    """A service mail of any kind but DIGEST and TEST. The same row and `as_of` give the same bytes, so a retry repeats
    the link. Raises ValueError when the reader was erased (`refusal` says so before)."""
    reader = delivery.subscriber
    if reader is None and delivery.kind != Kind.ALERT:
        raise ValueError(f"{delivery!r} has no reader to be written to")
    return mail.service(delivery.kind, _context(delivery, reader, as_of))


def addressed(reader: Subscriber | None, kind: Kind, *, now: datetime, to: str = "") -> Delivery:
    """A service mail, due at once, to the reader's address or another; not saved yet."""
    address = to or (reader.address if reader else "")
    return Delivery(subscriber=reader, kind=kind, lane=Lane.SERVICE, due_at=now, created_at=now, to_address=address)


def _context(delivery: Delivery, reader: Subscriber | None, as_of: datetime) -> dict[str, object]:
    locale = reader.locale if reader else settings.LANGUAGE_CODE
    shared: dict[str, object] = {
        "newsletter": settings.NEWSLETTER_NAME,
        "postal_address": settings.POSTAL_ADDRESS,
        "home_url": links.absolute("/"),
        "privacy_url": links.absolute("/privacy"),
        "locale": locale,
        "asked_at": mail.moment(delivery.created_at, locale),
    }
    return shared | (_own(delivery, reader, as_of) if reader else _alert(delivery))


def _alert(delivery: Delivery) -> dict[str, object]:
    return {
        "subject_line": delivery.params["subject_line"],
        "lines": delivery.params["lines"],
        "desk_url": links.absolute("/desk/"),
    }


def _own(delivery: Delivery, reader: Subscriber, as_of: datetime) -> dict[str, object]:
    """The links of a kind. A token that opens something of the reader's names the reader, one of a move its delivery."""

    def link(purpose: Purpose, path: str, ref: str) -> str:
        return links.absolute(f"/{path}/{links.token(purpose, ref, now=as_of)}")

    match delivery.kind:
        case Kind.CONFIRM:
            return _confirmation(delivery, reader)
        case Kind.ALREADY | Kind.LINK:
            return {"preferences_url": link(Purpose.PREFERENCES, "preferences", reader.public_id)}
        case Kind.EXPORT:
            return {"export_url": link(Purpose.EXPORT, "export", reader.public_id)}
        case Kind.ERASE:
            return {"erase_url": link(Purpose.ERASE, "erase", reader.public_id)}
        case Kind.MOVE_NEW:
            return {"move_url": link(Purpose.MOVE, "move", delivery.public_id)}
        case Kind.MOVE_OLD:
            change = Move.objects.filter(undo_ref=delivery.public_id).first()
            goes_to = change.to_address if change and change.to_address else reader.address
            return {"undo_url": link(Purpose.UNDO, "undo", delivery.public_id), "masked": mask(goes_to)}
        case Kind.GOODBYE:
            return {"return_url": link(Purpose.RETURN, "return", delivery.public_id)}
    return {}


def _confirmation(delivery: Delivery, reader: Subscriber) -> dict[str, object]:
    token = links.confirm_token(delivery.public_id, expected_hash=reader.confirm_hash)
    return {
        "confirm_url": links.absolute(f"/confirm/{token}"),
        "never_url": links.absolute(f"/never/{links.token(Purpose.NEVER, reader.public_id)}"),
    }
