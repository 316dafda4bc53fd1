"""Short names of labs by the table of labs.toml."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from newsletter.sources.page import _text as text

_TABLE = Path(__file__).parent / "labs.toml"


def names(listed: Iterable[object]) -> tuple[str, ...]:
    """Each lab once, by its full name where the table knows it, else as listed."""
    return text.terms([_table().get(name.casefold(), name) for name in text.names(list(listed))])


@cache
def _table() -> dict[str, str]:
    return {short.casefold(): name for short, name in tomllib.loads(_TABLE.read_text(encoding="utf-8"))["labs"].items()}
