"""The query language: text -> Query. `grammar.lark` is its form, `docs/query.md` its description for people.

One line serves sign-up, topics, search, feeds and the desk. Whatever is typed, `parse` gives a Query or raises BadQuery.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput, UnexpectedToken

from newsletter.matching import stems
from newsletter.matching.document import Document
from newsletter.matching.nodes import And, Category, Flag, Leaf, Name, Node, Not, Number, Or, Text

__all__ = ["MAX_CHARACTERS", "MAX_DEPTH", "MAX_TERMS", "BadQuery", "Document", "Query", "parse"]

MAX_CHARACTERS = 500
MAX_TERMS = 40
MAX_DEPTH = 8

ALIASES = {
    "ti": "title", "abs": "abstract", "au": "author", "authors": "author", "organization": "org", "organisation": "org",
    "lab": "org", "category": "cat", "votes": "upvotes",
}  # fmt: skip
FIELDS = ("title", "abstract", "author", "org", "cat", "source", "has", "is")
NUMBERS = ("upvotes", "stars", "comments", "age")
A_WORD = "a word, a “phrase” or ("
_COMPARE = re.compile(r"(?P<name>[a-z]+)\s*:?\s*(?P<order>>=|<=|≥|≤|>|<|=)\s*(?P<value>\S*)", re.IGNORECASE)
_parser = Lark((Path(__file__).parent / "grammar.lark").read_text(encoding="utf-8"), parser="lalr", lexer="basic")


class BadQuery(ValueError):
    """A query that cannot be meant. column: from 1, where it went wrong; expected, suggestion: "" when there is none.

    `str()` is one sentence for the person who typed it; it repeats at most 30 characters of what was typed.
    """

    def __init__(self, message: str, column: int = 1, expected: str = "", suggestion: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.column = column
        self.expected = expected
        self.suggestion = suggestion


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query. Equal when the canonical forms are; `parse(q.canonical) == q`; canonical has at most 500 characters."""

    root: Node
    canonical: str

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Query) and self.canonical == other.canonical

    def __hash__(self) -> int:
        return hash(self.canonical)

    def __str__(self) -> str:
        return self.canonical

    def matches(self, doc: Document) -> bool:
        return self.root.holds(doc)

    def words(self) -> str:
        """Plain English: papers about (world models or robotics) and planning, with code, not survey."""
        parts = self.root.parts if isinstance(self.root, And) else (self.root,)
        return f"{'all papers, ' if all(isinstance(part, Not) for part in parts) else 'papers '}{self.root.says()}"

    def leaves(self) -> tuple[Leaf, ...]:
        """Every question that the query asks of a document, left to right."""
        return tuple(_leaves(self.root))


@lru_cache(maxsize=4096)
def parse(text: str) -> Query:
    """Text as typed -> Query. Raises BadQuery and nothing else."""
    if len(text) > MAX_CHARACTERS:
        raise BadQuery(f"A query has at most {MAX_CHARACTERS} characters; this one has {len(text)}.", MAX_CHARACTERS + 1)
    text = "".join(" " if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else char for char in text)
    try:
        tree = _parser.parse(text)
    except UnexpectedInput as problem:
        raise _explained(problem, text) from None
    root = _either(tree.children[0], "", 0) if isinstance(tree.children[0], Tree) else None
    if root is None:
        raise BadQuery("There is no word in this query.", 1, A_WORD)
    query = Query(root, str(root))
    if len(query.leaves()) > MAX_TERMS:
        raise BadQuery(f"A query has at most {MAX_TERMS} terms; this one has {len(query.leaves())}.")
    if len(query.canonical) > MAX_CHARACTERS:
        raise BadQuery(f"Written out in full, this query has more than {MAX_CHARACTERS} characters.", MAX_CHARACTERS)
    return query


# Tree -> nodes. None: nothing to look for, as in "&" or "🙂"; punctuation is passed over as in any search box.


def _either(tree: Tree[Token], field: str, depth: int) -> Node | None:
    return _joined(Or, [_every(part, field, depth) for part in _subtrees(tree)])


