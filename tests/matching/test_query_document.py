"""docs/query.md is true: each example of its table and each query that its text explains is asked of papers."""

import re
from pathlib import Path

import pytest

from newsletter.matching import BadQuery, Document, stems
from newsletter.matching.query import MAX_CHARACTERS, MAX_DEPTH, MAX_TERMS, parse
from newsletter.matching.score import weight_of

DOCUMENT = (Path(__file__).parents[2] / "docs" / "query.md").read_text(encoding="utf-8")


def _examples(line: str) -> list[str]:
    """What stands between backticks in a row's first cell."""
    cell = re.split(r"(?<!\\) \| ", line.removeprefix("| "))[0]
    return [example.replace("\\|", "|") for example in re.findall(r"`([^`]+)`", cell)]


ROWS = [line for line in DOCUMENT.splitlines() if line.startswith("| `")]
EXAMPLES = [example for row in ROWS for example in _examples(row)]


def paper(**fields: object) -> Document:
    return Document(**fields)  # type: ignore[arg-type]


# Example -> papers that it finds, papers that it passes over.
TRUE: dict[str, tuple[list[Document], list[Document]]] = {
    "robotics": (
        [paper(title="Robots walk"), paper(keywords=("Robotics",)), paper(summary="robotic"), paper(abstract="A robot.")],
        [paper(title="Vision"), paper(authors=("Robot Ics",))],
    ),
    "world models": ([paper(title="Models", abstract="of a world")], [paper(title="A world"), paper(title="A model")]),
    '"world models"': ([paper(title="A World Model"), paper(title="world-models")], [paper(title="Models of the world")]),
    "robotics OR vision": ([paper(title="Robotics"), paper(title="Vision")], [paper(title="Speech")]),
    "robotics AND vision": ([paper(title="Vision", abstract="robotics")], [paper(title="Vision"), paper(title="Robotics")]),
    "robotics -survey": ([paper(title="Robotics")], [paper(title="Robotics, a survey"), paper(title="Vision")]),
    "(robotics OR vision) safety": (
        [paper(title="Safety of vision"), paper(title="Safe? Safety in robotics")],
        [paper(title="Safety"), paper(title="Robotics and vision")],
    ),
    "robot*": ([paper(title="Robotaxis"), paper(title="robot")], [paper(title="A microrobot"), paper(title="rob")]),
    "title:diffusion": ([paper(title="Diffusion")], [paper(abstract="diffusion"), paper(keywords=("diffusion",))]),
    "title:(diffusion OR flow)": ([paper(title="Flow"), paper(title="Diffusion")], [paper(title="Fire", abstract="flow")]),
    "author:hinton": ([paper(authors=("Geoffrey Hinton",))], [paper(title="Hinton"), paper(authors=("G. Hint",))]),
    'author:"g hinton"': (
        [paper(authors=("Geoffrey Hinton",)), paper(authors=("Hinton, G.",))],
        [paper(authors=("Sam Hinton",))],
    ),
    'org:"peking university"': ([paper(organizations=("Peking University",))], [paper(organizations=("University of Peking",))]),
    "cat:cs.LG": ([paper(categories=("cs.LG",))], [paper(categories=("stat.LG",)), paper(categories=("cs.CL",))]),
    "cat:cs": ([paper(categories=("cs.CL",))], [paper(categories=("physics.cs-x",)), paper(categories=("math.CO",))]),
    "cat:LG": ([paper(categories=("cs.LG",)), paper(categories=("stat.LG",))], [paper(categories=("cs.CL",))]),
    "source:arxiv": ([paper(sources=("arXiv cs.LG",)), paper(sources=("arxiv-cs-ro",))], [paper(sources=("bioRxiv",))]),
    "has:code": ([paper(has_code=True)], [paper(has_project=True)]),
    "has:project": ([paper(has_project=True)], [paper(has_code=True)]),
    "is:trending": ([paper(trend=3.5)], [paper(trend=3.4)]),
    "upvotes>10": ([paper(upvotes=11)], [paper(upvotes=10), paper()]),
    "stars>=100": ([paper(stars=100)], [paper(stars=99), paper()]),
    "comments>2": ([paper(comments=3)], [paper(comments=2), paper()]),
    "age<7d": ([paper(age_days=6)], [paper(age_days=7), paper()]),
}


