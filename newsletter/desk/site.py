"""The one admin site of the product, in the product's dress."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.decorators import csp_replace
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
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


def _headers(view: Callable[..., Any]) -> Callable[..., Any]:
    """The desk's policy, and a referrer within the site: under no-referrer browsers post with `Origin: null`, and the
    forgery check refuses that."""

    @wraps(view)
    def answered(*args: Any, **kwargs: Any) -> Any:
        response = csp_replace(DESK_POLICY)(view)(*args, **kwargs)
        response.headers.setdefault("Referrer-Policy", "same-origin")
        return response

    return answered


class DeskSite(UnfoldAdminSite):
    """Django's admin as the curator's desk: its own pages first, its own content security policy."""

    index_title = _("The desk")

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        return _headers(super().admin_view(view, cacheable))

    @method_decorator(_headers)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Unfold's form does not carry where to go on: without ?next a login would end at a page that is not there."""
        if request.method == "GET" and REDIRECT_FIELD_NAME not in request.GET:
            return HttpResponseRedirect(f"{request.path}?{urlencode({REDIRECT_FIELD_NAME: reverse('admin:index')})}")
        response: HttpResponse = super().login(request, extra_context)
        return response

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        from newsletter import delivery

        signs = {"mail_down_since": delivery.down_since(), "digests_stopped_at": delivery.alarm.paused_at()}
        response: HttpResponse = super().index(request, {**(extra_context or {}), **signs})
        return response

    def extra_urls(self) -> list[URLPattern]:
        """The pages that are no model's: the next issue, its preview, its close; the formula's weights; every mail."""
        from newsletter.desk import buttons, gallery, issue, papers, preview, reading, sending, weights

        return [
            path("issue/", self.admin_view(issue.screen), name="issue"),
            path("issue/<int:number>/", self.admin_view(issue.screen), name="issue_number"),
            path("issue/open/", self.admin_view(buttons.open_first), name="issue_open"),
            path("issue/close/", self.admin_view(issue.close), name="issue_close"),
            path("issue/preview/", self.admin_view(preview.reader), name="issue_preview"),
            path("issue/preview/mail/", self.admin_view(preview.mail_frame), name="issue_preview_mail"),
            path("mails/", self.admin_view(gallery.sheet), name="mails"),
            path("mails/<slug:name>/", self.admin_view(gallery.one), name="mail"),
            path("mails/<slug:name>/html/", self.admin_view(gallery.frame), name="mail_html"),
            path("issue/pin/", self.admin_view(buttons.pin_paper), name="issue_pin"),
            path("issue/candidates/<int:pk>/", self.admin_view(buttons.candidate), name="issue_candidate"),
            path("issue/<int:number>/note/", self.admin_view(buttons.note), name="issue_note"),
            path("issue/<int:number>/hold/", self.admin_view(buttons.hold), name="issue_hold"),
            path("papers/<int:pk>/merge/", self.admin_view(papers.merge), name="paper_merge"),
            path("papers/<int:pk>/split/", self.admin_view(papers.split), name="paper_split"),
            path("sources/<int:pk>/fetch/", self.admin_view(reading.fetch_now), name="source_fetch"),
            path("sources/<int:pk>/show/", self.admin_view(reading.show), name="source_show"),
            path("issue/<int:number>/approve/", self.admin_view(buttons.approve), name="issue_approve"),
            path("sending/", self.admin_view(sending.screen), name="sending"),
            path("sending/go-on/", self.admin_view(sending.go_on), name="sending_go_on"),
            path("sending/<int:pk>/sent/", self.admin_view(sending.mark_sent), name="sending_mark_sent"),
            path("sending/<int:pk>/again/", self.admin_view(sending.send_again), name="sending_send_again"),
            path("trend/", self.admin_view(weights.formula), name="trend"),
        ]
