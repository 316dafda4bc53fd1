"""The published formula keeps its promises, and its document is true."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.matching.trend import THRESHOLD, Weights, decay, trend

DOCUMENT = Path(__file__).parents[2] / "docs" / "trending.md"
SIGNALS = ("upvotes", "comments", "stars", "sources")
COUNTS = st.none() | st.integers(0, 10**6)
PAPERS = st.fixed_dictionaries(dict.fromkeys(SIGNALS, COUNTS) | {"age_days": st.none() | st.floats(0, 400)})


def worked_examples() -> list[list[str]]:
    lines = DOCUMENT.read_text(encoding="utf-8").partition("## Worked examples")[2].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return rows[2:]  # without the head and its rule


def test_the_document_has_worked_examples() -> None:
    assert len(worked_examples()) >= 4


@pytest.mark.parametrize("row", worked_examples(), ids=lambda row: row[0])
def test_a_worked_example_of_the_document_is_true(row: list[str]) -> None:
    known = [None if cell == "-" else int(cell) for cell in row[1:6]]
    result = trend(upvotes=known[0], comments=known[1], stars=known[2], sources=known[3], age_days=known[4])
    assert [f"{result.parts[name]:.2f}" for name in SIGNALS] == row[6:10]
    assert f"{result.total:.2f}" == row[10]
    assert ("yes" if result.total >= THRESHOLD else "no") == row[11]


def test_the_document_names_the_threshold_and_the_weights_of_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    weights = Weights()
    assert f"total is **{THRESHOLD}** or more" in text
    assert f"{weights.upvotes} x log2(1 + votes)" in text
    assert f"{weights.comments} x log2(1 + comments)" in text
    assert f"{weights.stars} x log2(1 + stars)" in text
    assert f"{weights.sources} x log2(sources)" in text


@given(PAPERS, st.sampled_from(SIGNALS), st.integers(1, 1000))
def test_more_of_a_signal_never_lowers_the_total(paper: dict[str, int | None], signal: str, more: int) -> None:
    assert trend(**{**paper, signal: (paper[signal] or 0) + more}).total >= trend(**paper).total


@given(PAPERS, st.sampled_from(SIGNALS))
def test_a_missing_signal_counts_like_none_at_all(paper: dict[str, int | None], signal: str) -> None:
    assert trend(**{**paper, signal: None}) == trend(**{**paper, signal: 0})


@given(PAPERS)
def test_the_parts_sum_to_the_total_and_none_is_negative(paper: dict[str, int | None]) -> None:
    result = trend(**paper)
    assert result.total == sum(result.parts.values())
    assert min(result.parts.values()) >= 0


@given(PAPERS, st.floats(0.1, 30))
def test_age_only_lowers(paper: dict[str, int | None], days: float) -> None:
    old = {**paper, "age_days": (paper["age_days"] or 0) + days}
    new = {**paper, "age_days": paper["age_days"] or 0}
    assert trend(**old).total <= trend(**new).total


def test_nonsense_below_zero_counts_like_zero() -> None:
    assert trend(upvotes=-5, comments=-1, stars=-9, sources=0, age_days=-3) == trend()
    assert decay(-3) == 1 > decay(None) > decay(7) == 0.5


def test_other_weights_give_another_order() -> None:
    loved, starred = {"upvotes": 30, "age_days": 0}, {"stars": 900, "age_days": 0}
    assert trend(**loved).total > trend(**starred).total
    heavy = Weights(stars=2.0)
    assert trend(**loved, weights=heavy).total < trend(**starred, weights=heavy).total
