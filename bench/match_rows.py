"""The rows of a synthetic installation: papers, Zipf topics, own queries, readers. Made, not measured.

How dense it is comes from 234 recorded papers with abstracts (arXiv, Hugging Face, bioRxiv and others) and the 64 topics
that ship. A paper is in 2.64 of them on average, 5 in 100 in none; the broadest topic has 24 % of the papers (31 to 40 %
of one Hugging Face day), the median one 2.6 %. Here are 300 topics of the same world: a paper is still in 2.64, drawn by
the law by which readers choose (Zipf 1.0), so that the broadest has about 35 % and the median one 0.3 %.
Words of their titles asked as own queries match, on average (and nothing at all): one word 11.4 % of the papers (22 %),
two neighbours 3.0 % (53 %), three 1.0 % (78 %), a two-word phrase 1.6 % (80 %): together about 5 %, half of them nothing.
The forms and words below are set to that; `density` measures what came out.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate, product
from math import exp

import numpy as np
from django.db import connection

from newsletter.editions._rows import Field, micros, random_ids, write
from newsletter.matching.compiled import compiled
from newsletter.matching.query import parse
from newsletter.models import Candidate, Interest, Issue, IssueState, Paper

TOPICS = 300
OWN_SHARE = 0.1
DISTINCT_OWN = 0.9  # of ten own queries nine are nobody else's
NOW = datetime(2026, 3, 20, 7, tzinfo=UTC)
CLOSED_AT = NOW - timedelta(hours=4)
SIGNED_UP_AT = NOW - timedelta(days=40)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Shanghai", "Asia/Kolkata", "America/Los_Angeles", "Europe/London")
TOPICS_A_PAPER = (0.05, 0.21, 0.26, 0.21, 0.13, 0.08, 0.06)  # none, one, ... six: 2.64 on average
_SYLLABLES = ("ba", "ke", "li", "mo", "nu", "ra", "se", "ti", "vo", "zu", "da", "pe", "qui", "lor", "gan", "tor", "mex", "nid")
WORDS = ["".join(parts) for parts in product(_SYLLABLES, repeat=3)]  # 5,832, of which the first are frequent
RARE = ["".join(parts) for parts in product(_SYLLABLES, repeat=4)]  # 104,976 that no paper uses
_WEIGHTS = list(accumulate(1 / (place + 20) for place in range(len(WORDS))))
FORMS = ("{a}", "{a}", "{a}", "{a} OR {b}", "{a} {b}", "{a} {b}", "{a} {b} {c}", '"{a} {b}"', "title:{a}", "{a} NOT {c}",
         "{a} ({b} OR {c})", "{p}* {c}")  # fmt: skip
_ZIPF = list(accumulate(1 / rank for rank in range(1, TOPICS + 1)))


def papers(count: int, dice: random.Random, *, number: int = 1, closed_at: datetime = CLOSED_AT) -> Issue:
    """One closed issue of papers with titles of 9 words and abstracts of about 160."""
    on = closed_at.date()
    issue = Issue.objects.create(
        number=number, state=IssueState.CLOSED, opened_at=closed_at - timedelta(days=1), closed_at=closed_at, closed_on=on
    )
    rows = Paper.objects.bulk_create([_paper(dice, on, closed_at) for _ in range(count)], batch_size=500)
    shown = [Candidate(issue=issue, paper=row, upvotes=row.upvotes, trend=round(4 * dice.random(), 6)) for row in rows]
    Candidate.objects.bulk_create(shown, batch_size=500)
    return issue


def _paper(dice: random.Random, on: date, seen_at: datetime) -> Paper:
    words = dice.choices(WORDS, cum_weights=_WEIGHTS, k=dice.randint(140, 180))
    title = dice.choices(WORDS, cum_weights=_WEIGHTS, k=9)
    for topic in _topics_of_one(dice):
        where = title if dice.random() < 0.3 else words
        where[dice.randrange(len(where))] = _topic_word(topic, dice.randrange(2))
    return Paper(
        title=" ".join(title), abstract=" ".join(words), listed_on=on, seen_at=seen_at, authors=["A. Writer"],
        upvotes=dice.randint(0, 90),
    )  # fmt: skip


def _topics_of_one(dice: random.Random) -> set[int]:
    [count] = dice.choices(range(len(TOPICS_A_PAPER)), TOPICS_A_PAPER)
    found: set[int] = set()
    while len(found) < count:
        found.update(dice.choices(range(TOPICS), cum_weights=_ZIPF))
    return found


def _topic_word(topic: int, which: int) -> str:
    return f"{RARE[2 * topic + which]}x"


def queries(count: int, dice: random.Random) -> list[str]:
    """Distinct canonical queries of every form, of words of every frequency and of none."""
    found: dict[str, None] = {}
    while len(found) < count:
        a, b, c = (_asked_word(dice) for _ in range(3))
        found[parse(dice.choice(FORMS).format(a=a, b=b, c=c, p=a[:5])).canonical] = None
    return list(found)


def _asked_word(dice: random.Random) -> str:
    place = int(30 * exp(7 * dice.random()))
    return WORDS[place] if place < len(WORDS) else dice.choice(RARE)


def interests(readers: int, dice: random.Random) -> tuple[int, int]:
    """Topics and own queries, with their compiled forms: (number of topics, number of own queries), ids from 1."""
    own = queries(int(readers * OWN_SHARE * DISTINCT_OWN), dice)
    rows = [
        Interest(id=place, query=query.canonical, compiled=compiled(query), name=f"Topic {place}" if place <= TOPICS else "")
        for place, query in enumerate(map(parse, dict.fromkeys([*topics(), *own])), start=1)
    ]
    Interest.objects.bulk_create(rows, batch_size=2_000)
    return TOPICS, len(rows) - TOPICS


def topics() -> list[str]:
    """By how many read them; each of two words that only its papers use."""
    return [f"{_topic_word(topic, 0)} OR {_topic_word(topic, 1)}" for topic in range(TOPICS)]


def readers(count: int, topics: int, own: int, seed: int) -> None:
    """1-5 topics each by Zipf's law, one in ten an own query too; all due at NOW, nine of ten with the default 10 places."""
    dice = np.random.default_rng(seed)
    ids = np.arange(1, count + 1)
    places = np.where(dice.random(count) < 0.9, 10, dice.integers(3, 26, size=count))
    for at, zone in enumerate(ZONES):
        some = slice(at, None, len(ZONES))
        write("newsletter_subscriber", _reader_fields(zone, ids[some], places[some]), len(ids[some]))
    _links(ids, topics, own, dice)


