"""bin/run's long half: everything under one foreground process. docs/operate.md says what it does on which signal."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from newsletter import curators
from newsletter.management.supervision import Site, supervise

log = logging.getLogger("newsletter.run")


class Command(BaseCommand):
    """Without options: the supervisor. With --prepare: what it does to the database first, in a process of its own."""

    help = "Start broker, web server, worker and beat under one foreground process."
    requires_system_checks: list[str] = []  # `--prepare` checks, so that the supervisor itself starts at once

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--prepare", action="store_true", help="migrate, load, fill a new installation, print JSON, and end")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["prepare"]:
            self.stdout.write(json.dumps(prepare()))
            return
        sys.exit(supervise(_here()))


def _here() -> Site:
    return Site(
        root=settings.ROOT,
        data=settings.PAPERROUND_DATA,
        host=settings.HOST,
        port=settings.PORT,
        public_url=settings.PUBLIC_URL,
        redis_url=os.environ.get("REDIS_URL", ""),
        mail_url=settings.MAIL_URL,
    )


def prepare() -> dict[str, str]:
    """Safe to repeat. {"message": what papers there are, "desk": a login link}. Raises when the database cannot be used."""
    now = timezone.now()
    call_command("check", stdout=io.StringIO())
    call_command("migrate", interactive=False, verbosity=0)
    call_command("prepare", stdout=io.StringIO())
    # A schedule that never ran would wait a whole interval; the first pulse is to come at once.
    PeriodicTask.objects.filter(task="newsletter.pulse", last_run_at=None).update(last_run_at=now - timedelta(hours=1))
    return {"message": _fill(), "desk": curators.make_link(now=now)}


def _fill() -> str:
    """Papers for a new installation. A demo that fails is said and logged, and keeps nobody from the desk."""
    if not settings.MAIL_URL.startswith("file:"):
        return "live sources, each on its own schedule"
    answer = io.StringIO()
    try:
        call_command("demo", json=True, stdout=answer)
        return str(json.loads(answer.getvalue())["message"])
    except Exception:
        log.exception("the demo could not be laid out")
        return f"the demo could not be laid out; {settings.PAPERROUND_DATA / 'logs' / 'prepare.log'} says why"
