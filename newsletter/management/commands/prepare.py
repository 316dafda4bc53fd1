"""What an installation needs before its first hour: topics, sources, beat's schedule. Safe to repeat."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from newsletter import acts, search, sources, subscribers, tasks
from newsletter.editions.window import DEFAULT_QUERY
from newsletter.matching.compiled import VERSION, compiled
from newsletter.matching.query import parse
from newsletter.matching.topics import topics, was_shipped
from newsletter.models import Interest

_BATCH = 200


class Command(BaseCommand):
    """Load the shipped topics and sources, write beat's schedule, heal the search index. What a curator changed is left alone."""

    help = "Load topics and sources, write beat's schedule, index papers for search."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        renewed = renew_topics()
        loaded = load_topics(now=timezone.now())
        sources.default_sources()
        write_schedule()
        compile_interests()
        indexed = search.heal()
        self.stdout.write(
            f"{loaded} topics added, {renewed} renewed, sources and schedule in place, {indexed} papers indexed for search"
        )


def load_topics(*, now: datetime) -> int:
    """Make an Interest of every shipped topic that has no row yet; a renamed or edited one is left. Rows added.

    Where readers wrote the query themselves their row becomes the topic; the act lets them keep it when that is rewritten.
    """
    Interest.objects.get_or_create(query=DEFAULT_QUERY)
    known = set(Interest.objects.filter(slug__isnull=False).values_list("slug", flat=True))
    added = 0
    for position, topic in enumerate(topics()):
        if topic.slug in known:
            continue
        public = {"slug": topic.slug, "name": topic.name, "line": topic.line, "group": topic.group, "position": position}
        canonical = parse(topic.query).canonical
        row, is_new = Interest.objects.get_or_create(query=canonical, defaults=public)
        if row.slug is None:
            Interest.objects.filter(pk=row.pk).update(**public)
            acts.record(actor="prepare", verb=subscribers.PUBLISH, target=f"interest {row.pk}", now=now)
        added += is_new or row.slug is None
    return added


def renew_topics() -> int:
    """Give a topic that nobody edited the query that ships now, unless another row asks it already. Rows renewed."""
    wanted = {topic.slug: parse(topic.query).canonical for topic in topics()}
    renewed = 0
    for row in Interest.objects.filter(slug__in=wanted).order_by("pk"):
        before, after = row.query, wanted[row.slug or ""]
        if before == after or not was_shipped(row.slug or "", before) or Interest.objects.filter(query=after).exists():
            continue
        row.query, row.compiled = after, compiled(parse(after))
        row.save(update_fields=["query", "compiled"])
        subscribers.keep_own_query(row, before)
        renewed += 1
    return renewed


def compile_interests() -> int:
    """Renew the compiled forms that are empty or of another version, as after an upgrade. Rows renewed."""
    last = renewed = 0
    stale = Interest.objects.exclude(compiled__startswith=VERSION + " ").only("query").order_by("pk")
    while rows := list(stale.filter(pk__gt=last)[:_BATCH]):
        for row in rows:
            row.compiled = compiled(parse(row.query))
        renewed += Interest.objects.bulk_update(rows, ["compiled"])
        last = rows[-1].pk
    return renewed


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
