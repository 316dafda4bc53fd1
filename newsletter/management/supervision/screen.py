"""What the operator reads. Nothing here fails because nobody is reading: a terminal may be gone, stdout closed."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, TextIO

from newsletter.management.supervision.site import Site


def keep_standard_streams() -> None:
    """Closed descriptors 0, 1, 2 become /dev/null, else the next file opened would get one of these numbers."""
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)


def say(text: str) -> None:
    _write(sys.stdout, text)


def complain(text: str) -> None:
    _write(sys.stderr, text)


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:
        return
    try:
        stream.write(text.encode(stream.encoding or "ascii", "replace").decode(stream.encoding or "ascii") + "\n")
        stream.flush()
    except (OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def screen(here: Site, facts: Mapping[str, Any], *, web_answers: bool, all_well: bool) -> str:
    """One screen: where everything is, what it reads, how to end it. Plain text of at most 20 lines."""
    python = here.root / ".venv" / "bin" / "python"
    lines = [
        f"Paper Round is {'up' if web_answers else 'starting, but the web server does not answer yet'}.",
        "",
        f"  Read and sign up   {here.public_url}/",
        f"  Curator's desk     {facts.get('desk', here.public_url + '/desk/')}",
        "                     (one login within 30 minutes; another link: manage.py desk_link)",
        f"  Mail that left     {_outbox(here)}",
        f"  Data, logs         {here.data}, {here.logs}",
        f"  Papers             {facts.get('message', '')}",
        f"  Commands           {_settings(here)}{_quoted(str(python))} {_quoted(str(here.root / 'manage.py'))} help",
        f"  End                Ctrl-C, or: kill {os.getpid()}",
    ]
    if web_answers and not all_well:
        lines += ["", f"  Worker and beat have not reported yet: {here.public_url}/healthz tells; logs in {here.logs}"]
    return "\n".join(lines)


def _outbox(here: Site) -> str:
    """The viewer is served to this machine only; elsewhere the folder is named."""
    if not here.mail_url.startswith("file:"):
        return f"sent by {here.mail_url.partition(':')[0]}, as MAIL_URL says"
    if here.loopback in {"127.0.0.1", "::1", "localhost"} and here.host == here.loopback:
        return f"{here.public_url}/outbox/"
    return str(here.data / "outbox") if here.mail_url == "file:" else here.mail_url


def _settings(here: Site) -> str:
    """What a command typed in another terminal needs to find this installation; nothing when all is as by default."""
    return f"PAPERROUND_DATA={_quoted(str(here.data))} " if here.data != here.root / "data" else ""


def _quoted(path: str) -> str:
    return f"'{path}'" if " " in path else path
