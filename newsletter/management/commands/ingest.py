from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from newsletter import sources, tasks
from newsletter.management.stage import StageCommand, clock
from newsletter.models import Source

_MOST_DAYS = 366


class Command(StageCommand):
    """Read every source that is due, and gather what is new into the open issue.

    --since DATE fills the days that were missed, as archived issues that mail nobody. --dry-run stores nothing and prints
    what would be read: from the sources (all enabled ones, or --source), or from a file or folder (--from).
    """

    help = "Read every source that is due, and gather what is new into the open issue."
    stage = "ingest"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--since", metavar="DATE", help="fill missed days from DATE to yesterday as archived issues")
        parser.add_argument("--dry-run", action="store_true", help="store nothing; print what would be read")
        parser.add_argument("--from", dest="path", metavar="PATH", help="with --dry-run: read this file or folder")
        parser.add_argument("--source", metavar="SLUG", help="with --dry-run: only this source")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock(options["at"])
        if options["dry_run"]:
            self.show(_previews(options, now), as_json=options["json"])
        elif options["path"] or options["source"]:
            raise CommandError("--from and --source go with --dry-run; to read files for good use bin/run --once --from PATH.")
        elif options["since"]:
            self.backfill(_day(options["since"], now), now, as_json=options["json"])
        else:
            super().handle(*args, **options)

    def show(self, previews: Iterator[sources.Preview], *, as_json: bool) -> None:
        for one in previews:
            if as_json:
                self.stdout.write(json.dumps(one.as_json(), ensure_ascii=False))
            else:
                self.table(one)

    def table(self, one: sources.Preview) -> None:
        width = None if sys.stdout.isatty() else 140
        console = Console(file=self.stdout, width=width, highlight=False)  # type: ignore[arg-type]
        console.print(Text(f"{one.file}  {one.kind or '–'}  {one.outcome}  {one.reason}", style="bold"))
        records = one.page.records if one.page else ()
        if records:
            grid = Table("id", "title", "authors", "listed", "votes", "code", box=None, pad_edge=False)
            for record in records:
                names = ", ".join(record.authors[:2]) + (" …" if len(record.authors) > 2 else "")
                votes, listed = ("" if value is None else str(value) for value in (record.upvotes, record.listed_on))
                cells = (record.aliases[0][1][:24], record.title, names, listed, votes, "code" if record.has_code else "")
                grid.add_row(*map(Text, cells))
            console.print(grid)
        for refused in one.page.rejected if one.page else ():
            console.print(Text(f"  refused {refused.where}: {refused.reason}", style="red"))

    def backfill(self, since: date, now: datetime, *, as_json: bool) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True, disable=as_json) as bar:
            task, filled = bar.add_task(f"Filling days since {since}", total=None), 0
            for day, report in tasks.backfill(since=since, now=now):
                filled += 1
                bar.update(task, description=f"{report.source.slug} {day}: {report.outcome}")
                line = {"day": day.isoformat(), "source": report.source.slug, "outcome": report.outcome, "reason": report.reason,
                        "new": report.new, "merged": report.merged, "rejected": report.rejected}  # fmt: skip
                said = (
                    f"{day}  {report.source.slug:16} {report.outcome:8} {report.new} new, {report.merged} known. {report.reason}"
                )
                self.stdout.write(json.dumps(line, ensure_ascii=False) if as_json else said)
        if not filled and not as_json:
            self.stdout.write("Nothing to fill: every day since then is stored, or no enabled source keeps its past.")


def _previews(options: dict[str, Any], now: datetime) -> Iterator[sources.Preview]:
    if options["path"]:
        path = Path(options["path"]).expanduser()
        if not path.exists():
            raise CommandError(f"There is no {path}: give --from a file or folder of saved pages, feeds or answers.")
        yield from sources.preview_files(path, now=now)
        return
    rows = Source.objects.filter(is_sample=False).order_by("id")
    rows = rows.filter(slug=options["source"]) if options["source"] else rows.filter(enabled=True)
    if options["source"] and not rows:
        raise CommandError(f"There is no source called {options['source']}: the desk's list of sources shows their slugs.")
    for source in rows:
        yield from sources.preview(source, now=now)


def _day(text: str, now: datetime) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise CommandError(f"--since {text}: write a day such as 2026-11-01.") from None
    today = now.astimezone(UTC).date()
    if not today - timedelta(days=_MOST_DAYS) <= day < today:
        raise CommandError(f"--since {text}: give a day before today, at most {_MOST_DAYS} days back.")
    return day
