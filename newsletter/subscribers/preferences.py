"""What a reader wants: checked when it is typed, stored as columns and shared interests."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypedDict, Unpack

from django.conf.locale import LANG_INFO
from django.db import transaction
from django.db.models import Max, Q
from django.utils.translation import gettext as _

from newsletter import mail
from newsletter.matching import compiled, query
from newsletter.models import (
    CardLength,
    Delivery,
    EmptyDay,
    Interest,
    Kind,
    MutedInterest,
    Subscriber,
    SubscriberInterest,
    SubscriberStatus,
)
from newsletter.subscribers import schedule

MOST_INTERESTS = 100
MOST_MUTED = 200
_LONGEST_QUERY = 500
_LONGEST_MUTED = 80
_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,60}")
_LONGEST_PAUSE = timedelta(days=731)


class BadWish(ValueError):
    """A preference that cannot be served. The message is the remedy; nothing was stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the sign-up form asks. topics: slugs; days: bit 0 = Monday; no query and no topic means what is trending."""

    queries: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    zone: str = "UTC"
    hour: int = 7
    days: int = 0b0011111
    max_papers: int = 10


class Preferences(TypedDict, total=False):
    """What `change` takes; a key left out stays as it is. interests: queries as typed; topics: slugs of public topics.

    muted_interests: ids of those that stay muted, all others are heard again.
    """

    zone: str
    hour: int
    days: int
    max_papers: int
    interests: Collection[str]
    topics: Collection[str]
    paused_until: date | None
    empty_day: str
    card_length: str
    text_only: bool
    locale: str
    muted: Collection[str]
    muted_interests: Collection[int]


def change(subscriber: Subscriber, *, now: datetime, **preferences: Unpack[Preferences]) -> Subscriber:
    """Store the preferences given and move the next slot. Returns the row as stored; the one passed in stays as it was.

    Interests that stay keep their `added_at`. No local day at or before the last digest's comes again, whatever zone or
    hour is chosen. Raises BadWish, query.BadQuery, TypeError for an unknown key, Subscriber.DoesNotExist after erasure.
    """
    columns = checked(preferences)
    _not_for_ever(columns.get("paused_until"), now)
    queries = canonical(preferences["interests"]) if "interests" in preferences else None
    topics = tuple(preferences["topics"]) if "topics" in preferences else None
    with transaction.atomic():
        reader = Subscriber.objects.select_for_update().get(pk=subscriber.pk)
        for name, value in columns.items():
            setattr(reader, name, value)
        if queries is not None or topics is not None:
            replace_interests(reader.pk, _merged(reader, queries, topics), now=now)
        if "muted_interests" in preferences:
            MutedInterest.objects.filter(subscriber=reader).exclude(interest_id__in=preferences["muted_interests"]).delete()
        reader.next_slot_at = upcoming(reader, now=now) if reader.status == SubscriberStatus.ACTIVE else None
        reader.save(update_fields=[*columns, "next_slot_at"])
    return reader


def languages() -> list[tuple[str, str]]:
    """The locales that mails are written in, each with its own name: ("de", "Deutsch")."""
    return [(code, LANG_INFO.get(code, {}).get("name_local", code)) for code in mail.locales()]


def muted_form(word: str) -> str:
    """A word or name to mute, as it is stored."""
    return " ".join(word.lower().split())


def upcoming(reader: Subscriber, *, now: datetime) -> datetime:
    """The reader's next slot after `now`, on a local day after that of the last digest planned for them."""
    last = Delivery.objects.filter(subscriber_id=reader.pk, kind=Kind.DIGEST).aggregate(day=Max("slot_on"))["day"]
    floors = [reader.paused_until, last + timedelta(days=1) if last else None]
    return schedule.next_slot(
        zone=reader.zone,
        hour=reader.hour,
        days=reader.days,
        after=now,
        paused_until=max((day for day in floors if day), default=None),
    )


def checked(preferences: Mapping[str, Any]) -> dict[str, Any]:
    """The columns among them, each checked. Raises BadWish; TypeError for a key that is no preference."""
    unknown = set(preferences) - set(_CHECKS) - {"interests", "topics", "muted_interests"}
    if unknown:
        raise TypeError(f"no such preference: {', '.join(sorted(unknown))}")
    return {name: check(preferences[name]) for name, check in _CHECKS.items() if name in preferences}


def canonical(queries: Iterable[str]) -> tuple[str, ...]:
    """The canonical form of each query once, in order; empty ones (an unused field) fall out. Raises BadQuery, BadWish."""
    forms = tuple(dict.fromkeys(query.parse(text).canonical for text in queries if text.strip()))
    if len(forms) > MOST_INTERESTS:
        raise BadWish(_("Choose at most %(n)d interests.") % {"n": MOST_INTERESTS})
    if any(len(form) > _LONGEST_QUERY for form in forms):
        raise BadWish(_("This query is too long once written out. Split it into two."))
    return forms


