"""Lists of different lengths in one array, and which of many are equal. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Ragged:
    """List i is values[starts[i]:starts[i + 1]]."""

    starts: Ints
    values: Ints

    @classmethod
    def of(cls, places: Ints, values: Ints, count: int) -> Ragged:
        """`count` lists from (place, value) pairs in the order of their places."""
        starts = np.zeros(count + 1, np.int64)
        np.cumsum(np.bincount(places, minlength=count), out=starts[1:])
        return cls(starts, values)

    @property
    def lengths(self) -> Ints:
        return np.diff(self.starts)

    def take(self, places: Ints) -> Ragged:
        """Lists by their places, in that order."""
        lengths = self.lengths[places]
        starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
        return Ragged(starts, self.values[spans(self.starts[places], lengths)])

    def plus(self, number: int) -> Ragged:
        return Ragged(self.starts, self.values + number)

    def within(self) -> Ints:
        """For each value its place in its list."""
        return np.arange(len(self.values)) - np.repeat(self.starts[:-1], self.lengths)

    def places(self) -> Ints:
        """For each value the number of its list."""
        return np.repeat(np.arange(len(self.starts) - 1), self.lengths)


def side_by_side(parts: Sequence[Ragged]) -> Ragged:
    """List i of the first, then list i of the second, and so on."""
    if len(parts) == 1:
        return parts[0]
    places = np.concatenate([part.places() for part in parts])
    order = np.argsort(places, kind="stable")
    return Ragged.of(places[order], np.concatenate([part.values for part in parts])[order], len(parts[0].starts) - 1)


def spans(starts: Ints, lengths: Ints) -> Ints:
    """The indices of all spans, one after another: starts[0], starts[0] + 1, ..."""
    before = np.cumsum(lengths) - lengths
    return np.repeat(starts - before, lengths) + np.arange(int(lengths.sum()))


def numbered(values: Ints) -> tuple[Ints, Ints]:
    """The distinct values in order, and for each value its number among them. values: >= 0, small (ids, numbers of lists).

    `np.unique` sorts; a table of all numbers up to the largest needs no order.
    """
    present = np.zeros(int(values.max(initial=-1)) + 1, np.bool_)
    present[values] = True
    return np.flatnonzero(present), (np.cumsum(present) - 1)[values]


def distinct(columns: Sequence[Ints], lists: Sequence[Ragged]) -> tuple[Ints, Ints]:
    """(first, of): the places where something new stands, and for every place the number of the first like it.

    Equal means: equal in every column and list. Compared by a 64-bit hash, then in full; should two differ under one
    hash (for a million places a chance of 1 in 30 million), nothing is taken for equal.
    """
    key = np.zeros(len(columns[0]) if columns else len(lists[0].starts) - 1, np.uint64)
    for column in columns:
        key = _mixed(key ^ column.astype(np.uint64))
    shapes = {id(ragged.starts): ragged for ragged in lists}  # columns of the same lists share their starts
    places = {shape: ragged.within().astype(np.uint64) for shape, ragged in shapes.items()}
    for ragged in lists:
        total = np.zeros(len(ragged.values) + 1, np.uint64)
        np.cumsum(_mixed(ragged.values.astype(np.uint64) * _ODD + places[id(ragged.starts)]), out=total[1:])
        key = _mixed(key ^ (total[ragged.starts[1:]] - total[ragged.starts[:-1]]))
    _, first, of = np.unique(key, return_index=True, return_inverse=True)
    more = np.flatnonzero(first[of] != np.arange(len(key)))
    like = first[of[more]]
    same = all(np.array_equal(column[more], column[like]) for column in columns) and all(
        _equal(ragged.starts, [each.values for each in lists if each.starts is ragged.starts], more, like)
        for ragged in shapes.values()
    )
    return (first, of) if same else (np.arange(len(key)), np.arange(len(key)))


def _equal(starts: Ints, columns: Sequence[Ints], some: Ints, others: Ints) -> bool:
    """Whether these lists, pair by pair, are equal in all columns."""
    lengths = starts[some + 1] - starts[some]
    if not np.array_equal(lengths, starts[others + 1] - starts[others]):
        return False
    left, right = spans(starts[some], lengths), spans(starts[others], lengths)
    return all(np.array_equal(column[left], column[right]) for column in columns)


_ODD = np.uint64(0x9E3779B97F4A7C15)
_AT_ONCE = 1 << 15  # numbers that a cache holds through all steps


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Source: the finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    result = np.empty_like(values)
    for start in range(0, len(values), _AT_ONCE):
        some = values[start : start + _AT_ONCE] + _ODD
        some ^= some >> np.uint64(30)
        some *= np.uint64(0xBF58476D1CE4E5B9)
        some ^= some >> np.uint64(27)
        some *= np.uint64(0x94D049BB133111EB)
        some ^= some >> np.uint64(31)
        result[start : start + _AT_ONCE] = some
    return result
