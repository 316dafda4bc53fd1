import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from newsletter import sources


class Command(BaseCommand):
    """Make a source of every feed that an OPML list names."""

    help = "Make a source of every feed that an OPML list names; feeds that are sources already stay as they are."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--dry-run", action="store_true", help="say what would be made, make nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            report = sources.import_opml(options["file"].read_bytes(), dry_run=options["dry_run"])
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be opened ({error.strerror}).") from None
        except sources.Malformed as error:
            raise CommandError(f"{options['file']} cannot be imported: {error}.") from None
        for source in report.made:
            self.stdout.write(f"new      {source.slug}  {source.kind}  {source.params['url']}")
        for source in report.known:
            self.stdout.write(f"known    {source.slug}  {source.params['url']}")
        for refused in report.refused:
            self.stdout.write(f"refused  {refused.where}: {refused.reason}")
        verb = "would be new" if options["dry_run"] else "new"
        self.stdout.write(f"{len(report.made)} {verb}, {len(report.known)} known, {len(report.refused)} refused.")