def interest_ids(queries: tuple[str, ...], topics: Collection[str]) -> tuple[int, ...]:
    """The shared rows of canonical queries and of topic slugs; missing queries are made. Raises BadWish for an unknown
    slug. Safe beside other processes: rows are inserted in one order and those already there are taken."""
    slugs = {slug for slug in topics if slug}
    if not all(_SLUG.fullmatch(slug) for slug in slugs):
        raise BadWish(_gone())
    if len(slugs) + len(queries) > MOST_INTERESTS:
        raise BadWish(_("Choose at most %(n)d interests.") % {"n": MOST_INTERESTS})
    fresh = [Interest(query=form, compiled=compiled.compiled(query.parse(form))) for form in sorted(queries)]
    Interest.objects.bulk_create(fresh, ignore_conflicts=True)
    rows = list(Interest.objects.filter(Q(query__in=queries) | Q(slug__in=slugs)).order_by("id").values_list("id", "slug"))
    if slugs - {slug for _id, slug in rows}:
        raise BadWish(_gone())
    return tuple(row_id for row_id, _slug in rows)


def replace_interests(subscriber_id: int, interests: Collection[int], *, now: datetime) -> None:
    """Make these the reader's interests; the ones that stay keep the day they were added."""
    SubscriberInterest.objects.filter(subscriber_id=subscriber_id).exclude(interest_id__in=interests).delete()
    links = [SubscriberInterest(subscriber_id=subscriber_id, interest_id=each, added_at=now) for each in interests]
    SubscriberInterest.objects.bulk_create(links, ignore_conflicts=True)


def _merged(reader: Subscriber, queries: tuple[str, ...] | None, topics: tuple[str, ...] | None) -> tuple[int, ...]:
    """The new set: of queries and topics, a part not given stays."""
    kept: set[int] = set()
    if queries is None:
        kept.update(reader.interests.filter(slug__isnull=True).values_list("id", flat=True))
    if topics is None:
        kept.update(reader.interests.filter(slug__isnull=False).values_list("id", flat=True))
    return tuple(sorted(kept.union(interest_ids(queries or (), topics or ()))))


def _gone() -> str:
    return _("One of the topics no longer exists. Load the page again and choose from the list.")


def _zone(value: Any) -> str:
    if value not in schedule.zones():
        raise BadWish(_("Choose a time zone from the list, like Europe/Amsterdam."))
    return str(value)


def _whole(low: int, high: int, remedy: Callable[[], str]) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise BadWish(remedy())
        return value

    return check


def _one_of(choices: type[EmptyDay] | type[CardLength]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in choices.values:
            raise BadWish(_("Choose one of: %(names)s.") % {"names": ", ".join(str(label) for label in choices.labels)})
        return str(value)

    return check


def _locale(value: Any) -> str:
    if value not in mail.locales():
        raise BadWish(_("Choose a language from the list."))
    return str(value)


def _pause(value: Any) -> date | None:
    if value is None:
        return None
    if isinstance(value, datetime) or not isinstance(value, date):
        raise BadWish(_("Enter the day of your next digest, like 2027-01-31."))
    return value


def _not_for_ever(paused_until: date | None, now: datetime) -> None:
    if paused_until is not None and paused_until > now.date() + _LONGEST_PAUSE:
        raise BadWish(_("Pause for at most two years, or leave and come back."))


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadWish(_("Choose yes or no."))
    return value


def _muted(value: Any) -> list[str]:
    words = list(dict.fromkeys(muted_form(str(word)) for word in value))
    words = [word for word in words if word]
    if len(words) > MOST_MUTED or any(len(word) > _LONGEST_MUTED or not word.isprintable() for word in words):
        raise BadWish(
            _("Mute at most %(n)d words or names, each of at most %(m)d characters.") % {"n": MOST_MUTED, "m": _LONGEST_MUTED}
        )
    return words


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "zone": _zone,
    "hour": _whole(0, 23, lambda: _("Choose an hour from 0 to 23.")),
    "days": _whole(1, 127, lambda: _("Choose at least one day of the week.")),
    "max_papers": _whole(3, 25, lambda: _("Choose from 3 to 25 papers.")),
    "paused_until": _pause,
    "empty_day": _one_of(EmptyDay),
    "card_length": _one_of(CardLength),
    "text_only": _flag,
    "locale": _locale,
    "muted": _muted,
}
