"""Room sources: places where papers appear -> Paper, Alias, Sighting.

A kind is a module with `fetch` (the network, through polite), `parse` (pure) and `recognises`, and a line in KINDS.
No transaction is open across a network call; the cursor is written last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Q

from newsletter.models import Outcome, Run, RunState, Source
from newsletter.sources import _files, _opml, _outcome, _sample, _signals, arxiv, feed, github, hackernews, huggingface, mailbox, polite, snapshot
from newsletter.sources._files import FileReport, FilesReport
from newsletter.sources._opml import OpmlReport
from newsletter.sources.identity import Counts, store
from newsletter.sources.page import Malformed, Page, Rejected, guarded

__all__ = [
    "KINDS",
    "Counts",
    "FileReport",
    "FilesReport",
    "IngestReport",
    "Kind",
    "Malformed",
    "OpmlReport",
    "default_sources",
    "import_opml",
    "ingest",
    "ingest_due",
    "ingest_files",
    "ingest_sample",
    "online",
    "store",
]


class Kind(Protocol):
    """What the module of a kind offers. GROWS: papers join a day's list while the day lasts."""

    HOME: str
    NAME: str
    GROWS: bool

    def fetch(self, params: Mapping[str, Any], *, now: datetime, etag: str = "", last_modified: str = "") -> polite.Fetched:
        """Raises polite.Unavailable, polite.Refused."""

    def parse(self, data: bytes, *, day: date | None = None) -> Page:
        """Pure. Raises Malformed."""

    def recognises(self, data: bytes, name: str = "") -> bool:
        """Is a file of this kind, by its content? A damaged one too."""


KINDS: dict[str, Kind] = {
    "huggingface": cast(Kind, huggingface),
    "arxiv": cast(Kind, arxiv),
    "mailbox": cast(Kind, mailbox),
    "feed": cast(Kind, feed),
    "snapshot": cast(Kind, snapshot),
    "github": cast(Kind, github),
    "hackernews": cast(Kind, hackernews),
}

_SHIPPED_CATEGORIES = ("cs.CL", "cs.LG", "cs.CV", "cs.AI", "cs.DC", "eess.IV", "stat.ML")
_ERROR_MINUTES = 60
_MOVES_CURSOR = {Outcome.FRESH, Outcome.QUIET}


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestReport:
    """One reading of one source. merged: papers that were known; rejections: at most the first 20."""

    source: Source
    outcome: str
    reason: str
    new: int = 0
    merged: int = 0
    rejected: int = 0
    rejections: tuple[Rejected, ...] = ()


def ingest(source: Source, *, now: datetime) -> IngestReport:
    """Fetch, parse, store. Never raises for the source's fault: outcome and reason are on the row and in the report.

    Afterwards due_at has moved on; the cursor only if the outcome is FRESH or QUIET.
    """
    kind = KINDS.get(source.kind)
    if kind is None:
        return _book_error(source, f"No such kind of source: {source.kind}; known are {', '.join(KINDS)}.", now)
    try:
        got = kind.fetch(source.params, now=now, etag=source.fetched_etag, last_modified=source.fetched_last_modified)
    except (polite.Unavailable, polite.Refused, Malformed) as error:
        wait = error.wait_seconds if isinstance(error, polite.Unavailable) else 0.0
        return _book_error(source, _outcome.sentence(str(error)), now, wait_seconds=wait)
    if got.unchanged:
        return _book(source, [_outcome.unchanged(source, now)], (), got, now)
    readings = [_read(kind, answer, now) for answer in got.answers]
    report = _book(source, [], readings, got, now)
    if settle := getattr(kind, "settle", None):  # what a kind does only after its answers are stored
        settle(source.params, got)
    return report


def ingest_due(*, now: datetime) -> list[IngestReport]:
    """Every enabled live source whose time has come, one after the other; leaves one Run when there was any."""
    due = Source.objects.filter(Q(due_at__isnull=True) | Q(due_at__lte=now), enabled=True, is_sample=False).order_by("id")
    sources = list(due)
    if not sources:
        return []
    run = Run.objects.create(stage="ingest", as_of=now, started_at=now, due=len(sources))
    reports = [ingest(source, now=now) for source in sources]
    run.state, run.ended_at = RunState.DONE, now
    run.report = {
        report.source.slug: {"outcome": report.outcome, "reason": report.reason, "new": report.new, "merged": report.merged,
                             "rejected": report.rejected}
        for report in reports
    }  # fmt: skip
    run.save(update_fields=["state", "ended_at", "report"])
    return reports


def ingest_files(path: Path, *, now: datetime) -> FilesReport:
    """A file, or a folder with all below it, into one day: see `FilesReport`. Reads no network; raises nothing for them."""
    return _files.ingest(path, KINDS, now=now)


def import_opml(data: bytes, *, dry_run: bool = False) -> OpmlReport:
    """The feeds of an OPML list as sources. Raises Malformed."""
    accepted, refused = feed.outlines(data)
    return _opml.add(accepted, refused, dry_run=dry_run)


