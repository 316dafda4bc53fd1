"""The sign-up form for other people's pages: plain HTML to copy, without script or cookie."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from newsletter import links
from newsletter.matching import query
from newsletter.web import answers, listing
from newsletter.web.signup import MOST_CHOICES, sentence


@require_safe
def snippet(request: HttpRequest) -> HttpResponse:
    """`?q=` and `?topic=` go into the form as fixed choices, so that a lab's page can offer its own subject."""
    q, error = request.GET.get("q", "").strip(), ""
    try:
        words = query.parse(q).words() if q else ""
    except query.BadQuery as bad:
        words, error = "", sentence(bad)
    wanted = set(request.GET.getlist("topic")[:MOST_CHOICES])
    topics = [row for row in listing.topic_rows() if row.slug in wanted]
    values = {
        "action": links.absolute(reverse("web:subscribe")),
        "home": links.absolute("/"),
        "promise": _("Get trending papers in your email inbox"),
        "q": "" if error else q,
        "topics": [row.slug for row in topics],
    }
    html = render_to_string("web/_embed.html", values)
    about = " · ".join([*(row.name for row in topics), *([words] if words else [])])
    context = {"html": html, "about": about, "error": error, "q": q[: query.MAX_CHARACTERS], "name": settings.NEWSLETTER_NAME}
    return answers.page(request, "embed.html", context, status=422 if error else 200)
