"""What a choice of interests would have brought: for the sign-up page, topic pages and the desk. Reads, never writes.

Days are read as planning reads them, but from the stored words and only where the index says that something may match; all
days are asked at once, and only what may be picked is looked at as a paper.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from newsletter import issues, mail, search
from newsletter.editions import twins, window
from newsletter.editions._had import Ledger
from newsletter.editions.choose import Choice, Hit, Offer, Pick, choose
from newsletter.editions.choose_many import Floats, Ints
from newsletter.editions.window import DEFAULT_QUERY
from newsletter.editions.write import card, digest_value
from newsletter.matching.crowd import Answers
from newsletter.models import Candidate, Interest, Issue, IssueState, Paper, PinScope, Subscriber
from newsletter.search import Holdings, Row

DAYS = 14
SPARE = 4  # papers of a day looked at beyond what a copy holds; then ever more where the choice could still change
UNSAVED = 2**62  # ids of interests without a row: behind all others, as a row made now would be
NOBODY = -1  # the interest of a paper that matches none


@dataclass(frozen=True, slots=True)
class PreviewDay:
    """One issue: its day, how many papers a copy would have held, and those papers (see `carded`). `open`: still gathering."""

    on: date
    count: int
    picks: tuple[mail.Pick, ...]
    open: bool = False


class _Shown(NamedTuple):
    """A surviving paper as the newest visible candidate of one issue shows it, with the newest pin of any of them."""

    paper: int
    row: Row
    pin: str


@dataclass(frozen=True)
class _Stock:
    """All days' papers, by place in every column.

    best: the relevance to the interest that the paper is shown under, -1.0 where none matches; under: its id, or NOBODY.
    """

    shown: Sequence[_Shown]
    holdings: Holdings
    interests: Sequence[Interest]
    answers: Answers
    best: Floats
    under: Ints

    @cached_property
    def order(self) -> list[int]:
        """Places as `choose` ranks them: pins, then by worth, then the older candidate. What is no offer is left out."""
        pinned = np.array([one.pin != PinScope.NONE for one in self.shown], np.bool_)
        offered = (self.under != NOBODY) | np.array([one.pin == PinScope.EVERYONE for one in self.shown], np.bool_)
        trend = np.array([one.row.trend for one in self.shown], np.float64)
        candidate = np.array([one.row.candidate for one in self.shown], np.int64)
        worth = np.maximum(self.best, 0.0) * (1.0 + trend)
        order = np.lexsort((candidate, -worth, ~pinned))
        return [place for place in order.tolist() if offered[place]]

    def offers(self, places: Sequence[int]) -> list[Offer]:
        """Each under the one interest that it is shown under, without a reason, which only the chosen need."""
        papers = [self.shown[place].paper for place in places]
        alike = twins.by_place([self.holdings.vocabularies(place) for place in places])
        return [
            self._offer(place, frozenset(papers[other] for other in others)) for place, others in zip(places, alike, strict=True)
        ]

    def _offer(self, place: int, alike: frozenset[int]) -> Offer:
        one, under = self.shown[place], int(self.under[place])
        hits = {under: Hit(float(self.best[place]), "")} if under != NOBODY else {}
        pinned = one.pin != PinScope.NONE
        return Offer(candidate=one.row.candidate, paper=one.paper, trend=one.row.trend, hits=hits, pinned=pinned, twins=alike)


def preview(*, queries: Sequence[str], now: datetime, days: int = DAYS, limit: int = 10, carded: int = 100) -> list[PreviewDay]:
    """The last `days` days' issues, oldest first, for these canonical or typed queries (none: is:trending).

    carded: how many issues with papers, the newest, get their cards; the others are counted.

    Raises matching.query.BadQuery. Closed issues give what planning gives a fresh reader of that one issue.
    """
    interests = interests_of(queries)
    since = issues.local_date(now) - timedelta(days=days - 1)
    closed = Issue.objects.exclude(state=IssueState.OPEN).filter(closed_on__gte=since).order_by("closed_on", "number")
    shown = [*closed, *Issue.objects.filter(state=IssueState.OPEN)]
    stock = _stocked(shown, interests)
    of_issue: dict[int, list[int]] = {issue.pk: [] for issue in shown}
    for place in stock.order:
        of_issue[stock.shown[place].row.issue].append(place)
    choices = [_chosen(stock, of_issue[issue.pk], limit) for issue in shown]
    cards = _cards(stock, [pick for choice in [one for one in reversed(choices) if one.picks][:carded] for pick in choice.picks])
    result = []
    for issue, choice in zip(shown, choices, strict=True):
        picks = tuple(cards[pick.candidate] for pick in choice.picks if pick.candidate in cards)
        on = issue.closed_on or issues.local_date(now)
        result.append(PreviewDay(on=on, count=len(choice.picks), picks=picks, open=issue.state == IssueState.OPEN))
    return result


def preview_issue(*, issue: Issue, subscriber: Subscriber | None = None, queries: Sequence[str] = ()) -> mail.Digest:
    """The issue as that reader, or a reader of these queries, would get it now: the desk's preview. It has no personal link."""
    interests = list(subscriber.interests.all()) if subscriber else interests_of(queries)
    content = window.of_issue(issue)
    barred = _barred(content, subscriber) if subscriber else set()
    offers = [offer for offer in content.offers(interests or interests_of(())) if offer.paper not in barred]
    choice = choose(offers, limit=subscriber.max_papers if subscriber else 10)
    digest = digest_value(
        _whole(choice, content),
        numbers=(issue.number,),
        slot_on=issue.closed_on or issue.opened_at.date(),
        notes=(issue.note,) if issue.note else (),
        more=choice.more,
    )
    return replace(digest, card_length=subscriber.card_length, locale=subscriber.locale) if subscriber else digest


