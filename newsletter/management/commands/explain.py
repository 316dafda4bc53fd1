"""Why a reader gets, or does not get, a paper."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Q

from newsletter import curation
from newsletter.editions.explain import explain
from newsletter.management.stage import clock, leave_run, text
from newsletter.models import Subscriber


class Command(BaseCommand):
    """`manage.py explain READER PAPER`: READER is a public id or an address, PAPER a public id, an arXiv id, a DOI or an address.

    An id that begins with a dash (older ones may) is given after `--`."""

    help = "Say why a paper was or was not in a reader's copies. Ids that begin with a dash go after --."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("reader", type=text)
        parser.add_argument("paper", type=text)
        parser.add_argument("--at", metavar="TIME", help="as if it were TIME")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        reader = Subscriber.objects.filter(Q(public_id=options["reader"]) | Q(address__iexact=options["reader"])).first()
        if reader is None:
            raise CommandError("no such reader: give the public id or the address of a subscriber")
        paper = curation.find_paper(options["paper"])
        if paper is None:
            raise CommandError("no such paper: give its public id, its arXiv id, its DOI or its address")
        lines = explain(reader=reader, paper=paper)
        leave_run("explain", {"reader": reader.public_id, "paper": paper.public_id}, now=clock(options["at"]))
        if options["json"]:
            self.stdout.write(json.dumps({"reader": reader.public_id, "paper": paper.public_id, "lines": lines}))
            return
        for line in lines:
            self.stdout.write(line)
