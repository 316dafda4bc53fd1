"""Notices of a provider: kept and applied in order, and shuffled with doubles and broken ones; the end must be the same.

Everything happens in one transaction that is rolled back: the current database stays as it was.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from newsletter import events, subscribers
from newsletter.models import Delivery, DeliveryState, Event, Kind, Lane, Subscriber, SubscriberStatus, Suppression

NOTICES = 100_000
NOW = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
_DAYS = 30
_MAILS = 10  # a reader
_DOUBLED, _BROKEN = 0.3, 0.01
_BATCH = 500  # notices a request or so
_APPLY_EVERY = 20_000


@dataclass(frozen=True)
class End:
    """What the notices came to: readers (number, status, left, waits for a slot), addresses, mails, and rows of Event."""

    readers: tuple[tuple[int, str, datetime | None, bool], ...]
    barred: tuple[tuple[str, str, datetime], ...]
    mails: tuple[tuple[int, str, str], ...]
    notices: int


class _Undo(Exception):
    """Raised to roll back."""


def measure(notices: int = NOTICES) -> list[dict[str, Any]]:
    """Two rows, in order and in disorder: notices a second with the verdicts, queries, and whether the ends are the same."""
    rows, ends = [], []
    logging.getLogger("newsletter.events").setLevel(logging.ERROR)  # a thousand broken notices are meant
    for disorder in (False, True):
        figures: dict[str, Any] = {"order": "shuffled, 30 % doubled, 1 % broken" if disorder else "as it happened"}
        ends.append(end(notices, seed=1, disorder=disorder, figures=figures))
        rows.append({**figures, "same_end": ends[-1] == ends[0]})
    return rows


def end(notices: int, *, seed: int, disorder: bool, figures: dict[str, Any] | None = None) -> End:
    """Make readers and their mails, tell the notices, apply them in several sweeps; what came of it."""
    found: list[End] = []
    try:
        with transaction.atomic():
            mails = _mails(max(1, notices // (_MAILS * 2)))
            said = _story(mails, notices, random.Random(seed))
            if disorder:
                said = _disordered(said, random.Random(seed + 1))
            started = time.perf_counter()
            with CaptureQueriesContext(connection) as queries:
                for start in range(0, len(said), _BATCH):
                    events.record(said[start : start + _BATCH], provider="bench", now=NOW)
                    if start % _APPLY_EVERY == 0:
                        events.apply(now=NOW)
                events.apply(now=NOW)
            seconds = time.perf_counter() - started
            if figures is not None:
                figures |= {"notices": len(said), "seconds": round(seconds, 1), "notices_per_s": round(len(said) / seconds)}
                figures["queries_per_notice"] = round(len(queries) / len(said), 4)
            found.append(_end(mails))
            raise _Undo
    except _Undo:
        return found[0]


def _mails(readers: int) -> list[Delivery]:
    """Every reader's mails of the last days; the newest is UNCERTAIN, and one more waits to leave."""
    people = []
    for number in range(readers):
        address = f"reader{number}@example.org"
        confirmed = NOW - timedelta(days=_DAYS)
        values = {"status": SubscriberStatus.ACTIVE, "created_at": NOW, "confirmed_at": confirmed, "next_slot_at": NOW}
        people.append(Subscriber(address=address, address_key=subscribers.address_key(address), **values))
    Subscriber.objects.bulk_create(people, batch_size=500)
    states = [DeliveryState.SENT] * (_MAILS - 2) + [DeliveryState.UNCERTAIN, DeliveryState.PENDING]
    rows = [
        Delivery(subscriber=reader, kind=Kind.LINK, lane=Lane.SERVICE, due_at=NOW, created_at=NOW, state=state)
        for reader in people
        for state in states
    ]
    return Delivery.objects.bulk_create(rows, batch_size=500)


def _story(mails: list[Delivery], notices: int, chance: random.Random) -> list[Any]:
    """Mostly deliveries; some readers bounce softly for days, some hard, complain, leave, or answer by machine."""
    told = []
    for number in range(notices):
        place = chance.randrange(len(mails))
        kind = _kind(place // _MAILS % 4 == 0, chance)
        at = NOW - timedelta(minutes=chance.randrange(_DAYS * 1440))
        told.append(_notice(mails[place], kind, at, number))
    return sorted(told, key=lambda notice: notice.timestamp)


def _kind(soft_reader: bool, chance: random.Random) -> str:
    kinds = ("delivered", "soft", "opened", "hard", "complained", "unsubscribed", "autoresponded", "content")
    return chance.choices(kinds, (4, 60, 4, 1, 1, 1, 4, 4) if soft_reader else (80, 2, 10, 0.4, 0.2, 0.5, 2, 2))[0]


def _notice(mail: Delivery, kind: str, at: datetime, number: int) -> Any:
    bounced = {"soft": "552 5.2.2 mailbox full", "hard": "550 5.1.1 user unknown", "content": "550 5.7.1 spam"}
    return SimpleNamespace(
        event_type="bounced" if kind in bounced else kind,
        event_id=f"bench-{number}",
        message_id=None,
        timestamp=at,
        recipient=mail.subscriber.address if mail.subscriber else None,
        metadata={"delivery": mail.public_id},
        reject_reason="bounced" if kind in bounced else None,
        mta_response=bounced.get(kind),
        esp_event={},
    )


def _disordered(said: list[Any], chance: random.Random) -> list[Any]:
    doubles = chance.sample(said, int(len(said) * _DOUBLED))
    broken = [SimpleNamespace(event_type="bounced", timestamp="no time") for _ in range(int(len(said) * _BROKEN))]
    mixed = said + doubles + broken
    chance.shuffle(mixed)
    return mixed


def _end(mails: list[Delivery]) -> End:
    first_reader, first_mail = mails[0].subscriber_id or 0, mails[0].pk
    readers = Subscriber.objects.filter(pk__gte=first_reader).order_by("pk")
    rows = Delivery.objects.filter(pk__gte=first_mail).order_by("pk")
    return End(
        tuple((row.pk - first_reader, row.status, row.left_at, row.next_slot_at is not None) for row in readers),
        tuple(sorted(Suppression.objects.values_list("address_key", "reason", "created_at"))),
        tuple((row.pk - first_mail, row.state, row.reason) for row in rows),
        Event.objects.filter(provider="bench", applied_at__isnull=False).count(),
    )
