"""The archive's search: 50,000 papers, 200 queries of all kinds, from the text typed to the first page of 20 with reasons.

In a database of its own. A query is asked for the first time and then again: "first" and "warm".
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any

from django.db import connection, transaction

from bench.papers import Writer, candidate
from bench.temporary import analyzed, database
from newsletter import search
from newsletter.matching import query
from newsletter.models import Candidate, Issue, IssueState, Paper

PAPERS = 50_000
QUERIES = 200
DAYS = 250
TODAY = date(2026, 6, 30)
DEMANDED_MS = 100


def measure() -> list[dict[str, Any]]:
    """First how the index was built, then p50, p95 and the slowest of all queries, then of each kind, the slowest kind first."""
    with database():
        writer = Writer.of(7)
        papers = stored(writer, papers_in_all=PAPERS)
        build_s = _seconds(search.index_changed)
        analyzed()
        rows: list[dict[str, Any]] = [{"papers": PAPERS, "build_s": round(build_s, 1), **_sizes()}]
        asked = list(islice(asked_for(writer, papers), QUERIES))
        first = [(kind, text, _ms(text)) for kind, text in asked]
        warm = [(kind, text, _ms(text)) for kind, text in asked]
        rows += [{"run": name, **_figures([ms for *_, ms in runs]), "demanded_p95_ms": DEMANDED_MS}
                 for name, runs in (("first", first), ("warm", warm))]  # fmt: skip
        kinds = {kind: [ms for one, _, ms in first if one == kind] for kind, _ in asked}
        rows += sorted(({"kind": kind, **_figures(ms)} for kind, ms in kinds.items()), key=lambda row: -row["max_ms"])
        return rows


def stored(writer: Writer, *, papers_in_all: int, newest: date = TODAY) -> list[Paper]:
    """Closed issues of so many days, the last of them `newest`, with all papers on offer. The index is not told."""
    papers = list(writer.papers(papers_in_all, newest=newest, days=DAYS))
    with transaction.atomic():
        days = sorted({paper.listed_on for paper in papers})
        issues = {}
        for number, on in enumerate(days, start=1):
            at = datetime.combine(on, datetime.min.time(), UTC)
            issues[on] = Issue(
                number=number, state=IssueState.CLOSED, opened_at=at, closed_at=at + timedelta(hours=20), closed_on=on
            )
        Issue.objects.bulk_create(issues.values())
        Paper.objects.bulk_create(papers, batch_size=1_000)
        Candidate.objects.bulk_create([candidate(issues[paper.listed_on], paper) for paper in papers], batch_size=2_000)
    return papers


def asked_for(writer: Writer, papers: list[Paper]) -> Iterator[tuple[str, str]]:
    """(kind, query) without end, all kinds in turn."""
    while True:
        paper = papers[writer.dice.integers(len(papers))]
        words, at = paper.abstract.split(), int(writer.dice.integers(0, 30))
        mid, common = writer.word(100, 2_000), writer.word(25, 90)
        yield "rare word", writer.word(10_000, 40_000)
        yield "word", mid
        yield "common word", common
        yield "two common words", f"{common} {writer.word(25, 90)}"
        yield "nearly every paper", writer.word(0, 20)
        yield "phrase", f'"{" ".join(words[at : at + 2])}"'
        yield "longer phrase", f'"{" ".join(words[at : at + 4])}"'
        yield "phrase nobody wrote", f'"{common} {mid}"'
        yield "prefix", f"{mid[:4]}*"
        yield "short prefix", f"{mid[:2]}*"
        yield "OR of 10", " OR ".join(writer.word(25, 3_000) for _ in range(10))
        yield "NOT", f"{common} -{mid}"
        yield "NOT alone", f"-{common}"
        yield "title", f"title:{common}"
        yield "abstract", f"abstract:{mid} has:code"
        yield "author", f'author:"{paper.authors[0]}"'
        yield "category", f"cat:cs {mid}"
        yield "number", f"{common} upvotes>50"
        yield "number alone", "upvotes>=3"
        yield "age", f"{common} age<30d"
        yield "trending", f"is:trending OR {common}"
        yield "typed title", paper.title
        yield "no such word", "xylophagous"
        yield "all at once", f'(title:{common} OR "{common} {mid}" OR {mid[:3]}*) -survey has:code upvotes>1 age<90d'


def _ms(text: str) -> tuple[float, float]:
    """By the clock, and of this process (on PostgreSQL without the server's share)."""
    query.parse.cache_clear()
    begun, cpu = time.perf_counter(), time.process_time()
    search.find(query.parse(text), on=TODAY)
    return (time.perf_counter() - begun) * 1_000, (time.process_time() - cpu) * 1_000


def _seconds(act: Any) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _figures(runs: list[tuple[float, float]]) -> dict[str, float]:
    ordered, cpu = (sorted(each) for each in zip(*runs, strict=True))
    return {
        "queries": len(runs), "p50_ms": round(ordered[len(ordered) // 2], 1), "p95_ms": round(ordered[int(len(ordered) * 0.95)], 1),
        "max_ms": round(ordered[-1], 1), "p95_cpu_ms": round(cpu[int(len(cpu) * 0.95)], 1),
    }  # fmt: skip


def _sizes() -> dict[str, Any]:
    """The index alone, and the words that it was built from."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT sum(length(block)) FROM newsletter_terms_fts_data")
            index = cursor.fetchone()[0]
            names = ["title", "keywords", "summary", "abstract", "words", "authors", "organizations", "facets", "kept"]
            cursor.execute(f"SELECT sum({' + '.join(f'length(CAST({name} AS BLOB))' for name in names)}) FROM newsletter_terms")  # noqa: S608
            words = cursor.fetchone()[0]
        else:
            cursor.execute("SELECT pg_relation_size('newsletter_terms_vector'), pg_table_size('newsletter_terms')")
            index, words = cursor.fetchone()
    return {"index_mb": round(index / 2**20), "words_mb": round(words / 2**20)}
