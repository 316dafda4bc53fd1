"""The only way out to the network: one GET, bounded in time and size, to public addresses, with our name on it.

_permit: whose turn it is, for all processes. _robots: what a site forbids. _way: the wire. Source: RFC 9110.
"""

from __future__ import annotations

import queue
import re
import threading
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from email.utils import parseaddr
from urllib.parse import urljoin, urlsplit

import httpx2
from django.conf import settings

from newsletter.sources.polite import _permit, _robots, _way
from newsletter.sources.polite._errors import NotYet, Refused, Unavailable

__all__ = ["Answer", "Fetched", "NotYet", "Refused", "Unavailable", "get", "reachable", "user_agent"]

_TOTAL_SECONDS = 30.0
_MOST_REDIRECTS = 5
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One body; `day`: the day asked for, where the question had one; `error`: why this part is missing.

    wanted: the ids asked for, where the question named them: what the answer leaves out is missed.
    """

    data: bytes
    day: date | None = None
    error: str = ""
    wanted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What one reading of a source brought. unchanged: 304, and no answers. url: where it was found in the end."""

    answers: tuple[Answer, ...] = ()
    etag: str = ""
    last_modified: str = ""
    unchanged: bool = False
    url: str = ""

    @property
    def data(self) -> bytes:
        return self.answers[0].data if self.answers else b""


def get(url: str, *, etag: str = "", last_modified: str = "", pause: float = 0.0) -> Fetched:
    """The body after at most 5 redirects, each checked like the first address, each with its host's permit.

    pause: seconds since the last request to this host by any process; while it is given there is one connection at a
    time (arXiv's hosts have theirs without being told). A day in the address that a redirect drops is another day's
    page, and Unavailable. Raises Unavailable (NotYet: nobody was asked), Refused.
    """
    headers = {"User-Agent": user_agent(), "Accept-Encoding": "gzip"}
    headers |= {"If-None-Match": etag} if etag else {}
    headers |= {"If-Modified-Since": last_modified} if last_modified else {}
    found = _follow(url, headers, pause, robots=True)
    lost = [day for day in _DAY.findall(urlsplit(url).path) if day not in found.url]
    if lost:
        raise Unavailable(f"{_way.host_of(url)} leads from {lost[0]} to another page: that day is not there")
    return found


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
        threading.Thread(target=lambda origin=origin: answers.put(_answers(origin, deadline)), daemon=True).start()
    for _ in origins:
        try:
            if answers.get(timeout=max(0.01, deadline - time.monotonic())):
                return True
        except queue.Empty:
            break
    return False


def _answers(origin: str, deadline: float) -> bool:
    try:
        _way.check(origin)
        with _way.client(origin, deadline) as client:
            response = client.request("HEAD", f"{origin}/robots.txt", headers={"User-Agent": user_agent()})
            return response.status_code not in {403, 407} and response.status_code < 500
    except (httpx2.HTTPError, httpx2.InvalidURL, Refused, Unavailable, OSError, ValueError):
        return False


def _follow(url: str, headers: dict[str, str], pause: float, *, robots: bool) -> Fetched:
    """Waiting for a turn does not count towards the 30 s."""
    spent = 0.0
    for _ in range(_MOST_REDIRECTS + 1):
        _way.check(url)
        delay = _robots.delay(url, _read_robots) if robots else 0.0
        with _permit.turn(url, max(pause, delay)):
            begun = time.monotonic()
            found = _ask(url, headers, begun + _TOTAL_SECONDS - spent)
            spent += time.monotonic() - begun
        if isinstance(found, Fetched):
            return found
        url = found
    raise Unavailable(f"{_way.host_of(url)} redirects in circles")


def _read_robots(url: str) -> bytes:
    return _follow(url, {"User-Agent": user_agent(), "Accept-Encoding": "gzip"}, 0.0, robots=False).data


def _ask(url: str, headers: dict[str, str], deadline: float) -> Fetched | str:
    """One request; what the host's permit must know of its end is told. Raises Unavailable, Refused."""
    host = _way.host_of(url)
    try:
        with _way.client(url, deadline) as client:
            return _once(client, url, headers)
    except httpx2.TimeoutException:
        late = time.monotonic() >= deadline
        reason = (
            f"{host} took longer than {_TOTAL_SECONDS:.0f} s to send its answer" if late else f"{host} did not answer in time"
        )
        failed = Unavailable(reason)
    except (httpx2.HTTPError, httpx2.InvalidURL, zlib.error, UnicodeError) as error:
        failed = Unavailable(f"{host} cannot be reached ({type(error).__name__})")
    except Unavailable as error:
        failed = error
    wait = _permit.went_wrong(url, status=failed.status, wait_seconds=failed.wait_seconds, said=failed.reason)
    raise Unavailable(failed.reason, wait_seconds=wait, status=failed.status) from None


def _once(client: httpx2.Client, url: str, headers: dict[str, str]) -> Fetched | str:
    """The answer, or the address that it redirects to."""
    with client.stream("GET", url, headers=headers) as response:
        status, said = response.status_code, response.headers
        if status in {301, 302, 303, 307, 308} and said.get("location"):
            return urljoin(url, said["location"])
        if status not in {200, 304}:
            raise Unavailable(_said(url, status), wait_seconds=_permit.asked_to_wait(said), status=status)
        data = _way.body(response, url) if status == 200 else b""
    _permit.went_well(url, said)
    if status == 304:
        return Fetched(unchanged=True, url=url)
    return Fetched(
        answers=(Answer(data=data),),
        etag=said.get("etag", "")[:200],
        last_modified=said.get("last-modified", "")[:100],
        url=url,
    )


def _said(url: str, status: int) -> str:
    host = _way.host_of(url)
    if status == 429:
        return f"{host} says that we ask too often (429); it is asked again later"
    if status in {202, 403, 405}:
        return f"{host} shows a barrier instead of the page ({status}): a challenge for robots, or a proxy that forbids it"
    if status >= 500:
        return f"{host} has an error of its own ({status})"
    return f"{host} answers {status}: look whether the source's address is still right"
