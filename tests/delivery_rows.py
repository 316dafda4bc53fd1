"""Rows for the tests of delivery and events: readers, an issue with one paper, an edition, copies that are due."""

from datetime import UTC, date, datetime, timedelta
from itertools import count

from newsletter import subscribers
from newsletter.models import (
    Candidate,
    Delivery,
    Edition,
    Issue,
    IssueState,
    Kind,
    Lane,
    Paper,
    Subscriber,
    SubscriberStatus,
)

NOW = datetime(2026, 11, 22, 6, 30, 5, tzinfo=UTC)
_names = count(1)


def readers(number: int, **fields: object) -> list[Subscriber]:
    """Active ones, unless told otherwise."""
    rows = []
    for _ in range(number):
        address = f"reader{next(_names)}@example.org"
        values = {"status": SubscriberStatus.ACTIVE, "created_at": NOW, "confirmed_at": NOW - timedelta(days=9), **fields}
        rows.append(Subscriber(address=address, address_key=subscribers.address_key(address), **values))
    Subscriber.objects.bulk_create(rows)
    return rows


def edition(number: int = 1) -> Edition:
    """A closed issue of that number with one paper, and the edition that shows it."""
    issue = Issue.objects.create(
        number=number,
        state=IssueState.CLOSED,
        opened_at=NOW - timedelta(days=1),
        closed_at=NOW - timedelta(hours=2),
        closed_on=date(2026, 11, 22) - timedelta(days=30 - number),
    )
    paper = Paper.objects.create(
        title=f"A paper of issue {number}", summary=".One line begins with a dot.", listed_on=date(2026, 11, 21), seen_at=NOW
    )
    candidate = Candidate.objects.create(issue=issue, paper=paper)
    return Edition.objects.create(key=f"{number:064d}", picks=[[candidate.pk, paper.pk, None, "trending"]], created_at=NOW)


def digests(to: list[Subscriber], shown: Edition, *, upto: int = 1, **fields: object) -> list[Delivery]:
    """One due digest for each, over the window (upto - 1, upto]."""
    values = {
        "kind": Kind.DIGEST,
        "lane": Lane.DIGEST,
        "edition": shown,
        "slot_on": date(2026, 11, 22),
        "due_at": NOW - timedelta(minutes=1),
        "late_at": NOW - timedelta(minutes=1) + timedelta(hours=6),
        "after": upto - 1,
        "upto": upto,
        "created_at": NOW - timedelta(minutes=20),
        **fields,
    }
    return Delivery.objects.bulk_create([Delivery(subscriber=reader, **values) for reader in to])


def service(reader: Subscriber, kind: Kind, **fields: object) -> Delivery:
    values = {"lane": Lane.SERVICE, "due_at": NOW, "created_at": NOW, "to_address": reader.address, **fields}
    return Delivery.objects.create(subscriber=reader, kind=kind, **values)
