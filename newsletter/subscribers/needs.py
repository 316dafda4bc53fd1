"""What each kind of mail requires of its reader, read again after the claim (invariant 4)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from newsletter.models import Kind, Subscriber, SubscriberStatus, SuppressionReason

_HUSHED = (SuppressionReason.COMPLAINT, SuppressionReason.NEVER)
_UNWANTED = (*_HUSHED, SuppressionReason.HARD_BOUNCE)
_ANY = (*_UNWANTED, SuppressionReason.ERASED, SuppressionReason.LEFT)

_ACTIVE = (SubscriberStatus.ACTIVE,)
_KNOWN = (SubscriberStatus.ACTIVE, SubscriberStatus.LEFT)
_MOVED = (*_KNOWN, SubscriberStatus.BOUNCED, SubscriberStatus.COMPLAINED)

# kind -> (statuses of which the reader must have one, suppressions that stop it whatever the status)
_NEEDS: dict[str, tuple[tuple[SubscriberStatus, ...], tuple[SuppressionReason, ...]]] = {
    Kind.DIGEST: (_ACTIVE, _ANY),
    Kind.TEST: (_ACTIVE, _ANY),
    Kind.CONFIRM: ((SubscriberStatus.PENDING,), _HUSHED),
    Kind.ALREADY: (_ACTIVE, _UNWANTED),
    Kind.LINK: (_ACTIVE, _UNWANTED),
    Kind.EXPORT: (_KNOWN, _UNWANTED),
    Kind.ERASE: (_KNOWN, _UNWANTED),
    Kind.MOVE_NEW: (_ACTIVE, _UNWANTED),
    Kind.MOVE_OLD: (_MOVED, _UNWANTED),
    Kind.GOODBYE: ((SubscriberStatus.LEFT,), _UNWANTED),
}


def refusal(kind: str, subscriber: Subscriber | None, reasons: Collection[str], *, today_local: date) -> str:
    """Why this mail may not leave now, in one or two words for `Delivery.reason`; "" = it may.

    | kind               | reader          | pause   | stopped by a suppression for          |
    |--------------------|-----------------|---------|---------------------------------------|
    | DIGEST, TEST       | ACTIVE          | counts  | any reason                            |
    | CONFIRM            | `is_asked`      | -       | COMPLAINT, NEVER                      |
    | ALREADY, LINK      | ACTIVE          | -       | COMPLAINT, NEVER, HARD_BOUNCE         |
    | EXPORT, ERASE      | ACTIVE or LEFT  | -       | COMPLAINT, NEVER, HARD_BOUNCE         |
    | MOVE_NEW           | ACTIVE          | -       | the same, for the address it goes to  |
    | MOVE_OLD           | not PENDING     | -       | the same, for the address it goes to  |
    | GOODBYE            | LEFT            | -       | COMPLAINT, NEVER, HARD_BOUNCE         |
    | ALERT              | none            | -       | nothing: it goes to the curator       |

    reasons: the SuppressionReason values of the address. today_local: the reader's local day, for the pause. A CONFIRM
    is not stopped by HARD_BOUNCE, because `subscribe` lets one through only after 30 days and `confirm` lifts it. A TEST
    without a reader goes to the curator's own address. No reader where one is needed means that the row was erased.
    """
    if kind == Kind.ALERT:
        return ""
    statuses, stops = _NEEDS[kind]
    stopped = next((reason for reason in stops if reason in reasons), None)
    if stopped is not None:
        return stopped.label
    if subscriber is None:
        return "" if kind == Kind.TEST else "erased"
    if subscriber.status not in statuses and not (kind == Kind.CONFIRM and is_asked(subscriber)):
        return _STATUS[SubscriberStatus(subscriber.status)]
    if kind in (Kind.DIGEST, Kind.TEST) and paused(subscriber, today_local=today_local):
        return "paused"
    return ""


def is_asked(subscriber: Subscriber) -> bool:
    """Whether a confirmation is awaited. Who left stays so meanwhile: anybody can type an address."""
    awaited = subscriber.confirm_expires_at is not None and subscriber.status == SubscriberStatus.LEFT
    return awaited or subscriber.status == SubscriberStatus.PENDING


def paused(subscriber: Subscriber, *, today_local: date) -> bool:
    """True until the day before `paused_until`, in the reader's own calendar."""
    return subscriber.paused_until is not None and today_local < subscriber.paused_until


_STATUS = {
    SubscriberStatus.PENDING: "not confirmed",
    SubscriberStatus.ACTIVE: "confirmed",
    SubscriberStatus.LEFT: "left",
    SubscriberStatus.BOUNCED: "bounced",
    SubscriberStatus.COMPLAINED: "complained",
}
