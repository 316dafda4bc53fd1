"""Parsing with its database writes: a batch that is new, the same again, the same with other votes.

Everything happens in one transaction that is rolled back: the current database stays as it was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from newsletter.models import Source
from newsletter.sources import KINDS, store

SIZES = (500, 5000)
DAY = date(2026, 1, 7)
NOW = datetime(2026, 1, 7, 9, tzinfo=UTC)


class _Undo(Exception):
    """Raised to roll back."""


def measure() -> list[dict[str, Any]]:
    """One row a size: papers a second with parsing, and queries, for each of the three batches."""
    return [_measured(size) for size in SIZES]


def _measured(size: int) -> dict[str, Any]:
    row: dict[str, Any] = {"papers": size}
    try:
        with transaction.atomic():
            source = Source.objects.create(slug=f"bench-{size}", name="bench", kind="huggingface")
            for step, (name, votes) in enumerate((("new", 1), ("unchanged", 1), ("votes", 2))):
                data = batch(size, votes=votes)
                seconds, queries = _timed(lambda data=data, step=step: _ingest(data, source, NOW + timedelta(hours=step)))
                row |= {f"{name}_papers_per_s": round(size / seconds), f"{name}_queries": queries}
            raise _Undo
    except _Undo:
        return row


def batch(size: int, *, votes: int) -> bytes:
    """A day of Hugging Face's API, as large as no day was."""
    items = [
        {
            "paper": {
                "id": f"2601.{number:05d}",
                "title": f"Benchmark Paper {number} on the Careful Reading of Lists",
                "summary": f"We study how list {number} of papers is read, with $O(n^2)$ comparisons avoided. " * 8,
                "authors": [{"name": f"Author {place} of {number}"} for place in range(5)],
                "upvotes": votes + number % 90,
                "ai_keywords": ["lists", "reading"],
                "publishedAt": "2026-01-05T00:00:00.000Z",
            },
            "numComments": number % 7,
        }
        for number in range(1, size + 1)
    ]
    return json.dumps(items).encode()


def _ingest(data: bytes, source: Source, seen_at: datetime) -> None:
    store(KINDS["huggingface"].parse(data, day=DAY), source, seen_at=seen_at, day=DAY)


def _timed(act: Callable[[], None]) -> tuple[float, int]:
    with _counted() as queries:
        begun = time.perf_counter()
        act()
        return time.perf_counter() - begun, queries[0]


@contextmanager
def _counted() -> Any:
    count = [0]

    def counting(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        count[0] += 1
        return execute(sql, params, many, context)

    with connection.execute_wrapper(counting):
        yield count
