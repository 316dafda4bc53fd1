"""The sign-up preview over 20,000 papers: in a fresh process and again, for queries rare and broad, and for sets of topics.

In a database of its own; 14 days of 300 candidates each, then of 1,400. Each query is first asked in a process that has
imported the product, opened the database and taken one request's worth of Django's own first-time work (a query of another
table), and has looked at no paper and no interest. As on the sign-up page a process keeps the papers of those days, where they
are few enough; the version under which it does so is asked for in every run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from bench.papers import Writer, candidate
from bench.temporary import analyzed, database
from newsletter import editions, search
from newsletter.models import Candidate, Issue, IssueState, Paper, Source
from newsletter.web import kept

PAPERS = 20_000
A_DAY = (300, 1_400)
TODAY = date(2026, 6, 30)
NOW = datetime(2026, 6, 30, 9, tzinfo=UTC)
DEMANDED_MS = 150
WARM_RUNS = 5
CARDED = 5  # issues whose cards the sign-up page shows
ASKED = {
    "nothing chosen": [],
    "a word": ["diffusion"],
    "a phrase or words": ['"world model" OR robot OR (vision language) -survey'],
    "trending or a common word": ["is:trending OR model"],
    "numbers": ["upvotes>5 has:code"],
    "three topics": ["robot OR policy", "diffusion OR image", "language reasoning"],
    "all but a word": ["-model"],
}


def measure() -> list[dict[str, Any]]:
    """A row a query and day size."""
    rows = []
    with database():
        papers = _stored()
        for a_day in A_DAY:
            _print(papers, a_day)
            rows += [_measured(name, queries, a_day) for name, queries in ASKED.items()]
    return rows


def _measured(name: str, queries: list[str], a_day: int) -> dict[str, Any]:
    first = _in_a_fresh_process(queries)
    timed(queries)
    warm = sorted((timed(queries) for _ in range(WARM_RUNS)), key=lambda run: run["ms"])[WARM_RUNS // 2]
    return {"asked": name, "papers_a_day": a_day, "picks": first["picks"], "fresh_ms": round(first["ms"]),
            "fresh_cpu_ms": round(first["cpu_ms"]), "warm_ms": round(warm["ms"]), "warm_cpu_ms": round(warm["cpu_ms"]),
            "demanded_ms": DEMANDED_MS if a_day == A_DAY[0] else None}  # fmt: skip


def timed(queries: list[str]) -> dict[str, float]:
    Source.objects.exists()
    begun, cpu = time.perf_counter(), time.process_time()
    days = editions.preview(queries=queries, now=NOW, carded=CARDED, keep=kept.recent(kept.version()))
    ms, cpu_ms = (time.perf_counter() - begun) * 1_000, (time.process_time() - cpu) * 1_000
    return {"ms": ms, "cpu_ms": cpu_ms, "picks": sum(day.count for day in days)}


def _in_a_fresh_process(queries: list[str]) -> dict[str, float]:
    code = (
        "import json, sys, django; django.setup()\n"
        "from django.db import connection; connection.settings_dict['NAME'] = sys.argv[1]\n"
        "from bench import preview; print(json.dumps(preview.timed(json.loads(sys.argv[2]))))"
    )
    asked = [sys.executable, "-c", code, str(connection.settings_dict["NAME"]), json.dumps(queries)]
    done = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=120, cwd=Path(__file__).parents[1])
    return dict(json.loads(done.stdout))


def _stored() -> list[Paper]:
    papers = list(Writer.of(11).papers(PAPERS, newest=TODAY, days=200))
    with transaction.atomic():
        Paper.objects.bulk_create(papers, batch_size=1_000)
        search.index_changed()
    return papers


def _print(papers: list[Paper], a_day: int) -> None:
    """The newest papers are in the issues of 14 days, the last one still open; all before lie in one archived issue."""
    days = [TODAY - timedelta(days=back) for back in range(13, -1, -1)]
    with transaction.atomic():
        Candidate.objects.all().delete()
        Issue.objects.all().delete()
        before = _issue(-20260101, days[0] - timedelta(days=1), IssueState.ARCHIVED)
        recent = len(papers) - len(days) * a_day
        rows = [candidate(before, paper) for paper in papers[:recent]]
        for place, on in enumerate(days):
            issue = _issue(place + 1, on, IssueState.OPEN if on == TODAY else IssueState.CLOSED)
            rows += [candidate(issue, paper) for paper in papers[recent + place * a_day : recent + (place + 1) * a_day]]
        Candidate.objects.bulk_create(rows, batch_size=2_000)
    analyzed()


def _issue(number: int, on: date, state: IssueState) -> Issue:
    at = datetime.combine(on, datetime.min.time(), UTC)
    closed: dict[str, Any] = {} if state == IssueState.OPEN else {"closed_at": at + timedelta(hours=20), "closed_on": on}
    return Issue.objects.create(number=number, state=state, opened_at=at, **closed)
