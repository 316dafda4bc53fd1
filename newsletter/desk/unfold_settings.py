"""Unfold's settings: name, colours, sidebar. Imported by config.settings, so nothing here touches a model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _


def _stylesheet(request: HttpRequest) -> str:
    return static("desk/desk.css")


def _favicon(request: HttpRequest) -> str:
    return static("favicon.svg")


def _may(right: str) -> Callable[[HttpRequest], bool]:
    def allowed(request: HttpRequest) -> bool:
        return bool(getattr(request.user, "has_perm", lambda _: False)(right))

    return allowed


def _may_view(model: str) -> Callable[[HttpRequest], bool]:
    return _may(model.replace(".", ".view_"))


def _page(title: Any, icon: str, model: str) -> dict[str, Any]:
    link = reverse_lazy(f"admin:{model.replace('.', '_')}_changelist")
    return {"title": title, "icon": icon, "link": link, "permission": _may_view(model)}


# The paper's own tones, warm grey and one red; the same family as the readers' pages and the mail.
_WARM = {
    "50": "#fbf9f4", "100": "#f6f1e6", "200": "#e6e0d2", "300": "#d0c9b9", "400": "#a9a192", "500": "#736c5e",
    "600": "#5a554b", "700": "#3a372f", "800": "#2a2823", "900": "#161512", "950": "#0e0d0b",
}  # fmt: skip
_RED = {
    "50": "#fdf3f1", "100": "#fbe4e0", "200": "#f7ccc5", "300": "#f3b0a5", "400": "#ff9d8a", "500": "#f28471",
    "600": "#9b1b1e", "700": "#84171a", "800": "#6d1517", "900": "#561214", "950": "#2b0a06",
}  # fmt: skip

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Paper Round desk"),
    "SITE_HEADER": _("Paper Round desk"),
    "SITE_SUBHEADER": _("the curator's door"),
    "SITE_SYMBOL": "newspaper",
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _favicon}],
    "SITE_DROPDOWN": [{"icon": "public", "title": _("The readers' pages"), "link": "/"}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "2px",
    "COLORS": {"base": _WARM, "primary": _RED},
    "STYLES": [_stylesheet],
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "title": _("Newsletter"),
                "items": [
                    {"title": _("Next issue"), "icon": "edit_note", "link": reverse_lazy("admin:issue")},
                    {
                        "title": _("Sending"),
                        "icon": "send",
                        "link": reverse_lazy("admin:sending"),
                        "permission": _may("newsletter.change_issue"),
                    },
                    _page(_("Issues"), "newspaper", "newsletter.issue"),
                    _page(_("Papers"), "article", "newsletter.paper"),
                    _page(_("Suggested papers"), "add_comment", "newsletter.suggestion"),
                    _page(_("Topics and interests"), "sell", "newsletter.interest"),
                    _page(_("Sources"), "rss_feed", "newsletter.source"),
                    {
                        "title": _("Trending formula"),
                        "icon": "trending_up",
                        "link": reverse_lazy("admin:trend"),
                        "permission": _may("newsletter.change_issue"),
                    },
                ],
            },
            {
                "title": _("Readers"),
                "separator": True,
                "items": [
                    _page(_("Subscribers"), "group", "newsletter.subscriber"),
                    _page(_("Copies"), "outgoing_mail", "newsletter.delivery"),
                    {
                        "title": _("Every mail"),
                        "icon": "mail",
                        "link": reverse_lazy("admin:mails"),
                        "permission": _may("newsletter.change_issue"),
                    },
                    _page(_("Suppressions"), "block", "newsletter.suppression"),
                ],
            },
            {
                "title": _("Machine room"),
                "separator": True,
                "collapsible": True,
                "items": [
                    _page(_("Runs"), "history", "newsletter.run"),
                    _page(_("Events"), "notifications", "newsletter.event"),
                    _page(_("Acts"), "gavel", "newsletter.act"),
                    _page(_("Schedule"), "schedule", "django_celery_beat.periodictask"),
                    _page(_("Accounts"), "manage_accounts", "auth.user"),
                ],
            },
        ],
    },
}
