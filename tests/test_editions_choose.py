"""What goes into one copy: choose keeps its promises, and choose_many is the same for a wave."""

import random
from collections import Counter
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from newsletter.editions import Hit, Offer, choose
from newsletter.editions.choose import Choice, Pick
from newsletter.editions.choose_many import NOBODY, Columns, Hits, Rows, Table, choose_many
from newsletter.editions.ragged import Ragged


def _offers(seed: int) -> list[Offer]:
    """A group's offers: papers with ties, look-backs, pins to matching readers and to everyone, near-duplicates."""
    dice = random.Random(seed)
    interests = range(1, dice.randint(2, 6))
    result = []
    for paper in range(1, dice.choice([0, 1, 2, dice.randint(3, 12), dice.randint(8, 40)]) + 1):
        kind = dice.choice(["new"] * 6 + ["late"] * 2 + ["pinned", "everyone"])
        shown_for = dice.sample(interests, dice.randint(1, min(3, len(interests))))
        hits = {interest: Hit(dice.choice([0.1, 0.25, 0.5, 1.0, dice.random()]), f"why {interest}") for interest in shown_for}
        offer = Offer(
            candidate=1_000 - paper * 7,
            paper=paper,
            trend=dice.choice([0.0, 1.0, 3.0, 12 * dice.random()]),
            hits={} if kind == "everyone" else hits,
            pinned=kind in {"pinned", "everyone"},
            late=kind == "late",
        )
        result.append(offer)
    return _with_twins(result, dice)


def _with_twins(offered: list[Offer], dice: random.Random) -> list[Offer]:
    """Some pairs of near-duplicates, chains of them too."""
    pairs = (
        {tuple(dice.sample(range(len(offered)), 2)) for _ in range(dice.choice([0, 0, 1, 4, 12]))} if len(offered) > 1 else set()
    )
    return [
        replace(
            offer,
            twins=frozenset(offered[other].paper for pair in pairs if place in pair for other in pair if other != place),
        )
        for place, offer in enumerate(offered)
    ]


OFFERS = st.integers(0, 2**32).map(_offers)
LIMITS = st.integers(1, 25)


def _shown(offered, choice):
    known = {offer.candidate: offer for offer in offered}
    return [known[pick.candidate] for pick in choice.picks]


@given(offered=OFFERS, limit=LIMITS)
def test_a_copy_holds_at_most_what_was_asked_for_each_paper_and_its_likes_once(offered, limit):
    shown = _shown(offered, choose(offered, limit=limit))
    assert len(shown) <= limit
    papers = {offer.paper for offer in shown}
    assert len(papers) == len(shown) and not any(offer.twins & papers for offer in shown)


@given(offered=OFFERS, limit=LIMITS)
def test_a_copy_is_written_when_a_paper_matches_and_only_then(offered, limit):
    choice = choose(offered, limit=limit)
    assert bool(choice.picks) == any(offer.hits for offer in offered)


@given(offered=OFFERS, limit=LIMITS)
def test_pins_go_before_new_papers_and_those_before_look_backs_each_by_worth(offered, limit):
    shown = _shown(offered, choose(offered, limit=limit))
    keys = [(not offer.pinned, offer.late, -offer.worth(), offer.candidate) for offer in shown]
    assert keys == sorted(keys)
    assert sum(not offer.hits for offer in shown) <= 3


@given(offered=OFFERS, limit=LIMITS)
def test_what_was_cut_is_counted_and_a_look_back_was_no_offer(offered, limit):
    choice = choose(offered, limit=limit)
    matching = sum(bool(offer.hits) and not offer.late for offer in offered)
    assert choice.more == matching - sum(bool(offer.hits) and not offer.late for offer in _shown(offered, choice))


@given(offered=OFFERS, limit=LIMITS)
def test_no_place_stays_free_while_a_paper_unlike_those_shown_is_left(offered, limit):
    shown = _shown(offered, choose(offered, limit=limit))
    if 0 < len(shown) < limit:
        papers = {offer.paper for offer in shown}
        assert all(offer in shown or offer.twins & papers for offer in offered if offer.hits)


@given(offered=OFFERS, limit=LIMITS)
def test_a_look_back_takes_no_place_from_a_new_paper(offered, limit):
    both = choose(offered, limit=limit)
    if any(offer.hits and not offer.late for offer in offered):
        alone = choose([offer for offer in offered if not offer.late], limit=limit)
        assert both.picks[: len(alone.picks)] == alone.picks and both.more == alone.more


