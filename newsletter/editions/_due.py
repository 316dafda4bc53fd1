"""Who is due, who of them gets a copy now, and since which issue: columns in, columns out, no query a reader."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection
from numpy.typing import NDArray

from newsletter import subscribers
from newsletter.editions._rows import NONE, Ints, Words, among, day, day_number, execute, instant, micros, read
from newsletter.editions.ragged import distinct
from newsletter.editions.window import MARK_DAYS
from newsletter.models import Issue, IssueState
from newsletter.models.ledger import ACCEPTED_STATES, OPEN_STATES

REASONS = ("", "PAUSED", "LATE", "ALREADY", "OPEN", "NO_ISSUE")


@dataclass(frozen=True)
class Readers:
    """Due readers, a column a fact, in the order of their ids. slot_on, paused: days; `_at`: microseconds; NONE: null.

    after: the window starts behind this issue. marked_at: when the last accepted copy was made.
    """

    id: Ints
    slot_at: Ints
    zone: Words
    hour: Ints
    days: Ints
    limit: Ints
    empty_day: Words
    paused: Ints
    since_at: Ints
    created_at: Ints
    mutes: Ints
    slot_on: Ints
    after: Ints
    marked_at: Ints

    def __len__(self) -> int:
        return len(self.id)

    def take(self, places: NDArray[Any]) -> Readers:
        """Those at these places, or where a mask is true."""
        taken: dict[str, Any] = {}
        for each in fields(self):
            column = getattr(self, each.name)
            taken[each.name] = column.take(places) if isinstance(column, Words) else column[places]
        return Readers(**taken)


def due(*, until: datetime, most: int) -> Readers:
    """Active readers whose slot is due by then, locked until the end of the transaction where rows can be."""
    return _read("next_slot_at", "next_slot_at <= %s", "next_slot_at, id", until, most)


def after_id(last: int, *, now: datetime, most: int) -> Readers:
    """Active readers by id, each with a slot at this instant; locked like `due`."""
    readers = _read("created_at", "id > %s", "id", last, most)
    readers = replace(readers, slot_at=np.full(len(readers), micros(now), np.int64))
    return replace(readers, slot_on=_local_days(readers.zone, readers.slot_at))


def waiting(last: int, *, now: datetime, most: int) -> Readers:
    """Active readers by id whose slot is still to come; locked like `due`."""
    return _read("next_slot_at", f"next_slot_at > %s AND id > {last}", "id", now, most)


def _read(slot: str, condition: str, order: str, limit: object, most: int) -> Readers:
    lock = "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""
    columns = read(
        "itwiiiwdtti",
        f"""SELECT id, {slot}, zone, hour, days, max_papers, empty_day, paused_until, coalesce(confirmed_at, created_at), created_at,
        CASE WHEN muted = '[]' THEN 0 ELSE 1 END
        FROM newsletter_subscriber WHERE status = 'ACTIVE' AND {condition} ORDER BY {order} LIMIT {most} {lock}""",  # noqa: S608 (our own names)
        [limit],
    )
    nothing = np.zeros(len(columns[0]), np.int64)
    columns += [_local_days(columns[2], columns[1]), nothing, nothing]
    readers = Readers(*columns)
    return readers.take(np.argsort(readers.id))


def _local_days(zone: Words, at: Ints) -> Ints:
    """The local day of each slot: asked once for each zone and instant."""
    first, of = distinct((zone.codes, at), ())
    pairs = zip(zone.codes[first].tolist(), at[first].tolist(), strict=True)
    return np.array([day_number(subscribers.slot_on(instant(slot), zone.texts[code])) for code, slot in pairs], np.int64)[of]


def sorted_out(readers: Readers, *, upto: int, now: datetime) -> tuple[Readers, Ints]:
    """The readers with their marks, and for each the place in REASONS of why it gets no copy now (0: it gets one)."""
    readers = _marked(readers, now)
    digests, who = _digests(readers)
    [busy] = read("i", f"SELECT subscriber_id {digests} AND state IN {_OPEN}", [who])
    since = day(int(readers.slot_on.min(initial=day_number(now.date()))))
    last = np.full(len(readers), NONE)
    subscriber, slot = read("id", f"SELECT subscriber_id, max(slot_on) {digests} AND slot_on >= %s GROUP BY 1", [who, since])
    last[np.searchsorted(readers.id, subscriber)] = slot
    conditions = (
        readers.slot_on < readers.paused,
        readers.slot_at < micros(now - settings.LATE_WINDOW),
        last >= readers.slot_on,
        np.isin(readers.id, busy),
        readers.after >= upto,
    )
    return readers, np.select(conditions, range(1, len(REASONS)), 0).astype(np.int64)


def _marked(readers: Readers, now: datetime) -> Readers:
    """`after`: upto of the last accepted digest, else the newest issue closed at the confirmation; 14 days back at most."""
    closed = Issue.objects.filter(state=IssueState.CLOSED).order_by("number").values_list("number", "closed_at")
    closes = [(number, micros(at)) for number, at in closed if at]
    floor = max((number for number, at in closes if at <= micros(now - timedelta(days=MARK_DAYS))), default=0)
    digests, who = _digests(readers)
    sql = f"SELECT subscriber_id, max(upto), max(created_at) {digests} AND state IN {_ACCEPTED} AND upto > %s GROUP BY 1"
    subscriber, upto, created_at = read("iit", sql, [who, floor])  # an older mark would not be used
    after, marked_at = _closed_by(closes, readers.since_at), np.full(len(readers), NONE)
    places = np.searchsorted(readers.id, subscriber)
    after[places], marked_at[places] = upto, created_at
    return replace(readers, after=np.maximum(after, floor), marked_at=marked_at)


def _closed_by(closes: list[tuple[int, int]], at: Ints) -> Ints:
    """The newest issue closed at each instant; 0 when there was none."""
    numbers = np.array([0, *(number for number, _ in closes)], np.int64)
    times = np.array([NONE, *(time for _, time in closes)], np.int64)
    times = np.minimum.accumulate(times[::-1])[::-1]  # rising, even where a clock went back
    return numbers[np.searchsorted(times, at, side="right") - 1]


def _digests(readers: Readers) -> tuple[str, Any]:
    condition, ids = among("subscriber_id", readers.id)
    return f"FROM newsletter_delivery WHERE {condition} AND kind = 'DIGEST'", ids


def _listed(states: tuple[str, ...]) -> str:
    return "(" + ", ".join(f"'{state}'" for state in states) + ")"


_OPEN, _ACCEPTED = _listed(OPEN_STATES), _listed(ACCEPTED_STATES)


def advance(readers: Readers, now: datetime) -> None:
    """Move each reader to its next slot: a statement for each distinct instant."""
    _move(readers, _slots_after(readers, np.maximum(readers.slot_at, micros(now - settings.LATE_WINDOW))))


def take_back(readers: Readers, *, since: datetime, now: datetime) -> int:
    """Move those back to the slot that passed after `since`, and after their confirmation, who had one. Readers moved."""
    slots = _slots_after(readers, np.full(len(readers), micros(since), np.int64))
    passed = (slots <= micros(now)) & (slots > readers.since_at)
    _move(readers.take(passed), slots[passed])
    return int(passed.sum())


def _slots_after(readers: Readers, start: Ints) -> Ints:
    """The first slot strictly after `start`: asked once for each distinct calendar."""
    facts = (readers.zone.codes, readers.hour, readers.days, start, readers.paused)
    first, of = distinct(facts, ())
    kinds = zip(*(fact[first].tolist() for fact in facts), strict=True)
    return np.array([_next_slot(readers.zone.texts, *kind) for kind in kinds], np.int64)[of]


def _next_slot(zones: tuple[str, ...], zone: int, hour: int, days: int, start: int, paused: int) -> int:
    until = None if paused == NONE else day(paused)
    return micros(subscribers.next_slot(zone=zones[zone], hour=hour, days=days, after=instant(start), paused_until=until))


def _move(readers: Readers, slots: Ints) -> None:
    for slot in np.unique(slots).tolist():
        condition, param = among("id", readers.id[slots == slot])
        execute(f"UPDATE newsletter_subscriber SET next_slot_at = %s WHERE {condition}", [instant(slot), param])  # noqa: S608
