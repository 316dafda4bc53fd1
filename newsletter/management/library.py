"""What is known of papers, for measuring topics: from the database, or from saved responses without storing them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import fields, replace
from datetime import datetime
from itertools import chain, islice
from pathlib import Path

from newsletter import sources
from newsletter.matching.document import Document
from newsletter.matching.measure import Label, Library, title_key
from newsletter.models import Alias, Paper
from newsletter.sources.page import Record

_NEWEST = 5_000  # papers that categories and keywords are taken from: enough to count, some 4 s to match
_CHUNK = 500  # values in one question; SQLite takes no more than some thousands


def of_database(labels: Collection[Label]) -> Library:
    """The labelled papers, by alias or by exact title, and the newest papers with categories or keywords."""
    by_id: dict[str, Document] = {}
    for values in _chunks({label.id.partition(":")[2] for label in labels if label.id}):
        for alias in Alias.objects.filter(scheme__in=("arxiv", "doi"), value__in=values).select_related("paper__merged_into"):
            by_id[f"{alias.scheme}:{alias.value}"] = _of_paper(alias.paper.survivor())
    by_title: dict[str, Document] = {}
    for titles in _chunks({label.title for label in labels}):
        for paper in Paper.objects.filter(title__in=titles, merged_into=None).order_by("-pk"):
            by_title[title_key(paper.title)] = _of_paper(paper)
    newest = Paper.objects.filter(merged_into=None).exclude(categories=[], keywords=[]).order_by("-listed_on", "-pk")
    return Library(by_id=by_id, by_title=by_title, documents=[_of_paper(paper) for paper in newest[:_NEWEST]])


def of_files(paths: Iterable[Path], *, now: datetime) -> Library:
    """Every record of the files below the paths; records that share an id or a title are one paper."""
    pages = (one.page for path in paths for one in sources.preview_files(path, now=now) if one.page)
    known: dict[str, int] = {}
    docs: list[Document] = []
    for record in chain.from_iterable(page.records for page in pages):
        keys = [*(f"{scheme}:{value}" for scheme, value in record.aliases), f"title {title_key(record.title)}"]
        place = next((known[key] for key in keys if key in known), len(docs))
        if place == len(docs):
            docs.append(_of_record(record))
        else:
            docs[place] = _joined(docs[place], _of_record(record))
        known.update(dict.fromkeys(keys, place))
    return Library(
        by_id={key: docs[place] for key, place in known.items() if key.startswith(("arxiv:", "doi:"))},
        by_title={key.removeprefix("title "): docs[place] for key, place in known.items() if key.startswith("title ")},
        documents=docs,
    )


def _of_paper(paper: Paper) -> Document:
    return Document(
        title=paper.title,
        summary=paper.summary,
        abstract=paper.abstract,
        authors=tuple(paper.authors),
        organizations=tuple(paper.organizations),
        categories=tuple(paper.categories),
        keywords=tuple(paper.keywords),
        has_code=paper.has_code,
        has_project=bool(paper.project_url),
        upvotes=paper.upvotes,
        stars=paper.stars,
        comments=paper.comments,
    )


def _of_record(record: Record) -> Document:
    return Document(
        title=record.title,
        summary=record.summary,
        abstract=record.abstract,
        authors=record.authors,
        organizations=record.organizations,
        categories=record.categories,
        keywords=record.keywords,
        has_code=record.has_code,
        has_project=bool(record.project_url),
        upvotes=record.upvotes,
        stars=record.stars,
        comments=record.comments,
    )


def _joined(one: Document, other: Document) -> Document:
    """What the first lacks, from the second."""
    gaps = {item.name: getattr(other, item.name) for item in fields(Document) if not getattr(one, item.name)}
    return replace(one, **gaps)


def _chunks(values: Collection[str]) -> Iterable[list[str]]:
    left = iter(sorted(values))
    while chunk := list(islice(left, _CHUNK)):
        yield chunk
