"""How often one may ask the API: per network, and per key. Counted in Redis, so that all processes count together.

While Redis is away nobody is refused: these limits protect a machine, those that protect strangers are rows.
"""

from __future__ import annotations

import logging
import math
import time
from functools import lru_cache

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from redis.backoff import NoBackoff
from redis.retry import Retry

from newsletter import curators, links, subscribers
from newsletter.models import ApiKey
from newsletter.web import answers, clients

WINDOW_SECONDS = 60
WITH_A_KEY = 10  # times as much
_PATIENCE_SECONDS = 0.25
_REST_SECONDS = 10.0

logger = logging.getLogger(__name__)


def refusal(request: HttpRequest) -> HttpResponse | None:
    """Count one request of whoever asks: a key's holder, else a network. 429 with Retry-After when that is one too many, 401
    for a key that opens nothing; None: go on."""
    key, bad = None, False
    try:
        key = presented(request)
    except BadKey:
        bad = True
    most = settings.API_A_MINUTE * (WITH_A_KEY if key else 1)
    network = subscribers.network_of(clients.address_of(request))
    asked = _count(f"key:{key.public_id}" if key else links.keyed_hash("rate", network)[:32])
    if asked > most:
        return too_many(WINDOW_SECONDS - math.floor(time.time()) % WINDOW_SECONDS)
    return no_key(_("This key opens nothing: it was revoked, or it is mistyped.")) if bad else None


class BadKey(Exception):
    """A key was presented and is none, or is revoked."""


def presented(request: HttpRequest) -> ApiKey | None:
    """The key in `Authorization: Bearer`; None where there is none. Raises BadKey."""
    scheme, _space, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    key = curators.key_of(text.strip())
    if key is None:
        raise BadKey
    return key


def too_many(seconds: int) -> HttpResponse:
    response = answers.problem(429, _("Too many requests. Retry-After says when to ask again; a key allows more."))
    response["Retry-After"] = str(seconds)
    return response


def no_key(detail: str) -> HttpResponse:
    response = answers.problem(401, detail)
    response["WWW-Authenticate"] = 'Bearer realm="desk"'
    return response


class _Counter:
    """One client a process; after a failure it is left alone for a while, so that nobody waits for a dead server."""

    def __init__(self, url: str) -> None:
        patience = {"socket_timeout": _PATIENCE_SECONDS, "socket_connect_timeout": _PATIENCE_SECONDS}
        self._client = redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **patience)
        self._away_until = 0.0

    def add(self, name: str) -> int:
        """One more under this name in this minute; how many there are now. 0: nobody could count."""
        if time.monotonic() < self._away_until:
            return 0
        key = f"{settings.KEY_PREFIX}:rate:{name}:{int(time.time()) // WINDOW_SECONDS}"
        try:
            with self._client.pipeline() as both:
                both.incr(key)
                both.expire(key, 2 * WINDOW_SECONDS)
                return int(both.execute()[0])
        except (redis.RedisError, OSError) as error:
            self._away_until = time.monotonic() + _REST_SECONDS
            logger.warning("the API's rate is not limited: Redis is away (%s)", type(error).__name__)
            return 0


@lru_cache(maxsize=4)
def _counter(url: str) -> _Counter:
    return _Counter(url)


def _count(name: str) -> int:
    return _counter(settings.REDIS_URL).add(name)