@given(offered=OFFERS, limit=LIMITS)
def test_no_interest_holds_more_than_half_while_another_has_papers_left(offered, limit):
    plain = [replace(offer, twins=frozenset()) for offer in offered if offer.hits]
    shown = _shown(plain, choose(plain, limit=limit))
    held = Counter(offer.best()[0] for offer in shown)
    for late in (False, True):
        if late not in {offer.late for offer in shown if not offer.pinned}:
            continue
        left = {offer.best()[0] for offer in plain if offer not in shown and offer.late == late}
        for interest, count in held.items():
            if count > -(-limit // 2) and any(o.late == late and not o.pinned and o.best()[0] == interest for o in shown):
                assert not left - {interest}


@given(offered=OFFERS, limit=LIMITS, shuffle=st.randoms(use_true_random=False))
def test_the_order_of_the_offers_does_not_matter(offered, limit, shuffle):
    choice = choose(offered, limit=limit)
    shuffle.shuffle(offered)
    assert choose(offered, limit=limit) == choice


@given(offered=OFFERS, limit=LIMITS, raised=st.floats(0, 5), which=st.integers(0, 39))
def test_a_chosen_paper_stays_when_its_trend_rises(offered, limit, raised, which):
    choice = choose(offered, limit=limit)
    if not choice.picks:
        return
    candidate = choice.picks[which % len(choice.picks)].candidate
    risen = [replace(o, trend=o.trend + raised) if o.candidate == candidate else o for o in offered]
    assert candidate in {pick.candidate for pick in choose(risen, limit=limit).picks}


def test_of_two_that_are_nearly_the_same_the_better_one_stays():
    worse, better = (
        Offer(candidate=at, paper=at, trend=trend, hits={1: Hit(0.5, "why")}, twins=frozenset({3 - at}))
        for at, trend in ((1, 0.0), (2, 3.0))
    )
    choice = choose([worse, better], limit=10)
    assert [pick.candidate for pick in choice.picks] == [2] and choice.more == 1


def test_a_twin_that_went_takes_nobody_along():
    first, second, third = (
        Offer(candidate=at, paper=at, trend=0.0, hits={1: Hit(1.0 / at, "why")}, twins=twins)
        for at, twins in ((1, frozenset({2})), (2, frozenset({1, 3})), (3, frozenset({2})))
    )
    for offered in ([first, second, third], [third, second, first]):
        assert [pick.candidate for pick in choose(offered, limit=10).picks] == [1, 3]
    assert [pick.candidate for pick in choose([second, third], limit=10).picks] == [2]


def _many(offered: list[Offer], rows: list[tuple[set[int], set[int], int, int]]) -> list[Choice]:
    """Rows of (interests, papers that must not come, after, limit) over shared offers, read back as choices.

    A row sees what is new to it: offers whose paper's number is above its `after`.
    """
    interests = sorted({interest for offer in offered for interest in offer.hits})
    hits = [
        (question, column, offer.hits[interest])
        for question, interest in enumerate(interests)
        for column, offer in enumerate(offered)
        if interest in offer.hits
    ]
    paper = np.array([offer.paper for offer in offered], np.int64)
    columns = Columns(
        paper=np.argsort(np.argsort(paper)),
        candidate=np.array([offer.candidate for offer in offered], np.int64),
        trend=np.array([offer.trend for offer in offered], np.float64),
        late=np.array([offer.late for offer in offered], np.bool_),
        since=np.zeros(len(offered), np.int64),
        until=paper,
        pinned=np.array([99 if offer.pinned else 0 for offer in offered], np.int64),
        everyone=np.array([not offer.hits for offer in offered], np.bool_),
    )
    places = {offer.paper: place for offer, place in zip(offered, columns.paper.tolist(), strict=True)}
    twins = [(places[offer.paper], places[twin]) for offer in offered for twin in offer.twins if offer.paper < twin]
    questions = np.array([question for question, _, _ in hits], np.int64)
    table = Table(
        columns,
        Hits(
            np.searchsorted(questions, np.arange(len(interests) + 1)),
            np.array([column for _, column, _ in hits], np.int64),
            np.array([interests[question] for question, _, _ in hits], np.int64),
            np.array([hit.relevance for _, _, hit in hits], np.float64),
        ),
        np.array(twins, np.int64).reshape(-1, 2).T,
    )
    asked = [[interests.index(one) for one in sorted(wanted & set(interests))] for wanted, _, _, _ in rows]
    barred = [[column for column, offer in enumerate(offered) if offer.paper in without] for _, without, _, _ in rows]
    chosen = choose_many(
        table,
        Rows(
            np.array([after for _, _, after, _ in rows], np.int64),
            np.array([limit for _, _, _, limit in rows], np.int64),
            _ragged(asked),
            _ragged(barred),
        ),
    )
    result = []
    for row in range(len(rows)):
        span = slice(chosen.starts[row], chosen.starts[row + 1])
        made = [
            Pick(offered[column].candidate, offered[column].paper, None, "")
            if interest == NOBODY
            else Pick(offered[column].candidate, offered[column].paper, interest, offered[column].hits[interest].reason)
            for column, interest in zip(chosen.column[span].tolist(), chosen.interest[span].tolist(), strict=True)
        ]
        result.append(Choice(tuple(made), int(chosen.more[row])))
    return result


def _ragged(lists: list[list[int]]) -> Ragged:
    values = np.array([value for values in lists for value in values], np.int64)
    return Ragged.of(np.repeat(np.arange(len(lists)), [len(values) for values in lists]), values, len(lists))


def _seen(offered: list[Offer], wanted: set[int], without: set[int], after: int) -> list[Offer]:
    """What one such row is offered."""
    found = []
    for offer in offered:
        hits = {interest: hit for interest, hit in offer.hits.items() if interest in wanted}
        if offer.paper > after and offer.paper not in without and (hits or not offer.hits):
            found.append(replace(offer, hits=hits))
    return found


def _row(dice: random.Random) -> tuple[set[int], set[int], int, int]:
    return (
        set(dice.sample(range(1, 7), dice.randint(1, 6))),
        set(dice.sample(range(1, 9), dice.choice([0, 0, 3]))),
        dice.choice([0, 0, 2]),
        dice.randint(1, 25),
    )


def test_three_thousand_waves_are_chosen_as_their_rows_would_be_one_by_one():
    for seed in range(3_000):
        dice = random.Random(seed)
        offered, rows = _offers(seed), [_row(dice) for _ in range(4)]
        alone = [choose(_seen(offered, wanted, without, after), limit=limit) for wanted, without, after, limit in rows]
        assert _many(offered, rows) == alone, f"wave {seed}"
