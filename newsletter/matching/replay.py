"""A recorded day in three orders: ours, plain votes, Hacker News' formula; and how much they agree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from newsletter.matching.trend import THRESHOLD, Signals, Trend, Weights, trend

HEAD = 10  # the length of a digest, by default


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A paper of the day; places from 1 in each order."""

    title: str
    signals: Signals
    trend: Trend
    ours: int
    votes: int
    hacker_news: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """With ours. tau: Kendall's tau-b, -1 to 1, None when an order ranks all papers alike; shared: of the first `head`."""

    tau: float | None
    shared: int
    head: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """lines: in our order. trending: how many reach the threshold."""

    lines: tuple[Line, ...]
    with_votes: Agreement
    with_hacker_news: Agreement
    trending: int


def replay(papers: Sequence[tuple[str, Signals]], weights: Weights) -> Day:
    """(title, signals) as the day lists them: who comes first there comes first among equals."""
    found = [trend(signals, weights) for _, signals in papers]
    ours = [one.total for one in found]
    votes = [float(signals.upvotes or 0) for _, signals in papers]
    points = [hacker_news(signals.upvotes, signals.age_days) for _, signals in papers]
    place_of = [_places(scores) for scores in (ours, votes, points)]
    lines = [
        Line(title=title, signals=signals, trend=found[i], ours=place_of[0][i], votes=place_of[1][i], hacker_news=place_of[2][i])
        for i, (title, signals) in enumerate(papers)
    ]
    return Day(
        lines=tuple(sorted(lines, key=lambda line: line.ours)),
        with_votes=_agreement(ours, votes),
        with_hacker_news=_agreement(ours, points),
        trending=sum(one >= THRESHOLD for one in ours),
    )


def hacker_news(votes: int | None, age_days: float | None) -> float:
    """(p - 1) / (t + 2)^1.8, t in hours; below its own vote a paper has nothing. Source: news.arc of Arc 3.1."""
    hours = (age_days or 0.0) * 24
    gravity: float = (hours + 2) ** 1.8
    return max((votes or 0) - 1, 0) / gravity


def kendall(left: Sequence[float], right: Sequence[float]) -> float | None:
    """Tau-b, which ties do not inflate; None when either side has only ties."""
    one, other = np.array(left, np.float64), np.array(right, np.float64)
    both, ties_left, ties_right, pairs = 0, 0, 0, len(left) * (len(left) - 1) // 2
    for i in range(1, len(left)):
        before, after = np.sign(one[:i] - one[i]), np.sign(other[:i] - other[i])
        both += int(before @ after)
        ties_left += i - int(np.count_nonzero(before))
        ties_right += i - int(np.count_nonzero(after))
    if pairs in (ties_left, ties_right):
        return None
    return both / sqrt((pairs - ties_left) * (pairs - ties_right))


def _agreement(ours: Sequence[float], other: Sequence[float]) -> Agreement:
    head = min(HEAD, len(ours))
    first = [{i for i, place in _places(scores).items() if place <= head} for scores in (ours, other)]
    return Agreement(tau=kendall(ours, other), shared=len(first[0] & first[1]), head=head)


def _places(scores: Sequence[float]) -> Mapping[int, int]:
    return {i: place for place, i in enumerate(sorted(range(len(scores)), key=lambda i: (-scores[i], i)), 1)}
