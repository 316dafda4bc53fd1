from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from newsletter import curators


class Command(BaseCommand):
    """A page with one button: one login to the desk within 30 minutes."""

    help = "Print a one-time login link to the desk, valid for 30 minutes."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(curators.make_link(now=timezone.now()))
