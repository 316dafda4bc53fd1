"""`manage.py topics check`: how well every topic finds what belongs to it. docs/topics.md says how to read the figures."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.table import Table
from rich.text import Text

from newsletter.management import library
from newsletter.management.stage import clock, leave_run
from newsletter.matching import measure
from newsletter.matching.topics import Topic, topics
from newsletter.models import Interest


class Command(BaseCommand):
    """Precision and recall of every topic against labelled papers: in the database, or in saved responses (--papers)."""

    help = "Measure the topics: precision and recall of each against labelled papers."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["check"])
        parser.add_argument("--labels", metavar="FILE", type=Path, help="JSON lines; without it the labels that ship")
        parser.add_argument("--papers", metavar="PATH", type=Path, nargs="+", help="saved responses instead of the database")
        parser.add_argument("--shipped", action="store_true", help="the queries that ship, not the ones edited in the desk")
        parser.add_argument("--titles", action="store_true", help="judge every labelled paper by its title alone")
        parser.add_argument("--failures", action="store_true", help="name what went wrong in the tuning part")
        parser.add_argument("--at", metavar="TIME", help="book the check as if it were TIME")
        parser.add_argument("--json", action="store_true", help="print the figures as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock(options["at"])
        labels = _labels(options["labels"] or measure.SHIPPED_LABELS)
        paths = options["papers"] or ()
        for path in paths:
            if not path.exists():
                raise CommandError(f"There is no {path}: give --papers a file or folder of saved pages, feeds or answers.")
        known = library.of_files(paths, now=now) if paths else library.of_database(labels)
        measured = topics() if options["shipped"] else _edited() or topics()
        report = measure.measure(measured, labels, known, titles_only=options["titles"])
        leave_run("topics", {key: value for key, value in report.as_dict().items() if key != "topics"}, now=now)
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict()))
            return
        self.table(report)
        if options["failures"]:
            self.failures(report.rows)

    def table(self, report: measure.Report) -> None:
        width = None if sys.stdout.isatty() else 140
        console = Console(file=self.stdout, width=width, highlight=False)  # type: ignore[arg-type]
        grid = Table("topic", "measured by", "found", "wrong", "missed", "precision", "recall", "kept: found", "wrong", "missed",
                     "precision", "recall", box=None, pad_edge=False)  # fmt: skip
        for row in report.rows:
            kept = _cells(row.kept) if row.by == "labels" else [""] * 5
            cells = _cells(row.tuning) if row.by != "unmeasured" else [""] * 5
            grid.add_row(*map(Text, (row.topic.slug, row.by, *cells, *kept)))
        console.print(grid)
        for name in ("tuning", "kept"):
            macro = report.macro(kept=name == "kept")
            console.print(
                f"macro, {name} part: precision {_figure(macro.precision)}, recall {_figure(macro.recall)} of {macro.topics} topics"
            )
        console.print(f"{report.papers} labelled papers, {report.by_title} of them judged by their title alone")
        if report.strangers:
            console.print(f"{report.strangers} labels left out: they name a topic that is not here")

    def failures(self, rows: Iterable[measure.Measured]) -> None:
        for row in rows:
            for sign, titles in (("+", row.wrong), ("-", row.missed)):
                for title in titles:
                    self.stdout.write(f"{row.topic.slug} {sign} {title}")


def _labels(path: Path) -> tuple[measure.Label, ...]:
    try:
        return measure.read_labels(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise CommandError(f"{path} cannot be read ({said}): give --labels a file of JSON lines.") from None
    except measure.BadLabels as error:
        raise CommandError(f"{path}, {error}") from None


def _edited() -> tuple[Topic, ...]:
    """The topics of this installation, as curators left them."""
    shipped = {topic.slug: topic for topic in topics()}
    rows = Interest.objects.filter(slug__isnull=False).order_by("position", "id")
    return tuple(_topic(row, shipped.get(row.slug or "")) for row in rows)


def _topic(row: Interest, shipped: Topic | None) -> Topic:
    facets = {"categories": shipped.categories, "keywords": shipped.keywords} if shipped else {}
    return Topic(slug=row.slug or "", name=row.name, line=row.line, group=row.group, query=row.query, **facets)


def _cells(part: measure.Counts) -> list[str]:
    return [str(part.found), str(part.wrong), str(part.missed), _figure(part.precision), _figure(part.recall)]


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
