"""The papers on offer with an index of their words: in which of them, and how well, each leaf is found."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import count, pairwise

import numpy as np
from numpy.typing import NDArray

from newsletter.matching import stems
from newsletter.matching.compiled import leaf as leaf_of
from newsletter.matching.compiled import terms as terms_of
from newsletter.matching.document import TEXT_FIELDS, Document, View
from newsletter.matching.nodes import Category, Name, Text
from newsletter.matching.postings import Hits, Ints, Postings, facet_hits, set_bits, text_hits
from newsletter.matching.score import SCOPES, facet, times

_ONE_TERM = re.compile(r"([wta])([^ ,*/]+)(?:/([^ ,*/]+))?")
_BEGINNING = re.compile(r"([wta])([^ *]+)\*(?:/.*)?")
_SCOPES = {"w": 0, "t": 1, "a": 2}  # places in SCOPES
_NOWHERE = -1
_LAST = "\U0010ffff"  # behind every letter


class Index:
    """Built once from the papers' documents; a paper is called by its place (column) among them.

    Every term has a row of hits in each of SCOPES from the start. Other leaves are looked up when they are asked for.
    """

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = tuple(documents)
        self.views = [(doc.title_view, doc.keywords_view, doc.summary_view, doc.abstract_view) for doc in self.documents]
        self.lengths = np.array([[view.length for view in views] for views in self.views], np.float64).reshape(
            -1, len(TEXT_FIELDS)
        )
        self._terms: defaultdict[str, int] = defaultdict(count().__next__)
        self._pairs: defaultdict[tuple[int, int], int] = defaultdict(int)
        self._hits = self._word_hits(*self._tokens())

    def postings(self, leaves: Sequence[str]) -> tuple[Postings, Ints]:
        """leaves: as compiled. Their hits, and each one's row of them; the last row has none."""
        others = _Others(self, len(SCOPES) * len(self._terms))
        rows = np.array([self._row(text, others) for text in leaves], np.int64)
        rows[rows == _NOWHERE] = others.rows  # one row more, without hits
        asked = np.zeros(others.rows + 1, np.bool_)
        asked[rows] = asked[-1] = True
        numbers = np.cumsum(asked) - 1  # a few interests need not carry the rows of all words
        hits = Hits.joined([self._hits.of(asked), others.hits()])
        return Postings(hits.numbered(numbers), int(numbers[-1]) + 1, len(self.documents)), numbers[rows]

    def _row(self, text: str, others: _Others) -> int:
        found = _ONE_TERM.fullmatch(text)
        if found is None or _within_terms(found[2]):
            return others.row(text)
        number = self._terms.get(found[3] or found[2])
        return _NOWHERE if number is None else _SCOPES[found[1]] * len(self._terms) + number

    def candidates(self, text: str) -> int:
        """The papers that the leaf may hold for, as bits: all it holds for and few others."""
        if text[0] in _SCOPES and "*" not in text and not _within_terms(text[1:]):
            numbers = [self._terms.get(term, _NOWHERE) for term in terms_of(text)]
            return self._side_by_side(numbers)
        leaf = leaf_of(text)
        if isinstance(leaf, Text) and leaf.prefix:
            return self._surface.mask(leaf)
        if isinstance(leaf, Name):
            return self._names[leaf.field].mask(leaf)
        return self._codes.get(leaf.folded, 0) if isinstance(leaf, Category) else self._side_by_side(())

    def _side_by_side(self, terms: Sequence[int]) -> int:
        both = (1 << len(self.documents)) - 1
        for pair in pairwise(terms):
            both &= self._pairs.get(pair, 0)
            if not both:
                break
        return both

    # Terms, once for all papers.

    def _tokens(self) -> tuple[Ints, Ints]:
        """Each term's number in the order of the texts, and its cell: 4 * paper + field. Fills terms and pairs."""
        tokens: list[int] = []
        sizes = []
        for paper, views in enumerate(self.views):
            for view in views:
                numbers = [self._terms[term] for term in view.line.split()]
                for pair in pairwise(numbers):
                    self._pairs[pair] |= 1 << paper
                tokens += numbers
                sizes.append(len(numbers))
        return np.array(tokens, np.int64), np.repeat(np.arange(len(sizes)), sizes)

    def _word_hits(self, tokens: Ints, cells: Ints) -> Hits:
        places = len(TEXT_FIELDS) * max(1, len(self.documents))
        keys, counts = np.unique((tokens * places + cells)[self._counted(tokens, cells)], return_counts=True)
        entries, inverse = np.unique(keys // len(TEXT_FIELDS), return_inverse=True)
        found = np.zeros((len(entries), len(TEXT_FIELDS)), np.int64)
        found[inverse, keys % len(TEXT_FIELDS)] = counts
        term, paper = np.divmod(entries, max(1, len(self.documents)))
        parts = []
        for at, fields in enumerate(SCOPES.values()):
            looks = np.array([field in fields for field in TEXT_FIELDS])
            parts.append(text_hits(term + at * len(self._terms), paper, found * looks, self.lengths))
        return Hits.joined(parts)

    def _counted(self, tokens: Ints, cells: Ints) -> NDArray[np.bool_]:
        """`score.times` counts every other one of a word that follows itself: " a a " has one space between two."""
        at = np.arange(len(tokens))
        begins = np.ones(len(tokens), np.bool_)
        begins[1:] = (tokens[1:] != tokens[:-1]) | (cells[1:] != cells[:-1])
        spaced = np.array([not stems.is_cjk(term) for term in self._terms], np.bool_)
        odd: NDArray[np.bool_] = (at - np.maximum.accumulate(np.where(begins, at, 0))) % 2 == 1
        return ~(spaced[tokens] & odd)

    # What only some queries ask for.

    @cached_property
    def beginnings(self) -> _Beginnings:
        return _Beginnings([view.surface.split() for views in self.views for view in views])

    @cached_property
    def _surface(self) -> _Words:
        return _Words([[word for view in views for word in view.surface.split()] for views in self.views])

    @cached_property
    def _names(self) -> dict[str, _Words]:
        return {
            "author": _Words([[part for parts in doc.author_words for part in parts] for doc in self.documents]),
            "org": _Words([" ".join(doc.organization_lines).split() for doc in self.documents]),
            "source": _Words([" ".join(doc.source_lines).split() for doc in self.documents]),
        }

    @cached_property
    def _codes(self) -> dict[str, int]:
        return _masks(doc.category_codes for doc in self.documents)


class _Words:
    """The words of each paper, to be found whole or by their beginning."""

    def __init__(self, papers: Iterable[Iterable[str]]) -> None:
        self._masks = _masks(papers)
        self._sorted = sorted(self._masks)

    def mask(self, leaf: Text | Name) -> int:
        """Papers with all words of the leaf; the last as a beginning when it is one, single letters always (initials)."""
        both = ~0
        for at, word in enumerate(leaf.words, start=1):
            beginning = len(word) == 1 or (leaf.prefix and at == len(leaf.words))
            both &= self._beginning(word) if beginning else self._masks.get(word, 0)
        return both

    def _beginning(self, start: str) -> int:
        mask = 0
        for at in range(bisect_left(self._sorted, start), len(self._sorted)):
            if not self._sorted[at].startswith(start):
                break
            mask |= self._masks[self._sorted[at]]
        return mask


class _Beginnings:
    """How often words that begin so stand in each field of each paper, which is what `score.times` counts of a prefix."""

    def __init__(self, cells: Sequence[Sequence[str]]) -> None:
        """cells: the words as written, by paper, then field."""
        self._words = sorted({word for words in cells for word in words})
        places = {word: place for place, word in enumerate(self._words)}
        words = np.array([places[word] for words in cells for word in words], np.int64)
        keys = words * len(cells) + np.repeat(np.arange(len(cells)), list(map(len, cells)))
        entries, self._times = np.unique(keys, return_counts=True)
        word, self._cells = np.divmod(entries, max(1, len(cells)))
        self._starts = np.searchsorted(word, np.arange(len(self._words) + 1))
        self._size = len(cells)

    def found(self, start: str) -> tuple[Ints, Ints]:
        """Papers, and the times in each of their fields."""
        first = bisect_left(self._words, start)
        last = bisect_left(self._words, start + _LAST, first)
        some = slice(self._starts[first], self._starts[last])
        times = np.bincount(self._cells[some], self._times[some], self._size).astype(np.int64).reshape(-1, len(TEXT_FIELDS))
        papers = np.flatnonzero(times.any(axis=1))
        return papers, times[papers]


class _Others:
    """Rows of leaves that are not one term: candidates from the index, each asked the leaf itself."""

    def __init__(self, index: Index, rows: int) -> None:
        self.rows = rows
        self._index = index
        self._texts: list[tuple[int, int, tuple[int, ...]]] = []  # row, paper, times in each field
        self._beginnings: list[tuple[int, Ints, Ints]] = []  # row, papers, times in each field
        self._facets: list[Hits] = []

    def row(self, text: str) -> int:
        if beginning := _BEGINNING.fullmatch(text):
            return self._row_of_beginning(*beginning.groups())
        candidates = self._index.candidates(text)
        leaf = leaf_of(text) if candidates else None
        documents = self._index.documents
        papers = [paper for paper in set_bits(candidates) if leaf and leaf.holds(documents[paper])]
        if leaf is None or not papers:
            return _NOWHERE
        if isinstance(leaf, Text):
            self._texts += [(self.rows, paper, _times(leaf, self._index.views[paper])) for paper in papers]
        else:
            self._facets.append(facet_hits(self.rows, facet(leaf)[0], papers, documents))
        self.rows += 1
        return self.rows - 1

    def _row_of_beginning(self, mark: str, start: str) -> int:
        papers, times = self._index.beginnings.found(start)
        times = times * _LOOKS[mark]
        if not times.any():
            return _NOWHERE
        self._beginnings.append((self.rows, papers, times))
        self.rows += 1
        return self.rows - 1

    def hits(self) -> Hits:
        row, paper = (np.array([text[at] for text in self._texts], np.int64) for at in (0, 1))
        found = np.array([text[2] for text in self._texts], np.int64).reshape(-1, len(TEXT_FIELDS))
        row = np.concatenate((row, *(np.full(len(papers), number) for number, papers, _ in self._beginnings)))
        paper = np.concatenate((paper, *(papers for _, papers, _ in self._beginnings)))
        found = np.concatenate((found, *(times for _, _, times in self._beginnings)))
        return Hits.joined([text_hits(row, paper, found, self._index.lengths), *self._facets]).sorted()


_LOOKS = {mark: np.array([field in list(SCOPES.values())[at] for field in TEXT_FIELDS]) for mark, at in _SCOPES.items()}


def _times(leaf: Text, views: Sequence[View]) -> tuple[int, ...]:
    looks = SCOPES[leaf.field]
    return tuple(times(leaf, view) if field in looks else 0 for field, view in zip(TEXT_FIELDS, views, strict=True))


def _masks(papers: Iterable[Iterable[str]]) -> dict[str, int]:
    """Word -> the papers that have it, as bits."""
    masks: defaultdict[str, int] = defaultdict(int)
    for paper, words in enumerate(papers):
        for word in set(words):
            masks[word] |= 1 << paper
    return dict(masks)


def _within_terms(word: str) -> bool:
    """A Chinese, Japanese or Korean character: it is looked for inside of the pairs that are terms."""
    return len(word) == 1 and stems.is_cjk(word)
