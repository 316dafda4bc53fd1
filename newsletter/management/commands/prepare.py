"""What an installation needs before its first hour: topics, sources, beat's schedule. Safe to repeat."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from newsletter import sources, tasks
from newsletter.editions.window import DEFAULT_QUERY
from newsletter.matching.query import parse
from newsletter.matching.topics import topics
from newsletter.models import Interest


class Command(BaseCommand):
    """Load the shipped topics and sources and write beat's schedule. What a curator changed is left alone."""

    help = "Load topics and sources and write beat's schedule."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        loaded = load_topics()
        sources.default_sources()
        write_schedule()
        self.stdout.write(f"{loaded} topics added, sources and schedule in place")


def load_topics() -> int:
    """Make an Interest of every shipped topic that has no row yet; a renamed or edited one is left. Rows added."""
    Interest.objects.get_or_create(query=DEFAULT_QUERY)
    known = set(Interest.objects.filter(slug__isnull=False).values_list("slug", flat=True))
    added = 0
    for position, topic in enumerate(topics()):
        if topic.slug in known:
            continue
        public = {"slug": topic.slug, "name": topic.name, "line": topic.line, "group": topic.group, "position": position}
        canonical = parse(topic.query).canonical
        row, _ = Interest.objects.get_or_create(query=canonical, defaults=public)
        if row.slug is None:
            Interest.objects.filter(pk=row.pk).update(**public)
        added += 1
    return added


def write_schedule() -> None:
    """One PeriodicTask a stage; an interval or a switch that an operator changed stays."""
    for stage, seconds in tasks.SCHEDULE:
        interval, _ = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
        PeriodicTask.objects.get_or_create(
            name=f"paper round: {stage}",
            defaults={
                "task": f"newsletter.{stage}",
                "interval": interval,
                "expire_seconds": seconds,
                "kwargs": json.dumps({}),
            },
        )
