"""Pages for reading, open to everyone: today, the archive, topics, papers, search."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby

from django.conf import settings
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_safe
from markupsafe import Markup

from newsletter import editions, issues, links, mail, search
from newsletter.matching import query
from newsletter.models import Interest, Issue, IssueState, Paper, Sighting
from newsletter.web import answers, errors, feeds, listing
from newsletter.web.signup import sentence

CARDS = 20
LINES = 80
A_PAGE = CARDS + LINES
OPEN_LINES = 40
FOUND = 50
FOUND_A_PAGE = 20
SIGHTINGS = 30
DESCRIBED = 300  # characters of a page's description
PRINTED = (IssueState.CLOSED, IssueState.ARCHIVED)
VISIBLE = Q(
    candidates__hidden_at__isnull=True,
    candidates__paper__withdrawn_at__isnull=True,
    candidates__paper__merged_into__isnull=True,
)


@require_safe
def today(request: HttpRequest) -> HttpResponse:
    """The newest closed issue, and the open one as it grows."""
    now = answers.clock()
    closed = Issue.objects.filter(state=IssueState.CLOSED).order_by("-number").first()
    gathering = Issue.objects.filter(state=IssueState.OPEN).first()
    stories = listing.of_issues([closed], most=A_PAGE) if closed else []
    context = {
        "issue": {"number": closed.number, "on": closed.closed_on, "at": closed.closed_at} if closed else None,
        "note": _note(closed.note) if closed else [],
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
def archive(request: HttpRequest) -> HttpResponse:
    """Every printed day by month, the newest first."""
    rows = Issue.objects.filter(state__in=PRINTED).annotate(papers=Count("candidates", filter=VISIBLE))
    days: dict[date, int] = {}
    for on, papers in rows.order_by("-closed_on").values_list("closed_on", "papers"):
        if on is not None:
            days[on] = days.get(on, 0) + papers
    months = [(first, list(group)) for first, group in groupby(days.items(), key=lambda day: day[0].replace(day=1))]
    return answers.page(request, "archive.html", {"months": months, "feeds": feeds.today_feeds()})


@require_safe
def day(request: HttpRequest, on: str) -> HttpResponse:
    """All issues of one day. 404 for a day without one."""
    asked = _date(on)
    found = list(Issue.objects.filter(state__in=PRINTED, closed_on=asked).order_by("number")) if asked else []
    if not found or asked is None:
        return errors.not_found(request)
    number = _page_number(request)
    start = (number - 1) * A_PAGE
    stories = listing.of_issues(found, start=start, most=A_PAGE + 1)
    more, stories = len(stories) > A_PAGE, stories[:A_PAGE]
    if not stories and number > 1:
        return errors.not_found(request)
    printed = Issue.objects.filter(state__in=PRINTED).order_by("closed_on").values_list("closed_on", flat=True)
    context = {
        "on": asked,
        "numbers": [issue.number for issue in found if issue.number > 0],
        "notes": [part for issue in found for part in _note(issue.note)],
        "cards": stories[:CARDS] if number == 1 else [],
        "lines": stories[CARDS:] if number == 1 else stories,
        "number": number,
        "more": more,
        "before": printed.filter(closed_on__lt=asked).last(),
        "after": printed.filter(closed_on__gt=asked).first(),
        "canonical": links.absolute(request.path),
        "feeds": feeds.today_feeds(),
    }
    return answers.page(request, "day.html", context)


@require_safe
def topics(request: HttpRequest) -> HttpResponse:
    groups = listing.grouped(listing.topic_rows())
    return answers.page(request, "topics.html", {"groups": groups, "feeds": feeds.today_feeds()})


@require_safe
def topic(request: HttpRequest, slug: str) -> HttpResponse:
    """A topic's newest papers, by day; those of the open issue first."""
    row = Interest.objects.filter(slug=slug).first()
    if row is None:
        return errors.not_found(request)
    asked = query.parse(row.query)
    found = listing.matching(asked, name=row.name, now=answers.clock(), most=listing.LOOKED_AT)
    newest = sorted(found, key=lambda story: story.on or date.max, reverse=True)[:FOUND]
    context = {
        "topic": {"slug": slug, "name": row.name, "line": row.line, "group": row.group, "words": asked.words()},
        "query": row.query,
        "days": [(on, list(group)) for on, group in groupby(newest, key=lambda story: story.on)],
        "feeds": feeds.topic_feeds(slug),
    }
    return answers.page(request, "topic.html", context)


@require_safe
def paper(request: HttpRequest, ref: str) -> HttpResponse:
    """One paper, whole. A paper joined to another shows the other; a withdrawn one its title alone."""
    row = Paper.objects.select_related("merged_into").filter(public_id=ref).first()
    if row is None:
        return errors.not_found(request)
    shown = row.merged_into or row
    newest = shown.candidates.order_by("-id").first()
    seen = Sighting.objects.filter(paper=shown).select_related("source").order_by("-seen_at", "source_id")[:SIGHTINGS]
    card = editions.card(shown, newest)
    said = card.title if shown.withdrawn_at else card.summary or card.abstract or card.title
    context = {
        "card": card,
        "description": mail.shorten(said, DESCRIBED),
        "withdrawn_on": shown.withdrawn_at.date() if shown.withdrawn_at else None,
        "project_url": shown.project_url,
        "comments": shown.comments,
        "listed_on": shown.listed_on,
        "keywords": shown.keywords,
        "sightings": [
            {"name": each.source.name, "on": each.listed_on, "rank": each.rank, "upvotes": each.upvotes} for each in seen
        ],
        "canonical": links.absolute(f"/papers/{shown.public_id}"),
        "feeds": (),
    }
    return answers.page(request, "paper.html", context, status=410 if shown.withdrawn_at else 200)


@require_safe
def found(request: HttpRequest) -> HttpResponse:
    """`?q=` in the query language over all papers, best first, a page at a time; 422 when it cannot be read."""
    typed, number = request.GET.get("q", "").strip(), _page_number(request)
    context: dict[str, object] = {"q": typed, "error": "", "words": "", "stories": [], "total": 0, "number": number}
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
def privacy(request: HttpRequest) -> HttpResponse:
    return answers.page(request, "privacy.html", {"postal_address": settings.POSTAL_ADDRESS})


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Personal pages are not for robots; their answers say noindex as well. Source: RFC 9309."""
    closed = ("confirm", "u", "unsubscribe", "preferences", "view", "never", "outbox", "desk", "webhooks", "api", "feeds/own")
    lines = ["User-agent: *", "Disallow: /preview", *(f"Disallow: /{name}/" for name in closed), "Allow: /", ""]
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


def _note(text: str) -> list[Markup]:
    """The curator's note as `mail.markdown` makes it: raw HTML is off there, so what it returns is safe to show."""
    return [Markup(mail.markdown(text))] if text.strip() else []  # noqa: S704


def _date(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def _page_number(request: HttpRequest) -> int:
    text = request.GET.get("page", "1")
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) <= 5 else 1