def _every(tree: Tree[Token], field: str, depth: int) -> Node | None:
    return _joined(And, [_part(part, field, depth) for part in _subtrees(tree)])


def _part(tree: Tree[Token], field: str, depth: int) -> Node | None:
    *nots, atom = tree.children
    node = _atom(atom, field, depth)
    if node is None or len(nots) % 2 == 0:
        return node
    return node.part if isinstance(node, Not) else Not(node)


def _atom(atom: Tree[Token] | Token, field: str, depth: int) -> Node | None:
    if isinstance(atom, Token):
        return _leaf(atom, field)
    if atom.data == "fielded":
        return _fielded(atom, field, depth)
    opening, inner = atom.children[0], atom.children[1]
    if depth == MAX_DEPTH:
        raise BadQuery(f"Parentheses nest at most {MAX_DEPTH} deep.", _column(opening))
    return _either(inner, field, depth + 1) if isinstance(inner, Tree) else None


def _fielded(tree: Tree[Token], field: str, depth: int) -> Node:
    name, value = tree.children
    typed = str(name).rstrip().rstrip(":").casefold()
    known = ALIASES.get(typed, typed)
    if known not in FIELDS:
        near = get_close_matches(typed, [*FIELDS, *ALIASES], n=1, cutoff=0.7)
        remedy = f"Did you mean “{near[0]}:”?" if near else "To look for these words, put them in quotes."
        expected = ", ".join(f"{each}:" for each in FIELDS)
        raise BadQuery(f"There is no field “{typed}:”. {remedy}", _column(name), expected, f"{near[0]}:" if near else "")
    if field:
        raise BadQuery(f"“{known}:” cannot stand inside “{field}:”.", _column(name), A_WORD)
    node = _atom(value, known, depth)
    if node is None:
        raise BadQuery(f"“{known}:” needs something after it.", _column(name), A_WORD)
    return node


def _leaf(token: Token, field: str) -> Node | None:
    if token.type == "UNCLOSED":
        raise BadQuery("This quotation mark is never closed.", _column(token), '"')
    if token.type == "COMPARE":
        return _number(token, field)
    if field in {"has", "is"}:
        return _flag(token, field)
    if field == "cat":
        return _category(token)
    if token.type == "WORD" and not field:
        _refuse_unknown_number(token)
    words, prefix = _words(token)
    if not words:
        return None
    return Text(field, words, prefix) if field in {"", "title", "abstract"} else Name(field, words, prefix)


def _words(token: Token) -> tuple[tuple[str, ...], bool]:
    """Folded words, and whether the last is only a beginning. In quotes a star is punctuation."""
    words = stems.words(str(token))
    if token.type == "PHRASE" or not str(token).rstrip(",.;:!?").endswith("*"):
        return words, False
    if not words:
        raise BadQuery("A * stands at the end of a word, after two letters or more.", _column(token), "a word before the *")
    if stems.is_cjk(words[-1]):
        return words, False  # pairs of characters find longer words anyway
    if len(words[-1]) < 2:
        raise BadQuery("A * needs at least two letters before it.", _column(token), "two letters or more", f'"{words[-1]}"')
    return words, words[-1][-1].isalnum()


def _category(token: Token) -> Category | None:
    code = " ".join(str(token).strip('"“”„«»').casefold().removesuffix("*").rstrip(".,").split())
    if not any(char.isalnum() for char in code):
        return None
    if not re.fullmatch(r"[\w .&/-]+", code):
        raise BadQuery(f"“{code[:30]}” is no category.", _column(token), "a code such as cs.LG, cs or math")
    archive, dot, subject = code.partition(".")
    if dot:
        return Category(f"{archive}.{subject.upper() if len(subject) == 2 and subject.isascii() else subject}")
    return Category(code.upper() if len(code) == 2 and code.isascii() and code != "cs" else code)


def _flag(token: Token, field: str) -> Flag:
    values = ("code", "project") if field == "has" else ("trending",)
    typed = str(token).strip('"“”„«»').casefold()
    if typed in values:
        return Flag(typed)
    near = get_close_matches(typed, values, n=1, cutoff=0.6)
    expected = " or ".join(f"{field}:{value}" for value in values)
    hint = f" Did you mean “{field}:{near[0]}”?" if near else f" Possible: {expected}."
    raise BadQuery(f"“{field}:{typed[:30]}” is unknown.{hint}", _column(token), expected, f"{field}:{near[0]}" if near else "")


