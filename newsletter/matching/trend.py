"""The published trending formula; `docs/trending.md` explains it and its worked examples run as tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2

THRESHOLD = 3.5  # is:trending; about ten votes and a comment on the first day
HALF_AFTER_DAYS = 7.0
UNKNOWN_AGE_DAYS = 3.0  # neither as good as new nor as bad as old


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Points for each doubling of a signal. Stars weigh little: old projects have many."""

    upvotes: float = 1.0
    comments: float = 0.5
    stars: float = 0.3
    sources: float = 1.0


@dataclass(frozen=True, slots=True)
class Trend:
    """total == sum(parts.values()), every part >= 0; parts by signal, each already with its share of the decay."""

    total: float
    parts: Mapping[str, float]


def trend(
    *,
    upvotes: int | None = None,
    comments: int | None = None,
    stars: int | None = None,
    sources: int | None = None,
    age_days: float | None = None,
    weights: Weights | None = None,
) -> Trend:
    """How much attention a paper has now. None and below zero count like zero; sources: independent ones, 1 adds nothing."""
    weights = weights or Weights()
    fresh = decay(age_days)
    parts = {
        "upvotes": weights.upvotes * _doublings(upvotes) * fresh,
        "comments": weights.comments * _doublings(comments) * fresh,
        "stars": weights.stars * _doublings(stars) * fresh,
        "sources": weights.sources * _doublings((sources or 1) - 1) * fresh,
    }
    return Trend(sum(parts.values()), parts)


def decay(age_days: float | None) -> float:
    """1 on the day of listing, a half after a week, a third after two; never 0."""
    age = UNKNOWN_AGE_DAYS if age_days is None else max(age_days, 0.0)
    return HALF_AFTER_DAYS / (HALF_AFTER_DAYS + age)


def _doublings(count: int | None) -> float:
    return log2(1 + max(count or 0, 0))
