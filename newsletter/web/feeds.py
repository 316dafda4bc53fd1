"""RSS 2.0, Atom and JSON Feed of today's issue, each topic, each search and each reader's own mails.

Absolute URLs, ids that stay, 304 when nothing changed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from hashlib import sha256

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.urls import reverse
from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from newsletter import editions, issues, links, search, subscribers
from newsletter.matching import query
from newsletter.models import Delivery, DeliveryState, Edition, Interest, Issue, IssueState, Kind, Subscriber
from newsletter.web import answers, errors, listing

ITEMS = 50
COPIES = 30  # mails that a reader's own feed goes back
_REACHED = (DeliveryState.SENT, DeliveryState.UNCERTAIN)
_BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)  # of a feed that holds nothing yet
KEPT_SECONDS = 600
TYPES = {"rss": "application/rss+xml", "atom": "application/atom+xml", "json": "application/feed+json"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One feed. page, here: absolute addresses of the page it follows and of itself; updated_at: aware UTC."""

    title: str
    line: str
    page: str
    here: str
    updated_at: datetime
    stories: Sequence[listing.Story]


def today_feeds() -> tuple[dict[str, str], ...]:
    """What a page of today's papers announces in its head."""
    return _announced("today", lambda form: reverse("web:feed", args=[form]))


def topic_feeds(slug: str) -> tuple[dict[str, str], ...]:
    return _announced(slug, lambda form: reverse("web:topic_feed", args=[slug, form]))


def search_feeds(q: str) -> tuple[dict[str, str], ...]:
    return _announced(q, lambda form: f"{reverse('web:search_feed', args=[form])}?{urlencode({'q': q})}")


@require_safe
def today(request: HttpRequest, form: str) -> HttpResponse:
    """The newest closed issue, the best first."""
    issue = Issue.objects.filter(state=IssueState.CLOSED).order_by("-number").first()
    channel = Channel(
        title=settings.NEWSLETTER_NAME,
        line=_("Trending research papers, a new issue every day."),
        page=links.absolute(reverse("web:today")),
        here=links.absolute(request.path),
        updated_at=issue.closed_at if issue and issue.closed_at else _BEGINNING,
        stories=[_dated(story, issue.closed_on) for story in listing.of_issues([issue], most=ITEMS)] if issue else [],
    )
    return _answer(request, channel, form)


@require_safe
def topic(request: HttpRequest, slug: str, form: str) -> HttpResponse:
    """The newest papers of a topic that are in a closed issue."""
    row = Interest.objects.filter(slug=slug).first()
    if row is None:
        return errors.not_found(request)
    today = issues.local_date(answers.clock())
    hits = search.find(query.parse(row.query), on=today, most=ITEMS, newest_first=True, printed=True, name=row.name).hits
    best = sorted(hits, key=lambda hit: -hit.relevance * (1.0 + hit.candidate.trend))
    printed = sorted((listing.of_hit(hit) for hit in best), key=lambda story: story.on or date.min, reverse=True)
    channel = Channel(
        title=f"{row.name} · {settings.NEWSLETTER_NAME}",
        line=row.line or row.name,
        page=links.absolute(reverse("web:topic", args=[slug])),
        here=links.absolute(request.path),
        updated_at=_midnight(printed[0].on) if printed else _BEGINNING,
        stories=printed,
    )
    return _answer(request, channel, form)


@require_safe
def found(request: HttpRequest, form: str) -> HttpResponse:
    """`?q=`: the newest papers that match, by day. 422 for a query that cannot be read."""
    typed = request.GET.get("q", "").strip()
    try:
        asked = query.parse(typed)
    except query.BadQuery as error:
        return answers.problem(422, _("The query cannot be read: %(why)s") % {"why": error})
    result = search.find(asked, on=issues.local_date(answers.clock()), most=ITEMS, newest_first=True)
    stories = [_dated(listing.of_hit(hit), hit.candidate.issue.closed_on or hit.candidate.paper.listed_on) for hit in result.hits]
    channel = Channel(
        title=f"{typed} · {settings.NEWSLETTER_NAME}",
        line=asked.words(),
        page=links.absolute(f"{reverse('web:search')}?{urlencode({'q': typed})}"),
        here=links.absolute(f"{request.path}?{urlencode({'q': typed})}"),
        updated_at=max((_midnight(story.on) for story in stories), default=_BEGINNING),
        stories=stories,
    )
    return _answer(request, channel, form)


@require_safe
def own(request: HttpRequest, feed_id: str, form: str) -> HttpResponse:
    """One reader's mails as items, the newest first: the same papers, order and reasons. Whoever has the address may read it;
    the reader makes another on the preferences page, and this one ends."""
    reader = subscribers.feed_reader(feed_id)
    if reader is None:
        return answers.sealed(errors.not_found(request))
    stories = _mailed(reader, answers.clock())
    channel = Channel(
        title=_("Your papers · %(newsletter)s") % {"newsletter": settings.NEWSLETTER_NAME},
        line=_("What your mails brought, to read here."),
        page=links.absolute("/"),
        here=links.absolute(request.path),
        updated_at=max((_midnight(story.on) for story in stories), default=_BEGINNING),
        stories=stories,
    )
    response = answers.sealed(_answer(request, channel, form))
    response["Cache-Control"] = f"private, max-age={KEPT_SECONDS}"
    return response


