"""What a window of issues offers: loaded once, matched once per interest, shared by all readers of the window."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache

from django.db.models import QuerySet

from newsletter import issues
from newsletter.editions import twins
from newsletter.editions.choose import Hit, Offer
from newsletter.matching import Document, score
from newsletter.matching.query import Query, parse
from newsletter.models import (
    Alias,
    Candidate,
    CandidateKind,
    Interest,
    Issue,
    IssueState,
    Paper,
    PinScope,
)

LOOK_BACK = timedelta(days=7)
MARK_DAYS = 14  # a window begins so far back at most
DEFAULT_QUERY = issues.DEFAULT_QUERY


NEVER = 2**62  # later than any issue


@dataclass(frozen=True, slots=True)
class Entry:
    """One paper as one candidate shows it.

    number: that candidate's issue; until: the issue of the paper's next candidate, or NEVER. new: the issue in which the
    paper is new to everybody, or 0. pinned: the newest issue that pins it, or 0, with the scope of that pin. elder: the
    document and number are an earlier candidate's, all else the newest's: the paper matches if any visible one matches.
    """

    candidate: Candidate
    paper: Paper
    document: Document
    number: int
    until: int = NEVER
    new: int = 0
    pinned: int = 0
    scope: str = PinScope.NONE.value
    elder: bool = False

    def said(self) -> str:
        """What a muted word is looked for in."""
        row = self.candidate.paper
        return " ".join([row.title, row.abstract, *row.authors]).casefold()

    def again(self, reason: str) -> str:
        return again(self.candidate, reason)


@dataclass(slots=True)
class Window:
    """Papers by id, and each interest's hits, computed at the first question."""

    entries: dict[int, Entry]
    hits: dict[int, dict[int, Hit]] = field(default_factory=dict)

    def matches(self, interest: Interest) -> dict[int, Hit]:
        """Paper id -> Hit for one interest over the whole window."""
        if interest.pk not in self.hits:
            query = query_of(interest.query)
            name = called(interest)
            found = {paper: _hit(entry.document, query, name) for paper, entry in self.entries.items()}
            self.hits[interest.pk] = {
                paper: Hit(hit.relevance, self.entries[paper].again(hit.reason))
                for paper, hit in found.items()
                if hit is not None
            }
        return self.hits[interest.pk]

    def offers(self, interests: Iterable[Interest]) -> list[Offer]:
        """What these interests are offered, in the order of the papers' ids."""
        hits: dict[int, dict[int, Hit]] = {}
        for interest in interests:
            for paper, hit in self.matches(interest).items():
                hits.setdefault(paper, {})[interest.pk] = hit
        for paper, entry in self.entries.items():
            if entry.scope == PinScope.EVERYONE:
                hits.setdefault(paper, {})
        papers = sorted(hits)
        alike = twins.by_place([twins.vocabularies(self.entries[paper].document) for paper in papers])
        return [
            self._offer(paper, hits[paper], frozenset(papers[place] for place in places))
            for paper, places in zip(papers, alike, strict=True)
        ]

    def _offer(self, paper: int, hits: dict[int, Hit], alike: frozenset[int]) -> Offer:
        entry = self.entries[paper]
        row, pinned = entry.candidate, entry.scope != PinScope.NONE
        return Offer(candidate=row.pk, paper=paper, trend=row.trend, hits=hits, pinned=pinned, twins=alike)


def again(candidate: Candidate, reason: str) -> str:
    """The reason, with why the paper comes again where it does."""
    return f"{candidate.why} · {reason}" if candidate.why else reason


def called(interest: Interest) -> str:
    """What a reason calls it: the topic's name, else the query itself, nothing for the default."""
    return interest.name or (interest.query if interest.query != DEFAULT_QUERY else "")


@lru_cache(maxsize=100_000)
def _hit(document: Document, query: Query, name: str) -> Hit | None:
    """Pure, so remembered: the same closed issues are asked the same questions all day long."""
    match = score.score(document, query)
    return Hit(match.relevance, score.reason(match, name)) if match is not None else None


@lru_cache(maxsize=20_000)
def query_of(text: str) -> Query:
    """A stored canonical query, parsed once a process."""
    return parse(text)


