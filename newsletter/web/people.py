"""Authors and labs: a name's papers, the newest first. A name is as listed: two people who share one share its page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from newsletter import links
from newsletter.models import Byline, BylineKind
from newsletter.web import answers, errors, listing
from newsletter.web.kept import kept

A_PAGE = 25


@require_safe
@kept
def author(request: HttpRequest, slug: str) -> HttpResponse:
    return _page(request, BylineKind.AUTHOR, slug)


@require_safe
@kept
def lab(request: HttpRequest, slug: str) -> HttpResponse:
    return _page(request, BylineKind.LAB, slug)


def _page(request: HttpRequest, kind: BylineKind, slug: str) -> HttpResponse:
    """404 for a name without a paper to see. The name is shown as the newest of them spells it."""
    number = answers.page_number(request)
    stories = listing.of_name(kind, slug, start=(number - 1) * A_PAGE, most=A_PAGE + 1)
    if not stories:
        return errors.not_found(request)
    name = Byline.objects.filter(kind=kind, slug=slug).order_by("-listed_on", "-paper").values_list("name", flat=True)[0]
    field = "author" if kind == BylineKind.AUTHOR else "org"
    address = links.absolute(reverse(f"web:{kind.lower()}", args=[slug]))
    context = {
        "kicker": _("Author, as listed") if kind == BylineKind.AUTHOR else _("Organization, as listed"),
        "name": name,
        "query": f'{field}:"{name.replace(chr(34), " ")}"',
        "stories": stories[:A_PAGE],
        "start": (number - 1) * A_PAGE + 1,
        "number": number,
        "more": len(stories) > A_PAGE,
        "canonical": address + (f"?page={number}" if number > 1 else ""),
        "ld": {
            "@context": "https://schema.org",
            "@type": "Person" if field == "author" else "Organization",
            "name": name,
            "url": address,
        },
    }
    return answers.page(request, "name.html", context)
