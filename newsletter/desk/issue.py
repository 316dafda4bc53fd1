"""The screen of one issue, and its close in two steps. GET shows; what the screen's buttons do is in `buttons`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from newsletter import curation, issues, tasks
from newsletter.desk.buttons import LIST_KEYS
from newsletter.desk.door import actor, attempt, curator, page
from newsletter.models import (
    AgainReason,
    Candidate,
    CandidateKind,
    Delivery,
    DeliveryState,
    Issue,
    IssueState,
    Kind,
    PinScope,
    Sighting,
)

PAGE_ROWS = 100
RECENT_ISSUES = 5
SHOWS: dict[str, Q] = {
    "all": Q(),
    "new": Q(kind=CandidateKind.NEW),
    "again": Q(kind=CandidateKind.AGAIN),
    "pinned": ~Q(pin=PinScope.NONE),
    "hidden": Q(hidden_at__isnull=False),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: a candidate, the sources that list it, the words for why it is here."""

    row: Candidate
    sources: list[str]
    reasons: list[str]


@dataclass(frozen=True, slots=True)
class Past:
    """A closed issue and what came of its copies."""

    issue: Issue
    sent: int
    waiting: int
    other: int


@curator
@require_safe
def screen(request: HttpRequest, number: int | None = None) -> HttpResponse:
    """The open issue, or a closed one by number (there a pin goes to the open issue, a hide to copies not yet gone)."""
    now = timezone.now()
    issue = _wanted(number)
    if issue is None:
        return page(request, "issue/none.html", title=_("Next issue"))
    show = request.GET.get("show", "all")
    words = request.GET.get("q", "").strip()
    rows = Candidate.objects.filter(issue=issue).filter(SHOWS.get(show, Q()))
    if words:
        rows = rows.filter(paper__title__icontains=words)
    listed = _paged(rows, request.GET.get("page"))
    return page(
        request,
        "issue/screen.html",
        title=_("Issue %(number)d") % {"number": issue.number},
        issue=issue,
        now=now,
        is_open=issue.state == IssueState.OPEN,
        closes_at=issues.next_cutoff(issue.opened_at),
        counts=_counts(issue),
        show=show,
        words=words,
        listed=listed,
        lines=_lines(listed),
        back=_kept(request),
        past=_past(),
        most_pins=curation.MOST_PINS,
        note_characters=curation.NOTE_CHARACTERS,
        summary_characters=curation.SUMMARY_CHARACTERS,
    )


@curator
@require_http_methods(["GET", "HEAD", "POST"])
def close(request: HttpRequest) -> HttpResponse:
    """Two steps: GET says whom it would reach, POST with the issue's number closes it and plans the copies."""
    now = timezone.now()
    if request.method == "POST":
        sent = attempt(request, lambda: _closed(request, now))
        return HttpResponseRedirect(reverse("admin:issue" if sent else "admin:issue_close"))
    issue = _wanted(None)
    if issue is None:
        return HttpResponseRedirect(reverse("admin:issue"))
    held = Issue.objects.filter(number__gt=0, held_at__isnull=False).order_by("number")
    return page(
        request,
        "issue/close.html",
        title=_("Close and send now"),
        issue=issue,
        counts=_counts(issue),
        readers=curation.readers_waiting(now=now),
        held=list(held.values_list("number", flat=True)),
    )


def _wanted(number: int | None) -> Issue | None:
    if number is None:
        return Issue.objects.filter(state=IssueState.OPEN).first()
    return get_object_or_404(Issue, number=number)


def _paged(rows: QuerySet[Candidate], wanted: str | None) -> Page[Candidate]:
    ordered = rows.select_related("paper").order_by(F("pinned_at").asc(nulls_last=True), "-trend", "id")
    return Paginator(ordered, PAGE_ROWS).get_page(wanted)


def _counts(issue: Issue) -> dict[str, int]:
    sums = {name: Count("id", filter=condition) if condition else Count("id") for name, condition in SHOWS.items()}
    counts: dict[str, int] = Candidate.objects.filter(issue=issue).aggregate(**sums)
    counts["visible"] = counts["all"] - counts["hidden"]
    return counts


def _lines(listed: Page[Candidate]) -> list[Line]:
    rows = list(listed)
    names: dict[int, list[str]] = {}
    seen = Sighting.objects.filter(paper_id__in=[row.paper_id for row in rows])
    for paper, name in seen.order_by("source__name").values_list("paper_id", "source__name").distinct():
        names.setdefault(paper, []).append(name)
    words = dict(AgainReason.choices)
    return [Line(row, names.get(row.paper_id, []), [str(words.get(r, r)) for r in row.reasons]) for row in rows]


def _past() -> list[Past]:
    recent = list(Issue.objects.filter(state=IssueState.CLOSED).order_by("-number")[:RECENT_ISSUES])
    copies = Delivery.objects.filter(kind=Kind.DIGEST, upto__in=[issue.number for issue in recent])
    sums: dict[int, dict[str, int]] = {}
    for upto, state, count in copies.values_list("upto", "state").annotate(count=Count("id")):
        sums.setdefault(upto or 0, {})[state] = count
    return [_sums(issue, sums.get(issue.number, {})) for issue in recent]


def _sums(issue: Issue, states: dict[str, int]) -> Past:
    sent = states.get(DeliveryState.SENT, 0)
    waiting = states.get(DeliveryState.PENDING, 0) + states.get(DeliveryState.SENDING, 0)
    return Past(issue, sent=sent, waiting=waiting, other=sum(states.values()) - sent - waiting)


def _closed(request: HttpRequest, now: datetime) -> str:
    number = request.POST.get("number", "")
    if not number.isdecimal():
        raise curation.Refused(_("Say which issue to close: load the page again."))
    report = curation.close_and_send_now(by=actor(request), now=now, number=int(number))
    tasks.ring("send")
    first = _("Issue %(number)d is closed.") % {"number": report.closed} if report.closed else _("It had been closed before.")
    planned = ngettext("%(n)d copy planned, due now.", "%(n)d copies planned, due now.", report.run.prepared)
    return " ".join([first, planned % {"n": report.run.prepared}, *_left_out(report.run.excluded)])


def _left_out(excluded: dict[str, int]) -> list[str]:
    """Why readers get no copy now, in words; reasons this page does not know are shown as they are."""
    words = {
        "ALREADY": _("have today's already"),
        "OPEN": _("have a copy under way"),
        "PAUSED": _("paused"),
        "NO_ISSUE": _("have had everything, or wait for a held issue"),
        "EMPTY": _("have no matching paper"),
        "LATE": _("are past their hour"),
    }
    parts = [f"{count} {words.get(reason, reason)}" for reason, count in sorted(excluded.items()) if count]
    return [_("Left out: %(reasons)s.") % {"reasons": ", ".join(parts)}] if parts else []


def _kept(request: HttpRequest) -> str:
    """The list's own state, to come back to after a button: known keys only."""
    return urlencode({key: request.GET[key] for key in LIST_KEYS if request.GET.get(key)})
