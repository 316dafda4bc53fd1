"""Two buttons of a source's page: read it now, and show what it would read. Both ask the network, so both are POSTs."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from newsletter import acts, sources, tasks
from newsletter.desk.door import actor, page
from newsletter.models import Outcome, Source

_LEVELS = {Outcome.FRESH: messages.SUCCESS, Outcome.QUIET: messages.INFO, Outcome.BROKEN: messages.ERROR}


@require_POST
def fetch_now(request: HttpRequest, pk: int) -> HttpResponse:
    """Read the source whatever its schedule; says what came of it."""
    source = _source(request, pk)
    if source.is_sample:
        messages.error(request, _("This row stands for the bundled sample: there is nothing to fetch."))
    else:
        report = tasks.fetch_now(source, now=timezone.now())
        _record(request, "fetch source", source, report.outcome)
        counts = _("%(new)d new, %(known)d known.") % {"new": report.new, "known": report.merged}
        level = _LEVELS.get(Outcome(report.outcome), messages.WARNING)
        messages.add_message(request, level, f"{report.outcome}: {report.reason} {counts}")
    return HttpResponseRedirect(reverse("admin:newsletter_source_change", args=[pk]))


@require_POST
def show(request: HttpRequest, pk: int) -> HttpResponse:
    """What reading it now would come to; stores nothing but the act."""
    source = _source(request, pk)
    found = [] if source.is_sample else sources.preview(source, now=timezone.now())
    _record(request, "preview source", source, ", ".join(str(one.outcome) for one in found))
    return page(
        request,
        "source/preview.html",
        title=_("What %(name)s would read") % {"name": source.name},
        is_nav_sidebar_enabled=False,
        source=source,
        previews=[(one, one.as_json()) for one in found],
    )


def _source(request: HttpRequest, pk: int) -> Source:
    if not request.user.has_perm("newsletter.change_source"):  # type: ignore[union-attr]
        raise PermissionDenied
    return get_object_or_404(Source, pk=pk)


def _record(request: HttpRequest, verb: str, source: Source, outcome: str) -> None:
    acts.record(actor=actor(request), verb=verb, target=f"source {source.pk}", details={"outcome": outcome}, now=timezone.now())
