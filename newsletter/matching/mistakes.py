"""What is wrong with a query and what to write instead. Each function gives the BadQuery for `query` to raise."""

from __future__ import annotations

import re
from difflib import get_close_matches

from lark.exceptions import UnexpectedInput, UnexpectedToken

FIELDS = ("title", "abstract", "author", "org", "cat", "source", "has", "is")
ALIASES = {
    "ti": "title", "abs": "abstract", "au": "author", "authors": "author", "organization": "org", "organisation": "org",
    "lab": "org", "category": "cat", "votes": "upvotes",
}  # fmt: skip
NUMBERS = ("upvotes", "stars", "comments", "age")
FLAGS = {"has": ("code", "project"), "is": ("trending",)}
A_WORD = "a word, a “phrase” or ("
DAYS = {"": 1, "d": 1, "w": 7, "m": 30, "y": 365}  # by first letter

# What other search boxes call it.
_MEANT = {
    "by": "author:", "from": "org:", "affiliation": "org:", "institution": "org:", "university": "org:", "site": "source:",
    "feed": "source:", "subject": "cat:", "archive": "cat:", "text": "abstract:", "body": "abstract:", "summary": "abstract:",
    "with": "has:", "code": "has:code", "project": "has:project", "github": "has:code", "trending": "is:trending",
    "date": "age<7d", "year": "age<7d", "since": "age<7d", "after": "age<7d", "days": "age<7d", "likes": "upvotes>10",
    "points": "upvotes>10", "score": "upvotes>10", "popular": "is:trending",
}  # fmt: skip
_NO_FIELD = {
    **dict.fromkeys(("http", "https", "arxiv", "doi", "id"), "Links and numbers find no paper here; use words of its title."),
    **dict.fromkeys(("keyword", "keywords", "any", "all"), "Plain words look in the keywords too; leave it out."),
}
_QUOTED = re.compile(r"[\"“”„«»][^\"“”„«»]*[\"“”„«»]?|[()]")


