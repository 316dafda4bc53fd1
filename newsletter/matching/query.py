"""The query language: text -> Query. `grammar.lark` is its form, `docs/query.md` its description for people.

One line serves sign-up, topics, search, feeds and the desk. Whatever is typed, `parse` gives a Query or raises BadQuery.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput

from newsletter.matching import mistakes, stems
from newsletter.matching.document import Document
from newsletter.matching.mistakes import A_WORD, ALIASES, DAYS, FIELDS, FLAGS, BadQuery
from newsletter.matching.nodes import And, Category, Flag, Leaf, Name, Node, Not, Number, Or, Text

__all__ = ["MAX_CHARACTERS", "MAX_DEPTH", "MAX_TERMS", "BadQuery", "Document", "Query", "parse"]

MAX_CHARACTERS = 500
MAX_TERMS = 40
MAX_DEPTH = 8

_ORDERS = {"≥": ">=", "=>": ">=", "≤": "<=", "=<": "<=", "==": "="}
_COMPARE = re.compile(r"(?P<name>[a-z]+)\s*:?\s*(?P<order>>=|<=|=>|=<|==|!=|<>|≥|≤|>|<|=)\s*(?P<value>.*)", re.IGNORECASE)
_parser = Lark((Path(__file__).parent / "grammar.lark").read_text(encoding="utf-8"), parser="lalr", lexer="basic")


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
        raise mistakes.explained(problem, text) from None
    root = _either(tree.children[0], "", 0) if isinstance(tree.children[0], Tree) else None
    if root is None:
        raise BadQuery("There is no word in this query.", 1, A_WORD)
    query = Query(root, str(root))
    if len(query.leaves()) > MAX_TERMS:
        terms = tree.scan_values(lambda each: isinstance(each, Token) and each.type in {"WORD", "PHRASE", "COMPARE"})
        message = f"A query has at most {MAX_TERMS} terms; this one has {len(query.leaves())}."
        raise BadQuery(message, _column(list(terms)[MAX_TERMS]))
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
        raise BadQuery(f"Parentheses nest at most {MAX_DEPTH} deep.", _column(opening), A_WORD)
    return _either(inner, field, depth + 1) if isinstance(inner, Tree) else None


def _fielded(tree: Tree[Token], field: str, depth: int) -> Node:
    name, value = tree.children
    typed = str(name).rstrip().rstrip(":").rstrip().casefold()
    known = ALIASES.get(typed, typed)
    if known not in FIELDS:
        raise mistakes.unknown_field(typed, str(value) if isinstance(value, Token) else "", _column(name))
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
    if token.type == "BACKWARDS":
        raise mistakes.backwards(str(token), _column(token))
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
    return words, words[-1][-1] not in "+#"


def _category(token: Token) -> Category | None:
    code = " ".join(str(token).strip('"“”„«»').casefold().removesuffix("*").rstrip(".,").split())
    if not any(char.isalnum() for char in code):
        return None
    if not re.fullmatch(r"[\w .&/-]+", code):
        raise mistakes.unknown_category(code, [part for part in re.split(r"[,;]\s*", code) if part], _column(token))
    archive, dot, subject = code.partition(".")
    if dot:
        return Category(f"{archive}.{subject.upper() if len(subject) == 2 and subject.isascii() else subject}")
    return Category(code.upper() if len(code) == 2 and code.isascii() and code != "cs" else code)


def _flag(token: Token, field: str) -> Flag:
    typed = str(token).strip('"“”„«»').rstrip(".,;!?").casefold()
    if typed not in FLAGS[field]:
        raise mistakes.unknown_flag(field, typed, _column(token))
    return Flag(typed)


def _number(token: Token, field: str) -> Number:
    found = _COMPARE.fullmatch(str(token))
    if found is None or field:
        raise BadQuery(f"A comparison cannot stand after “{field}:”.", _column(token), A_WORD)
    name = ALIASES.get(found["name"].casefold(), found["name"].casefold())
    order = _ORDERS.get(found["order"], found["order"])
    if order in {"!=", "<>"}:
        better = f"-{mistakes.example(name, '=', found['value'])}"
        raise BadQuery(f"For “not equal” put a minus before it: “{better}”.", _column(token), "> >= < <= or =", better)
    value = re.fullmatch(r"([0-9]{1,9})(?:\s*(d|days?|w|weeks?|m|months?))?[.,;!?]?", found["value"].casefold())
    if value is None or (value[2] and name != "age"):
        raise mistakes.not_a_number(name, order, found["value"], _column(token))
    return Number(name, order, min(int(value[1]) * DAYS[(value[2] or "")[:1]], 999_999_999))


def _refuse_unknown_number(token: Token) -> None:
    found = _COMPARE.fullmatch(str(token))
    problem = found and mistakes.unknown_number(
        found["name"].casefold(), _ORDERS.get(found["order"], found["order"]), found["value"], _column(token)
    )
    if problem:
        raise problem


def _joined(kind: Callable[[tuple[Node, ...]], And | Or], found: list[Node | None]) -> Node | None:
    """Nested joins of one kind become one, repeated parts are kept once, a join of one part is that part."""
    flat: dict[str, Node] = {}
    for node in found:
        parts = node.parts if isinstance(node, And | Or) and type(node) is kind else (node,)
        flat.update({str(part): part for part in parts if part is not None and str(part) not in flat})
    parts_ = tuple(flat.values())
    return kind(parts_) if len(parts_) > 1 else parts_[0] if parts_ else None


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
