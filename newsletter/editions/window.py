"""What a window of issues offers: loaded once, matched once per interest, shared by all readers of the window."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from django.db.models import QuerySet

from newsletter import issues
from newsletter.editions.choose import Hit, Offer
from newsletter.matching import Document, score
from newsletter.matching.query import Query, parse
from newsletter.models import (
    Alias,
    Candidate,
    CandidateKind,
    Delivery,
    Edition,
    Interest,
    Issue,
    IssueState,
    Kind,
    Paper,
    PinScope,
)
from newsletter.models.ledger import ACCEPTED_STATES

LOOK_BACK = timedelta(days=7)
DEFAULT_QUERY = "is:trending"  # what a reader who chose nothing gets


@dataclass(slots=True)
class Entry:
    """One paper of the window: its newest visible candidate, and whether it is new to everybody."""

    candidate: Candidate
    document: Document
    is_new: bool
    pin: str


@dataclass(slots=True)
class Window:
    """Papers by id, and each interest's hits, computed at the first question."""

    entries: dict[int, Entry]
    hits: dict[int, dict[int, Hit]] = field(default_factory=dict)

    def again(self) -> set[int]:
        """Papers that some readers may have had: only those are looked up in the ledger."""
        return {paper for paper, entry in self.entries.items() if not entry.is_new}

    def matches(self, interest: Interest) -> dict[int, Hit]:
        """Paper id -> Hit for one interest over the whole window."""
        if interest.pk not in self.hits:
            query = query_of(interest.query)
            name = interest.name or (query.words() if interest.query != DEFAULT_QUERY else "")
            found = {paper: _hit(entry.document, query, name) for paper, entry in self.entries.items()}
            self.hits[interest.pk] = {paper: hit for paper, hit in found.items() if hit is not None}
        return self.hits[interest.pk]

    def offers(self, interests: Iterable[Interest], *, without: Collection[int] = (), late: bool = False) -> list[Offer]:
        """What these interests are offered, less the papers already had, in the order of the papers' ids."""
        hits: dict[int, dict[int, Hit]] = {}
        for interest in interests:
            for paper, hit in self.matches(interest).items():
                hits.setdefault(paper, {})[interest.pk] = hit
        if not late:
            for paper in self.for_everyone():
                hits.setdefault(paper, {})
        return [self._offer(paper, hits[paper], late) for paper in sorted(hits) if paper not in without]

    def for_everyone(self) -> list[int]:
        """Papers pinned for all readers."""
        return [paper for paper, entry in self.entries.items() if entry.pin == PinScope.EVERYONE]

    def _offer(self, paper: int, hits: dict[int, Hit], late: bool) -> Offer:
        entry = self.entries[paper]
        pinned = entry.pin != PinScope.NONE and not late
        row = entry.candidate
        return Offer(candidate=row.pk, paper=paper, trend=row.trend, hits=hits, pinned=pinned, late=late)


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


def windows(afters: Collection[int], *, upto: int) -> dict[int, Window]:
    """For each `after`, the visible candidates of the closed issues in (after, upto]; the rows are read once."""
    rows = _sorted(_visible().filter(issue__number__gt=min(afters, default=upto), issue__number__lte=upto))
    decided = _decided({row.paper_id for row in rows})
    return {after: _window([row for row in rows if row.issue.number > after], decided) for after in afters}


def of_issue(issue: Issue) -> Window:
    """One issue's visible candidates, open or not: what the desk and the sign-up preview look at."""
    rows = list(Candidate.objects.filter(issue=issue, hidden_at__isnull=True).select_related("paper", "issue"))
    return _window(rows, _decided({row.paper_id for row in rows}))


def look_back(*, upto: int, now: datetime) -> Window:
    """Closed issues of the last seven days up to `upto`: for a new interest's catch-up and best of the week."""
    rows = _visible().filter(issue__number__lte=upto, issue__closed_at__gte=now - LOOK_BACK)
    return _window(_sorted(rows), None)


