"""Answers that are the same for everybody: made once, kept by this process until something changes, told apart by an ETag.

What a page shows comes from papers, their sightings, issues and what curators did, and each of these adds a row. So the
newest ids are a version: while they are what they were, and for SECONDS at most, a kept answer stands. The backstop is for
what adds no row, such as a corrected title.
"""

from __future__ import annotations

import gzip
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import wraps
from hashlib import sha256
from threading import Lock
from typing import Any, TypeVar

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.utils.translation import get_language

from newsletter import editions, issues
from newsletter.models import Issue, IssueState
from newsletter.web import answers

SECONDS = 60.0
MOST_BYTES = 32_000_000
PAPER_BYTES = 16_000  # of one that is kept for previews
WORTH_PACKING = 1_000  # bytes
_VERSION = """
    SELECT (SELECT max(id) FROM newsletter_issue), (SELECT max(id) FROM newsletter_candidate),
           (SELECT max(id) FROM newsletter_sighting), (SELECT max(id) FROM newsletter_act)
"""

View = Callable[..., HttpResponse]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Version:
    """What public pages show now, in one value: equal as long as they show the same."""

    rows: tuple[int | None, ...]  # of issues, candidates, sightings, acts
    on: str
    language: str


@dataclass(frozen=True, slots=True)
class _Page:
    body: bytes
    packed: bytes
    headers: tuple[tuple[str, str], ...]

    @property
    def size(self) -> int:
        return len(self.body) + len(self.packed)


class Shelf:
    """The newest values by key, for SECONDS; of more than `most` bytes, those that were asked for last. Threads share it."""

    def __init__(self, most: int) -> None:
        self._most, self._size = most, 0
        self._values: OrderedDict[Hashable, tuple[float, int, Any]] = OrderedDict()
        self._lock = Lock()

    def find(self, key: Hashable) -> Any:
        with self._lock:
            until, _, value = self._values.get(key, (0.0, 0, None))
            if time.monotonic() >= until:
                return None
            self._values.move_to_end(key)
            return value

    def keep(self, key: Hashable, value: Any, size: int) -> None:
        with self._lock:
            self._size += size - self._values.pop(key, (0.0, 0, None))[1]
            self._values[key] = (time.monotonic() + SECONDS, size, value)
            while self._size > self._most:
                self._size -= self._values.popitem(last=False)[1][1]

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
            self._size = 0


_pages, _parts, _recent = Shelf(MOST_BYTES), Shelf(MOST_BYTES // 4), Shelf(4 * MOST_BYTES)
_reading = Lock()


def version() -> Version:
    """One query by four primary keys."""
    with connection.cursor() as cursor:
        cursor.execute(_VERSION)
        rows = tuple(cursor.fetchone())
    return Version(rows, issues.local_date(answers.clock()).isoformat(), get_language() or "")


def part(key: Hashable, now: Version, make: Callable[[], T], *, size: int = 20_000) -> T:
    """A value that is the same for everybody in this version. size: about its bytes, so that many do not fill the memory."""
    found: T | None = _parts.find((key, now))
    if found is None:
        found = make()
        _parts.keep((key, now), found, size)
    return found


def recent(now: Version) -> editions.Keep:
    """The papers of some issues, kept for previews: closed issues change by what curators do alone, the open one by all."""

    def keep(shown: Sequence[Issue]) -> editions.Recent | None:
        growing = any(issue.state == IssueState.OPEN for issue in shown)
        key = (tuple(issue.pk for issue in shown), now.rows if growing else now.rows[-1:])
        with _reading:  # of the threads that ask at once, one reads
            found: editions.Recent | None = _recent.find(key)
            if found is None and (found := editions.Recent.whole(shown)) is not None:
                _recent.keep(key, found, PAPER_BYTES * len(found.shown))
        return found

    return keep


def kept(view: View) -> View:
    """A public page that depends on its address alone. Only a 200 is kept; every one has an ETag, and is packed for who takes it."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **values: Any) -> HttpResponse:
        if request.method not in {"GET", "HEAD"}:
            return view(request, *args, **values)
        key = (request.get_full_path(), "HX-Request" in request.headers, answers.wants_json(request), version())
        page = _pages.find(key)
        if page is None:
            response = view(request, *args, **values)
            if response.status_code != 200 or response.streaming or response.cookies:
                return response
            page = _Page(response.content, gzip.compress(response.content, 6, mtime=0), tuple(response.items()))
            _pages.keep(key, page, page.size)
        return _sent(request, page)

    return answer


def _sent(request: HttpRequest, page: _Page) -> HttpResponse:
    packs = len(page.body) >= WORTH_PACKING and _takes_gzip(request)
    response = HttpResponse(page.packed if packs else page.body)
    for name, value in page.headers:
        response[name] = value
    if packs:
        response["Content-Encoding"] = "gzip"
    response.headers.setdefault("Cache-Control", "public, max-age=0, must-revalidate")
    patch_vary_headers(response, ["Accept-Encoding"])
    return with_tag(request, response, sha256(page.body).hexdigest()[:32])


def packed(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """A page without a secret, made for one visitor: packed for who takes it."""
    if _takes_gzip(request):
        response.content = gzip.compress(response.content, 5, mtime=0)
        response["Content-Encoding"] = "gzip"
    patch_vary_headers(response, ["Accept-Encoding"])
    return response


def with_tag(request: HttpRequest, response: HttpResponse, tag: str) -> HttpResponse:
    """The response, or 304 for who has it. A weak tag, as packed and plain are the same page. Source: RFC 9110, 8.8.3."""
    etag = f'W/"{tag}"'
    response["ETag"] = etag
    return get_conditional_response(request, etag=etag, response=response) or response


def forget() -> None:
    """Everything that is kept."""
    for shelf in (_pages, _parts, _recent):
        shelf.clear()


def _takes_gzip(request: HttpRequest) -> bool:
    """Source: RFC 9110, 12.5.3; a browser names gzip, with q=0 only to refuse it."""
    offers = request.headers.get("Accept-Encoding", "").lower().replace(" ", "").split(",")
    return any(offer == "gzip" or (offer.startswith("gzip;q=") and offer.strip("0.") != "gzip;q=") for offer in offers)
