"""FTS5's way of asking. Every token is quoted, so operators in words are words. Source: https://sqlite.org/fts5.html#full_text_query_syntax"""

from __future__ import annotations

from collections.abc import Sequence

HAS = "c.paper_id IN (SELECT rowid FROM newsletter_terms_fts WHERE newsletter_terms_fts MATCH %s)"
# Few hits are looked up one by one, whole; of many the newest are soon met among the newest candidates. Which of the two is
# known once the index has answered: the other part is never run. The plus keeps the second from looking all hits up.
NEWEST = """
    WITH found (paper) AS (SELECT rowid FROM newsletter_terms_fts WHERE newsletter_terms_fts MATCH %s),
         few (few) AS (SELECT count(*) <= {few} FROM (SELECT 1 FROM found LIMIT {few} + 1))
    SELECT id FROM (
        SELECT c.id AS id FROM found CROSS JOIN newsletter_candidate c ON c.paper_id = found.paper
        WHERE (SELECT few FROM few) AND {visible} AND ({rest})
        UNION ALL
        SELECT id FROM (
            SELECT c.id AS id FROM newsletter_candidate c WHERE NOT (SELECT few FROM few) AND {visible}
            AND +c.paper_id IN (SELECT paper FROM found) AND ({rest}) ORDER BY c.id DESC LIMIT {most}
        )
    ) ORDER BY id DESC LIMIT {most}
"""
STAMP = "NULL"  # none is needed: see `_remembered`
_COLUMNS = {"": "title keywords summary abstract", "title": "title", "abstract": "summary abstract"}


def phrase(field: str, tokens: Sequence[str]) -> tuple[str, bool]:
    return f"{{{_COLUMNS[field]}}} : {_quoted(tokens)}", True


def word(token: str, *, prefix: bool) -> str:
    return f"{{words}} : {_quoted([token], prefix=prefix)}"


def author(token: str, *, prefix: bool) -> str:
    return f"{{authors}} : {_quoted([token], prefix=prefix)}"


def organization(tokens: Sequence[str], *, prefix: bool) -> tuple[str, bool]:
    return f"{{organizations}} : {_quoted(tokens, prefix=prefix)}", True


def facet(token: str) -> str:
    return f"{{facets}} : {_quoted([token])}"


def both(parts: Sequence[str]) -> str:
    return " AND ".join(f"({part})" for part in parts)


def either(parts: Sequence[str]) -> str:
    return " OR ".join(f"({part})" for part in parts)


def without(wanted: str, left_out: str) -> str:
    return f"({wanted}) NOT ({left_out})"


def _quoted(tokens: Sequence[str], *, prefix: bool = False) -> str:
    text = " ".join(tokens).replace('"', '""')
    return f'"{text}"' + (" *" if prefix else "")
