"""Live signals into candidates, and candidates as the documents that queries read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from functools import lru_cache

from newsletter.matching import Document, trend
from newsletter.models import Candidate, Paper, Source, TrendWeights
from newsletter.sources.attention import Attention, attention

LIVE = (*trend.SIGNALS, "listed_trending", "has_code", "has_project", "listed_by", "trend", "weights_id")


def fill(rows: Sequence[Candidate], papers: Mapping[int, Paper], *, on: date, at: datetime) -> list[Candidate]:
    """The signals of that moment into these rows, saved or not; those that changed.

    papers: by the row's paper_id, whose signals the row shows (a merged paper's row shows the survivor's).
    """
    seen = attention({paper.pk for paper in papers.values()}, at=at)
    known = {source.pk: source for source in Source.objects.only("slug", "name", "is_trending")}
    in_force, weights = weights_now()
    changed = []
    for row in rows:
        paper, before = papers[row.paper_id], _live(row)
        _take(row, paper, seen.get(paper.pk, Attention()), known)
        row.trend, row.weights = round(trend_of(row, paper, on=on, weights=weights).total, 6), in_force
        changed += [row] if _live(row) != before else []
    return changed


def weights_now() -> tuple[TrendWeights | None, trend.Weights]:
    """The newest row and its values; None and the shipped ones before any. Read once a refresh and kept nowhere."""
    row = TrendWeights.objects.order_by("-pk").first()
    return row, values_of(row)


def values_of(row: TrendWeights | None) -> trend.Weights:
    """A row's values; None: the shipped ones."""
    return trend.Weights(**{one.name: getattr(row, one.name) for one in fields(trend.Weights)}) if row else trend.Weights()


def trend_of(candidate: Candidate, paper: Paper, *, on: date, weights: trend.Weights) -> trend.Trend:
    """From the row's own signals, with these weights. Pure over loaded rows; for a merged paper give the survivor."""
    signals = {name: getattr(candidate, name) for name in trend.SIGNALS}
    return trend.trend(trend.Signals(**signals, age_days=_age(paper, on)), weights)


def document(candidate: Candidate, paper: Paper, *, on: date) -> Document:
    """The paper as the candidate's signals show it: what queries and scores read. Pure over loaded rows."""
    return _document(
        (paper.title, candidate.summary_edit or paper.summary, paper.abstract),
        (tuple(paper.authors), tuple(paper.organizations), tuple(paper.categories), tuple(paper.keywords)),
        tuple(candidate.listed_by),
        (candidate.has_code, candidate.has_project),
        (candidate.upvotes, candidate.stars, candidate.comments, _age(paper, on), candidate.trend),
    )


@lru_cache(maxsize=10_000)
def _document(
    texts: tuple[str, str, str],
    lists: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]],
    sources: tuple[str, ...],
    flags: tuple[bool, bool],
    signals: tuple[int | None, int | None, int | None, int, float],
) -> Document:
    """Equal content gives the same object, whose words are cut once a process."""
    return Document(
        title=texts[0],
        summary=texts[1],
        abstract=texts[2],
        authors=lists[0],
        organizations=lists[1],
        categories=lists[2],
        keywords=lists[3],
        sources=sources,
        has_code=flags[0],
        has_project=flags[1],
        upvotes=signals[0],
        stars=signals[1],
        comments=signals[2],
        age_days=signals[3],
        trend=signals[4],
    )


def _age(paper: Paper, on: date) -> int:
    return max((on - paper.listed_on).days, 0)


def _live(row: Candidate) -> list[object]:
    return [getattr(row, name) for name in LIVE]


def _take(row: Candidate, paper: Paper, seen: Attention, known: Mapping[int, Source]) -> None:
    sources = [known[pk] for pk in seen.sources]
    row.upvotes, row.comments, row.stars = paper.upvotes, paper.comments, paper.stars
    row.upvotes_gained, row.stars_gained, row.sources = seen.upvotes_gained, seen.stars_gained, seen.places
    row.listed_trending = any(source.is_trending for source in sources)
    row.listed_by = sorted({source.name for source in sources}) + sorted({source.slug for source in sources})
    row.has_code, row.has_project = paper.has_code, bool(paper.project_url)
