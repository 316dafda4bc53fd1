"""The preferences form: filled from the reader's row, or as it was sent."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import QueryDict
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _

from newsletter import subscribers
from newsletter.models import Subscriber


def stored(reader: Subscriber) -> dict[str, Any]:
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
        "locale": reader.locale,
        "muted": "\n".join(reader.muted),
        "muted_interests": list(reader.mutes.values_list("interest_id", flat=True)),
    }


def typed(data: QueryDict) -> dict[str, Any]:
    """The form as it was sent; numbers that are none become -1, which `change` refuses with its remedy."""
    return {
        "topics": texts(data, "topic"),
        "queries": [each for each in texts(data, "q") if each],
        "zone": text(data, "zone"),
        "hour": _number(text(data, "hour")),
        "days": sorted({_number(day) for day in texts(data, "day")} & set(range(7))),
        "max_papers": _number(text(data, "max_papers")),
        "paused_until": text(data, "paused_until"),
        "empty_day": text(data, "empty_day"),
        "card_length": text(data, "card_length"),
        "text_only": "text_only" in data,
        "locale": text(data, "locale"),
        "muted": text(data, "muted"),
        "muted_interests": [
            int(each) for each in texts(data, "muted_interest") if each.isascii() and each.isdigit() and len(each) <= 18
        ],
    }


def wanted(form: dict[str, Any]) -> subscribers.Preferences:
    """What is stored of a form; without a language the one there is stays. Raises BadWish for a day that is none."""
    found = subscribers.Preferences(
        topics=form["topics"],
        interests=form["queries"],
        zone=form["zone"],
        hour=form["hour"],
        days=sum(1 << day for day in form["days"]),
        max_papers=form["max_papers"],
        paused_until=_day(form["paused_until"]),
        empty_day=form["empty_day"],
        card_length=form["card_length"],
        text_only=form["text_only"],
        muted=form["muted"].splitlines(),
        muted_interests=form["muted_interests"],
    )
    if form["locale"]:
        found["locale"] = form["locale"]
    return found


def texts(data: QueryDict, name: str) -> list[str]:
    """Without NUL, which PostgreSQL refuses in any text."""
    return [each.replace("\x00", "").strip() for each in data.getlist(name)]


def text(data: QueryDict, name: str) -> str:
    return (texts(data, name) or [""])[-1]


def _number(said: str) -> int:
    return int(said) if said.isascii() and said.isdigit() and len(said) <= 4 else -1


def _day(said: str) -> date | None:
    """Raises BadWish for what is no day."""
    try:
        found = parse_date(said) if said else None
    except ValueError:
        found = None
    if said and found is None:
        raise subscribers.BadWish(_("Enter the day of your next digest, like 2027-01-31."))
    return found
