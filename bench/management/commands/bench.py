from __future__ import annotations

import inspect
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from bench.registry import BENCHES

OPTIONS = ("readers", "copies", "kills", "seed")


class Command(BaseCommand):
    """Measure one stage on the current database or a temporary one beside it, and leave nothing."""

    help = "Measure one stage on the current database or a temporary one beside it, and leave nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", choices=sorted(BENCHES), help="what to measure")
        parser.add_argument("--readers", type=int, help="how many readers to make, where there are any (match)")
        parser.add_argument("--copies", type=int, help="how many copies to send a round (send)")
        parser.add_argument("--kills", type=int, help="how many senders to kill; 100 is the full size (chaos)")
        parser.add_argument("--seed", type=int, help="another run of the same kind (chaos)")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        measure = BENCHES[options["name"]]
        given = {name: options[name] for name in OPTIONS if options[name] is not None}
        for name in given:
            if name not in inspect.signature(measure).parameters:
                raise CommandError(f"bench {options['name']} takes no --{name}.")
        rows = measure(**given)
        if options["json"]:
            self.stdout.write(json.dumps({"bench": options["name"], "database": connection.vendor, "rows": rows}))
        else:
            self.stdout.write(f"bench {options['name']} on {connection.vendor}")
            for row in rows:
                self.stdout.write("  ".join(f"{name}: {value}" for name, value in row.items()))
        if unmet := [demand for row in rows for demand in row.get("failed", [])]:
            raise CommandError(f"bench {options['name']}: {'; '.join(unmet)}")
