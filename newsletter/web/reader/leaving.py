"""The ways out, and the way back that the goodbye holds."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from newsletter import links, subscribers, tasks
from newsletter.links import Purpose, Refused
from newsletter.models import Subscriber, SubscriberStatus
from newsletter.web import answers, clients, errors
from newsletter.web.reader.confirming import welcome
from newsletter.web.reader.guard import is_active, leaving, masked, signed


@signed
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows one button. POST, from that button or from a mail program (RFC 8058), acts at once, again and again."""
    now = answers.clock()
    reader = leaving(token, now)
    if request.method == "POST":
        if reader and subscribers.unsubscribe(reader.public_id, now=now):
            tasks.ring("send")
        return _left(request, reader, token)
    if reader is None or reader.status == SubscriberStatus.LEFT:
        return _left(request, reader, token)
    mailed = reverse("web:mail_preferences", args=[token]) if is_active(reader) else ""
    return answers.private_page(request, "leave.html", {"masked": masked(reader), "mailed": mailed})


def _left(request: HttpRequest, reader: Subscriber | None, token: str) -> HttpResponse:
    return answers.private_page(request, "left.html", {"masked": masked(reader), "unsubscribed": True, "out": reader and token})


@signed
def mail_preferences(request: HttpRequest, token: str) -> HttpResponse:
    """POST mails the link to the preferences to the reader's own address, three a day at most; GET shows the way out.

    A way out never expires and may have been forwarded: it opens nothing itself.
    """
    if request.method != "POST":
        return unsubscribe(request, token)
    now = answers.clock()
    reader = leaving(token, now)
    if reader is not None and is_active(reader):
        try:
            subscribers.send_preferences_link(reader.address, network=clients.address_of(request), now=now)
        except subscribers.TooMany as refused:
            return errors.too_many(request, refused.seconds)
        tasks.ring("send")
    return answers.private_page(request, "linked.html", {"masked": masked(reader)})


@signed
def never(request: HttpRequest, token: str) -> HttpResponse:
    """For someone who never asked: no mail from here again, until support lifts it."""
    now = answers.clock()
    ref = links.read(Purpose.NEVER, token, now=now)
    shown = masked(Subscriber.objects.filter(public_id=ref).first())
    if request.method != "POST":
        return answers.private_page(request, "never.html", {"masked": shown})
    subscribers.never(ref, now=now)
    return answers.private_page(request, "left.html", {"masked": shown, "unsubscribed": False, "out": ""})


@signed
def come_back(request: HttpRequest, token: str) -> HttpResponse:
    """The undo of a goodbye: one button, after which all is as it was. Who reads already is told so."""
    now = answers.clock()
    ref = links.read(Purpose.RETURN, token, now=now)
    try:
        if request.method != "POST":
            return answers.private_page(request, "return.html", {"masked": masked(subscribers.returnable(ref)), "back": False})
        reader = subscribers.come_back(ref, now=now)
    except Refused as refused:
        if refused.reason != "USED":
            raise
        return answers.private_page(request, "return.html", {"masked": "", "back": True})
    tasks.ring("plan")
    return welcome(request, reader, now)
