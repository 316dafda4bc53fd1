"""What was printed: by day, by week, by month."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from django.conf import settings
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.dateformat import format as date_format
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from markupsafe import Markup

from newsletter import links, mail
from newsletter.models import Issue, IssueState, Paper
from newsletter.web import answers, citing, errors, feeds, listing
from newsletter.web.kept import kept

A_PAGE = 25
CITED = 1_000  # papers of a day in one file of references
PRINTED = (IssueState.CLOSED, IssueState.ARCHIVED)
_WEEK = re.compile(r"(\d{4})-W(\d\d)", re.ASCII)
_MONTH = re.compile(r"(\d{4})-(\d\d)", re.ASCII)
VISIBLE = Q(
    candidates__hidden_at__isnull=True,
    candidates__paper__withdrawn_at__isnull=True,
    candidates__paper__merged_into__isnull=True,
)


@dataclass(frozen=True, slots=True)
class Span:
    """A day, a week or a month: its name in addresses, how people call it, first and last day."""

    ref: str
    title: str
    first: date
    last: date

    @property
    def path(self) -> str:
        return reverse("web:day", args=[self.ref])


@require_safe
@kept
def archive(request: HttpRequest) -> HttpResponse:
    """Every printed day by month, the newest first."""
    months = [(_month(first), list(days)) for first, days in groupby(_counted(), key=lambda day: day[0].replace(day=1))]
    return answers.page(request, "archive.html", {"months": months, "feeds": feeds.today_feeds()})


@require_safe
@kept
def day(request: HttpRequest, on: str) -> HttpResponse:
    """All issues of one day, week or month (2026-11-20, 2026-W47, 2026-11). 404 for one without any."""
    span = span_of(on)
    if span is None or not (found := _issues(span)):
        return errors.not_found(request)
    number = answers.page_number(request)
    stories = _stories(span, found, number)
    if not stories and number > 1:
        return errors.not_found(request)
    context = {
        "span": span,
        "days": _counted(span) if span.first != span.last else [],
        "numbers": [issue.number for issue in found if issue.number > 0] if span.first == span.last else [],
        "notes": [part for issue in found for part in note_of(issue.note)] if span.first == span.last and number == 1 else [],
        "stories": stories[:A_PAGE],
        "start": (number - 1) * A_PAGE + 1,
        "number": number,
        "more": len(stories) > A_PAGE,
        "month": _month(span.first) if span.first == span.last else None,
        "week": _week(span.first) if span.first == span.last else None,
        **_beside(span),
        "canonical": links.absolute(span.path) + (f"?page={number}" if number > 1 else ""),
        "ld": _described(span, stories[:A_PAGE]),
        "feeds": feeds.today_feeds(),
    }
    return answers.page(request, "day.html", context)


@require_safe
@kept
def references(request: HttpRequest, on: str, form: str) -> HttpResponse:
    """A printed day's papers for a reference manager."""
    span = span_of(on)
    if span is None or span.first != span.last or not (found := _issues(span)):
        return errors.not_found(request)
    rows = Paper.objects.filter(candidates__issue__in=found, candidates__hidden_at__isnull=True).select_related("merged_into")
    return answers.file(citing.write(list(rows.order_by("id").distinct()[:CITED]), form), citing.TYPES[form], f"{on}.{form}")


def span_of(ref: str) -> Span | None:
    """None for what names no day, week or month of the calendar."""
    try:
        if week := _WEEK.fullmatch(ref):
            return _week(date.fromisocalendar(int(week[1]), int(week[2]), 1))
        if month := _MONTH.fullmatch(ref):
            return _month(date(int(month[1]), int(month[2]), 1))
        on = parse_date(ref)
    except (ValueError, OverflowError):
        return None
    return _day(on) if on and on.isoformat() == ref else None


def note_of(text: str) -> list[Markup]:
    """The curator's note as `mail.markdown` makes it: raw HTML is off there, so what it returns is safe to show."""
    return [Markup(mail.markdown(text))] if text.strip() else []  # noqa: S704


def _day(on: date) -> Span:
    return Span(on.isoformat(), date_format(on, "l, j F Y"), on, on)


def _week(on: date) -> Span:
    monday = on - timedelta(days=on.weekday())
    year, week, _weekday = monday.isocalendar()
    return Span(
        f"{year}-W{week:02d}", _("Week %(week)d of %(year)d") % {"week": week, "year": year}, monday, monday + timedelta(days=6)
    )


def _month(on: date) -> Span:
    first = on.replace(day=1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return Span(f"{first:%Y-%m}", date_format(first, "F Y"), first, last)


def _issues(span: Span) -> list[Issue]:
    return list(Issue.objects.filter(state__in=PRINTED, closed_on__range=(span.first, span.last)).order_by("number"))


def _stories(span: Span, found: list[Issue], number: int) -> list[listing.Story]:
    """A page, and one more where there are more. A day is in its own order, pins first; a longer span by trend."""
    start = (number - 1) * A_PAGE
    if span.first == span.last:
        return listing.of_issues(found, start=start, most=A_PAGE + 1)
    inside = Q(issue__state__in=PRINTED, issue__closed_on__range=(span.first, span.last))
    return listing.of_span(inside, start=start, most=A_PAGE + 1)


def _counted(span: Span | None = None) -> list[tuple[date, int]]:
    """Printed days with the number of papers to see, the newest first."""
    rows = Issue.objects.filter(state__in=PRINTED).annotate(papers=Count("candidates", filter=VISIBLE))
    if span:
        rows = rows.filter(closed_on__range=(span.first, span.last))
    days: dict[date, int] = {}
    for on, papers in rows.order_by("-closed_on").values_list("closed_on", "papers"):
        if on is not None:
            days[on] = days.get(on, 0) + papers
    return list(days.items())


def _beside(span: Span) -> dict[str, Span | None]:
    """The printed spans of the same length before and after."""
    kind = _day if span.first == span.last else _week if "W" in span.ref else _month
    printed = Issue.objects.filter(state__in=PRINTED).order_by("closed_on").values_list("closed_on", flat=True)
    before = printed.filter(closed_on__lt=span.first).last()
    after = printed.filter(closed_on__gt=span.last).first()
    return {"before": kind(before) if before else None, "after": kind(after) if after else None}


def _described(span: Span, stories: list[listing.Story]) -> dict[str, object]:
    """Source: schema.org/CollectionPage, schema.org/ItemList."""
    items = [
        {"@type": "ListItem", "position": place, "url": story.card.page_url, "name": story.card.title}
        for place, story in enumerate(stories, 1)
    ]
    return {
        "@context": "https://schema.org", "@type": "CollectionPage", "name": span.title, "url": links.absolute(span.path),
        "datePublished": span.first.isoformat(), "isPartOf": {"@type": "Periodical", "name": settings.NEWSLETTER_NAME},
        "mainEntity": {"@type": "ItemList", "itemListElement": items},
    }  # fmt: skip
