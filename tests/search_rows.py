"""Papers and queries for the tests of searching: a small vocabulary, so that random queries find something; odd words in it."""

from __future__ import annotations

import random
from datetime import timedelta

from issue_rows import MONDAY

from newsletter.models import Candidate, CandidateKind, Issue, IssueState, Paper, Sighting, Source

WORDS = [
    'robot', 'robots', 'robotics', 'robotic', 'model', 'models', 'world', 'diffusion', 'diffuses', 'graph', 'neural',
    'network', 'survey', 'learning', 'learned', 'agent', 'vision', 'language', 'policy', 'policies', 'NEAR', 'AND',
    'OR', 'NOT', 'near', 'c++', 'c#', 'state-of-the-art', '3D', 'GPT-4', 'Schölkopf', 'naïve', 'Łukasz', 'VLAs',
    'GANs', "can't", "model's", '"quoted"', 'back\\slash', 'semi;colon', 'per%cent', 'under_score', '(paren)', 'star*',
    'col:on', 'a:b', 't:robot', 'null\u200bwidth', '机器学习', '机器人', '学', '世界模型', 'ロボット', '로봇', 'التعلم', 'обучение',
    'модель', 'हिन्दी', '🙂', '𠀀𠀁', '日本語のモデル', 'x'
]  # fmt: skip
AUTHORS = ("Geoffrey Hinton", "G. E. Hinton", "Ada Lovelace", "李 雷", "O'Neil, Cathy", "Hinton Geoffrey", "Jürgen Schmidhuber")
LABS = ("Peking University", "University of Peking", "OpenAI", "Max-Planck-Institut", "北京大学", "Peking Union University")
CODES = ("cs.LG", "cs.CL", "stat.ML", "math.NT", "q-bio.NC", "Computer Science", "eess.IV")


def text(dice: random.Random, most: int) -> str:
    return " ".join(dice.choices(WORDS, k=dice.randint(0, most)))


def world(dice: random.Random, papers: int, *, issues: int = 5) -> list[Paper]:
    """Papers in closed issues of as many days, each with a candidate: some hidden, edited, withdrawn, offered again."""
    places = [
        Source.objects.create(slug=slug, name=name, kind="feed") for slug, name in (("arxiv-cs", "arXiv cs"), ("hf", "Daily"))
    ]
    closed = []
    for number in range(1, issues + 1):
        at = MONDAY + timedelta(days=number)
        row = Issue(number=number, state=IssueState.CLOSED, opened_at=at - timedelta(days=1), closed_at=at, closed_on=at.date())
        closed.append(row)
    Issue.objects.bulk_create(closed)
    rows = [_paper(dice, number) for number in range(papers)]
    Paper.objects.bulk_create(rows)
    offered = [_candidate(dice, dice.choice(closed), row) for row in rows]
    offered += [
        _candidate(dice, closed[-1], row.paper, again=True)
        for row in offered
        if row.issue != closed[-1] and not dice.randrange(9)
    ]
    Candidate.objects.bulk_create(offered)
    seen = [Sighting(source=dice.choice(places), paper=row, seen_at=MONDAY, listed_on=row.listed_on, rank=1) for row in rows]
    Sighting.objects.bulk_create(seen)
    return rows


def _paper(dice: random.Random, number: int) -> Paper:
    return Paper(
        title=text(dice, 9) or "Untitled", abstract=text(dice, 60), summary=dice.choice(["", text(dice, 12)]),
        keywords=[text(dice, 2) for _ in range(dice.randrange(3))], authors=dice.sample(AUTHORS, dice.randrange(3)),
        organizations=dice.sample(LABS, dice.randrange(3)), categories=dice.sample(CODES, dice.randrange(3)),
        project_url=dice.choice(["", "", "https://example.org/p"]), listed_on=(MONDAY + timedelta(days=dice.randint(-40, 8))).date(),
        seen_at=MONDAY, withdrawn_at=MONDAY if number % 29 == 7 else None,
    )  # fmt: skip


def _candidate(dice: random.Random, issue: Issue, paper: Paper, *, again: bool = False) -> Candidate:
    return Candidate(
        issue=issue, paper=paper, kind=CandidateKind.AGAIN if again else CandidateKind.NEW, has_code=dice.random() < 0.4,
        upvotes=dice.choice([None, 0, 3, 12, 80]), comments=dice.choice([None, 0, 2, 9]), stars=dice.choice([None, 1, 200]),
        trend=dice.choice([0.0, 0.0, 1.5, 3.5, 4.0, 7.25]), hidden_at=MONDAY if not dice.randrange(20) else None,
        summary_edit=text(dice, 6) if not dice.randrange(15) else "",
    )  # fmt: skip


def query_text(dice: random.Random, depth: int = 3) -> str:
    """Every construct of the language; some are refused, as typed text is."""
    kind = dice.randrange(9)
    if depth and kind < 2:
        return " ".join(query_text(dice, depth - 1) for _ in range(dice.randint(2, 3)))
    if depth and kind == 2:
        return "(" + " OR ".join(query_text(dice, depth - 1) for _ in range(dice.randint(2, 4))) + ")"
    if depth and kind < 5:
        return f"{dice.choice(['-', 'NOT '])}{query_text(dice, depth - 1)}"
    return _leaf(dice)


def _leaf(dice: random.Random) -> str:
    word, other = dice.choice(WORDS), dice.choice(WORDS)
    quoted = '"' + f"{word} {other}".replace('"', "") + '"'
    field = dice.choice(["title:", "abstract:"])
    return dice.choice([
        word, word, other, quoted, f"{field}{word}", f"{field}{quoted}", f"{word[: dice.randint(1, 6)]}*", f"{field}{word[:3]}*",
        f"{word}-{other[:3]}*", "author:hinton", 'author:"g hinton"', "author:hin*", 'author:"李 雷"', "org:peking", "org:北京大学",
        'org:"peking university"', "org:max-pl*", "cat:cs", "cat:cs.LG", "cat:ml", 'cat:"computer science"', "cat:q-bio.NC",
        "source:arxiv", "source:daily", "source:nowhere", "has:code", "has:project", "is:trending",
        f"{dice.choice(['upvotes', 'stars', 'comments'])}{dice.choice(['>', '>=', '<', '<=', '='])}{dice.choice([0, 3, 9, 12, 200])}",
        f"age{dice.choice(['>', '>=', '<', '<=', '='])}{dice.choice([0, 1, 7, 20, 999999999])}d", "学", "机器", "机器学习 模", "のモ", "人",
    ])  # fmt: skip
