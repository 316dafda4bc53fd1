"""Consent: asking in, confirming, leaving. Every sign-up path is `subscribe`, and nobody gets mail who did not confirm.

All verbs lock the reader's row (and `subscribe` the address's counter first), so two processes act one after the other.
Doors ring the bell after these return; nothing here sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from newsletter import links
from newsletter.models import (
    Delivery,
    DeliveryState,
    Interest,
    Kind,
    Subscriber,
    SubscriberStatus,
    Suppression,
    SuppressionReason,
)
from newsletter.subscribers import addresses, breaker, networks, preferences
from newsletter.subscribers.allowances import Limit, count, lapse, room, take
from newsletter.subscribers.letters import addressed as _delivery
from newsletter.subscribers.needs import is_asked
from newsletter.subscribers.preferences import Wish

CONFIRM_LIFETIME = timedelta(days=7)
UNCONFIRMED_KEPT = timedelta(days=14)
BOUNCE_REST = timedelta(days=30)

_CONFIRM = Limit(a_day=1, in_all=3, over_days=90)
_CONFIRM_AFTER_BOUNCE = Limit(a_day=1, in_all=1, over_days=BOUNCE_REST.days)
_ALREADY = Limit(a_day=1, in_all=90, over_days=90)
_LINK = Limit(a_day=3, in_all=270, over_days=90)
_NOTHING = Limit(a_day=0, in_all=0, over_days=90)
_NOBODY = 0  # no row has this key


def consent_text() -> str:
    """The words beside the sign-up button; stored with the reader as the proof of what was agreed to."""
    return _("Mail me new research papers at this address. I can change or stop it at any time by a link in every mail.")


def subscribe(*, address: str, wish: Wish, network: str, now: datetime) -> None:
    """Ask for a confirmation, or tell a reader by mail that they are one already; the caller learns neither.

    New, pending, active and suppressed addresses return the same None by the same path, and so do those under a domain
    where nobody can have mail. At most one mail a UTC day and address, three confirmations until one is used (forgotten
    after 90 days), so many confirmations an hour in all (`breaker`); the wish of a pending reader is replaced, an active
    reader's preferences stay, and those of one who left stay until they confirm. network: the client's IP address as text,
    kept only as the keyed hash of its network.
    Raises addresses.BadAddress, matching.query.BadQuery, preferences.BadWish or networks.TooMany with nothing stored.
    Safe to repeat.
    """
    typed = addresses.read(address)
    columns = preferences.checked({"zone": wish.zone, "hour": wish.hour, "days": wish.days, "max_papers": wish.max_papers})
    columns |= {"paused_until": None, "consent_text": consent_text()}
    columns["consent_network_key"] = networks.key_of(network)
    queries = preferences.canonical(wish.queries)
    key = addresses.address_key(typed)
    with transaction.atomic():
        networks.enter(network, now=now)
        count("asked", key, now=now)
        interests = preferences.interest_ids(queries, wish.topics)
        _ask(typed, key, _Asked(columns, queries, tuple(wish.topics), interests), now=now)


def confirmable(token: str, *, now: datetime) -> Subscriber:
    """The reader whom this token would confirm; changes nothing. Raises links.Refused: FORGED, USED or EXPIRED."""
    return _open_to(Subscriber.objects.filter(confirm_hash=links.confirm_hash(token)).first(), now)


def confirm(token: str, *, now: datetime) -> Subscriber:
    """Make the reader active, once: the second of two gets Refused(USED). Sets confirmed_at and the first slot.

    Lifts what an owner's click disproves (LEFT, ERASED, a bounce at least 30 days old) and forgets the confirmations
    counted on earlier days.
    """
    with transaction.atomic():
        found = Subscriber.objects.select_for_update().filter(confirm_hash=links.confirm_hash(token)).first()
        reader = _open_to(found, now)
        lifted = (SuppressionReason.LEFT, SuppressionReason.ERASED, SuppressionReason.HARD_BOUNCE)
        Suppression.objects.filter(address_key=reader.address_key, reason__in=lifted).delete()
        lapse("confirm", reader.address_key, now=now)
        _take_up(reader, now=now)
        reader.status = SubscriberStatus.ACTIVE
        reader.confirmed_at, reader.left_at, reader.confirm_expires_at = now, None, None
        reader.next_slot_at = preferences.upcoming(reader, now=now)
        reader.save()
    return reader


def unsubscribe(subscriber_ref: str, *, now: datetime) -> bool:
    """Stop all mail to this reader at once; True when that changed something. Safe to repeat.

    Open mails become CANCELLED "left", one already being sent is stopped by `refusal`. A reader who was active gets one
    goodbye. The status COMPLAINED stays: it is the stronger word.
    """
    with transaction.atomic():
        reader = Subscriber.objects.select_for_update().filter(public_id=subscriber_ref).first()
        if reader is None or reader.status == SubscriberStatus.COMPLAINED:
            return False
        if reader.status == SubscriberStatus.LEFT:
            return _withdraw(reader, now=now)
        was_active = reader.status == SubscriberStatus.ACTIVE
        _leave(reader, now=now)
        if was_active:
            _delivery(reader, Kind.GOODBYE, now=now).save(force_insert=True)
    return True


def never(subscriber_ref: str, *, now: datetime) -> None:
    """Leave, and bar the address from every mail until support lifts it: no goodbye either. Safe to repeat."""
    with transaction.atomic():
        reader = Subscriber.objects.select_for_update().filter(public_id=subscriber_ref).first()
        if reader is None:
            return
        _leave(reader, now=now)
        _suppress(reader, SuppressionReason.NEVER, now=now)


def send_preferences_link(address: str, *, network: str, now: datetime) -> None:
    """Mail an active reader the link to their preferences, three times a day at most; silence for everyone else.

    network: as for `subscribe`. Raises addresses.BadAddress or networks.TooMany.
    """
    key = addresses.address_key(addresses.read(address))
    with transaction.atomic():
        networks.enter(network, now=now)
        count("asked", key, now=now)
        reader = Subscriber.objects.select_for_update().filter(address_key=key).first()
        limit = _LINK if _limit_for(key, reader, now=now) is _ALREADY else _NOTHING
        if take("link", key, limit, now=now) and reader is not None:
            _delivery(reader, Kind.LINK, now=now).save(force_insert=True)


def _limit_for(key: str, reader: Subscriber | None, *, now: datetime) -> Limit:
    """How much mail the address may be sent by asking on the form."""
    since = dict(Suppression.objects.filter(address_key=key).values_list("reason", "created_at"))
    if SuppressionReason.COMPLAINT in since or SuppressionReason.NEVER in since:
        return _NOTHING
    bounced_at = since.get(SuppressionReason.HARD_BOUNCE)
    if bounced_at is not None:
        return _CONFIRM_AFTER_BOUNCE if now - bounced_at >= BOUNCE_REST else _NOTHING
    return _ALREADY if reader is not None and reader.status == SubscriberStatus.ACTIVE else _CONFIRM


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a sign-up brings: columns of the reader; canonical queries and topic slugs, and the ids of their rows."""

    columns: dict[str, Any]
    queries: tuple[str, ...]
    topics: tuple[str, ...]
    interests: tuple[int, ...]

    def aside(self, before: dict[str, Any] | None) -> dict[str, Any]:
        """Of one who was a reader before: anybody can type an address, so it waits beside what the reader has chosen."""
        return {"asked": {**(before or {}), **self.columns, "queries": self.queries, "topics": self.topics}}


