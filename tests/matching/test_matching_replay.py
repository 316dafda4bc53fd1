"""Three orders of one day, and how much they agree."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.matching.replay import hacker_news, kendall, replay
from newsletter.matching.trend import Signals, Weights

PAPERS = st.lists(st.builds(Signals, upvotes=st.none() | st.integers(0, 300), age_days=st.floats(0, 30)), min_size=1, max_size=15)


def test_hacker_news_formula_is_as_published() -> None:
    assert hacker_news(11, 1.0) == pytest.approx(10 / 26**1.8)
    assert hacker_news(1, 0) == hacker_news(0, 0) == hacker_news(None, None) == 0


@pytest.mark.parametrize(
    ("left", "right", "tau"),
    [
        ([1, 2, 3, 4], [10, 20, 30, 40], 1.0),
        ([1, 2, 3, 4], [4, 3, 2, 1], -1.0),
        ([1, 2, 3, 4], [1, 3, 2, 4], 4 / 6),
        ([1, 1, 2, 3], [1, 2, 2, 3], 4 / 5),  # tau-b: a tie on either side is no pair of it
        ([5, 5, 5], [1, 2, 3], None),
        ([1], [1], None),
    ],
)
def test_kendalls_tau_takes_ties_out_of_the_pairs(left: list[float], right: list[float], tau: float | None) -> None:
    assert kendall(left, right) == (None if tau is None else pytest.approx(tau))


def test_a_starred_young_paper_passes_one_with_more_votes() -> None:
    day = replay(
        [
            ("old and loved", Signals(upvotes=60, age_days=14)),
            ("young, with code", Signals(upvotes=40, stars=500, age_days=0)),
            ("unnoticed", Signals(age_days=0)),
        ],
        Weights(),
    )
    assert [(line.title, line.ours, line.votes, line.hacker_news) for line in day.lines] == [
        ("young, with code", 1, 2, 1), ("old and loved", 2, 1, 2), ("unnoticed", 3, 3, 3)]  # fmt: skip
    assert day.with_votes.tau == pytest.approx(1 / 3) and day.with_hacker_news.tau == 1
    assert (day.with_votes.shared, day.with_votes.head, day.trending) == (3, 3, 1)


@given(PAPERS)
def test_each_order_gives_every_paper_one_place(papers: list[Signals]) -> None:
    day = replay([(str(i), signals) for i, signals in enumerate(papers)], Weights())
    places = list(range(1, len(papers) + 1))
    assert [line.ours for line in day.lines] == places
    assert sorted(line.votes for line in day.lines) == sorted(line.hacker_news for line in day.lines) == places


@given(st.lists(st.integers(0, 300), min_size=2, max_size=15))
def test_with_nothing_but_votes_of_one_day_all_orders_agree(votes: list[int]) -> None:
    day = replay([(str(i), Signals(upvotes=count, age_days=0)) for i, count in enumerate(votes)], Weights())
    assert [line.votes for line in day.lines] == [line.ours for line in day.lines]
    assert day.with_votes.tau in (None, pytest.approx(1))
