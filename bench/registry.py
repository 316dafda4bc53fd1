"""The measurements by name: each a function without parameters that returns rows of plain values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench import ingest

BENCHES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "ingest": ingest.measure,
}
