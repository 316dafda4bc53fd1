"""What a person may do to an issue (pin, hide, restore, edit, note, hold, approve, close and send), to papers (merge,
split) and to the trending formula.

Every verb runs in one transaction under the issue's row lock (merge and split: under identity's), writes one Act when something changed, and may be
called twice: the second call changes nothing and records nothing. `by` is who did it (a login, never an address).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Exists, Min, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from newsletter import acts, editions, issues, subscribers
from newsletter.matching import trend
from newsletter.models import (
    AgainReason,
    Alias,
    Candidate,
    CandidateKind,
    Delivery,
    Issue,
    IssueState,
    Kind,
    Paper,
    PinScope,
    Run,
    Scheme,
    Subscriber,
    SubscriberStatus,
)
from newsletter.models.ledger import OPEN_STATES
from newsletter.sources import identity
from newsletter.sources.page import ids as known_ids

MOST_PINS = 3
NOTE_CHARACTERS = 4_000
SUMMARY_CHARACTERS = 600


class Refused(Exception):
    """The act is not possible; the message says why and what to do instead. Nothing has changed."""


@dataclass(frozen=True, slots=True)
class CloseReport:
    """`closed`: the number just closed, None when it had closed before. `run`: the planning, with its sums."""

    closed: int | None
    run: Run


def pin(candidate: Candidate, *, scope: PinScope, by: str, now: datetime) -> Candidate:
    """Put the paper first, for everyone or for readers whose interests match. The row that carries the pin.

    A candidate of a closed issue is offered again in the open one (`pin_paper`). Raises `Refused` for the fourth pin.
    """
    if scope == PinScope.NONE:
        raise Refused(_("Say for whom: everyone or matching readers. To take a pin away, unpin."))
    if candidate.issue.state != IssueState.OPEN:
        return pin_paper(candidate.paper, scope=scope, by=by, now=now)
    with transaction.atomic():
        row = _locked(candidate)
        return _pin(row, scope, by, now)


def pin_paper(paper: Paper, *, scope: PinScope, by: str, now: datetime) -> Candidate:
    """Pin a paper in the open issue; one that is no candidate there becomes AGAIN(PINNED).

    Raises `Refused` when it is withdrawn, hidden, or first listed more than 30 days ago (what readers had is
    remembered only so long).
    """
    with transaction.atomic():
        row, _made = _offered_again(paper, AgainReason.PINNED, now)
        return _pin(row, scope, by, now)


def unpin(candidate: Candidate, *, by: str, now: datetime) -> None:
    """Take the pin away. A row that was in the issue for nothing but its pin leaves it."""
    with transaction.atomic():
        row = _locked(candidate)
        if row.pin == PinScope.NONE:
            return
        _only_open(row)
        row.reasons = [reason for reason in row.reasons if reason != AgainReason.PINNED]
        if row.kind == CandidateKind.AGAIN and not row.reasons:
            row.delete()
        else:
            row.pin, row.pinned_at = PinScope.NONE, None
            row.save(update_fields=["pin", "pinned_at", "reasons"])
        _book(by, "unpin", row, now)


def hide(candidate: Candidate, *, by: str, now: datetime) -> Candidate:
    """Take the paper out of every copy that has not left, also after the plan. In the open issue its pin goes too."""
    with transaction.atomic():
        row = _locked(candidate)
        if row.hidden_at is None:
            row.hidden_at = now
            if row.issue.state == IssueState.OPEN:
                row.pin, row.pinned_at = PinScope.NONE, None
            row.save(update_fields=["hidden_at", "pin", "pinned_at"])
            _book(by, "hide", row, now)
        return row


def restore(candidate: Candidate, *, by: str, now: datetime) -> Candidate:
    """Show the paper again; the row that offers it.

    In the open issue hidden_at is cleared. In a closed one it stays (what left can be shown again) and the paper
    enters the open issue as AGAIN(RESTORED), for readers who have not had it.
    """
    with transaction.atomic():
        row = _locked(candidate)
        if row.hidden_at is None:
            return row
        if row.issue.state != IssueState.CLOSED:
            row.hidden_at = None
            if AgainReason.PINNED in row.reasons:  # hiding took the pin away: what brings the paper now is this restoring
                row.reasons = [AgainReason.RESTORED, *(each for each in row.reasons if each != AgainReason.PINNED)]
            row.save(update_fields=["hidden_at", "reasons"])
            _book(by, "restore", row, now)
            return row
        again, is_made = _offered_again(row.paper, AgainReason.RESTORED, now)
        if is_made or again.hidden_at is not None:
            again.hidden_at = None
            again.save(update_fields=["hidden_at"])
            _book(by, "restore", again, now)
        return again


def edit_summary(candidate: Candidate, *, text: str, by: str, now: datetime) -> Candidate:
    """The curator's one or two sentences, shown instead of the source's; empty gives the source's back."""
    clean = " ".join(text.split())
    if len(clean) > SUMMARY_CHARACTERS:
        raise Refused(
            _("The summary has %(n)d characters; %(most)d are the most.") % {"n": len(clean), "most": SUMMARY_CHARACTERS}
        )
    with transaction.atomic():
        row = _locked(candidate)
        if row.summary_edit != clean:
            row.summary_edit = clean
            row.save(update_fields=["summary_edit"])
            _book(by, "edit summary", row, now, characters=len(clean))
        return row


