"""Relevance in [0, 1] and the reason on the card."""

import tomllib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from newsletter.matching import Document, query, stems
from newsletter.matching.document import TEXT_FIELDS
from newsletter.matching.passages import LONGEST
from newsletter.matching.query import parse
from newsletter.matching.score import reason, score

FILLER = "This sentence has words that nobody asked about and some more of them for length. "


def relevance(text: str, **fields: object) -> float:
    match = score(Document(**fields), parse(text))  # type: ignore[arg-type]
    assert match is not None
    return match.relevance


def why(text: str, name: str = "", **fields: object) -> str:
    match = score(Document(**fields), parse(text))  # type: ignore[arg-type]
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


def test_the_grades_of_words_go_from_grammar_to_the_rare() -> None:
    graded = [relevance(word, title=word) for word in ("the", "model", "image", "transformer", "superconductivity")]
    assert graded == sorted(set(graded))


def test_a_term_stands_in_one_grade_only() -> None:
    grades = tomllib.loads((Path(query.__file__).parent / "common_words.toml").read_text(encoding="utf-8"))["grade"]
    times = Counter(term for grade in grades for term in set(stems.terms(stems.words(grade["words"]))))
    assert [term for term, count in times.items() if count > 1] == []
    assert sum(times.values()) > 500


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
    ("text", "name", "fields", "said"),
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
        ("deepseek", "", {"title": "On DeepSeekMoE and Others"}, "matches “DeepSeekMoE” (title)"),
        ("cafe", "", {"title": "Le Cafe\u0301 Dataset"}, "matches “Café” (title)"),
    ],
)
def test_the_reason_says_what_matched_and_where(text: str, name: str, fields: dict[str, object], said: str) -> None:
    assert why(text, name, **fields) == said


def test_a_whole_query_is_not_repeated_on_every_card() -> None:
    asked = parse("robots OR vision OR speech OR language OR planning OR control")
    assert why(asked.canonical, asked.words(), title="Speech") == "matches “Speech” (title)"


def test_a_reason_stays_short_and_on_one_line() -> None:
    said = why('"a b"', title="a" + " .\n" * 200 + "b")
    assert "\n" not in said
    assert len(said) < LONGEST + 30


ASKED = ["robot", "vision", "DeepSeek", "the", "world model", "世界"]
OTHER = ["paper", "and", "tokamak", "grasp", "DeepSeekMoE", "models", "robots", "机器人的世界模型", "world", "Vision,"]
WORDS = st.lists(st.sampled_from(ASKED + OTHER), max_size=14).map(" ".join)
TEXTS = st.fixed_dictionaries(
    {"title": WORDS, "summary": WORDS, "abstract": WORDS, "keywords": st.lists(WORDS, max_size=3).map(tuple)}
)
SIGNALS = st.fixed_dictionaries(
    {
        "upvotes": st.none() | st.integers(-5, 500),
        "age_days": st.none() | st.integers(0, 40),
        "trend": st.floats(0, 50),
        "has_code": st.booleans(),
    }
)
TERM = st.sampled_from([*ASKED, '"world model"', "mod*", "title:robot", "abstract:vision", '"the robot"'])
FACT = st.sampled_from(["upvotes>3", "age<7d", "is:trending", "has:code"])
POSITIVE = st.recursive(
    TERM | FACT,
    lambda each: st.tuples(each, st.sampled_from([" ", " OR "]), each).map("({0[0]}{0[1]}{0[2]})".format),
    max_leaves=5,
)
QUERIES = st.recursive(
    POSITIVE,
    lambda each: st.tuples(each, st.sampled_from([" -", " OR -"]), each).map("({0[0]}{0[1]}{0[2]})".format),
    max_leaves=3,
)


@settings(max_examples=150, deadline=None)
@given(texts=TEXTS, signals=SIGNALS, text=QUERIES)
def test_relevance_is_between_zero_and_one_for_what_matches_and_nothing_else(
    texts: dict[str, str], signals: dict[str, float], text: str
) -> None:
    doc, asked = Document(**texts, **signals), parse(text)  # type: ignore[arg-type]
    match = score(doc, asked)
    assert (match is not None) == asked.matches(doc)
    if match is not None:
        assert 0 <= match.relevance <= 1
        assert reason(match)
        assert match == score(Document(**texts, **signals), asked)  # type: ignore[arg-type]


