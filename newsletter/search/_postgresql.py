"""tsvector and tsquery, written out by us: no parser of PostgreSQL's ever sees a text. Every lexeme is quoted.

Terms stand with their places and weights (A title, B keywords, C summary, D abstract; a gap between fields, so that no phrase
reaches across); t:, w:, a:, o:, f: mark terms of the title, surface words, authors, organizations and facets.
Source: https://www.postgresql.org/docs/current/datatype-textsearch.html (2046 bytes a lexeme, 255 places, place 16383)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from newsletter.models import Terms

# No join: of many hits the newest are soon found. In FROM a function's rows come at once: in SELECT five times slower.
HAS = "(c.paper_id IN (SELECT found FROM newsletter_found(%s::tsquery) found)) IS TRUE"
# As SQLite's. OFFSET 0: else the planner reads all candidates for a join.
NEWEST = """
    WITH found AS MATERIALIZED (SELECT paper FROM newsletter_found(%s::tsquery) paper),
         few AS MATERIALIZED (SELECT count(*) <= {few} AS few FROM (SELECT FROM found LIMIT {few} + 1) begun)
    SELECT id FROM (
        SELECT one.id FROM found CROSS JOIN LATERAL (
            SELECT c.id FROM newsletter_candidate c WHERE c.paper_id = found.paper AND {visible} AND ({rest}) OFFSET 0
        ) one WHERE (SELECT few FROM few)
        UNION ALL
        (SELECT c.id FROM newsletter_candidate c WHERE NOT (SELECT few FROM few) AND ({rest}) AND {visible}
         AND (c.paper_id IN (SELECT paper FROM found)) IS TRUE ORDER BY c.id DESC LIMIT {most})
    ) every ORDER BY id DESC LIMIT {most}
"""
# Of a row of Terms t. Source: PostgreSQL manual, "System Columns" (xmin, ctid).
STAMP = "t.xmin::text || t.ctid::text"
LONGEST = 400  # characters of a lexeme: four bytes each, and its mark
LAST_PLACE = 16_383
_WEIGHTS = {"": "", "title": ":A", "abstract": ":CD"}


def vector(row: Terms) -> str:
    places: dict[str, list[str]] = {}
    place = 0
    for weight, line in zip("ABCD", (row.title, row.keywords, row.summary, row.abstract), strict=True):
        for term in line.split():
            place += 1
            if term != "|":
                places.setdefault(_lexeme("", term), []).append(f"{min(place, LAST_PLACE)}{weight}")
        place += 1
    marked = [
        *(_lexeme("t:", term) for term in _words(row.title)),
        *(_lexeme("w:", word) for word in _words(row.words)),
        *(_lexeme("a:", word) for word in _words(row.authors)),
        *(_lexeme("o:", word) for word in _words(row.organizations)),
        *(_lexeme("f:", word) for word in _words(row.facets)),
    ]
    return " ".join([f"{lexeme}:{','.join(at[:255])}" for lexeme, at in places.items()] + list(dict.fromkeys(marked)))


def phrase(field: str, tokens: Sequence[str]) -> tuple[str, bool]:
    """One word is answered by the index alone; only a phrase has its places looked at."""
    if len(tokens) > 1:
        return " <-> ".join(_lexeme("", token) + _WEIGHTS[field] for token in tokens), True
    return _lexeme("t:" if field == "title" else "", tokens[0]), field != "abstract"


def word(token: str, *, prefix: bool) -> str:
    return _lexeme("w:", token) + (":*" if prefix else "")


def author(token: str, *, prefix: bool) -> str:
    return _lexeme("a:", token) + (":*" if prefix else "")


def organization(tokens: Sequence[str], *, prefix: bool) -> tuple[str, bool]:
    marks = [""] * (len(tokens) - 1) + [":*" if prefix else ""]
    found = " & ".join(_lexeme("o:", token) + mark for token, mark in zip(tokens, marks, strict=True))
    return found, len(tokens) == 1


def facet(token: str) -> str:
    return _lexeme("f:", token)


def both(parts: Sequence[str]) -> str:
    return " & ".join(f"({part})" for part in parts)


def either(parts: Sequence[str]) -> str:
    return " | ".join(f"({part})" for part in parts)


def without(wanted: str, left_out: str) -> str:
    return f"({wanted}) & !({left_out})"


def _lexeme(mark: str, token: str) -> str:
    text = (mark + token[:LONGEST]).replace("\\", "\\\\").replace("'", "''")
    return f"'{text}'"


def _words(line: str) -> Iterable[str]:
    return (word for word in line.split() if word != "|")
