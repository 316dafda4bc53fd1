"""What every stage command has in common: --at TIME moves the clock, --json prints the Run alone."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from newsletter import tasks
from newsletter.models import Run, RunState


def clock(text: str | None) -> datetime:
    """The instant an operator wrote (ISO 8601, UTC when no zone is given), or now."""
    if not text:
        return timezone.now()
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise CommandError(f"--at {text}: write a time such as 2026-11-22T07:00 or 2026-11-22T07:00+01:00") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def text(typed: str) -> str:
    """An argument that a database takes: a byte that is no UTF-8 becomes a question mark."""
    return typed.encode("utf-8", "replace").decode("utf-8")


def leave_run(stage: str, report: dict[str, Any], *, now: datetime) -> Run:
    """The Run of a command that only reads: what it was asked and what it found, without addresses."""
    return Run.objects.create(stage=stage, as_of=now, started_at=now, ended_at=now, state=RunState.DONE, report=report)


class StageCommand(BaseCommand):
    """`manage.py STAGE [--at TIME] [--json]`: run the stage once and report its Run."""

    stage = ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--at", metavar="TIME", help="run as if it were TIME (ISO 8601; UTC when no zone is given)")
        parser.add_argument("--json", action="store_true", help="print the report as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        self.report(self.run(clock(options["at"]), options), as_json=options["json"])

    def run(self, now: datetime, options: dict[str, Any]) -> Run:
        return tasks.run_stage(self.stage, now=now)

    def report(self, run: Run, *, as_json: bool) -> None:
        value = {
            "stage": run.stage,
            "as_of": run.as_of.isoformat(),
            "due": run.due,
            "prepared": run.prepared,
            "excluded": run.excluded,
            **run.report,
        }
        if as_json:
            self.stdout.write(json.dumps(value, default=str))
            return
        for name, content in value.items():
            text = json.dumps(content, default=str, ensure_ascii=False) if isinstance(content, dict | list) else content
            self.stdout.write(f"{name:10} {text}")
