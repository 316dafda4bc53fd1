"""Queries of at most 500 characters, hostile and random: what reading one costs, and asking it of 150 papers.

Every cache is empty before each reading. Nothing of the database is used.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

from newsletter.matching import BadQuery, Document, Query, query, stems

CHARACTERS = query.MAX_CHARACTERS
PAPERS = 150
RANDOM = 500
ROUNDS = 5  # of each hostile query; the quickest counts, the machine's hiccups do not
LIMIT_MS = 20
HOSTILE = {
    "forty terms": " ".join(f"w{number}word{number}" for number in range(40)),
    "forty prefixes": " ".join(f"prefix{number:02}x*" for number in range(40)),
    "nested to the limit": "(" * 8 + " OR ".join(f"ab{number}" for number in range(40)) + ")" * 8,
    "groups and minuses": "-(a OR (b -(c OR (d -(e OR (f -(g OR h)))))))" * 11,
    "nested too deep": "(" * 249 + "a" + ")" * 249,
    "never closed": "(" * 500,
    "long phrase": '"' + "ab " * 166 + '"',
    "long phrases": ('"world models of the robots " ' * 17)[:500],
    "a quote too many": 'a "' * 166 + '"',
    "quotes only": '"' * 500,
    "one word": "supercalifragil" * 33,
    "one letter": "a " * 250,
    "alternatives": "a OR b OR " * 49 + "c",
    "many NOT": "NOT " * 124 + "a",
    "minuses": "- " * 250,
    "spaces": "upvotes" + " " * 492 + "x",
    "spaces of an operator": ("a and" + " " * 90) * 5 + "b",
    "fields": "title:a " * 62,
    "unknown fields": "abcdefgh:x " * 45,
    "comparisons": "upvotes>10 stars<5 " * 26,
    "a long number": "upvotes>" + "9" * 490,
    "Chinese": "".join(chr(0x4E00 + number) for number in range(500)),
    "Chinese, spaced": " ".join(chr(0x4E00 + number) for number in range(250)),
    "Korean": "각" * 500,
    "marks": "a" + "\u0301" * 499,
    "ligatures": "ﷺ" * 500,
    "camel case": "AbcDef" * 83,
    "punctuation": "!?;.," * 100,
}
PIECES = (
    "robot*", '"world models"', "vision", "title:diffusion", "author:hinton", "cat:cs.LG", "has:code", "upvotes>10", "age<7d",
    "世界模型", "naïve", "DeepSeekMoE", "state-of-the-art", "is:trending", "(diffusion OR flow)", "org:mit", "title:(video OR -audio)",
)  # fmt: skip
JOINTS = (" ", " ", " AND ", " OR ", " or ", " -", " NOT ", " (", ") ", ' "')
TEXT = """
learning world models for legged robots with a mixture of experts and diffusion policies under partial observation of the
DeepSeekMoE transformer state-of-the-art benchmark 世界模型 naïve baselines vision language survey superconductivity graph
""".split()  # noqa: SIM905


def measure() -> list[dict[str, Any]]:
    """Milliseconds: a row for each hostile query, one for random text, one for all. over_limit: readings over 20 ms."""
    dice = random.Random(4)
    papers = [_paper(dice) for _ in range(PAPERS)]
    rows, parses = [], []
    for name, text in HOSTILE.items():
        rounds = [_measured(text[:CHARACTERS], papers) for _ in range(ROUNDS)]
        parses.append(min(each["parse_ms"] for each in rounds))
        rows.append({"query": name, **{key: min(each[key] for each in rounds) for key in rounds[0]}})
    found = [_measured(text, papers) for text in _texts(dice)]
    rows.append(_summed("random", found))
    parses += [each["parse_ms"] for each in found]
    over = sum(1 for each in parses if each > LIMIT_MS)
    return [*rows, {"query": "all", "asked": len(parses), **_spread("parse_ms", parses), "over_limit": over}]


def _measured(text: str, papers: list[Document]) -> dict[str, Any]:
    """parse with canonical form, or with its refusal; then the words; then 150 papers."""
    for cache in (query.parse, stems._piece, stems._terms, stems._halves):
        cache.cache_clear()
    parsed, parse_ms = _timed(lambda: _parsed(text))
    row = {"refused": parsed is None, "parse_ms": parse_ms}
    if parsed is None:
        return row
    _, words_ms = _timed(parsed.words)
    _, papers_ms = _timed(lambda: [parsed.matches(paper) for paper in papers])
    return row | {"words_ms": words_ms, f"papers_{PAPERS}_ms": papers_ms}


def _parsed(text: str) -> Query | None:
    try:
        return query.parse(text)
    except BadQuery:
        return None


def _timed(act: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.process_time()
    result = act()
    return result, round((time.process_time() - begun) * 1000, 3)


def _texts(dice: random.Random) -> Iterator[str]:
    """Half of them can be meant; the others have parentheses and quotes anywhere and are cut at 500 characters."""
    for number in range(RANDOM):
        joints, size = (JOINTS[:7], 24) if number % 2 else (JOINTS, 100)
        yield "".join(dice.choice(PIECES) + dice.choice(joints) for _ in range(dice.randint(1, size)))[: CHARACTERS - 1] + "x"


def _paper(dice: random.Random) -> Document:
    def text(size: int) -> str:
        return " ".join(dice.choice(TEXT) for _ in range(size))

    paper = Document(title=text(11), abstract=text(180), keywords=(text(2), text(1)), upvotes=dice.randint(0, 50))
    assert paper.anywhere_view and paper.body_view and paper.title_view  # built once a paper, not once a query
    return paper


def _summed(name: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    refused = [each["parse_ms"] for each in found if each["refused"]]
    read = [each for each in found if not each["refused"]]
    row = {
        "query": name,
        "asked": len(found),
        "refused": len(refused),
        **_spread("parse_ms", [each["parse_ms"] for each in read]),
    }
    row |= _spread("refusal_ms", refused)
    for key in ("words_ms", f"papers_{PAPERS}_ms"):
        row |= _spread(key, [each[key] for each in read])
    return row


def _spread(name: str, values: list[float]) -> dict[str, float]:
    return {f"{name}_median": round(median(values), 3), f"{name}_max": max(values)} if values else {}