def _take_up(reader: Subscriber, *, now: datetime) -> None:
    """What was put aside holds; a topic that is gone meanwhile is left out. The caller saves."""
    if reader.asked is None:
        return
    columns = dict(reader.asked)
    queries, slugs = tuple(columns.pop("queries")), columns.pop("topics")
    topics = Interest.objects.filter(slug__in=slugs).values_list("slug", flat=True)
    preferences.replace_interests(reader.pk, preferences.interest_ids(queries, [slug for slug in topics if slug]), now=now)
    for name, value in columns.items():
        setattr(reader, name, value)
    reader.asked = None


def _ask(typed: str, key: str, asked: _Asked, *, now: datetime) -> None:
    """Every case runs as many statements; where nothing may change they name the row 0, which is nobody's, or only read.

    Address and token change together, never one alone: else a token mailed to one spelling could confirm another.
    """
    reader = Subscriber.objects.select_for_update().filter(address_key=key).first()
    known = _limit_for(key, reader, now=now)
    limit = _NOTHING if addresses.is_reserved(typed) else known
    active = reader is not None and reader.status == SubscriberStatus.ACTIVE
    scope = "already" if active else "confirm"
    free = room(scope, key, limit, now=now)
    closed = not breaker.let_through(free, now=now)
    mailed = take(scope, key, _NOTHING if closed else limit, now=now)
    if mailed and reader is None:
        reader = _new(typed, key, now=now)
    else:
        _idle(2)
    delivery = _delivery(reader, Kind.ALREADY if active else Kind.CONFIRM, now=now)
    state: dict[str, Any] = {}
    if mailed:
        asked.columns["address"] = typed
        left = reader is not None and reader.status == SubscriberStatus.LEFT  # which they have, until they confirm
        state = {} if left else {"status": SubscriberStatus.PENDING, "next_slot_at": None}
        state["confirm_expires_at"] = now + CONFIRM_LIFETIME
        state["confirm_hash"] = links.confirm_hash(links.confirm_token(delivery.public_id))
        delivery.to_address = reader.address if reader and active else typed
    pending = reader is not None and is_asked(reader) and limit is not _NOTHING
    row = reader.pk if reader is not None and not active and (mailed or pending) else _NOBODY
    _cancel(row if mailed else _NOBODY, "replaced by a newer one", kinds=(Kind.CONFIRM,), now=now)
    _note(row, reader, asked, state, now=now)
    if mailed:
        delivery.save(force_insert=True)
    else:
        _idle(1)


