"""A few interests over many papers: their leaves are looked up in the papers' lines, and no other word is read.

Gives `crowd.Answers` the same postings as `index.Index`, which pays when most words of the papers are asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from newsletter.matching.compiled import leaf as leaf_of
from newsletter.matching.document import TEXT_FIELDS, Document
from newsletter.matching.nodes import Flag, Number, Text
from newsletter.matching.postings import Hits, Ints, Postings, Reals, facet_hits, text_hits
from newsletter.matching.score import SCOPES, facet

FEW = 12  # terms that are looked for in every line; for more of them each line is cut into its terms first


@dataclass(frozen=True)
class Scan:
    """Papers by column. lines, surfaces: by TEXT_FIELDS, then paper, as in a View; lengths[paper, field], in terms.

    documents: read for names, categories and ages, and for reasons; facts: for the other flags and numbers, what has a
    Document's attributes for them; surfaces: called where a leaf is a prefix.
    """

    documents: Sequence[Document]
    facts: Sequence[Any]
    lines: Sequence[Sequence[str]]
    surfaces: Callable[[], Sequence[Sequence[str]]]
    lengths: Reals

    def postings(self, leaves: Sequence[str]) -> tuple[Postings, Ints]:
        """leaves: as compiled. Their hits, and each one's row of them; the last row has none."""
        read = [leaf_of(text) for text in leaves]
        texts = [(row, leaf) for row, leaf in enumerate(read) if isinstance(leaf, Text)]
        holders = self._holders([leaf for _, leaf in texts])
        parts = [self._text_hits(texts, holders)]
        for row, leaf in enumerate(read):
            if not isinstance(leaf, Text):
                asked = self.facts if isinstance(leaf, Flag | Number) and leaf.name != "age" else self.documents
                papers = [paper for paper, document in enumerate(asked) if leaf.holds(document)]
                parts.append(facet_hits(row, facet(leaf)[0], papers, asked))
        hits, nowhere = Hits.joined(parts).sorted(), len(leaves)
        rows = np.full(len(leaves), nowhere)
        rows[hits.row] = hits.row
        return Postings(hits, nowhere + 1, len(self.documents)), rows

    def _text_hits(self, texts: Sequence[tuple[int, Text]], holders: Callable[[Text], Sequence[int]]) -> Hits:
        rows: list[Ints] = [np.zeros(0, np.int64)]
        papers: list[Ints] = [np.zeros(0, np.int64)]
        times: list[Ints] = [np.zeros((0, len(TEXT_FIELDS)), np.int64)]
        for row, leaf in texts:
            some = holders(leaf)
            papers.append(np.array(some, np.int64))
            rows.append(np.full(len(some), row))
            times.append(self._times(leaf, some))
        return text_hits(np.concatenate(rows), np.concatenate(papers), np.concatenate(times), self.lengths)

    def _times(self, leaf: Text, papers: Sequence[int]) -> Ints:
        """`score.times` of each of these papers, by field."""
        found, needle = np.zeros((len(papers), len(TEXT_FIELDS)), np.int64), leaf.needle
        lines = self.surfaces() if leaf.prefix else self.lines
        for at, field in enumerate(TEXT_FIELDS):
            if field in SCOPES[leaf.field]:
                texts = lines[at]
                found[:, at] = [texts[paper].count(needle) for paper in papers]
        return found

    def _holders(self, leaves: Sequence[Text]) -> Callable[[Text], Sequence[int]]:
        """Which papers may have a leaf: for few leaves those whose lines have it, for many those that have its rarest term."""
        wanted = frozenset(term for leaf in leaves if _is_terms(leaf) for term in leaf.terms)
        whole = list(map("\n".join, zip(*self.lines, strict=True)))
        having: defaultdict[str, list[int]] = defaultdict(list)
        if len(wanted) > FEW:
            for paper, line in enumerate(whole):
                for term in wanted.intersection(line.split()):
                    having[term].append(paper)

        def holders(leaf: Text) -> Sequence[int]:
            if having and _is_terms(leaf):
                return _fewest(having.get(term, ()) for term in leaf.terms)
            lines = map("\n".join, zip(*self.surfaces(), strict=True)) if leaf.prefix else whole
            return [paper for paper, line in enumerate(lines) if leaf.needle in line]

        return holders


def _fewest(papers: Iterable[Sequence[int]]) -> Sequence[int]:
    return min(papers, key=len)


def _is_terms(leaf: Text) -> bool:
    """Not a prefix, nor a part of a term."""
    return not leaf.prefix and leaf.needle[0] == " "
