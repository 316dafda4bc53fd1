"""How fast mails begin: one bucket a way out, shared by all workers, in Redis. The maths are `Grid`.

Time is a grid of points, each good for one mail (or for one request's worth). A worker takes free points of the next
second first and claims that many copies then; a mail begins at its point or within the tolerance after it, else the
point is lost and another one taken. So no second ever holds more mails begun than the rate, whatever the workers do.
Redis' clock alone decides. A missing bucket starts empty: what was granted before lies within the two seconds it waits.
Decision: docs/decisions/0012-mails-begin-at-granted-instants.md.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

from django.conf import settings
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

AHEAD_S = 1.0  # points are granted over one second, which begins so many seconds from now at most
_TOLERANCE_S = 0.02  # how late a worker may be for its point
_REQUEST_TOLERANCE_S = 0.25  # the same for a request, whose mails are begun one after the other
_PATIENCE_S = 60.0  # no longer than a lease
_TIMEOUT_S = 0.5  # for connecting to Redis, and for each answer
_FEWEST = 4  # a slice is granted at least this part of a second's points, so that workers do not queue up for crumbs

# KEYS: the points taken, since when there is a bucket. ARGV: points a second, points wanted, at least, every how many-th,
# from so many seconds from now on.
# Answers {microseconds to wait, point, its microseconds from now, point, ...}. One call is one moment for all workers.
_TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local points, wanted, least, stride = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local start = now + tonumber(ARGV[5])
local since = tonumber(redis.call('GET', KEYS[2]) or now + 2)
redis.call('SET', KEYS[2], string.format('%.6f', since), 'EX', 86400)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', math.floor((now - 1) * points)))
local at, last = math.ceil(math.max(start, since) * points), math.floor((start + 1) * points)
local found = {}
while #found < wanted and at <= last do
  if redis.call('ZSCORE', KEYS[1], string.format('%.0f', at)) then
    at = at + 1
  else
    found[#found + 1] = at
    at = at + stride
  end
end
if #found < least then
  return {math.ceil(math.max((last + least - #found) / points - start - 1, since - start - 1, 0.001) * 1e6)}
end
local answer = {0}
for _, point in ipairs(found) do
  local name = string.format('%.0f', point)
  redis.call('ZADD', KEYS[1], name, name)
  answer[#answer + 1] = name
  answer[#answer + 1] = math.floor((point / points - now) * 1e6)
end
redis.call('EXPIRE', KEYS[1], 60)
return answer
"""


class Away(Exception):
    """No point can be had: Redis does not answer. Digests wait, service mails go."""


