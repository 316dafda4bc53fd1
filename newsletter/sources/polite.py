"""The only way out to the network: one GET, bounded in time and size, to public addresses, with our name on it.

Source: RFC 9110 (conditional requests, redirects); arXiv's terms of use (3 s, one connection).
"""

from __future__ import annotations

import fcntl
import ipaddress
import queue
import socket
import threading
import time
import urllib.request
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from email.utils import parseaddr
from urllib.parse import urljoin, urlsplit

import httpx2
from django.conf import settings

_CONNECT_SECONDS = 10.0
_TOTAL_SECONDS = 30.0
_MOST_BYTES = 10 * 1024 * 1024
_MOST_REDIRECTS = 5


class Unavailable(Exception):
    """The other side did not deliver, now; the message says how. wait_seconds: what it asked for (Retry-After), else 0."""

    def __init__(self, reason: str, *, wait_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_seconds = wait_seconds


class Refused(Exception):
    """We do not ask for this address, or do not take what it sends; trying again changes nothing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One body; `day`: the day asked for, where the question had one; `error`: why this part is missing."""

    data: bytes
    day: date | None = None
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What one reading of a source brought. unchanged: 304, and no answers."""

    answers: tuple[Answer, ...] = ()
    etag: str = ""
    last_modified: str = ""
    unchanged: bool = False

    @property
    def data(self) -> bytes:
        return self.answers[0].data if self.answers else b""


def get(url: str, *, etag: str = "", last_modified: str = "", pause: float = 0.0) -> Fetched:
    """The body after at most 5 redirects, each checked like the first address.

    pause: seconds since the last request to this host by any process of this installation on this machine; while it
    is given there is one connection at a time. Raises Unavailable, Refused.
    """
    headers = {"User-Agent": user_agent(), "Accept-Encoding": "gzip"}
    headers |= {"If-None-Match": etag} if etag else {}
    headers |= {"If-Modified-Since": last_modified} if last_modified else {}
    deadline = time.monotonic() + _TOTAL_SECONDS
    with _turn(urlsplit(url).hostname or "", pause), _client() as client:
        for _ in range(_MOST_REDIRECTS + 1):
            _check(url)
            try:
                found = _once(client, url, headers, deadline)
            except httpx2.TimeoutException:
                raise Unavailable(f"{_host(url)} did not answer in time") from None
            except (httpx2.HTTPError, httpx2.InvalidURL, zlib.error) as error:
                raise Unavailable(f"{_host(url)} cannot be reached ({type(error).__name__})") from None
            if isinstance(found, Fetched):
                return found
            url = found
    raise Unavailable(f"{_host(url)} redirects in circles")


def user_agent() -> str:
    """Who asks and where to complain, as arXiv and Hugging Face wish."""
    return f"PaperRound/0.1 (+{settings.PUBLIC_URL}; {parseaddr(settings.SERVICE_FROM)[1]})"


def reachable(origins: Sequence[str], *, seconds: float) -> bool:
    """Does any of these origins answer, asked all at once? Decided within `seconds`, whatever DNS does.

    A proxy's 403, 407 or error, or no answer, is "no network"; any other answer of the host is one.
    """
    answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
    deadline = time.monotonic() + seconds
    for origin in origins:
        threading.Thread(target=lambda origin=origin: answers.put(_answers(origin, seconds)), daemon=True).start()
    for _ in origins:
        try:
            if answers.get(timeout=max(0.01, deadline - time.monotonic())):
                return True
        except queue.Empty:
            break
    return False


def _answers(origin: str, seconds: float) -> bool:
    try:
        _check(origin)
        with _client() as client:
            response = client.request("HEAD", f"{origin}/robots.txt", headers={"User-Agent": user_agent()}, timeout=seconds)
            return response.status_code not in {403, 407} and response.status_code < 500
    except (httpx2.HTTPError, httpx2.InvalidURL, Refused, Unavailable, OSError, ValueError):
        return False


def _client() -> httpx2.Client:
    return httpx2.Client(follow_redirects=False, timeout=httpx2.Timeout(_CONNECT_SECONDS))


def _once(client: httpx2.Client, url: str, headers: dict[str, str], deadline: float) -> Fetched | str:
    """The answer, or the address that it redirects to."""
    with client.stream("GET", url, headers=headers) as response:
        _check_peer(response, url)
        status = response.status_code
        if status in {301, 302, 303, 307, 308} and response.headers.get("location"):
            return urljoin(url, response.headers["location"])
        if status == 304:
            return Fetched(unchanged=True)
        if status != 200:
            raise Unavailable(_said(url, status), wait_seconds=_wait(response.headers.get("retry-after", "")))
        return Fetched(
            answers=(Answer(data=_body(response, url, deadline)),),
            etag=response.headers.get("etag", "")[:200],
            last_modified=response.headers.get("last-modified", "")[:100],
        )


def _body(response: httpx2.Response, url: str, deadline: float) -> bytes:
    """Inflated here, piece by piece, so that a small answer cannot become a large one before it is counted."""
    packed = response.headers.get("content-encoding", "").lower()
    if packed not in {"", "identity", "gzip"}:
        raise Refused(f"{_host(url)} sends a packed answer ({packed[:20]}) that was not asked for")
    inflate = zlib.decompressobj(wbits=31) if packed == "gzip" else None
    body = bytearray()
    for piece in response.iter_raw():
        body += inflate.decompress(piece, _MOST_BYTES + 1 - len(body)) if inflate else piece
        if len(body) > _MOST_BYTES:
            raise Refused(f"{_host(url)} sends more than {_MOST_BYTES // 2**20} MB")
        if time.monotonic() > deadline:
            raise Unavailable(f"{_host(url)} took longer than {_TOTAL_SECONDS:.0f} s to send its answer")
    if inflate and not inflate.eof:
        raise Unavailable(f"{_host(url)} broke off in the middle of its answer")
    return bytes(body)


def _check(url: str) -> None:
    """Raises Refused for anything but http(s) to a public address; a name must lead to public addresses only."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Refused("only http and https addresses are read")
    if getattr(settings, "ALLOW_PRIVATE_FETCH", False):
        return
    if _proxied(url):
        _check_addresses([parts.hostname], url, names_pass=True)
        return
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unavailable(f"{_host(url)} has no address (no network, or a wrong name)") from None
    _check_addresses([str(entry[4][0]) for entry in found], url)


def _check_peer(response: httpx2.Response, url: str) -> None:
    """Whom we really talk to: a name may lead elsewhere the second time it is asked for."""
    stream = response.extensions.get("network_stream")
    peer = stream.get_extra_info("server_addr") if stream and not _proxied(url) else None
    if peer and not getattr(settings, "ALLOW_PRIVATE_FETCH", False):
        _check_addresses([str(peer[0])], url)


def _check_addresses(addresses: Sequence[str], url: str, *, names_pass: bool = False) -> None:
    for address in addresses:
        try:
            number = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            if not names_pass or address == "localhost" or address.endswith((".localhost", ".local", ".internal")):
                raise Refused(f"{_host(url)} is no public address") from None
            continue
        mapped = getattr(number, "ipv4_mapped", None) or number
        if not mapped.is_global or mapped.is_multicast:
            raise Refused(f"{_host(url)} is a private address; only public ones are read")


def _proxied(url: str) -> bool:
    parts = urlsplit(url)
    return bool(urllib.request.getproxies().get(parts.scheme)) and not urllib.request.proxy_bypass(parts.netloc)


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "the address")[:100]


def _said(url: str, status: int) -> str:
    host = _host(url)
    if status == 429:
        return f"{host} says that we ask too often (429); it is asked again later"
    if status in {202, 403, 405}:
        return f"{host} shows a barrier instead of the page ({status}): a challenge for robots, or a proxy that forbids it"
    if status >= 500:
        return f"{host} has an error of its own ({status})"
    return f"{host} answers {status}: look whether the source's address is still right"


def _wait(value: str) -> float:
    """Retry-After in seconds; its date form is rare and read as one hour."""
    if value.isdigit():
        return float(min(int(value[:9]), 86_400))
    return 3600.0 if value else 0.0


@contextmanager
def _turn(host: str, pause: float) -> Iterator[None]:
    """Holds the host's turn: a locked file in the data folder whose time is the end of the last request."""
    if not pause:
        yield
        return
    path = settings.PAPERROUND_DATA / f"turn-{''.join(char for char in host if char.isalnum() or char in '.-')[:80]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        left = float(file.read() or 0) + pause - time.time()
        time.sleep(min(max(left, 0.0), pause))
        try:
            yield
        finally:
            file.truncate(0)
            file.write(str(time.time()).encode())
