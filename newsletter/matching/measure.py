"""How well topics find what belongs to them: precision and recall against labelled papers. docs/topics.md says how to read it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from newsletter.matching.document import Document
from newsletter.matching.nodes import Category
from newsletter.matching.query import parse
from newsletter.matching.topics import Topic

SHIPPED_LABELS = Path(__file__).parents[1] / "topics_labels.jsonl"
FEWEST_RELEVANT = 3  # below it a figure taken from categories or keywords says nothing
_FORM = '{"topic": "robotics", "id": "arxiv:2405.15738", "title": "…", "relevant": true, "kept": false}'
_FIELDS: dict[str, type] = {"topic": str, "id": str, "title": str, "relevant": bool, "kept": bool}


_Named = tuple[Document, Document]


class BadLabels(ValueError):
    """A line that is no label; `str()` names it and says what to write."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One verdict on one paper for one topic. id: "arxiv:…", "doi:…" or ""; kept: held back from tuning."""

    topic: str
    id: str
    title: str
    relevant: bool
    kept: bool


@dataclass(frozen=True, slots=True)
class Counts:
    """found: relevant and matched; wrong: matched only; missed: relevant only; rest: neither."""

    found: int = 0
    wrong: int = 0
    missed: int = 0
    rest: int = 0

    @property
    def precision(self) -> float | None:
        """None where nothing is relevant; 0 where something is and nothing was matched."""
        return self.found / max(self.found + self.wrong, 1) if self.found + self.missed else None

    @property
    def recall(self) -> float | None:
        return self.found / (self.found + self.missed) if self.found + self.missed else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One topic. by: labels, categories, keywords or unmeasured; only labels have a kept part.

    wrong, missed: titles of the tuning part alone, so that nobody tunes by what was kept back.
    """

    topic: Topic
    by: str = "unmeasured"
    tuning: Counts = Counts()
    kept: Counts = Counts()
    wrong: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Macro:
    """Means over the topics that were measured by labels; None: none was."""

    precision: float | None
    recall: float | None
    topics: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """rows in the topics' order. by_title: labelled papers of which only the title was known; strangers: labels of no topic."""

    rows: tuple[Measured, ...]
    papers: int
    by_title: int
    strangers: int

    def macro(self, *, kept: bool) -> Macro:
        parts = [row.kept if kept else row.tuning for row in self.rows if row.by == "labels"]
        precisions = [part.precision for part in parts if part.precision is not None]
        recalls = [part.recall for part in parts if part.recall is not None]
        return Macro(fmean(precisions) if precisions else None, fmean(recalls) if recalls else None, len(precisions))

    def as_dict(self) -> dict[str, Any]:
        macros = {name: self.macro(kept=name == "kept") for name in ("tuning", "kept")}
        return {
            "papers": self.papers,
            "by_title": self.by_title,
            "labels_of_no_topic": self.strangers,
            "macro": {
                name: {"precision": part.precision, "recall": part.recall, "topics": part.topics} for name, part in macros.items()
            },
            "topics": [
                {"slug": row.topic.slug, "by": row.by, "tuning": _counts(row.tuning), "kept": _counts(row.kept)}
                for row in self.rows
            ],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """What is known of papers. by_id: "arxiv:…" and "doi:…"; by_title: `title_key`; documents: each paper once."""

    by_id: Mapping[str, Document] = field(default_factory=dict)
    by_title: Mapping[str, Document] = field(default_factory=dict)
    documents: Sequence[Document] = ()

    def find(self, label: Label) -> Document | None:
        return self.by_id.get(label.id) or self.by_title.get(title_key(label.title))


def title_key(title: str) -> str:
    return " ".join(title.casefold().split())


def read_labels(text: str) -> tuple[Label, ...]:
    """JSON lines -> labels; empty lines are passed over. Raises BadLabels."""
    labels: dict[tuple[str, str], Label] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), start=1):
        if not line.strip():
            continue
        label = _label(line, number)
        if labels.setdefault((label.topic, title_key(label.title)), label) is not label:
            raise BadLabels(number, f"“{label.title[:60]}” has a label for {label.topic} already; keep one of the two.")
    if not labels:
        raise BadLabels(1, f"there is no label here; write one a line, as in {_FORM}")
    return tuple(labels.values())


