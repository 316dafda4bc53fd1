"""bin/run --once: the day's job, once, in this process, without broker or web server.

Without --from it works on the installation itself: a new one is filled as bin/run would fill it, and any other gets one
pass (read what is due, close if the cut-off has passed, a copy for everybody who has not had today's). With --from it
works on a database of its own, named after the path and what is in it, so that several inputs disturb neither each
other nor the installation; the outbox is the installation's.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import logging
import os
import re
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser

from newsletter import delivery, editions, issues, sources
from newsletter.management import once
from newsletter.management.commands.demo import demo, demo_reader
from newsletter.management.once import Bars, Line, OnceReport
from newsletter.management.stage import clock, leave_run
from newsletter.models import Candidate, Issue, IssueState, Run


class Command(BaseCommand):
    """The day's job, once."""

    help = "Do the day's job once: read, gather, close, plan, send; print the report and the digest."
    requires_system_checks: list[str] = []  # checked below, once the database that serves is known

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="path", metavar="PATH", help="read this file or folder, in a database of its own")
        parser.add_argument("--json", action="store_true", help="print the report alone, as one JSON object")
        parser.add_argument("--at", metavar="TIME", help="as if it were TIME")

    def handle(self, *args: Any, **options: Any) -> None:
        os.umask(0o077)  # mails and database hold readers' addresses
        logging.getLogger().setLevel(logging.ERROR)  # what went wrong with a source is in the report
        now = clock(options["at"])
        if options["path"] == "":
            refuse("--from needs a path: give it a file or folder of saved pages, feeds or answers.")
        path = Path(options["path"]).expanduser().absolute() if options["path"] else None
        if path is not None and not path.exists():
            refuse(f"There is no {path}: give --from a file or folder of saved pages, feeds or answers.")
        make_data_folder()
        with contextlib.ExitStack() as stack:
            if path is not None:
                stack.enter_context(locked(own_database(path)))
            bars = stack.enter_context(Bars(quiet=options["json"]))
            prepare_database(bars)
            report = from_files(path, now, bars) if path is not None else on_the_installation(now, bars)
        self.stdout.write(report.as_json() if options["json"] else report.as_text())
        if report.failed:
            sys.exit(1)


def refuse(sentence: str) -> None:
    """One sentence on stderr and exit code 1."""
    sys.stderr.write(sentence + "\n")
    sys.exit(1)


def make_data_folder() -> None:
    try:
        settings.PAPERROUND_DATA.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        refuse(f"PAPERROUND_DATA: {settings.PAPERROUND_DATA} cannot be made ({error.strerror}); name another folder.")


def own_database(path: Path) -> Path:
    """The folder of this input's database. Starts this program anew on it when it runs on another."""
    try:
        folder = settings.PAPERROUND_DATA / "once" / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', path.name)[:40]}-{fingerprint(path)}"
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        refuse(f"{error.filename} cannot be used ({error.strerror}): make it accessible to this user.")
    url = f"sqlite:///{quote(str(folder / 'paperround.sqlite3'))}"
    if os.environ.get("DATABASE_URL") != url:
        os.execve(  # noqa: S606 (this very program)
            sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, "DATABASE_URL": url}
        )
    return folder


def fingerprint(path: Path) -> str:
    """Twelve hex digits of the absolute path and of everything below it."""
    total = hashlib.sha256(os.fsencode(path))
    for file in [path] if path.is_file() else sorted(found for found in path.rglob("*") if found.is_file()):
        total.update(os.fsencode(file.relative_to(path)) + b"\0")
        with contextlib.suppress(PermissionError), file.open("rb") as content:
            total.update(hashlib.file_digest(content, "sha256").digest())
    return total.hexdigest()[:12]


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Two at once on the same input: the second waits, then finds that everybody has today's."""
    with (folder / "once.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def prepare_database(bars: Bars) -> None:
    with bars.stage("Preparing the database"):
        call_command("check", stdout=io.StringIO())
        call_command("migrate", interactive=False, verbosity=0)
        call_command("prepare", stdout=io.StringIO())


def from_files(path: Path, now: datetime, bars: Bars) -> OnceReport:
    """Everything read is listed on the recording's last day, which is taken as now, and so goes into one issue."""
    with bars.stage("Reading files") as told:
        read = sources.ingest_files(path, now=now)
        told("one file" if len(read.files) == 1 else f"{len(read.files)} files")
    lines = [once.line_of_file(path, file) for file in read.files]
    if read.unreadable:
        refuse(nothing_in(path, lines))
    report = OnceReport(mode="files", now=read.now, sources=lines)
    demo_reader(now=read.now - timedelta(minutes=1))
    with bars.stage("Gathering papers") as told:
        report.gather(issues.gather(now=read.now))
        told(f"{report.candidates} candidates")
    with bars.stage("Closing the issue"):
        if Candidate.objects.filter(issue__state=IssueState.OPEN).exists():
            report.issue = issues.close(now=read.now).number
    return plan_and_send(report, read.now, bars)


def nothing_in(path: Path, lines: list[Line]) -> str:
    if not lines:
        return f"{path} is empty: give --from a file or folder of saved pages, feeds or answers."
    if path.is_file():
        return f"{path} cannot be read as a source of papers: {lines[0].reason}"
    return f"None of the {len(lines)} files in {path} can be read; the first, {lines[0].source}: {lines[0].reason}"


def on_the_installation(now: datetime, bars: Bars) -> OnceReport:
    """A new installation is filled, which sends its first issue; any other gets one pass."""
    if settings.MAIL_URL.startswith("file:") and not Issue.objects.filter(state=IssueState.CLOSED).exists():
        with bars.stage("Filling a new installation") as told:
            filled = demo(now=now)
            told(filled.message)
        return once.of_first_issue(filled, now=now)
    report = OnceReport(mode="pass", now=now)
    with bars.stage("Reading sources") as told:
        if sources.online(now=now, seconds=5.0):
            report.sources = [once.line_of_source(read) for read in sources.ingest_due(now=now)]
            told(f"{len(report.sources)} sources were due")
        else:
            report.mode = "offline"
            told("no network: no source was read")
    leave_run("ingest", {"sources": len(report.sources), "mode": report.mode}, now=now)
    with bars.stage("Gathering papers") as told:
        report.gather(issues.gather(now=now))
        told(f"{report.candidates} candidates in the open issue")
    with bars.stage("Closing the issue") as told:
        closed = issues.close_due(now=now)
        report.issue = closed.number if closed else None
        told(f"issue {closed.number}" if closed else "not before the cut-off")
    leave_run("close", {"closed": report.issue}, now=now)
    return plan_and_send(report, now, bars)


def plan_and_send(report: OnceReport, now: datetime, bars: Bars) -> OnceReport:
    """A copy for everybody who has not had today's; all that is due leaves."""
    with bars.stage("Planning copies") as told:
        run: Run = editions.plan_now(now=now)
        told("one copy" if run.prepared == 1 else f"{run.prepared} copies")
    with bars.stage("Sending copies") as told:
        delivery.recover(now=now)
        sent = delivery.send(now=now)
        told(f"{sent.sent} sent")
    leave_run("send", {"sent": sent.sent, "failed": sent.failed, "uncertain": sent.uncertain}, now=now)
    report.book(run, sent)
    return report
