"""Everything a reader may set, without a password, with what it would bring and what it has brought."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.dateformat import format as date_format

from newsletter import editions, links, subscribers
from newsletter.links import Purpose
from newsletter.matching import query
from newsletter.models import CardLength, Delivery, EmptyDay, Interest, Kind, MutedInterest, Paper, Subscriber
from newsletter.models.ledger import ACCEPTED_STATES
from newsletter.subscribers import tastes
from newsletter.web import answers, listing, signup, zones
from newsletter.web.reader import forms
from newsletter.web.reader.guard import is_active, masked, next_issue, own, reader_of, signed

QUERY_FIELDS = 3  # empty ones offered beyond those in use
COPIES = 30
SAVED = 100
NO_MOVE = {"typed": "", "error": ""}


@signed
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """The form; saved by POST, all or nothing. The button that only shows what it would bring saves nothing."""
    now = answers.clock()
    reader = reader_of(Purpose.PREFERENCES, token, now)
    if request.method != "POST" or not is_active(reader):
        return page(request, token, reader, now)
    typed = forms.typed(request.POST)
    if "show" in request.POST:
        return page(request, token, reader, now, form=typed)
    try:
        reader = subscribers.change(reader, now=now, **forms.wanted(typed))
    except query.BadQuery as bad:
        return page(request, token, reader, now, form=typed, error=signup.sentence(bad))
    except subscribers.BadWish as bad:
        return page(request, token, reader, now, form=typed, error=str(bad))
    return page(request, token, reader, now, saved=True)


@signed
def preview(request: HttpRequest, token: str) -> HttpResponse:
    """What the form as it stands would have brought: a part of the page, for a script. Changes nothing."""
    now = answers.clock()
    reader = reader_of(Purpose.PREFERENCES, token, now)
    form = forms.typed(request.POST) if request.method == "POST" else forms.stored(reader)
    shown = _previewed(reader, form, now)
    return answers.private_page(request, "_own_preview.html", {"preview": shown}, status=422 if shown.error else 200)


@signed
def drop_saved(request: HttpRequest, token: str, ref: str) -> HttpResponse:
    """Keep a paper no longer."""
    now = answers.clock()
    reader = reader_of(Purpose.PREFERENCES, token, now)
    if request.method == "POST":
        for paper in Paper.objects.filter(public_id=ref):
            tastes.drop(reader, paper)
    return page(request, token, reader, now, dropped=request.method == "POST")


@signed
def own_feed(request: HttpRequest, token: str) -> HttpResponse:
    """Open the reader's own feed, give it another address, or close it: `do` is RENEW or CLOSE."""
    now = answers.clock()
    reader = reader_of(Purpose.PREFERENCES, token, now)
    wish = request.POST.get("do", "") if request.method == "POST" and is_active(reader) else ""
    if wish == "RENEW":
        subscribers.renew_feed(reader.public_id, now=now)
    elif wish == "CLOSE":
        subscribers.revoke_feed(reader.public_id, now=now)
    reader.refresh_from_db(fields=["feed_id"])
    return page(request, token, reader, now, fed=bool(wish))


def page(
    request: HttpRequest,
    token: str,
    reader: Subscriber,
    now: datetime,
    *,
    form: dict[str, Any] | None = None,
    move: Mapping[str, str] = NO_MOVE,
    error: str = "",
    **told: bool,
) -> HttpResponse:
    """The page of an active reader; of one who left, the way back. told: what has just been done."""
    if not is_active(reader):
        out = reader.leave_id
        return answers.private_page(request, "left.html", {"masked": masked(reader), "unsubscribed": True, "out": out})
    shown = form or forms.stored(reader)
    context = _form(shown) | _had(reader, now)
    context |= {
        "masked": masked(reader),
        "token": token,
        "error": error,
        "saved": told.get("saved", False),
        "dropped": told.get("dropped", False),
        "own_feeds": _feeds(reader),
        "fed": told.get("fed", False),
        "unsaved": form is not None and not error,
        "move": move,
        "mutes": _mutes(reader),
        "preview": _previewed(reader, shown, now),
        "tomorrow": (now.astimezone(ZoneInfo(reader.zone)).date() + timedelta(days=1)).isoformat(),
        "next": next_issue(reader),
        "silent": _silent(reader),
        "unsubscribe": reverse("web:unsubscribe", args=[reader.leave_id]),
    }
    return answers.private_page(request, "preferences.html", context, status=422 if error or move["error"] else 200)


