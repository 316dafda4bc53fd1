"""All that is kept of one reader, table by table and column by column, as the schema has it.

A column that is added to one of these tables is exported from that day on; a new table that names readers fails a test
until it stands here. What is left out is named with its reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db.models import Field, ForeignKey, Model, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from newsletter import links
from newsletter.models import (
    Allowance,
    Delivery,
    Edition,
    Event,
    Interest,
    Move,
    MutedInterest,
    Paper,
    Saved,
    Subscriber,
    SubscriberInterest,
    Suppression,
    Vote,
)

_KEY = "the place of a row in our tables"
_SELF = "it is the reader all of this is about"
_SECRET = "whoever holds it may act for the reader"  # noqa: S105 (a reason, no password)


@dataclass(frozen=True)
class Section:
    """One table. rows: those of a reader; omitted: column -> why it is not told."""

    name: str
    title: str | Promise
    model: type[Model]
    rows: Callable[[Subscriber], QuerySet[Any]]
    omitted: dict[str, str] = field(default_factory=dict)

    def columns(self) -> list[Field[Any, Any]]:
        return [column for column in self.model._meta.concrete_fields if column.name not in self.omitted]


SECTIONS = (
    Section(
        "subscription",
        gettext_lazy("Your subscription"),
        Subscriber,
        lambda reader: Subscriber.objects.filter(pk=reader.pk),
        {"id": _KEY, "leave_id": _SECRET, "feed_id": _SECRET, "confirm_hash": "a fingerprint of a link that was mailed"},
    ),
    Section(
        "interests",
        gettext_lazy("Your interests"),
        SubscriberInterest,
        lambda reader: SubscriberInterest.objects.filter(subscriber=reader).select_related("interest").order_by("pk"),
        {"id": _KEY, "subscriber": _SELF},
    ),
    Section(
        "muted_interests",
        gettext_lazy("Interests you muted"),
        MutedInterest,
        lambda reader: MutedInterest.objects.filter(subscriber=reader).select_related("interest").order_by("pk"),
        {"id": _KEY, "subscriber": _SELF},
    ),
    Section(
        "votes",
        gettext_lazy("More and less like this"),
        Vote,
        lambda reader: Vote.objects.filter(subscriber=reader).select_related("paper").order_by("pk"),
        {"id": _KEY, "subscriber": _SELF},
    ),
    Section(
        "saved",
        gettext_lazy("Papers you saved"),
        Saved,
        lambda reader: Saved.objects.filter(subscriber=reader).select_related("paper").order_by("pk"),
        {"id": _KEY, "subscriber": _SELF},
    ),
    Section(
        "moves",
        gettext_lazy("Changes of address"),
        Move,
        lambda reader: Move.objects.filter(subscriber=reader).order_by("pk"),
        {"id": _KEY, "subscriber": _SELF},
    ),
    Section(
        "mails",
        gettext_lazy("Mails to you"),
        Delivery,
        lambda reader: Delivery.objects.filter(subscriber=reader).select_related("edition").order_by("pk"),
        {
            "id": _KEY,
            "subscriber": _SELF,
            "run": "the planning that made it for many readers",
            "run_seq": "its place in that planning",
            "claim_token": "the name of the process that sent it",
        },
    ),
    Section(
        "events",
        gettext_lazy("What mail servers said"),
        Event,
        lambda reader: (
            Event.objects.filter(Q(delivery__subscriber=reader) | Q(recipient_key=reader.address_key))
            .select_related("delivery")
            .distinct()
            .order_by("pk")
        ),
        {"id": _KEY},
    ),
    Section(
        "suppressions",
        gettext_lazy("Why mail is held back"),
        Suppression,
        lambda reader: Suppression.objects.filter(address_key=reader.address_key).order_by("pk"),
        {"id": _KEY},
    ),
    Section(
        "counters",
        gettext_lazy("Counted, so that nobody is mailed too often"),
        Allowance,
        lambda reader: Allowance.objects.filter(key=reader.address_key).order_by("pk"),
        {"id": _KEY},
    ),
)


@dataclass(frozen=True, slots=True)
class Told:
    """One section for the page: what it is called, and its rows as (label, value) pairs."""

    title: str
    rows: list[list[tuple[str, Any]]]


def export(reader: Subscriber) -> dict[str, list[dict[str, Any]]]:
    """Section name -> rows of plain JSON values. Times are ISO 8601 in UTC."""
    return {
        section.name: [{column.name: plain for column, plain in row} for row in _rows(section, reader)] for section in SECTIONS
    }


def told(reader: Subscriber) -> list[Told]:
    """The same for people, under the columns' own names."""
    return [
        Told(str(section.title), [[(_label(column), plain) for column, plain in row] for row in _rows(section, reader)])
        for section in SECTIONS
    ]


def _label(column: Field[Any, Any]) -> str:
    words = str(column.verbose_name)
    return words[:1].upper() + words[1:]


def _rows(section: Section, reader: Subscriber) -> list[list[tuple[Field[Any, Any], Any]]]:
    rows, columns = list(section.rows(reader)), section.columns()
    papers = _papers(rows)
    return [[(column, _plain(row, column, papers)) for column in columns] for row in rows]


def _papers(rows: Iterable[Any]) -> dict[int, Paper]:
    """Those that copies held, read once."""
    editions = [row.edition for row in rows if isinstance(row, Delivery) and row.edition]
    return Paper.objects.in_bulk({pick[1] for edition in editions for pick in edition.picks})


def _plain(row: Any, column: Field[Any, Any], papers: dict[int, Paper]) -> Any:
    value = getattr(row, column.name)
    if isinstance(column, ForeignKey) and value is not None:
        return _named(value, papers)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value


def _named(value: Any, papers: dict[int, Paper]) -> Any:
    if isinstance(value, Interest):
        return f"{value.name}: {value.query}" if value.name else value.query
    if isinstance(value, Paper):
        return _titled(value)
    if isinstance(value, Edition):
        return [_titled(papers[pick[1]]) if pick[1] in papers else _("a paper that is gone") for pick in value.picks]
    return getattr(value, "public_id", str(value))


def _titled(paper: Paper) -> str:
    return f"{paper.title} <{links.absolute(f'/papers/{paper.public_id}')}>"
