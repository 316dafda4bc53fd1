"""Readers -> what each is shown: every interest asked once, every distinct wish chosen once, equal results found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime

import numpy as np

from newsletter.editions import window
from newsletter.editions._due import Readers
from newsletter.editions._had import Ledger
from newsletter.editions._rows import NONE, Ints, among, read, tuples
from newsletter.editions._shelf import Shelf, pairs_of
from newsletter.editions.choose_many import Bools, Columns, Hits, Rows, Table, choose_many
from newsletter.editions.ragged import Ragged, distinct, numbered, side_by_side, spans
from newsletter.editions.window import DEFAULT_QUERY, Entry
from newsletter.models import EmptyDay, Interest

NEW_INTEREST, BEST = 1, 2
LOOKED_BACK = {0: "", NEW_INTEREST: "of the last days, for your new interest · ", BEST: "best of the week · "}


@dataclass(frozen=True)
class Wishes:
    """What decides a choice, a line a reader: interests by id, papers that must not come, and why it looks back."""

    after: Ints
    limit: Ints
    interests: Ragged
    without: Ragged
    back: Ints

    def take(self, places: Ints) -> Wishes:
        kept = self.interests.take(places), self.without.take(places)
        return Wishes(self.after[places], self.limit[places], *kept, self.back[places])


@dataclass(frozen=True)
class Shown:
    """Lists of picks, in order: candidate, paper, interest (NOBODY: a pin to everyone) and back (why the reader looked
    back for it, a key of LOOKED_BACK) by line; starts as in Ragged."""

    starts: Ints
    candidate: Ints
    paper: Ints
    interest: Ints
    back: Ints
    more: Ints

    @classmethod
    def joined(cls, parts: Sequence[Shown]) -> Shown:
        """The lists of the first, then those of the second, and so on."""
        starts = np.concatenate([np.zeros(1, np.int64), *(part.lengths for part in parts)]).cumsum()
        columns = ("candidate", "paper", "interest", "back", "more")
        return cls(starts, *(np.concatenate([getattr(part, name) for part in parts]) for name in columns))

    def take(self, lists: Ints) -> Shown:
        lengths = self.lengths[lists]
        at = spans(self.starts[lists], lengths)
        starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths)))
        return Shown(starts, self.candidate[at], self.paper[at], self.interest[at], self.back[at], self.more[lists])

    @property
    def lengths(self) -> Ints:
        return np.diff(self.starts)


@dataclass(frozen=True)
class Copies:
    """Reader i gets list edition[i] of `shown`, which holds no two equal lists; more[i]: what was cut."""

    edition: Ints
    more: Ints
    shown: Shown


@dataclass
class Crowd:
    """What planning keeps from wave to wave; made anew for every call of `plan`, so that nothing grows stale."""

    now: datetime
    fresh: Shelf = field(default_factory=lambda: Shelf(()))
    past: Shelf = field(default_factory=lambda: Shelf(()))
    ledger: Ledger = field(default_factory=Ledger)
    past_ledger: Ledger = field(default_factory=Ledger)

    def copies(self, readers: Readers, upto: int) -> Copies:
        """What each reader is shown of the issues in (after, upto]; free places are filled from the last seven days."""
        interests, added_at = _interests(readers)
        if len(readers):
            self.fresh = _stocked(self.fresh, window.newest(after=int(readers.after.min()), upto=upto))
        nothing = np.zeros(len(readers), np.int64)
        wishes = Wishes(readers.after, readers.limit, interests, self._not_fresh(readers), nothing)
        first, row = distinct((wishes.after, wishes.limit), (wishes.interests, wishes.without))
        shown = self._choose(wishes.take(first), None)
        looking = _looking_back(readers, interests, added_at, shown.lengths[row])
        if looking.lengths.any():
            late = np.flatnonzero(looking.lengths)
            best = shown.lengths[row[late]] == 0
            row[late], more = self._look_back(readers.take(late), wishes.take(late), looking.take(late), best)
            row[late] += len(first)
            shown = Shown.joined([shown, more])
        picks = (shown.candidate, shown.interest * len(LOOKED_BACK) + shown.back)
        lists, edition = distinct((), tuple(Ragged(shown.starts, column) for column in picks))
        used, edition = numbered(edition[row])
        return Copies(edition, shown.more[row], shown.take(lists[used]))

    def _look_back(self, readers: Readers, wishes: Wishes, interests: Ragged, empty: Bools) -> tuple[Ints, Shown]:
        """The choice again, with papers of the last seven days behind the new ones: (row of each reader, rows)."""
        self.past = _stocked(self.past, window.past(upto=int(readers.after.max()), now=self.now))
        subscriber, paper = self.past_ledger.had(readers.id, set(self.past.paper.tolist()))
        pairs = (np.searchsorted(readers.id, subscriber), paper)
        back = np.where(empty & readers.empty_day.equal(EmptyDay.BEST.value), BEST, NEW_INTEREST)
        late = Wishes(readers.after, readers.limit, interests, _without(readers, pairs, self.past), back)
        first, row = distinct(
            (wishes.after, wishes.limit, back), (wishes.interests, wishes.without, late.interests, late.without)
        )
        return row, self._choose(wishes.take(first), late.take(first))

    def _not_fresh(self, readers: Readers) -> Ragged:
        """Papers that come again and were had, and what the reader mutes."""
        shelf = self.fresh
        again = np.flatnonzero(shelf.new < shelf.number)
        asking = np.zeros(len(readers), np.bool_)
        for number, new in {*zip(shelf.number[again].tolist(), shelf.new[again].tolist(), strict=True)}:
            asking |= (readers.after < number) & (readers.after >= new)
        subscriber, paper = self.ledger.had(readers.id[asking], set(shelf.paper[again].tolist()))
        place, column = np.searchsorted(readers.id, subscriber), shelf.column_of(paper)
        again_to = (readers.after[place] < shelf.number[column]) & (readers.after[place] >= shelf.new[column])
        return _without(readers, (place[again_to], paper[again_to]), shelf)

    def _choose(self, wishes: Wishes, late: Wishes | None) -> Shown:
        parts = [_part(self.fresh, wishes, late=False)]
        if late is not None:
            parts.append(_part(self.past, late, late=True))
        table, rows = _joined(parts, wishes, self._twins(late is not None))
        chosen = choose_many(table, rows)
        row = np.repeat(np.arange(len(wishes.limit)), np.diff(chosen.starts))
        back = np.where(table.columns.late[chosen.column], (late or wishes).back[row], 0)
        paper = np.concatenate([part.shelf.paper for part in parts])[chosen.column]
        return Shown(chosen.starts, table.columns.candidate[chosen.column], paper, chosen.interest, back, chosen.more)

    def _twins(self, both: bool) -> Ints:
        """Pairs of near-duplicates, by paper."""
        if not both:
            return self.fresh.paper[self.fresh.twins]
        entries = [*self.fresh.entries, *self.past.entries]
        papers = np.array([entry.paper.pk for entry in entries], np.int64)
        return papers[pairs_of([entry.document for entry in entries])]


def _stocked(shelf: Shelf, entries: Sequence[Entry]) -> Shelf:
    """The shelf as it is when it holds just these papers as they are now; else a new one."""
    return shelf if list(shelf.entries) == list(entries) else Shelf(entries)


def _interests(readers: Readers) -> tuple[Ragged, Ints]:
    """Each reader's interests (is:trending for those who chose nothing), and since when each has been there."""
    condition, ids = among("subscriber_id", readers.id)
    links = f"SELECT subscriber_id, interest_id, added_at FROM newsletter_subscriberinterest WHERE {condition} ORDER BY 1, 2"  # noqa: S608
    subscriber, interest, added_at = read("iit", links, [ids])
    place = np.searchsorted(readers.id, subscriber)
    (without,) = np.nonzero(np.bincount(place, minlength=len(readers)) == 0)
    if len(without):
        default, _ = Interest.objects.get_or_create(query=DEFAULT_QUERY)
        place = np.concatenate((place, without))
        order = np.argsort(place, kind="stable")
        interest = np.concatenate((interest, np.full(len(without), default.pk)))[order]
        place, added_at = place[order], np.concatenate((added_at, readers.created_at[without]))[order]
    return Ragged.of(place, interest, len(readers)), added_at


