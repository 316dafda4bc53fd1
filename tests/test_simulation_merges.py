"""Sixty readers, forty days, a curator who merges and splits, back and forth: nobody gets a work twice.

The oracle keeps its own book: which row each card was picked from, and which rows were one at that moment.
"""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import Max

from newsletter import curation, editions, issues
from newsletter.delivery.audit import audit
from newsletter.models import (
    Alias,
    Candidate,
    Delivery,
    Interest,
    Paper,
    Sighting,
    Subscriber,
    SubscriberInterest,
    SubscriberStatus,
)
from newsletter.sources.identity import store
from tests.sources.making import page, record, source

pytestmark = pytest.mark.django_db

READERS, DAYS = 60, 40
START = datetime(2026, 3, 1, 5, tzinfo=UTC)
WORDS = ["quark", "robot", "kernel", "protein"]


class World:
    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.now = START
        self.places = [source("arxiv", kind="arxiv"), source("trend", kind="huggingface", is_trending=True)]
        self.number = 0
        self.held: dict[int, list[int]] = {}  # reader -> rows picked
        self.titles: dict[int, set[str]] = {}  # reader -> as they stood on the cards
        self.acts = {"merge": 0, "split": 0}
        self.repeats = 0
        issues.close(now=START - timedelta(hours=3))

    def sign_up(self) -> None:
        interests = [Interest.objects.create(query=editions.window.query_of(word).canonical) for word in WORDS]
        for number in range(READERS):
            reader = Subscriber.objects.create(
                address=f"r{number}@example.org", address_key=str(number), status=SubscriberStatus.ACTIVE, created_at=START,
                confirmed_at=START - timedelta(hours=2), zone="UTC", hour=8, days=self.dice.choice([127, 0b10101, 0b1001, 1]),
                next_slot_at=START.replace(hour=8), max_papers=25,
            )  # fmt: skip
            for interest in self.dice.sample(interests, self.dice.randint(1, 3)):
                SubscriberInterest.objects.create(subscriber=reader, interest=interest, added_at=START)

    def publish(self) -> None:
        shown = []
        for _ in range(self.dice.randint(0, 4)):
            self.number += 1
            title = f"{' '.join(self.dice.sample(WORDS, 2))} study number {self.number}"
            shown.append(record(title, arxiv=f"2603.{self.number:05d}", doi=f"10.1000/{self.number}"))
        store(page(*shown), self.places[0], seen_at=self.now, day=self.now.date())
        if self.number and self.dice.random() < 0.4:
            older = self.dice.randint(max(1, self.number - 12), self.number)
            again = record("As they call it there", arxiv=f"2603.{older:05d}", upvotes=self.dice.randint(1, 99))
            store(page(again), self.places[1], seen_at=self.now, day=self.now.date())

    def decide(self) -> None:
        alive = list(Paper.objects.filter(merged_into=None, listed_on__gte=(self.now - timedelta(days=20)).date()).order_by("id"))
        roll = self.dice.random()
        if roll < 0.35 and len(alive) > 1:
            one, other = self.dice.sample(alive, 2)
            curation.merge(one, other, by="mara", now=self.now)
            self.acts["merge"] += 1
        elif roll < 0.7:
            joined = [paper for paper in alive if paper.aliases.exclude(home=None).exclude(home=paper).exists()]
            paper = self.dice.choice(joined or alive or [None])
            if paper is not None:
                ids = list(paper.aliases.exclude(home=None).exclude(home=paper)) or list(paper.aliases.filter(scheme="doi"))
                if 0 < len(ids) < paper.aliases.count():
                    curation.split(paper, ids, by="mara", now=self.now)
                    self.acts["split"] += 1

    def deliver(self) -> None:
        """Plan, and let nine of ten copies be accepted; the book is kept at the moment of the plan."""
        editions.plan(now=self.now.replace(hour=7, minute=55))
        rows = {paper.pk: paper for paper in Paper.objects.select_related("merged_into")}
        for copy in Delivery.objects.filter(state="PENDING").select_related("edition").order_by("subscriber"):
            copy.state, copy.as_of = "FAILED" if self.dice.random() < 0.1 else "SENT", self.now.replace(hour=8)
            copy.settled_at, copy.attempts, copy.reason = copy.as_of, 1, "SMTP 550" if copy.state == "FAILED" else ""
            copy.save(update_fields=["state", "as_of", "settled_at", "attempts", "reason"])
            if copy.state == "FAILED":
                continue
            had = self.held.setdefault(copy.subscriber_id, [])
            fresh = [pick[1] for pick in copy.edition.picks]
            before = {rows[row].survivor().pk for row in had}
            self.repeats += sum(rows[row].survivor().pk in before for row in fresh) + len(fresh) - len(set(fresh))
            had.extend(fresh)
            self.titles.setdefault(copy.subscriber_id, set()).update(rows[row].survivor().title for row in fresh)


@pytest.mark.parametrize("seed", [1, 2])
def test_merges_and_splits_repeat_nothing_and_lose_nothing(seed):
    world = World(seed)
    world.sign_up()
    for _ in range(DAYS):
        world.publish()
        issues.gather(now=world.now)
        world.decide()
        issues.close(now=world.now + timedelta(hours=1))
        world.deliver()
        world.now += timedelta(days=1)
    assert min(world.acts.values()) > 5 and Candidate.objects.filter(reasons__icontains="SPLIT").exists()
    assert world.repeats == 0
    assert audit().findings == []
    assert _lost(world) == []
    alive = Paper.objects.filter(merged_into=None)
    assert not Alias.objects.exclude(paper__in=alive).exists() and not Sighting.objects.exclude(paper__in=alive).exists()


def _lost(world: World) -> list[tuple[int, int]]:
    """(reader, paper): one that lives today, last offered three days ago or earlier, matches, and was in no accepted copy.

    Daily readers: they have a copy of every issue, or the next one has its papers too. Of two works of one title, as a split
    by their ids alone leaves them, a copy shows one.
    """
    lost = []
    offered = Candidate.objects.filter(paper__merged_into=None).values("paper").annotate(last=Max("issue__closed_at"))
    papers = Paper.objects.filter(pk__in=offered.filter(last__lt=world.now - timedelta(days=3)).values("paper"))
    rows = {paper.pk: paper for paper in Paper.objects.select_related("merged_into")}
    for reader in Subscriber.objects.filter(days=127).prefetch_related("interests"):
        words = {interest.query for interest in reader.interests.all()}
        had = {rows[row].survivor().pk for row in world.held.get(reader.pk, [])}
        wanted = [paper for paper in papers if words & set(paper.title.split()) and paper.pk not in had]
        lost += [(reader.pk, paper.pk) for paper in wanted if paper.title not in world.titles.get(reader.pk, ())]
    return lost
