"""A query as one line of text that is read back without parser and stemmer: what `Interest.compiled` keeps.

    1/3.1.1/14.0.0 ..|2 TAB wworld models/world model TAB wrobots/robot

The head has the version and the shape, the rest the leaves from left to right. The shape is postfix: "." a leaf, "!" NOT,
"&n" and "|n" join the last n parts; "+n" is "&n" for words typed side by side, followed by one more leaf, the phrase
that they would make.
"""

from __future__ import annotations

import re
import unicodedata
from importlib.metadata import version
from typing import NamedTuple

from newsletter.matching import stems
from newsletter.matching.nodes import And, Category, Flag, Leaf, Name, Node, Not, Number, Or, Text
from newsletter.matching.query import Query
from newsletter.matching.score import facet, side_by_side, weight_of

FORM = 1  # raise it when the grammar, `stems` or this file makes another line of the same query
VERSION = f"{FORM}/{version('snowballstemmer')}/{unicodedata.unidata_version}"
SEPARATOR = "\t"
_TEXTS = {"": "w", "title": "t", "abstract": "a"}
_NAMES = {"author": "A", "org": "O", "source": "S"}
_FIELDS = {mark: field for field, mark in (_TEXTS | _NAMES).items()}
_STEP = re.compile(r"([.!&|+])(\d*)")


class Step(NamedTuple):
    """One step of a shape: kind is one of . ! & | +; size: how many results it joins."""

    kind: str
    size: int


def compiled(query: Query) -> str:
    """The same for equal queries, under one version."""
    shape, leaves = _unrolled(query.root)
    return SEPARATOR.join([f"{VERSION} {shape}", *leaves])


def is_current(text: str) -> bool:
    """False: made by another version, or empty; compile the query again."""
    return text.startswith(VERSION + " ")


def steps(head: str) -> tuple[Step, ...]:
    """What stands before the first leaf -> its shape, step by step."""
    return tuple(Step(kind, int(parts or 1)) for kind, parts in _STEP.findall(head.rpartition(" ")[2]))


def leaf(text: str) -> Leaf:
    """One leaf, its terms already in it."""
    mark, rest = text[0], text[1:]
    if mark == "C":
        return Category(rest)
    if mark == "F":
        return Flag(rest)
    if mark == "N":
        name, order, value = rest.split(" ")
        return Number(name, order, int(value))
    written = rest.partition("/")[0]
    words, prefix = tuple(written.removesuffix("*").split(" ")), written.endswith("*")
    if mark in _NAMES.values():
        return Name(_FIELDS[mark], words, prefix)
    text_leaf = Text(_FIELDS[mark], words, prefix)
    vars(text_leaf)["terms"] = tuple(terms(text))  # where its cached_property keeps them
    return text_leaf


def terms(text: str) -> list[str]:
    """The terms of a Text leaf."""
    written, _, stemmed = text[1:].partition("/")
    return (stemmed or written.removesuffix("*")).replace(",", " ").split(" ")


def weight(text: str) -> float:
    """How much a leaf says; see `score`."""
    if text[0] not in _TEXTS.values():
        return facet(leaf(text))[1]
    return weight_of(_heads(text))


def _heads(text: str) -> list[str]:
    """The first term of each word of a Text leaf: what `score` weighs words by."""
    written, _, stemmed = text[1:].partition("/")
    return [word.partition(",")[0] for word in (stemmed or written.removesuffix("*")).split(" ")]


def _unrolled(node: Node) -> tuple[str, list[str]]:
    if isinstance(node, Not):
        shape, leaves = _unrolled(node.part)
        return shape + "!", leaves
    if not isinstance(node, And | Or):
        return ".", [_leaf(node)]
    parts = [_unrolled(part) for part in node.parts]
    together = side_by_side(node) if isinstance(node, And) else None
    shape = "".join(shape for shape, _ in parts) + ("." if together else "")
    leaves = [each for _, some in parts for each in some] + ([_leaf(together)] if together else [])
    return f"{shape}{'|' if isinstance(node, Or) else '+' if together else '&'}{len(parts)}", leaves


def _leaf(node: Leaf) -> str:
    if isinstance(node, Category):
        return f"C{node.code}"
    if isinstance(node, Flag):
        return f"F{node.name}"
    if isinstance(node, Number):
        return f"N{node.name} {node.order} {node.value}"
    written = " ".join(node.words) + "*" * node.prefix
    if isinstance(node, Name):
        return f"{_NAMES[node.field]}{written}"
    stemmed = " ".join(",".join(stems.terms((word,))) for word in node.words)
    return f"{_TEXTS[node.field]}{written}" + (f"/{stemmed}" if stemmed != " ".join(node.words) else "")
