"""Queries of one shape, answered together: the joins of `nodes` and `score` done on arrays, a row an interest or a hit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from newsletter.matching import score
from newsletter.matching.compiled import Step
from newsletter.matching.postings import Bits, Ints, Postings, Reals


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a part of the query says of each hit. Weight 0: it says nothing. Only where it holds do value and weight count."""

    holds: NDArray[np.bool_]
    value: Reals
    weight: Reals


@dataclass(frozen=True, slots=True)
class Shape:
    """How leaves are joined; see `compiled`."""

    steps: tuple[Step, ...]

    def matched(self, rows: Ints, postings: Postings) -> Bits:
        """rows[interest, leaf] -> the papers of each interest, as bits."""
        stack: list[Bits] = []
        leaves = iter(range(rows.shape[1]))
        for kind, size in self.steps:
            if kind == ".":
                stack.append(postings.bits[rows[:, next(leaves)]])
            elif kind == "!":
                stack.append(postings.everything & ~stack.pop())
            else:
                if kind == "+":
                    stack.pop()
                join = np.bitwise_or if kind == "|" else np.bitwise_and
                stack[-size:] = [join.reduce(stack[-size:])]
        return stack[0]

    def relevance(self, rows: Ints, weights: Reals, papers: Ints, postings: Postings) -> Reals:
        """rows[hit, leaf] and weights[hit, leaf] of the hit's interest, papers[hit] -> `score.Match.relevance`."""
        stack: list[Evidence] = []
        leaves = iter(range(rows.shape[1]))
        for kind, size in self.steps:
            if kind == ".":
                at = next(leaves)
                stack.append(_leaf(rows[:, at], weights[:, at], papers, postings))
            elif kind == "!":
                holds = ~stack.pop().holds
                stack.append(Evidence(holds, *np.zeros((2, len(holds)))))
            else:
                phrase = stack.pop() if kind == "+" else None
                parts = stack[-size:]
                stack[-size:] = [_or(parts) if kind == "|" else _and(parts, phrase)]
        result = score.fit(stack[0].value, stack[0].weight)
        return np.where(stack[0].weight > 0, result, score.NO_EVIDENCE)

    def speaking(self, holds: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """holds[hit, leaf] -> the leaves that are evidence for the hit, as `score` collects them."""
        speaks = holds.copy()
        stack: list[tuple[NDArray[np.bool_], list[int]]] = []
        leaves = iter(range(holds.shape[1]))
        for kind, size in self.steps:
            if kind == ".":
                at = next(leaves)
                stack.append((holds[:, at], [at]))
                continue
            if kind in "!+":
                held, mute = stack.pop()
                speaks[:, mute] = False
            if kind == "!":
                stack.append((~held, []))
                continue
            parts = stack[-size:]
            if kind == "|":
                for held, some in parts:
                    speaks[:, some] &= held[:, None]
            join = np.logical_or if kind == "|" else np.logical_and
            stack[-size:] = [(join.reduce([held for held, _ in parts]), [at for _, some in parts for at in some])]
        return speaks


def _leaf(rows: Ints, weights: Reals, papers: Ints, postings: Postings) -> Evidence:
    holds, places = postings.found(rows, papers)
    value = postings.hits.value[places] if len(postings.hits.value) else np.zeros(len(places))
    return Evidence(holds, np.where(holds, value, 0.0), np.where(holds, weights, 0.0))


def _or(parts: Sequence[Evidence]) -> Evidence:
    holds = np.logical_or.reduce([part.holds for part in parts])
    value = score.any_of(np.where(part.holds, part.value * part.weight, 0.0) for part in parts)
    says = np.logical_or.reduce([part.holds & (part.weight > 0) for part in parts])
    return Evidence(holds, value, says.astype(np.float64))


def _and(parts: Sequence[Evidence], phrase: Evidence | None) -> Evidence:
    holds = np.logical_and.reduce([part.holds for part in parts])
    weights = score.total(part.weight for part in parts)
    value = score.total(part.value * part.weight for part in parts) / np.where(weights > 0, weights, 1.0)
    weight = np.maximum.reduce([part.weight for part in parts])
    if phrase is not None:
        weight = np.where(phrase.holds, score.raised(weight, phrase.weight), weight)
    return Evidence(holds, value, weight)