def _looking_back(readers: Readers, interests: Ragged, added_at: Ints, taken: Ints) -> Ragged:
    """The interests for which a reader looks back: those newer than the last copy; all, on an empty day, for BEST.

    A reader without a copy so far has no new interest; one without a free place looks for nothing.
    """
    who = interests.places()
    new = (readers.marked_at[who] != NONE) & (added_at > readers.marked_at[who])
    best = (taken == 0) & readers.empty_day.equal(EmptyDay.BEST.value)
    wanted = (new | best[who]) & (taken < readers.limit)[who]
    return Ragged.of(who[wanted], interests.values[wanted], len(readers))


def _without(readers: Readers, had: tuple[Ints, Ints], shelf: Shelf) -> Ragged:
    """Papers by reader, from (place, paper) pairs and from what the reader mutes: those never appear, not even pinned."""
    muted = shelf.matching(_muted(readers))
    places, papers = [had[0], muted.places()], [had[1], muted.values]
    muting = np.flatnonzero(readers.mutes)
    if len(muting):
        condition, ids = among("id", readers.id[muting])
        known: dict[str, Ints] = {}
        for pk, words in tuples(f"SELECT id, muted FROM newsletter_subscriber WHERE {condition}", [ids]):  # noqa: S608
            if words not in known:
                known[words] = shelf.with_words(json.loads(words))
            papers.append(known[words])
            places.append(np.full(len(known[words]), np.searchsorted(readers.id, pk)))
    place, paper = np.concatenate(places), np.concatenate(papers)
    order = np.lexsort((paper, place))
    return Ragged.of(place[order], paper[order], len(readers))


