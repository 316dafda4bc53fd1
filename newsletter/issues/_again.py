"""What looks back of its own accord: AGAIN rows of the open issue, renewed at each gathering.

LISTED, RISEN and TRUE stand for how things are now; a row without a reason left goes, so that the close freezes only what
holds. PINNED, RESTORED and SPLIT are a curator's and stay, and so does a row that a curator hid or edited.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from newsletter.issues import _risen, _signals
from newsletter.issues._truths import DEFAULT_QUERY, Truths
from newsletter.models import AgainReason, Candidate, CandidateKind, Issue, IssueState, Paper, PinScope, Sighting, Source

__all__ = ["AGAIN_DAYS", "DEFAULT_QUERY", "renew"]

AGAIN_DAYS = 30
_READING = timedelta(days=2)  # no reading of a source takes longer from its clock to its commit
_LOOK_BACKS = (AgainReason.RISEN, AgainReason.LISTED, AgainReason.TRUE)
_WORDS = {
    AgainReason.PINNED: "picked by the editors",
    AgainReason.RESTORED: "held back at first, restored by the editors",
    AgainReason.SPLIT: "taken for another paper at first",
}
_LOUDEST = (*_WORDS, *_LOOK_BACKS)


@dataclass(frozen=True, slots=True)
class _Past:
    """A paper, its rows in other issues (oldest first, at least one), and a row with its signals of this moment."""

    paper: Paper
    rows: list[Candidate]
    live: Candidate


def renew(issue: Issue, *, now: datetime, today: date) -> int:
    """Make, change and delete AGAIN rows so that their reasons hold now. How many were made."""
    rows = {row.paper_id: row for row in Candidate.objects.filter(issue=issue, kind=CandidateKind.AGAIN)}
    rises = _risen.rises(now=now)
    asked = _changed(today) | _newly_shown(today) | _newly_listed(today) | set(rises) | set(rows)
    pasts = _pasts(asked, rows, issue, now, today)
    found = _reasons(pasts, _risen.break_outs(rises, pasts, issue), today)
    made = [_with(past.live, found[pk]) for pk, past in pasts.items() if pk not in rows and found[pk]]
    Candidate.objects.bulk_create(made, ignore_conflicts=True)
    changed, gone = [], []
    for pk, row in rows.items():
        before = (row.reasons, row.why)
        _with(row, found.get(pk, {}))
        if not row.reasons:
            gone.append(row.pk)
        elif before != (row.reasons, row.why):
            changed.append(row)
    Candidate.objects.bulk_update(changed, ["reasons", "why"], batch_size=500)
    Candidate.objects.filter(pk__in=gone).delete()
    return len(made)


def _with(row: Candidate, found: Mapping[AgainReason, str]) -> Candidate:
    """The row with the curator's reasons it has and these, and the words of the first on its card."""
    kept = [reason for reason in row.reasons if reason in _WORDS]
    reasons = kept + [reason for reason in _LOOK_BACKS if reason in found]
    if not reasons and row.pin != PinScope.NONE:
        reasons = [AgainReason.PINNED]
    if not reasons and (row.hidden_at is not None or row.summary_edit):
        return row
    first = next((reason for reason in _LOUDEST if reason in reasons), None)
    row.reasons = [str(reason) for reason in reasons]
    row.why = "" if first is None else found.get(first) or _WORDS[first]
    return row


# Which papers to ask about: few, found by SQL among those of 30 days.


def _recent(today: date) -> Q:
    return Q(paper__listed_on__gte=today - timedelta(days=AGAIN_DAYS))


def _past_rows() -> QuerySet[Candidate]:
    return Candidate.objects.exclude(issue__state=IssueState.OPEN)


def _changed(today: date) -> set[int]:
    """Papers whose votes, stars or code are not those of every row they have."""
    rows = _past_rows().filter(_recent(today))
    differs = Q(has_project=False) & ~Q(paper__project_url="") | Q(has_project=True, paper__project_url="")
    differs |= ~Q(has_code=F("paper__has_code"))
    for name in ("upvotes", "comments", "stars"):
        rows = rows.alias(**{f"{name}_then": Coalesce(name, -1), f"{name}_now": Coalesce(f"paper__{name}", -1)})
        differs |= ~Q(**{f"{name}_then": F(f"{name}_now")})
    return set(rows.filter(differs).values_list("paper_id", flat=True))


