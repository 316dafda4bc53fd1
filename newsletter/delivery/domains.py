"""How fast mails begin towards one recipient domain: MAIL_DOMAIN_RATE a minute, over all workers and ways, in Redis.

A domain over its rate never stands in the way of others: its copies are given times of their own, each once, and leave
the front of the queue. Service mails are not counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from django.conf import settings
from redis import RedisError

from newsletter.delivery import copies
from newsletter.delivery.ledger import Outcome
from newsletter.delivery.pace import Away, client
from newsletter.models import Delivery, DeliveryState, Kind

OVER = "DOMAIN_RATE"
GOOD_FOR_S = 5.0  # how long after its sorting a copy may begin
_AHEAD_S = 1.0
_WINDOW_S = 60 + _AHEAD_S + GOOD_FOR_S  # a minute's mails may have been sorted so much earlier or later

# KEYS: since when there are buckets, then a domain each. ARGV: seconds between two mails; then for each domain the copies
# that have had a time given and those that have not. Answers for each domain: how many may begin now, and the seconds until
# the first of the others may: of those that have waited, and of the others. In the minute after Redis lost everything a
# domain it does not know starts empty; later one it does not know has had nothing.
_SORT = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local since = tonumber(redis.call('GET', KEYS[1]) or now)
redis.call('SET', KEYS[1], string.format('%.6f', since), 'EX', 86400)
local apart, answer = tonumber(ARGV[1]), {}
local unknown = now < since + 60 and now + 1 + apart or now
for place = 2, #KEYS do
  local had, new = tonumber(ARGV[2 * place - 2]), tonumber(ARGV[2 * place - 1])
  local state = redis.call('HMGET', KEYS[place], 'free', 'tail')
  local free = math.max(tonumber(state[1] or unknown), now)
  local tail = math.max(tonumber(state[2] or 0), free)
  local queue = tail > free and tail > now + 1
  local go = math.max(0, math.min(queue and had or had + new, math.floor((now + 1 - free) / apart) + 1))
  free = free + go * apart
  local waiting = math.max(0, had - go)
  tail = math.max(tail, free + waiting * apart)
  answer[#answer + 1] = go
  answer[#answer + 1] = string.format('%.6f', free - now)
  answer[#answer + 1] = string.format('%.6f', tail - now)
  local left = had + new - go - waiting
  if left > 0 then tail = tail + left * apart end
  redis.call('HSET', KEYS[place], 'free', string.format('%.6f', free), 'tail', string.format('%.6f', tail))
  redis.call('EXPIRE', KEYS[place], math.ceil(tail - now) + 3600)
end
return answer
"""


def over(rows: Sequence[Delivery], *, at: datetime) -> dict[int, Outcome]:
    """Delivery id -> PENDING with a later due_at, for the digests of domains that are over their rate now.

    Those not named may begin within GOOD_FOR_S. The later time is never after the end of the late window. Raises Away.
    """
    if not settings.MAIL_DOMAIN_RATE:
        return {}
    groups: dict[str, list[Delivery]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.reason != OVER):
        if row.kind == Kind.DIGEST and (domain := copies.recipient(row).rpartition("@")[2].lower()):
            groups[domain].append(row)
    return _later(list(groups.values()), _asked(groups), at) if groups else {}


def stale(age_s: float) -> bool:
    """Whether what `over` let pass so many seconds ago may not begin any more."""
    return bool(settings.MAIL_DOMAIN_RATE) and age_s > GOOD_FOR_S


def _asked(groups: dict[str, list[Delivery]]) -> list[bytes | int]:
    names = ("since", *(sha256(name.encode()).hexdigest()[:16] for name in groups))
    keys = [f"{settings.KEY_PREFIX}:domain:{name}" for name in names]
    counts: list[str | int] = [repr(apart_s())]
    for rows in groups.values():
        had = sum(row.reason == OVER for row in rows)
        counts += [had, len(rows) - had]
    try:
        answer: list[bytes | int] = client().register_script(_SORT)(keys, counts)
    except RedisError as error:
        raise Away(type(error).__name__) from error
    return answer


def apart_s() -> float:
    return _WINDOW_S / settings.MAIL_DOMAIN_RATE


def _later(groups: Sequence[Sequence[Delivery]], answer: Sequence[bytes | int], at: datetime) -> dict[int, Outcome]:
    """Whole seconds, so that those of one second are settled together."""
    outcomes = {}
    for rows, go, soon_s, tail_s in zip(groups, answer[::3], answer[1::3], answer[2::3], strict=True):
        left = rows[int(go) :]
        had = sum(row.reason == OVER for row in left)
        for place, row in enumerate(left):
            wait_s = float(soon_s) + place * apart_s() if place < had else float(tail_s) + (place - had) * apart_s()
            due_at = (at + timedelta(seconds=max(1.0, wait_s) + 1)).replace(microsecond=0)
            due_at = min(due_at, row.late_at) if row.late_at else due_at
            outcomes[row.pk] = Outcome(state=DeliveryState.PENDING, reason=OVER, due_at=due_at)
    return outcomes
