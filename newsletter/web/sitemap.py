"""What search engines may read: an index of sitemaps, one of pages and one of every PAPERS papers. Source: sitemaps.org."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from xml.sax.saxutils import escape

from django.db.models import Max, Min
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from newsletter import links
from newsletter.models import Interest, Issue, Paper
from newsletter.web import archive, errors
from newsletter.web.kept import kept

PAPERS = 10_000  # ids a sitemap; at most 50,000 addresses are allowed
SPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"
STANDING = ("home", "today", "trending", "topics", "archive", "search", "suggest", "privacy")

Entry = tuple[str, date | None]


@require_safe
@kept
def index(request: HttpRequest) -> HttpResponse:
    ids = Paper.objects.aggregate(first=Min("pk"), last=Max("pk"))
    parts = range(ids["first"] // PAPERS, ids["last"] // PAPERS + 1) if ids["last"] else ()
    names = ["pages", *(f"papers-{number}" for number in parts)]
    return _xml("sitemapindex", "sitemap", [(reverse("web:sitemap_of", args=[name]), None) for name in names])


@require_safe
@kept
def one(request: HttpRequest, name: str) -> HttpResponse:
    """`pages`, or `papers-N`: the papers with ids from N x PAPERS."""
    entries = _pages() if name == "pages" else _papers(int(name.rpartition("-")[2]))
    return _xml("urlset", "url", entries) if entries else errors.not_found(request)


def _pages() -> list[Entry]:
    """Standing pages, topics, and every printed day, week and month."""
    printed = Issue.objects.filter(state__in=archive.PRINTED).order_by("-closed_on").values_list("closed_on", flat=True)
    days = [on for on in dict.fromkeys(printed) if on]
    topics = Interest.objects.filter(slug__isnull=False).order_by("position", "id").values_list("slug", flat=True)
    entries: list[Entry] = [(reverse(f"web:{name}"), None) for name in STANDING]
    entries += [(reverse("web:topic", args=[slug]), None) for slug in topics]
    spans = [f"{on:%Y-%m}" for on in days] + [f"{on:%G-W%V}" for on in days]
    entries += [(reverse("web:day", args=[ref]), None) for ref in dict.fromkeys(spans)]
    return entries + [(reverse("web:day", args=[on.isoformat()]), on) for on in days]


def _papers(number: int) -> list[Entry]:
    """But for the withdrawn and the joined."""
    first = number * PAPERS
    rows = Paper.objects.filter(pk__gte=first, pk__lt=first + PAPERS, withdrawn_at__isnull=True, merged_into__isnull=True)
    return [(reverse("web:paper", args=[ref]), on) for ref, on in rows.order_by("pk").values_list("public_id", "listed_on")]


def _xml(root: str, item: str, entries: Iterable[Entry]) -> HttpResponse:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f'<{root} xmlns="{SPACE}">']
    for path, on in entries:
        changed = f"<lastmod>{on.isoformat()}</lastmod>" if on else ""
        lines.append(f"<{item}><loc>{escape(links.absolute(path))}</loc>{changed}</{item}>")
    return HttpResponse("\n".join([*lines, f"</{root}>", ""]), content_type="application/xml; charset=utf-8")
