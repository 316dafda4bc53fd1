"""A year of 1,500 readers in all zones: nobody gets a paper twice, nobody loses one.

The oracle knows nothing of windows or marks: it reads the copies that were accepted and asks, reader by reader,
whether a paper came twice and whether a matching new paper was in the window of none.
"""

import random
from bisect import bisect_left
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import available_timezones

import pytest
from django.db import connection

from newsletter import editions, issues, subscribers
from newsletter.delivery.audit import audit
from newsletter.issues.sums import edition_key
from newsletter.models import (
    Candidate,
    CandidateKind,
    Delivery,
    DeliveryState,
    Edition,
    Interest,
    Issue,
    Kind,
    Paper,
    Run,
    Sighting,
    Source,
    Subscriber,
    SubscriberInterest,
    SubscriberStatus,
)

READERS = 1_500
START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 365 if connection.vendor == "sqlite" else 60  # the same code, dearer round trips: the year is lived once
STEP = timedelta(hours=12)
WORDS = ["quark", "robot", "kernel", "protein", "galaxy", "speech", "auction", "graph", "tensor", "vaccine", "compiler", "fluid"]
# (query, what the oracle asks of the set of title words)
QUERIES = [(word, lambda words, w=word: w in words) for word in WORDS[:8]] + [
    ("tensor OR vaccine", lambda words: bool({"tensor", "vaccine"} & words)),
    ("compiler AND NOT graph", lambda words: "compiler" in words and "graph" not in words),
    ("fluid robot", lambda words: {"fluid", "robot"} <= words),
    ("is:trending", None),
    ("quark upvotes>20", None),
]


class World:
    """The clock, the dice and what has been put into the database."""

    def __init__(self) -> None:
        self.dice = random.Random(20261122)
        self.now = START
        self.listing = Source.objects.create(slug="listing", name="Listing", kind="arxiv")
        self.trending = Source.objects.create(slug="trending", name="Trending", kind="huggingface", is_trending=True)
        self.interests = [Interest.objects.create(query=editions.window.query_of(text).canonical) for text, _ in QUERIES]
        self.papers: list[Paper] = []
        self.listed: list[Paper] = []

    def publish(self) -> None:
        """Some papers of the day; one in five is listed late, up to three days after its own day."""
        for _ in range(self.dice.randint(0, 6)):
            words = self.dice.sample(WORDS, self.dice.randint(1, 3))
            late = timedelta(days=self.dice.choice([0, 0, 0, 0, self.dice.randint(1, 3)]))
            paper = Paper.objects.create(
                title=" ".join(words), listed_on=(self.now - late).date(), seen_at=self.now, authors=["A. Writer"]
            )
            self.sight(paper, self.listing)
            self.papers.append(paper)

    def sight(self, paper: Paper, source: Source) -> None:
        Sighting.objects.create(source=source, paper=paper, seen_at=self.now, listed_on=self.now.date(), rank=1)

    def trend(self) -> None:
        """A trending source lists a paper of the last days: it comes again to those who have not had it."""
        Source.objects.filter(pk=self.trending.pk).update(outcome="FRESH", checked_at=self.now)
        if self.papers and self.dice.random() < 0.4:
            paper = self.dice.choice(self.papers[-25:])
            self.vote(paper, self.dice.randint(5, 300))
            self.listed.append(paper)

    def rise(self) -> None:
        """Votes of a paper that was listed multiply, or fall, and its card comes again: as a break-out, or come true."""
        if self.listed and self.dice.random() < 0.5:
            paper = self.dice.choice(self.listed[-12:])
            self.vote(paper, int((paper.upvotes or 0) * self.dice.choice([0.5, 1.5, 5, 9])))

    def vote(self, paper: Paper, upvotes: int) -> None:
        paper.upvotes = upvotes
        paper.save(update_fields=["upvotes"])
        days = {"listed_on": self.now.date(), "seen_at": self.now}
        Sighting.objects.update_or_create(source=self.trending, paper=paper, **days, defaults={"rank": 1, "upvotes": upvotes})

    def deliver(self) -> None:
        """What is due leaves: nine of ten accepted, one of them now and then without an answer."""
        due = Delivery.objects.filter(state=DeliveryState.PENDING, due_at__lte=self.now).values_list("id", flat=True)
        fate: dict[str, list[int]] = {"SENT": [], "FAILED": [], "UNCERTAIN": []}
        for pk in due:
            roll = self.dice.random()
            fate["FAILED" if roll < 0.10 else "UNCERTAIN" if roll < 0.12 else "SENT"].append(pk)
        ended = {
            "SENT": {"settled_at": self.now},
            "FAILED": {"settled_at": self.now, "reason": "SMTP 550", "attempts": 1},
            "UNCERTAIN": {"reason": "IN_FLIGHT"},
        }
        for state, ids in fate.items():
            Delivery.objects.filter(id__in=ids).update(state=state, as_of=self.now, **ended[state])

    def move_house(self) -> None:
        """Every day some readers change zone, hour and days."""
        for pk in self.dice.sample(range(READERS), 4):
            reader = Subscriber.objects.order_by("id")[pk]
            zone = self.dice.choice(ZONES)
            subscribers.change(reader, now=self.now, zone=zone, hour=self.dice.randrange(24), days=_days(self.dice))


ZONES = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "posix/", "right/")))


def _days(dice: random.Random) -> int:
    """Every pattern there is, most of the readers weekly."""
    return dice.choice([0b0011111, 0b0100010, dice.randint(1, 127), *(1 << dice.randrange(7) for _ in range(6))])


