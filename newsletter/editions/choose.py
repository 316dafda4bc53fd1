"""What goes into one copy, in which order. Pure: values in, values out. `choose_many` is the same for a whole wave."""

from __future__ import annotations

import math
from collections import Counter
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

    trend >= 0. late: a look-back (catch-up, best of the week) that ranks after all that is new. twins: the papers that are
    nearly the same (`twins`), on offer or not. A look-back is never pinned.
    """

    candidate: int
    paper: int
    trend: float
    hits: Mapping[int, Hit]
    pinned: bool = False
    late: bool = False
    twins: frozenset[int] = frozenset()

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
    """The picks in order, and how many matching papers were offered but cut (a look-back was no offer)."""

    picks: tuple[Pick, ...]
    more: int


def choose(offers: Sequence[Offer], *, limit: int) -> Choice:
    """At most `limit` (from 1) papers: pins first (three at most), then new before late, by relevance x trend.

    What is nearly the same as a paper that stays, and stands behind it, goes. No interest holds more than half of the places, rounded up, while
    another has papers left; a look-back never displaces what is new. A pin alone is no reason to write: without one
    matching paper the choice is empty. Ties go to the older candidate, so the order of the offers does not matter.
    """
    if not any(offer.hits for offer in offers):
        return Choice((), 0)
    ranked = sorted(offers, key=lambda o: (not o.pinned, o.late, -o.worth(), o.candidate))
    wanted = [offer for place, offer in enumerate(ranked) if offer.hits or (offer.pinned and place < MOST_PINS)]
    rest = _collapsed(wanted)
    chosen = [offer for offer in rest[: min(MOST_PINS, limit)] if offer.pinned]
    held = Counter(offer.best()[0] for offer in chosen)
    rest = rest[len(chosen) :]
    for late in (False, True):
        chosen += _balanced([o for o in rest if o.late == late], limit - len(chosen), math.ceil(limit / 2), held)
    matching = sum(bool(offer.hits) and not offer.late for offer in offers)
    shown = sum(bool(offer.hits) and not offer.late for offer in chosen)
    return Choice(tuple(map(_pick, chosen)), matching - shown)


def _collapsed(ranked: Sequence[Offer]) -> list[Offer]:
    """Without what is nearly the same as one that stays before it."""
    seen: set[int] = set()
    kept = []
    for offer in ranked:
        if not offer.twins & seen:
            kept.append(offer)
            seen.add(offer.paper)
    return kept


def _balanced(rest: Sequence[Offer], places: int, share: int, held: Counter[int | None]) -> list[Offer]:
    """In order, those within their interest's share; free places go to the others; counts what is taken in `held`.

    held: papers that each interest has already.
    """
    within: list[int] = []
    over: list[int] = []
    counted = Counter(held)
    for place, offer in enumerate(rest):
        interest = offer.best()[0]
        (over if counted[interest] >= share else within).append(place)
        counted[interest] += 1
    taken = [rest[place] for place in sorted((within + over)[:places])]
    held.update(offer.best()[0] for offer in taken)
    return taken


def _pick(offer: Offer) -> Pick:
    interest, hit = offer.best()
    return Pick(offer.candidate, offer.paper, interest, hit.reason)
