"""The query language: what people type, what it finds, and what is refused with which remedy."""

import random
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.matching import BadQuery, Document, stems
from newsletter.matching.nodes import And, Node, Not, Or
from newsletter.matching.query import MAX_CHARACTERS, MAX_DEPTH, parse

PAPER = Document(
    title="Learning World Models for Legged Robots",
    abstract="We train a mixture-of-experts policy that walks. No survey is attempted; naïve baselines fail.",
    authors=("Geoffrey Hinton", "Bernhard Schölkopf", "李飞飞"),
    organizations=("Peking University", "Google DeepMind"),
    categories=("cs.RO", "stat.ML"),
    keywords=("locomotion", "C++"),
    sources=("arxiv-cs-ro", "hf-daily"),
    has_code=True,
    upvotes=12,
    age_days=3,
    trend=4.0,
)


def found(text: str, paper: Document = PAPER) -> bool:
    return parse(text).matches(paper)


@pytest.mark.parametrize(
    "text",
    [
        "robot", "ROBOTS", "world models", '"world models"', "world-models", "“world models”", '"mixture of experts"',
        "naive", "NAÏVE", "vision OR robots", "vision or robots", "vision | robots", "world AND robots", "world & robots",
        "(vision OR legged) world", "robots -vision", "robots NOT vision", "-vision", "NOT (vision OR speech)",
        "-(world vision)", "loco*", "robo*", "mixture-of-exp*", "title:robots", "title:(vision OR robots)", "abstract:policy",
        'abs:"mixture of experts"', "author:hinton", "author: hinton", 'author:"hinton geoffrey"', 'author:"g hinton"',
        "author:scholkopf", "author:Schölkopf", "author:schol*", "author:李飞飞", "org:peking", 'org:"google deepmind"',
        "lab:deepmind", "cat:cs", "cat:cs.RO", "cat:CS.ro", "cat:cs.*", "cat:RO", "cat:ml", "source:arxiv", "source:hf-daily",
        "has:code", "HAS:code", "-has:project", "is:trending", "upvotes>10", "votes>=12", "upvotes > 11", "upvotes=12",
        "upvotes:>10", "age<7d", "age<=3", "age<1w", "c++", "robots & 🙂",
    ],
)  # fmt: skip
def test_a_query_finds_the_paper(text: str) -> None:
    assert found(text)


@pytest.mark.parametrize(
    "text",
    [
        "vision", '"models world"', "robots -world", "-robots", "title:policy", "abstract:legged", "author:geoff",
        'author:"hinton scholkopf"', "org:university-of-peking", "cat:cs.LG", "cat:c", "cat:math", "source:daily-hf",
        "has:project", "upvotes>12", "stars>0", "stars<5", "age<3d", '"robots we"', '"robots locomotion"', "hinton",
        "mode* vision", "NOT has:code",
    ],
)  # fmt: skip
def test_a_query_passes_the_paper_over(text: str) -> None:
    assert not found(text)


def test_trending_is_the_published_threshold() -> None:
    assert found("is:trending", Document(trend=3.5))
    assert not found("is:trending", Document(trend=3.499))


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("世界模型", "用于机器人的世界模型研究"), ("模", "世界模型"), ("ロボット", "家庭用ロボットの学習"),
        ("로봇", "로봇은 걷는다"), ("ガン", "ガンマ線"), ("روبوت", "تعلم روبوت المشي"), ("робот", "РОБОТ учится ходить"),
        ("учёный", "Ученый робот"), ("रोबोट", "रोबोट सीखता है"), ("שלום", "שָׁלוֹם עולם"), ("LLM", "Pruning LLMs"),
        ("VLA", "VLAs act"), ("ﬁne tuning", "Fine-Tuning"), ("ＡＩ", "AI"), ("parkinson", "Parkinson’s disease"),
        ("Łukasz", "lukasz"), ("scho\u0308n", "Schön"),
    ],
)  # fmt: skip
def test_words_of_any_script_match(text: str, title: str) -> None:
    assert found(text, Document(title=title))


def test_kana_with_and_without_voice_marks_differ() -> None:
    assert not found("カン", Document(title="ガンマ線"))


