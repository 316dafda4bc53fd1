"""Feeds of an OPML list become rows; safe to repeat."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from newsletter.models import Source
from newsletter.sources.page import Rejected

_SLUG_LENGTH = 50


class _Outline(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpmlReport:
    """made: new rows (unsaved after a dry run); known: rows that read such an address already."""

    made: tuple[Source, ...]
    known: tuple[Source, ...]
    refused: tuple[Rejected, ...]


def add(outlines: Sequence[_Outline], refused: tuple[Rejected, ...], *, dry_run: bool) -> OpmlReport:
    """A row for each address that no source reads; arXiv's own feeds become sources of its kind."""
    by_url = {source.params.get("url"): source for source in Source.objects.all() if isinstance(source.params, dict)}
    taken = set(Source.objects.values_list("slug", flat=True))
    made, known = [], []
    for outline in outlines:
        if outline.url in by_url:
            known.append(by_url[outline.url])
            continue
        source = Source(slug=_slug(outline.name, taken), name=outline.name, kind=_kind(outline.url), params={"url": outline.url})
        taken.add(source.slug)
        made.append(source)
        if not dry_run:
            source.save()
    return OpmlReport(made=tuple(made), known=tuple(known), refused=refused)


def _kind(url: str) -> str:
    return "arxiv" if urlsplit(url).hostname == "rss.arxiv.org" else "feed"


def _slug(name: str, taken: set[str]) -> str:
    base = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_SLUG_LENGTH] or "feed"
    return next(slug for number in range(len(taken) + 1) if (slug := f"{base}-{number + 1}" if number else base) not in taken)
