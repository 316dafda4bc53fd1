"""Pages for what went wrong, in the family's dress; problem+json for programs. `config.urls` names them as handlers."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from newsletter.web import answers


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 404, _("There is no such page"), _("The address may be mistyped, or the page may have moved."))


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    return _answer(request, 400, _("That could not be read"), _("It was not what this page expects. Go back and try again."))


def forbidden(request: HttpRequest, exception: Exception | None = None, reason: str = "") -> HttpResponse:
    """Also Django's CSRF_FAILURE_VIEW, which passes `reason`."""
    return _answer(request, 403, _("This is not yours to do"), _("Reload the page, accept its cookie, and try again."))


def too_many(request: HttpRequest, seconds: int) -> HttpResponse:
    """Asked too often from one network; seconds: when it may ask again."""
    minutes = max(1, round(seconds / 60))
    detail = ngettext(
        "Too many requests came from your network. Please try again in %(n)d minute.",
        "Too many requests came from your network. Please try again in %(n)d minutes.",
        minutes,
    ) % {"n": minutes}
    response = answers.sealed(_answer(request, 429, _("A moment, please"), detail))
    response["Retry-After"] = str(seconds)
    return response


def broken(request: HttpRequest) -> HttpResponse:
    """No query, no session: it must answer when the database does not."""
    return _answer(request, 500, _("Something broke on our side"), _("It has been written down. Please try again in a minute."))


def _answer(request: HttpRequest, status: int, title: str, detail: str) -> HttpResponse:
    if answers.wants_json(request):
        return answers.problem(status, detail)
    return answers.page(request, "error.html", {"title": title, "detail": detail, "status": status}, status=status)
