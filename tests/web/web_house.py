"""The product as readers meet it: the web server of `bin/run` over a data folder of its own, filled with the bundled sample.

No worker runs: a test says when a stage does its work, and at what time.
"""

from __future__ import annotations

import email
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.message import EmailMessage, Message
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

from newsletter.management.supervision import WEB

ROOT = Path(__file__).resolve().parents[2]
READER = "reader@example.org"  # the sample's own: active, with one digest
DROPPED = {"DATABASE_URL", "REDIS_URL", "WEBHOOK_SECRET", "MAIL_URL", "DJANGO_SETTINGS_MODULE", "PUBLIC_URL", "PAPERROUND_DATA"}
_COMMANDS = (
    "import json, sys, django; django.setup()\n"
    "from django.core.management import call_command\n"
    "for command in json.loads(sys.argv[1]): call_command(*command)"
)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    text: str


@dataclass(frozen=True)
class House:
    """One running installation. base: its address without a slash at the end."""

    base: str
    data: Path
    env: dict[str, str]

    def run(self, *commands: list[str]) -> None:
        """Management commands, one after the other in one process."""
        call = [sys.executable, "-c", _COMMANDS, json.dumps(commands)]
        done = subprocess.run(call, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=400)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

    def row(self, query: str, *values: object) -> tuple[Any, ...]:
        """The first row that the database answers."""
        with closing(sqlite3.connect(self.data / "paperround.sqlite3", timeout=20)) as database:
            found = database.execute(query, values).fetchone()
        assert found is not None, query
        return tuple(found)

    def get(self, path: str, **headers: str) -> Answer:
        return self._ask(urllib.request.Request(self.base + path, headers=headers))

    def post(self, path: str, **fields: str) -> Answer:
        return self._ask(urllib.request.Request(self.base + path, data=urlencode(fields).encode()))

    def _ask(self, request: urllib.request.Request) -> Answer:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return Answer(answer.status, answer.headers, answer.read().decode(errors="replace"))
        except HTTPError as error:
            return Answer(error.code, error.headers, error.read().decode(errors="replace"))

    def mails(self, address: str) -> list[EmailMessage]:
        """What was mailed there, oldest first."""
        files = sorted((self.data / "outbox").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns)
        found = [email.message_from_bytes(file.read_bytes(), policy=default) for file in files]
        return [mail for mail in found if mail["To"] == address]

    def link(self, address: str, kind: str) -> str:
        """The newest address under /<kind>/ that was mailed there, as an absolute URL."""
        for mail in reversed(self.mails(address)):
            found = re.search(rf"{self.base}/{kind}/[^\s>)]+", text_of(mail))
            if found:
                return found[0]
        raise AssertionError(f"no link to /{kind}/ was mailed to {address}")


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(data: Path) -> Iterator[House]:
    """Filled, served, and ended again."""
    port = free_port()
    env = {name: value for name, value in os.environ.items() if name not in DROPPED}
    env |= {"PAPERROUND_DATA": str(data), "PORT": str(port), "KEY_PREFIX": "pr-house", "SECRET_KEY": "house-" + "x" * 50}
    env |= {"DJANGO_SETTINGS_MODULE": "config.settings"}
    house = House(f"http://127.0.0.1:{port}", data, env)
    house.run(["migrate", "-v0"], ["demo", "--sample"])
    web = [sys.executable, "-m", *WEB, "--host", "127.0.0.1", "--port", str(port), "config.wsgi:application"]
    with running(web, env, data / "web.txt", f"{house.base}/livez"):
        yield house


@contextmanager
def running(command: list[str], env: dict[str, str], log: Path, until: str) -> Iterator[None]:
    """A program, from its first answer to the block's end."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    try:
        _answers(until, process, log)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while True:
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):
                break
        except HTTPError:
            break
        except OSError:
            time.sleep(0.2)
    time.sleep(1.5)  # the web server loses a TERM that comes in its first second
