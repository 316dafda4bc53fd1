"""Rows for the tests of issues and editions: a source, papers, a clock that walks day by day."""

from datetime import UTC, datetime, timedelta
from itertools import count

from newsletter import subscribers
from newsletter.matching.query import parse
from newsletter.models import Interest, Paper, Sighting, Source, Subscriber, SubscriberInterest, SubscriberStatus

MONDAY = datetime(2026, 11, 16, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)
_names = count(1)


def source(slug: str = "listing", *, trending: bool = False) -> Source:
    return Source.objects.get_or_create(slug=slug, defaults={"name": slug, "kind": "arxiv", "is_trending": trending})[0]


def paper(title: str, *, at: datetime = MONDAY, seen_by: str = "listing", **fields: object) -> Paper:
    row = Paper.objects.create(title=title, listed_on=at.date(), seen_at=at, **{"authors": ["Ada Example"], **fields})
    sight(row, at=at, seen_by=seen_by)
    return row


def sight(row: Paper, *, at: datetime, seen_by: str = "listing", trending: bool = False) -> None:
    place = source(seen_by, trending=trending)
    Sighting.objects.create(source=place, paper=row, seen_at=at, listed_on=at.date(), rank=1)


def reader(*queries: str, at: datetime = MONDAY, **fields: object) -> Subscriber:
    """An active one, confirmed at that instant, all days at 07:00 UTC."""
    address = f"issue-reader{next(_names)}@example.org"
    values = {"status": SubscriberStatus.ACTIVE, "created_at": at, "confirmed_at": at, "days": 0b1111111, **fields}
    row = Subscriber(address=address, address_key=subscribers.address_key(address), **values)
    row.next_slot_at = subscribers.next_slot(zone=row.zone, hour=row.hour, days=row.days, after=at)
    row.save()
    for text in queries:
        interest, _ = Interest.objects.get_or_create(query=parse(text).canonical)
        SubscriberInterest.objects.create(subscriber=row, interest=interest, added_at=at)
    return row