def had(subscribers: Collection[int], papers: Collection[int]) -> dict[int, set[int]]:
    """Which of these papers each reader's accepted copies hold, less what was hidden at the claim, merges followed.

    Only copies are read whose window could hold one: `upto` from the first issue that had the paper.
    """
    if not subscribers or not papers:
        return {}
    survivors = _survivors(papers)
    rows = Candidate.objects.filter(paper_id__in=survivors)
    first = rows.order_by("issue__number").filter(issue__number__gt=0).values_list("issue__number", flat=True).first()
    hidden = {pk: at for pk, at in rows.values_list("id", "hidden_at") if at is not None}
    copies = Delivery.objects.filter(
        subscriber_id__in=subscribers, kind=Kind.DIGEST, state__in=ACCEPTED_STATES, upto__gte=first or 0
    ).values_list("subscriber_id", "edition_id", "as_of")
    held = _held({edition for _, edition, _ in copies}, survivors)
    result: dict[int, set[int]] = {}
    for subscriber, edition, as_of in copies:
        for candidate, survivor in held.get(edition, ()):
            if candidate not in hidden or as_of is None or hidden[candidate] > as_of:
                result.setdefault(subscriber, set()).add(survivor)
    return result


def _held(editions: Collection[int | None], survivors: Mapping[int, int]) -> dict[int, list[tuple[int, int]]]:
    """Edition id -> [(candidate, surviving paper)] for the papers asked about; each edition is decoded once."""
    result = {}
    for pk, picks in Edition.objects.filter(id__in=[pk for pk in editions if pk]).values_list("id", "picks"):
        found = [(pick[0], survivors[pick[1]]) for pick in picks if pick[1] in survivors]
        if found:
            result[pk] = found
    return result


def _survivors(papers: Collection[int]) -> dict[int, int]:
    """Paper id -> the paper it lives on in, for these papers and all that were merged into them."""
    result = {paper: paper for paper in papers}
    layer = set(papers)
    while layer:
        merged = dict(Paper.objects.filter(merged_into_id__in=layer).values_list("id", "merged_into_id"))
        layer = set(merged) - set(result)
        result.update({child: result[parent] for child, parent in merged.items()})
    return result


def _visible() -> QuerySet[Candidate]:
    return Candidate.objects.filter(
        issue__state=IssueState.CLOSED, hidden_at__isnull=True, paper__withdrawn_at__isnull=True
    ).select_related("paper", "issue", "paper__merged_into")


def _sorted(rows: Iterable[Candidate]) -> list[Candidate]:
    return sorted(rows, key=lambda row: (row.issue.number, row.pk))


def _window(rows: Iterable[Candidate], decided: Collection[int] | None) -> Window:
    """Rows in the order of their issues: the newest visible candidate of a paper gives signals and summary.

    decided: papers of which a curator or a merge decided; None: nothing here is new to anybody (a look-back).

    A merged paper's are read as AGAIN of the survivor. No paper that was ever part of a merge or split is new to
    everybody: readers may have had it under another row.
    """
    entries: dict[int, Entry] = {}
    for row in rows:
        paper = row.paper.survivor()
        new = row.kind == CandidateKind.NEW and row.paper_id == paper.pk and decided is not None and paper.pk not in decided
        if paper.withdrawn_at is not None:
            continue
        on = row.issue.closed_on or paper.listed_on
        known = entries.get(paper.pk)
        entries[paper.pk] = Entry(
            candidate=row,
            document=issues.document(row, paper, on=on),
            is_new=new or (known is not None and known.is_new),
            pin=row.pin if row.pin != PinScope.NONE or known is None else known.pin,
        )
    return Window(entries)


def _decided(papers: Collection[int]) -> set[int]:
    """Those of these papers that others were merged into, or that a curator merged or split (their aliases are locked)."""
    joined = Paper.objects.filter(merged_into_id__in=papers).values_list("merged_into_id", flat=True)
    locked = Alias.objects.filter(paper_id__in=papers, locked=True).values_list("paper_id", flat=True)
    return {pk for pk in [*joined, *locked] if pk is not None}