def edit_note(issue: Issue, *, text: str, by: str, now: datetime) -> Issue:
    """The note on top of the mail, Markdown, at most 4,000 characters. Copies that have not left show the new one."""
    clean = text.replace("\r\n", "\n").strip()
    if len(clean) > NOTE_CHARACTERS:
        raise Refused(_("The note has %(n)d characters; %(most)d are the most.") % {"n": len(clean), "most": NOTE_CHARACTERS})
    with transaction.atomic():
        row = _sendable(issue)
        if row.note != clean:
            row.note = clean
            row.save(update_fields=["note"])
            _book(by, "edit note", row, now, characters=len(clean))
        return row


def hold(issue: Issue, *, by: str, now: datetime) -> Issue:
    """Nothing leaves whose window has this issue, until it is approved. An open one is held from its close on."""
    with transaction.atomic():
        row = _sendable(issue)
        if row.held_at is None:
            row.held_at = now
            row.save(update_fields=["held_at"])
            _book(by, "hold", row, now)
        return row


def approve(issue: Issue, *, by: str, now: datetime) -> list[int]:
    """Let this issue and every held one before it leave. The numbers that were held.

    Readers whose hour came since its close get it still, within the late window.
    """
    with transaction.atomic():
        row = _sendable(issue)
        held = Issue.objects.select_for_update().filter(number__gt=0, number__lte=row.number, held_at__isnull=False)
        numbers = list(held.order_by("number").values_list("number", flat=True))
        if numbers:
            Issue.objects.filter(number__in=numbers).update(held_at=None)
            closed = Issue.objects.filter(number__in=numbers).aggregate(at=Min("closed_at"))["at"]
            if closed is not None:
                editions.reopen_slots(since=closed, now=now)
            _book(by, "approve", row, now, numbers=numbers)
        return numbers


def close_and_send_now(*, by: str, now: datetime, number: int | None = None) -> CloseReport:
    """Close the open issue and plan a copy, due at once, for every active reader without today's digest.

    `number`: the open issue the person looked at; when it has closed since, no other is closed and only the planning
    runs, which makes a second click harmless. The close stays when the planning fails: planning again finds it.
    """
    with transaction.atomic():
        current = issues.open_issue(now=now)
        closed = issues.close(now=now) if number is None or current.number == number else None
        if closed is not None:
            _book(by, "close and send", closed, now)
    run = editions.plan_now(now=now)
    return CloseReport(closed=None if closed is None else closed.number, run=run)


def readers_waiting(*, now: datetime) -> int:
    """Active, unpaused readers without an open digest and without one of their local today: whom "now" could serve."""
    zones = Subscriber.objects.filter(status=SubscriberStatus.ACTIVE).values_list("zone", flat=True).distinct()
    days: dict[date, list[str]] = {}
    for zone in zones.order_by("zone"):
        days.setdefault(now.astimezone(ZoneInfo(zone)).date(), []).append(zone)
    return sum(_waiting(day, names).count() for day, names in days.items())


def change_weights(weights: trend.Weights, *, by: str, now: datetime) -> bool:
    """Order what is not closed yet by these weights of the trending formula. False when they hold already."""
    with transaction.atomic():
        row = issues.reweigh(weights, by=acts.nameless(by), now=now)
        if row is not None:
            values = {name: f"{value:g}" for name, value in asdict(weights).items()}
            acts.record(actor=by, verb="change weights", target=f"weights {row.pk}", details=values, now=now)
        return row is not None


