from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from newsletter import issues
from newsletter.management.stage import StageCommand
from newsletter.models import Run, RunState


class Command(StageCommand):
    """Close the open issue if a cut-off has passed since it was opened; with --force whatever the hour."""

    help = "Close the open issue if a cut-off has passed since it was opened."
    stage = "close"

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--force", action="store_true", help="close now, whatever the hour")

    def run(self, now: datetime, options: dict[str, Any]) -> Run:
        if not options["force"]:
            return super().run(now, options)
        closed = issues.close(now=now)
        report = {"closed": closed.number, "done": issues.finish(now=now)}
        return Run.objects.create(stage="close", as_of=now, started_at=now, ended_at=now, state=RunState.DONE, report=report)
