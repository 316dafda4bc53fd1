"""The rows of a play: readers whose hour has come, and the real plan of their copies."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

from django_celery_beat.models import IntervalSchedule, PeriodicTask

from newsletter import subscribers, tasks
from newsletter.management.commands.prepare import write_schedule
from newsletter.matching.compiled import compiled
from newsletter.matching.query import parse
from newsletter.models import Candidate, Interest, Issue, IssueState, Paper, Subscriber, SubscriberInterest, SubscriberStatus

_SUBJECTS = ("attention", "diffusion", "grammar", "proteins", "robots")
_WORDS = (
    "model",
    "learns",
    "from",
    "few",
    "examples",
    "and",
    "shows",
    "better",
    "results",
    "than",
    "before",
    "on",
    "every",
    "set",
)
_PAPERS = 10


def make(copies: int, *, seed: int, now: datetime) -> int:
    """An issue closed two hours ago, readers whose slot was an hour ago, and their copies, by `plan`. How many are planned."""
    dice = random.Random(seed)
    _issue(dice, now=now)
    _readers(copies, dice, now=now)
    return tasks.run_stage("plan", now=now).prepared


def ring_every_second() -> None:
    """Beat's schedule with `send` alone."""
    write_schedule()
    every_second, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.SECONDS)
    PeriodicTask.objects.exclude(task="newsletter.send").update(enabled=False)
    PeriodicTask.objects.filter(task="newsletter.send").update(interval=every_second, expire_seconds=30)


def _issue(dice: random.Random, *, now: datetime) -> None:
    closed_at = now - timedelta(hours=2)
    issue = Issue.objects.create(
        number=1, state=IssueState.CLOSED, opened_at=now - timedelta(days=1), closed_at=closed_at, closed_on=closed_at.date()
    )
    for number in range(_PAPERS):
        subject = _SUBJECTS[number % len(_SUBJECTS)]
        paper = Paper.objects.create(
            title=f"On {subject}, part {number + 1}",
            abstract=" ".join([subject, *dice.choices(_WORDS, k=150)]) + ".",
            authors=["Ada Example"],
            listed_on=closed_at.date(),
            seen_at=closed_at - timedelta(hours=1),
        )
        Candidate.objects.create(issue=issue, paper=paper)


def _readers(count: int, dice: random.Random, *, now: datetime) -> None:
    interests = [Interest.objects.create(query=query.canonical, compiled=compiled(query)) for query in map(parse, _SUBJECTS)]
    since = now - timedelta(days=9)
    values = {"status": SubscriberStatus.ACTIVE, "created_at": since, "confirmed_at": since, "days": 0b1111111, "hour": now.hour}
    values["next_slot_at"] = now - timedelta(minutes=65)
    addresses = [f"reader{number}@example.org" for number in range(count)]
    rows = [Subscriber(address=each, address_key=subscribers.address_key(each), **values) for each in addresses]
    Subscriber.objects.bulk_create(rows, batch_size=500)
    wishes = [
        SubscriberInterest(subscriber=row, interest=interest, added_at=since)
        for row in rows
        for interest in dice.sample(interests, dice.randint(1, 3))
    ]
    SubscriberInterest.objects.bulk_create(wishes, batch_size=500)
