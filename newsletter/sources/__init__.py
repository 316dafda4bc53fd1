"""Room sources: places where papers appear -> Paper, Alias, Sighting.

A kind is a module with `fetch` (the network, through polite), `parse` (pure) and `recognises`, and a line in KINDS.
No transaction is open across a network call; the cursor is written last.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from django.db import transaction
from django.db.models import Q

from newsletter.models import Outcome, Run, RunState, Source
from newsletter.sources import (
    _files,
    _opml,
    _outcome,
    _sample,
    _signals,
    arxiv,
    biorxiv,
    feed,
    github,
    hackernews,
    huggingface,
    mailbox,
    polite,
    pubmed,
    snapshot,
)
from newsletter.sources._files import FileReport, FilesReport
from newsletter.sources._opml import OpmlReport
from newsletter.sources.identity import Counts, store
from newsletter.sources.page import Malformed, Page, Rejected, guarded
from newsletter.sources.page._shown import shown

__all__ = [
    "KINDS",
    "Counts",
    "FileReport",
    "FilesReport",
    "IngestReport",
    "Kind",
    "Malformed",
    "OpmlReport",
    "Preview",
    "book_day",
    "days_to_fill",
    "default_sources",
    "import_opml",
    "ingest",
    "ingest_due",
    "ingest_files",
    "ingest_sample",
    "online",
    "preview",
    "preview_files",
    "read_day",
    "store",
]


class Kind(Protocol):
    """What the module of a kind offers. GROWS: papers join a day's list while the day lasts.

    Where it can: `past(params, *, day) -> Fetched`, that day's list, to catch up and to back-fill;
    `rolling(params) -> bool`, True for a list of the newest entries whatever the day; `settle(params, fetched)`, what it
    does once its answers are stored.
    """

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
    "biorxiv": cast(Kind, biorxiv),
    "pubmed": cast(Kind, pubmed),  # before all that refuse a document type
    "arxiv": cast(Kind, arxiv),
    "mailbox": cast(Kind, mailbox),
    "feed": cast(Kind, feed),
    "snapshot": cast(Kind, snapshot),
    "github": cast(Kind, github),
    "hackernews": cast(Kind, hackernews),
}

log = logging.getLogger("newsletter.sources")

_SHIPPED_CATEGORIES = ("cs.CL", "cs.LG", "cs.CV", "cs.AI", "cs.DC", "eess.IV", "stat.ML")
_SHIPPED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("hf-trending", {"name": "Hugging Face Trending", "kind": "huggingface", "params": {"page": "trending"}, "is_trending": True}),
    ("biorxiv-bioinformatics", {"name": "bioRxiv bioinformatics", "kind": "biorxiv",
                                "params": {"server": "biorxiv", "category": "bioinformatics"}}),
    ("medrxiv-health-informatics", {"name": "medRxiv health informatics", "kind": "biorxiv",
                                    "params": {"server": "medrxiv", "category": "health informatics"}}),
    ("pubmed", {"name": pubmed.NAME, "kind": "pubmed", "enabled": False,
                "params": {"query": '"machine learning"[tiab] AND "clinical trial"[pt]'}}),
)  # fmt: skip
_ERROR_MINUTES = 60
_LONGEST_ERROR_WAIT = timedelta(days=1)
_LEASE = timedelta(minutes=15)
_MOST_CATCH_UP_DAYS = 14
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What one file or one answer would come to; nothing was stored. page: None when it could not be read."""

    file: str
    kind: str
    outcome: str
    reason: str
    page: Page | None = None

    def as_json(self) -> dict[str, Any]:
        records, rejected = (self.page.records, self.page.rejected) if self.page else ((), ())
        return {
            "file": self.file,
            "kind": self.kind,
            "outcome": str(self.outcome),
            "reason": self.reason,
            "papers": [shown(record) for record in records],
            "rejected": [{"reason": one.reason, "where": one.where} for one in rejected],
        }


