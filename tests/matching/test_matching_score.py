"""Relevance in [0, 1] and the reason on the card."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.matching import Document
from newsletter.matching.query import parse
from newsletter.matching.score import LONGEST_TERM, reason, score

FILLER = "This sentence has words that nobody asked about and some more of them for length. "


def relevance(query: str, **fields: object) -> float:
    match = score(Document(**fields), parse(query))  # type: ignore[arg-type]
    assert match is not None
    return match.relevance


def why(query: str, name: str = "", **fields: object) -> str:
    match = score(Document(**fields), parse(query))  # type: ignore[arg-type]
    assert match is not None
    return reason(match, name)


def test_no_match_is_none() -> None:
    assert score(Document(title="Vision"), parse("robotics")) is None


def test_the_title_beats_any_number_of_repeats_in_the_abstract() -> None:
    assert relevance("robots", title="Robots " + FILLER * 2) > relevance("robots", abstract="robots " * 50)


def test_the_keywords_beat_the_abstract() -> None:
    assert relevance("robots", keywords=("robots",)) > relevance("robots", abstract=FILLER + "robots")


def test_a_word_in_title_and_abstract_beats_the_title_alone() -> None:
    assert relevance("robots", title="Robots walk", abstract="robots") > relevance("robots", title="Robots walk")


def test_a_repeat_helps_and_a_long_text_dilutes() -> None:
    assert relevance("robots", abstract="robots and robots") > relevance("robots", abstract="robots and wheels")
    assert relevance("robots", abstract="robots") > relevance("robots", abstract="robots " + FILLER * 20)


def test_rare_words_beat_common_ones() -> None:
    rare_on_top = relevance("tokamak model", title="Tokamak", abstract="a model")
    assert rare_on_top > relevance("tokamak model", title="A model", abstract="tokamak")
    assert relevance("tokamak", title="Tokamak") > relevance("model", title="Model") > relevance("the", title="The")


def test_a_phrase_beats_its_words() -> None:
    assert relevance('"world models"', title="World Models") > relevance("world models", title="World Models")
    assert relevance("world models", title="World Models and Us") > relevance("world models", title="Models of Our World")


def test_each_alternative_that_is_found_adds() -> None:
    assert relevance("walk OR swim", title="Walk and swim") > relevance("walk OR swim", title="Walk and fly")


def test_only_facts_match_less_than_words() -> None:
    assert relevance("has:code", has_code=True) < relevance("robots", title="Robots")
    assert relevance("is:trending", trend=9.0) > relevance("is:trending", trend=4.0)


def test_what_is_left_out_is_no_evidence() -> None:
    assert relevance("robots -vision", title="Robots") == relevance("robots", title="Robots")


@pytest.mark.parametrize(
    ("query", "name", "fields", "said"),
    [
        ('"mixture of experts"', "", {"title": "Sparse Mixture-of-Experts Models"}, "matches “Mixture-of-Experts” (title)"),
        ("robotics", "Robotics", {"title": "Robotics at Home"}, "matches “Robotics” (title)"),
        ("robot*", "Robotics", {"title": "Robot arms"}, "matches “Robot” (title)"),
        ("grasp*", "Robotics", {"title": "Grasping"}, "Robotics: matches “Grasping” (title)"),
        ("vision OR robots", "", {"title": "Hands", "abstract": "Robots, and vision."}, "matches “vision”, “Robots” (abstract)"),
        ('video OR "video generation"', "", {"title": "Video Generation"}, "matches “Video Generation” (title)"),
        ("locomotion", "", {"keywords": ("legs", "locomotion")}, "matches “locomotion” (keywords)"),
        ("walk", "", {"summary": "It walks."}, "matches “walks” (summary)"),
        ("is:trending", "", {"trend": 4.0}, "trending now"),
        ("is:trending", "Trending now", {"trend": 4.0}, "trending now"),
        ("has:code", "", {"has_code": True}, "has code"),
        ("has:project", "", {"has_project": True}, "has a project page"),
        ("author:hinton", "", {"authors": ("Yann LeCun", "Geoffrey Hinton")}, "by Geoffrey Hinton"),
        ("org:peking", "", {"organizations": ("Peking University",)}, "from Peking University"),
        ("cat:cs", "", {"categories": ("stat.ML", "cs.LG")}, "in cs.LG"),
        ("source:hf", "", {"sources": ("hf-daily",)}, "listed by hf-daily"),
        ("upvotes>10", "", {"upvotes": 142}, "142 votes"),
        ("stars=1", "", {"stars": 1}, "1 star"),
        ("age<2d", "", {"age_days": 0}, "listed today"),
        ("age<3d", "", {"age_days": 1}, "listed 1 day ago"),
        ("-survey", "", {"title": "Robots"}, "nothing you left out"),
        ("cat:cs.RO robots", "", {"categories": ("cs.RO",), "abstract": "robots"}, "matches “robots” (abstract)"),
        ("世界模型", "", {"title": "机器人的世界模型"}, "matches “世界模型” (title)"),
        ("cafe", "", {"title": "Le Cafe\u0301 Dataset"}, "matches “Café” (title)"),
    ],
)
def test_the_reason_says_what_matched_and_where(query: str, name: str, fields: dict[str, object], said: str) -> None:
    assert why(query, name, **fields) == said


def test_a_whole_query_is_not_repeated_on_every_card() -> None:
    query = parse("robots OR vision OR speech OR language OR planning OR control")
    assert why(query.canonical, query.words(), title="Speech") == "matches “Speech” (title)"


def test_a_reason_stays_short_and_on_one_line() -> None:
    said = why('"a b"', title="a" + " .\n" * 200 + "b")
    assert "\n" not in said
    assert len(said) < LONGEST_TERM + 30


WORDS = st.lists(st.sampled_from(["robot", "vision", "model", "the", "world", "世界模型"]), max_size=12).map(" ".join)


@settings(max_examples=200, deadline=None)
@given(title=WORDS, abstract=WORDS, upvotes=st.none() | st.integers(-5, 500), trend=st.floats(0, 50), code=st.booleans())
def test_relevance_is_between_zero_and_one_and_there_is_always_a_reason(
    title: str, abstract: str, upvotes: int | None, trend: float, code: bool
) -> None:
    doc = Document(title=title, abstract=abstract, upvotes=upvotes, trend=trend, has_code=code)
    for text in (
        "robot",
        '"world model" OR vision -the',
        "(has:code OR upvotes>3) -robot",
        "is:trending",
        "世界 OR mod*",
        "-vision",
    ):
        query = parse(text)
        match = score(doc, query)
        assert (match is not None) == query.matches(doc)
        if match is not None:
            assert 0 <= match.relevance <= 1
            assert reason(match)
