"""Papers -> Issue, Candidates: gather while open, freeze at the close, finish when every copy is settled.

gather and close take the open issue's row lock (PostgreSQL) or the write transaction (SQLite), so two processes
at once leave the same rows as one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, F, Max, OuterRef, Q

from newsletter.matching import Document, trend
from newsletter.models import (
    AgainReason,
    Candidate,
    CandidateKind,
    Delivery,
    Issue,
    IssueState,
    Kind,
    Paper,
    Sighting,
    Source,
)
from newsletter.models.ledger import OPEN_STATES

NEW_DAYS = 14
AGAIN_DAYS = 30


@dataclass(frozen=True, slots=True)
class GatherReport:
    """What one gathering did to the open issue, in rows."""

    issue: int
    new: int
    again: int
    updated: int


def local_date(now: datetime) -> date:
    """The installation's day (zone of ISSUE_CUTOFF) at that instant."""
    return now.astimezone(settings.ISSUE_ZONE).date()


def last_cutoff(now: datetime) -> datetime:
    """The newest cut-off at or before now."""
    local = now.astimezone(settings.ISSUE_ZONE)
    cutoff = datetime.combine(local.date(), settings.ISSUE_CUTOFF, settings.ISSUE_ZONE)
    if cutoff > local:
        cutoff = datetime.combine(local.date() - timedelta(days=1), settings.ISSUE_CUTOFF, settings.ISSUE_ZONE)
    return cutoff.astimezone(now.tzinfo)


def next_cutoff(now: datetime) -> datetime:
    """The first cut-off after now: when the open issue closes."""
    day = last_cutoff(now).astimezone(settings.ISSUE_ZONE).date() + timedelta(days=1)
    return datetime.combine(day, settings.ISSUE_CUTOFF, settings.ISSUE_ZONE).astimezone(now.tzinfo)


def open_issue(*, now: datetime) -> Issue:
    """The issue that gathers; made when there is none. At most one, by constraint."""
    issue = Issue.objects.filter(state=IssueState.OPEN).first()
    return issue or _open_next(now)


def gather(*, now: datetime) -> GatherReport:
    """Offer committed papers to the open issue and refresh its signals.

    NEW: every paper without a candidate, not merged, not withdrawn, listed at most 14 days ago. AGAIN(LISTED): a
    paper of the last 30 days that a trending source lists for the first time. Safe to repeat: unique (issue, paper),
    unique (paper) where NEW.
    """
    with transaction.atomic():
        issue = _locked_open(now)
        return _gather(issue, now)


def close(*, now: datetime) -> Issue:
    """Gather a last time, freeze the signals, open the next issue: one transaction. The closed issue."""
    with transaction.atomic():
        issue = _locked_open(now)
        _gather(issue, now)
        issue.state = IssueState.CLOSED
        issue.closed_at = now
        issue.closed_on = local_date(now)
        issue.save(update_fields=["state", "closed_at", "closed_on"])
        _open_next(now)
    finish(now=now)
    return issue


def close_due(*, now: datetime) -> Issue | None:
    """Close when a cut-off has passed since the open issue was opened; after a gap of days, once."""
    return close(now=now) if open_issue(now=now).opened_at < last_cutoff(now) else None


def archive(day: date, *, now: datetime) -> Issue:
    """The ARCHIVED issue of a back-filled day, number -YYYYMMDD, with the papers listed on it. It mails nobody.

    Papers first read at `now` become NEW here, so that no open issue offers them; papers offered before are shown as
    AGAIN, unless hidden. Call it in the transaction that stored them. Safe to repeat: rows are added, and signals are as of now.
    """
    with transaction.atomic():
        issue, _ = Issue.objects.get_or_create(
            number=-int(f"{day:%Y%m%d}"),
            defaults={"state": IssueState.ARCHIVED, "opened_at": now, "closed_at": now, "closed_on": day},
        )
        listed = Paper.objects.filter(merged_into__isnull=True, withdrawn_at__isnull=True)
        known = set(Candidate.objects.filter(kind=CandidateKind.NEW).values_list("paper_id", flat=True))
        fresh = listed.filter(seen_at=now, listed_on=day).order_by("id").values_list("id", flat=True)
        rows = [Candidate(issue=issue, paper_id=pk) for pk in fresh if pk not in known]
        seen = listed.filter(sightings__listed_on=day, candidates__isnull=False)
        shown = seen.exclude(candidates__hidden_at__isnull=False).exclude(candidates__issue=issue)
        for pk in shown.order_by("id").values_list("id", flat=True).distinct():
            rows.append(Candidate(issue=issue, paper_id=pk, kind=CandidateKind.AGAIN, reasons=[AgainReason.LISTED]))
        Candidate.objects.bulk_create(rows, ignore_conflicts=True)
        _refresh(issue, day)
    return issue


def finish(*, now: datetime) -> list[int]:
    """Set done_at where a newer issue has closed, no copy is open and the sums hold. The numbers set."""
    newest = Issue.objects.filter(state=IssueState.CLOSED).aggregate(newest=Max("number"))["newest"]
    waiting = Issue.objects.filter(state=IssueState.CLOSED, done_at__isnull=True, number__lt=newest or 0)
    done = []
    for issue in waiting.order_by("number"):
        copies = Delivery.objects.filter(kind=Kind.DIGEST, upto=issue.number)
        counts = copies.aggregate(all=Count("id"), open=Count("id", filter=Q(state__in=OPEN_STATES)))
        if not counts["open"] and counts["all"] == issue.prepared:
            Issue.objects.filter(pk=issue.pk, done_at__isnull=True).update(done_at=now)
            done.append(issue.number)
    return done


