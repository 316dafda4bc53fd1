"""The link of a confirmation: one button, then the first issue on the screen."""

from __future__ import annotations

from datetime import datetime

from django.http import HttpRequest, HttpResponse

from newsletter import editions, subscribers, tasks
from newsletter.links import Purpose, Refused
from newsletter.models import Subscriber
from newsletter.web import answers, listing
from newsletter.web.reader.guard import masked, next_issue, own, signed

WELCOME_CARDS = 10


@signed
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """One big button; pressing it makes the reader active and shows the first issue at once."""
    now = answers.clock()
    try:
        if request.method != "POST":
            reader = subscribers.confirmable(token, now=now)
            return answers.private_page(request, "confirm.html", {"masked": masked(reader)})
        reader = subscribers.confirm(token, now=now)
    except Refused as refused:
        if refused.reason != "USED":
            raise
        return answers.private_page(request, "already.html")
    tasks.ring("plan")
    return welcome(request, reader, now)


def welcome(request: HttpRequest, reader: Subscriber, now: datetime) -> HttpResponse:
    """The first issue as this reader would have had it, and when the next one comes."""
    first = editions.first_issue(subscriber=reader, now=now)
    picks = first.digest.picks if first else ()
    context = {
        "masked": masked(reader),
        "next": next_issue(reader),
        "first": first,
        "stories": [listing.story(pick.card, pick.reason) for pick in picks[:WELCOME_CARDS]],
        "preferences": own("preferences", Purpose.PREFERENCES, reader.public_id, now),
    }
    return answers.private_page(request, "welcome.html", context)
