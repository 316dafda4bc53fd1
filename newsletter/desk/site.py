"""The one admin site of the product, in the product's dress."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

# Alpine, inside Unfold, evaluates attributes and sets styles; the readers' pages keep the strict policy of settings.
DESK_POLICY = {
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:"],
    "frame-src": [SELF],
    "frame-ancestors": [NONE],
}


class DeskSite(UnfoldAdminSite):
    """Django's admin as the curator's desk: its own pages first, its own content security policy."""

    index_title = _("The desk")

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        return csp_replace(DESK_POLICY)(super().admin_view(view, cacheable))

    @method_decorator(csp_replace(DESK_POLICY))
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response: HttpResponse = super().login(request, extra_context)
        return response

    def extra_urls(self) -> list[URLPattern]:
        """The pages that are no model's: the next issue, its preview, its close."""
        from newsletter.desk import issue, preview

        return [
            path("issue/", self.admin_view(issue.screen), name="issue"),
            path("issue/<int:number>/", self.admin_view(issue.screen), name="issue_number"),
            path("issue/open/", self.admin_view(issue.open_first), name="issue_open"),
            path("issue/close/", self.admin_view(issue.close), name="issue_close"),
            path("issue/preview/", self.admin_view(preview.reader), name="issue_preview"),
            path("issue/preview/mail/", self.admin_view(preview.mail_frame), name="issue_preview_mail"),
            path("issue/pin/", self.admin_view(issue.pin_paper), name="issue_pin"),
            path("issue/candidates/<int:pk>/", self.admin_view(issue.candidate), name="issue_candidate"),
            path("issue/<int:number>/note/", self.admin_view(issue.note), name="issue_note"),
            path("issue/<int:number>/hold/", self.admin_view(issue.hold), name="issue_hold"),
            path("issue/<int:number>/approve/", self.admin_view(issue.approve), name="issue_approve"),
        ]
