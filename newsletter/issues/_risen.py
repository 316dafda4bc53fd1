"""Break-outs: a paper whose votes multiply within a day. Published in `docs/trending.md`, section Break-outs.

Counts of one source are compared with what the same source said when the day began, so that neither weights nor decay
nor a second source can make one. The beginning of a day is a set of Baseline rows, taken at a close.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import log2

from django.db.models import F, Q, QuerySet

from newsletter.models import AgainReason, Baseline, Candidate, Issue, IssueState, Outcome, Sighting, Source

PLACES = 5  # break-outs a day
DOUBLINGS = 2.0
LEAST_VOTES = 30
FIRST_AFTER = timedelta(hours=24)  # a rise on the first day is no news: listed papers get many of their votes then
LAST_DAYS = 14
SHORTEST_DAY = timedelta(hours=20)  # a close sooner after the last baseline, by hand, begins no new day
LONGEST_DAY = timedelta(hours=36)
READ_WITHIN = timedelta(hours=12)
_WELL = (Outcome.FRESH, Outcome.QUIET, Outcome.LATE)
_POINTS = ("hackernews",)


@dataclass(frozen=True, slots=True)
class Count:
    """The most votes that a source ever said of a paper, and when and on which day's list it was last told.

    The most, not the last: a source that says 140, 3, 140 has made no break-out.
    """

    upvotes: int
    listed_on: date
    seen_at: datetime


@dataclass(frozen=True, slots=True)
class Rise:
    """From `before` to `after` votes within a day; points: those of Hacker News."""

    before: int
    after: int
    points: bool = False

    def doublings(self) -> float:
        return log2((1 + self.after) / (1 + self.before))

    def words(self) -> str:
        return f"rose from {self.before} to {self.after} {'points on Hacker News' if self.points else 'votes'} in a day"


def rises(*, now: datetime) -> dict[int, Rise]:
    """By paper, its steepest since the day began; of papers first read 24 hours before it, nothing merged since."""
    began = Baseline.objects.filter(taken_at__gte=now - LONGEST_DAY, paper__seen_at__lte=F("taken_at") - FIRST_AFTER)
    began = began.exclude(paper__merged_into__isnull=False)
    baselines = {(row.paper_id, row.source_id): row for row in began.select_related("source")}
    papers = {paper for paper, _ in baselines}
    since = min((row.taken_at for row in baselines.values()), default=now)
    joined = Q(paper__merged_from__merged_at__gte=since)
    fresh = Sighting.objects.filter(paper__in=papers, seen_at__gte=since - READ_WITHIN).exclude(joined)
    found: dict[int, Rise] = {}
    for (paper, source), at in _counts(fresh).items():
        before = baselines.get((paper, source))
        if before is None or not _goes_on(before, at):
            continue
        rise = Rise(before.upvotes, at.upvotes, before.source.kind in _POINTS)
        steepest = found[paper].doublings() if paper in found else DOUBLINGS
        if rise.after >= LEAST_VOTES and rise.doublings() >= steepest:
            found[paper] = rise
    return found


def break_outs(rises: Mapping[int, Rise], papers: Iterable[int], issue: Issue) -> dict[int, str]:
    """Of these papers, those that come as RISEN in this open issue: what is said on the card, the steepest first."""
    wanted = set(papers) & set(rises)
    ranked = sorted(wanted - _risen_before(wanted, issue), key=lambda pk: (-rises[pk].doublings(), -rises[pk].after, pk))
    return {pk: rises[pk].words() for pk in ranked[: _places()]} if ranked else {}


def rebase(*, now: datetime, today: date) -> None:
    """Begin a new day, unless one began less than 20 hours ago: what each source that is read well says of each paper.

    A source that failed last time, or was not read for 12 hours, gets no baseline: nothing breaks out by its count until
    the next one. Safe to repeat.
    """
    if Baseline.objects.filter(taken_at__gt=now - SHORTEST_DAY).exists():
        return
    well = Source.objects.filter(outcome__in=_WELL, checked_at__gte=now - READ_WITHIN, is_sample=False)
    counts = _counts(Sighting.objects.filter(source__in=well, paper__listed_on__gte=today - timedelta(days=LAST_DAYS)))
    Baseline.objects.all().delete()
    rows = [
        Baseline(paper_id=paper, source_id=source, taken_at=now, upvotes=at.upvotes, listed_on=at.listed_on, seen_at=at.seen_at)
        for (paper, source), at in counts.items()
    ]
    Baseline.objects.bulk_create(rows)


def _goes_on(before: Baseline, at: Count) -> bool:
    """The same list, read again; or one that showed the paper when the day began too: else there was a gap."""
    return at.listed_on == before.listed_on or before.seen_at >= before.taken_at - LONGEST_DAY


def _counts(sightings: QuerySet[Sighting]) -> dict[tuple[int, int], Count]:
    """(paper, source) -> Count."""
    rows = sightings.filter(upvotes__isnull=False).order_by("seen_at", "id")
    counts: dict[tuple[int, int], Count] = {}
    for paper, source, upvotes, listed_on, seen_at in rows.values_list(
        "paper_id", "source_id", "upvotes", "listed_on", "seen_at"
    ):
        most = counts[paper, source].upvotes if (paper, source) in counts else 0
        counts[paper, source] = Count(max(upvotes or 0, most), listed_on, seen_at)
    return counts


def _risen_before(papers: set[int], issue: Issue) -> set[int]:
    """Those that have been a break-out, themselves or as a paper that was merged into them: once ever."""
    own = Q(paper__in=papers) | Q(paper__merged_into__in=papers)
    rows = Candidate.objects.filter(own, kind="AGAIN").exclude(issue=issue).select_related("paper")
    return {row.paper.merged_into_id or row.paper_id for row in rows if AgainReason.RISEN in row.reasons}


def _places() -> int:
    """What the issues that closed since the day began, by hand, have left."""
    began = Baseline.objects.order_by("-taken_at").values_list("taken_at", flat=True).first()
    if began is None:
        return PLACES
    today = Candidate.objects.filter(issue__state=IssueState.CLOSED, issue__closed_at__gt=began, kind="AGAIN")
    return max(PLACES - sum(AgainReason.RISEN in reasons for reasons in today.values_list("reasons", flat=True)), 0)
