"""The benches that need rows, small: they measure what they say, and their rows hold it."""

from contextlib import nullcontext

import pytest

from bench import ingest, preview, search
from newsletter.models import Paper

pytestmark = pytest.mark.django_db


def test_search_is_measured_by_kind_of_query_first_and_again(monkeypatch):
    for name, value in (("PAPERS", 60), ("QUERIES", 24), ("DAYS", 5), ("database", nullcontext)):
        monkeypatch.setattr(search, name, value)
    built, first, warm, *kinds = search.measure()
    assert built["papers"] == Paper.objects.count() == 60
    assert (first["run"], first["queries"], warm["run"], warm["queries"]) == ("first", 24, "warm", 24)
    assert sum(row["queries"] for row in kinds) == 24 == len({row["kind"] for row in kinds})


def test_the_preview_is_measured_for_every_query_and_day_size(monkeypatch):
    for name, value in (("PAPERS", 90), ("A_DAY", (2, 5)), ("WARM_RUNS", 1), ("database", nullcontext)):
        monkeypatch.setattr(preview, name, value)
    monkeypatch.setattr(preview, "_in_a_fresh_process", preview.timed)
    rows = preview.measure()
    assert [(row["asked"], row["papers_a_day"]) for row in rows] == [(name, size) for size in (2, 5) for name in preview.ASKED]
    assert [row["demanded_ms"] for row in rows] == [150] * 7 + [None] * 7
    assert all(row["picks"] <= 14 * row["papers_a_day"] for row in rows)
    assert any(row["picks"] for row in rows)


def test_ingest_is_measured_and_leaves_nothing(monkeypatch):
    monkeypatch.setattr(ingest, "SIZES", (5,))
    [row] = ingest.measure()
    assert row["papers"] == 5
    assert not Paper.objects.exists()
