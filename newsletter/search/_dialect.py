"""How the database that is there is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from newsletter.search import _postgresql, _sqlite

FEW = 2_000  # hits


@dataclass(frozen=True, slots=True)
class Condition:
    """sql over newsletter_candidate c with its parameters. exact: it holds for nothing that the query would refuse.

    index, rest: what is to be asked of the text index, "" for nothing, and what must hold besides: together the same.
    """

    sql: str
    params: tuple[Any, ...]
    exact: bool
    index: str = ""
    rest: Condition | None = None


def dialect() -> Any:
    return _sqlite if connection.vendor == "sqlite" else _postgresql


def among(column: str, ids: Sequence[int]) -> tuple[str, tuple[Any, ...]]:
    """A condition and its parameters: the column holds one of these ids, of which there are some."""
    if connection.vendor == "sqlite":
        return f"{column} IN ({', '.join(['%s'] * len(ids))})", tuple(ids)
    # One parameter, as text: the driver reads a statement anew for each number of them, and writes an array one by one.
    return f"{column} = ANY(%s::bigint[])", (f"{{{','.join(map(str, ids))}}}",)


def newest(condition: Condition, visible: str, most: int) -> tuple[str, tuple[Any, ...]]:
    """The newest candidates for which both hold. visible: over c, without parameters."""
    rest = condition.rest or Condition("TRUE", (), True)
    if not condition.index:
        where = f"{visible} AND ({condition.sql})"
        return f"SELECT c.id FROM newsletter_candidate c WHERE {where} ORDER BY c.id DESC LIMIT {most}", condition.params  # noqa: S608
    sql = dialect().NEWEST.format(visible=visible, rest=rest.sql, most=most, few=FEW)
    return sql, (condition.index, *rest.params, *rest.params)
