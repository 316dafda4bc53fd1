"""The buttons of an issue's screen: each a POST, one verb of `curation`, a sentence, and back to where it was pressed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from urllib.parse import parse_qsl, urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from newsletter import curation, issues, tasks
from newsletter.desk.door import actor, attempt, curator
from newsletter.models import Candidate, Issue, IssueState, PinScope

# The list's own state, kept over a button: nothing else is read back from the form.
LIST_KEYS = ("show", "q", "page")


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
    attempt(request, lambda: verb(row, request.POST.get("text", ""), actor(request), timezone.now()))
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
        row = curation.pin_paper(paper, scope=scope, by=actor(request), now=timezone.now())
        return _("Pinned: %(title)s") % {"title": row.paper.title}

    attempt(request, pinned)
    return HttpResponseRedirect(reverse("admin:issue"))


@curator
@require_POST
def note(request: HttpRequest, number: int) -> HttpResponse:
    issue = get_object_or_404(Issue, number=number)

    def saved() -> str:
        curation.edit_note(issue, text=request.POST.get("note", ""), by=actor(request), now=timezone.now())
        return _("The note is saved.")

    attempt(request, saved)
    return _back(request, issue, "note")


@curator
@require_POST
def hold(request: HttpRequest, number: int) -> HttpResponse:
    issue = get_object_or_404(Issue, number=number)

    def held() -> str:
        curation.hold(issue, by=actor(request), now=timezone.now())
        return _("Issue %(number)d is held: no copy with it leaves until you approve it.") % {"number": number}

    attempt(request, held)
    return HttpResponseRedirect(reverse("admin:issue"))


@curator
@require_POST
def approve(request: HttpRequest, number: int) -> HttpResponse:
    issue = get_object_or_404(Issue, number=number)

    def approved() -> str:
        numbers = curation.approve(issue, by=actor(request), now=timezone.now())
        tasks.ring("plan")
        tasks.ring("send")
        return _("Approved: %(numbers)s.") % {"numbers": ", ".join(map(str, numbers)) or _("nothing was held")}

    attempt(request, approved)
    return HttpResponseRedirect(reverse("admin:issue"))


def _back(request: HttpRequest, issue: Issue, anchor: str) -> HttpResponseRedirect:
    target = reverse("admin:issue") if issue.state == IssueState.OPEN else reverse("admin:issue_number", args=[issue.number])
    query = urlencode([(key, value) for key, value in parse_qsl(request.POST.get("back", "")) if key in LIST_KEYS])
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