@pytest.mark.parametrize(
    "title",
    [
        "DeepSeek-VL: Towards Real-World Vision-Language Understanding",
        "Mixture of Tunable Experts -- Behavior Modification of DeepSeek-R1 at Inference Time",
        "And Then There Were None: A Study (in Two Parts)",
        "Words or Vision: Do Vision-Language Models Have Blind Faith in Text?",
        "A Probabilistic Bound of p<0.05, or: How I Learned",
        "To Be or Not to Be - That Is the Question!",
    ],
)
def test_a_pasted_title_finds_its_paper(title: str) -> None:
    assert found(title, Document(title=title))


@pytest.mark.parametrize(
    ("text", "column", "suggestion", "says"),
    [
        ("robots auther:hinton", 8, "author:", "Did you mean “author:”"),
        ("tittle:robots", 1, "title:", "no field “tittle:”"),
        ("foo:bar", 1, "", "put them in quotes"),
        ("is:trendy", 4, "is:trending", "Did you mean “is:trending”"),
        ("has:cod", 5, "has:code", "Did you mean"),
        ("upvote>10", 1, "upvotes>10", "Did you mean “upvotes>10”"),
        ("upvotes>many", 1, "upvotes>10", "a whole number"),
        ("upvotes>10d", 1, "upvotes>10", "a whole number"),
        ("age<soon", 1, "age<7d", "a number of days"),
        ("", 1, "", "no word"),
        ("   ", 1, "", "no word"),
        ("🙂 !!", 1, "", "no word"),
        ('""', 1, "", "no word"),
        ("robots OR", 10, "", "ends where a word should follow"),
        ("OR robots", 1, "", "missing before “OR”"),
        ("a AND OR b", 7, "", "missing before “OR”"),
        ("(robots", 1, "", "never closed"),
        ("robots)", 7, "", "closes nothing"),
        ("robots ()", 9, "", "missing before this parenthesis"),
        ('x "world models', 3, "", "never closed"),
        ("author:", 8, "", "ends where"),
        ("title:!!", 1, "", "needs something after it"),
        ("title:(author:x)", 8, "", "cannot stand inside"),
        ("r*", 1, '"r"', "two letters"),
        ("*", 1, "", "two letters"),
        ("(" * 9 + "a" + ")" * 9, 9, "", "at most 8 deep"),
        ("a" * 501, 501, "", "at most 500 characters"),
        (" ".join(f"w{n}" for n in range(41)), 1, "", "at most 40 terms"),
        ("ﷺ" * 250, 500, "", "more than 500"),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused_with_its_remedy(text: str, column: int, suggestion: str, says: str) -> None:
    with pytest.raises(BadQuery) as refused:
        parse(text)
    assert says in refused.value.message
    assert (refused.value.column, refused.value.suggestion) == (column, suggestion)


def test_the_limits_themselves_are_allowed() -> None:
    assert parse("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH).canonical == "a"
    assert len(parse(" ".join(f"w{n}" for n in range(40))).leaves()) == 40
    assert len(parse("x" * MAX_CHARACTERS).canonical) == MAX_CHARACTERS


@pytest.mark.parametrize(
    "text",
    ["(" * 10_000, "(" * 250 + "a" + ")" * 250, "- " * 250, "NOT " * 124, '"' * 500, "a\x00\x1b\ud800b", "a:" * 250, "-" * 500],
)
def test_hostile_text_gets_a_query_or_a_refusal(text: str) -> None:
    try:
        parse(text).canonical.encode()
    except BadQuery as refused:
        assert len(refused.message) < 200


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Robotics AND robotics", "robotics"),
        ("NOT NOT a", "a"),
        ("(a (b c)) OR (d OR e)", "a b c OR d OR e"),
        ("(a OR b) c", "(a OR b) c"),
        ("NOT (a b)", "-(a b)"),
        ("self-supervised LEARNING", '"self supervised" learning'),
        ("title:(a OR b) cat:cs.lg cat:Q-BIO.nc cat:cs.*", "(title:a OR title:b) cat:cs.LG cat:q-bio.NC cat:cs"),
        ("age<2w votes≥3", "age<14d upvotes>=3"),
        ("and then", '"and" then'),
    ],
)
def test_the_canonical_form_is_one_spelling(text: str, canonical: str) -> None:
    assert parse(text).canonical == canonical
    assert parse(canonical) == parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('("world models" OR robotics) -surveys has:code', "papers about world models or robotics, with code, not surveys"),
        ("vision (robotics OR speech)", "papers about vision and (robotics or speech)"),
        ("author:hinton cat:cs.LG", "papers by hinton, in cs.LG"),
        ("-survey", "all papers, not survey"),
        ("is:trending", "papers trending now"),
        ("upvotes>10 age<7d", "papers with over 10 votes, under 7 days old"),
        ("title:robot* OR org:mit", "papers about robot… in the title or from mit"),
    ],
)
def test_a_query_is_said_in_plain_words(text: str, words: str) -> None:
    assert parse(text).words() == words


