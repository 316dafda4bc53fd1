"""Planning at scale: stored rows -> editions grouped by result -> deliveries, beside the per-reader loop.

Everything is made in a temporary database that is dropped afterwards. What is measured runs in a child process, so that
its CPU time and peak memory are its own.
"""

from __future__ import annotations

import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django.db import connection

READERS = 1_000_000
SQLITE_READERS = 20_000
HISTORY_READERS = 100_000  # 13 copies each: more than a million rows of ledger
NAIVE_READERS = 200
COMPARED = 10_000
COPIES = 100_000
ROUNDS = 3


def measure(*, readers: int = READERS) -> list[dict[str, Any]]:
    """One row a question; figures of time in seconds, of CPU those of the client alone; load: of the machine, a minute's."""
    asked, readers = readers, min(readers, SQLITE_READERS) if connection.vendor == "sqlite" else readers
    with _database() as environment:
        from bench import match_rows as rows

        dice = random.Random(20260320)
        begun = time.perf_counter()
        topics, own = rows.interests(readers, dice)
        rows.readers(readers, topics, own, seed=7)
        made = {"database": connection.vendor, "readers": readers, "distinct_interests": topics + own}
        made |= _note(readers, asked) | {"rows_made_in_s": round(time.perf_counter() - begun)}
        result = [{"question": "stored rows to editions"} | made | _scenario(environment, 150, dice, extra=True)]
        result += _child(environment, "planned") + _child(environment, "deliveries", asked=min(asked, COPIES))
        result.append({"question": "800 papers"} | _scenario(environment, 800, dice, extra=False))
        result.append(_again(environment, min(readers, HISTORY_READERS), asked, (topics, own), dice))
        return result


def _note(readers: int, asked: int) -> dict[str, str]:
    return {} if readers == asked else {"note": f"measured with {readers} readers, not {asked}"}


def _scenario(environment: dict[str, str], papers: int, dice: random.Random, *, extra: bool) -> dict[str, Any]:
    from bench import match_rows as rows

    _forget_papers()
    rows.papers(papers, dice)
    rows.analyze()
    row: dict[str, Any] = {"papers": papers}
    runs = [_child(environment, "wave")[0] for _ in range(ROUNDS)]
    row |= {name: _median(run[name] for run in runs) for name in runs[0]}
    if extra:
        row |= _child(environment, "naive", readers=NAIVE_READERS)[0]
        row["times_less_cpu_than_naive"] = round(row["naive_cpu_s_all_readers"] / max(row["cpu_s"], 0.01))
        row |= _child(environment, "disagreements", interests=COMPARED)[0]
    return row


def _again(
    environment: dict[str, str], readers: int, asked: int, interests: tuple[int, int], dice: random.Random
) -> dict[str, Any]:
    """20 papers that come again, against 14 days in which every reader had ten papers a day."""
    from datetime import timedelta

    from bench import match_rows as rows
    from newsletter.models import Candidate, Issue

    _forget_papers()
    rows.forget("subscriberinterest", "subscriber")
    rows.readers(readers, *interests, seed=8)
    days = [rows.papers(150, dice, number=day + 1, closed_at=rows.CLOSED_AT - timedelta(days=13 - day)) for day in range(13)]
    today = rows.papers(130, dice, number=14)
    rows.history(days, readers, seed=5)
    old = Candidate.objects.filter(issue__number__lt=14).order_by("?").values_list("paper_id", flat=True)[:20]
    Candidate.objects.bulk_create([Candidate(issue=today, paper_id=pk, kind="AGAIN", reasons=["RISEN"], trend=9.0) for pk in old])
    rows.analyze()
    assert Issue.objects.count() == 14
    question = f"20 papers come again, {readers * 13} copies in the last 13 days"
    return {"question": question, "readers": readers} | _note(readers, asked) | _child(environment, "wave")[0]


def _forget_papers() -> None:
    from bench import match_rows as rows

    rows.forget("delivery", "run", "edition", "candidate", "issue", "terms", "unindexed", "paper")


