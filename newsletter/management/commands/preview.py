"""What a query would have brought in the last fourteen days."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from newsletter import editions
from newsletter.management.stage import clock, leave_run, text
from newsletter.matching.query import BadQuery


class Command(BaseCommand):
    """`manage.py preview QUERY ... [--at TIME] [--json]`: a line a day, then the papers of each."""

    help = "Show what these queries would have brought in the last fourteen days."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("query", nargs="*", type=text, help="queries as readers type them; none: is:trending")
        parser.add_argument("--at", metavar="TIME", help="as if it were TIME")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            days = editions.preview(queries=options["query"], now=clock(options["at"]))
        except BadQuery as error:
            raise CommandError(f"Column {error.column}: {error}") from None
        leave_run("preview", {"queries": options["query"], "papers": sum(day.count for day in days)}, now=clock(options["at"]))
        value = [
            {
                "on": day.on.isoformat(),
                "open": day.open,
                "count": day.count,
                "papers": [{"id": p.card.ref, "title": p.card.title, "reason": p.reason} for p in day.picks],
            }
            for day in days
        ]
        if options["json"]:
            self.stdout.write(json.dumps(value))
            return
        for row, day in zip(value, days, strict=True):
            self.stdout.write(f"{row['on']}  {row['count']:3}  {'(open)' if day.open else ''}")
            for pick in day.picks:
                self.stdout.write(f"     {pick.card.title[:90]}  [{pick.reason}]")