def _note(row: int, reader: Subscriber | None, asked: _Asked, state: dict[str, Any], *, now: datetime) -> None:
    """Into the row, which may be nobody's: what is asked, beside what one who was a reader before has chosen."""
    before = reader is not None and reader.confirmed_at is not None
    Subscriber.objects.filter(pk=row).update(**state, **(asked.aside(reader.asked) if reader and before else asked.columns))
    taken = _NOBODY if before else row
    preferences.replace_interests(taken, asked.interests if taken else (), now=now)
    _idle(1 if asked.interests and not taken else 0)


def _idle(statements: int) -> None:
    """As many statements as another kind of address would have cost here. They find nothing."""
    for _each in range(statements):
        Subscriber.objects.filter(pk=_NOBODY).exists()


def _new(typed: str, key: str, *, now: datetime) -> Subscriber:
    """The row of a new address, also when another process has just made it."""
    Subscriber.objects.bulk_create([Subscriber(address=typed, address_key=key, created_at=now)], ignore_conflicts=True)
    return Subscriber.objects.select_for_update().get(address_key=key)


def _open_to(reader: Subscriber | None, now: datetime) -> Subscriber:
    """A used token keeps its hash and loses its expiry: that tells USED from FORGED."""
    if reader is None:
        raise links.Refused("FORGED")
    if not is_asked(reader) or reader.confirm_expires_at is None:
        raise links.Refused("USED")
    if now >= reader.confirm_expires_at:
        raise links.Refused("EXPIRED")
    return reader


def _withdraw(reader: Subscriber, *, now: datetime) -> bool:
    """Of one who left before: take back what was asked since. The goodbye stands."""
    if not is_asked(reader):
        return False
    reader.confirm_expires_at = reader.asked = None
    reader.save(update_fields=["confirm_expires_at", "asked"])
    _cancel(reader.pk, "left", kinds=(Kind.CONFIRM,), now=now)
    return True


def _leave(reader: Subscriber, *, now: datetime) -> None:
    if reader.status not in (SubscriberStatus.LEFT, SubscriberStatus.COMPLAINED):
        reader.status, reader.left_at = SubscriberStatus.LEFT, now
    reader.next_slot_at = reader.confirm_expires_at = reader.asked = None
    reader.save(update_fields=["status", "left_at", "next_slot_at", "confirm_expires_at", "asked"])
    _suppress(reader, SuppressionReason.LEFT, now=now)
    # Whoever moved the address and leaves must not silence the mail that tells the old one.
    _cancel(reader.pk, "left", kinds=tuple(kind for kind in Kind if kind != Kind.MOVE_OLD), now=now)


def _suppress(reader: Subscriber, reason: SuppressionReason, *, now: datetime) -> None:
    row = Suppression(address_key=reader.address_key, reason=reason, created_at=now)
    Suppression.objects.bulk_create([row], ignore_conflicts=True)


def _cancel(reader_pk: int, reason: str, *, kinds: tuple[Kind, ...], now: datetime) -> None:
    """Only PENDING rows: a claimed one belongs to the process that claimed it, which reads the needs again."""
    Delivery.objects.filter(subscriber_id=reader_pk, kind__in=kinds, state=DeliveryState.PENDING).update(
        state=DeliveryState.CANCELLED, reason=reason, settled_at=now, to_address=""
    )


def forget_unconfirmed(*, now: datetime, dry_run: bool = False) -> int:
    """Delete who never confirmed, 14 days after asking last; the mail promises it. Rows. Safe to repeat.

    Of who was a reader before, only what was asked is forgotten: anybody can type an address.
    """
    expired = now - (UNCONFIRMED_KEPT - CONFIRM_LIFETIME)
    asked = Subscriber.objects.filter(confirm_expires_at__lt=expired)
    old = asked.filter(status=SubscriberStatus.PENDING, confirmed_at__isnull=True)
    if dry_run:
        return old.count()
    before = asked.filter(confirmed_at__isnull=False)
    before.filter(status=SubscriberStatus.PENDING).update(status=SubscriberStatus.LEFT)
    before.update(confirm_expires_at=None, asked=None)
    Delivery.objects.filter(subscriber__in=old).exclude(to_address="").update(to_address="")
    return old.delete()[1].get("newsletter.Subscriber", 0)
