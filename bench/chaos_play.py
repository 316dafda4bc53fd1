"""One stage of `bench chaos`, in a process of its own: sets it up, plays the faults, has the ledger judged.

Seeded: the rows, what the SMTP server does to which address, and which kind of sender dies when. What the kernel
schedules between two faults is not, so two runs end with the same zeros and not with the same numbers.
"""

from __future__ import annotations

import csv
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import chaos
from bench.chaos_faults import EVERY_S, Faults
from bench.chaos_servers import Broker, PostgreSQL, Program, free_port, tied, until

_SHARES = {"temp": 0.05, "perm": 0.02, "busy": 0.03, "drop-before": 0.03, "drop-after": 0.02, "hang": 0.003}
_HANG_S = 2  # how long a sender waits for an answer; the server's hang is 30 s
_WORKERS = {"postgresql": 2, "sqlite": 1}
_PATIENCE_S = 240  # with nothing open it ends long before
_STATES = {"SENT": "sent", "FAILED": "bounced", "CANCELLED": "skipped", "UNCERTAIN": "uncertain"}


def main() -> None:
    stage, copies, kills, seed, parent = sys.argv[1], *map(int, sys.argv[2:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    tied(parent, signal.SIGTERM)()
    folder = Path(tempfile.mkdtemp(prefix="paperround-chaos-"))
    folder.chmod(0o711)  # PostgreSQL's user passes through
    play = Play(folder, stage, copies, kills, seed)
    row: dict[str, Any] = {}
    try:
        play.set_up()
        row = play.run()
    finally:
        play.end()
        if row.get("failed"):
            row["kept"] = str(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(row))


@dataclass
class Play:
    folder: Path
    stage: str
    copies: int
    kills: int
    seed: int
    database: PostgreSQL | None = None

    def __post_init__(self) -> None:
        self.began_s = time.monotonic()
        self.ledger = self.folder / "ledger.jsonl"
        self.programs: list[Program] = []

    # Setting up

    def set_up(self) -> None:
        self.database = PostgreSQL(self.folder / "pg") if self.stage == "postgresql" else None
        self.broker = (Broker.redis if self.database else Broker.embedded)(self.folder)
        self.smtp = self._smtp_server()
        self._settings()
        workers = [self._worker(number) for number in range(_WORKERS[self.stage])]
        self.beat = self._program("beat", "beat", "-l", "INFO", "--pidfile=")
        for worker in workers:
            worker.start()  # they load while the tables are made
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0, interactive=False)
        from bench import chaos_rows

        chaos_rows.ring_every_second()
        self.planned = chaos_rows.make(self.copies, seed=self.seed, now=datetime.now(UTC))
        self.workers = workers

    def _smtp_server(self) -> Program:
        self.port = free_port()
        options = [word for name, share in _SHARES.items() for word in (f"--{name}", str(share))]
        script = Path(os.environ["PAPERROUND_YARD"]) / "smtp_fault.py"
        argv = [sys.executable, str(script), "--port", str(self.port), "--ledger", str(self.ledger), *options]
        argv += ["--seed", str(self.seed), "--slow", str(self._slow_ms()), "--for", "3600"]
        server = Program(argv, log=self.folder / "smtp.log")
        self.programs.append(server)
        server.start()
        until(lambda: "listening on" in server.log.read_text(), "smtp_fault.py", server.log)
        return server

    def _slow_ms(self) -> float:
        """What the server takes for a mail, so that sending, however quick, lasts twice as long as the kills do."""
        return 2000 * self.kills * EVERY_S * _WORKERS[self.stage] * Faults.SENDERS / self.copies

    def _settings(self) -> None:
        os.environ.update(
            DJANGO_SETTINGS_MODULE="config.settings",
            PAPERROUND_DATA=str(self.folder / "data"),
            DATABASE_URL=self.database.url if self.database else f"sqlite:///{self.folder / 'paperround.sqlite3'}",
            REDIS_URL=self.broker.url,
            MAIL_URL=f"smtp://127.0.0.1:{self.port}?timeout={_HANG_S}",
            PUBLIC_URL="https://papers.example.org",
            MAIL_SPREAD_MINUTES="0",
            SECRET_KEY="chaos-" + "x" * 44,
        )

    def _worker(self, number: int) -> Program:
        name = f"worker{number}"
        words = ["worker", "-c", str(Faults.SENDERS), "-n", f"{name}@%h", "-l", "INFO", "--without-gossip", "--without-mingle"]
        return self._program(name, *words)

    def _program(self, name: str, *words: str) -> Program:
        argv = [sys.executable, "-m", "celery", "-A", "bench.chaos_worker", *words]
        program = Program(argv, log=self.folder / f"{name}.log")
        self.programs.append(program)
        return program

    def end(self) -> None:
        for program in self.programs:
            program.kill()
        if hasattr(self, "broker"):
            self.broker.kill()
        if self.database:
            self.database.end()

    # Playing

    def run(self) -> dict[str, Any]:
        """Until every copy is settled and every fault has happened; then what came of it."""
        faults = Faults(self.workers, self.beat, self.broker, self.database, kills=self.kills, dice=random.Random(self.seed))
        journals = self.folder / "data" / "journals"
        self.beat.start()
        sending_s = time.monotonic()
        deadline_s = sending_s + _PATIENCE_S + self.copies / 5
        while time.monotonic() < deadline_s:
            faults.tend(journals)
            if faults.over() and _open_copies() == 0:
                break
            time.sleep(0.05)
        seconds = time.monotonic() - sending_s
        faults.thaw_all()
        return self._judged(faults, seconds)

    def _judged(self, faults: Faults, seconds: float) -> dict[str, Any]:
        from newsletter.delivery.audit import audit

        self.beat.kill()
        for worker in self.workers:
            worker.end(signal.SIGTERM)
        self.smtp.end(15)
        injected = json.loads(self.smtp.log.read_text().rpartition("injected ")[2] or "{}")
        ambiguous = sum(injected.get(name, 0) for name in ("drop-before", "drop-after", "hang"))
        bound = faults.senders_killed + ambiguous
        verdict = self._verdict(bound)
        figures: dict[str, Any] = {"stage": self.stage, "copies": self.copies, "planned": self.planned} | verdict
        figures |= {"audit_findings": len(audit().findings), "begun_after_the_lease": self._late(faults)}
        figures |= {"misjudged": _misjudged(faults)}
        figures |= {"faults": faults.counts() | injected, "leases_outlived": self._outlived(), "sending_s": round(seconds, 1)}
        figures |= {"mails_per_s": round(verdict["taken"] / seconds), "whole_s": round(time.monotonic() - self.began_s, 1)}
        return figures | {"failed": chaos.failed(figures, faults.wanted())}

    def _verdict(self, bound: int) -> dict[str, Any]:
        """What `ledger_check.py` says of the rows and the server's ledger."""
        expected = self.folder / "expected.csv"
        with expected.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerows([("rcpt", "mid", "state"), *_expected()])
        script = Path(os.environ["PAPERROUND_YARD"]) / "ledger_check.py"
        argv = [sys.executable, str(script), str(expected), str(self.ledger), str(bound)]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stderr)
        names = ("lost", "twice", "stray", "wrong-state", "unfinished", "uncertain", "sent", "bounced", "taken", "acknowledged")
        found = {name: re.search(rf"\b{name} (\d+)", done.stdout) for name in names}
        counts = {name.removesuffix("-state"): int(match[1]) for name, match in found.items() if match}
        return {**counts, "uncertain_at_most": bound, "ledger_check_exit": done.returncode}

    def _late(self, faults: Faults) -> int:
        """Mails of a thawed process that the server took after the thaw, less the one that may have been in flight."""
        from newsletter.models import Delivery

        times = {}
        for line in self.ledger.read_text().splitlines():
            entry = json.loads(line)
            times[entry["mid"].strip("<>").partition("@")[0]] = entry["t"]
        late = 0
        for token, thawed_at in faults.thawed.items():
            own = Delivery.objects.filter(claim_token=token).values_list("public_id", flat=True)
            late += max(0, sum(times.get(public_id, 0) > thawed_at + 0.1 for public_id in own) - 1)
        return late

    def _outlived(self) -> int:
        return sum(worker.log.read_text(errors="replace").count("outlived its lease") for worker in self.workers)


def _misjudged(faults: Faults) -> int:
    """Rows of killed senders that did not end as their journals said: in flight UNCERTAIN, acknowledged SENT."""
    from newsletter.models import Delivery

    states = dict(Delivery.objects.values_list("pk", "state"))
    doubted = [pk for part in faults.dead for pk in part.in_flight if states[pk] != "UNCERTAIN"]
    return len(doubted) + sum(states[pk] != "SENT" for part in faults.dead for pk in part.sent)


def _expected() -> Iterator[tuple[str, str, str]]:
    from newsletter.models import Delivery

    for address, public_id, state in Delivery.objects.values_list("subscriber__address", "public_id", "state"):
        yield str(address), f"<{public_id}@paperround.example.org>", _STATES.get(state, "pending")


def _open_copies() -> int | None:
    """Copies without an end; None when the database does not answer."""
    from django.db import DatabaseError, InterfaceError, connection

    from newsletter.models import Delivery
    from newsletter.models.ledger import OPEN_STATES

    try:
        return Delivery.objects.filter(state__in=OPEN_STATES).count()
    except (DatabaseError, InterfaceError):
        connection.close()
        return None


if __name__ == "__main__":
    main()