def test_every_example_of_the_table_is_asked() -> None:
    assert sorted(EXAMPLES) == sorted(TRUE)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_table_finds_what_it_says(example: str) -> None:
    found, passed_over = TRUE[example]
    query = parse(example)
    assert [doc for doc in found if not query.matches(doc)] == []
    assert [doc for doc in passed_over if query.matches(doc)] == []


@pytest.mark.parametrize(
    ("quoted", "typed", "example"),
    [
        ("`robots` and `Robotics` too", "Robotics", "robotics"), ("`robots` and `Robotics` too", "robots", "robotics"),
        ("`world-models` means the same", "world-models", '"world models"'),
        ("also `or`", "robotics or vision", "robotics OR vision"), ("`\\|`", "robotics | vision", "robotics OR vision"),
        ("also `and`", "robotics and vision", "robotics AND vision"), ("`&`", "robotics & vision", "robotics AND vision"),
        ("or nothing at all", "robotics vision", "robotics AND vision"),
        ("also `NOT survey` (capitals)", "robotics NOT survey", "robotics -survey"),
        ("`a b OR c` means `(a b) OR c`", "robotics safety OR vision", "(robotics safety) OR vision"),
        ("`Title :x`", "Title :diffusion", "title:diffusion"), ("`upvotes => 10`", "upvotes => 10", "upvotes>=10"),
        ("`age < 2 weeks`", "age < 2 weeks", "age<14d"), ("`w` weeks", "age<2w", "age<14d"), ("`m` months of 30 days", "age<1m", "age<30d"),
        ("`–survey` with the dash that phones write", "robotics –survey", "robotics -survey"),
        ("readers who typed `Robotics AND robotics`", "Robotics AND robotics", "robotics"),
        ("Other punctuation and emoji are passed over", "🙂 robotics!", "robotics"),
    ],
)  # fmt: skip
def test_what_the_document_calls_the_same_is_the_same(quoted: str, typed: str, example: str) -> None:
    assert quoted in " ".join(DOCUMENT.split())
    doc = TRUE.get(example, ([paper()], []))[0][0]
    assert parse(typed).matches(doc) == parse(example).matches(doc)
    assert parse(typed) == parse(example) or typed in {"Robotics", "robots"}


def test_abstract_looks_in_the_sources_summary_too() -> None:
    assert parse("abstract:robot").matches(paper(summary="Robots."))
    assert not parse("abstract:robot").matches(paper(title="Robots"))


def test_a_slip_is_answered_in_the_words_of_the_document() -> None:
    with pytest.raises(BadQuery) as refused:
        parse("auther:hinton")
    assert f"`auther:hinton` -> *{refused.value}*" in DOCUMENT


def test_the_limits_are_those_of_the_document() -> None:
    assert f"{MAX_CHARACTERS} characters, {MAX_TERMS} terms, parentheses {MAX_DEPTH} deep." in DOCUMENT


def test_names_in_camel_case_are_found_as_the_document_says() -> None:
    for typed in ("DeepSeek", "MoE", '"DeepSeek MoE"'):
        assert f"`{typed}`" in DOCUMENT and parse(typed).matches(paper(title="DeepSeekMoE"))
    assert parse("GPT").matches(paper(title="ChatGPT")) and parse("DeepSeek").matches(paper(title="DeepSeekV3"))
    halves = {"PyTorch": ("py", "torch"), "OpenAI": ("open", "AI"), "LaTeX": ("la", "tex")}
    assert not [half for name, both in halves.items() for half in both if parse(half).matches(paper(title=name))]


def test_the_grades_of_words_are_those_of_the_document() -> None:
    grades = re.findall(r"\*(\w+)\*,? (0\.\d+)", DOCUMENT)
    assert len(grades) == 5
    assert [round(weight_of(stems.terms(stems.words(word))), 9) for word, _ in grades] == [float(weight) for _, weight in grades]
