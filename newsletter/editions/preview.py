"""What a choice of interests would have brought: for the sign-up page, topic pages and the desk. Reads, never writes.

Days are read as planning reads them, but from the stored words, and only where the index says that something may match or
where somebody keeps them whole; all closed days are asked at once, and only what may be picked is looked at as a paper.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cached_property

import numpy as np

from newsletter import issues, mail
from newsletter.editions import mutes, window
from newsletter.editions._had import Ledger
from newsletter.editions.choose import Choice, Hit, Offer, Pick, choose
from newsletter.editions.choose_many import Floats, Ints
from newsletter.editions.recent import Keep, Recent
from newsletter.editions.window import DEFAULT_QUERY
from newsletter.editions.write import card, digest_value
from newsletter.matching.crowd import Answers
from newsletter.models import Interest, Issue, IssueState, Paper, PinScope, Subscriber
from newsletter.search import Told

DAYS = 14
SPARE = 4  # papers of a day looked at beyond what a copy holds; then ever more where the choice could still change
UNSAVED = 2**62  # ids of interests without a row: behind all others, as a row made now would be
NOBODY = -1  # the interest of a paper that matches none


@dataclass(frozen=True, slots=True)
class PreviewDay:
    """One issue: its day, how many papers a copy would have held, and those papers (see `carded`). `open`: still gathering."""

    issue: int  # its id
    on: date
    count: int
    picks: tuple[mail.Pick, ...]
    open: bool = False


@dataclass(frozen=True, slots=True)
class FirstIssue:
    """What a new reader is shown at once."""

    issue: Issue
    digest: mail.Digest
    is_newest: bool


@dataclass(frozen=True)
class _Stock:
    """Some issues' papers, asked one question; all by place in every column.

    best: the relevance to the interest that the paper is shown under, -1.0 where none matches; under: its id, or NOBODY.
    """

    recent: Recent
    told: Told
    interests: Sequence[Interest]
    answers: Answers
    best: Floats
    under: Ints

    @cached_property
    def order(self) -> list[int]:
        """Places as `choose` ranks them."""
        return self.recent.ranked(self.best, self.under != NOBODY)

    def of_issue(self, barred: Collection[int]) -> Mapping[int, list[int]]:
        """The same by issue, without these."""
        found: defaultdict[int, list[int]] = defaultdict(list)
        for place in self.order:
            if place not in barred:
                found[self.recent.shown[place].row.issue].append(place)
        return found

    def offers(self, places: Sequence[int]) -> list[Offer]:
        """Each under the one interest that it is shown under, without a reason, which only the chosen need."""
        papers = [self.recent.shown[place].paper for place in places]
        alike = self.recent.alike(places)
        return [
            self._offer(place, frozenset(papers[other] for other in others)) for place, others in zip(places, alike, strict=True)
        ]

    def _offer(self, place: int, alike: frozenset[int]) -> Offer:
        one, under = self.recent.shown[place], int(self.under[place])
        hits = {under: Hit(float(self.best[place]), "")} if under != NOBODY else {}
        pinned = one.pin != PinScope.NONE
        return Offer(candidate=one.row.candidate, paper=one.paper, trend=one.row.trend, hits=hits, pinned=pinned, twins=alike)


@dataclass(frozen=True, slots=True)
class Mutes:
    """What a reader never wants: words and names, and queries whose papers never come."""

    words: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()


NO_MUTES = Mutes()


def preview(
    *,
    queries: Sequence[str],
    now: datetime,
    days: int = DAYS,
    limit: int = 10,
    carded: int = 100,
    without: Mutes = NO_MUTES,
    keep: Keep = lambda _issues: None,
) -> list[PreviewDay]:
    """The last `days` days' issues, oldest first, for these canonical or typed queries (none: is:trending).

    carded: how many issues with papers, the newest, get their cards; the others are counted. without: what is muted. keep: see
    there; closed issues and the open one are asked for one by one, as the latter changes more often.

    Raises matching.query.BadQuery. Closed issues give what planning gives a fresh reader of that one issue.
    """
    interests = interests_of(queries)
    since = issues.local_date(now) - timedelta(days=days - 1)
    closed = Issue.objects.exclude(state=IssueState.OPEN).filter(closed_on__gte=since).order_by("closed_on", "number")
    asked = [
        _asked(list(shown), interests, keep, without, limit) for shown in (closed, Issue.objects.filter(state=IssueState.OPEN))
    ]
    filled = [issue.pk for _, choices in asked for issue, choice in choices if choice.picks]
    result = []
    for stock, choices in asked:
        carding = {issue.pk for issue, _ in choices}.intersection(filled[max(0, len(filled) - carded) :])
        cards = _cards(stock, [pick for issue, choice in choices if issue.pk in carding for pick in choice.picks])
        for issue, choice in choices:
            picks = tuple(cards[pick.candidate] for pick in choice.picks if pick.candidate in cards)
            on = issue.closed_on or issues.local_date(now)
            result.append(PreviewDay(issue.pk, on, count=len(choice.picks), picks=picks, open=issue.state == IssueState.OPEN))
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


def first_issue(*, subscriber: Subscriber, now: datetime) -> FirstIssue | None:
    """The newest closed issue; where it has nothing for this reader, the last of DAYS days that has. None: none has closed yet.

    Two issues are read whole at most: it stands behind a feed.
    """
    newest = Issue.objects.filter(state=IssueState.CLOSED).order_by("-number").first()
    if newest is None:
        return None
    first = FirstIssue(newest, preview_issue(issue=newest, subscriber=subscriber), is_newest=True)
    if first.digest.picks:
        return first
    queries = [interest.query for interest in subscriber.interests.all()]
    without = Mutes(tuple(subscriber.muted), tuple(subscriber.mutes.values_list("interest__query", flat=True)))
    days = preview(queries=queries, now=now, carded=0, without=without)
    filled = [day.issue for day in days if day.count and not day.open and day.issue != newest.pk]
    if not filled:
        return first
    issue = Issue.objects.get(pk=filled[-1])
    return FirstIssue(issue, preview_issue(issue=issue, subscriber=subscriber), is_newest=False)


def interests_of(queries: Sequence[str]) -> list[Interest]:
    """Interest rows where they exist, unsaved ones with ids from UNSAVED where not. Raises BadQuery."""
    texts = [window.query_of(text).canonical for text in queries if text.strip()] or [DEFAULT_QUERY]
    known = {interest.query: interest for interest in Interest.objects.filter(query__in=texts)}
    return [known.get(text) or Interest(pk=UNSAVED + place, query=text) for place, text in enumerate(dict.fromkeys(texts))]


def _asked(
    shown: Sequence[Issue], interests: Sequence[Interest], keep: Keep, without: Mutes, limit: int
) -> tuple[_Stock, list[tuple[Issue, Choice]]]:
    """What each of these issues would have brought."""
    queries = [window.query_of(interest.query) for interest in interests]
    recent = keep(shown) or Recent.asked(shown, queries)
    told = Told(recent.holdings)
    answers = recent.holdings.answers(queries, told)
    best, under = _best(answers, [interest.pk for interest in interests], len(recent.shown))
    stock = _Stock(recent, told, interests, answers, best, under)
    ranked = stock.of_issue(_muted_places(stock, without))
    return stock, [(issue, _chosen(stock, ranked.get(issue.pk, ()), limit)) for issue in shown]


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
    rows = stock.recent.candidates([pick.candidate for pick in picks])
    places = stock.recent.places
    matched = [pick for pick in picks if pick.interest is not None and pick.candidate in rows]
    for pick in matched:
        stock.told.tell(places[pick.candidate], rows[pick.candidate].paper.survivor())
    numbers = {interest.pk: number for number, interest in enumerate(stock.interests)}
    asked = [numbers[pick.interest or 0] for pick in matched]
    names = [window.called(stock.interests[number]) for number in asked]
    said = stock.answers.reasons(asked, [places[pick.candidate] for pick in matched], names)
    reasons = {pick.candidate: window.again(rows[pick.candidate], reason) for pick, reason in zip(matched, said, strict=True)}
    return {pk: mail.Pick(card=card(row.paper.survivor(), row), reason=reasons.get(pk, "")) for pk, row in rows.items()}


def _muted_places(stock: _Stock, without: Mutes) -> set[int]:
    """Places on offer whose paper is muted."""
    barred: set[int] = set()
    shown = stock.recent.shown
    if without.queries:
        answers = stock.recent.holdings.answers([window.query_of(text) for text in without.queries], stock.told)
        barred.update(answers.papers.tolist())
    if without.words:
        offered = {shown[place].row.paper for place in stock.order}
        texts = Paper.objects.filter(pk__in=offered).values_list("id", "title", "abstract", "authors")
        muted = {pk for pk, *said in texts.iterator() if mutes.muted_by(without.words, mutes.said(*said))}
        barred.update(place for place in stock.order if shown[place].row.paper in muted)
    return barred


def _barred(content: window.Window, reader: Subscriber) -> set[int]:
    """Papers of the window that never reach the reader: muted, or offered again after they were had."""
    muted = {paper for paper, entry in content.entries.items() if mutes.muted_by(reader.muted, entry.said())}
    for interest in Interest.objects.filter(pk__in=reader.mutes.values("interest")):
        muted |= content.matches(interest).keys()
    again = [paper for paper, entry in content.entries.items() if not entry.new]
    _, had = Ledger().had(np.array([reader.pk], np.int64), again)
    return muted | set(had.tolist())


def _whole(choice: Choice, content: window.Window) -> tuple[mail.Pick, ...]:
    rows = [(content.entries[pick.paper].candidate, pick.reason) for pick in choice.picks]
    return tuple(mail.Pick(card=card(row.paper.survivor(), row), reason=reason) for row, reason in rows)