def _label(line: str, number: int) -> Label:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise BadLabels(number, f"this is no JSON; write one object a line, as in {_FORM}") from None
    if not isinstance(value, dict):
        raise BadLabels(number, f"this is no JSON object; write it as in {_FORM}")
    for name, kind in _FIELDS.items():
        if not isinstance(value.get(name), kind):
            wanted = "true or false" if kind is bool else 'a text in quotes ("" when there is none)'
            raise BadLabels(number, f"“{name}” must be {wanted}, as in {_FORM}")
    if not value["topic"] or not value["title"].strip():
        raise BadLabels(number, f"a label names its topic and the paper's title, as in {_FORM}")
    if value["id"] and not re.match(r"(arxiv|doi):\S", value["id"]):
        raise BadLabels(number, f"“{value['id'][:40]}” is no id; write arxiv:…, doi:… or nothing between the quotes.")
    if any(0xD800 <= ord(char) <= 0xDFFF for name in ("topic", "id", "title") for char in value[name]):
        raise BadLabels(number, "half of a character (\\ud800 to \\udfff) is no text; write the character itself.")
    return Label(**{name: value[name] for name in _FIELDS} | {"id": _known_id(value["id"])})


def _known_id(typed: str) -> str:
    """As sources' records have it: in lower case, an arXiv id without its version."""
    return re.sub(r"^(arxiv:.*\d)v\d+$", r"\1", typed.casefold())


def measure(topics: Sequence[Topic], labels: Collection[Label], library: Library, *, titles_only: bool = False) -> Report:
    """Every topic against its labels, or against the categories or keywords that stand for it. titles_only: forget the rest."""
    known = {label.title: library.find(label) for label in labels}
    docs = {title: doc if doc and not titles_only else Document(title=title) for title, doc in known.items()}
    named = _named(library.documents)
    slugs = {topic.slug for topic in topics}
    by_topic: dict[str, list[Label]] = {slug: [] for slug in slugs}
    for label in labels:
        by_topic.setdefault(label.topic, []).append(label)
    return Report(
        rows=tuple(
            _by_labels(topic, by_topic[topic.slug], docs) if by_topic[topic.slug] else _by_facets(topic, named)
            for topic in topics
        ),
        papers=len(known),
        by_title=len(known) if titles_only else sum(doc is None for doc in known.values()),
        strangers=sum(label.topic not in slugs for label in labels),
    )


def _by_labels(topic: Topic, labels: Sequence[Label], docs: Mapping[str, Document]) -> Measured:
    query = parse(topic.query)
    matched = {label: query.matches(docs[label.title]) for label in labels}
    tuning = [label for label in labels if not label.kept]
    return Measured(
        topic=topic,
        by="labels",
        tuning=_count((label.relevant, matched[label]) for label in tuning),
        kept=_count((label.relevant, matched[label]) for label in labels if label.kept),
        wrong=tuple(label.title for label in tuning if matched[label] and not label.relevant),
        missed=tuple(label.title for label in tuning if label.relevant and not matched[label]),
    )


def _by_facets(topic: Topic, named: Mapping[str, Sequence[_Named]]) -> Measured:
    query = parse(topic.query)
    belongs = {"categories": _is_in(topic.categories), "keywords": _is_about(topic.keywords)}
    for by, papers in named.items():
        relevant = [belongs[by](shown) for shown, _ in papers] if getattr(topic, by) else []
        if sum(relevant) >= FEWEST_RELEVANT:
            found = (query.matches(hidden) for _, hidden in papers)
            return Measured(topic=topic, by=by, tuning=_count(zip(relevant, found, strict=True)))
    return Measured(topic=topic)


def _named(documents: Sequence[Document]) -> dict[str, list[_Named]]:
    """By field: the papers of which a source says it, each beside itself without that field.

    A topic that asks for cat:cs.DB is so judged by its words alone.
    """
    return {
        "categories": [(doc, replace(doc, categories=())) for doc in documents if doc.categories],
        "keywords": [(Document(keywords=doc.keywords), replace(doc, keywords=())) for doc in documents if doc.keywords],
    }


def _is_in(codes: Iterable[str]) -> Callable[[Document], bool]:
    wanted = [Category(code) for code in codes]
    return lambda doc: any(category.holds(doc) for category in wanted)


def _is_about(phrases: Iterable[str]) -> Callable[[Document], bool]:
    wanted = [parse(f'"{phrase}"') for phrase in phrases]
    return lambda doc: any(phrase.matches(doc) for phrase in wanted)


def _count(pairs: Iterable[tuple[bool, bool]]) -> Counts:
    seen = list(pairs)
    return Counts(*(seen.count(kind) for kind in ((True, True), (False, True), (True, False), (False, False))))


def _counts(part: Counts) -> dict[str, Any]:
    numbers = {"found": part.found, "wrong": part.wrong, "missed": part.missed, "rest": part.rest}
    return {**numbers, "precision": part.precision, "recall": part.recall}
