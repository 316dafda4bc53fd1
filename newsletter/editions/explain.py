"""Why a reader gets, or does not get, a paper: read from the rows that decided it."""

from __future__ import annotations

from newsletter.editions import window
from newsletter.editions.window import DEFAULT_QUERY
from newsletter.matching import score
from newsletter.models import Candidate, Delivery, Interest, Kind, Paper, Subscriber


def explain(*, reader: Subscriber, paper: Paper) -> list[str]:
    """Sentences, oldest fact first. Names no address."""
    lines = [f"Reader {reader.public_id} is {reader.status}; paper {paper.public_id}: {paper.title}"]
    while paper.merged_into is not None:
        paper = paper.merged_into
        lines.append(f"It was merged into {paper.public_id}: {paper.title}")
    if paper.withdrawn_at:
        lines.append(f"It was withdrawn at {paper.withdrawn_at:%Y-%m-%d %H:%M} UTC and leaves all unsent mail.")
    rows = list(Candidate.objects.filter(paper=paper).select_related("issue", "paper").order_by("issue__number"))
    if not rows:
        lines.append("It is a candidate of no issue: not gathered yet, or first listed over 14 days before.")
    interests = list(reader.interests.all()) or [Interest(pk=-1, query=DEFAULT_QUERY)]
    for row in rows:
        lines.extend(_candidate(row, interests))
    copies = list(Delivery.objects.filter(subscriber=reader, kind=Kind.DIGEST).select_related("edition").order_by("id"))
    for copy in copies:
        lines.append(_copy(copy, paper))
    if not copies:
        lines.append("The reader has had no digest yet.")
    return lines


def _candidate(row: Candidate, interests: list[Interest]) -> list[str]:
    kind = f"{row.kind} ({', '.join(row.reasons)})" if row.reasons else row.kind
    lines = [f"{row.issue}: {kind}, trend {row.trend:.2f}" + (f", pinned for {row.pin}" if row.pin != "NONE" else "")]
    if row.hidden_at:
        lines.append(f"  hidden at {row.hidden_at:%Y-%m-%d %H:%M} UTC")
    content = window.of_issue(row.issue)
    entry = content.entries.get(row.paper_id)
    for interest in interests:
        query = window.query_of(interest.query)
        match = score.score(entry.document, query) if entry else None
        said = f"{score.reason(match, interest.name or query.words())}, {match.relevance:.2f}" if match else "does not match"
        lines.append(f"  {interest}: {said}")
    return lines


def _copy(copy: Delivery, paper: Paper) -> str:
    held = any(pick[1] == paper.pk for pick in copy.edition.picks) if copy.edition else False
    word = "holds it" if held else "does not hold it"
    reason = f" ({copy.reason})" if copy.reason else ""
    return f"Copy of {copy.slot_on}, issues {(copy.after or 0) + 1} to {copy.upto}, {copy.state}{reason}: {word}"
