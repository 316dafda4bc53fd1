"""Is the clock ticking? For the health checks of worker and beat."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from newsletter.models import Mark
from newsletter.tasks import PULSE_SECONDS

MISSED = 3


class Command(BaseCommand):
    """Exit 0 when a beat-scheduled task has run in a worker within the last three pulses, else 1."""

    help = "Exit 0 when beat and a worker are alive."

    def handle(self, *args: Any, **options: Any) -> None:
        mark = Mark.objects.filter(name="pulse").first()
        if mark is None:
            self.stdout.write("no pulse yet")
            sys.exit(1)
        age = timezone.now() - mark.at
        self.stdout.write(f"last pulse {age.total_seconds():.0f} s ago")
        sys.exit(age > timedelta(seconds=MISSED * PULSE_SECONDS))
