"""Which papers each leaf is found in, and how well: rows of hits as arrays, and the same rows as bits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from newsletter.matching import score
from newsletter.matching.document import TEXT_FIELDS, Document

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Bits = NDArray[np.uint64]
FACETS = ("author", "org", "source", "category", "code", "project", "trending", "upvotes", "stars", "comments", "age")
FIELDS = (*TEXT_FIELDS, *FACETS)
WORD_FIELDS = FIELDS.index("category")  # the fields before it hold words: `score.said` prefers them


@dataclass(frozen=True, slots=True)
class Hits:
    """One entry a hit, by row and paper (its column). field: a number in FIELDS; strength: before the leaf's weight."""

    row: Ints
    paper: Ints
    value: Reals
    field: NDArray[np.int8]
    strength: Reals

    @classmethod
    def joined(cls, parts: Sequence[Hits]) -> Hits:
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__))

    @classmethod
    def of_rows(cls, each: Sequence[Hits]) -> Hits:
        """Row n has the hits of each[n], whatever their row was."""
        if not each:
            return cls.joined([NO_HITS])
        every = cls.joined(each)
        return replace(every, row=np.repeat(np.arange(len(each)), [len(hits.row) for hits in each]))

    def by_row(self, rows: int) -> list[Hits]:
        """Of rows 0 ... rows - 1 in this order; these stand so."""
        bounds = np.searchsorted(self.row, np.arange(rows + 1)).tolist()
        return [self._at(slice(*span)) for span in pairwise(bounds)]

    def of(self, rows: NDArray[np.bool_]) -> Hits:
        """Those of the rows that are marked."""
        return self._at(rows[self.row])

    def numbered(self, numbers: Ints) -> Hits:
        """Each row's number instead of the row."""
        return Hits(numbers[self.row], self.paper, self.value, self.field, self.strength)

    def sorted(self) -> Hits:
        return self._at(np.argsort(self.row, kind="stable"))

    def _at(self, which: Ints | NDArray[np.bool_] | slice) -> Hits:
        return Hits(*(getattr(self, name)[which] for name in self.__slots__))


_NONE = np.zeros(0, np.int64)
NO_HITS = Hits(_NONE, _NONE, np.zeros(0), np.zeros(0, np.int8), np.zeros(0))


def text_hits(row: Ints, paper: Ints, times: Ints, lengths: Reals) -> Hits:
    """times[hit, field]: how often in each of TEXT_FIELDS, 0 where the leaf does not look; lengths[paper, field], in terms.

    Those found nowhere are left out.
    """
    some = times.any(axis=1)
    row, paper, times = row[some], paper[some], times[some]
    strengths = np.empty(times.shape)
    for at, field in enumerate(TEXT_FIELDS):
        strengths[:, at] = score.strength(times[:, at], lengths[paper, at], field)
    best = strengths.argmax(axis=1)
    value = score.any_of(strengths[:, at] for at in range(len(TEXT_FIELDS)))
    return Hits(row, paper, value, best.astype(np.int8), strengths[np.arange(len(best)), best])


def facet_hits(row: int, field: str, papers: Sequence[int], documents: Sequence[Document]) -> Hits:
    """A leaf that is no Text."""
    value = np.array([score.facet_value(field, documents[paper]) for paper in papers], np.float64)
    field_number = np.full(len(papers), FIELDS.index(field), np.int8)
    return Hits(np.full(len(papers), row, np.int64), np.array(papers, np.int64), value, field_number, value)


class Postings:
    """Hits of rows 0 ... rows - 1, found by (row, paper) in constant time. hits: sorted by row, then paper."""

    def __init__(self, hits: Hits, rows: int, papers: int) -> None:
        self.hits = hits
        self.papers = papers
        self.words = max(1, -(-papers // 64))
        self.bits: Bits = np.zeros((rows, self.words), np.uint64)
        place = hits.row * self.words + (hits.paper >> 6)
        np.bitwise_or.at(self.bits.reshape(-1), place, np.uint64(1) << (hits.paper & 63).astype(np.uint64))
        counts = np.bitwise_count(self.bits).astype(np.int64).reshape(-1)
        # Where each word of 64 papers begins among the hits: rows and papers rise there as they do here.
        self._begins: Ints = np.cumsum(counts) - counts

    def found(self, row: Ints, paper: Ints) -> tuple[NDArray[np.bool_], Ints]:
        """Which of these pairs are hits, and where they stand in `hits` (only then; else some place)."""
        place = row * self.words + (paper >> 6)
        bit = (paper & 63).astype(np.uint64)
        word = self.bits.reshape(-1)[place]
        before = np.bitwise_count(word & ((np.uint64(1) << bit) - np.uint64(1)))
        holds = (word >> bit) & np.uint64(1) != 0
        return holds, np.where(holds, self._begins[place] + before, 0)

    def place(self, row: int, paper: int) -> int:
        """Of a hit in `hits`."""
        at, bit = row * self.words + (paper >> 6), paper & 63
        return int(self._begins[at]) + (int(self.bits[row, paper >> 6]) & ((1 << bit) - 1)).bit_count()

    @cached_property
    def everything(self) -> Bits:
        """The row of a leaf that holds for every paper."""
        return np.array([(1 << min(64, self.papers - 64 * at)) - 1 for at in range(self.words)], np.uint64)


def columns(bits: Bits, papers: int) -> tuple[Ints, Ints]:
    """Rows of bits -> (row, paper) of each that is set, sorted."""
    every = np.unpackbits(bits.astype("<u8").view(np.uint8), axis=1, count=papers, bitorder="little")
    return np.nonzero(every)  # type: ignore[return-value]


def set_bits(mask: int) -> Iterable[int]:
    """The numbers of the bits set in an integer, rising."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low
