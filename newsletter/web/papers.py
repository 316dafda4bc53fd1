"""One paper: all that is known of it, where it was seen, why it trends, what is like it; and as a reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.dateformat import format as date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from newsletter import editions, issues, links, mail, search
from newsletter.matching import query, trend
from newsletter.models import Candidate, Paper, Sighting
from newsletter.web import answers, citing, errors, listing
from newsletter.web.kept import kept

SIGHTINGS = 30
CHARTED = 400
RELATED = 5
RELATED_BY = 4  # keywords, or words of the title
DESCRIBED = 300  # characters of a page's description
WIDTH, HEIGHT = 320, 96  # of the chart's own units
PARTS = {
    "upvotes": gettext_lazy("Votes"),
    "comments": gettext_lazy("Comments"),
    "stars": gettext_lazy("Stars of the code"),
    "upvotes_gained": gettext_lazy("Votes in the last 24 hours"),
    "stars_gained": gettext_lazy("Stars in the last 24 hours"),
    "sources": gettext_lazy("Further places that show it"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One source's votes over time as an SVG path's points, and what they say in words."""

    name: str
    points: str
    said: str


@require_safe
@kept
def paper(request: HttpRequest, ref: str) -> HttpResponse:
    """One paper, whole. A paper joined to another shows the other; a withdrawn one its title alone."""
    row = Paper.objects.select_related("merged_into").filter(public_id=ref).first()
    if row is None:
        return errors.not_found(request)
    shown = row.survivor()
    newest = shown.candidates.select_related("issue", "weights").order_by("-id").first()
    card = editions.card(shown, newest)
    context = {
        "card": card,
        "description": mail.shorten(card.title if shown.withdrawn_at else card.summary or card.abstract or card.title, DESCRIBED),
        "withdrawn_on": shown.withdrawn_at.date() if shown.withdrawn_at else None,
        "canonical": card.page_url,
    }
    if shown.withdrawn_at:
        return answers.page(request, "withdrawn.html", context, status=410)
    [work] = citing.works([shown])
    seen = list(Sighting.objects.filter(paper=shown).select_related("source").order_by("-seen_at", "source_id")[:CHARTED])
    context |= {
        "authors": [(name, search.slug_of(name)) for name in shown.authors],
        "labs": [(name, search.slug_of(name)) for name in shown.organizations],
        "project_url": shown.project_url,
        "comments": shown.comments,
        "listed_on": shown.listed_on,
        "keywords": shown.keywords,
        "tags": _tags(work),
        "sightings": [
            {"name": each.source.name, "on": each.listed_on, "rank": each.rank, "upvotes": each.upvotes}
            for each in seen[:SIGHTINGS]
        ],
        "chart": _chart(seen),
        "trend": _broken_down(newest, shown),
        "related": _related(shown),
        "query": _like(shown),
        "ld": _described(work, card),
    }
    return answers.page(request, "paper.html", context)


@require_safe
@kept
def reference(request: HttpRequest, ref: str, form: str) -> HttpResponse:
    """The paper for a reference manager."""
    row = Paper.objects.select_related("merged_into").filter(public_id=ref).first()
    if row is None:
        return errors.not_found(request)
    return answers.file(citing.write([row], form), citing.TYPES[form], f"{citing.name_of([row], ref)}.{form}")


def _tags(work: citing.Work) -> list[tuple[str, str]]:
    """What Google Scholar and reference managers read. Source: Google Scholar's inclusion guidelines, Highwire Press tags."""
    paper = work.paper
    pairs = [("citation_title", paper.title), *(("citation_author", name) for name in paper.authors)]
    pairs += [("citation_publication_date", f"{work.on:%Y/%m/%d}"), ("citation_doi", work.doi), ("citation_arxiv_id", work.arxiv)]
    pairs += [("citation_pdf_url", paper.pdf_url), ("citation_abstract_html_url", work.page)]
    pairs += [("citation_keywords", word) for word in paper.keywords]
    return [(name, value) for name, value in pairs if value]