# In the child: one question, one JSON list on standard output.


def wave() -> list[dict[str, Any]]:
    """Stored rows -> editions grouped by result, in waves as `plan` reads them, then the groups of all waves joined."""
    import numpy as np

    from bench.match_rows import NOW
    from newsletter.editions import _due, window
    from newsletter.editions._crowd import Crowd
    from newsletter.editions.plan import WAVES

    most, crowd, last = WAVES[connection.vendor], Crowd(NOW), 0
    spent: dict[str, float] = {}
    served, parts = 0, []
    begun, cpu = time.perf_counter(), time.process_time()
    upto = window.newest_sendable()
    while True:
        readers = _timed(spent, "read", lambda last=last: _due.after_id(last, now=NOW, most=most))
        if not len(readers):
            break
        last = int(readers.id[-1])
        readers, why = _timed(spent, "sort_out", lambda readers=readers: _due.sorted_out(readers, upto=upto, now=NOW))
        copies = _timed(spent, "match_choose_group", lambda readers=readers, why=why: crowd.copies(readers.take(why == 0), upto))
        served += int(np.count_nonzero(copies.shown.lengths[copies.edition]))
        parts.append(copies.shown)
    kept, first = _timed(spent, "join_waves", lambda: _joined(parts))
    editions = int(np.count_nonzero(kept.lengths[first]))
    row = {
        "cpu_s": round(time.process_time() - cpu, 2),
        "wall_s": round(time.perf_counter() - begun, 2),
        "load": round(os.getloadavg()[0], 1),
        "peak_mb": _peak_mb(),
        "editions": editions,
        "copies": served,
        "readers_per_edition": round(served / max(editions, 1), 1),
    }
    return [row | {f"cpu_s_{name}": round(seconds, 2) for name, seconds in spent.items()}]


def _joined(parts: list[Any]) -> tuple[Any, Any]:
    """The lists of all waves, and the places of the distinct ones."""
    from newsletter.editions._crowd import Shown
    from newsletter.editions.ragged import Ragged, distinct

    kept = Shown.joined(parts)
    return kept, distinct((), (Ragged(kept.starts, kept.candidate), Ragged(kept.starts, kept.interest)))[0]


def _peak_mb() -> int:
    """Of this process. Linux hands `ru_maxrss` of the parent on to a child, so it is asked only elsewhere."""
    status = Path("/proc/self/status")
    if status.exists():
        return round(int(status.read_text().split("VmHWM:")[1].split()[0]) / 1024)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _timed(spent: dict[str, float], name: str, act: Callable[[], Any]) -> Any:
    cpu = time.process_time()
    result = act()
    spent[name] = spent.get(name, 0.0) + time.process_time() - cpu
    return result


def planned() -> list[dict[str, Any]]:
    """The whole of `plan`: what the first question leaves out is the rows of editions with their reasons, copies, next slots."""
    from bench.match_rows import NOW
    from newsletter.editions import _due
    from newsletter.editions._crowd import Crowd
    from newsletter.editions._press import Press
    from newsletter.models import Edition

    planning = import_module("newsletter.editions.plan")
    cpu: dict[str, float] = {}
    wall: dict[str, float] = {}
    for holder, attribute, name in (
        (_due, "due", "read"),
        (_due, "sorted_out", "sort_out"),
        (Crowd, "copies", "match_choose_group"),
        (Press, "editions", "edition_rows"),
        (planning, "deliver", "deliveries"),
        (_due, "advance", "next_slots"),
    ):
        setattr(holder, attribute, _watched(getattr(holder, attribute), name, cpu, wall))
    begun, spent = time.perf_counter(), time.process_time()
    run = planning.plan(now=NOW)
    row = {"question": "the whole of plan", "copies": run.prepared, "waves": run.report["waves"]}
    row |= {"edition_rows": Edition.objects.count(), "load": round(os.getloadavg()[0], 1)}
    row |= {"cpu_s": round(time.process_time() - spent, 2), "wall_s": round(time.perf_counter() - begun, 2)}
    row["peak_mb"] = _peak_mb()
    row |= {f"cpu_s_{name}": round(seconds, 2) for name, seconds in cpu.items()}
    return [row | {f"wall_s_{name}": round(seconds, 2) for name, seconds in wall.items()}]


