"""Reasons by the hundred thousand: `score.said` and `score.reason`, with what papers say remembered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from newsletter.matching import score
from newsletter.matching.compiled import leaf as leaf_of
from newsletter.matching.document import Document
from newsletter.matching.passages import Passage
from newsletter.matching.postings import FIELDS, WORD_FIELDS, Ints, Postings, Reals
from newsletter.matching.shapes import Shape

_NONE = -1


class Reasons:
    """leaves: as compiled, with the row and the weight of each."""

    def __init__(
        self, documents: Sequence[Document], leaves: Sequence[str], rows: Ints, weights: Reals, postings: Postings
    ) -> None:
        self._documents = documents
        self._leaves, self._rows, self._weights, self._postings = leaves, rows, weights, postings
        self._hits: dict[tuple[int, int], score.Hit] = {}
        self._writings: dict[int, str] = {}  # by the id of the hit, which is kept above
        self._passages: dict[str, Passage] = {}
        self._reasons: dict[tuple[int, tuple[int, ...], str], str] = {}

    def reasons(self, shape: Shape, leaves: Ints, papers: Ints, names: Sequence[str]) -> list[str]:
        """For queries of one shape, leaves[hit, leaf], and the paper that each matches."""
        result = []
        for paper, told, name in zip(papers.tolist(), self._told(shape, leaves, papers).tolist(), names, strict=True):
            key = (paper, tuple(told), name)
            reason = self._reasons.get(key)
            if reason is None:
                reason = self._reasons[key] = self._reason([leaf for leaf in told if leaf != _NONE], paper, name)
            result.append(reason)
        return result

    def _told(self, shape: Shape, leaves: Ints, papers: Ints) -> Ints:
        """The leaves that `score.said` tells of, best first, filled up with _NONE: few are told, of many that speak."""
        holds, places = self._postings.found(self._rows[leaves], papers[:, None])
        speaks = shape.speaking(holds)
        if not speaks.any():
            return np.full(leaves.shape, _NONE)
        field = self._postings.hits.field[places]
        strength = self._postings.hits.strength[places] * self._weights[leaves]
        words = speaks & (field < WORD_FIELDS)
        best = np.where(np.where(words.any(axis=1, keepdims=True), words, speaks), strength, -1.0).argmax(axis=1)
        beside = speaks & (field == np.take_along_axis(field, best[:, None], axis=1))
        order = np.argsort(np.where(beside, -strength, 1.0), axis=1, kind="stable")
        return np.take_along_axis(np.where(beside, leaves, _NONE), order, axis=1)

    def _reason(self, told: Sequence[int], paper: int, name: str) -> str:
        if not told:
            return score.reason(score.Match(score.NO_EVIDENCE, (), ""), name)
        hits = [self._hit(leaf, paper) for leaf in told]
        return score.reason(score.Match(1.0, *score.said(hits, lambda hit: self._written(hit, paper))), name)

    def _hit(self, leaf: int, paper: int) -> score.Hit:
        hit = self._hits.get((leaf, paper))
        if hit is None:
            place = self._postings.place(int(self._rows[leaf]), paper)
            found = self._postings.hits
            strength = float(found.strength[place] * self._weights[leaf])
            hit = score.Hit(leaf_of(self._leaves[leaf]), FIELDS[found.field[place]], strength)
            self._hits[leaf, paper] = hit
        return hit

    def _written(self, hit: score.Hit, paper: int) -> str:
        written = self._writings.get(id(hit))
        if written is None:
            written = self._writings[id(hit)] = score.written(hit, self._documents[paper], self._passage)
        return written

    def _passage(self, text: str) -> Passage:
        passage = self._passages.get(text)
        if passage is None:
            passage = self._passages[text] = Passage(text)
        return passage
