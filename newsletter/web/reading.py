"""Pages for reading, open to everyone: today, what trends, topics, search."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from newsletter import issues, links, search
from newsletter.matching import query
from newsletter.models import Interest, Issue, IssueState
from newsletter.web import answers, errors, feeds, listing
from newsletter.web.archive import PRINTED, note_of
from newsletter.web.kept import kept
from newsletter.web.signup import sentence

WINDOWS = {"day": 1, "week": 7, "month": 30}  # days
CARDS = 20
LINES = 80
A_PAGE = CARDS + LINES
OPEN_LINES = 40
FOUND = 50
FOUND_A_PAGE = 20


@require_safe
@kept
def today(request: HttpRequest) -> HttpResponse:
    """The newest closed issue, and the open one as it grows."""
    now = answers.clock()
    closed = Issue.objects.filter(state=IssueState.CLOSED).order_by("-number").first()
    gathering = Issue.objects.filter(state=IssueState.OPEN).first()
    stories = listing.of_issues([closed], most=A_PAGE) if closed else []
    context = {
        "issue": {"number": closed.number, "on": closed.closed_on, "at": closed.closed_at} if closed else None,
        "note": note_of(closed.note) if closed else [],
        "cards": stories[:CARDS],
        "lines": stories[CARDS:],
        "open": {"number": gathering.number, "closes_at": issues.next_cutoff(now).astimezone(settings.ISSUE_ZONE)}
        if gathering
        else None,
        "open_lines": listing.of_issues([gathering], most=OPEN_LINES) if gathering else [],
        "feeds": feeds.today_feeds(),
    }
    return answers.page(request, "today.html", context)


@require_safe
@kept
def trending(request: HttpRequest) -> HttpResponse:
    """`?window=day|week|month`: what is gathering and what was printed since, by trend, a page at a time."""
    window = request.GET.get("window", "day")
    if window not in WINDOWS:
        return errors.not_found(request)
    number = answers.page_number(request)
    since = issues.local_date(answers.clock()) - timedelta(days=WINDOWS[window])
    inside = Q(issue__state=IssueState.OPEN) | Q(issue__state__in=PRINTED, issue__closed_on__gt=since)
    stories = listing.of_span(inside, start=(number - 1) * CARDS, most=CARDS + 1)
    if not stories and number > 1:
        return errors.not_found(request)
    address = f"{links.absolute(request.path)}?window={window}"
    context = {
        "window": window,
        "windows": (("day", _("A day")), ("week", _("A week")), ("month", _("A month"))),
        "stories": stories[:CARDS],
        "start": (number - 1) * CARDS + 1,
        "number": number,
        "more": len(stories) > CARDS,
        "query": issues.DEFAULT_QUERY,
        "canonical": address + (f"&page={number}" if number > 1 else ""),
        "feeds": feeds.today_feeds(),
    }
    return answers.page(request, "trending.html", context)


@require_safe
@kept
def topics(request: HttpRequest) -> HttpResponse:
    groups = listing.grouped(listing.topic_rows())
    return answers.page(request, "topics.html", {"groups": groups, "feeds": feeds.today_feeds()})


@require_safe
@kept
def topic(request: HttpRequest, slug: str) -> HttpResponse:
    """A topic's newest papers, by day; those of the open issue first."""
    row = Interest.objects.filter(slug=slug).first()
    if row is None:
        return errors.not_found(request)
    asked = query.parse(row.query)
    found = search.find(asked, on=issues.local_date(answers.clock()), most=FOUND, newest_first=True, name=row.name)
    newest = sorted((listing.of_hit(hit) for hit in found.hits), key=lambda story: story.on or date.max, reverse=True)
    context = {
        "topic": {"slug": slug, "name": row.name, "line": row.line, "group": row.group, "words": asked.words()},
        "query": row.query,
        "days": [(on, list(group)) for on, group in groupby(newest, key=lambda story: story.on)],
        "feeds": feeds.topic_feeds(slug),
    }
    return answers.page(request, "topic.html", context)


@require_safe
@kept
def found(request: HttpRequest) -> HttpResponse:
    """`?q=` in the query language over all papers, best first, a page at a time; 422 when it cannot be read."""
    typed, number = request.GET.get("q", "").strip(), answers.page_number(request)
    context: dict[str, object] = {
        "q": typed,
        "error": "",
        "words": "",
        "stories": [],
        "total": 0,
        "number": number,
        "indexed": not typed,
    }
    if typed:
        try:
            asked = query.parse(typed)
        except query.BadQuery as error:
            context["error"] = sentence(error)
            return answers.page(request, "search.html", context | {"q": typed[: query.MAX_CHARACTERS]}, status=422)
        today, start = issues.local_date(answers.clock()), (number - 1) * FOUND_A_PAGE
        result = search.find(asked, on=today, start=start, most=FOUND_A_PAGE)
        if number > 1 and not result.hits:
            return errors.not_found(request)
        context |= {
            "words": asked.words(),
            "stories": [listing.of_hit(hit) for hit in result.hits],
            "total": result.total,
            "over": result.over,
            "start": start,
            "more": result.total > start + FOUND_A_PAGE,
            "feeds": feeds.search_feeds(typed),
        }
    return answers.page(request, "search.html", context)


@require_safe
@kept
def privacy(request: HttpRequest) -> HttpResponse:
    return answers.page(request, "privacy.html", {"postal_address": settings.POSTAL_ADDRESS})


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Personal pages are not for robots; their answers say noindex as well. Source: RFC 9309."""
    closed = ("confirm", "u", "unsubscribe", "preferences", "view", "never", "outbox", "desk", "webhooks", "api")
    kept_out = ["/preview", "/search?", "/feeds/own/", *(f"/{name}/" for name in closed)]
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in kept_out), "Allow: /"]
    lines += ["", f"Sitemap: {links.absolute(reverse('web:sitemap'))}", ""]
    return HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")


@require_safe
def security(request: HttpRequest) -> HttpResponse:
    """Source: RFC 9116. Expires moves along, as the file is made when it is asked for."""
    expires = (answers.clock() + timedelta(days=180)).replace(hour=0, minute=0, second=0, microsecond=0)
    contact = mail_address(settings.REPLY_TO or settings.SERVICE_FROM)
    lines = [
        f"Contact: mailto:{contact}",
        f"Expires: {expires:%Y-%m-%dT%H:%M:%SZ}",
        "Preferred-Languages: en",
        f"Canonical: {links.absolute('/.well-known/security.txt')}",
        "",
    ]
    return HttpResponse("\r\n".join(lines), content_type="text/plain; charset=utf-8")


def mail_address(header: str) -> str:
    """The bare address of a From header."""
    return header.rpartition("<")[2].rstrip(">").strip()