def _described(work: citing.Work, card: mail.Card) -> dict[str, object]:
    """Source: schema.org/ScholarlyArticle."""
    paper = work.paper
    said = {
        "@context": "https://schema.org", "@type": "ScholarlyArticle", "headline": mail.shorten(paper.title, 110), "name": paper.title,
        "url": work.page, "datePublished": work.on.isoformat(), "abstract": card.abstract, "keywords": ", ".join(paper.keywords),
        "author": [{"@type": "Person", "name": name} for name in paper.authors], "sameAs": paper.url,
        "identifier": f"https://doi.org/{work.doi}" if work.doi else f"arXiv:{work.arxiv}" if work.arxiv else "",
        "isPartOf": {"@type": "Periodical", "name": settings.NEWSLETTER_NAME, "url": links.absolute("/")},
    }  # fmt: skip
    return {name: value for name, value in said.items() if value}


def _chart(seen: Sequence[Sighting]) -> tuple[Line, ...]:
    """Votes over time, a line a source that counted at least twice; () where there is nothing to draw."""
    counted = sorted((each for each in seen if each.upvotes is not None), key=lambda each: each.seen_at)
    by_source: dict[str, list[tuple[datetime, int]]] = {}
    for each in counted:
        by_source.setdefault(each.source.name, []).append((each.seen_at, each.upvotes or 0))
    drawn = {name: points for name, points in by_source.items() if len(points) > 1 and points[0][0] < points[-1][0]}
    if not drawn:
        return ()
    begin = min(points[0][0] for points in drawn.values()).timestamp()
    end = max(points[-1][0] for points in drawn.values()).timestamp()
    most = max(votes for points in drawn.values() for _, votes in points) or 1
    return tuple(_line(name, points, begin, end, most) for name, points in drawn.items())


def _line(name: str, points: Sequence[tuple[datetime, int]], begin: float, end: float, most: int) -> Line:
    places = [((at.timestamp() - begin) / (end - begin) * WIDTH, HEIGHT * (1 - max(votes, 0) / most)) for at, votes in points]
    (first_at, first), (last_at, last) = points[0], points[-1]
    said = _("%(name)s: %(first)d votes on %(begin)s, %(last)d on %(end)s") % {
        "name": name, "first": first, "begin": date_format(first_at, "j M"), "last": last, "end": date_format(last_at, "j M"),
    }  # fmt: skip
    return Line(name, " ".join(f"{x:.1f},{y:.1f}" for x, y in places), said)


def _broken_down(candidate: Candidate | None, shown: Paper) -> dict[str, object] | None:
    """The published formula's parts for the newest candidate, as of its day; None for a paper in no issue yet."""
    if candidate is None:
        return None
    on = candidate.issue.closed_on or issues.local_date(answers.clock())
    found = issues.trend_of(candidate, shown, on=on, weights=issues.values_of(candidate.weights))
    most = max(found.parts.values(), default=0.0) or 1.0
    parts = [(PARTS[name], round(part, 2), round(100 * part / most)) for name, part in found.parts.items() if part > 0]
    return {"total": round(found.total, 2), "parts": parts, "threshold": trend.THRESHOLD, "on": on}


def _like(shown: Paper) -> str:
    """A query for what is like it: its first keywords, else the longest words of its title; "" where there is none."""
    words = [word for word in shown.keywords if '"' not in word][:RELATED_BY]
    words = words or sorted((word for word in shown.title.split() if word.isalpha() and len(word) > 4), key=len)[-RELATED_BY:]
    typed = " OR ".join(f'"{word}"' for word in words)
    try:
        query.parse(typed)
    except query.BadQuery:
        return ""
    return typed


def _related(shown: Paper) -> list[listing.Story]:
    typed = _like(shown)
    if not typed:
        return []
    hits = search.find(query.parse(typed), on=issues.local_date(answers.clock()), most=RELATED + 1).hits
    return [listing.of_hit(hit) for hit in hits if hit.candidate.paper_id != shown.pk][:RELATED]
