"""The published trending formula; `docs/trending.md` explains it and its worked examples run as tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import isfinite, log2

THRESHOLD = 3.5  # is:trending; about ten votes and a comment on the first day. Fixed: a reader's query means one thing
UNKNOWN_AGE_DAYS = 3.0  # neither as good as new nor as bad as old
HALF_AFTER_DAYS = 7.0
MOST_POINTS = 10.0
FEWEST_DAYS, MOST_DAYS = 0.5, 90.0  # until half is left


class BadWeights(ValueError):
    """The value is no weights; `field` names the one at fault, "" when it is all of them together."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What is known of a paper's attention. None = nobody says.

    upvotes_gained, stars_gained: in the last 24 hours. sources: independent places that show it, 1 adds nothing.
    """

    upvotes: int | None = None
    comments: int | None = None
    stars: int | None = None
    upvotes_gained: int | None = None
    stars_gained: int | None = None
    sources: int | None = None
    age_days: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Points for each doubling of a signal, 0 to 10 and not all 0; days until half is left. Raises BadWeights.

    Stars weigh little: old projects have many.
    """

    upvotes: float = 1.0
    comments: float = 0.5
    stars: float = 0.3
    upvotes_gained: float = 0.5
    stars_gained: float = 0.3
    sources: float = 1.0
    half_after_days: float = HALF_AFTER_DAYS

    def __post_init__(self) -> None:
        for name in SIGNALS:
            if not (isfinite(value := getattr(self, name)) and 0 <= value <= MOST_POINTS):
                raise BadWeights(name, f"{name} {value}: a weight is a number from 0 to {MOST_POINTS:g}")
        if not (isfinite(self.half_after_days) and FEWEST_DAYS <= self.half_after_days <= MOST_DAYS):
            said = f"half_after_days {self.half_after_days}: give {FEWEST_DAYS:g} to {MOST_DAYS:g} days"
            raise BadWeights("half_after_days", said)
        if not any(getattr(self, name) for name in SIGNALS):
            raise BadWeights("", "all weights are 0: no paper could trend")


SIGNALS = tuple(field.name for field in fields(Signals) if field.name != "age_days")


@dataclass(frozen=True, slots=True)
class Trend:
    """total == sum(parts.values()), every part >= 0; parts by signal, each already with its share of the decay."""

    total: float
    parts: Mapping[str, float]


def trend(signals: Signals, weights: Weights | None = None) -> Trend:
    """How much attention a paper has now. A missing signal, and one below zero, adds nothing and takes nothing away."""
    weights = weights or Weights()
    fresh = decay(signals.age_days, weights.half_after_days)
    parts = {name: getattr(weights, name) * _doublings(name, getattr(signals, name)) * fresh for name in SIGNALS}
    return Trend(sum(parts.values()), parts)


def decay(age_days: float | None, half_after_days: float = HALF_AFTER_DAYS) -> float:
    """1 on the day of listing, a half after half_after_days, a third after twice as long; never 0."""
    age = UNKNOWN_AGE_DAYS if age_days is None else max(age_days, 0.0)
    return half_after_days / (half_after_days + age)


def _doublings(name: str, count: int | None) -> float:
    """The first place is where the paper was found: only further ones count."""
    known = max(count or 0, 0)
    return log2(max(known, 1)) if name == "sources" else log2(1 + known)