def _watched(act: Callable[..., Any], name: str, cpu: dict[str, float], wall: dict[str, float]) -> Callable[..., Any]:
    def watched(*args: Any, **options: Any) -> Any:
        begun = time.perf_counter()
        result = _timed(cpu, name, lambda: act(*args, **options))
        wall[name] = wall.get(name, 0.0) + time.perf_counter() - begun
        return result

    return watched


def naive(readers: int) -> list[dict[str, Any]]:
    """The loop that reads straight down: for each reader and paper, match, score, choose; scaled to all readers."""
    from newsletter.editions import window
    from newsletter.editions.choose import Hit, Offer, choose
    from newsletter.matching import score
    from newsletter.matching.query import parse
    from newsletter.models import Issue, Subscriber

    entries = list(window.of_issue(Issue.objects.order_by("-number")[0]).entries.values())
    everyone = Subscriber.objects.filter(status="ACTIVE")
    total = everyone.count()
    sample = list(everyone.order_by("address_key").filter(id__in=range(1, total + 1, max(1, total // readers))))
    wanted = {reader.pk: list(reader.interests.all()) for reader in sample}
    parsed = {interest.pk: parse(interest.query) for mine in wanted.values() for interest in mine}
    score.score(entries[0].document, next(iter(parsed.values())))
    for entry in entries:
        assert entry.document.anywhere_view and entry.document.abstract_view
    cpu = time.process_time()
    keys = set()
    for reader in sample:
        offers = []
        for entry in entries:
            hits = {}
            for interest in wanted[reader.pk]:
                query = parsed[interest.pk]
                if query.matches(entry.document):
                    match = score.score(entry.document, query)
                    hits[interest.pk] = Hit(match.relevance, score.reason(match, interest.name))
            if hits:
                row = entry.candidate
                offers.append(Offer(candidate=row.pk, paper=entry.paper.pk, trend=row.trend, hits=hits))
        keys.add(choose(offers, limit=reader.max_papers).picks)
    spent = time.process_time() - cpu
    return [{"naive_sample": len(sample), "naive_cpu_s_all_readers": round(spent * total / len(sample))}]


def disagreements(interests: int) -> list[dict[str, Any]]:
    """Random interests, answered together and one by one."""
    import numpy as np

    from bench.match_rows import queries, topics
    from newsletter.editions import window
    from newsletter.matching.compiled import compiled
    from newsletter.matching.crowd import Library
    from newsletter.matching.query import parse
    from newsletter.models import Issue

    documents = [entry.document for entry in window.of_issue(Issue.objects.order_by("-number")[0]).entries.values()]
    asked = [parse(text) for text in queries(interests, random.Random(11))]
    answers = Library(documents).answers([compiled(query) for query in asked])
    wrong = hits = 0
    for place, query in enumerate(asked):
        found = answers.papers[answers.starts[place] : answers.starts[place + 1]].tolist()
        expected = [column for column, document in enumerate(documents) if query.matches(document)]
        wrong, hits = wrong + (found != expected), hits + len(expected)
    lengths = np.diff(answers.starts)
    density = {
        "own_query_mean_share": round(float(lengths.mean()) / len(documents), 3),
        "own_queries_without_a_paper": round(float((lengths == 0).mean()), 2),
        "topics_a_paper": round(sum(parse(text).matches(doc) for text in topics() for doc in documents) / len(documents), 2),
    }
    return [{"compared_interests": len(asked), "compared_hits": hits, "disagreements": wrong} | density]


def deliveries(asked: int) -> list[dict[str, Any]]:
    """The wave's copies into the real table, with all its constraints: `plan`'s way and bulk_create, in alternating rounds."""
    from bench.match_rows import NOW, forget
    from newsletter.editions import _due
    from newsletter.editions._press import deliver
    from newsletter.models import Edition, Run

    forget("delivery")
    readers = _due.after_id(0, now=NOW, most=asked)
    edition = Edition.objects.create(key="bench", created_at=NOW)
    run = Run.objects.create(stage="plan", as_of=NOW, started_at=NOW)
    import numpy as np

    editions, more = np.full(len(readers), edition.pk), np.arange(len(readers)) % 4
    ways = {
        "ours": lambda: deliver(readers, editions, more, upto=1, run=run, now=NOW),
        "bulk_create": lambda: _bulk_created(readers, edition, more, run),
    }
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, act in ways.items():
            figures[name].append(_written(act))
    row: dict[str, Any] = {"question": "deliveries of a wave", "copies": len(readers), "load": round(os.getloadavg()[0], 1)}
    for name, found in figures.items():
        row[f"{name}_wall_s"] = _median(wall for wall, _ in found)
        row[f"{name}_cpu_s"] = _median(cpu for _, cpu in found)
    row["times_faster"] = round(row["bulk_create_wall_s"] / row["ours_wall_s"], 1)
    row["times_less_cpu"] = round(row["bulk_create_cpu_s"] / max(row["ours_cpu_s"], 0.001), 1)
    return [row]


def _written(act: Callable[[], None]) -> tuple[float, float]:
    from django.db import transaction

    from bench.match_rows import forget

    begun, cpu = time.perf_counter(), time.process_time()
    with transaction.atomic():
        act()
    spent = time.perf_counter() - begun, time.process_time() - cpu
    forget("delivery")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")
    return round(spent[0], 3), round(spent[1], 3)


def _bulk_created(readers: Any, edition: Any, more: Any, run: Any) -> None:
    from django.conf import settings

    from bench.match_rows import NOW
    from newsletter.editions._rows import day, instant
    from newsletter.models import Delivery

    columns = (readers.id.tolist(), readers.slot_on.tolist(), readers.slot_at.tolist(), readers.after.tolist(), more.tolist())
    rows = [
        Delivery(
            subscriber_id=pk,
            kind="DIGEST",
            lane=1,
            edition=edition,
            slot_on=day(on),
            due_at=instant(at),
            late_at=instant(at) + settings.LATE_WINDOW,
            after=after,
            upto=1,
            state="PENDING",
            created_at=NOW,
            run=run,
            run_seq=place,
            params={"more": cut} if cut else {},
        )
        for place, (pk, on, at, after, cut) in enumerate(zip(*columns, strict=True), start=1)
    ]
    Delivery.objects.bulk_create(rows, batch_size=1_000)


def _median(values: Any) -> float:
    return round(statistics.median(values), 3)


# The database and the child.


@contextmanager
def _database() -> Iterator[dict[str, str]]:
    """A migrated database of its own; gives what a child needs in its environment to find it."""
    before = connection.settings_dict["NAME"]
    with tempfile.TemporaryDirectory() as folder:
        name = f"paperround_bench_{os.getpid()}" if connection.vendor == "postgresql" else str(Path(folder) / "bench.sqlite3")
        connection.settings_dict["TEST"]["NAME"] = name
        try:
            connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
            yield {"DATABASE_URL": database_url(name)}
        finally:
            if connection.settings_dict["NAME"] == name:  # else it was stopped before there was one
                connection.creation.destroy_test_db(str(before), verbosity=0)


def database_url(name: str) -> str:
    """Of the database of that name (SQLite: file) beside the configured one."""
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


def _child(environment: dict[str, str], question: str, **options: int) -> list[dict[str, Any]]:
    code = (
        f"import django; django.setup(); import json; from bench import match; print(json.dumps(match.{question}(**{options})))"
    )
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "config.settings"), **environment}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{question}: {done.stderr[-2000:]}")
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found