@settings(max_examples=150, deadline=None)
@given(texts=TEXTS, text=POSITIVE)
def test_the_words_of_a_reason_stand_in_the_field_it_names(texts: dict[str, str], text: str) -> None:
    match = score(Document(**texts), parse(text))  # type: ignore[arg-type]
    assume(match is not None and match.field in TEXT_FIELDS)
    assert match is not None
    assert match.terms
    field = texts[match.field]
    lines = [" ".join(line.split()).casefold() for line in ((field,) if isinstance(field, str) else field)]
    for term in match.terms:
        assert any(term.casefold() in line for line in lines)


@settings(max_examples=150, deadline=None)
@given(texts=TEXTS, text=POSITIVE, field=st.sampled_from(TEXT_FIELDS), asked=st.sampled_from(ASKED), at=st.integers(0, 12))
def test_a_word_that_is_asked_for_in_place_of_one_that_is_not_never_lowers(
    texts: dict[str, str], text: str, field: str, asked: str, at: int
) -> None:
    before = {
        name: f"{value} {'filler ' * 14}" if isinstance(value, str) else (*value, "filler " * 14) for name, value in texts.items()
    }
    match = score(Document(**before), parse(text))  # type: ignore[arg-type]
    assume(match is not None)
    assert match is not None

    def planted(value: str) -> str:
        words = value.split()
        first = len(words) - 14 + at
        size = len(asked.split())
        return " ".join([*words[:first], asked, *words[first + size :]])

    value = before[field]
    after = before | {field: planted(value) if isinstance(value, str) else (*value[:-1], planted(value[-1]))}
    better = score(Document(**after), parse(text))  # type: ignore[arg-type]
    assert better is not None
    assert better.relevance >= match.relevance - 1e-12


RARITY = [["the", "of", "with"], ["model", "method", "data"], ["image", "network", "human"], ["transformer", "robot", "quantum"],
          ["tokamak", "superconductivity", "grasp"]]  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    grades=st.lists(st.integers(0, 4), min_size=2, max_size=2, unique=True).map(sorted),
    picks=st.tuples(st.integers(0, 2), st.integers(0, 2)),
    field=st.sampled_from(TEXT_FIELDS),
    filler=st.integers(0, 60),
)
def test_in_the_same_place_the_rarer_word_counts_more(grades: list[int], picks: tuple[int, int], field: str, filler: int) -> None:
    common, rare = (RARITY[grade][pick] for grade, pick in zip(grades, picks, strict=True))

    def alone(word: str) -> float:
        text = f"{word} {'filler ' * filler}"
        return relevance(word, **{field: (text,) if field == "keywords" else text})

    assert alone(rare) > alone(common)


@settings(max_examples=100, deadline=None)
@given(
    words=st.lists(st.sampled_from([word for grade in RARITY for word in grade]), min_size=2, max_size=4, unique=True),
    field=st.sampled_from(TEXT_FIELDS),
    around=st.integers(0, 30),
)
def test_a_phrase_beats_its_words_wherever_it_stands(words: list[str], field: str, around: int) -> None:
    text = f"{'filler ' * around}{' '.join(words)}"
    fields = {field: (text,) if field == "keywords" else text}
    assert relevance(f'"{" ".join(words)}"', **fields) > relevance(" ".join(words), **fields)


@settings(max_examples=100, deadline=None)
@given(word=st.sampled_from([word for grade in RARITY for word in grade]), others=st.integers(0, 30), repeats=st.integers(1, 200))
def test_a_word_in_a_title_beats_any_number_in_an_abstract(word: str, others: int, repeats: int) -> None:
    assert relevance(word, title=f"{word} {'filler ' * others}") > relevance(word, abstract=f"{word} and " * repeats)
