"""Asking: the index narrows, the stored words decide and rank."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from django.db import connection

from newsletter.matching.crowd import Answers
from newsletter.matching.nodes import Name
from newsletter.matching.query import Query
from newsletter.models import Candidate, Sighting
from newsletter.search import _dialect as dialect
from newsletter.search._holdings import Holdings, Stamps, Told
from newsletter.search._kept import Row
from newsletter.search._narrow import narrowed

POOL = 500  # hits that are scored; of more than that, the newest
# A paper is found under its newest candidate; hidden there, it is not found.
_VISIBLE = """
    c.hidden_at IS NULL
    AND NOT EXISTS (SELECT 1 FROM newsletter_candidate n WHERE n.paper_id = c.paper_id AND n.id > c.id)
    AND c.paper_id NOT IN (SELECT id FROM newsletter_paper WHERE withdrawn_at IS NOT NULL)
    AND c.paper_id NOT IN (SELECT id FROM newsletter_paper WHERE merged_into_id IS NOT NULL)
"""
_PRINTED = "AND c.issue_id IN (SELECT id FROM newsletter_issue WHERE state <> 'OPEN')"
# Whose words the index does not know: noted as changed, or shown with a curator's summary.
_CHANGED = "SELECT paper_id FROM newsletter_unindexed UNION SELECT paper_id FROM newsletter_candidate WHERE summary_edit <> ''"
_UNSURE = f"c.paper_id IN ({_CHANGED})"
_ANY = f"SELECT 1 WHERE EXISTS ({_CHANGED})"
# Papers that were joined share their words, whichever row stands in the issue.
_JOINED = """
    c.paper_id IN (SELECT id FROM newsletter_paper WHERE merged_into_id IS NOT NULL
                   UNION SELECT merged_into_id FROM newsletter_paper WHERE merged_into_id IS NOT NULL)
"""
_COLUMNS = """
    c.id, c.paper_id, c.issue_id, c.pin, c.has_code, c.has_project, c.upvotes, c.comments, c.stars, c.trend,
    CAST(c.listed_by AS text), c.summary_edit
"""


@dataclass(frozen=True, slots=True)
class Hit:
    """One paper of a page. The candidate comes with paper and issue; relevance and reason as `score` gives them."""

    candidate: Candidate
    relevance: float
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """total: papers that match; over: only the newest POOL hits of the index were read, and there may be more."""

    total: int
    over: bool
    hits: tuple[Hit, ...]


def find(
    query: Query, *, on: date, start: int = 0, most: int = 20, newest_first: bool = False, printed: bool = False, name: str = ""
) -> Found:
    """A page of the papers that match, by relevance x trend, then the newest, or the newest first. Ages count to that day.

    printed: only those whose newest candidate is in a closed issue; name: of the interest, for reasons (see `score.reason`).

    Up to POOL hits of the index all is exact, and pages are stable while the rows are. Beyond, the newest POOL are ranked.
    """
    rows, stamps, over = _candidates(query, on, _VISIBLE + _PRINTED if printed else _VISIBLE)
    rows = _listed(rows) if _asks_for_sources(query) else rows
    holdings = Holdings.of(rows, [row.paper for row in rows], [on] * len(rows), stamps=stamps)
    told = Told(holdings)
    answers = holdings.answers([query], told)
    worth = answers.relevance * (1.0 + np.array([rows[place].trend for place in answers.papers], np.float64))
    newest = np.array([rows[place].candidate for place in answers.papers], np.int64)
    order = np.lexsort((-worth, -newest) if newest_first else (-newest, -worth))[start : start + most]
    page = dict(zip(answers.papers[order].tolist(), answers.relevance[order].tolist(), strict=True))
    return Found(len(answers.papers), over, tuple(_hits(page, answers, told, name)))


def among(queries: Sequence[Query], *, issues: Collection[int]) -> list[Row]:
    """Candidates of these issues, hidden ones left out, that may match one of the queries; ages and sources are not looked at.

    Those whose words the index does not know, that are pinned or part of a merge are always among them.
    """
    conditions = [narrowed(query.root, on=None) for query in queries]
    wanted = " OR ".join(f"({condition.sql})" for condition in conditions)
    params = tuple(value for condition in conditions for value in condition.params)
    return _shown(issues, f"({wanted} OR c.pin <> 'NONE' OR {_UNSURE} OR {_JOINED})", params)


def everything(*, issues: Collection[int]) -> list[Row]:
    """The same for queries that are not yet known."""
    return _shown(issues, "TRUE", ())


def _shown(issues: Collection[int], condition: str, params: tuple[Any, ...]) -> list[Row]:
    if not issues:
        return []
    shown, pks = dialect.among("c.issue_id", list(issues))
    sql = f"SELECT {_COLUMNS} FROM newsletter_candidate c WHERE c.hidden_at IS NULL AND {shown} AND {condition}"  # noqa: S608
    return [Row._make(row) for row in _read(sql, (*pks, *params))]


def _hits(page: Mapping[int, float], answers: Answers, told: Told, name: str) -> Iterable[Hit]:
    """page: the relevance of each place, in their order."""
    asked = {place: told.row(place).candidate for place in page}
    rows = Candidate.objects.select_related("paper", "issue").in_bulk(list(asked.values()))
    found = {place: rows[pk] for place, pk in asked.items() if pk in rows}
    for place, row in found.items():
        told.tell(place, row.paper.survivor())
    reasons = answers.reasons([0] * len(found), list(found), [name] * len(found))
    return (Hit(row, page[place], reason) for (place, row), reason in zip(found.items(), reasons, strict=True))


def _candidates(query: Query, on: date, visible: str) -> tuple[list[Row], Stamps, bool]:
    """The newest that may match, the stamps of their papers' words, and whether there are more."""
    newest = _newest(narrowed(query.root, on=on), visible)
    # Where there is none, which is soon known, SQLite would look for one among all candidates.
    unsure = _newest(dialect.Condition(_UNSURE, (), False), visible) if _read(_ANY, ()) else []
    read = {row.candidate: (row, stamp) for row, stamp in (*newest[:POOL], *unsure[:POOL])}
    rows = [read[pk][0] for pk in sorted(read, reverse=True)]
    return rows, {row.paper: stamp for row, stamp in read.values()}, max(len(newest), len(unsure)) > POOL


def _newest(condition: dialect.Condition, visible: str) -> list[tuple[Row, str | None]]:
    """One more than POOL, as a sign of more."""
    newest, params = dialect.newest(condition, visible, POOL + 1)
    sql = f"""
        SELECT {_COLUMNS}, {dialect.dialect().STAMP} FROM ({newest}) newest JOIN newsletter_candidate c ON c.id = newest.id
        LEFT JOIN newsletter_terms t ON t.paper_id = c.paper_id ORDER BY c.id DESC
    """  # noqa: S608 (our own names)
    return [(Row._make(row), stamp) for *row, stamp in _read(sql, params)]


def _read(sql: str, params: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def _listed(rows: Sequence[Row]) -> list[Row]:
    """The same as listed by whoever has shown the paper until now, and not by its day's frozen sources."""
    pairs = Sighting.objects.filter(paper__in={row.paper for row in rows}).values_list("paper_id", "source__name", "source__slug")
    found: dict[int, list[str]] = {}
    for paper, name, slug in pairs.distinct().order_by("paper_id", "source_id"):
        found.setdefault(paper, []).extend((name, slug))
    return [row._replace(listed_by=json.dumps(found.get(row.paper, []))) for row in rows]


def _asks_for_sources(query: Query) -> bool:
    return any(isinstance(leaf, Name) and leaf.field == "source" for leaf in query.leaves())
