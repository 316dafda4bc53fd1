"""The screen of one issue: what is in it, what a person may do about it. GET shows; every button is a POST."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from newsletter import curation, issues, tasks
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
RECENT_ISSUES = 7
SHOWS: dict[str, Q] = {
    "all": Q(),
    "new": Q(kind=CandidateKind.NEW),
    "again": Q(kind=CandidateKind.AGAIN),
    "pinned": ~Q(pin=PinScope.NONE),
    "hidden": Q(hidden_at__isnull=False),
}
_LIST_KEYS = ("show", "q", "page")
View = Callable[..., HttpResponse]


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


def curator(view: View) -> View:
    """Only who may change an issue; the site has already asked for a login."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.has_perm("newsletter.change_issue"):  # type: ignore[union-attr]
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


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
@require_POST
def open_first(request: HttpRequest) -> HttpResponse:
    """Make the first issue and gather into it: an installation that has not ingested yet has none."""
    report = issues.gather(now=timezone.now())
    messages.success(request, _("Issue %(number)d is open.") % {"number": report.issue})
    return HttpResponseRedirect(reverse("admin:issue"))


@curator
@require_POST
def candidate(request: HttpRequest, pk: int) -> HttpResponse:
    """One button of one row: POST verb, text."""
    row = get_object_or_404(Candidate.objects.select_related("issue", "paper"), pk=pk)
    verb = _VERBS.get(request.POST.get("verb", ""))
    if verb is None:
        raise Http404
    _try(request, lambda: verb(row, request.POST.get("text", ""), _by(request), timezone.now()))
    return _back(request, row.issue, f"c{row.pk}")


@curator
@require_POST
def pin_paper(request: HttpRequest) -> HttpResponse:
    """Pin a paper that the open issue does not list, by arXiv id, DOI or address."""
    named = request.POST.get("paper", "")
    paper = curation.find_paper(named)
    scope = PinScope.EVERYONE if request.POST.get("scope") == PinScope.EVERYONE else PinScope.MATCHING
    if paper is None:
        messages.error(request, _("No source has listed “%(named)s” yet. Give an arXiv id, a DOI or the paper's address.") % {
            "named": named[:100]})  # fmt: skip
        return HttpResponseRedirect(reverse("admin:issue"))

    def pinned() -> str:
        row = curation.pin_paper(paper, scope=scope, by=_by(request), now=timezone.now())
        return _("Pinned: %(title)s") % {"title": row.paper.title}

    _try(request, pinned)
    return HttpResponseRedirect(reverse("admin:issue"))


@curator
@require_POST
def note(request: HttpRequest, number: int) -> HttpResponse:
    issue = get_object_or_404(Issue, number=number)

    def saved() -> str:
        curation.edit_note(issue, text=request.POST.get("note", ""), by=_by(request), now=timezone.now())
        return _("The note is saved.")

    _try(request, saved)
    return _back(request, issue, "note")


@curator
@require_POST
def hold(request: HttpRequest, number: int) -> HttpResponse:
    issue = get_object_or_404(Issue, number=number)

    def held() -> str:
        curation.hold(issue, by=_by(request), now=timezone.now())
        return _("Issue %(number)d is held: no copy with it leaves until you approve it.") % {"number": number}

    _try(request, held)
    return HttpResponseRedirect(reverse("admin:issue"))


@curator
@require_POST
def approve(request: HttpRequest, number: int) -> HttpResponse:
    issue = get_object_or_404(Issue, number=number)

    def approved() -> str:
        numbers = curation.approve(issue, by=_by(request), now=timezone.now())
        tasks.ring("plan")
        tasks.ring("send")
        return _("Approved: %(numbers)s.") % {"numbers": ", ".join(map(str, numbers)) or _("nothing was held")}

    _try(request, approved)
    return HttpResponseRedirect(reverse("admin:issue"))


@curator
@require_http_methods(["GET", "HEAD", "POST"])
def close(request: HttpRequest) -> HttpResponse:
    """Two steps: GET says whom it would reach, POST with the issue's number closes it and plans the copies."""
    now = timezone.now()
    if request.method == "POST":
        sent = _try(request, lambda: _closed(request, now))
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


def page(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    """One of the desk's own pages, inside Unfold's frame."""
    request.current_app = admin.site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})


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
    report = curation.close_and_send_now(by=_by(request), now=now, number=int(number))
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


def _try(request: HttpRequest, act: Callable[[], str]) -> bool:
    """Do it and say so, or say why not."""
    try:
        messages.success(request, act())
    except curation.Refused as refused:
        messages.error(request, str(refused))
        return False
    return True


def _by(request: HttpRequest) -> str:
    return request.user.get_username()  # type: ignore[union-attr]


def _kept(request: HttpRequest) -> str:
    """The list's own state, to come back to after a button: known keys only."""
    return urlencode({key: request.GET[key] for key in _LIST_KEYS if request.GET.get(key)})


def _back(request: HttpRequest, issue: Issue, anchor: str) -> HttpResponseRedirect:
    target = reverse("admin:issue") if issue.state == IssueState.OPEN else reverse("admin:issue_number", args=[issue.number])
    query = urlencode([(key, value) for key, value in parse_qsl(request.POST.get("back", "")) if key in _LIST_KEYS])
    return HttpResponseRedirect(f"{target}{'?' if query else ''}{query}#{anchor}")


def _pin_everyone(row: Candidate, text: str, by: str, now: datetime) -> str:
    curation.pin(row, scope=PinScope.EVERYONE, by=by, now=now)
    return _("Pinned for everyone.")


def _pin_matching(row: Candidate, text: str, by: str, now: datetime) -> str:
    curation.pin(row, scope=PinScope.MATCHING, by=by, now=now)
    return _("Pinned for matching readers.")


def _unpin(row: Candidate, text: str, by: str, now: datetime) -> str:
    curation.unpin(row, by=by, now=now)
    return _("Unpinned.")


def _hide(row: Candidate, text: str, by: str, now: datetime) -> str:
    curation.hide(row, by=by, now=now)
    return _("Hidden: it is in no copy that has not left yet.")


def _restore(row: Candidate, text: str, by: str, now: datetime) -> str:
    shown = curation.restore(row, by=by, now=now)
    if shown.issue_id != row.issue_id:
        return _("Restored: issue %(number)d offers it to readers who have not had it.") % {"number": shown.issue.number}
    return _("Restored.")


def _summary(row: Candidate, text: str, by: str, now: datetime) -> str:
    curation.edit_summary(row, text=text, by=by, now=now)
    return _("The summary is saved.")


_VERBS: dict[str, Callable[[Candidate, str, str, datetime], str]] = {
    "pin_everyone": _pin_everyone,
    "pin_matching": _pin_matching,
    "unpin": _unpin,
    "hide": _hide,
    "restore": _restore,
    "summary": _summary,
}
