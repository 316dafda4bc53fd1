"""The rows of a wave: an Edition for each distinct result, a Delivery for each reader who gets one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from django.conf import settings
from django.db import connection

from newsletter.editions._crowd import LOOKED_BACK, Crowd, Shown
from newsletter.editions._due import Readers
from newsletter.editions._rows import Field, Ints, among_texts, execute, micros, random_ids, tuples, write
from newsletter.editions._shelf import Shelf, names_of
from newsletter.editions.choose_many import NOBODY
from newsletter.models import DeliveryState, Kind, Lane, Run

_TOGETHER = 640  # ten slices
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2^64 by the golden ratio: neighbours end far apart
_Pick = tuple[int, int, int]  # candidate, interest, why it was looked back for


class Press:
    """Lines of picks and ids of editions that were made before in this call of `plan`."""

    def __init__(self) -> None:
        self._lines: dict[_Pick, str] = {}
        self._ids: dict[str, int] = {}

    def editions(self, shown: Shown, crowd: Crowd, now: datetime) -> Ints:
        """The id of each list's edition; the rows that are not there yet are made."""
        lines = self._written(shown, crowd)
        bounds = zip(shown.starts.tolist(), shown.starts[1:].tolist(), strict=False)
        texts = [f"[{','.join(lines[start:end])}]" for start, end in bounds]
        keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        fresh = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._ids}
        self._ids.update(_stored(fresh, now))
        return np.array([self._ids[key] for key in keys], np.int64)

    def _written(self, shown: Shown, crowd: Crowd) -> list[str]:
        """Each pick as JSON; a reason is worded once."""
        columns = (shown.candidate, shown.interest, shown.back)
        picks = list(zip(*(column.tolist() for column in columns), strict=True))
        papers = dict(zip(shown.candidate.tolist(), shown.paper.tolist(), strict=True))
        fresh = [pick for pick in dict.fromkeys(picks) if pick not in self._lines]
        reasons = _reasons([pick for pick in fresh if pick[1] != NOBODY], crowd)
        for pick in fresh:
            candidate, interest, _ = pick
            line = [candidate, papers[candidate], None if interest == NOBODY else interest, reasons.get(pick, "")]
            self._lines[pick] = json.dumps(line, separators=(",", ":"))
        return [self._lines[pick] for pick in picks]


def _reasons(picks: Sequence[_Pick], crowd: Crowd) -> dict[_Pick, str]:
    """What is said on each card: why the reader looked back or the paper comes again, then what matches."""
    names = names_of(sorted({interest for _, interest, _ in picks}))
    places = {
        entry.candidate.pk: (shelf, column)
        for shelf in (crowd.past, crowd.fresh)
        for column, entry in enumerate(shelf.entries)
        if not entry.elder
    }
    asked: dict[int, tuple[Shelf, list[_Pick]]] = {}
    for pick in picks:
        shelf = places[pick[0]][0]
        asked.setdefault(id(shelf), (shelf, []))[1].append(pick)
    found: dict[_Pick, str] = {}
    for shelf, mine in asked.values():
        said = shelf.reasons([(interest, shelf.matched(interest, places[pk][1]), names[interest]) for pk, interest, _ in mine])
        for pick, reason in zip(mine, said, strict=True):
            found[pick] = LOOKED_BACK[pick[2]] + shelf.entries[places[pick[0]][1]].again(reason)
    return found


def _stored(texts: dict[str, str], now: datetime) -> dict[str, int]:
    """Edition ids by key."""
    if not texts:
        return {}
    keys, ids = list(texts), [name.decode() for name in random_ids(len(texts)).tolist()]
    insert = "INSERT INTO newsletter_edition (key, public_id, picks, created_at)"
    if connection.vendor == "postgresql":
        rows = "SELECT key, id, picks::jsonb, %s FROM unnest(%s::text[], %s::text[], %s::text[]) AS made (key, id, picks)"
        execute(f"{insert} {rows} ON CONFLICT (key) DO NOTHING", [now, keys, ids, list(texts.values())])
    else:
        created_at = connection.ops.adapt_datetimefield_value(now)
        values = [(*row, created_at) for row in zip(keys, ids, texts.values(), strict=True)]
        with connection.cursor() as cursor:
            cursor.executemany(f"{insert} VALUES (%s, %s, %s, %s) ON CONFLICT (key) DO NOTHING", values)
    condition, param = among_texts("key", keys)
    return dict(tuples(f"SELECT key, id FROM newsletter_edition WHERE {condition}", [param]))  # noqa: S608 (our own names)


def deliver(readers: Readers, editions: Ints, more: Ints, *, upto: int, run: Run, now: datetime) -> None:
    """One PENDING digest for each reader."""
    write("newsletter_delivery", delivery_fields(readers, editions, more, upto=upto, run=run, now=now), len(readers))


def delivery_fields(readers: Readers, editions: Ints, more: Ints, *, upto: int, run: Run, now: datetime) -> Sequence[Field]:
    late = settings.LATE_WINDOW // timedelta.resolution
    return (
        Field("public_id", "s", random_ids(len(readers))),
        Field("subscriber_id", "q", readers.id),
        Field("kind", "s", Kind.DIGEST.value),
        Field("lane", "h", int(Lane.DIGEST)),
        Field("edition_id", "q", editions),
        Field("slot_on", "d", readers.slot_on),
        Field("due_at", "t", readers.slot_at + spread(readers.slot_at, editions)),
        Field("late_at", "t", readers.slot_at + late),
        Field("after", "i", readers.after),
        Field("upto", "i", upto),
        Field("state", "s", DeliveryState.PENDING.value),
        Field("created_at", "t", micros(now)),
        Field("run_id", "q", run.pk),
        Field("run_seq", "i", np.arange(1, len(readers) + 1)),
        Field("params", "j", _params(more)),
        Field("attempts", "h", 0),
        *(Field(name, "s", "") for name in ("reason", "claim_token", "to_address", "provider_id")),
    )


def spread(slot_at: Ints, editions: Ints) -> Ints:
    """Microseconds after the slot, in whole seconds under MAIL_SPREAD: always the same for an edition, so that its copies
    leave together, in requests that they share; a great edition has one for each 640 of its copies.

    None where the slot is no whole minute: the last second of a day that ends in a leap, or a copy that is due at once.
    """
    seconds = int(settings.MAIL_SPREAD.total_seconds())
    if not seconds or not len(editions):
        return np.zeros(len(editions), np.int64)
    order = np.argsort(editions, kind="stable")
    first = np.searchsorted(editions[order], editions[order])
    place = np.empty(len(editions), np.int64)
    place[order] = np.arange(len(editions)) - first
    mixed = (editions.astype(np.uint64) * _MIX + (place // _TOGETHER).astype(np.uint64)) * _MIX
    later = (mixed >> np.uint64(33)).astype(np.int64) % seconds * 1_000_000
    return np.where(slot_at % 60_000_000 == 0, later, 0)


def _params(more: Ints) -> np.ndarray[tuple[int], np.dtype[np.bytes_]]:
    """{"more": 3}, or {}; padded to one length with spaces, which JSON allows."""
    texts = [json.dumps({"more": count} if count else {}) for count in range(int(more.max(initial=0)) + 1)]
    width = max(map(len, texts))
    return np.array([text.ljust(width) for text in texts], "S")[more]
