"""The measurements by name: each a function that returns rows of plain values.

A measurement may take keyword parameters that `bench` has an option for; it is given those that were set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench import chaos, events, ingest, mail, match, preview, query, search, send

BENCHES: dict[str, Callable[..., list[dict[str, Any]]]] = {
    "chaos": chaos.measure,
    "events": events.measure,
    "ingest": ingest.measure,
    "mail": mail.measure,
    "match": match.measure,
    "preview": preview.measure,
    "query": query.measure,
    "search": search.measure,
    "send": send.measure,
}
