"""`choose` for a whole wave at once: the same promises, kept with sorted integers instead of a loop over readers. Pure.

Every hit is one integer: pinned, new or late, then its place in the order of worth. A block of rows is a matrix of those,
a column a paper: the smallest of a paper's is its best hit, and a row sorted is the order of `choose`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from newsletter.editions.choose import MOST_PINS
from newsletter.editions.ragged import Ragged, numbered, spans

Ints = NDArray[np.int64]
Keys = NDArray[np.int32]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

PINNED, NEW, LATE = 0, 1, 2
NOBODY = -1  # the interest of a pin to everyone
EMPTY = np.int32(2**31 - 1)
_CELLS = 1 << 20  # of one block: 4 MB, which a cache holds
_LOOKED_AT = 3  # times the limit: so many lines nearly always hold enough within their share


@dataclass(frozen=True)
class Columns:
    """The papers on offer as candidates show them. Row r sees column c if since[c] <= after[r] < until[c].

    paper: from 0, any dense numbering; a paper may have several columns. late: a look-back. pinned: to rows whose `after`
    is below it (0: to none). everyone: that pin shows it even where no interest matches.
    """

    paper: Ints
    candidate: Ints
    trend: Floats
    late: Bools
    since: Ints
    until: Ints
    pinned: Ints
    everyone: Bools


@dataclass(frozen=True)
class Hits:
    """What each question (an interest and a shelf) matches: question q has the hits [starts[q], starts[q + 1])."""

    starts: Ints
    column: Ints
    interest: Ints
    relevance: Floats


@dataclass(frozen=True)
class Rows:
    """What each row asks, the columns it must not get, and how many places it has (3 to 25)."""

    after: Ints
    limit: Ints
    questions: Ragged
    barred: Ragged


@dataclass(frozen=True)
class Chosen:
    """Row r's picks are [starts[r], starts[r + 1]), in order; more[r]: matching new papers that were cut."""

    starts: Ints
    column: Ints
    interest: Ints
    more: Ints


@dataclass(frozen=True)
class Table:
    """Columns, their hits and pairs of near-duplicates (papers[0, n] and papers[1, n] are alike)."""

    columns: Columns
    hits: Hits
    twins: Ints

    @cached_property
    def everyone(self) -> Ints:
        return np.flatnonzero(self.columns.everyone)

    @cached_property
    def column(self) -> Ints:
        """Of each hit; behind those of the questions stands one for each pin to everyone."""
        return np.concatenate((self.hits.column, self.everyone))

    @cached_property
    def interest(self) -> Ints:
        return np.concatenate((self.hits.interest, np.full(len(self.everyone), NOBODY)))

    @cached_property
    def by_worth(self) -> Ints:
        """Hit numbers, best first, as `choose` ranks them; one paper's hits in the order of `Offer.best`."""
        relevance = np.concatenate((self.hits.relevance, np.zeros(len(self.everyone))))
        worth = relevance * (1.0 + self.columns.trend[self.column])
        named = np.where(self.interest == NOBODY, np.iinfo(np.int64).max, self.interest)
        return np.lexsort((named, -relevance, self.columns.candidate[self.column], -worth)).astype(np.int64)

    @cached_property
    def keys(self) -> Keys:
        """Of each hit: its kind where nothing is pinned, then its place."""
        keys = np.empty(len(self.column), np.int32)
        keys[self.by_worth] = np.arange(len(keys))
        return keys + np.where(self.columns.late[self.column], LATE, NEW).astype(np.int32) * np.int32(len(keys))

    @cached_property
    def kin(self) -> Keys:
        """By place: the interests, numbered from 0."""
        return np.unique(self.interest, return_inverse=True)[1].astype(np.int32)[self.by_worth]

    @cached_property
    def nobody(self) -> Bools:
        """By place: whether it is a pin to everyone."""
        return np.equal(self.interest[self.by_worth], NOBODY)

    @cached_property
    def by_paper(self) -> Ints:
        return np.argsort(self.columns.paper, kind="stable")

    @cached_property
    def papers(self) -> Ints:
        """Where each paper begins in the columns by paper."""
        return np.flatnonzero(np.diff(self.columns.paper[self.by_paper], prepend=-1))

    @cached_property
    def pinned(self) -> Ints:
        """The papers that are pinned to some row."""
        return np.unique(self.columns.paper[self.columns.pinned > 0])


