"""What goes into one copy, in which order. Pure: values in, values out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST_PINS = 3


@dataclass(frozen=True, slots=True)
class Hit:
    """One interest that matches a paper: relevance in [0, 1] and the words shown to the reader."""

    relevance: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A paper on offer to one group of readers. hits: interest id -> Hit; empty only for a pin to everyone.

    trend >= 0. late: a look-back (catch-up, best of the week) that ranks after all that is new.
    """

    candidate: int
    paper: int
    trend: float
    hits: Mapping[int, Hit]
    pinned: bool = False
    late: bool = False

    def best(self) -> tuple[int | None, Hit]:
        """The interest the card is shown under: highest relevance, then the lowest id. None for a pin to everyone."""
        if not self.hits:
            return None, Hit(0.0, "")
        interest = min(self.hits, key=lambda key: (-self.hits[key].relevance, key))
        return interest, self.hits[interest]

    def worth(self) -> float:
        """Relevance x trend, in (0, 1 + trend]."""
        return self.best()[1].relevance * (1.0 + self.trend)


@dataclass(frozen=True, slots=True)
class Pick:
    """One line of an edition; the reason is part of its identity."""

    candidate: int
    paper: int
    interest: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The picks in order, and how many matching papers were offered but cut."""

    picks: tuple[Pick, ...]
    more: int


def choose(offers: Sequence[Offer], *, limit: int) -> Choice:
    """At most `limit` papers: pins first, then new before late, by relevance x trend.

    No interest holds more than half of the places while another has papers left. A pin alone is no reason to write:
    without one matching paper the choice is empty. Ties go to the older candidate, so the result is stable.
    """
    if not any(offer.hits for offer in offers):
        return Choice((), 0)
    ranked = sorted(offers, key=lambda o: (not o.pinned, o.late, -o.worth(), o.candidate))
    pins = [offer for offer in ranked if offer.pinned][:MOST_PINS]
    rest = [offer for offer in ranked if offer not in pins and offer.hits]
    chosen = pins[:limit] + _balanced(rest, limit - len(pins[:limit]), math.ceil(limit / 2), pins)
    picks = tuple(_pick(offer) for offer in chosen)
    return Choice(picks, len(offers) - len(chosen))


def _balanced(rest: Sequence[Offer], places: int, share: int, pins: Sequence[Offer]) -> list[Offer]:
    """Take in order, leaving out what would give an interest more than its share; fill up with it at the end."""
    held: dict[int | None, int] = {}
    for offer in pins:
        interest = offer.best()[0]
        held[interest] = held.get(interest, 0) + 1
    taken: list[Offer] = []
    over: list[Offer] = []
    for offer in rest:
        if len(taken) == places:
            break
        interest = offer.best()[0]
        if held.get(interest, 0) >= share:
            over.append(offer)
            continue
        held[interest] = held.get(interest, 0) + 1
        taken.append(offer)
    filled = taken + over[: places - len(taken)]
    order = {id(offer): place for place, offer in enumerate(rest)}
    return sorted(filled, key=lambda offer: order[id(offer)])


def _pick(offer: Offer) -> Pick:
    interest, hit = offer.best()
    return Pick(offer.candidate, offer.paper, interest, hit.reason)
