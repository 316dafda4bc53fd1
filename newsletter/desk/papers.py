"""Below a paper's fields: its ids and sightings, and who it is: merge with another paper, or split ids off."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from newsletter import curation
from newsletter.desk.door import actor, attempt, curator
from newsletter.models import Alias, Paper

SIGHTINGS = 100


def context(request: HttpRequest, paper: Paper) -> dict[str, Any]:
    """What the section shows. `?find=`: the other paper, looked up by arXiv id, DOI, address or our own id."""
    wanted = request.GET.get("find", "").strip()
    found = curation.find_paper(wanted) if wanted else None
    other = found.survivor() if found else None
    survivor = paper.survivor()
    return {
        "paper": paper,
        "survivor": survivor if survivor.pk != paper.pk else None,
        "aliases": paper.aliases.order_by("scheme", "value"),
        "sightings": paper.sightings.select_related("source", "alias").order_by("-seen_at", "source_id")[:SIGHTINGS],
        "joined": paper.merged_from.order_by("pk"),
        "may_decide": request.user.has_perm("newsletter.change_issue"),  # type: ignore[union-attr]
        "wanted": wanted[:200],
        "other": other if other and other.pk != paper.pk else None,
        "is_itself": other is not None and other.pk == paper.pk,
    }


@curator
@require_POST
def merge(request: HttpRequest, pk: int) -> HttpResponse:
    """POST into: our id of the paper in which this one lives on."""
    paper = get_object_or_404(Paper, pk=pk)
    into = get_object_or_404(Paper, public_id=request.POST.get("into", ""))

    def merged() -> str:
        survivor = curation.merge(paper, into, by=actor(request), now=timezone.now())
        return _("Merged: it lives on in “%(title)s”, with all its ids locked.") % {"title": survivor.title}

    done = attempt(request, merged)
    return _to(into.survivor() if done else paper)


@curator
@require_POST
def split(request: HttpRequest, pk: int) -> HttpResponse:
    """POST alias, several times: ids that belong to another work."""
    paper = get_object_or_404(Paper, pk=pk)
    chosen = [int(value) for value in request.POST.getlist("alias") if value.isdecimal() and len(value) < 18]
    aliases = list(Alias.objects.filter(pk__in=chosen))
    if not aliases:
        messages.error(request, _("Choose the ids that belong to the other work."))
        return _to(paper)

    def parted() -> str:
        own = curation.split(paper, aliases, by=actor(request), now=timezone.now())
        return _("Split: “%(title)s” is a paper of its own; all ids of both are locked.") % {"title": own.title}

    attempt(request, parted)
    return _to(paper.survivor())


def _to(paper: Paper) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:newsletter_paper_change", args=[paper.pk]) + "#who")
