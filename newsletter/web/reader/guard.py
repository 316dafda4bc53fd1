"""What all pages of a token share: which methods, one helpful page for a token that opens nothing, whose it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.dateformat import format as date_format
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from newsletter import links, subscribers
from newsletter.links import Purpose, Refused
from newsletter.models import Subscriber, SubscriberStatus
from newsletter.web import answers

View = Callable[..., HttpResponse]
_LEAVE_ID = re.compile(r"[A-Za-z0-9_-]{22}")


def signed(view: View) -> View:
    """A page of a token: GET, HEAD and POST, and one helpful page for a token that opens nothing."""

    @csrf_exempt
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def guarded(request: HttpRequest, token: str, **named: str) -> HttpResponse:
        try:
            return view(request, token, **named)
        except Refused as refused:
            return refusal(request, refused)

    return guarded


def refusal(request: HttpRequest, refused: Refused) -> HttpResponse:
    expired = refused.reason == "EXPIRED"
    return answers.private_page(request, "refused.html", {"expired": expired}, status=410 if expired else 404)


def reader_of(purpose: Purpose, token: str, now: datetime) -> Subscriber:
    """The reader whom a token names; one erased since is as good as forged. Raises Refused."""
    reader = Subscriber.objects.filter(public_id=links.read(purpose, token, now=now)).first()
    if reader is None:
        raise Refused("FORGED")
    return reader


def leaving(token: str, now: datetime) -> Subscriber | None:
    """Whose way out this is. None: erased, or never anyone's, which look alike so that an erased reader gets a kind answer.

    What 0.1 mailed is signed; raises Refused for one that is not.
    """
    if _LEAVE_ID.fullmatch(token):
        return Subscriber.objects.filter(leave_id=token).first()
    return Subscriber.objects.filter(public_id=links.read(Purpose.UNSUBSCRIBE, token, now=now)).first()


def is_active(reader: Subscriber) -> bool:
    return reader.status == SubscriberStatus.ACTIVE


def masked(reader: Subscriber | None) -> str:
    return subscribers.mask(reader.address) if reader else ""


def own(name: str, purpose: Purpose, ref: str, now: datetime) -> str:
    """The path of a page of a token made now."""
    return reverse(f"web:{name}", args=[links.token(purpose, ref, now=now)])


def next_issue(reader: Subscriber) -> str:
    """`Sun 29 Nov 07:00 Europe/Amsterdam`; "" for a reader without a next slot."""
    if reader.next_slot_at is None:
        return ""
    return date_format(reader.next_slot_at.astimezone(ZoneInfo(reader.zone)), "D j M H:i") + f" {reader.zone}"
