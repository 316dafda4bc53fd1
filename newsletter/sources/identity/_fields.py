"""What is known of a paper: each field has one winner, the same whatever the order of arrival.

A winner is the greatest of all values offered: `Paper.trust` keeps how far the place of each value is trusted, so that a
later value can be compared with it. Filled fields are never emptied, but by a licence that reserves all rights.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime

from newsletter.models import Paper, Sighting, Source
from newsletter.sources.page import Record, labs, text

SIGNALS = ("upvotes", "comments", "stars")
_TEXTS = ("title", "abstract", "summary", "url", "pdf_url", "code_url", "project_url", "license", "published_on")
_LISTS = ("authors", "organizations", "categories", "keywords")
_RIDES = {"title": "raw_title", "summary": "summary_by"}
FIELDS = (*_TEXTS, *_LISTS, *_RIDES.values(), "authors_total", "has_code", "trust", "listed_on", "seen_at", "is_sample",
          "withdrawn_at", *SIGNALS)  # fmt: skip
# Whose word counts more, rising; 0 is the bundled sample and what a split left to be read again. Others: as a feed.
_KINDS = ("snapshot", "feed", "mailbox", "pubmed", "biorxiv", "huggingface", "arxiv")
_UNKNOWN = 2
POINTS = ("hackernews",)  # their sightings count points, which are no votes of the paper's lists
RIGHTS_RESERVED = ("cc_no", "none")  # bioRxiv: show title and link only, whoever else says more
_CLOSED = ("abstract", "summary", "summary_by", "pdf_url", "code_url", "project_url", "authors", "organizations", "categories",
           "keywords")  # fmt: skip


def trust(source: Source) -> int:
    """0 for the bundled sample, then 1 to 7."""
    if source.is_sample:
        return 0
    return _KINDS.index(source.kind) + 1 if source.kind in _KINDS else _UNKNOWN


def new_paper(record: Record, source: Source, listed_on: date, seen_at: datetime) -> Paper:
    paper = Paper(listed_on=listed_on, seen_at=seen_at, is_sample=source.is_sample)
    update(paper, record, source, listed_on, seen_at)
    return paper


def update(paper: Paper, record: Record, source: Source, listed_on: date, seen_at: datetime) -> set[str]:
    """What the record says, but for votes and stars. The names of the fields that changed."""
    before = _state(paper)
    data = record.project_url or text.project_link(record.abstract)
    _fill(paper, replace(record, organizations=labs.names(record.organizations), project_url=data), trust(source))
    _earliest(paper, listed_on, seen_at, seen_at if record.withdrawn else None)
    paper.is_sample = paper.is_sample and source.is_sample
    return _changed(paper, before)


def absorb(paper: Paper, other: Paper) -> set[str]:
    """What another row of the same work knows. The names of the fields that changed."""
    before = _state(paper)
    _fill(paper, other, None)
    _earliest(paper, other.listed_on, other.seen_at, other.withdrawn_at)
    paper.is_sample = paper.is_sample and other.is_sample
    return _changed(paper, before)


def newest_signals(paper: Paper) -> set[str]:
    """Votes, comments and stars from all its sightings: the newest; of equal times the greatest."""
    before = _state(paper)
    rows = list(Sighting.objects.filter(paper=paper).exclude(source__kind__in=POINTS).order_by("seen_at"))
    for name in SIGNALS:
        said = [(row.seen_at, getattr(row, name)) for row in rows if getattr(row, name) is not None]
        if said:
            setattr(paper, name, max(said)[1])
    return _changed(paper, before)


def signal(paper: Paper, record: Record, seen_at: datetime, others: Iterable[Sighting]) -> set[str]:
    """The record's votes, comments and stars, unless a newer sighting says otherwise. others: seen then or later."""
    before = _state(paper)
    rivals = list(others)
    for name in SIGNALS:
        said = [(row.seen_at, getattr(row, name)) for row in rivals if getattr(row, name) is not None]
        if getattr(record, name) is not None:
            setattr(paper, name, max([*said, (seen_at, getattr(record, name))])[1])
    return _changed(paper, before)


def _fill(paper: Paper, known: Record | Paper, offered: int | None) -> None:
    """offered: trust in the record; None: `known` is a paper, which keeps its own."""
    had_authors = paper.trust.get("authors", 1)
    trusted = dict(paper.trust)
    for name in (*_TEXTS, *_LISTS):
        level = offered if offered is not None else known.trust.get(name, 1)  # type: ignore[union-attr]
        if getattr(known, name) and _weight(name, known, level) > _weight(name, paper, trusted.get(name, 1)):
            _take(paper, known, name)
            trusted[name] = level
    given = offered if offered is not None else known.trust.get("authors", 1)  # type: ignore[union-attr]
    totals = [(paper.authors_total, had_authors), (known.authors_total, given)]
    final = trusted.get("authors", given)
    best = max((total for total, level in totals if total and (level > 0) == (final > 0)), default=0)
    paper.authors_total = best if best >= max(len(paper.authors), 1) else None
    paper.has_code = paper.has_code or known.has_code
    paper.trust = trusted
    if paper.license in RIGHTS_RESERVED:
        _close(paper)


def _close(paper: Paper) -> None:
    """Title, link, licence, days and votes stay."""
    for name in _CLOSED:
        setattr(paper, name, [] if name in _LISTS else "")
    paper.authors_total, paper.has_code = None, False
    paper.trust = {name: level for name, level in paper.trust.items() if name not in _CLOSED}


def _take(paper: Paper, known: Record | Paper, name: str) -> None:
    value = getattr(known, name)
    setattr(paper, name, list(value) if name in _LISTS else value)
    if name in _RIDES:
        setattr(paper, _RIDES[name], getattr(known, _RIDES[name]))


def _weight(name: str, holder: Record | Paper, level: int) -> tuple[object, ...]:
    """Total order of values: nothing, then trust and length. Lists: a longer one wins among live sources.

    Of days the earlier wins; "all rights reserved" wins over any other licence.
    """
    value = getattr(holder, name)
    if not value:
        return ()
    if name == "published_on":
        return (level, -value.toordinal())
    if name == "license":
        return (value in RIGHTS_RESERVED, level, len(value), value)
    if name in _LISTS:
        return (level > 0, len(value), level, tuple(value))
    return (level, len(value), value, getattr(holder, _RIDES.get(name, name)))


def _earliest(paper: Paper, listed_on: date, seen_at: datetime, withdrawn_at: datetime | None) -> None:
    paper.listed_on = min(paper.listed_on, listed_on)
    paper.seen_at = min(paper.seen_at, seen_at)
    if withdrawn_at is not None:
        paper.withdrawn_at = min(paper.withdrawn_at or withdrawn_at, withdrawn_at)


def _state(paper: Paper) -> dict[str, object]:
    return {name: getattr(paper, name) for name in FIELDS}


def _changed(paper: Paper, before: dict[str, object]) -> set[str]:
    return {name for name, value in before.items() if getattr(paper, name) != value}
