"""The topics that ship with the product, read from `newsletter/topics.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A curated interest with a public name. query: as written in the file; `query.parse(topic.query).canonical` is stored."""

    slug: str
    name: str
    line: str
    group: str
    query: str


@cache
def topics() -> tuple[Topic, ...]:
    """In the file's order, which is the order of display; slugs are unique (a test proves it)."""
    with (Path(__file__).parents[1] / "topics.toml").open("rb") as file:
        groups = tomllib.load(file)["group"]
    return tuple(Topic(group=group["name"], **topic) for group in groups for topic in group["topic"])