def _sign_up(world: World) -> None:
    readers = []
    for place in range(READERS):
        zone, hour, days = ZONES[place % len(ZONES)], world.dice.randrange(24), _days(world.dice)
        slot = subscribers.next_slot(zone=zone, hour=hour, days=days, after=START)
        readers.append(
            Subscriber(
                address=f"r{place}@example.org",
                address_key=f"{place:064d}",
                status=SubscriberStatus.ACTIVE,
                created_at=START,
                confirmed_at=START,
                zone=zone,
                hour=hour,
                days=days,
                next_slot_at=slot,
                max_papers=25,
            )
        )
    Subscriber.objects.bulk_create(readers)
    links = []
    for reader in Subscriber.objects.order_by("id"):
        for interest in world.dice.sample(world.interests, world.dice.randint(1, 2)):
            links.append(SubscriberInterest(subscriber=reader, interest=interest, added_at=START))
    SubscriberInterest.objects.bulk_create(links)


def _live_a_year(world: World) -> None:
    end = START + timedelta(days=DAYS)
    while world.now < end:
        world.publish()
        world.trend()
        world.rise()
        issues.gather(now=world.now)
        issues.close_due(now=world.now)
        if world.now.hour == 12 and world.dice.random() < 0.03:
            issues.close(now=world.now)
        world.deliver()
        editions.plan(now=world.now, horizon=STEP)
        if world.now.hour == 0:
            world.move_house()
        world.now += STEP
    world.deliver()


def _accepted() -> dict[int, list[tuple[int, int, datetime, int]]]:
    copies: dict[int, list[tuple[int, int, datetime, int]]] = {}
    rows = Delivery.objects.filter(kind=Kind.DIGEST, state__in=["SENT", "UNCERTAIN"]).order_by("upto")
    for reader, after, upto, due_at, edition in rows.values_list("subscriber_id", "after", "upto", "due_at", "edition_id"):
        copies.setdefault(reader, []).append((after, upto, due_at, edition))
    return copies


def _repeats(copies) -> int:
    picks = {pk: [pick[1] for pick in rows] for pk, rows in Edition.objects.values_list("id", "picks")}
    repeats = 0
    for windows in copies.values():
        count = Counter(paper for *_, edition in windows for paper in picks[edition])
        repeats += sum(times - 1 for times in count.values())
    return repeats


def _lost(world: World, copies) -> int:
    """Matching new papers in the window of no accepted copy, though one was accepted within 13 days of the close."""
    new = Candidate.objects.filter(kind=CandidateKind.NEW, issue__closed_at__isnull=False)
    papers = [(n, at, set(t.split())) for n, at, t in new.values_list("issue__number", "issue__closed_at", "paper__title")]
    matching = {
        interest.pk: {(number, at) for number, at, words in papers if test and test(words)}
        for interest, (_, test) in zip(world.interests, QUERIES, strict=True)
    }
    wanted: dict[int, set] = {}
    for reader, interest in SubscriberInterest.objects.values_list("subscriber_id", "interest_id"):
        wanted.setdefault(reader, set()).update(matching[interest])
    lost = 0
    for reader, windows in copies.items():
        covered = {number for after, upto, *_ in windows for number in range(after + 1, upto + 1)}
        reach = [upto for _, upto, *_ in windows]
        for number, closed_at in wanted.get(reader, ()):
            place = bisect_left(reach, number)
            chance = place < len(windows) and windows[place][2] <= closed_at + timedelta(days=13)
            lost += chance and number not in covered
    return lost


@pytest.mark.long
@pytest.mark.django_db
@pytest.mark.timeout(2400)
def test_a_year_of_readers_repeats_nothing_and_loses_nothing():
    world = World()
    _sign_up(world)
    _live_a_year(world)
    copies = _accepted()
    assert len(copies) > READERS * 0.97
    assert sum(len(windows) for windows in copies.values()) > READERS * DAYS / 12
    again = Candidate.objects.filter(kind=CandidateKind.AGAIN)
    assert again.count() > DAYS / 8 and Issue.objects.count() > DAYS
    reasons = Counter(reason for row in again for reason in row.reasons)
    assert min(reasons[name] for name in ("LISTED", "RISEN", "TRUE")) > 3
    assert _repeats(copies) == 0
    assert _lost(world, copies) == 0
    assert audit().findings == []


@pytest.mark.django_db
def test_the_oracle_sees_a_repeat_and_a_loss_when_there_is_one():
    """The same checks on a ledger tampered with by hand: an accepted copy marked failed, a copy sent again."""
    world = World()
    paper = Paper.objects.create(title="quark", listed_on=date(2026, 3, 1), seen_at=START)
    issues.open_issue(now=START)
    issue = issues.close(now=START + timedelta(hours=1))
    later = issues.close(now=START + timedelta(hours=2))
    reader = Subscriber.objects.create(address="r@example.org", address_key="k", created_at=START)
    SubscriberInterest.objects.create(subscriber=reader, interest=world.interests[0], added_at=START)
    picks = [[1, paper.pk, 1, ""]]
    edition = Edition.objects.create(key=edition_key(picks), picks=picks, created_at=START)
    rows = {"subscriber": reader, "kind": "DIGEST", "lane": 1, "edition": edition, "created_at": START, "state": "SENT"}
    run = Run.objects.create(stage="plan", as_of=START, started_at=START)
    first = Delivery.objects.create(
        **rows, slot_on="2026-03-01", due_at=START + timedelta(hours=3), after=0, upto=issue.number, run=run, run_seq=1
    )
    Delivery.objects.create(
        **rows, slot_on="2026-03-02", due_at=START + timedelta(days=1), after=issue.number, upto=later.number, run=run, run_seq=2
    )
    assert _repeats(_accepted()) == 1
    assert _lost(world, _accepted()) == 0
    Delivery.objects.filter(pk=first.pk).update(state="FAILED")
    assert _lost(world, _accepted()) == 1
    assert {finding.invariant for finding in audit().findings} == {6}
