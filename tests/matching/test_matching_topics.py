"""The shipped topics: valid, distinct, and wide enough for what the product was made for."""

import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from newsletter.matching import Document
from newsletter.matching.query import parse
from newsletter.matching.score import score
from newsletter.matching.topics import Topic, _digest, topics, was_shipped

SAMPLES = os.environ.get("PAPERROUND_SAMPLES")
SAMPLE = Path(__file__).parents[2] / "newsletter" / "sources" / "sample" / "hf-daily"


def test_there_are_about_sixty_in_groups() -> None:
    assert 55 <= len(topics()) <= 70
    assert 8 <= len({topic.group for topic in topics()}) <= 15


@pytest.mark.parametrize("topic", topics(), ids=lambda topic: topic.slug)
def test_a_topic_fits_its_row_and_its_query_is_valid(topic: Topic) -> None:
    assert re.fullmatch(r"[a-z0-9-]{2,60}", topic.slug)
    assert 0 < len(topic.name) <= 40
    assert 0 < len(topic.line) <= 160
    assert len(parse(topic.query).canonical) <= 500


def test_no_two_topics_share_a_slug_a_name_or_a_query() -> None:
    for values in (
        [topic.slug for topic in topics()],
        [topic.name for topic in topics()],
        [parse(topic.query).canonical for topic in topics()],
    ):
        assert [value for value, times in Counter(values).items() if times > 1] == []


def test_what_ships_today_is_in_the_list_of_what_ever_shipped() -> None:
    """Else no installation could tell it from a curator's query later. Append the digests; keep the old ones."""
    asked = {topic.slug: parse(topic.query).canonical for topic in topics()}
    assert [(slug, _digest(slug, query)) for slug, query in asked.items() if not was_shipped(slug, query)] == []
    assert not was_shipped("robotics", "robots")


@pytest.mark.parametrize(
    ("slug", "paper"),
    [
        ("astronomy", Document(title="Spectra of Distant Galaxies")),
        ("astronomy", Document(title="A Short Note", categories=("astro-ph.CO",))),
        ("algebra-and-numbers", Document(title="On Gaps Between Prime Numbers")),
        ("statistics", Document(title="Conformal Prediction under Drift")),
        ("finance-and-economics", Document(title="Hedging", categories=("q-fin.PR",))),
        ("neuroscience", Document(title="Decoding Words from EEG")),
        ("quantum", Document(title="Fault-tolerant qubits at last")),
        ("databases", Document(title="Joins", categories=("cs.DB",))),
        ("security", Document(title="Prompt Injection in the Wild")),
        ("networks", Document(title="Beamforming for 6G")),
        ("biology", Document(title="An Atlas of Single-Cell Gene Expression")),
        ("human-computer", Document(title="Typing with the Eyes: A User Study")),
    ],
)
def test_a_topic_finds_a_paper_of_its_field(slug: str, paper: Document) -> None:
    topic = next(topic for topic in topics() if topic.slug == slug)
    assert parse(topic.query).matches(paper)


def test_most_papers_of_the_bundled_sample_belong_somewhere_and_none_everywhere() -> None:
    papers = [
        record["paper"] for path in sorted(SAMPLE.glob("*.json")) for record in json.loads(path.read_text(encoding="utf-8"))
    ]
    docs = [
        Document(title=paper["title"], summary=paper["summary"], keywords=tuple(paper.get("ai_keywords", ()))) for paper in papers
    ]
    queries = [parse(topic.query) for topic in topics()]
    hits = [sum(query.matches(doc) for query in queries) for doc in docs]
    assert sum(1 for count in hits if count) >= 0.95 * len(docs)
    assert max(hits) <= 12


@pytest.mark.skipif(not SAMPLES, reason="PAPERROUND_SAMPLES is not set: the seed titles are not here")
def test_every_seed_paper_matches_at_least_one_topic() -> None:
    files = json.loads((Path(SAMPLES or "") / "seeds.json").read_text(encoding="utf-8"))["files"]
    titles = {item["title"] for file in files for item in file["items"]}
    assert len(titles) == 25
    queries = [parse(topic.query) for topic in topics()]
    assert [title for title in sorted(titles) if not any(score(Document(title=title), query) for query in queries)] == []