def _number(token: Token, field: str) -> Number:
    found = _COMPARE.fullmatch(str(token))
    if found is None or field:
        raise BadQuery(f"A comparison cannot stand after “{field}:”.", _column(token), A_WORD)
    name = ALIASES.get(found["name"].casefold(), found["name"].casefold())
    order = {"≥": ">=", "≤": "<="}.get(found["order"], found["order"])
    value = re.fullmatch(r"([0-9]{1,9})([dwm]?)", found["value"].casefold())
    if value is None or (value[2] and name != "age"):
        wanted = "a number of days such as 7d or 2w" if name == "age" else "a whole number"
        example = f"{name}{order}{'7d' if name == 'age' else 10}"
        raise BadQuery(f"“{name}{order}” needs {wanted} after it.", _column(token), wanted, example)
    return Number(name, order, int(value[1]) * {"": 1, "d": 1, "w": 7, "m": 30}[value[2]])


def _refuse_unknown_number(token: Token) -> None:
    """`upvote>10` is a slip of the finger; `p<0.05` is text."""
    found = _COMPARE.fullmatch(str(token))
    near = get_close_matches(found["name"].casefold(), [*NUMBERS, "votes"], n=1, cutoff=0.7) if found else []
    if found and near:
        better = f"{ALIASES.get(near[0], near[0])}{found['order']}{found['value']}"
        message = f"There is no “{found['name'].casefold()}” to compare. Did you mean “{better[:30]}”?"
        raise BadQuery(message, _column(token), ", ".join(NUMBERS), better)


def _joined(kind: Callable[[tuple[Node, ...]], And | Or], found: list[Node | None]) -> Node | None:
    """Nested joins of one kind become one, repeated parts are kept once, a join of one part is that part."""
    flat: dict[str, Node] = {}
    for node in found:
        parts = node.parts if isinstance(node, And | Or) and type(node) is kind else (node,)
        flat.update({str(part): part for part in parts if part is not None and str(part) not in flat})
    parts_ = tuple(flat.values())
    return kind(parts_) if len(parts_) > 1 else parts_[0] if parts_ else None


def _explained(problem: UnexpectedInput, text: str) -> BadQuery:
    """Lark's words -> what a person can do."""
    column = problem.column if problem.column > 0 else len(text) + 1
    if not isinstance(problem, UnexpectedToken):
        return BadQuery("This character cannot stand here.", column, A_WORD)
    kind, before = problem.token.type, text[: column - 1].rstrip()
    if kind == "$END":
        if _open(text):
            return BadQuery("This parenthesis is never closed.", _open(text)[0] + 1, ")")
        return BadQuery("The query ends where a word should follow.", len(text) + 1, A_WORD)
    if kind == "RPAR":
        if not _open(before):
            return BadQuery("This parenthesis closes nothing.", column, "(")
        return BadQuery("A word is missing before this parenthesis.", column, A_WORD)
    return BadQuery(f"A word is missing before “{str(problem.token)[:30]}”.", column, A_WORD)


def _open(text: str) -> list[int]:
    """Positions of the parentheses that are open at the end of the text, those in quotes left out."""
    stack: list[int] = []
    for found in re.finditer(r"[\"“”„«»][^\"“”„«»]*[\"“”„«»]|[()]", text):
        if found.group() == "(":
            stack.append(found.start())
        elif found.group() == ")" and stack:
            stack.pop()
    return stack


def _leaves(node: Node) -> Iterator[Leaf]:
    if isinstance(node, And | Or):
        for part in node.parts:
            yield from _leaves(part)
    elif isinstance(node, Not):
        yield from _leaves(node.part)
    else:
        yield node


def _subtrees(tree: Tree[Token]) -> list[Tree[Token]]:
    return [child for child in tree.children if isinstance(child, Tree)]


def _column(token: object) -> int:
    return token.column or 1 if isinstance(token, Token) else 1
