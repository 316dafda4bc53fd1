"""Papers -> Issue, Candidates: gather while open, freeze at the close, finish when every copy is settled.

gather and close take the open issue's row lock (PostgreSQL) or the write transaction (SQLite), so two processes
at once leave the same rows as one.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from itertools import chain, islice

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef

from newsletter.issues import _again, _risen, _signals, sums
from newsletter.issues._again import AGAIN_DAYS, DEFAULT_QUERY
from newsletter.issues._signals import document, trend_of, values_of, weights_now
from newsletter.matching import trend
from newsletter.models import (
    AgainReason,
    Candidate,
    CandidateKind,
    Delivery,
    Issue,
    IssueState,
    Kind,
    Paper,
    TrendWeights,
)
from newsletter.models.ledger import OPEN_STATES

__all__ = [
    "AGAIN_DAYS",
    "DEFAULT_QUERY",
    "NEW_DAYS",
    "GatherReport",
    "archive",
    "close",
    "close_due",
    "count_prepared",
    "document",
    "finish",
    "gather",
    "last_cutoff",
    "local_date",
    "next_cutoff",
    "open_issue",
    "reweigh",
    "trend_of",
    "values_of",
    "weights_now",
]

logger = logging.getLogger(__name__)

NEW_DAYS = 14
_NAMED = 20  # breaches named in one look


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

    NEW: every paper without a candidate, not merged, not withdrawn, listed at most 14 days ago. AGAIN: what looks back
    of its own accord, as things stand now (`_again`). Safe to repeat: unique (issue, paper), unique (paper) where NEW.
    """
    with transaction.atomic():
        issue = _locked_open(now)
        return _gather(issue, now)


def reweigh(weights: trend.Weights, *, by: str, now: datetime) -> TrendWeights | None:
    """These weights from now on, for what is not closed; frozen trends stay. None when they hold already.

    The open issue is locked and refreshed in the same transaction, so that no gathering brings the old order back.
    """
    with transaction.atomic():
        issue = _locked_open(now)
        if weights_now()[1] == weights:
            return None
        row = TrendWeights.objects.create(**asdict(weights), since_at=now, by=by)
        _refresh(issue, local_date(now), now)
    return row


def close(*, now: datetime) -> Issue:
    """Gather a last time, freeze the signals, open the next issue: one transaction. The closed issue."""
    with transaction.atomic():
        issue = _locked_open(now)
        _gather(issue, now)
        _risen.rebase(now=now, today=local_date(now))
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
        _refresh(issue, day, datetime.combine(day + timedelta(days=1), time.min, settings.ISSUE_ZONE))
    return issue


def finish(*, now: datetime) -> list[int]:
    """Set done_at where a newer issue has closed, no copy is open and the sums hold. The numbers set.

    An issue whose sums do not hold is never done; the log names the rows (`issues.sums`), as `manage.py audit` does.
    """
    newest = Issue.objects.filter(state=IssueState.CLOSED).aggregate(newest=Max("number"))["newest"]
    waiting = Issue.objects.filter(state=IssueState.CLOSED, done_at__isnull=True, number__lt=newest or 0)
    still_open = Delivery.objects.filter(kind=Kind.DIGEST, upto=OuterRef("number"), state__in=OPEN_STATES)
    done = []
    for number in waiting.filter(~Exists(still_open)).order_by("number").values_list("number", flat=True):
        found = list(islice(chain(sums.breaches(number), sums.edition_breaches(number)), _NAMED))
        for breach in found:
            logger.error("issue %s is not done: %s %s", number, breach.row, breach.message)
        if not found:
            Issue.objects.filter(number=number, done_at__isnull=True).update(done_at=now)
            done.append(number)
    return done


def _locked_open(now: datetime) -> Issue:
    open_issue(now=now)
    return Issue.objects.select_for_update().get(state=IssueState.OPEN)


def _open_next(now: datetime) -> Issue:
    newest = Issue.objects.filter(number__gt=0).aggregate(newest=Max("number"))["newest"] or 0
    return Issue.objects.create(number=newest + 1, state=IssueState.OPEN, opened_at=now)


def _gather(issue: Issue, now: datetime) -> GatherReport:
    today = local_date(now)
    new = _offer_new(issue, today)
    again = _again.renew(issue, now=now, today=today)
    updated = _refresh(issue, today, now)
    return GatherReport(issue=issue.number, new=new, again=again, updated=updated)


def _offer_new(issue: Issue, today: date) -> int:
    known = Candidate.objects.filter(paper=OuterRef("pk"))
    papers = Paper.objects.filter(
        ~Exists(known), merged_into__isnull=True, withdrawn_at__isnull=True, listed_on__gte=today - timedelta(days=NEW_DAYS)
    )
    rows = [Candidate(issue=issue, paper_id=pk) for pk in papers.order_by("id").values_list("id", flat=True)]
    Candidate.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _refresh(issue: Issue, today: date, at: datetime) -> int:
    """Live signals of the issue's candidates, frozen once nothing refreshes them any more."""
    rows = list(Candidate.objects.filter(issue=issue).select_related("paper__merged_into"))
    changed = _signals.fill(rows, {row.paper_id: row.paper.survivor() for row in rows}, on=today, at=at)
    Candidate.objects.bulk_update(changed, [name.removesuffix("_id") for name in _signals.LIVE], batch_size=500)
    return len(changed)


def count_prepared(upto: int, copies: int) -> None:
    """Book copies on their issue, in the planning transaction (invariant 6)."""
    Issue.objects.filter(number=upto).update(prepared=F("prepared") + copies)
