"""Ten thousand random queries over random papers: the product and the naive reading of tests/matching/naive.py agree."""

import random

import pytest

from newsletter.matching import BadQuery, Document
from newsletter.matching.query import MAX_CHARACTERS, parse
from newsletter.matching.score import score
from tests.matching import naive

QUERIES, PAPERS, PAPERS_A_QUERY = 10_000, 300, 5
VOCABULARY = """
robot robots Robotics world model models modelling vision naïve NAIVE survey surveys of the a and or not learning learned 3D GPT-4
C++ c# don't Schölkopf's state-of-the-art self-supervised world-models mixture-of-experts DeepSeekMoE DeepSeekMath DeepSeek
DeepSeekV3 MoE ChatGPT GPT PyTorch OpenAI VLAs VLA 世界 模型 世界模型 机器人 模 ロボット 로봇 робот роботы روبوت रोबोट שלום ﬁne
Fine-Tuning Ⅷ ½ x² p<0.05
"""
WORDS = VOCABULARY.split()
PLAIN = [word for word in WORDS if word not in {"and", "or"}]
PREFIXES = ["ro*", "robot*", "mod*", "deepseek*", "world-mod*", "naï*", "роб*", "रो*", "世*", "c++*", "math*", "learn*,"]
PEOPLE = ["Geoffrey Hinton", "Geoffrey E. Hinton", "Bernhard Schölkopf", "李飞飞", "Li Fei-Fei", "Łukasz Kaiser", "O'Neil"]
ASKED_PEOPLE = [
    "hinton",
    '"g hinton"',
    '"hinton geoffrey"',
    "schol*",
    "scholkopf",
    "李",
    "李飞飞",
    "fei-fei",
    "kaiser",
    '"e hinton"',
]
PLACES = ["Peking University", "Google DeepMind", "MIT", "University of Oxford", "北京大学"]
ASKED_PLACES = ["peking", '"google deepmind"', "mit", "university-of-oxford", "deep*", "北京大学", "北京", "univ*", '"of oxford"']
CODES = ["cs.LG", "cs.RO", "stat.ML", "math", "q-bio.NC", "hep-th"]
ASKED_CODES = ["cs", "cs.LG", "CS.ro", "LG", "ml", "math", "cs.*", "q-bio", "q-bio.nc", "hep-th", '"cs.LG"', "stat"]
FEEDS = ["arxiv-cs-ro", "hf-daily", "Hacker News"]
PUNCTUATION = ["🙂", "...", "--", "- ", "&c.", "!"]


