"""The reader's addresses, and the provider's when a webhook secret is set."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.http import FileResponse, HttpRequest
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from newsletter.web import (
    archive,
    embed,
    feeds,
    health,
    metrics,
    outbox,
    papers,
    people,
    reader,
    reading,
    signup,
    sitemap,
    suggesting,
    webhooks,
)

app_name = "web"

FAVICON = Path(__file__).parent / "static" / "favicon.svg"
_FORM = "(?P<form>rss|atom|json)"
_CITED = "(?P<form>bib|ris)"
_SPAN = "(?P<on>[0-9W-]{7,10})"
_SLUG = "(?P<slug>[\\w-]{1,120})"
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
    path("trending", reading.trending, name="trending"),
    path("archive/", archive.archive, name="archive"),
    re_path(rf"^archive/{_SPAN}$", archive.day, name="day"),
    re_path(rf"^archive/{_SPAN}\.{_CITED}$", archive.references, name="day_references"),
    path("topics/", reading.topics, name="topics"),
    path("topics/<slug:slug>", reading.topic, name="topic"),
    re_path(rf"^papers/{_REF}$", papers.paper, name="paper"),
    re_path(rf"^papers/{_REF}\.{_CITED}$", papers.reference, name="reference"),
    re_path(rf"^authors/{_SLUG}$", people.author, name="author"),
    re_path(rf"^labs/{_SLUG}$", people.lab, name="lab"),
    path("suggest", suggesting.suggest, name="suggest"),
    path("search", reading.found, name="search"),
    path("privacy", reading.privacy, name="privacy"),
    path("embed", embed.snippet, name="embed"),
    re_path(rf"^feeds/search\.{_FORM}$", feeds.found, name="search_feed"),
    re_path(rf"^feeds/own/(?P<feed_id>[A-Za-z0-9_-]{{22}})\.{_FORM}$", feeds.own, name="own_feed"),
    re_path(rf"^feeds/today\.{_FORM}$", feeds.today, name="feed"),
    re_path(rf"^feeds/topics/(?P<slug>[-\w]+)\.{_FORM}$", feeds.topic, name="topic_feed"),
    path("confirm/<str:token>", reader.confirm, name="confirm"),
    path("preferences", reader.ask, name="ask"),
    path("preferences/<str:token>", reader.preferences, name="preferences"),
    path("preferences/<str:token>/preview", reader.preview, name="own_preview"),
    path("preferences/<str:token>/move", reader.ask_move, name="ask_move"),
    path("preferences/<str:token>/export", reader.mail_export, name="mail_export"),
    path("preferences/<str:token>/erase", reader.mail_erase, name="mail_erase"),
    path("preferences/<str:token>/feed", reader.own_feed, name="set_own_feed"),
    re_path(r"^preferences/(?P<token>[^/]+)/saved\.(?P<form>bib|ris)$", reader.saved_file, name="saved_file"),
    re_path(rf"^preferences/(?P<token>[^/]+)/saved/{_REF}$", reader.drop_saved, name="drop_saved"),
    re_path(rf"^tune/(?P<token>[^/]+)/{_REF}$", reader.tune, name="tune"),
    path("move/<str:token>", reader.move, name="move"),
    path("undo/<str:token>", reader.undo, name="undo"),
    path("export/<str:token>", reader.export, name="export"),
    path("erase/<str:token>", reader.erase, name="erase"),
    path("return/<str:token>", reader.come_back, name="return"),
    path("u/<str:token>", reader.unsubscribe, name="unsubscribe"),
    path("u/<str:token>/preferences", reader.mail_preferences, name="mail_preferences"),
    path("u/<str:token>/export", reader.mail_export, name="leave_export"),
    path("u/<str:token>/erase", reader.mail_erase, name="leave_erase"),
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
    path("metrics", metrics.metrics, name="metrics"),
    path("sitemap.xml", sitemap.index, name="sitemap"),
    re_path(r"^sitemaps/(?P<name>pages|papers-\d{1,6})\.xml$", sitemap.one, name="sitemap_of"),
    path("robots.txt", reading.robots, name="robots"),
    path(".well-known/security.txt", reading.security, name="security"),
    path("favicon.ico", favicon, name="favicon"),
]

if settings.WEBHOOK_SECRET:
    urlpatterns.append(path("webhooks/", include(webhooks.urlpatterns)))
