"""The wire: connects to addresses that were checked, and to no other; ends at a deadline; counts while it unpacks.

A name is resolved once, here, and the connection goes to what was found: a second answer of DNS changes nothing.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
import time
import urllib.request
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpcore2
import httpx2
from django.conf import settings

from newsletter.sources.polite._errors import Refused, Unavailable

CONNECT_SECONDS = 10.0
MOST_BYTES = 10 * 1024 * 1024
_MOST_MEMBERS = 1000  # of one packed answer
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that is given out; source: IANA, IPv6 Address Space
_BOOKS = ipaddress.IPv6Network("3fff::/20")  # RFC 9637, for documentation
_SPECIAL = (ipaddress.IPv4Network("192.0.0.0/24"), ipaddress.IPv4Network("192.88.99.0/24"))  # RFC 6890, RFC 7526
_LOCAL_NAMES = (".localhost", ".local", ".internal", ".localdomain", ".home.arpa")


def client(url: str, deadline: float) -> httpx2.Client:
    """For one request to this address. deadline: of time.monotonic(), for everything that goes over the wire."""
    proxy = urllib.request.getproxies().get(urlsplit(url).scheme) if proxied(url) else None
    transport = httpx2.HTTPTransport(proxy=proxy)
    # httpx2 has no public way to give its pool another network; it maps the errors that this one raises.
    transport._pool._network_backend = _Network(deadline, through_proxy=proxy is not None)
    return httpx2.Client(transport=transport, follow_redirects=False, timeout=httpx2.Timeout(CONNECT_SECONDS))


def check(url: str) -> None:
    """Raises Refused for anything but http(s) to a host, and for addresses that are plainly private."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise Refused("it is no address of the web") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise Refused("only http and https addresses are read")
    if not _anything_goes():
        _check_addresses([host], url, names_pass=True)


def host_of(url: str) -> str:
    return (urlsplit(url).hostname or "the address")[:100]


def proxied(url: str) -> bool:
    parts = urlsplit(url)
    return bool(urllib.request.getproxies().get(parts.scheme)) and not urllib.request.proxy_bypass(parts.netloc)


def body(response: httpx2.Response, url: str) -> bytes:
    """Inflated here, piece by piece, so that a small answer cannot become a large one before it is counted."""
    packed = response.headers.get("content-encoding", "").lower()
    if packed not in {"", "identity", "gzip"}:
        raise Refused(f"{host_of(url)} sends a packed answer ({packed[:20]}) that was not asked for")
    pieces = _unpacked(response.iter_raw(), url) if packed == "gzip" else response.iter_raw()
    found = bytearray()
    for piece in pieces:
        found += piece
        if len(found) > MOST_BYTES:
            raise Refused(f"{host_of(url)} sends more than {MOST_BYTES // 2**20} MB")
    return bytes(found)


def _unpacked(pieces: Iterable[bytes], url: str) -> Iterator[bytes]:
    """All members, one after the other (RFC 1952); none of the parts is larger than what body() takes at most."""
    inflate, members = zlib.decompressobj(wbits=31), 1
    for packed in pieces:
        piece = packed
        while piece := piece.lstrip(b"\0") if inflate.eof else piece:
            if inflate.eof:
                inflate, members = zlib.decompressobj(wbits=31), members + 1
            if members > _MOST_MEMBERS:
                raise Refused(f"{host_of(url)} packs its answer in over {_MOST_MEMBERS} pieces")
            yield inflate.decompress(piece, MOST_BYTES + 1)
            piece = inflate.unused_data
    if not inflate.eof:
        raise Unavailable(f"{host_of(url)} broke off in the middle of its answer")


class _Network(httpcore2.NetworkBackend):
    """Sockets to checked addresses, whose every wait ends at the deadline."""

    def __init__(self, deadline: float, *, through_proxy: bool) -> None:
        self._deadline, self._through_proxy, self._plain = deadline, through_proxy, httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        give_up = min(self._deadline, time.monotonic() + CONNECT_SECONDS)
        addresses = [host] if self._through_proxy else _resolved(host, port, give_up)
        for place, address in enumerate(addresses, 1):
            left = max(give_up - time.monotonic(), 0.01)
            try:
                stream = self._plain.connect_tcp(address, port, timeout=left, socket_options=socket_options)
                return _Stream(stream, self._deadline)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                if place == len(addresses):
                    raise
        raise httpcore2.ConnectError(f"no address of {host}")

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _Stream(httpcore2.NetworkStream):
    """One that cannot be kept alive by a drop now and then."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = self._left(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _left(self, timeout: float | None, error: type[Exception]) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise error("the deadline has passed")
        return left if timeout is None else min(timeout, left)


def _resolved(host: str, port: int, give_up: float) -> list[str]:
    """The addresses of a name, all of them public. Raises Refused, Unavailable; DNS may hang, this does not."""
    answers: queue.SimpleQueue[list[str] | None] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except (OSError, UnicodeError):
            answers.put(None)

    threading.Thread(target=look_up, daemon=True).start()
    try:
        addresses = answers.get(timeout=max(give_up - time.monotonic(), 0.01))
    except queue.Empty:
        addresses = None
    if not addresses:
        raise Unavailable(f"{host[:100]} has no address (no network, or a wrong name)")
    if not _anything_goes():
        _check_addresses(addresses, f"//{host}" if ":" not in host else f"//[{host}]")
    return addresses


def _check_addresses(addresses: Sequence[str], url: str, *, names_pass: bool = False) -> None:
    for address in addresses:
        try:
            number = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            if not names_pass or address == "localhost" or address.endswith(_LOCAL_NAMES):
                raise Refused(f"{host_of(url)} is no public address") from None
            continue
        if not _is_public(number):
            raise Refused(f"{host_of(url)} is a private address; only public ones are read")


def _is_public(number: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Also what it carries inside (mapped, 6to4, Teredo, NAT64); of IPv6 only what is given out to networks at all."""
    if isinstance(number, ipaddress.IPv4Address):
        return number.is_global and not number.is_multicast and not any(number in special for special in _SPECIAL)
    if number.ipv4_mapped:
        return _is_public(number.ipv4_mapped)
    if number in _NAT64:
        return _is_public(ipaddress.IPv4Address(int(number) & 0xFFFFFFFF))
    inside = [one for one in (number.sixtofour, *(number.teredo or ())) if one is not None]
    given_out = number in _UNICAST and number.is_global and number not in _BOOKS
    return given_out and all(_is_public(one) for one in inside)


def _anything_goes() -> bool:
    return bool(getattr(settings, "ALLOW_PRIVATE_FETCH", False))