class BadQuery(ValueError):
    """A query that cannot be meant. column: from 1, where it went wrong; expected, suggestion: "" when there is none.

    `str()` is one sentence for the person who typed it; it repeats at most 30 characters of what was typed.
    suggestion: what to write in place of the wrong part.
    """

    def __init__(self, message: str, column: int = 1, expected: str = "", suggestion: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.expected = expected
        self.suggestion = suggestion


def unknown_field(typed: str, value: str, column: int) -> BadQuery:
    near = get_close_matches(typed, [*FIELDS, *ALIASES, *NUMBERS], n=1, cutoff=0.7)
    better = _MEANT.get(typed, f"{near[0]}:" if near else "")
    if near and ALIASES.get(near[0], near[0]) in NUMBERS:
        better = example(ALIASES.get(near[0], near[0]), "<" if near[0] == "age" else ">", value)
    remedy = _NO_FIELD.get(typed, "To look for these words, put them in quotes.")
    remedy = f"Did you mean “{better}”?" if better else remedy
    wrong = f"“{typed}” is compared, not looked up." if ALIASES.get(typed, typed) in NUMBERS else f"There is no field “{typed}:”."
    return BadQuery(f"{wrong} {remedy}", column, ", ".join(f"{each}:" for each in FIELDS), better)


def unknown_flag(field: str, typed: str, column: int) -> BadQuery:
    near = get_close_matches(typed, FLAGS[field], n=1, cutoff=0.6)
    expected = " or ".join(f"{field}:{value}" for value in FLAGS[field])
    better = f"{field}:{near[0]}" if near else ""
    remedy = f"Did you mean “{better}”?" if near else f"Possible: {expected}."
    return BadQuery(f"“{field}:{typed[:30]}” is unknown. {remedy}", column, expected, better)


def unknown_category(code: str, field_values: list[str], column: int) -> BadQuery:
    """field_values: the codes of a list with commas."""
    expected = "a code such as cs.LG, cs or math"
    if len(field_values) > 1:
        better = f"cat:({' OR '.join(field_values)})"[:60]
        return BadQuery(f"Join categories by OR: “{better}”.", column, expected, better)
    return BadQuery(f"“{code[:30]}” is no category; write {expected}.", column, expected)


def not_a_number(name: str, order: str, value: str, column: int) -> BadQuery:
    wanted = "days, weeks or months such as 7d, 2w, 3m" if name == "age" else "a whole number"
    better = example(name, order, value)
    return BadQuery(f"“{name}{order}” needs {wanted} after it, as in “{better}”.", column, wanted, better)


def example(name: str, order: str, value: str) -> str:
    """A comparison that can be read, with the number that was typed where there is one: 1,000 -> 1000, 2y -> 730d."""
    found = re.fullmatch(r"([0-9]{1,7})\s*([a-z]?)[a-z]*\W*", value.strip(" <>=").replace(",", "").casefold())
    if name == "age":
        return f"age{order}{int(found[1]) * DAYS[found[2]]}d" if found and found[2] in DAYS else f"age{order}7d"
    if not found or found[2] not in {"", "k"}:
        return f"{name}{order}10"
    return f"{name}{order}{int(found[1]) * (1000 if found[2] else 1)}"


def unknown_number(name: str, order: str, value: str, column: int) -> BadQuery | None:
    """`upvote>10` and `likes>10` are slips; `p<0.05` and `SNR>10` are text: None."""
    near = get_close_matches(name, [*NUMBERS, "votes"], n=1, cutoff=0.7)
    meant = re.match(r"upvotes|age", _MEANT.get(name, ""))
    if not near and not meant:
        return None
    known = ALIASES.get(near[0], near[0]) if near else meant[0] if meant else ""
    better = "age<7d" if meant and known == "age" else example(known, order, value)
    return BadQuery(f"There is no “{name}” to compare. Did you mean “{better}”?", column, ", ".join(NUMBERS), better)


def backwards(typed: str, column: int) -> BadQuery:
    """`>10 upvotes`."""
    order, value, name = re.findall(r"[^\s\w]+|\w+", typed.casefold())
    better = f"{ALIASES.get(name, name)}{order}{value}"
    return BadQuery(f"The name comes first: “{better[:30]}”.", column, ", ".join(NUMBERS), better)


def explained(problem: UnexpectedInput, text: str) -> BadQuery:
    """Lark's words -> what a person can do."""
    column = problem.column if problem.column > 0 else len(text) + 1
    if not isinstance(problem, UnexpectedToken):
        return BadQuery("This character cannot stand here.", column, A_WORD)
    kind, (open_at, unclosed_at) = problem.token.type, _left_open(text if problem.token.type == "$END" else text[: column - 1])
    if unclosed_at is not None:
        return BadQuery("This quotation mark is never closed.", unclosed_at + 1, '"')
    if kind == "$END" and open_at:
        return BadQuery("This parenthesis is never closed.", open_at[0] + 1, ")")
    if kind == "$END":
        return BadQuery("The query ends where a word should follow.", len(text) + 1, A_WORD)
    if kind == "RPAR" and not open_at:
        return BadQuery("This parenthesis closes nothing.", column, "(")
    if kind == "RPAR":
        return BadQuery("A word is missing before this parenthesis.", column, A_WORD)
    return BadQuery(f"A word is missing before “{str(problem.token).strip()[:30]}”.", column, A_WORD)


def _left_open(text: str) -> tuple[list[int], int | None]:
    """Positions of the parentheses still open at the end of the text, and of a quotation mark that is."""
    stack: list[int] = []
    for found in _QUOTED.finditer(text):
        if found.group() == "(":
            stack.append(found.start())
        elif found.group() == ")":
            stack[-1:] = []
        elif len(found.group()) == 1 or found.group()[-1] not in '"“”„«»':
            return stack, found.start()
    return stack, None
