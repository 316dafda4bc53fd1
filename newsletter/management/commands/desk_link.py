from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

from newsletter import curators
from newsletter.management.supervision import lock


class Command(BaseCommand):
    """A page with one button: one login to the desk within 30 minutes."""

    help = "Print a one-time login link to the desk, valid for 30 minutes."

    def handle(self, *args: Any, **options: Any) -> None:
        link = curators.make_link(now=timezone.now())
        running = lock.url_of_the_running(settings.PAPERROUND_DATA)
        self.stdout.write(link.replace(settings.PUBLIC_URL, running, 1) if running else link)
