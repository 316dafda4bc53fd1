from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from bench.registry import BENCHES


class Command(BaseCommand):
    """Measure one stage on the current database, and leave nothing in it."""

    help = "Measure one stage on the current database, and leave nothing in it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", choices=sorted(BENCHES), help="what to measure")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = BENCHES[options["name"]]()
        if options["json"]:
            self.stdout.write(json.dumps({"bench": options["name"], "database": connection.vendor, "rows": rows}))
            return
        self.stdout.write(f"bench {options['name']} on {connection.vendor}")
        for row in rows:
            self.stdout.write("  ".join(f"{name}: {value}" for name, value in row.items()))
