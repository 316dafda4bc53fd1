"""Many interests at once: the same answers as one query asked of one paper."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.matching import BadQuery, Document, score
from newsletter.matching.compiled import FORM, SEPARATOR, compiled, is_current, leaf, steps
from newsletter.matching.crowd import Answers, Library
from newsletter.matching.nodes import And, Node, Not, Or
from newsletter.matching.query import Query, parse
from newsletter.matching.scan import FEW, Scan
from newsletter.matching.topics import topics

COMMON = "model models learning robot robots robotic agent vision language data the of in state art very graph protein"
ODD = "gans vla c++ naïve école 机器学习 機器 学 デモ исследование السلام 한국어 schrödinger don't co-op 3d gpt-4 l2 x"
ENDS = ("al", "ing", "ion", "er", "s")
WORDS = [*COMMON.split(" "), *ODD.split(" "), *(start + end for start in ("tok", "lat", "quant", "neur", "opti") for end in ENDS)]
ZIPF = [1 / place for place in range(1, len(WORDS) + 1)]
NAMES = ["Ada Lovelace", "Geoffrey E. Hinton", "Yann LeCun", "李 明", "José García", "A. B. Hinton"]
PLACES = ["OpenAI", "Google DeepMind", "ETH Zürich", "MIT"]
AUTHORS = ["hinton", "jo*", "lovelace", '"g hinton"', "garc*", "李"]
ORGS = ["openai", "eth*", '"google deepmind"', "mit"]
ORDERS = [">", ">=", "<", "<=", "="]
KINDS = [
    "prefix",
    "title",
    "abstract",
    "start",
    "phrase",
    "author",
    "org",
    "source",
    "cat",
    "code",
    "project",
    "trending",
    "number",
    "age",
]
CODES = ["cs.LG", "cs.RO", "math.OC", "stat.ML", "q-bio", "physics.bio-ph"]


def texts(dice: random.Random, most: int) -> str:
    marks = [" "] * 12 + [", ", " - ", ". ", "-", " | "]
    return "".join(word + dice.choice(marks) for word in dice.choices(WORDS, ZIPF, k=dice.randint(0, most)))


def papers(dice: random.Random, number: int) -> list[Document]:
    return [
        Document(
            title=texts(dice, 12),
            summary=texts(dice, 30) * dice.randint(0, 1),
            abstract=texts(dice, 90) * (dice.random() < 0.9),
            keywords=tuple(texts(dice, 3) for _ in range(dice.randint(0, 3))),
            authors=tuple(dice.sample(NAMES, dice.randint(0, 3))),
            organizations=tuple(dice.sample(PLACES, dice.randint(0, 2))),
            categories=tuple(dice.sample(CODES, dice.randint(0, 3))),
            sources=tuple(dice.sample(["arxiv", "huggingface", "Hacker News"], dice.randint(0, 2))),
            has_code=dice.random() < 0.3,
            has_project=dice.random() < 0.2,
            upvotes=dice.choice([None, 0, 3, 12, 40]),
            stars=dice.choice([None, 0, 150]),
            comments=dice.choice([None, 1, 4]),
            age_days=dice.choice([None, 0, 1, 9]),
            trend=dice.choice([0.0, 3.4, 3.5, 7.25]),
        )
        for _ in range(number)
    ]


def atom(dice: random.Random) -> str:
    word = dice.choices(WORDS, ZIPF)[0]
    kind = dice.randrange(20)
    if kind < 9:
        return word
    if kind < 12:
        return f'"{" ".join(dice.choices(WORDS, ZIPF, k=dice.choice([2, 2, 3])))}"'
    return {
        "prefix": f"{word[:3]}*", "title": f"title:{word}", "abstract": f"abstract:{word}", "start": f"abstract:{word[:2]}*",
        "phrase": f'title:"{word} {dice.choice(WORDS)}"', "author": f"author:{dice.choice(AUTHORS)}",
        "org": f"org:{dice.choice(ORGS)}", "source": f"source:{dice.choice(['arxiv', 'hack*'])}",
        "cat": f"cat:{dice.choice(['cs', 'LG', 'math.OC', 'q-bio', 'cs.XX'])}",
        "code": "has:code", "project": "has:project", "trending": "is:trending",
        "number": f"{dice.choice(['upvotes', 'stars', 'comments'])}{dice.choice(ORDERS)}{dice.choice([0, 1, 4, 12])}",
        "age": f"age{dice.choice(['<', '>='])}{dice.choice([1, 5])}d",
    }[dice.choice(KINDS)]  # fmt: skip


def grown(dice: random.Random, depth: int) -> str:
    if depth == 0 or dice.random() < 0.3:
        return dice.choice(["", "", "", "", "-"]) + atom(dice)
    parts = [grown(dice, depth - 1) for _ in range(dice.choice([2, 2, 2, 3, 4]))]
    return dice.choice(["", "", "-"]) + f"({dice.choice([' ', ' OR ']).join(parts)})"


def queries(dice: random.Random, number: int) -> list[Query]:
    """Of every construct; those that are refused or say nothing are left out."""
    found: list[Query] = []
    while len(found) < number:
        try:
            found.append(parse(grown(dice, dice.choice([0, 1, 1, 1, 2, 2, 3])).replace("--", "-")))
        except BadQuery:
            continue
    return found


def assert_same(documents: list[Document], asked: list[Query], reasons: int = 0, every: int = 1) -> Answers:
    """Every pair matches alike; each `every`th match has the same relevance, and so many of them the same reason."""
    answers = Library(documents).answers([compiled(query) for query in asked])
    hits = []
    for at, query in enumerate(asked):
        mine = slice(answers.starts[at], answers.starts[at + 1])
        found = dict(zip(answers.papers[mine].tolist(), answers.relevance[mine].tolist(), strict=True))
        assert list(found) == [column for column, document in enumerate(documents) if query.matches(document)], str(query)
        for column in list(found)[at % every :: every]:
            match = score.score(documents[column], query)
            assert match and found[column] == match.relevance, str(query)
            hits.append((at, column, match))
    dice = random.Random(len(hits))
    chosen = dice.sample(hits, min(reasons, len(hits)))
    names = [dice.choice(["", "Robots", asked[at].words(), "trending now"]) for at, _, _ in chosen]
    told = answers.reasons([at for at, _, _ in chosen], [column for _, column, _ in chosen], names)
    for (at, _, match), name, reason in zip(chosen, names, told, strict=True):
        assert reason == score.reason(match, name), str(asked[at])
    return answers


def test_random_queries_are_answered_as_one_by_one() -> None:
    dice = random.Random(20260730)
    answers = assert_same(papers(dice, 60), queries(dice, 10_000), reasons=3_000, every=4)
    assert len(answers.papers) > 100_000


def test_topics_are_answered_as_one_by_one_over_eight_hundred_papers() -> None:
    dice = random.Random(7)
    asked = [parse(topic.query) for topic in topics()][::4] + queries(dice, 60)
    assert_same(papers(dice, 800), asked, reasons=200)


@pytest.mark.parametrize("papers_", [[], [Document()], [Document(), Document(title="Robots")]], ids=["none", "empty", "two"])
def test_few_and_empty_papers(papers_: list[Document]) -> None:
    asked = ["robots", "-robots", "-robots -vision", "-(robots vision)", "a OR -b", '"robots see" OR rob*', "-is:trending"]
    assert_same(papers_, [parse(text) for text in asked], reasons=30)


def test_no_interests() -> None:
    answers = Library([Document(title="Robots")]).answers([])
    assert answers.starts.tolist() == [0] and not len(answers.papers) and not len(answers.relevance)


def test_the_same_interest_twice_has_the_same_answer() -> None:
    answers = Library([Document(title="Vision"), Document(title="Robots")]).answers([compiled(parse("robots"))] * 2)
    assert answers.starts.tolist() == [0, 1, 2] and answers.papers.tolist() == [1, 1]
    assert answers.reason(1, 1, "") == "matches “Robots” (title)"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("very", "very very very good"),
        ("学", "机器学习"),
        ("机器", "机器机器机器"),
        ("学习机", "机器学习机"),
        ('"a a"', "a a a a"),
    ],
)
def test_repeats_and_characters_without_spaces_count_alike(text: str, title: str) -> None:
    assert len(assert_same([Document(title=title), Document(abstract=title)], [parse(text)], reasons=2).papers) == 2


def test_a_form_of_another_version_is_refused() -> None:
    assert not is_current("") and not is_current("0/0/0 .\twrobots") and is_current(compiled(parse("robots")))
    with pytest.raises(ValueError, match="another version"):
        Library([]).answers([compiled(parse("robots")), "0/0/0 .\twrobots"])


def unrolled(text: str) -> Node:
    """The tree of a compiled form."""
    head, *written = text.split(SEPARATOR)
    leaves, stack = iter(written), []
    for step in steps(head):
        if step.kind == ".":
            stack.append(leaf(next(leaves)))
        elif step.kind == "!":
            stack.append(Not(stack.pop()))
        else:
            phrase = [str(stack.pop())] if step.kind == "+" else []
            parts = tuple(stack[len(stack) - step.size :])
            stack[len(stack) - step.size :] = [Or(parts) if step.kind == "|" else And(parts)]
            assert phrase in ([], [str(score.side_by_side(stack[-1]))])
    assert len(stack) == 1 and next(leaves, None) is None
    return stack[0]


PIECES = st.sampled_from(WORDS) | st.sampled_from(
    ["-", "(", ")", " OR ", '"', "title:", "author:", "cat:", "cs.LG", "*", "stars>3"]
)


@given(st.lists(PIECES | st.text(max_size=4), min_size=1, max_size=12).map(" ".join))
@settings(max_examples=300, deadline=None)
def test_a_compiled_query_is_the_query(text: str) -> None:
    try:
        query = parse(text)
    except BadQuery:
        return
    again = unrolled(compiled(query))
    assert again == query.root and "\n" not in compiled(query)
    for before, after in zip(query.leaves(), Query(again, "").leaves(), strict=True):
        assert getattr(before, "terms", ()) == getattr(after, "terms", ())


def test_the_compiled_form_is_known_to_the_letter() -> None:
    """Whoever changes it raises compiled.FORM, so that stored forms are made anew."""
    forms = [
        compiled(query).partition(" ")[2]
        for query in map(parse, ["robots models -vision", "学习机 OR author:jo*", "votes>3 cat:lg"])
    ]
    assert FORM == 1 and forms == [
        "...!.+3\twrobots/robot\twmodels/model\twvision\twrobots models/robot model",
        "..|2\tw学习机/学习,习机\tAjo*",
        "..&2\tNupvotes > 3\tCLG",
    ]


@pytest.mark.parametrize("asked", [1, 3, 2 * FEW], ids=["one query", "a few", "many"])
@pytest.mark.parametrize("seed", range(6))
def test_stored_papers_that_are_searched_give_the_same_answers_as_an_index(asked: int, seed: int) -> None:
    dice = random.Random(seed)
    documents = papers(dice, 40)
    chosen = [parse("tok*"), parse("title:la* OR (model model)"), *queries(dice, asked)]
    forms = [compiled(query) for query in chosen]
    scanned, indexed = Answers(scan_of(documents), forms), Library(documents).answers(forms)
    for name in ("starts", "papers", "relevance"):
        assert getattr(scanned, name).tolist() == getattr(indexed, name).tolist()


def scan_of(documents: list[Document]) -> Scan:
    views = [[doc.title_view, doc.keywords_view, doc.summary_view, doc.abstract_view] for doc in documents]
    lines, surfaces = ([[getattr(each[at], name) for each in views] for at in range(4)] for name in ("line", "surface"))
    lengths = np.array([[view.length for view in each] for each in views], np.float64)
    return Scan(documents, documents, lines, lambda: surfaces, lengths, lambda: documents)