class Dice(random.Random):
    def paper(self) -> Document:
        number = [None, 0, 1, 5, 10, 11, 50]
        return Document(
            title=self.text(6), summary=self.text(self.choice([0, 5])), abstract=self.text(self.choice([0, 12])),
            authors=self.some(PEOPLE), organizations=self.some(PLACES), categories=self.some(CODES), sources=self.some(FEEDS),
            keywords=tuple(self.text(2) for _ in range(self.randint(0, 3))), has_code=self.chance(0.5), has_project=self.chance(0.5),
            upvotes=self.choice(number), stars=self.choice(number), comments=self.choice(number),
            age_days=self.choice([None, 0, 1, 6, 7, 8, 14, 30]), trend=self.choice([0.0, 3.4, 3.5, 9.0]),
        )  # fmt: skip

    def text(self, most: int) -> str:
        return "".join(
            self.choice(WORDS) + self.choice([" ", " ", " ", "-", ", ", ". ", "\n"]) for _ in range(self.randint(0, most))
        )

    def some(self, values: list[str]) -> tuple[str, ...]:
        return tuple(self.sample(values, self.randint(0, 2)))

    def chance(self, share: float) -> bool:
        return self.random() < share

    def query(self) -> str:
        return self.choice(["", "", " "]) + self.either(self.choice([0, 1, 1, 2, 3]), "") + self.choice(["", "", " "])

    def either(self, depth: int, field: str) -> str:
        signs = [" OR ", " OR ", " or ", " | ", " || ", "  OR  "]
        return self.joined([self.every(depth, field) for _ in range(self.choice([1, 1, 2, 3]))], signs)

    def every(self, depth: int, field: str) -> str:
        signs = [" ", " ", " ", "  ", " AND ", " and ", " & ", " && "]
        return self.joined([self.part(depth, field) for _ in range(self.choice([1, 1, 2, 3]))], signs)

    def joined(self, parts: list[str], signs: list[str]) -> str:
        return parts[0] + "".join(self.choice(signs) + part for part in parts[1:])

    def part(self, depth: int, field: str) -> str:
        sign = self.choice(["", "", "", "", "-", "-", "NOT ", "NOT  ", "–", "NOT NOT "])
        if depth and self.chance(0.6):
            return f"{sign}({self.choice(['', ' '])}{self.either(depth - 1, field)}{self.choice(['', ' '])})"
        return sign + (self.value(field) if field else self.leaf(depth))

    def leaf(self, depth: int) -> str:
        kind = self.random()
        if kind < 0.45:
            return self.value("title")
        if kind < 0.5:
            return self.choice(PUNCTUATION)
        if kind < 0.65:
            return self.comparison()
        if kind < 0.73:
            return self.choice(["has:code", "has:project", "is:trending", "HAS:code", "has: code", "is:Trending"])
        field = self.choice(
            ["title", "Title", "ti", "abstract", "abs", "author", "AU", "org", "lab", "cat", "category", "source"]
        )
        colon = self.choice([":", ":", ": ", " :"])
        inside = naive.FIELDS[field.lower()]
        return field + colon + (f"({self.either(min(depth, 1), inside)})" if self.chance(0.25) else self.value(inside))

    def value(self, field: str) -> str:
        asked = {"author": ASKED_PEOPLE, "org": ASKED_PLACES, "cat": ASKED_CODES, "source": ["arxiv", "hf-daily", "hacker*"]}.get(
            field
        )
        if asked:
            return self.choice(asked)
        kind = self.random()
        if kind < 0.25:
            opening, closing = self.choice(['""', "“”", "«»"])
            return opening + " ".join(self.choice(WORDS) for _ in range(self.randint(1, 3))) + closing
        return self.choice(PREFIXES) if kind < 0.35 else self.choice(PLAIN) + self.choice(["", "", "", ",", "."])

    def comparison(self) -> str:
        order = self.choice([">", ">=", "<", "<=", "=", "≥", "≤", "=>", "=="])
        if self.chance(0.3):
            return f"age{order}{self.choice(['7', '7d', '1w', '1m', '0d', ' 2 weeks', '14days'])}"
        name = self.choice(["upvotes", "votes", "stars", "Comments"])
        return name + self.choice(["", "", " ", ":"]) + order + self.choice(["", " "]) + self.choice(["0", "5", "10"])


def test_ten_thousand_random_queries_agree_with_a_naive_evaluator() -> None:
    dice = Dice(20)
    papers = [(doc, naive.Facts(doc)) for doc in (dice.paper() for _ in range(PAPERS))]
    asked = held = 0
    while asked < QUERIES:
        text = dice.query()
        if len(text) > MAX_CHARACTERS // 2:  # written out in full it may be longer
            continue
        asked += 1
        judge = naive.holds(text)
        if judge is None:
            with pytest.raises(BadQuery, match="no word"):
                parse(text)
            continue
        query = parse(text)
        for doc, facts in dice.sample(papers, PAPERS_A_QUERY):
            said = query.matches(doc)
            assert said == judge(facts), (text, query.canonical, doc)
            held += said
        assert said == (score(doc, query) is not None)
    # A test that only ever heard "no" would show nothing.
    assert 0.2 < held / (QUERIES * PAPERS_A_QUERY) < 0.8
