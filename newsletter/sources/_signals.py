"""Signals meet known papers: stars go to the paper and into a sighting, points and comments into a sighting only.

Nothing here makes a paper.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from django.db.models import Q

from newsletter.models import Alias, Outcome, Paper, Sighting, Source
from newsletter.sources.page import Page, Signal, text

_CHUNK = 400  # values of one query


def store(page: Page, source: Source, *, seen_at: datetime) -> tuple[Outcome, str]:
    """Within the caller's transaction. Safe to repeat: what did not change is not written."""
    signals = page.signals or ()
    met = _papers(signals)
    for paper, found in met.items():
        _star(paper, found)
    told = _tell(met, source, seen_at)
    refused = f", {len(page.rejected)} refused ({page.rejected[0].reason})" if page.rejected else ""
    if not signals and not page.rejected:
        return Outcome.QUIET, "Nothing has changed there."
    said = f"{len(signals)} read{refused}; {len(met)} papers known here, {told} with a new count."
    return (Outcome.PARTIAL if page.rejected and len(page.rejected) > len(signals) else Outcome.FRESH), said


def _papers(signals: Iterable[Signal]) -> dict[Paper, list[Signal]]:
    """The surviving paper of each signal, by its aliases, else by the repository that it links to."""
    signals = list(signals)
    by_alias: dict[tuple[str, str], Paper] = {}
    for values in _chunks({value for signal in signals for _, value in signal.aliases}):
        for alias in Alias.objects.filter(value__in=values).select_related("paper__merged_into"):
            by_alias[alias.scheme, alias.value] = alias.paper
    by_code = _by_repository({signal.repository for signal in signals if signal.repository})
    met: dict[Paper, list[Signal]] = {}
    for signal in signals:
        own = [by_alias[key] for key in signal.aliases if key in by_alias]
        for paper in own[:1] or by_code.get(signal.repository, []):
            met.setdefault(_survivor(paper), []).append(signal)
    return met


def _by_repository(names: set[str]) -> dict[str, list[Paper]]:
    found: dict[str, list[Paper]] = {}
    for chunk in _chunks(names, 50):
        wanted = Q()
        for name in chunk:
            wanted |= Q(code_url__icontains=f"github.com/{name}")
        for paper in Paper.objects.filter(wanted, merged_into=None):
            found.setdefault(text.repository(paper.code_url), []).append(paper)
    return found


def _survivor(paper: Paper) -> Paper:
    while paper.merged_into:
        paper = paper.merged_into
    return paper


def _star(paper: Paper, signals: list[Signal]) -> None:
    stars = max((signal.stars for signal in signals if signal.stars is not None), default=None)
    if stars is not None and stars != paper.stars:
        Paper.objects.filter(pk=paper.pk).update(stars=stars)


def _tell(met: dict[Paper, list[Signal]], source: Source, seen_at: datetime) -> int:
    """One sighting a paper with the sums of its stories, or its stars, when they differ from the last one's."""
    last = {}
    for row in Sighting.objects.filter(source=source, paper__in=list(met)).order_by("seen_at", "pk"):
        last[row.paper_id] = (row.upvotes, row.comments, row.stars)
    counts = {paper: _counts(signals) for paper, signals in met.items()}
    ranked = sorted(counts.items(), key=lambda pair: (-(pair[1][0] or 0), -(pair[1][2] or 0), pair[0].pk))
    rows = []
    for rank, (paper, (points, comments, stars)) in enumerate(ranked, 1):
        if last.get(paper.pk) != (points, comments, stars):
            first = min((one.said_on for one in met[paper] if one.said_on), default=seen_at.astimezone(UTC).date())
            row = Sighting(source=source, paper=paper, seen_at=seen_at, listed_on=first, rank=rank)
            row.upvotes, row.comments, row.stars = points, comments, stars
            rows.append(row)
    Sighting.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _counts(signals: list[Signal]) -> tuple[int | None, int | None, int | None]:
    """(points, comments, stars); None = nobody says."""
    points = [one.points for one in signals if one.points is not None]
    comments = [one.comments for one in signals if one.comments is not None]
    stars = max((one.stars for one in signals if one.stars is not None), default=None)
    return (sum(points) if points else None, sum(comments) if comments else None, stars)


def _chunks(values: set[str], size: int = _CHUNK) -> Iterable[list[str]]:
    ordered = sorted(values)
    return (ordered[start : start + size] for start in range(0, len(ordered), size))
