"""Why a reader gets, or does not get, a paper: read from the rows that decided it.

Copies say what they hold; what they do not hold is asked again: of the rows as they are, the reader's interests and mutes as
they are now, and the day on which each interest was chosen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from newsletter import issues
from newsletter.editions import mutes, window
from newsletter.editions.window import DEFAULT_QUERY
from newsletter.matching import Document, score
from newsletter.matching.nodes import And, Leaf, Node, Not, Number, Or
from newsletter.models import (
    Candidate,
    Delivery,
    DeliveryState,
    Interest,
    Issue,
    IssueState,
    Kind,
    Paper,
    Subscriber,
    SubscriberInterest,
    SubscriberStatus,
)
from newsletter.models.ledger import ACCEPTED_STATES, OPEN_STATES, WINDOW_STATES

_OUTCOMES = {
    DeliveryState.PENDING: "planned, has not left",
    DeliveryState.SENDING: "is leaving now",
    DeliveryState.SENT: "sent",
    DeliveryState.UNCERTAIN: "sent, without a sure answer (counts as had)",
    DeliveryState.FAILED: "failed, its papers come again",
    DeliveryState.CANCELLED: "cancelled, its papers come again",
}
_KEPT = {IssueState.OPEN: "open: no copy before it closes", IssueState.ARCHIVED: "back-filled: mails nobody"}


def explain(*, reader: Subscriber, paper: Paper) -> list[str]:
    """Sentences, oldest fact first, the conclusion last. Names no address."""
    lines = [f"Reader {reader.public_id} is {reader.status}; paper {paper.public_id}: {paper.title}"]
    while paper.merged_into is not None:
        paper = paper.merged_into
        lines.append(f"It was merged into {paper.public_id}: {paper.title}")
    case = _Case.of(reader, paper)
    lines += _reader(case) + _paper(case)
    for row in case.rows:
        lines += _candidate(case, row)
    lines += [_copy(case, copy) for copy in case.copies] or ["The reader has had no digest yet."]
    lines += [line for row in case.rows if (line := _uncovered(case, row))]
    return [*lines, f"In short: {_conclusion(case)}"]


@dataclass(frozen=True, slots=True)
class _Case:
    """One reader and one paper that was not merged into another. family: ids of it and of all that live on in it.

    muted: the reader's words that stand in the paper; silenced: every interest the reader muted.
    """

    reader: Subscriber
    paper: Paper
    family: frozenset[int]
    rows: list[Candidate]
    copies: list[Delivery]
    interests: list[tuple[Interest, datetime]]
    muted: list[str]
    silenced: list[Interest]

    @classmethod
    def of(cls, reader: Subscriber, paper: Paper) -> _Case:
        family = _family(paper)
        rows = Candidate.objects.filter(paper__in=family).select_related("issue", "paper").order_by("issue__number", "id")
        copies = Delivery.objects.filter(subscriber=reader, kind=Kind.DIGEST).select_related("edition").order_by("id")
        links = SubscriberInterest.objects.filter(subscriber=reader).select_related("interest").order_by("interest_id")
        chosen = [(link.interest, link.added_at) for link in links]
        default = [(Interest(pk=-1, query=DEFAULT_QUERY), reader.created_at)]
        muted = mutes.muted_by(reader.muted, " ".join(_said(each) for each in {paper, *(row.paper for row in rows)}))
        silenced = [mute.interest for mute in reader.mutes.select_related("interest").order_by("interest_id")]
        return cls(reader, paper, family, list(rows), list(copies), chosen or default, muted, silenced)

    def document(self, row: Candidate) -> Document:
        return issues.document(row, self.paper, on=row.issue.closed_on or self.paper.listed_on)

    def matches(self, row: Candidate, *, by: datetime | None = None) -> list[Interest]:
        """The interests that match the row; by: only those chosen until then."""
        chosen = [interest for interest, added_at in self.interests if by is None or added_at <= by]
        return [one for one in chosen if window.query_of(one.query).matches(self.document(row))]

    def mutes(self, rows: Iterable[Candidate]) -> list[str]:
        """What the reader has muted and these rows hold: words, then interests by name."""
        documents = [self.document(row) for row in rows]
        return self.muted + [
            one.name or one.query for one in self.silenced if any(map(window.query_of(one.query).matches, documents))
        ]

    def place(self, copy: Delivery) -> tuple[int, list[object]] | None:
        """Where the copy holds the paper, from 1, and its pick."""
        picks = copy.edition.picks if copy.edition else []
        return next(((place, pick) for place, pick in enumerate(picks, 1) if pick[1] in self.family), None)

    def gone(self, copy: Delivery) -> str:
        """Why a copy that was planned with the paper left without it; "" when it did not."""
        found, as_of = self.place(copy), copy.as_of
        if found is None or as_of is None:
            return ""
        row = next((row for row in self.rows if row.pk == found[1][0]), None)
        if row is not None and row.hidden_at is not None and row.hidden_at <= as_of:
            return "was hidden"
        return "was withdrawn" if self.paper.withdrawn_at is not None and self.paper.withdrawn_at <= as_of else ""

    def had(self) -> list[Delivery]:
        """Accepted copies that showed it."""
        return [copy for copy in self.copies if copy.state in ACCEPTED_STATES and self.place(copy) and not self.gone(copy)]


# What holds whatever the issue.


def _reader(case: _Case) -> list[str]:
    reader, lines = case.reader, []
    if reader.paused_until:
        lines.append(f"The reader is paused: no copy for a day before {reader.paused_until}.")
    if reader.status == SubscriberStatus.ACTIVE and reader.next_slot_at:
        lines.append(
            f"The reader's next slot is {_at(reader.next_slot_at)} ({reader.zone}, {reader.hour:02}:00, {_days(reader)})."
        )
    if muted := case.mutes(case.rows):
        lines.append(f"The reader has muted {_quoted(muted)}, which it has: it is in no copy, not even pinned.")
    return lines


def _paper(case: _Case) -> list[str]:
    lines = []
    if case.paper.withdrawn_at:
        lines.append(f"It was withdrawn at {_at(case.paper.withdrawn_at)} and leaves all unsent mail.")
    if not case.rows:
        first = f"first listed on {case.paper.listed_on}, read at {_at(case.paper.seen_at)}"
        late = (case.paper.seen_at.date() - case.paper.listed_on).days > issues.NEW_DAYS
        why = f"over {issues.NEW_DAYS} days apart, too old to be new" if late else "not gathered yet"
        lines.append(f"It is a candidate of no issue: {first}; {why}.")
    return lines


def _candidate(case: _Case, row: Candidate) -> list[str]:
    """The row, and what each interest says to it, with what is missing."""
    kind = f"{row.kind} ({', '.join(row.reasons)}: {row.why})" if row.reasons else row.kind
    said = [f"{row.issue}: {kind}, trend {row.trend:.2f}"]
    said += [_KEPT[IssueState(row.issue.state)]] if row.issue.state in _KEPT else []
    said += [f"pinned for {row.pin}"] if row.pin != "NONE" else []
    said += [f"held since {_at(row.issue.held_at)}: no copy with it leaves"] if row.issue.held_at else []
    lines = [", ".join(said)]
    if row.hidden_at:
        lines.append(f"  hidden at {_at(row.hidden_at)}")
    doc = case.document(row)
    for interest, added_at in case.interests:
        query = window.query_of(interest.query)
        match = score.score(doc, query)
        if match:
            text = f"{score.reason(match, interest.name or query.words())}, relevance {match.relevance:.2f}"
        else:
            text = f"does not match: {'; '.join(_missing(query.root, doc))}"
        later = row.issue.closed_at is not None and added_at > row.issue.closed_at
        lines.append(f"  {interest}: {text}" + (f" (chosen later, {_at(added_at)})" if later else ""))
    return lines


def _missing(node: Node, doc: Document) -> list[str]:
    """Why a query that does not match does not: what the paper lacks, or has and should not."""
    if isinstance(node, Not):
        return [] if node.holds(doc) else [f"it is {node.part.says()}, which is left out"]
    if isinstance(node, And):
        return [said for part in node.parts for said in _missing(part, doc)]
    if node.holds(doc):
        return []
    if isinstance(node, Or):
        return [f"it is none of: {'; '.join(part.says() for part in node.parts)}"]
    return [f"it is not {node.says()}{_actual(node, doc)}"]


def _actual(leaf: Leaf, doc: Document) -> str:
    if not isinstance(leaf, Number):
        return ""
    value = getattr(doc, "age_days" if leaf.name == "age" else leaf.name)
    return f" (it has {'no known number' if value is None else value})"


# Copy by copy.


def _copy(case: _Case, copy: Delivery) -> str:
    reason = f" ({copy.reason})" if copy.reason else ""
    state = _OUTCOMES[DeliveryState(copy.state)]
    found, gone = case.place(copy), case.gone(copy)
    if found and gone:
        text = f"was planned with it, left without it: it {gone}"
    elif found:
        text = f"holds it at place {found[0]}: {found[1][3] or 'pinned for everyone'}"
    else:
        text = f"does not hold it: {_absence(case, copy)}"
    return f"Copy of {copy.slot_on}, issues {(copy.after or 0) + 1} to {copy.upto}, {copy.state}{reason}, {state}: {text}"


def _absence(case: _Case, copy: Delivery) -> str:
    """The first thing that kept the paper out, in the order in which planning asks."""
    rows = [row for row in case.rows if row.issue.state == IssueState.CLOSED and _covers(copy, row.issue)]
    if not rows:
        return "it is in none of these issues"
    if case.paper.withdrawn_at and case.paper.withdrawn_at <= copy.created_at:
        return "it was withdrawn"
    rows = [row for row in rows if row.hidden_at is None or row.hidden_at > copy.created_at]
    if not rows:
        return "it was hidden"
    had = [one for one in case.had() if one.pk < copy.pk]
    if had:
        return f"the reader had it in the copy of {had[-1].slot_on}"
    if muted := case.mutes(rows):
        return f"{_quoted(muted)} is muted"
    everyone = any(row.pin == "EVERYONE" for row in rows)
    if not everyone and not any(case.matches(row, by=copy.created_at) for row in rows):
        later = sorted({str(interest) for row in rows for interest in case.matches(row)})
        return f"only {_quoted(later)} matches it, chosen later" if later else "no interest matches it"
    more = copy.params.get("more", 0)
    places = f"{len(copy.edition.picks) if copy.edition else 0} papers went before it"
    return f"it was on offer and cut: {places}, {more} more were left out"


def _uncovered(case: _Case, row: Candidate) -> str:
    """A closed issue with the paper that no copy covers which is on its way or arrived: why not. "" for others."""
    issue = row.issue
    if issue.state != IssueState.CLOSED or any(c.state in WINDOW_STATES and _covers(c, issue) for c in case.copies):
        return ""
    start = f"Issue {issue.number} is in no copy that is planned or arrived:"
    joined = case.reader.confirmed_at or case.reader.created_at
    mark = max((copy.upto or 0 for copy in case.copies if copy.state in ACCEPTED_STATES), default=None)
    if case.reader.status != SubscriberStatus.ACTIVE:
        return f"{start} the reader is {case.reader.status}."
    if mark is None and issue.closed_at is not None and issue.closed_at <= joined:
        return (
            f"{start} it had closed when the reader confirmed, {_at(joined)}; what came before is offered by AGAIN and catch-up."
        )
    if mark is not None and issue.number <= mark:
        return f"{start} copies start at most 14 days back, and no copy was accepted within 14 days of its close."
    held = Issue.objects.filter(number__gt=0, number__lte=issue.number, held_at__isnull=False).order_by("number").first()
    if held is not None:
        return f"{start} issue {held.number} is held, and with it all after it."
    if case.reader.paused_until:
        return f"{start} the reader is paused until {case.reader.paused_until}."
    return f"{start} it is offered at the reader's next slot with papers, at most 14 days after its close."


def _conclusion(case: _Case) -> str:
    had = case.had()
    if had:
        return f"it reached the reader in the copy of {had[0].slot_on} and does not come again."
    waiting = [copy for copy in case.copies if copy.state in OPEN_STATES and case.place(copy)]
    if waiting:
        return f"it is in the copy of {waiting[0].slot_on}, which has not left."
    if case.paper.withdrawn_at:
        return "it is withdrawn and reaches nobody any more."
    if case.rows and case.rows[-1].hidden_at:
        return "it is hidden and comes only when a curator restores it."
    if case.mutes(case.rows):
        return "a mute keeps it out."
    if case.rows and not any(case.matches(row) or row.pin == "EVERYONE" for row in case.rows):
        return "no interest of the reader matches it."
    return "it has not reached the reader; the lines above say why."


def _said(paper: Paper) -> str:
    return mutes.said(paper.title, paper.abstract, paper.authors)


def _family(paper: Paper) -> frozenset[int]:
    family: set[int] = set()
    layer = {paper.pk}
    while layer:
        family |= layer
        layer = set(Paper.objects.filter(merged_into__in=layer).values_list("id", flat=True)) - family
    return frozenset(family)


def _covers(copy: Delivery, issue: Issue) -> bool:
    return (copy.after or 0) < issue.number <= (copy.upto or 0)


def _at(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _days(reader: Subscriber) -> str:
    names = [f"{date(2024, 1, 1 + day):%a}" for day in range(7) if reader.days & 1 << day]  # 1 January 2024 was a Monday
    return ", ".join(names) or "no day"


def _quoted(words: list[str]) -> str:
    return ", ".join(f"“{word}”" for word in words)