OPERATORS = ["OR", "AND ", " NOT ", " or ", "title:", "cat:", "has:code ", "upvotes>", "7d"]
ALPHABET = st.sampled_from("abc  ()\"-*:<>=.|&“”+#'_") | st.sampled_from(OPERATORS) | st.characters()


@settings(max_examples=400, deadline=None)
@given(st.lists(ALPHABET, max_size=60).map("".join))
@example("İ ŉ ǰ ΐ ẞ ﬃ ㎏ ½ ª ſ")
@example("author:a-* OR cat:\u0130.x")
@example("c++-gp* #a c# a++b*")
@example('cat:"a  b" cat:a_b cat:é')
@example('cat: or title:or cat:"-a" cat:"&a"')
def test_whatever_is_typed_the_canonical_form_is_stable(text: str) -> None:
    try:
        query = parse(text)
    except BadQuery:
        return
    assert len(query.canonical) <= MAX_CHARACTERS
    again = parse(query.canonical)
    assert again.canonical == query.canonical
    for paper in (PAPER, Document(), Document(title=text)):
        assert again.matches(paper) == query.matches(paper)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40))
def test_folding_twice_changes_nothing(text: str) -> None:
    words = stems.words(text)
    assert stems.words(" ".join(words)) == words
    assert all(unicodedata.is_normalized("NFC", word) and word == stems.fold(word) for word in words)


def naive(node: Node, words: set[str]) -> bool:
    """The written meaning, without views, stems or short cuts: for queries of single unknown words only."""
    if isinstance(node, And):
        return min(naive(part, words) for part in node.parts)
    if isinstance(node, Or):
        return max(naive(part, words) for part in node.parts)
    if isinstance(node, Not):
        return not naive(node.part, words)
    return str(node) in words


def test_random_queries_agree_with_a_naive_evaluator() -> None:
    dice = random.Random(7)
    vocabulary = ["q1", "q2", "q3", "q4", "q5"]

    def grow(depth: int) -> str:
        if depth == 0 or dice.random() < 0.3:
            return dice.choice(["", "-", "NOT "]) + dice.choice(vocabulary)
        return (
            dice.choice(["", "-"])
            + "("
            + dice.choice([" ", " OR ", " AND "]).join(grow(depth - 1) for _ in range(dice.randint(2, 3)))
            + ")"
        )

    asked = 0
    while asked < 400:
        text = grow(3)
        if len(text) > MAX_CHARACTERS or text.count("q") > 40:
            continue
        asked += 1
        held = {word for word in vocabulary if dice.random() < 0.5}
        # Python's own Boolean algebra is the judge of the text; the node walk that of the canonical form.
        judged = text.replace("-", "not ").replace("NOT ", "not ").replace(" OR ", " or ").replace(" AND ", " and ")
        for word in vocabulary:
            judged = judged.replace(word, str(word in held))
        judged = _with_and(judged)
        query = parse(text)
        assert query.matches(Document(title=" ".join(sorted(held)))) == eval(judged) == naive(query.root, held), text


def _with_and(text: str) -> str:
    """Python needs the AND that a search box leaves unwritten."""
    tokens = text.replace("(", " ( ").replace(")", " ) ").split()
    spelled: list[str] = []
    for token in tokens:
        if spelled and token not in {"and", "or", ")"} and spelled[-1] not in {"and", "or", "not", "("}:
            spelled.append("and")
        spelled.append(token)
    return " ".join(spelled)
