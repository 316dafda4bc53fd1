"""Who may ask a host now: one row a host, shared by all processes, taken by conditional UPDATE.

Real seconds count here, whatever clock a reading was given: the other side feels nothing else.
Source: arXiv's terms of use (one request in 3 s over one connection, for API, feeds and OAI together, all machines).
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from django.db.models import F, Q

from newsletter.models import Permit
from newsletter.sources.polite._errors import NotYet

FAMILIES = {"arxiv.org": 3.0}  # hosts that count as one, and the seconds between two requests to any of them
MOST_WAIT_SECONDS = 60.0  # a turn that is further away is not waited for
_HELD = timedelta(seconds=60)  # twice what a request may take: whoever holds longer is dead
_DAY_SECONDS = 86_400.0
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def name_of(url: str) -> str:
    """The permit that a request needs: the host, with its port when unusual; the family where hosts count as one."""
    host = own_name(url)
    return next((family for family in FAMILIES if host == family or host.endswith(f".{family}")), host)


def own_name(url: str) -> str:
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    port = f":{parts.port}" if parts.port not in (None, usual) else ""
    return f"{(parts.hostname or '').rstrip('.')}{port}"[:200]


@contextmanager
def turn(url: str, pause: float) -> Iterator[None]:
    """Holds the host's permit. With a pause: one connection, and that many seconds from the last request's end.

    Raises NotYet when the host is to be left alone for longer than a minute.
    """
    host = name_of(url)
    pause = max(pause, FAMILIES.get(host, 0.0))
    if not pause:
        _look(host)
        yield
        return
    token = _take(host, pause)
    try:
        yield
    finally:
        free_at = _now() + timedelta(seconds=pause)
        Permit.objects.filter(host=host, holder=token, next_allowed_at__lt=free_at).update(next_allowed_at=free_at)
        Permit.objects.filter(host=host, holder=token).update(holder="", held_until=None)


def went_well(url: str, headers: Mapping[str, str]) -> None:
    """The count of refusals ends; an empty allowance (RateLimit) is waited for."""
    host = name_of(url)
    Permit.objects.filter(host=host, fails__gt=0).update(fails=0, said="")
    wait = _used_up(headers)
    if wait:
        _wait(host, wait, f"{host} says that its allowance is used up")


def went_wrong(url: str, *, status: int, wait_seconds: float, said: str) -> float:
    """Seconds for which the host is now left alone, never less than it asked for, a day at most.

    429: an hour, doubling; 5xx, silence and barriers: from the second time in turn on.
    """
    host = name_of(url)
    row, _ = Permit.objects.get_or_create(host=host, defaults={"next_allowed_at": _LONG_AGO})
    fails = row.fails + 1
    if status == 429:
        wait = max(wait_seconds, 3600.0 * float(2 ** min(fails - 1, 5)))
    elif status in {0, 202, 403, 405} or status >= 500:
        wait = max(wait_seconds, 0.0 if fails < 2 else min(60.0 * float(4 ** min(fails - 2, 5)), 6 * 3600.0))
    else:
        wait, fails = wait_seconds, row.fails  # the address is wrong, not the host; it may still ask for a rest
    wait = min(wait, _DAY_SECONDS)
    if fails > row.fails:
        Permit.objects.filter(host=host).update(fails=F("fails") + 1)
    if wait > 0:
        _wait(host, wait, said)
    return wait


def asked_to_wait(headers: Mapping[str, str]) -> float:
    """Retry-After in seconds, as a number or a date; else what RateLimit says; else 0. A day at most."""
    value = headers.get("retry-after", "").strip()
    if value.isdigit():
        return min(float(value[:9]), _DAY_SECONDS)
    if value:
        try:
            at = parsedate_to_datetime(value)
        except ValueError:
            return 3600.0
        left = (at if at.tzinfo else at.replace(tzinfo=UTC)) - _now()
        return min(max(left.total_seconds(), 0.0), _DAY_SECONDS)
    return _used_up(headers)


def _used_up(headers: Mapping[str, str]) -> float:
    """Seconds until the allowance is full again, 0 while some is left.

    Source: draft-ietf-httpapi-ratelimit-headers-09 (`RateLimit: "api";r=0;t=120`), and the older three fields.
    """
    newer = headers.get("ratelimit", "")
    for item in newer.split(","):
        left, reset = (re.search(rf"\b{name}=(\d{{1,9}})", item) for name in ("r", "t"))
        if left and int(left[1]) == 0 and reset:
            return min(float(reset[1]), _DAY_SECONDS)
    for prefix in ("ratelimit", "x-ratelimit"):
        rest, reset_in = (headers.get(f"{prefix}-{name}", "").strip() for name in ("remaining", "reset"))
        if rest == "0" and reset_in.isdigit():
            seconds = float(reset_in[:12])
            return min(seconds - time.time() if seconds > 1e9 else seconds, _DAY_SECONDS)  # GitHub gives an instant
    return 0.0


def _look(host: str) -> None:
    row = Permit.objects.filter(host=host, next_allowed_at__gt=_now()).first()
    while row is not None:
        left = (row.next_allowed_at - _now()).total_seconds()
        if left > 2:
            raise _not_yet(row, left)
        time.sleep(max(left, 0.01))
        row = Permit.objects.filter(host=host, next_allowed_at__gt=_now()).first()


def _take(host: str, pause: float) -> str:
    token, give_up = secrets.token_hex(16), time.monotonic() + MOST_WAIT_SECONDS
    Permit.objects.get_or_create(host=host, defaults={"next_allowed_at": _LONG_AGO})
    while True:
        now = _now()
        free = Permit.objects.filter(Q(held_until__isnull=True) | Q(held_until__lt=now), host=host, next_allowed_at__lte=now)
        if free.update(holder=token, held_until=now + _HELD, next_allowed_at=now + timedelta(seconds=pause)):
            return token
        row = Permit.objects.get(host=host)
        left = (row.next_allowed_at - now).total_seconds()
        resting = row.fails and left > pause  # it refused: no worker stands and waits for that
        if resting or left > MOST_WAIT_SECONDS or time.monotonic() > give_up:
            raise _not_yet(row, max(left, pause))
        time.sleep(min(max(left, 0.05), 1.0))


def _not_yet(row: Permit, left: float) -> NotYet:
    if row.fails or row.said:
        return NotYet(f"{row.said or row.host}; asked again after {row.next_allowed_at:%d %b %H:%M} UTC", wait_seconds=left)
    return NotYet(f"{row.host} is being asked by another process; it is this source's turn soon", wait_seconds=left)


def _wait(host: str, seconds: float, said: str) -> None:
    """Never shortens a longer wait."""
    Permit.objects.get_or_create(host=host, defaults={"next_allowed_at": _LONG_AGO})
    until = _now() + timedelta(seconds=seconds)
    Permit.objects.filter(host=host, next_allowed_at__lt=until).update(next_allowed_at=until, said=said[:200])


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)
