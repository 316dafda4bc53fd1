"""FTS5's way of asking. Every token is quoted, so operators in words are words. Source: https://sqlite.org/fts5.html#full_text_query_syntax"""

from __future__ import annotations

from collections.abc import Sequence

HAS = "c.paper_id IN (SELECT rowid FROM newsletter_terms_fts WHERE newsletter_terms_fts MATCH %s)"
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
