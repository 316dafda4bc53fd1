from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from newsletter import tasks
from newsletter.management.stage import StageCommand, leave_run
from newsletter.models import Run


class Command(StageCommand):
    """Delete what is older than it is kept; --dry-run counts it."""

    help = "Delete what is older than it is kept: copies, editions, notices, runs, unconfirmed sign-ups, counters."
    stage = "prune"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="count what would go, delete nothing")

    def run(self, now: datetime, options: dict[str, Any]) -> Run:
        if not options["dry_run"]:
            return super().run(now, options)
        return leave_run(self.stage, {"dry_run": True, **tasks.prune_rows(now, dry_run=True)}, now=now)