def ingest(source: Source, *, now: datetime, only_when_due: bool = False) -> IngestReport:
    """Fetch, parse, store. Never raises for the source's fault: outcome and reason are on the row and in the report.

    Afterwards due_at has moved on; the cursor only if the outcome is FRESH or QUIET. Of two processes at once one reads:
    the other's report says so and changes nothing. A host that wants to be left alone changes nothing but due_at.
    """
    with _lease(source, now, only_when_due=only_when_due) as mine:
        return _ingest(source, now) if mine else _report(source, [], "Another process is reading it, or has just done so.")


def ingest_due(*, now: datetime) -> list[IngestReport]:
    """Every enabled live source whose time has come, one after the other; leaves one Run when there was any."""
    due = Source.objects.filter(_is_due(now), enabled=True, is_sample=False).order_by("id")
    sources = list(due)
    if not sources:
        return []
    run = Run.objects.create(stage="ingest", as_of=now, started_at=now, due=len(sources))
    reports = [ingest(source, now=now, only_when_due=True) for source in sources]
    run.state, run.ended_at = RunState.DONE, now
    run.report = {
        report.source.slug: {"outcome": report.outcome, "reason": report.reason, "new": report.new, "merged": report.merged,
                             "rejected": report.rejected}
        for report in reports
    }  # fmt: skip
    run.save(update_fields=["state", "ended_at", "report"])
    return reports


def preview(source: Source, *, now: datetime) -> list[Preview]:
    """What reading it now would come to, answer by answer. Asks the network, politely; stores nothing, moves nothing."""
    with _lease(source, now) as mine:
        if not mine:
            return [Preview(file=source.slug, kind=source.kind, outcome=source.outcome, reason="Another process is reading it.")]
        try:
            kind = _kind(source)
            got = kind.fetch(source.params, now=now)
        except (polite.Unavailable, polite.Refused, Malformed) as error:
            outcome = source.outcome if isinstance(error, polite.NotYet) else Outcome.BROKEN
            said = _outcome.sentence(str(error))
            return [Preview(file=source.slug, kind=source.kind, outcome=outcome, reason=said)]
    found, cursor = list[Preview](), source.cursor
    for reading in (_read(source, answer, now) for answer in got.answers):
        if reading.page and reading.page.signals is not None:
            outcome, said = _outcome.of_page(reading.page)
        else:
            (outcome, said), cursor = _outcome.judge(source, reading, cursor, dict(source.settling), now)
        found.append(
            Preview(file=f"{source.slug} {reading.day}", kind=source.kind, outcome=outcome, reason=said, page=reading.page)
        )
    return found


def preview_files(path: Path, *, now: datetime) -> Iterator[Preview]:
    """What a file, or every file below a folder, would come to; stores nothing."""
    for file, kind, page, outcome, reason in _files.parsed(path, KINDS, now=now):
        if page is not None:
            outcome, reason = _outcome.of_page(page)
        yield Preview(file=str(file), kind=kind, outcome=outcome, reason=reason, page=page)


def days_to_fill(source: Source, *, since: date, now: datetime) -> list[date]:
    """The days from `since` to yesterday (UTC) of which nothing is stored from this source; [] if its kind has no past."""
    if not hasattr(KINDS.get(source.kind), "past"):
        return []
    gap = (now.astimezone(UTC).date() - since).days
    known = set(source.sightings.filter(listed_on__gte=since).values_list("listed_on", flat=True))
    return [day for day in (since + timedelta(days=step) for step in range(max(gap, 0))) if day not in known]


def read_day(source: Source, day: date, *, now: datetime) -> list[_outcome.Reading]:
    """That day's list, from the network, for `book_day`. Raises nothing for the source's fault."""
    with _lease(source, now) as mine:
        if not mine:
            return [_outcome.Reading(page=None, day=day, error="another process is reading this source")]
        return _past(source, [day], now)


