"""The published formula keeps its promises, and its document is true."""

from dataclasses import asdict, replace
from math import inf, nan
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.matching.trend import SIGNALS, THRESHOLD, BadWeights, Signals, Weights, decay, trend

DOCUMENT = Path(__file__).parents[2] / "docs" / "trending.md"
COUNTS = st.none() | st.integers(0, 10**6)
PAPERS = st.builds(Signals, age_days=st.none() | st.floats(0, 400), **dict.fromkeys(SIGNALS, COUNTS))
WEIGHTS = st.builds(
    Weights, upvotes=st.floats(0.01, 10), half_after_days=st.floats(0.5, 90), **dict.fromkeys(SIGNALS[1:], st.floats(0, 10))
)


def worked_examples() -> list[list[str]]:
    part = DOCUMENT.read_text(encoding="utf-8").partition("## Worked examples")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in part.splitlines() if line.startswith("|")]
    return rows[2:]  # without the head and its rule


def test_the_document_has_worked_examples_of_every_signal() -> None:
    rows = worked_examples()
    assert len(rows) >= 6
    assert all(any(row[place] != "0.00" for row in rows) for place in range(8, 14))


@pytest.mark.parametrize("row", worked_examples(), ids=lambda row: row[0])
def test_a_worked_example_of_the_document_is_true(row: list[str]) -> None:
    known = [None if cell == "-" else int(cell) for cell in row[1:8]]
    result = trend(Signals(**dict(zip((*SIGNALS, "age_days"), known, strict=True))))
    assert [f"{result.parts[name]:.2f}" for name in SIGNALS] == row[8:14]
    assert f"{result.total:.2f}" == row[14]
    assert ("yes" if result.total >= THRESHOLD else "no") == row[15]


def test_the_document_names_the_threshold_and_the_weights_of_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    weights = Weights()
    assert f"total is **{THRESHOLD}** or more" in text
    assert f"decay = {weights.half_after_days:g} / ({weights.half_after_days:g} + age in days)" in text
    for name, words in zip(
        SIGNALS[:5], ("votes", "comments", "stars", "votes gained in 24 h", "stars gained in 24 h"), strict=True
    ):
        assert f"{getattr(weights, name)} x log2(1 + {words})" in text
    assert f"{weights.sources} x log2(places)" in text


@given(PAPERS, WEIGHTS, st.sampled_from(SIGNALS), st.integers(1, 1000))
def test_more_of_a_signal_never_lowers_the_total(paper: Signals, weights: Weights, signal: str, more: int) -> None:
    grown = replace(paper, **{signal: (getattr(paper, signal) or 0) + more})
    assert trend(grown, weights).total >= trend(paper, weights).total


@given(PAPERS, WEIGHTS, st.integers(1, 1000))
def test_votes_that_come_today_raise_votes_and_gain_together(paper: Signals, weights: Weights, more: int) -> None:
    """As in life: a vote adds to both. It raises the total at least as much as an old one would."""
    old = replace(paper, upvotes=(paper.upvotes or 0) + more)
    new = replace(old, upvotes_gained=(paper.upvotes_gained or 0) + more)
    assert trend(new, weights).total >= trend(old, weights).total >= trend(paper, weights).total


@given(PAPERS, WEIGHTS, st.sampled_from(SIGNALS))
def test_a_missing_signal_counts_like_none_at_all(paper: Signals, weights: Weights, signal: str) -> None:
    assert trend(replace(paper, **{signal: None}), weights) == trend(replace(paper, **{signal: 0}), weights)


@given(PAPERS, WEIGHTS, st.sampled_from(SIGNALS))
def test_learning_of_a_signal_never_harms(paper: Signals, weights: Weights, signal: str) -> None:
    assert trend(paper, weights).total >= trend(replace(paper, **{signal: None}), weights).total


@given(PAPERS, WEIGHTS)
def test_the_parts_sum_to_the_total_and_none_is_negative(paper: Signals, weights: Weights) -> None:
    result = trend(paper, weights)
    assert result.total == sum(result.parts.values())
    assert min(result.parts.values()) >= 0
    assert set(result.parts) == set(SIGNALS)


@given(PAPERS, WEIGHTS, st.floats(0.1, 30))
def test_age_only_lowers_and_never_to_nothing(paper: Signals, weights: Weights, days: float) -> None:
    new = replace(paper, age_days=paper.age_days or 0)
    old = replace(new, age_days=new.age_days + days)
    assert trend(old, weights).total <= trend(new, weights).total
    assert bool(trend(old, weights).total) == bool(trend(new, weights).total)


def test_nonsense_below_zero_counts_like_zero() -> None:
    assert trend(Signals(**dict.fromkeys(SIGNALS, -5), age_days=-3)) == trend(Signals(age_days=0))
    assert decay(-3) == 1 > decay(None) > decay(7) == 0.5 == decay(2, 2)


def test_other_weights_give_another_order() -> None:
    loved, starred = Signals(upvotes=30, age_days=0), Signals(stars=900, age_days=0)
    assert trend(loved).total > trend(starred).total
    heavy = Weights(stars=2.0)
    assert trend(loved, heavy).total < trend(starred, heavy).total


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"stars": nan}, "stars"),
        ({"upvotes": inf}, "upvotes"),
        ({"comments": -0.1}, "comments"),
        ({"sources": 10.01}, "sources"),
        ({"half_after_days": 0.0}, "half_after_days"),
        ({"half_after_days": 91.0}, "half_after_days"),
        (dict.fromkeys(SIGNALS, 0.0), ""),
    ],
)
def test_weights_out_of_bounds_are_no_weights(values: dict[str, float], field: str) -> None:
    with pytest.raises(BadWeights) as refused:
        Weights(**{**asdict(Weights()), **values})
    assert refused.value.field == field