def lift(address_key: str, *, by: str, now: datetime) -> bool:
    """The owner of a barred address wrote in: they may ask on the form again. False when nothing barred it."""
    with transaction.atomic():
        reasons = subscribers.lift(address_key, now=now)
        if reasons:
            details = {"reasons": [reason.value for reason in reasons]}
            acts.record(actor=by, verb="lift suppression", target=f"address {address_key[:16]}", details=details, now=now)
        return bool(reasons)


def merge(paper: Paper, into: Paper, *, by: str, now: datetime) -> Paper:
    """These two are one work: `paper` lives on in `into`, for good. The survivor.

    Every alias is locked, nothing is deleted. Readers who had either do not get the survivor again; a copy that was
    planned before leaves as it was planned.
    """
    if paper.pk == into.pk:
        raise Refused(_("This is the same paper: give the other one's arXiv id, DOI or address."))
    with transaction.atomic():
        identity.one_at_a_time()
        young, old = (Paper.objects.get(pk=one.pk).survivor() for one in (paper, into))
        if young.pk != old.pk:
            identity.join(young, old, now=now)
            acts.record(actor=by, verb="merge", target=f"paper {young.public_id}", details={"into": old.public_id}, now=now)
        return old


def split(paper: Paper, aliases: Collection[Alias], *, by: str, now: datetime) -> Paper:
    """These ids of the paper are another work: it becomes a paper of its own (again), for good. That paper.

    Every alias of both is locked. The open issue offers it as AGAIN(SPLIT) to readers who have not had it; where a
    merge is undone, the other one too, because readers of the first went without it. Not when it is withdrawn, hidden
    or was first listed more than 30 days ago.
    """
    with transaction.atomic():
        identity.one_at_a_time()
        whole = Paper.objects.get(pk=paper.pk).survivor()
        chosen = list(Alias.objects.filter(pk__in=[alias.pk for alias in aliases]).select_related("paper").order_by("id"))
        owners = {alias.paper_id for alias in chosen}
        if len(owners) == 1 and owners != {whole.pk}:
            return chosen[0].paper
        if not chosen or owners != {whole.pk}:
            raise Refused(_("Choose the ids that belong to the other work; the paper has changed, or none was chosen."))
        if len(chosen) == whole.aliases.count():
            raise Refused(_("Leave at least one id with this paper."))
        own = identity.part(whole, chosen, now=now)
        _offer_split([own] if own.seen_at == now else [own, whole], now)
        ids_of = [f"{alias.scheme}:{alias.value}" for alias in chosen]
        details = {"own": own.public_id, "aliases": [one for one in ids_of if "@" not in one]}
        acts.record(actor=by, verb="split", target=f"paper {whole.public_id}", details=details, now=now)
        return own


def _offer_split(papers: Collection[Paper], now: datetime) -> None:
    """AGAIN(SPLIT) rows before anything gathers: readers may have had these papers, so they are NEW no more."""
    issue = issues.open_issue(now=now)
    issue = Issue.objects.select_for_update().get(pk=issue.pk)
    for paper in papers:
        newest = Candidate.objects.filter(paper=paper).order_by("-id").first()
        is_old = (issues.local_date(now) - paper.listed_on).days > issues.AGAIN_DAYS
        if paper.withdrawn_at is not None or is_old or (newest is not None and newest.hidden_at is not None):
            continue
        if newest is None or newest.issue_id != issue.pk:
            Candidate.objects.create(issue=issue, paper=paper, kind=CandidateKind.AGAIN, reasons=[AgainReason.SPLIT])
        elif newest.kind == CandidateKind.AGAIN and AgainReason.SPLIT not in newest.reasons:
            newest.reasons = [*newest.reasons, AgainReason.SPLIT]
            newest.save(update_fields=["reasons"])
    issues.gather(now=now)


def find_paper(text: str) -> Paper | None:
    """The known paper that a curator means by an arXiv id, a DOI, its address or our own id; None: not read yet."""
    wanted = text.strip()
    arxiv = re.search(r"(?<![\d.])(\d{4}\.\d{4,5})(?:v\d+)?(?!\d)|([a-z-]{2,10}(?:\.[A-Z]{2})?/\d{7})(?!\d)", wanted)
    doi = re.search(r"10\.\d{4,9}/\S+", wanted)
    own = urlsplit(wanted).path.rstrip("/").rpartition("/")[2]
    ids = Q(paper__public_id=own) | Q(scheme=Scheme.URL, value=wanted)
    if arxiv:
        ids |= Q(scheme=Scheme.ARXIV, value=known_ids.arxiv_id(arxiv[1] or arxiv[2]))
    if doi:
        ids |= Q(scheme=Scheme.DOI, value=doi[0].lower())
    alias = Alias.objects.filter(ids).select_related("paper").order_by("id").first()
    return alias.paper if alias else Paper.objects.filter(public_id=own).first()