def book_day(source: Source, readings: Sequence[_outcome.Reading], *, day: date, now: datetime) -> IngestReport:
    """Store a day that was read for the archive, listed on that day; the source's cursor and outcome stay as they are."""
    verdicts, counts = list[_outcome.Verdict](), list[Counts]()
    with transaction.atomic():
        for reading in readings:
            verdicts.append(_outcome.judge(source, reading, "", {}, now)[0])
            if reading.page:
                counts.append(store(reading.page, source, seen_at=now, day=day, one_day=True))
    outcome, said = _outcome.together(verdicts)
    return replace(_report(source, counts, said), outcome=str(outcome))


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
    for slug, defaults in _SHIPPED:
        Source.objects.get_or_create(slug=slug, defaults={"every_minutes": 360} | defaults)
    for slug, module, minutes in (("github-stars", github, 360), ("hacker-news", hackernews, 180)):
        row = {"name": module.NAME, "kind": module.__name__.rpartition(".")[2], "every_minutes": minutes}
        Source.objects.get_or_create(slug=slug, defaults=row)
    Source.objects.get_or_create(slug="mailbox", defaults={"name": mailbox.NAME, "kind": "mailbox", "enabled": False})
    for kind in _sample.FOLDERS:
        _sample.source(kind)


# -- one reading -------------------------------------------------------------------------------------------------------


def _is_due(now: datetime) -> Q:
    return Q(due_at__isnull=True) | Q(due_at__lte=now)


@contextmanager
def _lease(source: Source, now: datetime, *, only_when_due: bool = False) -> Iterator[bool]:
    """True for one process at a time, and for a source that is still due; the row is then as the database has it."""
    until = now + _LEASE
    free = Source.objects.filter(Q(leased_until__isnull=True) | Q(leased_until__lte=now), pk=source.pk)
    mine = bool((free.filter(_is_due(now)) if only_when_due else free).update(leased_until=until))
    source.refresh_from_db()
    try:
        yield mine
    finally:
        if mine:
            Source.objects.filter(pk=source.pk, leased_until=until).update(leased_until=None)


def _kind(source: Source) -> Kind:
    if source.kind not in KINDS:
        raise polite.Refused(f"there is no kind of source called {source.kind}; known are {', '.join(KINDS)}")
    return KINDS[source.kind]


def _ingest(source: Source, now: datetime) -> IngestReport:
    try:
        kind = _kind(source)
        got = kind.fetch(source.params, now=now, etag=source.fetched_etag, last_modified=source.fetched_last_modified)
    except polite.NotYet as error:
        return _postpone(source, error, now)
    except (polite.Unavailable, polite.Refused, Malformed) as error:
        wait = error.wait_seconds if isinstance(error, polite.Unavailable) else 0.0
        return _book_error(source, _outcome.sentence(str(error)), now, wait_seconds=wait)
    except Exception as error:
        log.exception("The fetch of %s failed", source.slug)
        return _book_error(source, f"Our reader fails on it ({type(error).__name__}); the log says where.", now)
    if got.unchanged:
        return _book(source, [_outcome.unchanged(source, now)], (), got, now)
    readings = [_read(source, answer, now) for answer in got.answers]
    if not _rolling(source):
        readings += _past(source, _outcome.missed(source.cursor, readings, _MOST_CATCH_UP_DAYS), now)
    report = _book(source, [], readings, got, now)
    if settle := getattr(kind, "settle", None):  # what a kind does only after its answers are stored
        settle(source.params, got)
    return report


def _past(source: Source, days: Sequence[date], now: datetime) -> list[_outcome.Reading]:
    """The lists of days gone by, where the kind can bring them. Raises nothing for the source's fault."""
    past = getattr(KINDS.get(source.kind), "past", None)
    readings: list[_outcome.Reading] = []
    if past is None:
        return readings
    for day in days:
        try:
            readings += [_read(source, replace(answer, day=day), now) for answer in past(source.params, day=day).answers]
        except (polite.Unavailable, polite.Refused, Malformed) as error:
            readings.append(_outcome.Reading(page=None, day=day, error=f"{day} could not be caught up: {error}"))
    return readings


def _rolling(source: Source) -> bool:
    rolling = getattr(KINDS[source.kind], "rolling", None)
    return bool(rolling and rolling(source.params))


