"""The first hour of a new installation: papers on the shelves, yesterday's issue sent, today's open."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from newsletter import delivery, editions, issues, sources, subscribers
from newsletter.management.stage import clock
from newsletter.matching.compiled import compiled
from newsletter.matching.query import parse
from newsletter.models import (
    Candidate,
    Interest,
    Issue,
    IssueState,
    Paper,
    Source,
    Subscriber,
    SubscriberInterest,
    SubscriberStatus,
)

ADDRESS = "reader@example.org"
INTERESTS = (
    ("Models and learning", "model OR learning OR language OR data OR network OR system"),
    ("Code or trending", "has:code OR is:trending"),
    ("Anything but surveys", "-survey"),
)
DAYS = 14
EVERY_DAY = 0b1111111


@dataclass(slots=True)
class DemoReport:
    """What was done. mode: LIVE, SAMPLE or READY (an issue had already closed here)."""

    mode: str
    message: str
    papers: int = 0
    candidates: int = 0
    files: list[str] = field(default_factory=list)


class Command(BaseCommand):
    """Fill a new installation: live sources when they answer within five seconds, else the bundled sample."""

    help = "Fill a new installation from live sources, or from the bundled sample when there is no network."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at", metavar="TIME", help="as if it were TIME")
        parser.add_argument("--sample", action="store_true", help="do not try live sources")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock(options["at"])
        call_command("prepare", stdout=_Nowhere())
        report = demo(now=now, live=False if options["sample"] else None)
        self.stdout.write(json.dumps(asdict(report)) if options["json"] else report.message)


class _Nowhere:
    def write(self, text: str) -> None:
        """Swallow what another command says."""


def demo(*, now: datetime, live: bool | None = None) -> DemoReport:
    """Safe to repeat: once an issue has closed here nothing is seeded again. live None: ask the network."""
    if live is None:
        live = sources.online(now=now, seconds=5.0)
    if Issue.objects.filter(state=IssueState.CLOSED).exists():
        return DemoReport("READY", _ready_message(now, live), candidates=_open_candidates())
    return _seed_live(now) if live and _read_live(now) else _seed_sample(now)


def demo_reader(*, now: datetime) -> Subscriber:
    """The demo's reader: confirmed, all seven days, three wide interests, ten papers. Made once."""
    reader, _ = Subscriber.objects.get_or_create(
        address_key=subscribers.address_key(ADDRESS),
        defaults={
            "address": ADDRESS,
            "status": SubscriberStatus.ACTIVE,
            "created_at": now,
            "confirmed_at": now,
            "zone": "UTC",
            "days": EVERY_DAY,
            "consent_text": "demo reader",
        },
    )
    for name, text in INTERESTS:
        query = parse(text)
        wanted = {"name": name, "compiled": compiled(query)}
        interest, _ = Interest.objects.get_or_create(query=query.canonical, defaults=wanted)
        SubscriberInterest.objects.get_or_create(subscriber=reader, interest=interest, defaults={"added_at": now})
    return reader


def _ready_message(now: datetime, live: bool) -> str:
    if live:
        return "Live sources answer."
    newest = Source.objects.filter(is_sample=True, checked_at__isnull=False).order_by("-checked_at").first()
    if newest is None or newest.checked_at is None:
        return "No network: live sources will be read when it is back."
    if issues.local_date(newest.checked_at) == issues.local_date(now):
        return f"No network: the bundled sample serves, {Paper.objects.count()} papers."
    anew = f"remove {settings.PAPERROUND_DATA} to begin anew"
    return f"No network: the bundled sample of {newest.checked_at:%d %B %Y} serves ({anew})."


def _read_live(now: datetime) -> bool:
    """Read all live sources once; False when nothing usable came."""
    for source in Source.objects.filter(is_sample=False, enabled=True):
        sources.ingest(source, now=now)
    return issues.gather(now=now).new >= DAYS


def _seed_live(now: datetime) -> DemoReport:
    demo_reader(now=now - timedelta(minutes=1))
    papers = _open_candidates()
    issues.close(now=now)
    _first_slot(now)
    files = _send_now(now)
    return DemoReport("LIVE", f"Live sources answer: {papers} papers read.", papers, _open_candidates(), files)


def _seed_sample(now: datetime) -> DemoReport:
    """Fourteen days whose last is today: each closes on its own evening, yesterday's is sent, today's stays open."""
    today = issues.local_date(now)
    files: list[str] = []
    for offset in range(DAYS - 1, -1, -1):
        day = today - timedelta(days=offset)
        noon = datetime.combine(day, time(12), settings.ISSUE_ZONE)
        read_at = min(noon, now)
        issues.open_issue(now=read_at)
        sources.ingest_sample(day=today, offset=offset, now=read_at)
        issues.gather(now=read_at)
        if offset == 1:
            demo_reader(now=noon)
        if offset:
            evening = noon + timedelta(hours=11)
            issues.close(now=evening)
            if offset == 1:
                files = _send_now(evening)
    # The open issue is today's: the cut-off it waits for is the next one.
    Issue.objects.filter(state=IssueState.OPEN).update(opened_at=now)
    _first_slot(now)
    count = Paper.objects.count()
    return DemoReport("SAMPLE", f"No network: the bundled sample serves, {count} papers.", count, _open_candidates(), files)


def _first_slot(now: datetime) -> None:
    reader = Subscriber.objects.get(address_key=subscribers.address_key(ADDRESS))
    reader.next_slot_at = subscribers.next_slot(zone=reader.zone, hour=reader.hour, days=reader.days, after=now)
    reader.save(update_fields=["next_slot_at"])


def _send_now(now: datetime) -> list[str]:
    editions.plan_now(now=now)
    return list(delivery.send(now=now).files)


def _open_candidates() -> int:
    return Candidate.objects.filter(issue__state=IssueState.OPEN).count()