def _newly_shown(today: date) -> set[int]:
    """Papers that a source has shown about the last close or since, which their newest row does not know of."""
    closed = Issue.objects.filter(state=IssueState.CLOSED).order_by("-number").values_list("closed_at", flat=True).first()
    if closed is None:
        return set()
    pairs = Sighting.objects.filter(_recent(today), seen_at__gte=closed - _READING).exclude(source__kind="github")
    shown: dict[int, set[str]] = {}
    for paper, slug in pairs.values_list("paper_id", "source__slug"):
        shown.setdefault(paper, set()).add(slug)
    newest = dict(_past_rows().filter(paper__in=shown).order_by("id").values_list("paper_id", "listed_by"))
    return {paper for paper, known in newest.items() if not shown[paper] <= set(known)}


def _newly_listed(today: date) -> set[int]:
    """Papers that a trending source lists and that no row in another issue knows as listed."""
    listed = Sighting.objects.filter(_recent(today), source__is_trending=True)
    known = _past_rows().filter(paper=OuterRef("paper_id"), listed_trending=True)
    return set(listed.filter(~Exists(known)).values_list("paper_id", flat=True))


def _pasts(asked: Collection[int], rows: Mapping[int, Candidate], issue: Issue, now: datetime, today: date) -> dict[int, _Past]:
    """Those that may come again: alive, within 30 days, offered before, the last row visible, not NEW in this issue.

    A day back-filled after a paper came again knows the same signals: it takes the row in the open issue no reason away.
    """
    past: dict[int, list[Candidate]] = {}
    known = Candidate.objects.filter(_recent(today), paper__in=asked, paper__merged_into=None, paper__withdrawn_at=None)
    new = set(known.filter(issue=issue, kind=CandidateKind.NEW).values_list("paper_id", flat=True))
    for row in known.exclude(issue=issue).select_related("issue", "paper").order_by("id"):
        if row.issue.state != IssueState.ARCHIVED or row.paper_id not in rows or row.pk < rows[row.paper_id].pk:
            past.setdefault(row.paper_id, []).append(row)
    past = {pk: found for pk, found in past.items() if pk not in new and found[-1].hidden_at is None}
    papers = {pk: found[-1].paper for pk, found in past.items()}
    live = [
        Candidate(issue=issue, paper=paper, kind=CandidateKind.AGAIN, summary_edit=rows[pk].summary_edit if pk in rows else "")
        for pk, paper in papers.items()
    ]
    _signals.fill(live, papers, on=today, at=now)
    return {row.paper_id: _Past(row.paper, past[row.paper_id], row) for row in live}


# Why they come again.


def _reasons(pasts: Mapping[int, _Past], risen: Mapping[int, str], today: date) -> dict[int, dict[AgainReason, str]]:
    """By paper: reason -> what is said on the card."""
    trending = set(Source.objects.filter(is_trending=True).values_list("name", flat=True))
    truths = Truths.of_active_readers() if pasts else Truths([])
    found: dict[int, dict[AgainReason, str]] = {pk: {} for pk in pasts}
    for pk, past in pasts.items():
        if pk in risen:
            found[pk][AgainReason.RISEN] = risen[pk]
        if past.live.listed_trending and not any(row.listed_trending for row in past.rows):
            found[pk][AgainReason.LISTED] = f"now on {_place(past, trending)}"
        if true := truths.come_true(past.rows[-1], past.live, past.paper, today=today):
            found[pk][AgainReason.TRUE] = true
    return found


def _place(past: _Past, trending: Collection[str]) -> str:
    """The trending source that is new to the paper; any, where one became trending that had listed it before."""
    names = [str(name) for name in past.live.listed_by if name in trending]
    return next((name for name in names if name not in past.rows[-1].listed_by), names[0])
