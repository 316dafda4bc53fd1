"""Near-duplicates: what is one work under two rows, and what only looks like it."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.editions.twins import NOT_ANOTHER, SAME, _near, pairs
from newsletter.matching import Document

SHORT = "We present a robot that folds towels with two arms and a camera"
LONG = " ".join(
    f"{word} number{at}"
    for at, word in enumerate(["towel", "arm", "camera", "fold", "grasp", "cloth", "plan", "reward", "policy"])
)
TITLE = "A Robot That Learns to Fold Towels"


def _paper(title: str, abstract: str = "") -> Document:
    return Document(title=title, abstract=abstract)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_paper(TITLE), _paper("A robot that learns to fold towels.")),
        (_paper(TITLE, SHORT), _paper("A Robot That Learns to Fold Towels Again", SHORT + " again")),
        (_paper("Towel Folding", LONG + SHORT), _paper("Learning to Fold: Laundry at Home", LONG + SHORT + " indeed")),
    ],
)
def test_the_same_work_in_nearly_the_same_words_is_a_pair(one, other):
    between = _paper("On the zeros of a function", "Nothing about laundry.")
    assert pairs([one, between, other]) == [(0, 2)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (_paper(TITLE + ", Part I", SHORT), _paper(TITLE + ", Part II", "Another story of cloth, sewn by hand in winter")),
        (_paper(TITLE), _paper(TITLE + " again", SHORT)),
        (_paper("Technical report"), _paper("Technical report")),
        (_paper("", ""), _paper("", "")),
    ],
)
def test_parts_of_a_series_and_short_titles_stay_apart(one, other):
    assert pairs([one, other]) == []


@given(seed=st.integers(0, 2**32))
def test_looking_at_rare_words_only_misses_no_pair(seed):
    dice = random.Random(seed)
    words = [f"w{number}" for number in range(14)]
    sets = [frozenset(dice.sample(words, dice.randint(0, 12))) for _ in range(12)]
    sets += [frozenset(set(words[:10]) - {dice.choice(words)}) for _ in range(3)]
    found = {(one, other) for one, other in _near(sets, 4)}
    assert found == {
        (one, other)
        for other in range(len(sets))
        for one in range(other)
        if min(len(sets[one]), len(sets[other])) >= 4 and len(sets[one] & sets[other]) / len(sets[one] | sets[other]) >= SAME
    }
    assert NOT_ANOTHER < SAME


def test_whether_two_are_twins_does_not_depend_on_a_third_between_them():
    one, between, other = (_paper("", " ".join(f"w{number}" for number in range(at, at + 40))) for at in (0, 4, 8))
    assert pairs([one, between, other]) == [(0, 1), (1, 2)]
    assert pairs([one, other]) == []
