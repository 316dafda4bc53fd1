"""The labels that ship, and how well the shipped queries do on the third that was kept from tuning."""

import json
import os
from collections import Counter
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from newsletter.management import library
from newsletter.matching import Document
from newsletter.matching.measure import SHIPPED_LABELS, Label, Library, Report, measure, read_labels
from newsletter.matching.query import parse
from newsletter.matching.topics import topics

SAMPLES = os.environ.get("PAPERROUND_SAMPLES")
needs_samples = pytest.mark.skipif(not SAMPLES, reason="PAPERROUND_SAMPLES is not set: the labelled papers are not here")
LABELS = read_labels(SHIPPED_LABELS.read_text(encoding="utf-8"))
NO_SUBJECT = {"cs", "eess", "math", "stat"}  # the archive alone
BY_WORDS = {"cs.AI", "cs.CL", "cs.CV", "cs.GL", "cs.LG", "cs.MM", "cs.NE", "cs.OH", "eess.IV"}  # too broad for one topic


@pytest.fixture(scope="module")
def papers() -> Library:
    return library.of_files([Path(SAMPLES or "")], now=datetime(2026, 11, 22, tzinfo=UTC))


def test_twenty_topics_have_twenty_five_labels_each_eight_of_them_kept():
    assert Counter(Counter(label.topic for label in LABELS).values()) == {25: 20}
    assert set(Counter(label.topic for label in LABELS if label.kept).values()) == {8}
    assert {label.topic for label in LABELS} <= {topic.slug for topic in topics()}


def test_the_kept_third_was_drawn_by_a_hash_within_each_verdict():
    for slug in {label.topic for label in LABELS}:
        relevant, others = (sorted(_of(slug, relevant=verdict), key=_place) for verdict in (True, False))
        share = round(len(relevant) / 3)
        drawn = {label.title for label in (*relevant[:share], *others[: 8 - share])}
        assert {label.title for label in LABELS if label.topic == slug and label.kept} == drawn


def _of(slug: str, *, relevant: bool) -> list[Label]:
    return [label for label in LABELS if label.topic == slug and label.relevant is relevant]


def _place(label: Label) -> str:
    return sha256(f"{label.topic} {label.title}".encode()).hexdigest()


@needs_samples
def test_the_shipped_queries_reach_their_thresholds_on_the_kept_third(papers):
    report = measure(topics(), LABELS, papers)
    kept, tuning = report.macro(kept=True), report.macro(kept=False)
    assert report.by_title == 0
    assert (kept.topics, tuning.topics) == (20, 20)
    assert (kept.precision or 0) >= 0.85 and (kept.recall or 0) >= 0.75
    assert (tuning.precision or 0) >= 0.85 and (tuning.recall or 0) >= 0.75


@needs_samples
def test_the_figures_of_the_document_are_those_of_the_shipped_queries(papers):
    document = (Path(__file__).parents[2] / "docs" / "topics.md").read_text(encoding="utf-8")
    for read, titles_only in (("title, abstract and keywords", False), ("titles alone", True)):
        report = measure(topics(), LABELS, papers, titles_only=titles_only)
        for part in ("kept", "tuning"):
            macro = report.macro(kept=part == "kept")
            counts = "" if titles_only else _counted(report, part)
            assert f"| {part} part, {read} | {macro.precision:.2f} | {macro.recall:.2f} | {counts}" in document


def _counted(report: Report, part: str) -> str:
    parts = [getattr(row, part) for row in report.rows if row.by == "labels"]
    return ", ".join(str(sum(getattr(counts, name) for counts in parts)) for name in ("found", "wrong", "missed"))


@needs_samples
def test_the_categories_that_stand_for_labels_are_arxivs():
    assert {code for topic in topics() for code in topic.categories} <= _codes() | {
        "cs.SY",
        "cond-mat",
        "astro-ph",
        "q-bio",
        "q-fin",
    }


@needs_samples
def test_every_archive_of_arxiv_has_a_topic():
    codes = _codes()
    queries = [parse(topic.query) for topic in topics()]
    homeless = {code for code in codes if not _has_topic(code, queries)}
    assert homeless <= BY_WORDS | NO_SUBJECT
    assert {code.split(".")[0] for code in codes} == {code.split(".")[0] for code in codes - homeless}


def _codes() -> set[str]:
    rows = json.loads((Path(SAMPLES or "") / "arxiv" / "categories.json").read_text(encoding="utf-8"))
    return {f"{row['archive']}.{row['subject_class']}".rstrip(".") for row in rows if row["archive"] != "test"}


def _has_topic(code: str, queries: list) -> bool:
    return any(query.matches(Document(title="A Note", categories=(code,))) for query in queries)
