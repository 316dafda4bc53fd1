"""Recorded days, a block each: our order beside plain votes and Hacker News' formula."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone
from rich.console import Console
from rich.table import Table
from rich.text import Text

from newsletter import issues, sources
from newsletter.matching.replay import HEAD, Agreement, Day, Line, replay
from newsletter.matching.trend import SIGNALS, THRESHOLD, Signals, Weights
from newsletter.sources.page import Page, Record

_SHORT = {"upvotes": "v", "comments": "c", "stars": "s", "upvotes_gained": "v+", "stars_gained": "s+", "sources": "p"}


@dataclass(slots=True)
class _Paper:
    """One paper on one day: what each kind of source said of it, the oldest reading first."""

    record: Record
    said: dict[str, list[Record]] = field(default_factory=dict)


@dataclass(slots=True)
class _Recorded:
    """One day. known: every id that a paper was shown under."""

    papers: list[_Paper] = field(default_factory=list)
    known: dict[tuple[str, str], _Paper] = field(default_factory=dict)
    files: int = 0

    def met(self, record: Record) -> _Paper:
        paper = next((self.known[alias] for alias in record.aliases if alias in self.known), None)
        if paper is None:
            paper = _Paper(record)
            self.papers.append(paper)
        for alias in record.aliases:
            self.known.setdefault(alias, paper)
        return paper


class Command(BaseCommand):
    """`manage.py trend replay FOLDER`: play recorded days. Reads files, asks nobody, stores nothing.

    A day may have several files, read in the order of their names: later ones are later readings, and what votes and
    stars grew by between the first and the last counts as gained. Age counts from a paper's publication where its
    source says, else from the first recorded day that lists it, for both formulas alike.
    """

    help = "Play recorded days: our order beside plain votes and Hacker News' formula."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="replay")
        play = verbs.add_parser("replay", help=self.help)
        play.add_argument("folder", metavar="FOLDER", help="saved daily answers of any source that counts votes")
        play.add_argument("--top", type=int, default=HEAD, metavar="N", help="papers shown of each order (default 10)")
        play.add_argument("--since", metavar="DATE", help="leave out the days before DATE")
        play.add_argument("--days", type=int, metavar="N", help="at most N days, the newest")
        play.add_argument("--json", action="store_true", help="print everything as one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        since = _date(options["since"])
        if options["top"] < 1 or (options["days"] is not None and options["days"] < 1):
            raise CommandError("--top and --days are numbers from 1.")
        recorded, refused = _recorded(Path(options["folder"]).expanduser())
        played = [day for day in _with_votes(recorded, refused) if since is None or day >= since]
        played = played[-options["days"] :] if options["days"] else played
        if not played:
            raise CommandError(f"No day with votes since {since} in {options['folder']}: the newest is {max(recorded)}.")
        weights = self._weights()
        first = _first_days(recorded)
        days = [(day, recorded[day], replay(_signals(recorded[day], day, first), weights)) for day in played]
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(days, weights, refused, options["top"]), ensure_ascii=False))
            return
        for day, answers, result in days:
            self._block(day, answers, result, options["top"])
        self.stdout.write(f"{_counted(len(days), 'day')}. {_mean(days)} Weights: {_words(weights)}.")
        for said in refused:
            self.stderr.write(said)

    def _weights(self) -> Weights:
        try:
            return issues.weights_now()[1]
        except DatabaseError:
            self.stderr.write("This installation has no database yet: the shipped weights are used.")
            return Weights()

    def _block(self, day: date, answers: _Recorded, result: Day, top: int) -> None:
        width = None if sys.stdout.isatty() else 160
        console = Console(file=self.stdout, width=width, highlight=False)  # type: ignore[arg-type]
        papers, readings = _counted(len(result.lines), "paper"), _counted(answers.files, "reading")
        head = f"{day} · {papers}, {result.trending} trending · {readings}"
        console.print(Text(head, style="bold"))
        console.print(Text(f"ours and votes: {_agree(result.with_votes)}; ours and HN: {_agree(result.with_hacker_news)}"))
        grid = Table("ours", "votes'", "HN's", "title", "age", "votes", "comments", "total", "parts", box=None, pad_edge=False)
        grid.columns[3].no_wrap, grid.columns[3].overflow, grid.columns[8].no_wrap = True, "ellipsis", True
        grid.columns[3].max_width = 80
        for line in _shown(result, top):
            known = (line.signals.age_days, line.signals.upvotes, line.signals.comments)
            age, votes, comments = ("" if value is None else f"{value:g}" for value in known)
            parts = " ".join(f"{_SHORT[name]} {part:.2f}" for name, part in line.trend.parts.items() if part)
            places = (line.ours, line.votes, line.hacker_news)
            cells = (*map(str, places), line.title, age, votes, comments, f"{line.trend.total:.2f}", parts)
            grid.add_row(*map(Text, cells))
        console.print(grid)
        console.print()


# -- from files to days --------------------------------------------------------------------------------------------------


def _recorded(folder: Path) -> tuple[dict[date, _Recorded], list[str]]:
    """The days with papers, and a sentence for each file that is no part of one."""
    if not folder.exists():
        raise CommandError(f"There is no {folder}: give a folder of saved daily answers.")
    days: dict[date, _Recorded] = {}
    refused: list[str] = []
    for one in sources.preview_files(folder, now=timezone.now()):
        page = one.page
        if page is None or not page.records:
            refused.append(f"{one.file}: {one.reason}")
        elif page.listed_on is None and not all(record.listed_on for record in page.records):
            refused.append(f"{one.file}: it names no day, neither in its name nor within.")
        else:
            _add(days, page, one.kind)
    if not days:
        raise CommandError(f"Nothing in {folder} is a day's list of papers. {refused[0] if refused else 'It is empty.'}")
    return dict(sorted(days.items())), refused


def _add(days: dict[date, _Recorded], page: Page, kind: str) -> None:
    met = set[date]()
    for record in page.records:
        day = record.listed_on or page.listed_on
        assert day is not None
        days.setdefault(day, _Recorded()).met(record).said.setdefault(kind, []).append(record)
        met.add(day)
    for day in met:
        days[day].files += 1


def _with_votes(recorded: dict[date, _Recorded], refused: list[str]) -> list[date]:
    """The days on which somebody counts votes; the others are named among the refused."""
    silent = [day for day, one in recorded.items() if all(_newest(paper, "upvotes") is None for paper in one.papers)]
    refused += [f"{day}: nobody counts votes there, so there is no order to compare." for day in silent]
    if len(silent) == len(recorded):
        raise CommandError(f"None of these {len(recorded)} days counts votes: there is no order to compare.")
    return [day for day in recorded if day not in silent]


def _first_days(recorded: dict[date, _Recorded]) -> dict[tuple[str, str], date]:
    first: dict[tuple[str, str], date] = {}
    for day, one in recorded.items():
        for alias in one.known:
            first.setdefault(alias, day)
    return first


def _signals(one: _Recorded, day: date, first: dict[tuple[str, str], date]) -> list[tuple[str, Signals]]:
    return [(paper.record.title, _of(paper, day, min(first[alias] for alias in paper.record.aliases))) for paper in one.papers]


def _of(paper: _Paper, day: date, first: date) -> Signals:
    published = paper.record.published_on
    return Signals(
        upvotes=_newest(paper, "upvotes"),
        comments=_newest(paper, "comments"),
        stars=_newest(paper, "stars"),
        upvotes_gained=_gained(paper, "upvotes"),
        stars_gained=_gained(paper, "stars"),
        sources=len(paper.said),
        age_days=float(max((day - (published or first)) // timedelta(days=1), 0)),
    )


def _newest(paper: _Paper, name: str) -> int | None:
    return max((counts[-1] for counts in _counts(paper, name)), default=None)


def _gained(paper: _Paper, name: str) -> int | None:
    """Between the first and the last reading of one kind; None where there was only one."""
    return max((max(counts[-1] - counts[0], 0) for counts in _counts(paper, name) if len(counts) > 1), default=None)


def _counts(paper: _Paper, name: str) -> Iterable[list[int]]:
    for records in paper.said.values():
        counts = [count for record in records if (count := getattr(record, name)) is not None]
        if counts:
            yield counts


# -- saying it -------------------------------------------------------------------------------------------------------------


def _date(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise CommandError(f"--since {text}: write a day such as 2026-11-01.") from None


def _shown(result: Day, top: int) -> list[Line]:
    """Whatever is among the first `top` of any order, in ours."""
    return [line for line in result.lines if min(line.ours, line.votes, line.hacker_news) <= top]


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _agree(one: Agreement) -> str:
    tau = "–" if one.tau is None else f"{one.tau:.2f}"
    return f"tau {tau}, {one.shared} of the first {one.head} the same"


def _mean(days: Sequence[tuple[date, _Recorded, Day]]) -> str:
    said = []
    for name in ("with_votes", "with_hacker_news"):
        taus = [one.tau for _, _, day in days if (one := getattr(day, name)).tau is not None]
        said.append(f"{sum(taus) / len(taus):.2f}" if taus else "–")
    return f"Mean tau of ours with votes {said[0]}, with Hacker News' formula {said[1]}."


def _words(weights: Weights) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in asdict(weights).items())


def _as_json(days: Sequence[tuple[date, _Recorded, Day]], weights: Weights, refused: list[str], top: int) -> dict[str, Any]:
    return {
        "weights": asdict(weights),
        "threshold": THRESHOLD,
        "days": [
            {
                "day": day.isoformat(),
                "papers": len(result.lines),
                "readings": one.files,
                "trending": result.trending,
                "with_votes": asdict(result.with_votes),
                "with_hacker_news": asdict(result.with_hacker_news),
                "lines": [_line(line) for line in _shown(result, top)],
            }
            for day, one, result in days
        ],
        "refused": refused,
    }


def _line(line: Line) -> dict[str, Any]:
    places = {"ours": line.ours, "votes": line.votes, "hacker_news": line.hacker_news}
    parts = {name: line.trend.parts[name] for name in SIGNALS}
    return {"title": line.title, "places": places, "signals": asdict(line.signals), "total": line.trend.total, "parts": parts}
