"""Near-duplicates: the same work under two rows that nobody has merged. Pure: documents in, pairs out.

Two papers are twins when their titles have nearly the same words (at least four, Jaccard >= 0.8) and their abstracts
do not disagree (Jaccard >= 0.5; without one of them the titles' words must be equal), or when their abstracts of at
least 20 words are nearly the same. "Part I" and "Part II" of a series differ in their abstracts and stay apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from itertools import combinations
from typing import NamedTuple

from newsletter.matching import Document

Words = Set[str]

SAME = 0.8  # the share of all words of both that both have
NOT_ANOTHER = 0.5
TITLE_WORDS = 4
ABSTRACT_WORDS = 20
FEW = 50
_SHARED = SAME / (1 + SAME)  # words that both have, of the sum of both sizes, where the Jaccard index is SAME
_MARKS = 511


def vocabularies(document: Document) -> tuple[Words, Words]:
    """The terms of its title and of its abstract."""
    return frozenset(document.title_view.vocabulary), frozenset(document.abstract_view.vocabulary)


def pairs(documents: Sequence[Document]) -> list[tuple[int, int]]:
    """The places of all twins, the smaller first. Whether two are twins depends on nothing else that is there."""
    return _pairs([vocabularies(document) for document in documents])


def by_place(papers: Sequence[tuple[Words, Words]]) -> list[frozenset[int]]:
    """For each paper, given by its `vocabularies`, the places of its twins."""
    found: list[set[int]] = [set() for _ in papers]
    for one, other in _pairs(papers):
        found[one].add(other)
        found[other].add(one)
    return [frozenset(twins) for twins in found]


class Outline(NamedTuple):
    """Of title and abstract: how many terms, and a bit for each (some share one), by which most that differ are told apart."""

    sizes: tuple[int, int]
    marks: tuple[int, int]


def outline(words: tuple[Words, Words]) -> Outline:
    title, abstract = words
    return Outline((len(title), len(abstract)), (_marks(title), _marks(abstract)))


def by_outline(outlines: Sequence[Outline], words: Callable[[int], tuple[Words, Words]]) -> list[frozenset[int]]:
    """`by_place` of papers whose outlines are known; words: the `vocabularies` of a place, asked for where two may be twins."""
    found: list[set[int]] = [set() for _ in outlines]
    for (one, left), (other, right) in combinations(enumerate(outlines), 2):
        if _may_be_near(left, right, 0, TITLE_WORDS) or _may_be_near(left, right, 1, ABSTRACT_WORDS):
            (title, abstract), (other_title, other_abstract) = words(one), words(other)
            if _twins(title, other_title, abstract, other_abstract):
                found[one].add(other)
                found[other].add(one)
    return [frozenset(twins) for twins in found]


def _marks(words: Words) -> int:
    marks = 0
    for word in words:
        marks |= 1 << (hash(word) & _MARKS)
    return marks


def _may_be_near(left: Outline, right: Outline, which: int, least: int) -> bool:
    """Whether the Jaccard index can be SAME: a bit that the other lacks is a word that it lacks, and so few may be missing."""
    size, other_size = left.sizes[which], right.sizes[which]
    if size < least or other_size < least:
        return False
    missing = (left.marks[which] & ~right.marks[which]).bit_count()
    return missing <= size - _SHARED * (size + other_size) + 1e-9


def _pairs(papers: Sequence[tuple[Words, Words]]) -> list[tuple[int, int]]:
    titles, abstracts = [title for title, _ in papers], [abstract for _, abstract in papers]
    near = {*_near(titles, TITLE_WORDS), *_near(abstracts, ABSTRACT_WORDS)}
    return sorted((one, other) for one, other in near if _twins(titles[one], titles[other], abstracts[one], abstracts[other]))


def _near(sets: Sequence[Words], least: int) -> Iterator[tuple[int, int]]:
    """Pairs whose Jaccard index is at least SAME.

    Sets so alike share one of the rarest words of each (prefix filtering: Bayardo, Ma, Srikant, WWW 2007), so that few
    pairs are compared however many papers there are. Of few papers all pairs are, which costs less than the sorting.
    """
    if len(sets) <= FEW:
        large = [(len(words), place) for place, words in enumerate(sets) if len(words) >= least]
        for (size, one), (other_size, other) in combinations(large, 2):
            alike_in_size = SAME * size <= other_size and SAME * other_size <= size
            if alike_in_size and _alike(sets[one], sets[other]) >= SAME:
                yield one, other
        return
    common = Counter(word for words in sets for word in words)
    holders: dict[str, list[int]] = {}
    for place, words in enumerate(sets):
        if len(words) < least:
            continue
        rare = sorted(words, key=lambda word: (common[word], word))[: len(words) - int(SAME * len(words) - 1e-9)]
        for other in {other for word in rare for other in holders.get(word, ())}:
            if _alike(words, sets[other]) >= SAME:
                yield other, place
        for word in rare:
            holders.setdefault(word, []).append(place)


def _twins(title: Words, other_title: Words, abstract: Words, other_abstract: Words) -> bool:
    if min(len(abstract), len(other_abstract)) >= ABSTRACT_WORDS and _alike(abstract, other_abstract) >= SAME:
        return True
    if min(len(title), len(other_title)) < TITLE_WORDS or _alike(title, other_title) < SAME:
        return False
    return _alike(abstract, other_abstract) >= NOT_ANOTHER if abstract and other_abstract else title == other_title


def _alike(left: Words, right: Words) -> float:
    """Jaccard index."""
    shared = len(left & right)
    return shared / (len(left) + len(right) - shared)