def document(candidate: Candidate, paper: Paper, *, on: date) -> Document:
    """The paper as the candidate's signals show it: what queries and scores read. Pure over loaded rows."""
    return _document(
        (paper.title, candidate.summary_edit or paper.summary, paper.abstract),
        (tuple(paper.authors), tuple(paper.organizations), tuple(paper.categories), tuple(paper.keywords)),
        (candidate.has_code, bool(paper.project_url)),
        (candidate.upvotes, candidate.stars, max((on - paper.listed_on).days, 0), candidate.trend),
    )


@lru_cache(maxsize=10_000)
def _document(
    texts: tuple[str, str, str],
    lists: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]],
    flags: tuple[bool, bool],
    signals: tuple[int | None, int | None, int, float],
) -> Document:
    """Equal content gives the same object, whose words are cut once a process."""
    return Document(
        title=texts[0],
        summary=texts[1],
        abstract=texts[2],
        authors=lists[0],
        organizations=lists[1],
        categories=lists[2],
        keywords=lists[3],
        sources=(),
        has_code=flags[0],
        has_project=flags[1],
        upvotes=signals[0],
        stars=signals[1],
        age_days=signals[2],
        trend=signals[3],
    )


def _locked_open(now: datetime) -> Issue:
    open_issue(now=now)
    return Issue.objects.select_for_update().get(state=IssueState.OPEN)


def _open_next(now: datetime) -> Issue:
    newest = Issue.objects.filter(number__gt=0).aggregate(newest=Max("number"))["newest"] or 0
    return Issue.objects.create(number=newest + 1, state=IssueState.OPEN, opened_at=now)


def _gather(issue: Issue, now: datetime) -> GatherReport:
    today = local_date(now)
    new = _offer_new(issue, today)
    again = _offer_listed(issue, today)
    updated = _refresh(issue, today)
    return GatherReport(issue=issue.number, new=new, again=again, updated=updated)


def _offer_new(issue: Issue, today: date) -> int:
    known = Candidate.objects.filter(paper=OuterRef("pk"))
    papers = Paper.objects.filter(
        ~Exists(known), merged_into__isnull=True, withdrawn_at__isnull=True, listed_on__gte=today - timedelta(days=NEW_DAYS)
    )
    rows = [Candidate(issue=issue, paper_id=pk) for pk in papers.order_by("id").values_list("id", flat=True)]
    Candidate.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _offer_listed(issue: Issue, today: date) -> int:
    """AGAIN(LISTED): no candidate of the paper has yet been listed by a trending source, and now one does."""
    listed = Sighting.objects.filter(source__is_trending=True, paper__listed_on__gte=today - timedelta(days=AGAIN_DAYS))
    papers = set(listed.values_list("paper_id", flat=True))
    rows = Candidate.objects.filter(paper_id__in=papers, paper__merged_into__isnull=True, paper__withdrawn_at__isnull=True)
    newest: dict[int, Candidate] = {}
    known: set[int] = set()
    for row in rows.order_by("id"):
        newest[row.paper_id] = row
        if row.listed_trending or row.issue_id == issue.pk:
            known.add(row.paper_id)
    again = [
        Candidate(issue=issue, paper_id=pk, kind=CandidateKind.AGAIN, reasons=[AgainReason.LISTED])
        for pk, row in newest.items()
        if pk not in known and row.hidden_at is None
    ]
    Candidate.objects.bulk_create(again, ignore_conflicts=True)
    return len(again)


def _refresh(issue: Issue, today: date) -> int:
    """Live signals of the open issue's candidates: the newest on Paper, sources counted from sightings."""
    rows = list(Candidate.objects.filter(issue=issue).select_related("paper__merged_into"))
    papers = {row.pk: row.paper.survivor() for row in rows}  # a merged paper's candidate shows the other's signals
    seen = _sources_of({paper.pk for paper in papers.values()})
    trending = set(Source.objects.filter(is_trending=True).values_list("id", flat=True))
    changed = [row for row in rows if _update(row, papers[row.pk], seen.get(papers[row.pk].pk, set()), trending, today)]
    fields = ["upvotes", "comments", "stars", "sources", "listed_trending", "has_code", "trend"]
    Candidate.objects.bulk_update(changed, fields, batch_size=500)
    return len(changed)


def _sources_of(papers: Iterable[int]) -> dict[int, set[int]]:
    seen: dict[int, set[int]] = {}
    pairs = (
        Sighting.objects.filter(paper_id__in=papers)
        .exclude(source__kind="github")
        .values_list("paper_id", "source_id")
        .distinct()
    )
    for paper, source in pairs:
        seen.setdefault(paper, set()).add(source)
    return seen


def _update(row: Candidate, paper: Paper, sources: set[int], trending: set[int], today: date) -> bool:
    signals = trend.trend(
        upvotes=paper.upvotes,
        comments=paper.comments,
        stars=paper.stars,
        sources=max(len(sources), 1),
        age_days=max((today - paper.listed_on).days, 0),
    )
    values = {
        "upvotes": paper.upvotes,
        "comments": paper.comments,
        "stars": paper.stars,
        "sources": max(len(sources), 1),
        "listed_trending": bool(sources & trending),
        "has_code": paper.has_code,
        "trend": round(signals.total, 6),
    }
    changed = any(getattr(row, name) != value for name, value in values.items())
    for name, value in values.items():
        setattr(row, name, value)
    return changed


def count_prepared(upto: int, copies: int) -> None:
    """Book copies on their issue, in the planning transaction (invariant 6)."""
    Issue.objects.filter(number=upto).update(prepared=F("prepared") + copies)
