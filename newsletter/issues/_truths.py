"""TRUE: a paper's votes, stars or code made an interest match that did not."""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from datetime import date
from functools import lru_cache

from django.db.models import Exists, OuterRef, Q

from newsletter.issues._signals import document, trend_of, values_of
from newsletter.matching import Document
from newsletter.matching.nodes import Flag, Leaf, Name, Number
from newsletter.matching.query import Query, parse
from newsletter.models import Candidate, Interest, Paper, Subscriber, SubscriberInterest, SubscriberStatus

DEFAULT_QUERY = "is:trending"  # what a reader who chose nothing gets
_MENTIONS = ("upvotes", "stars", "comments", "has:", "is:", "source:")  # canonical queries whose truth signals can change


class Truths:
    """Queries that ask about signals, by the questions they ask: only those with an answer that changed are evaluated."""

    def __init__(self, queries: Iterable[str]) -> None:
        self._by_leaf: dict[Leaf, list[Query]] = {}
        for text in sorted(set(queries), key=lambda text: (len(text), text)):  # short ones come true most often
            query = _query(text)
            for leaf in dict.fromkeys(filter(_asks_signals, query.leaves())):
                self._by_leaf.setdefault(leaf, []).append(query)

    @classmethod
    def of_active_readers(cls) -> Truths:
        """The interests of active readers; is:trending when one of them chose nothing."""
        links = SubscriberInterest.objects.filter(interest=OuterRef("pk"), subscriber__status=SubscriberStatus.ACTIVE)
        mentions = Q()
        for text in _MENTIONS:
            mentions |= Q(query__contains=text)
        queries = list(Interest.objects.filter(mentions).filter(Exists(links)).values_list("query", flat=True))
        chosen = SubscriberInterest.objects.filter(subscriber=OuterRef("pk"))
        if Subscriber.objects.filter(~Exists(chosen), status=SubscriberStatus.ACTIVE).exists():
            queries.append(DEFAULT_QUERY)
        return cls(queries)

    def come_true(self, past: Candidate, live: Candidate, paper: Paper, *, today: date) -> str:
        """What is said on the card, or "": the signals of `live` make a query match that those of `past` do not.

        Those of `past` are asked twice: as they were, for who was offered the paper then; and at today's age and decay,
        because time alone makes nothing true (`age>3d`, or `-is:trending` of a paper that fades).
        """
        now = document(live, paper, on=today)
        stayed = document(_aged(past, live, paper, today), paper, on=today)
        changed = [leaf for leaf in self._by_leaf if leaf.holds(now) != leaf.holds(stayed)]
        then: Document | None = None
        for leaf in changed:
            for query in self._by_leaf[leaf]:
                if not query.matches(now) or query.matches(stayed):
                    continue
                then = then or document(past, paper, on=past.issue.closed_on or paper.listed_on)
                if not query.matches(then):
                    return _words([each for each in query.leaves() if each in changed and each.holds(now)], now)
        return ""


@lru_cache(maxsize=20_000)
def _query(text: str) -> Query:
    return parse(text)


def _asks_signals(leaf: Leaf) -> bool:
    if isinstance(leaf, Number):
        return leaf.name != "age"
    return isinstance(leaf, Flag) or (isinstance(leaf, Name) and leaf.field == "source")


def _aged(past: Candidate, live: Candidate, paper: Paper, today: date) -> Candidate:
    """The old signals as they would be today, under today's summary and formula: only signals are compared."""
    row = copy(past)
    row.summary_edit = live.summary_edit
    row.trend = round(trend_of(past, paper, on=today, weights=values_of(live.weights)).total, 6)
    return row


def _words(leaves: list[Leaf], now: Document) -> str:
    """Said of the first question that has become true; a query may also come true because another has become false."""
    leaf = leaves[0] if leaves else None
    if isinstance(leaf, Number):
        count, noun = getattr(now, leaf.name), {"upvotes": "vote"}.get(leaf.name, leaf.name.removesuffix("s"))
        return f"now {count} {noun}{'' if count == 1 else 's'}"
    if isinstance(leaf, Name):
        return f"now on {leaf.found(now)}"
    if isinstance(leaf, Flag):
        votes = f" with {now.upvotes} votes" if (now.upvotes or 0) > 1 else ""
        return {"code": "now with code", "project": "now with a project page"}.get(leaf.name, f"now trending{votes}")
    return "its numbers have changed"
