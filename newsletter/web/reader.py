"""Pages behind signed links. GET and HEAD show, POST acts: scanners follow every link of a mail, and some run scripts.

No CSRF token is asked for here, and no cookie is set: the token in the address is the only authority, whoever lacks it
can forge nothing, and whoever has it needs no forgery. These pages also say `no-referrer`, after which browsers post
with `Origin: null`, which Django's check refuses. RFC 8058 one-click wants the same: no cookie, any origin.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.dateformat import format as date_format
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from newsletter import editions, links, mail, subscribers, tasks
from newsletter.links import Purpose, Refused
from newsletter.matching import query
from newsletter.models import CardLength, Delivery, Edition, EmptyDay, Issue, IssueState, Kind, Subscriber, SubscriberStatus
from newsletter.web import answers, errors, listing, zones
from newsletter.web.signup import sentence

QUERY_FIELDS = 3  # empty ones offered beyond those in use
WELCOME_CARDS = 10
_LEAVE_ID = re.compile(r"[A-Za-z0-9_-]{22}")

View = Callable[..., HttpResponse]


def _signed(view: View) -> View:
    """A page of a token: GET, HEAD and POST, and one helpful page for a token that opens nothing."""

    @csrf_exempt
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def guarded(request: HttpRequest, token: str) -> HttpResponse:
        try:
            return view(request, token)
        except Refused as refused:
            return _refused(request, refused)

    return guarded


def _refused(request: HttpRequest, refused: Refused) -> HttpResponse:
    expired = refused.reason == "EXPIRED"
    return answers.private_page(request, "refused.html", {"expired": expired}, status=410 if expired else 404)


@_signed
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """One big button; pressing it makes the reader active and shows the first issue at once."""
    now = answers.clock()
    try:
        if request.method != "POST":
            reader = subscribers.confirmable(token, now=now)
            return answers.private_page(request, "confirm.html", {"masked": subscribers.mask(reader.address)})
        reader = subscribers.confirm(token, now=now)
    except Refused as refused:
        if refused.reason != "USED":
            raise
        return answers.private_page(request, "already.html")
    tasks.ring("plan")
    return _welcome(request, reader, now)


def _welcome(request: HttpRequest, reader: Subscriber, now: datetime) -> HttpResponse:
    """The newest closed issue as this reader would have had it, and when the next one comes."""
    newest = Issue.objects.filter(state=IssueState.CLOSED).order_by("-number").first()
    picks = editions.preview_issue(issue=newest, subscriber=reader).picks if newest else ()
    context = {
        "masked": subscribers.mask(reader.address),
        "next": next_issue(reader),
        "on": newest.closed_on if newest else None,
        "stories": [listing.story(pick.card, pick.reason) for pick in picks[:WELCOME_CARDS]],
        "preferences": _own("preferences", Purpose.PREFERENCES, reader, now),
    }
    return answers.private_page(request, "welcome.html", context)


@_signed
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """Everything a reader may set, without a password; saved by POST, all or nothing."""
    now = answers.clock()
    reader = _reader(links.read(Purpose.PREFERENCES, token, now=now))
    if reader.status != SubscriberStatus.ACTIVE:
        return answers.private_page(request, "left.html", {"masked": subscribers.mask(reader.address), "unsubscribed": True})
    if request.method != "POST":
        return _preferences(request, reader, _stored(reader), now)
    typed, error = _typed(request.POST), ""
    try:
        reader = subscribers.change(reader, now=now, **_wanted(typed))
    except query.BadQuery as bad:
        error = sentence(bad)
    except subscribers.BadWish as bad:
        error = str(bad)
    shown = typed if error else _stored(reader)
    return _preferences(request, reader, shown, now, error=error, saved=not error)


def _preferences(
    request: HttpRequest, reader: Subscriber, shown: dict[str, Any], now: datetime, *, error: str = "", saved: bool = False
) -> HttpResponse:
    rows = listing.topic_rows()
    context = {
        "masked": subscribers.mask(reader.address),
        "form": shown | {"queries": [*shown["queries"], *[""] * QUERY_FIELDS][: max(len(shown["queries"]) + 1, QUERY_FIELDS)]},
        "groups": listing.grouped(rows, shown["topics"]),
        "when": {"hour": shown["hour"], "zone": shown["zone"], "zones": zones.shown(shown["zone"]), "guess": False},
        "day_names": _day_names(),
        "empty_days": [(choice.value, str(choice.label)) for choice in EmptyDay],
        "lengths": [(choice.value, str(choice.label)) for choice in CardLength],
        "tomorrow": (now.astimezone(ZoneInfo(reader.zone)).date() + timedelta(days=1)).isoformat(),
        "error": error,
        "saved": saved,
        "next": next_issue(reader),
        "unsubscribe": reverse("web:unsubscribe", args=[reader.leave_id]),
    }
    return answers.private_page(request, "preferences.html", context, status=422 if error else 200)


def _stored(reader: Subscriber) -> dict[str, Any]:
    """The form as the reader's row fills it."""
    interests = list(reader.interests.order_by("id"))
    return {
        "topics": [row.slug for row in interests if row.slug],
        "queries": [row.query for row in interests if not row.slug],
        "zone": reader.zone,
        "hour": reader.hour,
        "days": [day for day in range(7) if reader.days >> day & 1],
        "max_papers": reader.max_papers,
        "paused_until": reader.paused_until.isoformat() if reader.paused_until else "",
        "empty_day": reader.empty_day,
        "card_length": reader.card_length,
        "text_only": reader.text_only,
        "muted": "\n".join(reader.muted),
    }