def _read(source: Source, answer: polite.Answer, now: datetime) -> _outcome.Reading:
    kind = KINDS[source.kind]
    today = now.astimezone(UTC).date()
    day = answer.day or today
    if answer.error:
        return _outcome.Reading(page=None, day=day, error=answer.error)
    try:
        page = guarded(lambda: kind.parse(answer.data, day=answer.day))
        if answer.day and page.listed_on and page.listed_on != answer.day:
            raise Malformed(f"{answer.day} was asked for and the list of {page.listed_on} came: it is not used")
    except Malformed as error:
        return _outcome.Reading(page=None, day=day, error=_outcome.why_broken(answer.data, str(error)))
    day = page.listed_on or day
    grows = kind.GROWS and day >= today
    return _outcome.Reading(page=page, day=day, grows=grows, rolling=_rolling(source), wanted=answer.wanted)


def _book(
    source: Source, verdicts: list[_outcome.Verdict], readings: Sequence[_outcome.Reading], got: polite.Fetched, now: datetime
) -> IngestReport:
    """Everything of one reading in one transaction; the cursor last."""
    with transaction.atomic():
        cursor, counts, settling = source.cursor, list[Counts](), dict(source.settling)
        for reading in sorted(readings, key=lambda one: one.day):
            if reading.page and reading.page.signals is not None:
                verdicts.append(_signals.store(reading.page, source, seen_at=now))
                continue
            verdict, after = _outcome.judge(source, reading, cursor, settling, now)
            verdicts.append(verdict)
            if reading.page and verdict[0] != Outcome.LATE:
                counts.append(store(reading.page, source, seen_at=now, day=reading.day))
            cursor = after
        source.outcome, source.outcome_reason = _outcome.together(verdicts)
        source.settling = _outcome.trimmed(settling, now)
        if source.outcome in _MOVES_CURSOR:
            source.cursor = cursor
            if not got.unchanged:  # the marks of a list that was not believed would turn it into "nothing new"
                source.fetched_etag, source.fetched_last_modified = got.etag, got.last_modified
        _schedule(source, now)
        _save(source)
    return _report(source, counts)


def _book_error(source: Source, reason: str, now: datetime, *, wait_seconds: float = 0.0) -> IngestReport:
    """The cursor stays."""
    source.outcome, source.outcome_reason = Outcome.BROKEN, reason
    _schedule(source, now, wait_seconds=wait_seconds)
    _save(source)
    return _report(source, [])


def _schedule(source: Source, now: datetime, *, wait_seconds: float = 0.0) -> None:
    """After an error again within the hour, then after twice as long, up to a day; later when the other side said so."""
    source.checked_at = now
    source.fails = source.fails + 1 if source.outcome == Outcome.BROKEN else 0
    wait = timedelta(minutes=source.every_minutes)
    if source.fails:
        wait = min(wait, timedelta(minutes=_ERROR_MINUTES)) * 2 ** min(source.fails - 1, 10)
        wait = max(min(wait, _LONGEST_ERROR_WAIT), timedelta(seconds=wait_seconds))
    source.due_at = now + wait


def _postpone(source: Source, error: polite.NotYet, now: datetime) -> IngestReport:
    """Nobody was asked, so nothing is known: what the last reading came to stands."""
    source.due_at = now + timedelta(seconds=max(error.wait_seconds, 60.0))
    source.save(update_fields=["due_at"])
    return _report(source, [], _outcome.sentence(str(error)))


def _save(source: Source) -> None:
    source.save(
        update_fields=[
            "outcome", "outcome_reason", "checked_at", "due_at", "fetched_etag", "fetched_last_modified", "cursor", "settling",
            "fails",
        ]
    )  # fmt: skip


def _report(source: Source, counts: list[Counts], reason: str = "") -> IngestReport:
    rejections = tuple(one for count in counts for one in count.rejections)
    return IngestReport(
        source=source,
        outcome=str(source.outcome),
        reason=reason or source.outcome_reason,
        new=sum(count.new for count in counts),
        merged=sum(count.merged for count in counts),
        rejected=sum(count.rejected for count in counts),
        rejections=rejections[:20],
    )


def _origin(url: object) -> str:
    parts = urlsplit(url) if isinstance(url, str) else None
    return f"{parts.scheme}://{parts.netloc}" if parts and parts.netloc else ""