def _form(shown: dict[str, Any]) -> dict[str, Any]:
    fields = max(len(shown["queries"]) + 1, QUERY_FIELDS)
    return {
        "form": shown | {"queries": [*shown["queries"], *[""] * QUERY_FIELDS][:fields]},
        "groups": listing.grouped(listing.topic_rows(), shown["topics"]),
        "when": {"hour": shown["hour"], "zone": shown["zone"], "zones": zones.shown(shown["zone"]), "guess": False},
        "day_names": _day_names(),
        "empty_days": [(choice.value, str(choice.label)) for choice in EmptyDay],
        "lengths": [(choice.value, str(choice.label)) for choice in CardLength],
        "languages": subscribers.languages(),
    }


def _had(reader: Subscriber, now: datetime) -> dict[str, Any]:
    """The last copies, each with its own link, and the papers that were saved."""
    copies = Delivery.objects.filter(subscriber=reader, kind=Kind.DIGEST, state__in=ACCEPTED_STATES).select_related("edition")
    saved = tastes.saved_papers(reader)
    return {
        "copies": [
            {
                "on": copy.slot_on,
                "papers": len(copy.edition.picks) if copy.edition else 0,
                "url": own("view", Purpose.VIEW, copy.public_id, now),
            }
            for copy in copies.order_by("-slot_on", "-id")[:COPIES]
        ],
        "kept": [{"ref": paper.public_id, "title": paper.title} for paper in saved[:SAVED]],
        "kept_more": max(0, len(saved) - SAVED),
    }


def _feeds(reader: Subscriber) -> list[tuple[str, str]]:
    """The name and the secret address of each form of the reader's own feed; none while it is closed."""
    forms_of = {"RSS": "rss", "Atom": "atom", "JSON": "json"} if reader.feed_id else {}
    return [(name, links.absolute(reverse("web:own_feed", args=[reader.feed_id, form]))) for name, form in forms_of.items()]


def _mutes(reader: Subscriber) -> list[tuple[int, str]]:
    rows = MutedInterest.objects.filter(subscriber=reader).select_related("interest").order_by("interest_id")
    return [(row.interest_id, named(row.interest)) for row in rows]


def named(interest: Interest) -> str:
    """The topic's name, else the query in plain words."""
    return interest.name or query.parse(interest.query).words()


def _silent(reader: Subscriber) -> bool:
    """Every interest is muted: nothing can come."""
    muted = set(reader.mutes.values_list("interest_id", flat=True))
    own_ids = set(reader.interests.values_list("id", flat=True))
    return bool(own_ids) and own_ids <= muted


def _previewed(reader: Subscriber, form: dict[str, Any], now: datetime) -> signup.Preview:
    """The same function as sign-up's, less what is muted."""
    ticked = [row for row in listing.topic_rows() if row.slug in form["topics"]]
    kept = MutedInterest.objects.filter(subscriber=reader, interest_id__in=form["muted_interests"])
    without = editions.Mutes(
        tuple(subscribers.muted_form(word) for word in form["muted"].splitlines()[: subscribers.MOST_MUTED] if word.strip()),
        tuple(kept.values_list("interest__query", flat=True)),
    )
    limit = min(max(form["max_papers"], 3), 25)
    typed = list(dict.fromkeys(form["queries"]))[: subscribers.MOST_INTERESTS]
    return signup.preview_of(ticked, typed, now=now, limit=limit, without=without)


def _day_names() -> Sequence[tuple[int, str]]:
    monday = date(2026, 11, 23)
    return [(day, date_format(monday + timedelta(days=day), "D")) for day in range(7)]
