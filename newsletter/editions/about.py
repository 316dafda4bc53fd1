"""What a paper of a copy is about, by the interests that match it: for the page where its reader says more or less."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from newsletter import issues
from newsletter.editions import window
from newsletter.models import Candidate, Delivery, Interest, Paper


@dataclass(frozen=True, slots=True)
class Shown:
    """A pick of a copy: the paper it lives on in now, the candidate that was shown, and why."""

    paper: Paper
    candidate: Candidate
    reason: str


def shown(copy: Delivery, ref: str) -> Shown | None:
    """The paper with this public id as the copy has it; None where it has none such. Merged papers answer to both names."""
    picks = copy.edition.picks if copy.edition else []
    papers = Paper.objects.select_related("merged_into").in_bulk([pick[1] for pick in picks])
    for candidate, paper, _interest, reason in picks:
        row = papers.get(paper)
        if row is not None and ref in (row.public_id, row.survivor().public_id):
            found = Candidate.objects.select_related("issue", "paper").filter(pk=candidate).first()
            return Shown(row.survivor(), found, reason) if found else None
    return None


def matching(one: Shown, interests: Iterable[Interest]) -> list[Interest]:
    """Those of the interests that match it as it was shown."""
    document = issues.document(one.candidate, one.paper, on=one.candidate.issue.closed_on or one.paper.listed_on)
    return [interest for interest in interests if window.query_of(interest.query).matches(document)]