def newest_sendable() -> int:
    """`upto`: the newest closed issue with no held one at or before it; 0 when there is none."""
    closed = Issue.objects.filter(state=IssueState.CLOSED)
    held = closed.filter(held_at__isnull=False).order_by("number").values_list("number", flat=True).first()
    if held is not None:
        closed = closed.filter(number__lt=held)
    return closed.order_by("-number").values_list("number", flat=True).first() or 0


def newest(*, after: int, upto: int) -> list[Entry]:
    """The papers of the closed issues in (after, upto], each as its newest visible candidate shows it, then the elders.

    A later start of the window leaves out the entries up to it and changes no other: readers of all windows share them.
    """
    rows = _sorted(_visible().filter(issue__number__gt=after, issue__number__lte=upto))
    entries = _entries(rows, _decided({row.paper_id for row in rows}))
    return [*entries.values(), *_elders(rows, entries)]


def _elders(rows: Iterable[Candidate], entries: Mapping[int, Entry]) -> Iterator[Entry]:
    """Of papers with candidates in several issues, the earlier ones."""
    for row in rows:
        entry = entries.get(row.paper.survivor().pk)
        if entry is not None and row.issue.number < entry.number:
            document, number = _document(row, entry.paper), row.issue.number
            yield replace(entry, document=document, number=number, new=number, scope=PinScope.NONE.value, elder=True)


def of_issue(issue: Issue) -> Window:
    """One issue's visible candidates, open or not: what the desk and the sign-up preview look at."""
    rows = list(Candidate.objects.filter(issue=issue, hidden_at__isnull=True).select_related("paper", "issue"))
    return Window(_entries(rows, _decided({row.paper_id for row in rows})))


def past(*, upto: int, now: datetime) -> list[Entry]:
    """Each visible candidate of the closed issues of the last seven days up to `upto`: catch-up and best of the week.

    A reader of the issues up to n is shown the entries with number <= n < until.
    """
    found: list[Entry] = []
    last: dict[int, int] = {}
    for row in _sorted(_visible().filter(issue__number__lte=upto, issue__closed_at__gte=now - LOOK_BACK)):
        paper = row.paper.survivor()
        if paper.withdrawn_at is not None:
            continue
        if paper.pk in last:
            found[last[paper.pk]] = replace(found[last[paper.pk]], until=row.issue.number)
        last[paper.pk] = len(found)
        found.append(Entry(row, paper, _document(row, paper), row.issue.number))
    return found


def _visible() -> QuerySet[Candidate]:
    return Candidate.objects.filter(
        issue__state=IssueState.CLOSED, hidden_at__isnull=True, paper__withdrawn_at__isnull=True
    ).select_related("paper", "issue", "paper__merged_into")


def _sorted(rows: Iterable[Candidate]) -> list[Candidate]:
    return sorted(rows, key=lambda row: (row.issue.number, row.pk))


def _entries(rows: Iterable[Candidate], decided: Collection[int]) -> dict[int, Entry]:
    """Rows in the order of their issues: the newest visible candidate of a paper gives signals and summary.

    decided: papers of which a curator or a merge decided. A merged paper's are read as AGAIN of the survivor: no paper
    that was ever part of a merge or split is new to everybody, since readers may have had it under another row.
    """
    entries: dict[int, Entry] = {}
    for row in rows:
        paper, number = row.paper.survivor(), row.issue.number
        if paper.withdrawn_at is not None:
            continue
        known = entries.get(paper.pk)
        new, pinned, scope = (known.new, known.pinned, known.scope) if known else (0, 0, PinScope.NONE.value)
        if row.kind == CandidateKind.NEW and row.paper_id == paper.pk and paper.pk not in decided:
            new = number
        if row.pin != PinScope.NONE:
            pinned, scope = number, row.pin
        entries[paper.pk] = Entry(row, paper, _document(row, paper), number, new=new, pinned=pinned, scope=scope)
    return entries


def _document(row: Candidate, paper: Paper) -> Document:
    return issues.document(row, paper, on=row.issue.closed_on or paper.listed_on)


def _decided(papers: Collection[int]) -> set[int]:
    """Those of these papers that others were merged into, or that a curator merged or split (their aliases are locked)."""
    joined = Paper.objects.filter(merged_into_id__in=papers).values_list("merged_into_id", flat=True)
    locked = Alias.objects.filter(paper_id__in=papers, locked=True).values_list("paper_id", flat=True)
    return {pk for pk in [*joined, *locked] if pk is not None}