def _mailed(reader: Subscriber, now: datetime) -> list[listing.Story]:
    """Less what was hidden since. Before the first mail: the issue that the page of welcome showed."""
    rows = Delivery.objects.filter(subscriber=reader, kind=Kind.DIGEST, state__in=_REACHED, edition__isnull=False)
    copies = list(rows.order_by("-slot_on", "-id")[:COPIES])
    shown = editions.copies_of(copies, as_of=now)
    digests = [(row.slot_on, copy.digest()) for row in copies if (copy := shown[row.pk]) is not None]
    if not digests:
        first = editions.first_issue(subscriber=reader, now=now)
        digests = [(first.issue.closed_on, first.digest)] if first else []
    return _once([listing.story(pick.card, pick.reason, on) for on, digest in digests for pick in digest.picks])


def _once(stories: Sequence[listing.Story]) -> list[listing.Story]:
    """A paper that came again keeps its newest place: an id stands once in a feed."""
    return list({story.card.page_url: story for story in reversed(stories)}.values())[::-1]


@require_safe
def edition(request: HttpRequest, ref: str, form: str) -> HttpResponse:
    """The copy for a friend as items: the papers, order and reasons of the mail, from the one maker of all of them."""
    found = Edition.objects.filter(public_id=ref).first()
    if found is None:
        return errors.not_found(request)
    on = found.created_at.date()
    picks = editions.web_copy(found, as_of=answers.clock()).picks
    channel = Channel(
        title=settings.NEWSLETTER_NAME,
        line=_("One edition of the newsletter."),
        page=links.absolute(reverse("web:edition", args=[ref])),
        here=links.absolute(request.path),
        updated_at=found.created_at,
        stories=[listing.story(pick.card, pick.reason, on) for pick in picks],
    )
    return _answer(request, channel, form)


def _announced(name: str, address: Callable[[str], str]) -> tuple[dict[str, str], ...]:
    names = {"rss": "RSS", "atom": "Atom", "json": "JSON Feed"}
    return tuple({"type": TYPES[form], "title": f"{names[form]}: {name}", "href": address(form)} for form in TYPES)


def _dated(story: listing.Story, on: date | None) -> listing.Story:
    return listing.Story(story.card, story.text, story.reason, on)


def _answer(request: HttpRequest, channel: Channel, form: str) -> HttpResponse:
    response = _json(channel) if form == "json" else _xml(channel, form)
    response["ETag"] = f'"{sha256(response.content).hexdigest()[:32]}"'
    if response["ETag"] in request.headers.get("If-None-Match", ""):
        unchanged = HttpResponseNotModified()
        unchanged["ETag"] = response["ETag"]
        response = unchanged
    response["Cache-Control"] = f"public, max-age={KEPT_SECONDS}"
    return response


def _xml(channel: Channel, form: str) -> HttpResponse:
    kind = Rss201rev2Feed if form == "rss" else Atom1Feed
    feed = kind(
        title=printable(channel.title),
        link=channel.page,
        description=channel.line,
        subtitle=channel.line,
        feed_url=channel.here,
        language="en",
        author_name=settings.NEWSLETTER_NAME,
    )
    for story in channel.stories:
        feed.add_item(
            title=printable(story.card.title),
            link=story.card.page_url,
            description=printable(_text(story)),
            unique_id=story.card.page_url,
            unique_id_is_permalink=True,
            pubdate=_midnight(story.on),
            updateddate=_midnight(story.on),
            author_name=printable(", ".join(story.card.authors[:3])) or settings.NEWSLETTER_NAME,
            categories=[printable(code) for code in story.card.categories],
        )
    feed.latest_post_date = lambda: channel.updated_at  # type: ignore[method-assign]
    return HttpResponse(feed.writeString("utf-8"), content_type=f"{TYPES[form]}; charset=utf-8")


def _json(channel: Channel) -> HttpResponse:
    """Source: JSON Feed 1.1."""
    items = [
        {
            "id": story.card.page_url,
            "url": story.card.page_url,
            "external_url": story.card.url or story.card.page_url,
            "title": story.card.title,
            "content_text": _text(story) or story.card.title,
            "date_published": _midnight(story.on).isoformat(),
            "authors": [{"name": name} for name in story.card.authors[:3]],
            "tags": list(story.card.categories),
        }
        for story in channel.stories
    ]
    body = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": channel.title,
        "description": channel.line,
        "home_page_url": channel.page,
        "feed_url": channel.here,
        "language": "en",
        "items": items,
    }
    return JsonResponse(body, content_type=f"{TYPES['json']}; charset=utf-8", json_dumps_params={"ensure_ascii": False})


def _text(story: listing.Story) -> str:
    said = story.card.summary or story.card.abstract
    return f"{said}\n\n{_('Why: %(reason)s') % {'reason': story.reason}}".strip() if story.reason else said


def printable(text: str) -> str:
    """Without what XML 1.0 cannot hold: control characters, lone surrogates, non-characters."""
    return "".join(c for c in text if c in "\t\n" or (unicodedata.category(c) not in {"Cc", "Cs"} and c not in "\ufffe\uffff"))


def _midnight(on: date | None) -> datetime:
    return datetime.combine(on or date(2026, 1, 1), time(), tzinfo=UTC)
