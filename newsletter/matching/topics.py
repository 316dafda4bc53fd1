"""The topics that ship with the product, read from `newsletter/topics.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A curated interest with a public name. query: as written in the file; `query.parse(topic.query).canonical` is stored.

    categories, keywords: what sources call this field; `measure` takes them for labels where nobody labelled by hand.
    """

    slug: str
    name: str
    line: str
    group: str
    query: str
    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()


@cache
def topics() -> tuple[Topic, ...]:
    """In the file's order, which is the order of display; slugs are unique (a test proves it)."""
    with (Path(__file__).parents[1] / "topics.toml").open("rb") as file:
        groups = tomllib.load(file)["group"]
    return tuple(_topic(group["name"], topic) for group in groups for topic in group["topic"])


def was_shipped(slug: str, canonical: str) -> bool:
    """Whether this release or an earlier one shipped the topic with this query, so that no curator wrote it."""
    return _digest(slug, canonical) in _digests()


@cache
def _digests() -> frozenset[str]:
    """Of every query that ever shipped; a line has a slug and what belongs to it, the newest last."""
    lines = (Path(__file__).parents[1] / "topics_shipped.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(digest for line in lines for digest in line.split()[1:])


def _digest(slug: str, canonical: str) -> str:
    return sha256(f"{slug} {canonical}".encode()).hexdigest()[:16]


def _topic(group: str, values: dict[str, str | list[str]]) -> Topic:
    return Topic(group=group, **{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})  # type: ignore[arg-type]