def choose_many(table: Table, rows: Rows) -> Chosen:
    """The choice of every row."""
    asked = rows.questions.lengths
    chosen = np.full((len(rows.limit), int(rows.limit.max(initial=0))), EMPTY, np.int32)
    more = np.zeros(len(rows.limit), np.int64)
    size = max(1, _CELLS // max(1, len(table.columns.paper)))
    for who in _blocks(rows.limit, asked, size) if len(table.column) else ():
        cells = _cells(table, rows, who)
        new = _matching(table, cells)
        _collapse(cells, table.twins)
        cells.sort(axis=1)
        _take(table, cells, int(rows.limit[who[0]]), who, asked[who] > 1, chosen)
        more[who] = new - _new(table, chosen[who])
    shown = chosen != EMPTY
    starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(shown.sum(axis=1))))
    hit = table.by_worth[chosen[shown] % max(1, len(table.column))]
    return Chosen(starts, table.column[hit], table.interest[hit], more)


def _blocks(limits: Ints, asked: Ints, size: int) -> Iterator[Ints]:
    """Rows of one limit, at most `size` at a time, those with most questions first."""
    order = np.lexsort((-asked, limits))
    edges = [0, *(np.flatnonzero(np.diff(limits[order])) + 1).tolist(), len(order)]
    for start, end in pairwise(edges):
        for at in range(start, end, size):
            yield order[at : min(at + size, end)]


def _cells(table: Table, rows: Rows, who: Ints) -> Keys:
    """The key of the best hit of each of these rows (most questions first) and each paper."""
    asked = rows.questions.take(who)
    questions, which = numbered(asked.values)
    keys = _keys(table, questions)
    cells = np.full((len(who), len(table.columns.paper)), EMPTY, np.int32)
    for number in range(int(asked.lengths.max(initial=0))):
        some = cells[: np.count_nonzero(asked.lengths > number)]
        np.minimum(some, keys[which[asked.starts[: len(some)] + number]], out=some)
    after = rows.after[who]
    _pin(table, cells, after)
    since, until = table.columns.since, table.columns.until
    if (since > after.min()).any() or (until <= after.max()).any():
        cells[(since > after[:, None]) | (until <= after[:, None])] = EMPTY
    barred = rows.barred.take(who)
    cells[barred.places(), barred.values] = EMPTY
    if len(table.papers) == len(table.columns.paper):
        return cells[:, table.by_paper] if (np.diff(table.columns.paper) < 0).any() else cells
    return np.minimum.reduceat(cells[:, table.by_paper], table.papers, axis=1)


def _keys(table: Table, questions: Ints) -> Keys:
    """A matrix: the key of each question's hit in each column, or EMPTY."""
    keys = np.full((len(questions), len(table.columns.paper)), EMPTY, np.int32)
    starts = table.hits.starts[questions]
    lengths = table.hits.starts[questions + 1] - starts
    hit = spans(starts, lengths)
    keys[np.repeat(np.arange(len(questions)), lengths), table.hits.column[hit]] = table.keys[hit]
    return keys


def _pin(table: Table, cells: Keys, after: Ints) -> None:
    """Move what the rows see pinned to the front; where nothing matches, the pin to everyone stands for itself."""
    hits = len(table.column)
    alone = dict(zip(table.everyone.tolist(), table.keys[len(table.hits.column) :].tolist(), strict=True))
    for column in np.flatnonzero(table.columns.pinned).tolist():
        here = cells[:, column]
        here[here == EMPTY] = alone.get(column, EMPTY)
        seen = table.columns.pinned[column] > after
        here[seen & (here != EMPTY)] -= NEW * hits
        here[~seen & (here == alone.get(column, EMPTY))] = EMPTY