def interests_of(queries: Sequence[str]) -> list[Interest]:
    """Interest rows where they exist, unsaved ones with ids from UNSAVED where not. Raises BadQuery."""
    texts = [window.query_of(text).canonical for text in queries if text.strip()] or [DEFAULT_QUERY]
    known = {interest.query: interest for interest in Interest.objects.filter(query__in=texts)}
    return [known.get(text) or Interest(pk=UNSAVED + place, query=text) for place, text in enumerate(dict.fromkeys(texts))]


def _stocked(shown: Sequence[Issue], interests: Sequence[Interest]) -> _Stock:
    """Everything of these issues that may match, asked once."""
    queries = [window.query_of(interest.query) for interest in interests]
    offered = _survivors(search.among(queries, issues=[issue.pk for issue in shown]))
    days = {issue.pk: issue.closed_on for issue in shown}
    holdings = Holdings.of([one.row for one in offered], [one.paper for one in offered], [days[one.row.issue] for one in offered])
    answers = holdings.answers(queries)
    best, under = _best(answers, [interest.pk for interest in interests], len(offered))
    return _Stock(offered, holdings, interests, answers, best, under)


def _survivors(rows: Sequence[Row]) -> list[_Shown]:
    """As a window of each one issue shows it: a merged paper's candidate stands for the survivor."""
    merged = dict(Paper.objects.filter(merged_into__isnull=False).values_list("id", "merged_into_id"))
    gone = set(Paper.objects.filter(withdrawn_at__isnull=False).values_list("id", flat=True))
    newest: dict[tuple[int, int], _Shown] = {}
    for row in sorted(rows, key=attrgetter("candidate")):
        paper = row.paper
        while paper in merged:
            paper = merged[paper]
        if paper not in gone:
            known = newest.get((row.issue, paper))
            newest[row.issue, paper] = _Shown(paper, row, known.pin if known and row.pin == PinScope.NONE else row.pin)
    return list(newest.values())


def _best(answers: Answers, interests: Sequence[int], papers: int) -> tuple[Floats, Ints]:
    """As `Offer.best` chooses: the highest relevance, then the lowest id."""
    best, under = np.full(papers, -1.0), np.full(papers, NOBODY, np.int64)
    for number in np.argsort(interests).tolist():
        hits = slice(answers.starts[number], answers.starts[number + 1])
        places, relevance = answers.papers[hits], answers.relevance[hits]
        better = relevance > best[places]
        best[places[better]], under[places[better]] = relevance[better], interests[number]
    return best, under


def _chosen(stock: _Stock, ranked: Sequence[int], limit: int) -> Choice:
    """`choose` over one day, shown only as many of its papers as can matter. ranked: places in the stock's order."""
    size = limit + SPARE
    while True:
        choice = choose(stock.offers(ranked[:size]), limit=limit)
        rest = {int(stock.under[place]) for place in ranked[size:]}
        if not rest or _is_settled(choice, rest, limit):
            return choice
        size *= 3


def _is_settled(choice: Choice, rest: set[int], limit: int) -> bool:
    """Whether papers of these interests, all ranked behind, change nothing: no place is free, and no interest gives way to them."""
    share = math.ceil(limit / 2)
    held = Counter(pick.interest for pick in choice.picks)
    return len(choice.picks) == limit and (max(held.values()) <= share or all(held[interest] >= share for interest in rest))


def _cards(stock: _Stock, picks: Sequence[Pick]) -> dict[int, mail.Pick]:
    """Cards by candidate, each with its reason as a wave words it; a pin to everyone has none."""
    rows = Candidate.objects.select_related("paper__merged_into").in_bulk([pick.candidate for pick in picks])
    places = {one.row.candidate: place for place, one in enumerate(stock.shown) if one.row.candidate in rows}
    matched = [pick for pick in picks if pick.interest is not None]
    for pick in matched:
        stock.holdings.tell(places[pick.candidate], rows[pick.candidate].paper.survivor())
    numbers = {interest.pk: number for number, interest in enumerate(stock.interests)}
    asked = [numbers[pick.interest or 0] for pick in matched]
    names = [window.called(stock.interests[number]) for number in asked]
    said = stock.answers.reasons(asked, [places[pick.candidate] for pick in matched], names)
    reasons = {pick.candidate: window.again(rows[pick.candidate], reason) for pick, reason in zip(matched, said, strict=True)}
    return {pk: mail.Pick(card=card(row.paper.survivor(), row), reason=reasons.get(pk, "")) for pk, row in rows.items()}


def _barred(content: window.Window, reader: Subscriber) -> set[int]:
    """Papers of the window that never reach the reader: with a muted word, or offered again after they were had."""
    muted = {paper for paper, entry in content.entries.items() if any(word in entry.said() for word in reader.muted)}
    again = [paper for paper, entry in content.entries.items() if not entry.new]
    _, had = Ledger().had(np.array([reader.pk], np.int64), again)
    return muted | set(had.tolist())


def _whole(choice: Choice, content: window.Window) -> tuple[mail.Pick, ...]:
    rows = [(content.entries[pick.paper].candidate, pick.reason) for pick in choice.picks]
    return tuple(mail.Pick(card=card(row.paper.survivor(), row), reason=reason) for row, reason in rows)
