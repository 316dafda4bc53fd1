"""A few interests over many papers: their leaves are looked up in the papers' lines, and no other word is read.

Gives `crowd.Answers` the same postings as `index.Index`, which pays when most words of the papers are asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from newsletter.matching.compiled import leaf as leaf_of
from newsletter.matching.document import TEXT_FIELDS, Document
from newsletter.matching.nodes import Flag, Leaf, Number, Text
from newsletter.matching.postings import Hits, Ints, Postings, Reals, facet_hits, text_hits
from newsletter.matching.score import SCOPES, facet

MOST_KEPT = 500_000  # hits of leaves asked before, 33 bytes each
FEW = 16  # terms that are searched for; for more of them each line is cut into its terms first


@dataclass(frozen=True)
class Scan:
    """Papers by column. lines, surfaces: by TEXT_FIELDS, then paper, as in a View; lengths[paper, field], in terms.

    documents: read for names and categories, and for reasons. facts: what has a Document's attributes for flags and numbers;
    ages: the same for age, called where a leaf asks for it. surfaces: called where a leaf is a prefix. What a leaf finds is
    kept: threads may share it. lasting: many questions are to come, so that after FEW leaves every term is looked up for good.
    narrow: the papers that may have these terms, rising; None: nobody knows.
    """

    documents: Sequence[Document]
    facts: Sequence[Any]
    lines: Sequence[Sequence[str]]
    surfaces: Callable[[], Sequence[Sequence[str]]]
    lengths: Reals
    ages: Callable[[], Sequence[Any]]
    lasting: bool = False
    narrow: Callable[[Text], Sequence[int] | None] = lambda _leaf: None

    def postings(self, leaves: Sequence[str]) -> tuple[Postings, Ints]:
        """leaves: as compiled. Their hits, and each one's row of them; the last row has none."""
        known = {text: hits for text in leaves if (hits := self._known.get(text)) is not None}
        known |= self._asked([text for text in dict.fromkeys(leaves) if text not in known])
        hits, nowhere = Hits.of_rows([known[text] for text in leaves]), len(leaves)
        rows = np.full(len(leaves), nowhere)
        rows[hits.row] = hits.row
        return Postings(hits, nowhere + 1, len(self.documents)), rows

    def _asked(self, leaves: Sequence[str]) -> dict[str, Hits]:
        """Of leaves that are asked for the first time; kept, as long as there is room."""
        read = [leaf_of(text) for text in leaves]
        found = self._text_hits([(row, leaf) for row, leaf in enumerate(read) if isinstance(leaf, Text)]).by_row(len(read))
        for row, leaf in enumerate(read):
            if not isinstance(leaf, Text):
                asked = self._telling(leaf)
                papers = [paper for paper, document in enumerate(asked) if leaf.holds(document)]
                found[row] = facet_hits(row, facet(leaf)[0], papers, asked)
        hits = dict(zip(leaves, found, strict=True))
        if sum(len(each.row) for each in (*self._known.values(), *found)) <= MOST_KEPT:
            self._known.update(hits)
        return hits

    def _telling(self, leaf: Leaf) -> Sequence[Any]:
        """What knows whether it holds."""
        if not isinstance(leaf, Flag | Number):
            return self.documents
        return self.ages() if leaf.name == "age" else self.facts

    @cached_property
    def _known(self) -> dict[str, Hits]:
        return {}

    def _text_hits(self, texts: Sequence[tuple[int, Text]]) -> Hits:
        rows: list[Ints] = [np.zeros(0, np.int64)]
        papers: list[Ints] = [np.zeros(0, np.int64)]
        times: list[Ints] = [np.zeros((0, len(TEXT_FIELDS)), np.int64)]
        having = self._having(frozenset(term for _, leaf in texts if _is_terms(leaf) for term in leaf.terms))
        for row, leaf in texts:
            some: Any = None
            if _is_terms(leaf):
                some = self.narrow(leaf) if having is None else _fewest(having.get(term, ()) for term in leaf.terms)
            if some is None:
                some, found = self._searched(leaf)
            else:
                found = self._times(leaf, some)
            times.append(found)
            papers.append(np.asarray(some, np.int64))
            rows.append(np.full(len(some), row))
        return text_hits(np.concatenate(rows), np.concatenate(papers), np.concatenate(times), self.lengths)

    def _searched(self, leaf: Text) -> tuple[Ints, Ints]:
        """The papers where the leaf is found, and `score.times` of each, by field: all lines of a field are one text."""
        found = np.zeros((len(self.documents), len(TEXT_FIELDS)), np.int64)
        for at, field in enumerate(TEXT_FIELDS):
            if field in SCOPES[leaf.field]:
                where = (self._surface_texts if leaf.prefix else self._texts)[at].places(leaf.needle)
                found[:, at] = np.bincount(where, minlength=len(found))
        some = np.flatnonzero(found.any(axis=1))
        return some, found[some]

    @cached_property
    def _texts(self) -> Sequence[_Lines]:
        return [_Lines(lines) for lines in self.lines]

    @cached_property
    def _surface_texts(self) -> Sequence[_Lines]:
        return [_Lines(lines) for lines in self.surfaces()]

    def _times(self, leaf: Text, papers: Sequence[int]) -> Ints:
        """`score.times` of each of these papers, by field."""
        found, needle = np.zeros((len(papers), len(TEXT_FIELDS)), np.int64), leaf.needle
        for at, field in enumerate(TEXT_FIELDS):
            if field in SCOPES[leaf.field]:
                texts = self.lines[at]
                found[:, at] = [texts[paper].count(needle) for paper in papers]
        return found

    def _having(self, terms: frozenset[str]) -> Mapping[str, Sequence[int]] | None:
        """Which papers have each term; None for few terms, which are found sooner by searching."""
        if self.lasting and len(self._known) + len(terms) > FEW:
            return self._holders
        if len(terms) <= FEW:
            return None
        having: defaultdict[str, list[int]] = defaultdict(list)
        for paper, line in enumerate(map("\n".join, zip(*self.lines, strict=True))):
            for term in terms.intersection(line.split()):
                having[term].append(paper)
        return having

    @cached_property
    def _holders(self) -> Mapping[str, Sequence[int]]:
        """The same for every term there is."""
        having: dict[str, list[int]] = {}
        for paper, line in enumerate(map("\n".join, zip(*self.lines, strict=True))):
            for term in set(line.split()):
                having.setdefault(term, []).append(paper)
        return having


class _Lines:
    """One field of all papers as one text, a line each: a long text is searched faster than many short ones."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._text = "\n".join(lines)
        lengths = np.fromiter(map(len, lines), np.int64, len(lines))
        self._ends = np.cumsum(lengths + 1)

    def places(self, needle: str) -> Ints:
        """The numbers of the lines where it stands, each as often as `str.count` says."""
        find, size, found = self._text.find, len(needle), []
        at = find(needle)
        while at >= 0:
            found.append(at)
            at = find(needle, at + size)
        return np.searchsorted(self._ends, np.array(found, np.int64), side="right")


def _fewest(papers: Iterable[Sequence[int]]) -> Sequence[int]:
    return min(papers, key=len)


def _is_terms(leaf: Text) -> bool:
    """Not a prefix, nor a part of a term."""
    return not leaf.prefix and leaf.needle[0] == " "
