"""What a span of issues offers, as columns, and the hits of every interest that was asked about: once each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from newsletter.editions import mutes, twins
from newsletter.editions._rows import among, tuples
from newsletter.editions.choose_many import Floats
from newsletter.editions.ragged import Ints, Ragged, numbered, spans
from newsletter.editions.window import DEFAULT_QUERY, Entry, query_of
from newsletter.matching import Document, compiled
from newsletter.matching.crowd import Answers, Library
from newsletter.models import PinScope


@dataclass
class Shelf:
    """Entries as columns; the interests asked about so far, with their hits."""

    entries: Sequence[Entry]
    known: dict[int, int] = field(default_factory=dict)
    answers: list[tuple[int, Answers]] = field(default_factory=list)  # with the number of the first interest of each
    hits: Ragged = field(default_factory=lambda: Ragged(np.zeros(1, np.int64), np.zeros(0, np.int64)))
    relevance: Floats = field(default_factory=lambda: np.zeros(0, np.float64))

    @cached_property
    def library(self) -> Library:
        return Library([entry.document for entry in self.entries])

    @cached_property
    def candidate(self) -> Ints:
        return np.array([entry.candidate.pk for entry in self.entries], np.int64)

    @cached_property
    def paper(self) -> Ints:
        return np.array([entry.paper.pk for entry in self.entries], np.int64)

    @cached_property
    def trend(self) -> Floats:
        return np.array([entry.candidate.trend for entry in self.entries], np.float64)

    @cached_property
    def number(self) -> Ints:
        return np.array([entry.number for entry in self.entries], np.int64)

    @cached_property
    def until(self) -> Ints:
        return np.array([entry.until for entry in self.entries], np.int64)

    @cached_property
    def new(self) -> Ints:
        return np.array([entry.new for entry in self.entries], np.int64)

    @cached_property
    def pinned(self) -> Ints:
        return np.array([entry.pinned for entry in self.entries], np.int64)

    @cached_property
    def for_everyone(self) -> Ints:
        """1 where a column is pinned to everyone, else 0."""
        return np.array([entry.scope == PinScope.EVERYONE for entry in self.entries], np.int64)

    @cached_property
    def said(self) -> list[str]:
        return [entry.said() for entry in self.entries]

    @cached_property
    def twins(self) -> Ints:
        """Pairs of near-duplicates, by columns."""
        return pairs_of([entry.document for entry in self.entries])

    @cached_property
    def elders(self) -> dict[int, list[int]]:
        """By column: those of the same paper's earlier candidates."""
        columns = {entry.candidate.pk: column for column, entry in enumerate(self.entries) if not entry.elder}
        found: dict[int, list[int]] = {}
        for column, entry in enumerate(self.entries):
            if entry.elder:
                found.setdefault(columns[entry.candidate.pk], []).append(column)
        return found

    def column_of(self, papers: Ints) -> Ints:
        """The first column of each of these papers, of which there must be one: its newest candidate's."""
        order = np.argsort(self.paper, kind="stable")
        return order[np.searchsorted(self.paper, papers, sorter=order)] if len(papers) else papers

    def with_words(self, words: Sequence[str]) -> Ints:
        """The papers in which one of these words stands, in title, abstract or authors."""
        return np.unique(self.paper[[any(mutes.mutes(word, said) for word in words) for said in self.said]])

    def matching(self, interests: Ragged) -> Ragged:
        """For each list of interests the papers that any of them matches; a paper may stand there twice."""
        asked, which = numbered(interests.values)
        found, _ = self.hits_of(asked)
        held = found.take(which)
        return Ragged.of(np.repeat(interests.places(), held.lengths), self.paper[held.values], len(interests.starts) - 1)

    def hits_of(self, interests: Ints) -> tuple[Ragged, Ints]:
        """The columns that each of these interests (distinct ids) matches, and where in `relevance` each of them stands.

        What was not asked before is answered now, all at once.
        """
        fresh = [pk for pk in interests.tolist() if pk not in self.known]
        if fresh:
            self._answer(fresh)
        numbers = np.array([self.known[pk] for pk in interests.tolist()], np.int64)
        return self.hits.take(numbers), spans(self.hits.starts[numbers], self.hits.lengths[numbers])

    def _answer(self, interests: Sequence[int]) -> None:
        forms = forms_of(interests)
        first, answers = len(self.known), self.library.answers([forms[pk] for pk in interests])
        self.known.update({pk: first + place for place, pk in enumerate(interests)})
        self.answers.append((first, answers))
        found = Ragged(answers.starts.astype(np.int64), answers.papers.astype(np.int64))
        newest = self._newest(found)
        found = Ragged.of(found.places()[newest], found.values[newest], len(interests))
        starts = np.concatenate((self.hits.starts, self.hits.starts[-1] + found.starts[1:]))
        self.hits = Ragged(starts, np.concatenate((self.hits.values, found.values)))
        self.relevance = np.concatenate((self.relevance, answers.relevance[newest]))

    def _newest(self, found: Ragged) -> Ints:
        """Of each interest's hits on one paper, the newest candidate's: an earlier one counts only where no later matches."""
        if not self.elders:
            return np.arange(len(found.values))
        order = np.lexsort((-self.number[found.values], self.paper[found.values], found.places()))
        pair = np.stack((found.places()[order], self.paper[found.values[order]]))
        first = np.any(np.diff(pair, axis=1, prepend=-1) != 0, axis=0)
        return np.sort(order[first])

    def matched(self, interest: int, column: int) -> int:
        """The column, of the paper in this one, that the interest matches."""
        elders = self.elders.get(column)
        if elders is None:
            return column
        number = self.known[interest]
        hits = set(self.hits.values[self.hits.starts[number] : self.hits.starts[number + 1]].tolist())
        return next((each for each in (column, *elders) if each in hits), column)

    def reasons(self, hits: Sequence[tuple[int, int, str]]) -> list[str]:
        """What matches, for hits given as (interest, column, the interest's name); all of one batch of answers at once."""
        firsts = [first for first, _ in self.answers]
        batches: dict[int, list[int]] = {}
        for place, (interest, _, _) in enumerate(hits):
            batches.setdefault(bisect_right(firsts, self.known[interest]) - 1, []).append(place)
        said = [""] * len(hits)
        for batch, places in batches.items():
            first, answers = self.answers[batch]
            asked = [hits[place] for place in places]
            numbers = [self.known[interest] - first for interest, _, _ in asked]
            made = answers.reasons(numbers, [column for _, column, _ in asked], [name for _, _, name in asked])
            for place, reason in zip(places, made, strict=True):
                said[place] = reason
        return said


def pairs_of(documents: Sequence[Document]) -> Ints:
    """`twins.pairs`, a line a pair."""
    return np.array(twins.pairs(documents), np.int64).reshape(-1, 2)


def forms_of(interests: Sequence[int]) -> dict[int, str]:
    """The compiled forms of interests by id; made here where the stored one is empty or of another version."""
    condition, ids = among("id", np.array(interests, np.int64))
    rows = tuples(f"SELECT id, query, compiled FROM newsletter_interest WHERE {condition}", [ids])  # noqa: S608 (our own names)
    return {pk: form if compiled.is_current(form) else compiled.compiled(query_of(query)) for pk, query, form in rows}


def names_of(interests: Sequence[int]) -> Mapping[int, str]:
    """What a reason calls each interest: the topic's name, else the query itself, nothing for the default."""
    condition, ids = among("id", np.array(interests, np.int64))
    rows = tuples(f"SELECT id, query, name FROM newsletter_interest WHERE {condition}", [ids])  # noqa: S608 (our own names)
    return {pk: name or (query if query != DEFAULT_QUERY else "") for pk, query, name in rows}
