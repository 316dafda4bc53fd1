"""Where an installation lives: its folders, its address, and whether they can be used."""

from __future__ import annotations

import errno
import http.client
import os
import socket
from dataclasses import dataclass
from pathlib import Path


class CannotStart(Exception):
    """One sentence for the operator: what is in the way and the remedy. Nothing of ours is left running."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """One installation. redis_url is empty when the broker is the embedded one."""

    root: Path
    data: Path
    host: str
    port: int
    public_url: str
    redis_url: str
    mail_url: str

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def loopback(self) -> str:
        """The address under which this machine reaches its own web server."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 (compared, not bound)


def need_folders(here: Site) -> None:
    """Makes the data folder and its logs. Raises CannotStart when this user cannot write there."""
    try:
        here.logs.mkdir(parents=True, exist_ok=True)
        probe = here.data / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CannotStart(
            f"Paper Round keeps its data in {here.data}, which cannot be written ({error.strerror}): "
            "make the folder writable, or name another one, as in PAPERROUND_DATA=~/paperround-data bin/run"
        ) from None


def need_free_port(here: Site) -> None:
    """Binds the address once without SO_REUSEPORT, which the web server sets: it would share the port of a stranger."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(here.host, here.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        raise CannotStart(_why_not_bound(here, error)) from None


def _why_not_bound(here: Site, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {here.port} on {here.host} is taken by another program: end that one, or choose another port, "
            f"as in PORT={here.port + 1 if here.port < 65535 else 8000} bin/run"
        )
    if error.errno == errno.EACCES:
        return f"Port {here.port} is open to root only: choose one above 1023, as in PORT=8000 bin/run"
    return f"HOST={here.host} is no address of this machine ({error.strerror}): use 127.0.0.1, or 0.0.0.0 for all addresses"


def status(here: Site, path: str) -> int:
    """The HTTP status of a page of our own web server, 0 when it does not answer. No proxy is asked."""
    connection = http.client.HTTPConnection(here.loopback, here.port, timeout=2)
    try:
        connection.request("GET", path, headers={"Host": "127.0.0.1", "Connection": "close"})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
