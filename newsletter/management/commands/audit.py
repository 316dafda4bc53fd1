"""The ledger proves itself: invariants 1, 2 and 6 on the live database."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from newsletter.delivery import audit
from newsletter.management.stage import clock, leave_run


class Command(BaseCommand):
    """Exit 0: nothing found. Exit 1: each finding on a line, with the row it is about."""

    help = "Prove that no reader had a paper twice, that slots are single and that the sums hold."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--at", metavar="TIME", help="book the audit as if it were TIME")
        parser.add_argument("--json", action="store_true", help="print the findings as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        report = audit.audit()
        leave_run("audit", {"copies": report.copies, "findings": len(report.findings)}, now=clock(options["at"]))
        if options["json"]:
            self.stdout.write(json.dumps(report.as_dict()))
        else:
            for finding in report.findings:
                self.stdout.write(f"invariant {finding.invariant}: {finding.row}: {finding.message}")
            self.stdout.write(f"{report.copies} copies of {report.readers} readers, {len(report.findings)} findings")
        if report.findings:
            sys.exit(1)