def _muted(readers: Readers) -> Ragged:
    """Each reader's muted interests."""
    condition, ids = among("subscriber_id", readers.id)
    rows = f"SELECT subscriber_id, interest_id FROM newsletter_mutedinterest WHERE {condition} ORDER BY 1, 2"  # noqa: S608
    subscriber, interest = read("ii", rows, [ids])
    return Ragged.of(np.searchsorted(readers.id, subscriber), interest, len(readers))


@dataclass(frozen=True)
class _Part:
    """A shelf, what was asked of it by the rows, and the columns that each row must not get."""

    shelf: Shelf
    columns: Columns
    hits: Hits
    questions: Ragged
    barred: Ragged


def _part(shelf: Shelf, wishes: Wishes, *, late: bool) -> _Part:
    asked, which = numbered(wishes.interests.values)
    found, at = shelf.hits_of(asked)
    hits = Hits(found.starts, found.values, np.repeat(asked, found.lengths), shelf.relevance[at])
    none = np.zeros(len(shelf.paper), np.int64)
    columns = Columns(
        paper=shelf.paper,
        candidate=shelf.candidate,
        trend=shelf.trend,
        late=np.full(len(none), late),
        since=shelf.number if late else none,
        until=shelf.until if late else shelf.number,
        pinned=none if late else shelf.pinned,
        everyone=(none if late else shelf.for_everyone) > 0,
    )
    return _Part(shelf, columns, hits, Ragged(wishes.interests.starts, which), _barred(shelf, wishes.without))


def _barred(shelf: Shelf, without: Ragged) -> Ragged:
    """The columns of papers, each of which may have several or none."""
    order = np.argsort(shelf.paper, kind="stable")
    starts = np.searchsorted(shelf.paper, without.values, sorter=order)
    lengths = np.searchsorted(shelf.paper, without.values, side="right", sorter=order) - starts
    return Ragged.of(np.repeat(without.places(), lengths), order[spans(starts, lengths)], len(without.starts) - 1)


def _joined(parts: Sequence[_Part], wishes: Wishes, twins: Ints) -> tuple[Table, Rows]:
    """One table of all parts: the columns and questions of the second stand behind those of the first."""
    columns = {each.name: np.concatenate([getattr(part.columns, each.name) for part in parts]) for each in fields(Columns)}
    papers, columns["paper"] = np.unique(columns["paper"], return_inverse=True)
    before = [0, len(parts[0].shelf.paper)]
    hits = Hits(
        np.concatenate([[0], *(np.diff(part.hits.starts) for part in parts)]).cumsum(),
        np.concatenate([part.hits.column + first for part, first in zip(parts, before, strict=False)]),
        np.concatenate([part.hits.interest for part in parts]),
        np.concatenate([part.hits.relevance for part in parts]),
    )
    asked = [0, len(parts[0].hits.starts) - 1]
    questions = side_by_side([part.questions.plus(first) for part, first in zip(parts, asked, strict=False)])
    barred = side_by_side([part.barred.plus(first) for part, first in zip(parts, before, strict=False)])
    twins = np.unique(np.searchsorted(papers, twins), axis=0).T
    table = Table(Columns(**columns), hits, twins[:, twins[0] != twins[1]])
    return table, Rows(wishes.after, wishes.limit, questions, barred)
