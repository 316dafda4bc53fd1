"""Suggest a paper: an arXiv id, a DOI or a link, which the curators find in the desk."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from newsletter import suggestions
from newsletter.web import answers, clients

FIELD = 400  # characters shown back


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def suggest(request: HttpRequest) -> HttpResponse:
    """POST names a paper; one that is here already is shown instead. No CSRF token: see `signup.subscribe`; nothing is mailed."""
    if request.method != "POST":
        return _form(request, {"typed": request.GET.get("paper", "")[:FIELD]})
    typed, network = request.POST.get("paper", ""), clients.address_of(request)
    if request.POST.get("website", ""):  # a field that people do not see
        return _form(request, {"thanks": True})
    try:
        known = suggestions.suggest(typed, network=network, now=answers.clock())
    except suggestions.BadSuggestion as error:
        return _form(request, {"typed": typed[:FIELD], "error": str(error)}, status=422)
    except suggestions.TooMany:
        return _form(
            request, {"typed": typed[:FIELD], "error": _("That is enough for today. Please come back tomorrow.")}, status=429
        )
    return redirect("web:paper", known.public_id) if known else _form(request, {"thanks": True})


def _form(request: HttpRequest, context: dict[str, object], *, status: int = 200) -> HttpResponse:
    return answers.page(request, "suggest.html", {"typed": "", "error": "", "thanks": False, **context}, status=status)
