"""A query -> a condition on candidates (alias c) that holds wherever the query does, and often nowhere else.

What the index cannot say exactly (an initial, a phrase of names, a prefix in one field) is said too widely; what was said too
widely is never negated. So no match is lost, and `score` drops what is too much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from django.db import connection

from newsletter.matching import Document, trend
from newsletter.matching.nodes import And, Category, Flag, Leaf, Name, Node, Not, Number, Or, Text
from newsletter.models import Source
from newsletter.search import _postgresql
from newsletter.search._dialect import Condition, among, dialect

LONGEST = _postgresql.LONGEST


@dataclass(frozen=True, slots=True)
class _Index:
    """What the text index can answer by itself; negative: its absence."""

    text: str
    exact: bool
    negative: bool = False


_Part = _Index | Condition
_ALL = Condition("TRUE", (), False)


def narrowed(root: Node, *, on: date | None) -> Condition:
    """on: the day that ages are counted to; None: of candidates as they were frozen, each with a day and sources of its own,
    so that age and sources are left to `score`."""
    return _condition(_part(root, on))


def _part(node: Node, on: date | None) -> _Part:
    if isinstance(node, Not):
        return _negated(_part(node.part, on))
    if isinstance(node, And):
        return _both([_part(part, on) for part in node.parts])
    if isinstance(node, Or):
        return _either([_part(part, on) for part in node.parts])
    return _leaf(node, on)


def _both(parts: Sequence[_Part]) -> _Part:
    exact = all(part.exact for part in parts)
    found = [part for part in parts if isinstance(part, _Index)]
    rest = [part for part in parts if isinstance(part, Condition) and part != _ALL]
    wanted = [part.text for part in found if not part.negative]
    left_out = [part.text for part in found if part.negative]
    joined: list[_Part] = list(rest)
    if wanted:
        text = dialect().both(wanted)
        joined.append(_Index(dialect().without(text, dialect().either(left_out)) if left_out else text, exact))
    elif left_out:
        joined.append(_Index(dialect().either(left_out), exact, negative=True))
    if len(joined) == 1 and isinstance(joined[0], _Index):
        return joined[0]
    if not joined:
        return _ALL
    every, index = _joined(" AND ", joined, exact), joined[-1]
    if isinstance(index, _Index) and not index.negative:
        return replace(every, index=index.text, rest=_joined(" AND ", rest, exact))
    return every


def _either(parts: Sequence[_Part]) -> _Part:
    if _ALL in parts:
        return _ALL
    exact = all(part.exact for part in parts)
    texts = [part.text for part in parts if isinstance(part, _Index) and not part.negative]
    rest: list[_Part] = [part for part in parts if isinstance(part, Condition) or part.negative]
    index = [_Index(dialect().either(texts), exact)] if texts else []
    return index[0] if index and not rest else _joined(" OR ", [*index, *rest], exact)


def _negated(part: _Part) -> _Part:
    if not part.exact:
        return _ALL
    if isinstance(part, _Index):
        return _Index(part.text, True, negative=not part.negative)
    return Condition(f"NOT ({part.sql})", part.params, True)


def _joined(by: str, parts: Sequence[_Part], exact: bool) -> Condition:
    conditions = [_condition(part) for part in parts]
    sql = by.join(f"({each.sql})" for each in conditions)
    return Condition(sql, tuple(value for each in conditions for value in each.params), exact)


def _condition(part: _Part) -> Condition:
    if isinstance(part, Condition):
        return part
    sql = ("NOT " if part.negative else "") + dialect().HAS
    return Condition(sql, (part.text,), part.exact, "" if part.negative else part.text)


def _leaf(leaf: Leaf, on: date | None) -> _Part:
    if isinstance(leaf, Text):
        return _text(leaf)
    if isinstance(leaf, Name):
        return _name(leaf) if leaf.field != "source" else _source(leaf) if on else _ALL
    if isinstance(leaf, Category):
        return _Index(dialect().facet("_".join(leaf.folded.split())), exact=" " not in leaf.folded and "_" not in leaf.folded)
    if isinstance(leaf, Flag):
        return _flag(leaf)
    return _age(leaf, on) if leaf.name == "age" else _number(leaf)


def _text(leaf: Text) -> _Part:
    tokens = leaf.words if leaf.prefix else leaf.terms
    short = all(len(token) <= LONGEST for token in tokens)
    if leaf.prefix:
        *whole, last = (dialect().word(word, prefix=place == len(tokens)) for place, word in enumerate(tokens, start=1))
        return _Index(dialect().both([*whole, last]), short and not whole and not leaf.field)
    if leaf.needle[0] != " " and len(leaf.needle) == 1:  # one CJK character: part of a pair, but kept among the words
        return _Index(dialect().word(leaf.needle, prefix=False), not leaf.field)
    text, exact = dialect().phrase(leaf.field, tokens)
    return _Index(text, exact and short)


def _name(leaf: Name) -> _Part:
    short = all(len(word) <= LONGEST for word in leaf.words)
    if leaf.field == "org":
        text, exact = dialect().organization(leaf.words, prefix=leaf.prefix)
        return _Index(text, exact and short)
    last = len(leaf.words) - 1
    words = [
        dialect().author(word, prefix=len(word) == 1 or (leaf.prefix and place == last)) for place, word in enumerate(leaf.words)
    ]
    return _Index(dialect().both(words), short and len(words) == 1)


def _source(leaf: Name) -> Condition:
    """Whoever has shown the paper. Sources are few: asked one by one, as the query would ask a paper."""
    rows = Source.objects.values_list("id", "name", "slug")
    ids = [pk for pk, *names in rows if leaf.holds(Document(sources=tuple(names)))]
    if not ids:
        return Condition("FALSE", (), True)
    some, params = among("source_id", ids)
    return Condition(f"c.paper_id IN (SELECT paper_id FROM newsletter_sighting WHERE {some})", params, True)  # noqa: S608


def _flag(leaf: Flag) -> Condition:
    if leaf.name == "trending":
        return Condition("c.trend >= %s", (trend.THRESHOLD,), True)
    return Condition(f"c.has_{leaf.name}", (), True)


def _number(leaf: Number) -> Condition:
    """An unknown number never holds, so that its negation does."""
    return Condition(f"COALESCE(c.{leaf.name} {leaf.order} %s, FALSE)", (leaf.value,), True)


def _age(leaf: Number, on: date | None) -> Condition:
    """A paper dated in the future is 0 days old."""
    if on is None:
        return _ALL
    then = on - timedelta(days=min(leaf.value, (on - date.min).days))
    order = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "=": "="}[leaf.order]
    if leaf.value == 0:
        if leaf.order in (">=", "<"):
            return Condition("TRUE" if leaf.order == ">=" else "FALSE", (), True)
        order = ">=" if leaf.order == "=" else order
    sql = f"c.paper_id IN (SELECT id FROM newsletter_paper WHERE listed_on {order} %s)"  # noqa: S608 (one of five signs)
    return Condition(sql, (connection.ops.adapt_datefield_value(then),), True)
