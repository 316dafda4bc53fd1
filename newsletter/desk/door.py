"""What the desk's own pages share: who may enter, the frame, and acts that may be refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from newsletter import curation
from newsletter.delivery import doubts

View = Callable[..., HttpResponse]


def curator(view: View) -> View:
    """Only who may change an issue; the site has already asked for a login."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.has_perm("newsletter.change_issue"):  # type: ignore[union-attr]
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded


def page(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    """One of the desk's own pages, inside Unfold's frame."""
    request.current_app = admin.site.name  # type: ignore[attr-defined]
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})


def attempt(request: HttpRequest, act: Callable[[], str]) -> bool:
    """Do it and say so, or say why not."""
    try:
        messages.success(request, act())
    except (curation.Refused, doubts.Refused) as refused:
        messages.error(request, str(refused))
        return False
    return True


def actor(request: HttpRequest) -> str:
    return request.user.get_username()  # type: ignore[union-attr]