def ingest_sample(*, day: date, offset: int, now: datetime) -> list[IngestReport]:
    """The bundled files of `offset` days before `day` (the sample's last day, "today"); [] when there are none."""
    reports = []
    for kind, data in _sample.files(day=day, offset=offset):
        source = _sample.source(kind)
        listed_on = day - timedelta(days=offset)
        page = replace(KINDS[kind].parse(data, day=listed_on), listed_on=listed_on)
        counts = store(page, source, seen_at=now, day=listed_on, one_day=True)
        source.outcome, source.checked_at = Outcome.FRESH, now
        source.outcome_reason = f"The bundled sample: {counts.new + counts.merged} papers of {listed_on}."
        source.save(update_fields=["outcome", "outcome_reason", "checked_at"])
        reports.append(_report(source, [counts]))
    return reports


def online(*, now: datetime, seconds: float = 5.0) -> bool:
    """Does any live source answer? All are asked at once and it is decided within `seconds`; stores nothing."""
    enabled = Source.objects.filter(enabled=True, is_sample=False).values_list("kind", "params")
    origins = {_origin(params.get("url")) or KINDS[kind].HOME for kind, params in enabled if kind in KINDS}
    return polite.reachable(sorted(filter(None, origins)) or [huggingface.HOME, arxiv.HOME], seconds=seconds)


def default_sources() -> None:
    """The shipped rows, made once; what a curator changed in them stays."""
    Source.objects.get_or_create(
        slug="hf-daily", defaults={"name": huggingface.NAME, "kind": "huggingface", "is_trending": True, "every_minutes": 180}
    )
    for category in _SHIPPED_CATEGORIES:
        Source.objects.get_or_create(
            slug=f"arxiv-{category.lower().replace('.', '-')}",
            defaults={"name": f"arXiv {category}", "kind": "arxiv", "params": {"category": category}, "every_minutes": 180},
        )
    for slug, module, minutes in (("github-stars", github, 360), ("hacker-news", hackernews, 180)):
        row = {"name": module.NAME, "kind": module.__name__.rpartition(".")[2], "every_minutes": minutes}
        Source.objects.get_or_create(slug=slug, defaults=row)
    Source.objects.get_or_create(slug="mailbox", defaults={"name": mailbox.NAME, "kind": "mailbox", "enabled": False})
    for kind in _sample.FOLDERS:
        _sample.source(kind)


# -- one reading -------------------------------------------------------------------------------------------------------


def _read(kind: Kind, answer: polite.Answer, now: datetime) -> _outcome.Reading:
    today = now.astimezone(UTC).date()
    day = answer.day or today
    if answer.error:
        return _outcome.Reading(page=None, day=day, error=answer.error)
    try:
        page = guarded(lambda: kind.parse(answer.data, day=answer.day))
    except Malformed as error:
        return _outcome.Reading(page=None, day=day, error=str(error))
    return _outcome.Reading(page=page, day=page.listed_on or day, grows=kind.GROWS and day >= today)


def _book(
    source: Source, verdicts: list[_outcome.Verdict], readings: Sequence[_outcome.Reading], got: polite.Fetched, now: datetime
) -> IngestReport:
    """Everything of one reading in one transaction; the cursor last."""
    with transaction.atomic():
        cursor, counts = source.cursor, list[Counts]()
        for reading in sorted(readings, key=lambda one: one.day):
            if reading.page and reading.page.signals is not None:
                verdicts.append(_signals.store(reading.page, source, seen_at=now))
                continue
            verdict, after = _outcome.judge(source, reading, cursor)
            verdicts.append(verdict)
            if reading.page and verdict[0] != Outcome.LATE:
                counts.append(store(reading.page, source, seen_at=now, day=reading.day))
            cursor = after
        source.outcome, source.outcome_reason = _outcome.together(verdicts)
        source.checked_at, source.due_at = now, now + timedelta(minutes=source.every_minutes)
        if not got.unchanged:
            source.fetched_etag, source.fetched_last_modified = got.etag, got.last_modified
        if source.outcome in _MOVES_CURSOR:
            source.cursor = cursor
        _save(source)
    return _report(source, counts)


def _book_error(source: Source, reason: str, now: datetime, *, wait_seconds: float = 0.0) -> IngestReport:
    """The cursor stays; asked again within the hour, later when the other side said so."""
    source.outcome, source.outcome_reason, source.checked_at = Outcome.BROKEN, reason, now
    wait = max(timedelta(minutes=min(source.every_minutes, _ERROR_MINUTES)), timedelta(seconds=wait_seconds))
    source.due_at = now + wait
    _save(source)
    return _report(source, [])


def _save(source: Source) -> None:
    source.save(
        update_fields=["outcome", "outcome_reason", "checked_at", "due_at", "fetched_etag", "fetched_last_modified", "cursor"]
    )


def _report(source: Source, counts: list[Counts]) -> IngestReport:
    rejections = tuple(one for count in counts for one in count.rejections)
    return IngestReport(
        source=source,
        outcome=str(source.outcome),
        reason=source.outcome_reason,
        new=sum(count.new for count in counts),
        merged=sum(count.merged for count in counts),
        rejected=sum(count.rejected for count in counts),
        rejections=rejections[:20],
    )


def _origin(url: object) -> str:
    parts = urlsplit(url) if isinstance(url, str) else None
    return f"{parts.scheme}://{parts.netloc}" if parts and parts.netloc else ""
