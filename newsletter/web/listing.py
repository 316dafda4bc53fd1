"""Lists of papers as plain values: an issue's, a query's, a topic's. Constant queries, however many papers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Case, Exists, OuterRef, Q, QuerySet, Subquery, Value, When

from newsletter import editions, mail, search
from newsletter.models import Byline, BylineKind, Candidate, Interest, Issue, PinScope

WORDS_SHOWN = 45


@dataclass(frozen=True, slots=True)
class Story:
    """A card, the few words under its title, why it is here, and the day it appeared (None: not yet in a closed issue)."""

    card: mail.Card
    text: str
    reason: str = ""
    on: date | None = None


def story(card: mail.Card, reason: str = "", on: date | None = None) -> Story:
    return Story(card, mail.beginning(card.summary or card.abstract, WORDS_SHOWN), reason, on)


def visible(rows: QuerySet[Candidate]) -> QuerySet[Candidate]:
    """What readers may see: not hidden, not withdrawn, not joined to another paper."""
    return rows.filter(hidden_at__isnull=True, paper__withdrawn_at__isnull=True, paper__merged_into__isnull=True)


def of_issues(chosen: Iterable[Issue], *, start: int = 0, most: int) -> list[Story]:
    """The visible papers of these issues: pinned ones, then by trend."""
    pinned = Case(When(pin=PinScope.NONE, then=Value(1)), default=Value(0))
    rows = visible(Candidate.objects.filter(issue__in=list(chosen))).select_related("paper")
    page = rows.order_by(pinned, "-trend", "id")[start : start + most]
    return [story(editions.card(row.paper, row)) for row in page]


def of_span(issues_of: Q, *, start: int = 0, most: int) -> list[Story]:
    """The visible papers of these issues by trend, each once, under its first candidate among them. issues_of: of `issue__`."""
    rows = visible(Candidate.objects.filter(issues_of))
    earlier = Candidate.objects.filter(issues_of, paper=OuterRef("paper"), pk__lt=OuterRef("pk"), hidden_at__isnull=True)
    page = rows.filter(~Exists(earlier)).select_related("paper", "issue").order_by("-trend", "-id")[start : start + most]
    return [story(editions.card(row.paper, row), on=row.issue.closed_on) for row in page]


def of_name(kind: BylineKind, slug: str, *, start: int = 0, most: int) -> list[Story]:
    """The papers under that name, the newest first, each under its newest candidate; where that is hidden, so is the paper."""
    newest = Candidate.objects.filter(paper=OuterRef("paper")).order_by("-pk")
    rows = Byline.objects.filter(kind=kind, slug=slug, paper__withdrawn_at__isnull=True, paper__merged_into__isnull=True)
    shown = rows.annotate(candidate=Subquery(newest.values("pk")[:1]), hidden=Subquery(newest.values("hidden_at")[:1]))
    page = shown.filter(candidate__isnull=False, hidden__isnull=True).order_by("-listed_on", "-paper")[start : start + most]
    ids = list(page.values_list("candidate", flat=True))
    found = Candidate.objects.select_related("paper", "issue").in_bulk(ids)
    return [story(editions.card(found[pk].paper, found[pk]), on=found[pk].issue.closed_on) for pk in ids if pk in found]


def of_hit(hit: search.Hit) -> Story:
    """What the archive's search found."""
    row = hit.candidate
    return story(editions.card(row.paper, row), hit.reason, row.issue.closed_on)


@dataclass(frozen=True, slots=True)
class Topic:
    slug: str
    name: str
    line: str
    ticked: bool


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    chosen: int
    topics: tuple[Topic, ...]


def topic_rows() -> list[Interest]:
    """Every public topic, in the order of the page."""
    return list(Interest.objects.filter(slug__isnull=False).order_by("position", "id"))


def grouped(rows: Sequence[Interest], ticked: Iterable[str] = ()) -> list[Group]:
    wanted = set(ticked)
    groups: dict[str, list[Topic]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(Topic(row.slug or "", row.name, row.line, row.slug in wanted))
    return [Group(name, sum(topic.ticked for topic in found), tuple(found)) for name, found in groups.items()]
