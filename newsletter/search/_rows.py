"""Writing the index: what the database noted as changed, in the writer's own transaction, or all of it after an upgrade."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction

from newsletter.models import Paper, Terms, Unindexed
from newsletter.search import _postgresql
from newsletter.search._bylines import write_bylines
from newsletter.search._kept import VERSION, terms_of
from newsletter.search._schema import install

BATCH = 500
_WRITTEN = ("version", "listed_on", "title", "keywords", "summary", "abstract", "words", "authors", "organizations", "facets",
            "kept")  # fmt: skip
_READ = ("id", "title", "summary", "abstract", "keywords", "authors", "organizations", "categories", "listed_on")


def index_changed() -> int:
    """Write the terms of every paper that the database noted as new or changed. Papers indexed. Safe to repeat.

    Rows that another process is indexing are left to it; when it fails, its note stays.
    """
    total = 0
    while True:
        with transaction.atomic():
            ids = _taken()
            if not ids:
                return total
            _write(list(Paper.objects.filter(pk__in=ids).only(*_READ)))
        total += len(ids)


def heal() -> int:
    """Put back what is missing of index and triggers, note what older rules have cut, and index all of it."""
    with transaction.atomic():
        install(connection)
        known = Unindexed.objects.values("paper_id")
        stale = Terms.objects.exclude(version=VERSION).exclude(paper_id__in=known).values_list("paper_id", flat=True)
        Unindexed.objects.bulk_create([Unindexed(paper_id=pk) for pk in stale], ignore_conflicts=True, batch_size=BATCH)
    return index_changed()


def _taken() -> list[int]:
    """Notes are taken away before the papers are read: who changes one meanwhile waits, and notes it again."""
    rows = Unindexed.objects.order_by("paper_id")
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True)
    ids = list(rows.values_list("paper_id", flat=True)[:BATCH])
    Unindexed.objects.filter(paper_id__in=ids).delete()
    return ids


def _write(papers: Sequence[Paper]) -> None:
    write_bylines(papers)
    rows = [terms_of(paper) for paper in papers]
    Terms.objects.bulk_create(rows, update_conflicts=True, unique_fields=["paper"], update_fields=_WRITTEN, batch_size=BATCH)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE newsletter_terms t SET vector = made.vector::tsvector "
                "FROM unnest(%s::bigint[], %s::text[]) AS made (paper_id, vector) WHERE t.paper_id = made.paper_id",
                ([row.paper_id for row in rows], [_postgresql.vector(row) for row in rows]),
            )
