"""The open issue as a reader would get it now: by the code that plans and writes, without leaving a row."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from newsletter import editions, mail
from newsletter.desk.door import curator, page
from newsletter.matching.query import BadQuery
from newsletter.models import Interest, Issue, IssueState, Subscriber

# A mail is somebody's text: shown in a frame that runs nothing and loads nothing.
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"


class NoSuchReader(Exception):
    """The form names nobody; the message says what to write instead."""


@curator
@require_safe
def reader(request: HttpRequest) -> HttpResponse:
    """Choose a reader, a topic or a query; the mail at 600 and 360 px, light or dark, and its text."""
    issue = Issue.objects.filter(state=IssueState.OPEN).first()
    digest, message, error = None, None, ""
    if issue is not None:
        try:
            digest = _digest(request, issue)
            message = mail.digest(digest)
        except (NoSuchReader, BadQuery) as refused:
            error = str(refused)
    return page(
        request,
        "issue/preview.html",
        title=_("Preview as a reader"),
        is_nav_sidebar_enabled=False,
        issue=issue,
        digest=digest,
        message=message,
        error=error,
        topics=list(Interest.objects.filter(slug__isnull=False).order_by("group", "position", "name")),
        chosen=request.GET,
        query=request.GET.urlencode(),
        is_dark=bool(request.GET.get("dark")),
        now=timezone.now(),
    )


@curator
@require_safe
@xframe_options_sameorigin
def mail_frame(request: HttpRequest) -> HttpResponse:
    """The mail's HTML alone, for the frames of the page."""
    issue = Issue.objects.filter(state=IssueState.OPEN).first()
    if issue is None:
        raise Http404
    try:
        message = mail.digest(_digest(request, issue))
    except (NoSuchReader, BadQuery):
        raise Http404 from None
    return framed(message.html, is_dark=bool(request.GET.get("dark")))


def framed(html: str, *, is_dark: bool) -> HttpResponse:
    """A mail's HTML for a frame, light or dark by choice: browsers tell a sandboxed frame the machine's scheme, not its page's."""
    media, scheme = ("all", "dark") if is_dark else ("not all", "light")
    html = html.replace("@media (prefers-color-scheme:dark){", f"@media {media}{{")
    response = HttpResponse(html.replace('"color-scheme" content="light dark"', f'"color-scheme" content="{scheme}"'))
    response["Content-Security-Policy"] = MAIL_POLICY
    return response


def _digest(request: HttpRequest, issue: Issue) -> mail.Digest:
    """Reader before topic before query; nothing chosen is what a reader gets who chose nothing: trending."""
    reader_id, topic, query = (request.GET.get(name, "").strip() for name in ("reader", "topic", "query"))
    if reader_id:
        subscriber = Subscriber.objects.filter(public_id=reader_id).first()
        if subscriber is None:
            raise NoSuchReader(
                _("No reader has the id “%(id)s”: copy one from the list of subscribers.") % {"id": reader_id[:40]}
            )
        return editions.preview_issue(issue=issue, subscriber=subscriber)
    if topic:
        interest = Interest.objects.filter(slug=topic).first()
        if interest is None:
            raise NoSuchReader(_("There is no topic “%(slug)s”.") % {"slug": topic[:60]})
        return editions.preview_issue(issue=issue, queries=[interest.query])
    return editions.preview_issue(issue=issue, queries=[query] if query else [])
