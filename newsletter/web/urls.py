"""The reader's addresses, and the provider's when a webhook secret is set."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.http import FileResponse, HttpRequest
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from newsletter.web import embed, feeds, health, outbox, reader, reading, signup, webhooks

app_name = "web"

FAVICON = Path(__file__).parent / "static" / "favicon.svg"
_FORM = "(?P<form>rss|atom|json)"
_REF = "(?P<ref>[A-Za-z0-9_-]{1,64})"  # no NUL: PostgreSQL refuses it as a value


@require_safe
@cache_control(public=True, max_age=86_400)
def favicon(request: HttpRequest) -> FileResponse:
    """Browsers ask for /favicon.ico whatever the page says; they take an SVG."""
    return FileResponse(FAVICON.open("rb"), content_type="image/svg+xml")


urlpatterns: list[URLPattern | URLResolver] = [
    path("", signup.home, name="home"),
    path("subscribe", signup.subscribe, name="subscribe"),
    path("preview", signup.preview, name="preview"),
    path("today", reading.today, name="today"),
    path("archive/", reading.archive, name="archive"),
    path("archive/<str:on>", reading.day, name="day"),
    path("topics/", reading.topics, name="topics"),
    path("topics/<slug:slug>", reading.topic, name="topic"),
    re_path(rf"^papers/{_REF}$", reading.paper, name="paper"),
    path("search", reading.found, name="search"),
    path("privacy", reading.privacy, name="privacy"),
    path("embed", embed.snippet, name="embed"),
    re_path(rf"^feeds/search\.{_FORM}$", feeds.found, name="search_feed"),
    re_path(rf"^feeds/own/(?P<feed_id>[A-Za-z0-9_-]{{22}})\.{_FORM}$", feeds.own, name="own_feed"),
    re_path(rf"^feeds/today\.{_FORM}$", feeds.today, name="feed"),
    re_path(rf"^feeds/topics/(?P<slug>[-\w]+)\.{_FORM}$", feeds.topic, name="topic_feed"),
    path("confirm/<str:token>", reader.confirm, name="confirm"),
    path("preferences/<str:token>", reader.preferences, name="preferences"),
    path("u/<str:token>", reader.unsubscribe, name="unsubscribe"),
    path("u/<str:token>/preferences", reader.mail_preferences, name="mail_preferences"),
    path("unsubscribe/<str:token>", reader.unsubscribe),  # as mailed by 0.1
    path("never/<str:token>", reader.never, name="never"),
    path("view/<str:token>", reader.view, name="view"),
    re_path(rf"^editions/{_REF}$", reader.edition, name="edition"),
    re_path(rf"^editions/{_REF}\.{_FORM}$", feeds.edition, name="edition_feed"),
    path("outbox/", outbox.mails, name="outbox"),
    path("outbox/<str:name>", outbox.mail, name="outbox_mail"),
    path("outbox/<str:name>/html", outbox.mail_html, name="outbox_html"),
    path("healthz", health.healthz, name="healthz"),
    path("livez", health.livez, name="livez"),
    path("robots.txt", reading.robots, name="robots"),
    path(".well-known/security.txt", reading.security, name="security"),
    path("favicon.ico", favicon, name="favicon"),
]

if settings.WEBHOOK_SECRET:
    urlpatterns.append(path("webhooks/", include(webhooks.urlpatterns)))
