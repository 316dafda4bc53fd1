"""The rows of a morning: one issue, editions of its papers, readers, and a digest due for each. Made, not measured."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from django.conf import settings
from django.core.management.color import no_style
from django.db import connection

from bench.mail import READERS_AN_EDITION, editions
from bench.match_rows import ZONES, forget
from newsletter.editions._rows import Field, day_number, micros, random_ids, write
from newsletter.mail import Card, Digest
from newsletter.models import Candidate, CardLength, Edition, Interest, Issue, IssueState, Paper, Subscriber

PICKS = 9  # with whole abstracts: about 55 kB on the wire
TOPICS = 300
OWN_WORDS = 2  # interests a reader


def digests(count: int) -> list[Digest]:
    """What the copies say, also those of the naive design."""
    return [replace(whole, picks=whole.picks[:PICKS], card_length=CardLength.ABSTRACT.value) for whole in editions(count)]


def morning(readers: int, *, now: datetime) -> None:
    """Everything but the copies. Readers' ids begin at 1; an edition has as many readers as a million of them gave it."""
    issue = Issue.objects.create(
        number=1, state=IssueState.CLOSED, opened_at=now - timedelta(days=1), closed_at=now, closed_on=now.date()
    )
    said = digests(max(1, readers // READERS_AN_EDITION))
    cards = {pick.card.ref: pick.card for digest in said for pick in digest.picks}
    rows = Paper.objects.bulk_create([_paper(card, now) for card in cards.values()])
    papers = dict(zip(cards, rows, strict=True))
    shown = {row.pk: Candidate(issue=issue, paper=row, upvotes=row.upvotes) for row in rows}
    Candidate.objects.bulk_create(shown.values())
    interests = Interest.objects.bulk_create(
        [Interest(query=f'"topic {n:03}"', slug=f"topic-{n:03}", name=f"Topic {n:03}") for n in range(TOPICS)]
    )
    made = []
    for number, digest in enumerate(said):
        own = [(papers[pick.card.ref], pick.reason) for pick in digest.picks]
        picks = [[shown[paper.pk].pk, paper.pk, interests[0].pk, reason] for paper, reason in own]
        made.append(Edition(key=f"bench-{number}", picks=picks, created_at=now))
    Edition.objects.bulk_create(made, batch_size=500)
    _readers(readers, [row.pk for row in interests], now)


def _paper(card: Card, now: datetime) -> Paper:
    return Paper(
        title=card.title,
        url=card.url,
        pdf_url=card.pdf_url,
        code_url=card.code_url,
        authors=list(card.authors),
        authors_total=card.authors_total,
        categories=list(card.categories),
        organizations=list(card.organizations),
        published_on=card.published_on,
        upvotes=card.upvotes,
        abstract=card.abstract,
        listed_on=now.date(),
        seen_at=now,
    )


def _readers(count: int, interests: list[int], now: datetime) -> None:
    ids, dice = np.arange(1, count + 1), np.random.default_rng(7)
    since = micros(now) - dice.integers(1, 700, size=count) * 86_400_000_000
    for place, zone in enumerate(ZONES):
        some = slice(place, None, len(ZONES))
        write("newsletter_subscriber", _reader_fields(zone, ids[some], since[some]), len(ids[some]))
    first = dice.integers(len(interests), size=count)
    known = np.array(interests)
    for step in range(OWN_WORDS):
        chosen = known[(first + step * 7) % len(interests)]
        fields = [Field("subscriber_id", "q", ids), Field("interest_id", "q", chosen), Field("added_at", "t", since)]
        write("newsletter_subscriberinterest", fields, count)
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [Subscriber]):
            cursor.execute(statement)  # the ids were given; the next reader's is not


def _reader_fields(zone: str, ids: np.ndarray, since: np.ndarray) -> list[Field]:
    return [
        Field("id", "q", ids),
        Field("public_id", "s", random_ids(len(ids))),
        Field("leave_id", "s", np.char.add(random_ids(len(ids)), b"-bench")),
        Field("address", "s", np.char.add(np.char.zfill(ids.astype("S10"), 10), b"@example.org")),
        Field("address_key", "s", np.char.zfill(ids.astype("S64"), 64)),
        *(Field(name, "s", "") for name in ("consent_text", "consent_network_key", "confirm_hash")),
        *(Field(name, "t", since) for name in ("created_at", "confirmed_at")),
        Field("status", "s", "ACTIVE"),
        Field("zone", "s", zone),
        Field("hour", "h", 7),
        Field("days", "h", 0b1111111),
        Field("max_papers", "h", 15),
        Field("empty_day", "s", "SILENT"),
        Field("card_length", "s", CardLength.ABSTRACT.value),
        Field("text_only", "b", 0),
        Field("locale", "s", "en"),
        Field("muted", "j", "[]"),
    ]


def copies(count: int, *, now: datetime) -> None:
    """A fresh ledger: one digest for each of so many readers, due all at once; copies of one edition stand together."""
    forget("delivery")
    places, due = np.arange(count), micros(now) - 1_000_000
    made = np.array(list(Edition.objects.order_by("id").values_list("id", flat=True)))
    fields = [
        Field("public_id", "s", random_ids(count)),
        Field("subscriber_id", "q", places + 1),
        Field("kind", "s", "DIGEST"),
        Field("lane", "h", 1),
        Field("edition_id", "q", made[places // READERS_AN_EDITION % len(made)]),
        Field("slot_on", "d", day_number(now.date())),
        Field("due_at", "t", due),
        Field("late_at", "t", due + settings.LATE_WINDOW // timedelta.resolution),
        Field("after", "i", 0),
        Field("upto", "i", 1),
        Field("state", "s", "PENDING"),
        Field("created_at", "t", due),
        Field("params", "j", "{}"),
        Field("attempts", "h", 0),
        *(Field(name, "s", "") for name in ("reason", "claim_token", "to_address", "provider_id")),
    ]
    write("newsletter_delivery", fields, count)