def _pin(row: Candidate, scope: PinScope, by: str, now: datetime) -> Candidate:
    if row.hidden_at is not None:
        raise Refused(_("This paper is hidden: restore it first, then pin it."))
    if row.pin == scope:
        return row
    others = Candidate.objects.filter(issue_id=row.issue_id, hidden_at__isnull=True).exclude(pin=PinScope.NONE).exclude(pk=row.pk)
    if others.count() >= MOST_PINS:
        raise Refused(
            _("Issue %(number)d has %(most)d pins, the most: unpin one first.") % {"number": row.issue.number, "most": MOST_PINS}
        )
    row.pin, row.pinned_at = scope, now
    row.save(update_fields=["pin", "pinned_at"])
    _book(by, "pin", row, now, scope=str(scope))
    return row


def _offered_again(paper: Paper, reason: AgainReason, now: datetime) -> tuple[Candidate, bool]:
    """The paper's row in the open issue, and whether it had to be made; its issue is locked.

    gather comes first, so that a paper without any candidate enters as NEW and cannot be NEW once more tomorrow; it
    comes last again to give a new row its signals.
    """
    paper = paper.survivor()
    if paper.withdrawn_at is not None:
        raise Refused(_("This paper is withdrawn: it leaves no more mail."))
    issues.gather(now=now)
    issue = Issue.objects.select_for_update().get(state=IssueState.OPEN)
    known = Candidate.objects.select_related("issue", "paper").filter(issue=issue, paper=paper).first()
    if known is not None:
        return known, False
    newest = Candidate.objects.filter(paper=paper).order_by("-id").first()
    if newest is not None and newest.hidden_at is not None and reason != AgainReason.RESTORED:
        raise Refused(_("This paper is hidden in an earlier issue: restore it there first."))
    if (issues.local_date(now) - paper.listed_on).days > issues.AGAIN_DAYS:
        raise Refused(
            _(
                "This paper was first listed more than %(days)d days ago, longer than it is remembered who has had it: "
                "link to it in the note instead."
            )
            % {"days": issues.AGAIN_DAYS}
        )
    row = Candidate.objects.create(issue=issue, paper=paper, kind=CandidateKind.AGAIN, reasons=[reason])
    issues.gather(now=now)
    row.refresh_from_db()
    return row, True


def _locked(candidate: Candidate) -> Candidate:
    """The row as it is now, its issue locked: a close waits, and so does another curator."""
    Issue.objects.select_for_update().get(pk=candidate.issue_id)
    row = Candidate.objects.select_related("issue", "paper").filter(pk=candidate.pk).first()
    if row is None:
        raise Refused(_("This paper has left the issue meanwhile: load the page again."))
    return row


def _only_open(row: Candidate) -> None:
    if row.issue.state != IssueState.OPEN:
        raise Refused(_("Issue %(number)d has closed with this pin: hide the paper instead.") % {"number": row.issue.number})


def _sendable(issue: Issue) -> Issue:
    row = Issue.objects.select_for_update().get(pk=issue.pk)
    if row.state == IssueState.ARCHIVED:
        raise Refused(_("An archived day mails nobody."))
    return row


def _waiting(day: date, zones: list[str]) -> QuerySet[Subscriber]:
    copies = Delivery.objects.filter(subscriber=OuterRef("pk"), kind=Kind.DIGEST).filter(
        Q(slot_on=day) | Q(state__in=OPEN_STATES)
    )
    readers = Subscriber.objects.filter(status=SubscriberStatus.ACTIVE, zone__in=zones)
    return readers.exclude(paused_until__gt=day).filter(~Exists(copies))


def _book(by: str, verb: str, target: Candidate | Issue, now: datetime, **details: Any) -> None:
    if isinstance(target, Candidate):
        name = f"paper {target.paper.public_id}"
        details["issue"] = target.issue.number
    else:
        name = f"issue {target.number}"
    acts.record(actor=by, verb=verb, target=name, details=details, now=now)
