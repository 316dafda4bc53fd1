"""A real Redis for a test, with keys of the test's own."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")


@contextmanager
def own_redis(settings) -> Iterator[redis.Redis]:
    client = redis.Redis.from_url(REDIS_URL, socket_connect_timeout=1)
    try:
        client.ping()
    except redis.RedisError:
        pytest.skip("needs a Redis, on 127.0.0.1:6379 or at REDIS_URL")
    settings.REDIS_URL, settings.KEY_PREFIX = REDIS_URL, f"pr-pace-{os.getpid()}-{time.monotonic_ns()}"
    yield client
    wipe(client, settings.KEY_PREFIX)


def wipe(client: redis.Redis, prefix: str) -> None:
    """What an empty Redis is to us: nothing of ours is in it."""
    for key in client.scan_iter(f"{prefix}:*"):
        client.delete(key)