def _typed(data: QueryDict) -> dict[str, Any]:
    """The form as it was sent; numbers that are none become -1, which `change` refuses with its remedy."""
    return {
        "topics": _texts(data, "topic"),
        "queries": [text for text in _texts(data, "q") if text],
        "zone": _text(data, "zone"),
        "hour": _number(_text(data, "hour")),
        "days": sorted({_number(day) for day in _texts(data, "day")} & set(range(7))),
        "max_papers": _number(_text(data, "max_papers")),
        "paused_until": _text(data, "paused_until"),
        "empty_day": _text(data, "empty_day"),
        "card_length": _text(data, "card_length"),
        "text_only": "text_only" in data,
        "muted": _text(data, "muted"),
    }


def _texts(data: QueryDict, name: str) -> list[str]:
    """Without NUL, which PostgreSQL refuses in any text."""
    return [text.replace("\x00", "").strip() for text in data.getlist(name)]


def _text(data: QueryDict, name: str) -> str:
    return (_texts(data, name) or [""])[-1]


def _wanted(typed: dict[str, Any]) -> subscribers.Preferences:
    return subscribers.Preferences(
        topics=typed["topics"],
        interests=typed["queries"],
        zone=typed["zone"],
        hour=typed["hour"],
        days=sum(1 << day for day in typed["days"]),
        max_papers=typed["max_papers"],
        paused_until=_day(typed["paused_until"]),
        empty_day=typed["empty_day"],
        card_length=typed["card_length"],
        text_only=typed["text_only"],
        muted=typed["muted"].splitlines(),
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else -1


def _day(text: str) -> date | None:
    """Raises BadWish for what is no day."""
    try:
        found = parse_date(text) if text else None
    except ValueError:
        found = None
    if text and found is None:
        raise subscribers.BadWish(_("Enter the day of your next digest, like 2027-01-31."))
    return found


def _day_names() -> list[tuple[int, str]]:
    monday = date(2026, 11, 23)
    return [(day, date_format(monday + timedelta(days=day), "D")) for day in range(7)]


def next_issue(reader: Subscriber) -> str:
    """`Sun 29 Nov 07:00 Europe/Amsterdam`; "" for a reader without a next slot."""
    if reader.next_slot_at is None:
        return ""
    return date_format(reader.next_slot_at.astimezone(ZoneInfo(reader.zone)), "D j M H:i") + f" {reader.zone}"


@_signed
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows one button. POST, from that button or from a mail program (RFC 8058), acts at once, again and again."""
    now = answers.clock()
    reader = _leaving(token, now)
    if request.method == "POST":
        if reader and subscribers.unsubscribe(reader.public_id, now=now):
            tasks.ring("send")
        return answers.private_page(request, "left.html", {"masked": _masked(reader), "unsubscribed": True})
    if reader is None or reader.status == SubscriberStatus.LEFT:
        return answers.private_page(request, "left.html", {"masked": _masked(reader), "unsubscribed": True})
    mailed = reverse("web:mail_preferences", args=[token]) if reader.status == SubscriberStatus.ACTIVE else ""
    return answers.private_page(request, "leave.html", {"masked": _masked(reader), "mailed": mailed})


@_signed
def mail_preferences(request: HttpRequest, token: str) -> HttpResponse:
    """POST mails the link to the preferences to the reader's own address, three a day at most; GET shows the way out.

    A way out never expires and may have been forwarded: it opens nothing itself.
    """
    if request.method != "POST":
        return unsubscribe(request, token)
    now = answers.clock()
    reader = _leaving(token, now)
    if reader is not None and reader.status == SubscriberStatus.ACTIVE:
        subscribers.send_preferences_link(reader.address, network="", now=now)
        tasks.ring("send")
    return answers.private_page(request, "linked.html", {"masked": _masked(reader)})


def _leaving(token: str, now: datetime) -> Subscriber | None:
    """None: erased, or never anyone's, which look alike so that the way out of an erased reader gets a kind answer.

    What 0.1 mailed is signed; raises Refused for one that is not.
    """
    if _LEAVE_ID.fullmatch(token):
        return Subscriber.objects.filter(leave_id=token).first()
    return Subscriber.objects.filter(public_id=links.read(Purpose.UNSUBSCRIBE, token, now=now)).first()


@_signed
def never(request: HttpRequest, token: str) -> HttpResponse:
    """For someone who never asked: no mail from here again, until support lifts it."""
    now = answers.clock()
    ref = links.read(Purpose.NEVER, token, now=now)
    masked = _masked(Subscriber.objects.filter(public_id=ref).first())
    if request.method != "POST":
        return answers.private_page(request, "never.html", {"masked": masked})
    subscribers.never(ref, now=now)
    return answers.private_page(request, "left.html", {"masked": masked, "unsubscribed": False})


@require_safe
def view(request: HttpRequest, token: str) -> HttpResponse:
    """The reader's own copy as it was mailed; what was hidden or withdrawn since is marked."""
    now = answers.clock()
    try:
        ref = links.read(Purpose.VIEW, token, now=now)
    except Refused as refused:
        return _refused(request, refused)
    copy = Delivery.objects.filter(public_id=ref, kind__in=(Kind.DIGEST, Kind.TEST), edition__isnull=False).first()
    message = editions.write_again(copy, now=now) if copy else None
    return answers.mail(message.html) if message else errors.not_found(request)


@require_safe
def edition(request: HttpRequest, ref: str) -> HttpResponse:
    """The copy for a friend: the same papers, no personal link."""
    found = Edition.objects.filter(public_id=ref).first()
    if found is None:
        return errors.not_found(request)
    digest = editions.web_copy(found, as_of=answers.clock())
    return answers.mail(mail.digest(replace(digest, more_url=digest.more_url or links.absolute("/today"))).html)


def _reader(ref: str) -> Subscriber:
    """The reader of a token that was read; one erased since is as good as forged."""
    reader = Subscriber.objects.filter(public_id=ref).first()
    if reader is None:
        raise Refused("FORGED")
    return reader


def _masked(reader: Subscriber | None) -> str:
    return subscribers.mask(reader.address) if reader else ""


def _own(name: str, purpose: Purpose, reader: Subscriber, now: datetime) -> str:
    return reverse(f"web:{name}", args=[links.token(purpose, reader.public_id, now=now)])