def _reader_fields(zone: str, ids: np.ndarray, places: np.ndarray) -> list[Field]:
    return [
        Field("id", "q", ids),
        Field("public_id", "s", random_ids(len(ids))),
        Field("leave_id", "s", np.char.add(random_ids(len(ids)), b"-bench")),
        Field("address", "s", np.char.add(np.char.zfill(ids.astype("S10"), 10), b"@example.org")),
        Field("address_key", "s", np.char.zfill(ids.astype("S64"), 64)),
        *(Field(name, "s", "") for name in ("consent_text", "consent_network_key", "confirm_hash")),
        *(Field(name, "t", micros(SIGNED_UP_AT)) for name in ("created_at", "confirmed_at")),
        Field("next_slot_at", "t", micros(NOW)),
        Field("status", "s", "ACTIVE"),
        Field("zone", "s", zone),
        Field("hour", "h", 7),
        Field("days", "h", 0b1111111),
        Field("max_papers", "h", places),
        Field("empty_day", "s", "SILENT"),
        Field("card_length", "s", "SUMMARY"),
        Field("text_only", "b", 0),
        Field("locale", "s", "en"),
        Field("muted", "j", "[]"),
    ]


def _links(ids: np.ndarray, topics: int, own: int, dice: np.random.Generator) -> None:
    wanted = dice.integers(1, 6, size=len(ids))
    share = 1 / np.arange(1, topics + 1)
    who = np.repeat(ids, wanted)
    pairs = np.unique(who * 2**20 + dice.choice(topics, size=len(who), p=share / share.sum()) + 1)
    writers = ids[dice.random(len(ids)) < OWN_SHARE]
    mine = np.concatenate((np.arange(own), dice.integers(max(own, 1), size=len(writers))))[: len(writers)] if own else writers[:0]
    pairs = np.concatenate((pairs, writers[: len(mine)] * 2**20 + topics + 1 + mine))
    fields = [
        Field("subscriber_id", "q", pairs >> 20),
        Field("interest_id", "q", pairs & 2**20 - 1),
        Field("added_at", "t", micros(SIGNED_UP_AT)),
    ]
    write("newsletter_subscriberinterest", fields, len(pairs))
    analyze()


def analyze() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def forget(*names: str) -> None:
    """Empty these tables and what names their rows."""
    tables = [f"newsletter_{name}" for name in names]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
            return
        for table in tables:
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 (our own names)


def history(issues: Sequence[Issue], readers_: int, seed: int) -> None:
    """A SENT copy for every reader and issue, of one edition in fifty readers, each with ten of its issue's papers."""
    dice = random.Random(seed)
    for issue in issues:
        rows = list(Candidate.objects.filter(issue=issue).values_list("id", "paper_id"))
        made = max(1, readers_ // 50)
        _editions(issue, rows, made, dice)
        columns = (
            "subscriber_id, edition_id, slot_on, due_at, after, upto, state, created_at, as_of, public_id, kind, lane, reason"
        )
        with connection.cursor() as cursor:
            cursor.execute(
                f"""INSERT INTO newsletter_delivery ({columns}, attempts, claim_token, to_address, provider_id, params)
                SELECT s.id, e.id, %s, %s, %s, %s, 'SENT', %s, %s, %s || s.id, 'DIGEST', 1, '', 1, '', '', '', '{{}}'
                FROM newsletter_subscriber s JOIN newsletter_edition e ON e.key = %s || (s.id %% %s) WHERE s.id <= %s""",  # noqa: S608
                [
                    *(issue.closed_on, issue.closed_at, issue.number - 1, issue.number, issue.closed_at, issue.closed_at),
                    *(f"h{issue.number}-", f"history-{issue.number}-", made, readers_),
                ],
            )
    analyze()


def _editions(issue: Issue, rows: list[tuple[int, int]], count: int, dice: random.Random) -> None:

    from newsletter.models import Edition

    lists = [[[*pair, 1, "matches “banuti” (title)"] for pair in dice.sample(rows, 10)] for _ in range(count)]
    Edition.objects.bulk_create(
        [
            Edition(key=f"history-{issue.number}-{place}", picks=picks, created_at=issue.closed_at)
            for place, picks in enumerate(lists)
        ],
        batch_size=1_000,
    )