@dataclass(frozen=True, slots=True)
class Grid:
    """points: a second; each: mails begun at a point; a mail begins at most tolerance_s after its point.

    In any second begin at most `rate` mails (rounded up): a window of 1 s sees the points of 1 s + tolerance_s, and the
    points are that much farther apart. The price is that much of the rate.
    """

    points: float
    each: int
    tolerance_s: float

    @classmethod
    def of(cls, rate: float, *, at_once: int = 1) -> Grid:
        """rate: mails a second. at_once: how many leave in one request at most."""
        if at_once == 1 or rate < 2:
            return cls(rate / (1 + _TOLERANCE_S), 1, _TOLERANCE_S)
        requests = math.ceil(rate / at_once)
        return cls(requests / (1 + _REQUEST_TOLERANCE_S), int(rate // requests), _REQUEST_TOLERANCE_S)


@dataclass(frozen=True, slots=True)
class Grant:
    """A point that is ours, by this process' monotonic clock. from_s, until_s: when its mails may begin, whatever the
    answer's way from Redis took."""

    point: str
    from_s: float
    until_s: float


class Bucket:
    """The points of one way out. name: of the way; another grid is another bucket."""

    def __init__(self, client: Redis, name: str, grid: Grid) -> None:
        base = f"{settings.KEY_PREFIX}:pace:{name}:{grid.points:.6g}:{grid.each}"
        self.grid, self._client, self._keys = grid, client, [f"{base}:taken", f"{base}:since"]
        self._take = client.register_script(_TAKE)

    def take(self, wanted: int, *, least: int = 1, stride: int = 1, lead_s: float = 0.0) -> tuple[list[Grant], float]:
        """Free points of one second, none or `least` to `wanted`; if none, seconds to wait. Raises Away.

        stride: every how many-th point, for a worker who is slower than the grid. lead_s: when that second begins, for one
        who has copies to claim and to write first.
        """
        asked_s = time.monotonic()
        try:
            wait, *found = self._take(self._keys, [repr(self.grid.points), wanted, least, stride, repr(lead_s)])
        except RedisError as error:
            raise Away(type(error).__name__) from error
        told_s = time.monotonic()
        return [
            Grant(point.decode(), told_s + int(us) / 1e6, asked_s + int(us) / 1e6 + self.grid.tolerance_s)
            for point, us in zip(found[::2], found[1::2], strict=True)
        ], int(wait) / 1e6

    def give_back(self, grants: Sequence[Grant]) -> None:
        """Points whose time has not come. When Redis is away they are lost, as are those that are past."""
        ahead = [grant.point for grant in grants if grant.from_s > time.monotonic()]
        if ahead:
            try:
                self._client.zrem(self._keys[0], *ahead)
            except RedisError:
                logger.debug("points could not be given back")


class Permit:
    """What one slice may begin: `size` mails at most. digests: False when none of these may go, only service mails."""

    digests = True

    def __init__(self, size: int) -> None:
        self.size = size

    def rest(self, *, patient: bool) -> None:
        """Sleeps until the next mail may begin. patient: it is a digest. Raises Away when it must wait for another slice."""

    def use(self) -> bool:
        """Just before a mail begins, after `rest`: False when its moment has passed, and `rest` is due again."""
        return True

    def close(self) -> None:
        """Gives back what was not used."""


class _Granted(Permit):
    """By the points of a bucket; those that are lost are replaced one by one."""

    def __init__(self, pace: Pace, bucket: Bucket, grants: Sequence[Grant], size: int) -> None:
        super().__init__(size)
        self._pace, self._bucket, self._grants, self._used, self._away = pace, bucket, deque(grants), 0, False
        self._until_s = time.monotonic() + _PATIENCE_S

    def rest(self, *, patient: bool) -> None:
        self._pace.arrived()
        while not self._away:
            now_s = time.monotonic()
            if now_s > self._until_s:
                raise Away
            if not self._grants:
                self._more()
            elif now_s > self._grants[0].until_s:
                self._next()
            else:
                time.sleep(max(0.0, self._grants[0].from_s - now_s))
                return
        if patient:
            raise Away

    def use(self) -> bool:
        if self._away:
            return True
        now_s = time.monotonic()
        if not self._grants or not self._grants[0].from_s <= now_s <= self._grants[0].until_s:
            return False
        self._used += 1
        if self._used == self._bucket.grid.each:
            self._next()
        self._pace.began(now_s)
        return True

    def close(self) -> None:
        if not self._away:
            self._bucket.give_back(list(self._grants)[self._used > 0 :])
        self._pace.began(None)

    def _next(self) -> None:
        self._grants.popleft()
        self._used = 0

    def _more(self) -> None:
        try:
            grants, wait_s = self._bucket.take(1)
        except Away:
            self._away = True
            return
        self._grants.extend(grants)
        time.sleep(wait_s)


class _Alone(Permit):
    """Without Redis: service mails go, and of these each process keeps to the rate by itself."""

    digests = False

    def __init__(self, size: int, grid: Grid) -> None:
        super().__init__(size)
        self._each_s, self._next_s = 1 / (grid.points * grid.each), 0.0

    def rest(self, *, patient: bool) -> None:
        if patient:
            raise Away
        time.sleep(max(0.0, self._next_s - time.monotonic()))
        self._next_s = time.monotonic() + self._each_s


class Pace:
    """The pace of one sending process by one way. Without MAIL_RATE, and into files, there is none."""

    def __init__(self, url: str, *, at_once: int = 1) -> None:
        self._grid, self._bucket, self._busy_s = Grid.of(settings.MAIL_RATE or 1, at_once=at_once), None, 0.0
        self._began_s: float | None = None
        self._granted_s: float | None = None
        self._lead_s = 0.0
        if settings.MAIL_RATE and not url.startswith("file:"):
            self._bucket = Bucket(client(), way_name(url), self._grid)

    @property
    def limited(self) -> bool:
        return self._bucket is not None

    def permit(self, wanted: int, *, until_s: float) -> Permit | None:
        """For at most `wanted` mails, about one second of this process' share; waits for it. None: not before until_s."""
        while self._bucket:
            grid = self._grid
            stride = max(1, min(math.ceil(self._busy_s * grid.points), int(grid.points)))
            number = math.ceil(wanted / grid.each)
            try:
                least = max(1, min(number, int(grid.points / stride / _FEWEST)))
                self._granted_s = time.monotonic()
                grants, wait_s = self._bucket.take(number, least=least, stride=stride, lead_s=self._lead_s)
            except Away as error:
                _absence(str(error))
                return _Alone(wanted, grid)
            _absence("")
            if grants:
                return _Granted(self, self._bucket, grants, min(wanted, len(grants) * grid.each))
            if time.monotonic() + wait_s > until_s:
                return None
            time.sleep(wait_s)
        return Permit(wanted)

    def arrived(self) -> None:
        """The process is ready for another mail: how long the last one kept it says how far apart its points should lie, and
        how long the first of a slice took to write, how far ahead the next slice's should."""
        if self._granted_s is not None:
            self._lead_s += (min(time.monotonic() - self._granted_s, AHEAD_S) - self._lead_s) / 2
            self._granted_s = None
        if self._began_s is not None:
            self._busy_s += (min(time.monotonic() - self._began_s, AHEAD_S) * self._grid.each - self._busy_s) / 8
            self._began_s = None

    def began(self, at_s: float | None) -> None:
        self._began_s = at_s


def way_name(url: str) -> str:
    """Of a MAIL_URL, without what it holds."""
    return sha256(url.encode()).hexdigest()[:12]


@cache
def _client(url: str) -> Redis:
    return Redis.from_url(
        url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry=Retry(NoBackoff(), 1), health_check_interval=0
    )


def client() -> Redis:
    """One a process and address; a forked child's connections are made anew by the library."""
    return _client(settings.REDIS_URL)


_gone: set[str] = set()


def _absence(error: str) -> None:
    """Says once that Redis went away, and once that it is back."""
    if error and not _gone:
        logger.warning("Redis does not answer (%s): digests wait, service mails go", error)
        _gone.add(error)
    elif not error and _gone:
        logger.warning("Redis answers again: digests go on")
        _gone.clear()
