"""Many interests over one day's papers: what `Query.matches`, `score.score` and `score.reason` answer, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from newsletter.matching.compiled import SEPARATOR, is_current, steps, weight
from newsletter.matching.document import Document
from newsletter.matching.index import Index
from newsletter.matching.postings import Ints, columns
from newsletter.matching.reasons import Reasons
from newsletter.matching.scan import Scan
from newsletter.matching.shapes import Shape

_CELLS = 1 << 23  # interests x papers looked at in one go: 8 MB of them


class Library:
    """The papers on offer, indexed once; a paper is called by its place (column) among the documents."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self._index = Index(documents)

    def answers(self, compiled: Sequence[str]) -> Answers:
        """compiled: one an interest. Raises ValueError for one that is not current (`compiled.is_current`)."""
        return Answers(self._index, compiled)


@dataclass(frozen=True, slots=True)
class _Group:
    """Interests of one shape: members[n], and the leaves of each, leaves[n, leaf]."""

    shape: Shape
    members: Ints
    leaves: Ints


class Answers:
    """Hits by interest: those of interest i are [starts[i], starts[i + 1]) of papers (columns of the library) and relevance.

    Papers of one interest rise. relevance: `score.Match.relevance`, to the last bit.
    """

    starts: NDArray[np.int64]
    papers: NDArray[np.int32]
    relevance: NDArray[np.float64]

    def __init__(self, index: Index | Scan, compiled: Sequence[str], told: Sequence[Document] | None = None) -> None:
        """told: the documents that reasons are worded by, where the index has others."""
        leaves, self._groups = _grouped(compiled)
        self._postings, self._rows = index.postings(leaves)
        found = self._rows < len(self._postings.bits) - 1
        self._weights = np.array([weight(text) if hit else 0.0 for text, hit in zip(leaves, found.tolist(), strict=True)])
        self._answer(len(compiled))
        self._reasons = Reasons(index.documents if told is None else told, leaves, self._rows, self._weights, self._postings)
        self._of = np.empty((len(compiled), 2), np.int32)
        for at, group in enumerate(self._groups):
            self._of[group.members, 0] = at
            self._of[group.members, 1] = np.arange(len(group.members))

    def reasons(self, interests: Sequence[int] | Ints, papers: Sequence[int] | Ints, names: Sequence[str]) -> list[str]:
        """`score.reason` of each of these hits; names: each interest's, as there. Far cheaper than one by one."""
        of, columns_ = self._of[np.asarray(interests, np.int64)], np.asarray(papers, np.int64)
        result = np.empty(len(of), object)
        named = np.array([*names, ""], object)[:-1]
        order = np.argsort(of[:, 0], kind="stable")
        bounds = np.searchsorted(of[order, 0], np.arange(len(self._groups) + 1))
        for at in np.flatnonzero(np.diff(bounds)).tolist():
            chosen = order[bounds[at] : bounds[at + 1]]
            group = self._groups[at]
            leaves = group.leaves[of[chosen, 1]]
            result[chosen] = self._reasons.reasons(group.shape, leaves, columns_[chosen], named[chosen].tolist())
        return list(result)

    def reason(self, interest: int, paper: int, name: str) -> str:
        """Of one hit; for many use `reasons`."""
        return self.reasons([interest], [paper], [name])[0]

    def _answer(self, interests: int) -> None:
        bits = np.zeros((interests, self._postings.words), np.uint64)
        for group in self._groups:
            bits[group.members] = group.shape.matched(self._rows[group.leaves], self._postings)
        self.starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bitwise_count(bits).sum(axis=1, dtype=np.int64))])
        self.papers = np.empty(self.starts[-1], np.int32)
        self.relevance = np.empty(self.starts[-1], np.float64)
        size = max(1, _CELLS // (64 * self._postings.words))
        for group in self._groups:
            some = np.flatnonzero(bits[group.members].any(axis=1))
            for start in range(0, len(some), size):
                chosen = some[start : start + size]
                self._weigh(_Group(group.shape, group.members[chosen], group.leaves[chosen]), bits)

    def _weigh(self, group: _Group, bits: NDArray[np.uint64]) -> None:
        member, paper = columns(bits[group.members], self._postings.papers)
        # Hits come by member and paper: each one's place is its member's start and how many came before it.
        before = np.searchsorted(member, np.arange(len(group.members)))
        place = self.starts[group.members][member] + np.arange(len(member)) - before[member]
        leaves = group.leaves[member]
        self.papers[place] = paper
        self.relevance[place] = group.shape.relevance(self._rows[leaves], self._weights[leaves], paper, self._postings)


def _grouped(compiled: Sequence[str]) -> tuple[list[str], list[_Group]]:
    """The distinct leaves, and the interests by their shape."""
    members: dict[str, list[int]] = {}
    written: dict[str, list[str]] = {}
    for at, text in enumerate(compiled):
        head, _, leaves = text.partition(SEPARATOR)
        members.setdefault(head, []).append(at)
        written.setdefault(head, []).append(leaves)
    numbers: dict[str, int] = {}
    groups = []
    for head, each in members.items():
        if not is_current(head):
            raise ValueError(f"compiled by another version: {compiled[each[0]][:60]!r}")
        flat = SEPARATOR.join(written[head]).split(SEPARATOR)
        matrix = np.array([numbers.setdefault(leaf, len(numbers)) for leaf in flat], np.int64).reshape(len(each), -1)
        groups.append(_Group(Shape(steps(head)), np.array(each, np.int64), matrix))
    return list(numbers), groups
