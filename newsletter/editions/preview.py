"""What a choice of interests would have brought: for the sign-up page, topic pages and the desk. Reads, never writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from newsletter import issues, mail
from newsletter.editions import window
from newsletter.editions.choose import Choice, choose
from newsletter.editions.window import DEFAULT_QUERY
from newsletter.editions.write import card, digest_value
from newsletter.models import Interest, Issue, IssueState, Subscriber

DAYS = 14


@dataclass(frozen=True, slots=True)
class PreviewDay:
    """One issue: its day, how many papers a copy would have held, and those papers. `open`: still gathering."""

    on: date
    count: int
    picks: tuple[mail.Pick, ...]
    open: bool = False


def preview(*, queries: Sequence[str], now: datetime, days: int = DAYS, limit: int = 10) -> list[PreviewDay]:
    """The last `days` days' issues, oldest first, for these canonical or typed queries (none: is:trending).

    Raises matching.query.BadQuery. Closed issues give what planning gives a fresh reader of that one issue.
    """
    interests = interests_of(queries)
    since = issues.local_date(now) - timedelta(days=days - 1)
    shown = Issue.objects.exclude(state=IssueState.OPEN).filter(closed_on__gte=since).order_by("closed_on", "number")
    result = []
    for issue in [*shown, *Issue.objects.filter(state=IssueState.OPEN)]:
        picks = _picks(issue, interests, limit)
        is_open = issue.state == IssueState.OPEN
        on = issue.closed_on or issues.local_date(now)
        result.append(PreviewDay(on=on, count=len(picks), picks=picks, open=is_open))
    return result


def preview_issue(*, issue: Issue, subscriber: Subscriber | None = None, queries: Sequence[str] = ()) -> mail.Digest:
    """The issue as that reader, or a reader of these queries, would get it now: the desk's preview."""
    interests = list(subscriber.interests.all()) if subscriber else interests_of(queries)
    limit = subscriber.max_papers if subscriber else 10
    content = window.of_issue(issue)
    choice = choose(content.offers(interests or interests_of(())), limit=limit)
    return digest_value(
        _shown(choice, content),
        numbers=(issue.number,),
        slot_on=issue.closed_on or issue.opened_at.date(),
        notes=(issue.note,) if issue.note else (),
        more=choice.more,
    )


def interests_of(queries: Sequence[str]) -> list[Interest]:
    """Interest rows where they exist, unsaved ones with negative ids where not. Raises BadQuery."""
    texts = [window.query_of(text).canonical for text in queries if text.strip()] or [DEFAULT_QUERY]
    known = {interest.query: interest for interest in Interest.objects.filter(query__in=texts)}
    return [known.get(text) or Interest(pk=-place, query=text) for place, text in enumerate(dict.fromkeys(texts), start=1)]


def _picks(issue: Issue, interests: Sequence[Interest], limit: int) -> tuple[mail.Pick, ...]:
    content = window.of_issue(issue)
    return _shown(choose(content.offers(interests), limit=limit), content)


def _shown(choice: Choice, content: window.Window) -> tuple[mail.Pick, ...]:
    entries = content.entries
    return tuple(
        mail.Pick(card=card(entries[pick.paper].candidate.paper, entries[pick.paper].candidate), reason=pick.reason)
        for pick in choice.picks
    )