def _matching(table: Table, cells: Keys) -> Ints:
    """How many new papers match each row. Rows that match nothing are emptied: a pin alone is no reason to write."""
    new = _new(table, cells)
    if not len(table.everyone):
        return new
    late = ((cells >= LATE * len(table.column)) & (cells != EMPTY)).any(axis=1)
    cells[(new == 0) & ~late] = EMPTY
    pins = cells[:, table.pinned]
    first = np.sort(pins, axis=1)[:, :MOST_PINS]
    held = pins < len(table.column)
    beyond = held & table.nobody[np.where(held, pins, 0)] & (pins > first[:, -1:])
    pins[beyond] = EMPTY
    cells[:, table.pinned] = pins
    return new


def _new(table: Table, cells: Keys) -> Ints:
    """How many of each row's keys are of matching new papers."""
    hits = len(table.column)
    new = cells < LATE * hits
    if len(table.everyone):
        held = cells < hits
        new[held] = ~table.nobody[cells[held]]
    return np.asarray(np.count_nonzero(new, axis=1), np.int64)


def _collapse(cells: Keys, twins: Ints) -> None:
    """Empty what is nearly the same as a paper that stays and stands before it in its row."""
    left, right = twins
    row, pair = np.nonzero((cells[:, left] != EMPTY) & (cells[:, right] != EMPTY)) if len(left) else (left, left)
    if not len(row):
        return
    flat, width = cells.reshape(-1), cells.shape[1]
    one, other = row * width + left[pair], row * width + right[pair]
    ahead = flat[one] < flat[other]
    first, second = np.where(ahead, one, other), np.where(ahead, other, one)
    dropped, known = np.zeros(cells.size, np.bool_), -1
    while (count := int(np.count_nonzero(dropped))) != known:  # settles the rows from their fronts
        known = count
        stays = np.ones(cells.size, np.bool_)
        stays[second[~dropped[first]]] = False
        dropped[second[stays[first]]] = True
    flat[dropped] = EMPTY


def _take(table: Table, cells: Keys, limit: int, who: Ints, several: Bools, chosen: Keys) -> None:
    """Fill the places of these rows, whose keys are sorted: the first of a row unless an interest is above its share there.

    several: rows with more than one question; in the others there is nobody to share with.
    """
    head = cells[:, :limit]
    chosen[who, : head.shape[1]] = head
    if cells.shape[1] <= limit:
        return
    long = np.flatnonzero((cells[:, limit] != EMPTY) & several)
    share = -(-limit // 2)
    kin = np.sort(table.kin[head[long] % len(table.column)], axis=1)
    long = long[(kin[:, share:] == kin[:, :-share]).any(axis=1)]
    for width in (_LOOKED_AT * limit, cells.shape[1]):
        taken, sure = _balanced(table, cells[long, :width], limit)
        chosen[who[long], :limit] = taken
        if width >= cells.shape[1]:
            break
        long = long[~sure]


def _balanced(table: Table, lines: Keys, limit: int) -> tuple[Keys, Bools]:
    """What gets a place of more lines than places: pins, then those within their interest's share, then over it; late last.

    Also whether it is sure: whatever comes behind these lines, the choice stays.
    """
    hits, bits = len(table.column), int(lines.shape[1]).bit_length()
    kind: Any = np.int32 if (hits + 1) << bits < EMPTY else np.int64
    order = np.where(lines == EMPTY, kind(hits), table.kin[lines % hits].astype(kind)) << kind(bits)
    order |= np.arange(lines.shape[1], dtype=kind)
    order.sort(axis=1)
    share = -(-limit // 2)
    over = np.zeros(lines.shape, np.bool_)
    over[:, share:] = order[:, share:] >> bits == order[:, :-share] >> bits
    at = order & (1 << bits) - 1
    key = np.take_along_axis(lines, at, axis=1)
    over &= (key >= hits) | (at >= MOST_PINS)
    tier = over + np.where(key == EMPTY, kind(4), (key >= LATE * hits) * kind(2))
    ranked = tier << kind(bits) | at
    ranked.sort(axis=1)
    ranked = ranked[:, :limit]
    sure = (ranked[:, -1] >> bits == 0) | (lines[:, -1] == EMPTY)
    return np.take_along_axis(lines, np.sort(ranked & (1 << bits) - 1, axis=1), axis=1), sure
