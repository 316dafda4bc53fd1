"""What bin/run --once shows: bars on a terminal while it works, and the closing report."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from newsletter import editions, sources
from newsletter.delivery import SendReport
from newsletter.issues import GatherReport
from newsletter.management.commands.demo import DemoReport
from newsletter.models import Candidate, Delivery, DeliveryState, Issue, IssueState, Kind, Run, Sighting, Source


@dataclass(kw_only=True)
class Line:
    """One source or file. new, merged: papers not seen before, and seen before. kind "" when it is of no known kind."""

    source: str
    kind: str
    outcome: str
    reason: str = ""
    new: int = 0
    merged: int = 0
    rejected: int = 0


@dataclass(kw_only=True)
class OnceReport:
    """mode: files, live, sample (a new installation was filled), pass or offline. failed: a copy could not leave."""

    mode: str
    now: datetime
    sources: list[Line] = field(default_factory=list)
    issue: int | None = None
    candidates: int = 0
    editions: int = 0
    copies: int = 0
    sent: int = 0
    mails: list[str] = field(default_factory=list)
    message: str = ""
    failed: bool = False
    digest: str = ""

    def gather(self, gathered: GatherReport) -> None:
        self.candidates = Candidate.objects.filter(issue__number=gathered.issue).count()

    def book(self, run: Run, sent: SendReport) -> None:
        """What planning and sending did. Nothing to plan because everybody has today's is a good end."""
        self.copies, self.editions = run.prepared, int(run.report.get("editions", 0))
        self.sent, self.mails = sent.sent, list(sent.files)
        self.failed = bool(sent.failed or sent.uncertain or sent.stopped)
        self.digest = digest_text(Delivery.objects.filter(run=run)) if run.pk else ""
        self.message = sent.stopped or _said(run, sent)

    def as_json(self) -> str:
        value = {**asdict(self), "now": self.now.isoformat(), "papers": self._papers()}
        return json.dumps(value, ensure_ascii=False, indent=2)

    def as_text(self) -> str:
        papers = self._papers()
        width = max([len(line.source) for line in self.sources], default=0)
        rows = [_row(line, width) for line in self.sources]
        totals = [
            f"Papers      {papers['new']} new, {papers['merged']} merged, {papers['rejected']} rejected",
            f"Candidates  {self.candidates}" + (f" in issue {self.issue}" if self.issue else ""),
            f"Editions    {self.editions}",
            f"Copies      {self.copies} planned, {self.sent} sent",
            *(f"Mail        {name}" for name in self.mails),
        ]
        return "\n".join([*rows, *totals, "", self.message, *(["", "-" * 72, self.digest] if self.digest else [])])

    def _papers(self) -> dict[str, int]:
        return {name: sum(getattr(line, name) for line in self.sources) for name in ("new", "merged", "rejected")}


def _row(line: Line, width: int) -> str:
    counts = f"{line.new} new, {line.merged} merged, {line.rejected} rejected" if line.new or line.merged or line.rejected else ""
    said = "; ".join(part for part in (counts, line.reason) if part)
    return f"{line.source:{width}}  {line.kind or '-':11}  {line.outcome:8}  {said}".rstrip()


def _said(run: Run, sent: SendReport) -> str:
    if run.prepared:
        return f"{sent.sent} of {run.prepared} copies left." if sent.sent != 1 or run.prepared != 1 else "One copy left."
    if not run.due:
        return "Nobody reads yet; nothing was sent."
    if set(run.excluded) <= {"ALREADY", "NO_ISSUE"}:
        return "Everybody has today's; nothing was sent."
    return "Nothing was sent: " + ", ".join(f"{reason} {count}" for reason, count in sorted(run.excluded.items()))


def digest_text(copies: Any) -> str:
    """The text part of the first digest among these copies, as it left; "" when there is none."""
    copy = copies.filter(kind=Kind.DIGEST, state=DeliveryState.SENT).order_by("id").first()
    message = editions.write(copy, as_of=copy.as_of) if copy else None
    return message.text if message else ""


def line_of_file(path: Path, report: sources.FileReport) -> Line:
    """file is named as seen from the folder that was given."""
    file = Path(report.file)
    name = str(file.relative_to(path)) if path.is_dir() and file.is_relative_to(path) else str(report.file)
    return Line(
        source=name,
        kind=report.kind,
        outcome=str(report.outcome),
        reason=report.reason,
        new=report.new,
        merged=report.merged,
        rejected=report.rejected,
    )


def line_of_source(report: sources.IngestReport) -> Line:
    return Line(
        source=report.source.slug,
        kind=report.source.kind,
        outcome=str(report.outcome),
        reason=report.reason,
        new=report.new,
        merged=report.merged,
        rejected=report.rejected,
    )


def of_first_issue(filled: DemoReport, *, now: datetime) -> OnceReport:
    """The report of a new installation: who showed which paper first is read from the sightings."""
    report = OnceReport(mode=filled.mode.lower(), now=now, mails=list(filled.files), sent=len(filled.files))
    known: set[int] = set()
    for source in Source.objects.filter(checked_at__isnull=False).order_by("id"):
        papers = set(Sighting.objects.filter(source=source).values_list("paper_id", flat=True))
        line = Line(source=source.slug, kind=source.kind, outcome=source.outcome, reason=source.outcome_reason)
        line.new, line.merged = len(papers - known), len(papers & known)
        report.sources.append(line)
        known |= papers
    closed = Issue.objects.filter(state=IssueState.CLOSED).order_by("-number").first()
    copies = Delivery.objects.filter(kind=Kind.DIGEST)
    report.issue = closed.number if closed else None
    report.candidates = Candidate.objects.filter(issue=closed).count()
    report.copies, report.editions = copies.count(), copies.values("edition").distinct().count()
    report.failed = report.copies != report.sent
    report.message, report.digest = filled.message, digest_text(copies)
    return report


class Bars:
    """A bar for each stage on a terminal, a line for each elsewhere, nothing when quiet. All on stderr."""

    def __init__(self, *, quiet: bool) -> None:
        self.on_terminal = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self.quiet = quiet
        columns = (TextColumn("{task.description:24}"), BarColumn(30), TimeElapsedColumn(), TextColumn("{task.fields[told]}"))
        self.progress = Progress(*columns, console=Console(stderr=True), disable=not self.on_terminal)

    def __enter__(self) -> Bars:
        self.progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.progress.stop()

    @contextmanager
    def stage(self, what: str) -> Iterator[Callable[[str], None]]:
        """Yields a function that takes what came of it, in a few words."""
        words: list[str] = []
        task = self.progress.add_task(what, total=None, told="")
        yield words.append
        self.progress.update(task, total=1, completed=1, told=words[-1] if words else "")
        if not self.on_terminal and not self.quiet and sys.stderr is not None:
            print(": ".join([what, *words[-1:]]), file=sys.stderr, flush=True)
