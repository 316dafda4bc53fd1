"""Candidates x readers -> Edition and Delivery(PENDING): one transaction a wave, with its Run.

Safe to repeat and to run twice at once: due readers are locked (PostgreSQL) or the write transaction is (SQLite),
next_slot_at moves in the same transaction, and unique constraints stand behind it all.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Max, QuerySet

from newsletter import issues, subscribers
from newsletter.editions import window
from newsletter.editions.choose import Choice, Offer, Pick, choose
from newsletter.editions.window import DEFAULT_QUERY
from newsletter.models import (
    Delivery,
    DeliveryState,
    Edition,
    EmptyDay,
    Interest,
    Issue,
    IssueState,
    Kind,
    Lane,
    Run,
    RunState,
    Subscriber,
    SubscriberInterest,
    SubscriberStatus,
)
from newsletter.models.ledger import ACCEPTED_STATES, OPEN_STATES
from newsletter.models.papers import random_id

WAVE = 5_000
HORIZON = timedelta(minutes=30)
LATE_WINDOW = timedelta(hours=6)
MARK_DAYS = 14


@dataclass(slots=True)
class Reader:
    """One due reader with all that planning asks about it."""

    row: Subscriber
    slot_at: datetime
    slot_on: date
    after: int = 0
    marked_at: datetime | None = None
    interests: dict[int, datetime] = field(default_factory=dict)

    def fresh_interests(self) -> set[int]:
        """Interests newer than the last digest: they catch up. A reader without a digest has none."""
        if self.marked_at is None:
            return set()
        return {pk for pk, added_at in self.interests.items() if added_at > self.marked_at}


@dataclass(frozen=True, slots=True)
class Group:
    """All that decides a choice: readers with equal groups share it."""

    after: int
    interests: tuple[int, ...]
    limit: int
    muted: tuple[str, ...]
    had: frozenset[int]

    @classmethod
    def of(cls, reader: Reader, had: set[int]) -> Group:
        interests = tuple(sorted(reader.interests))
        return cls(reader.after, interests, reader.row.max_papers, tuple(sorted(reader.row.muted)), frozenset(had))


def plan(*, now: datetime, horizon: timedelta = HORIZON) -> Run:
    """Make the copies of every slot due until now + horizon, wave by wave. The last wave's Run, or an empty one."""
    run: Run | None = None
    while True:
        done = _wave(now, until=now + horizon)
        run = _merged(run, done)
        if done.due < WAVE:
            return run


def plan_now(*, now: datetime) -> Run:
    """A copy, due at once, for every active reader without a digest of today's slot_on, whatever hour and days."""
    run: Run | None = None
    last = 0
    while True:
        done, last = _instant_wave(now, last)
        run = _merged(run, done)
        if done.due < WAVE:
            return run


def _merged(total: Run | None, wave: Run) -> Run:
    """One report over several waves; each wave's row stays as it was written."""
    if total is None:
        return wave
    excluded = Counter(total.excluded) + Counter(wave.excluded)
    report = {**wave.report, "waves": total.report.get("waves", 1) + 1}
    report["editions"] = total.report.get("editions", 0) + wave.report.get("editions", 0)
    merged = Run(stage="plan", as_of=total.as_of, started_at=total.started_at, ended_at=wave.ended_at, state=RunState.DONE)
    merged.due, merged.prepared = total.due + wave.due, total.prepared + wave.prepared
    merged.excluded, merged.report = dict(excluded), report
    return merged


@transaction.atomic
def _wave(now: datetime, until: datetime) -> Run:
    due = Subscriber.objects.filter(status=SubscriberStatus.ACTIVE, next_slot_at__lte=until)
    rows = list(_locked(due.order_by("next_slot_at", "id"))[:WAVE])
    readers = [Reader(row, row.next_slot_at, subscribers.slot_on(row.next_slot_at, row.zone)) for row in rows if row.next_slot_at]
    run = _prepare(readers, now)
    _advance(readers, now)
    return run


@transaction.atomic
def _instant_wave(now: datetime, last: int) -> tuple[Run, int]:
    rows = list(_locked(Subscriber.objects.filter(status=SubscriberStatus.ACTIVE, id__gt=last).order_by("id"))[:WAVE])
    readers = [Reader(row, now, now.astimezone(ZoneInfo(row.zone)).date()) for row in rows]
    return _prepare(readers, now), rows[-1].pk if rows else last


def _locked(rows: QuerySet[Subscriber]) -> QuerySet[Subscriber]:
    return rows.select_for_update(skip_locked=True) if connection.features.has_select_for_update_skip_locked else rows


def _prepare(readers: Sequence[Reader], now: datetime) -> Run:
    """Editions, copies and the Run of one wave; sums hold by construction: due == prepared + excluded."""
    run = Run(stage="plan", as_of=now, started_at=now, due=len(readers))
    upto = window.newest_sendable()
    excluded: Counter[str] = Counter()
    sorted_out = _sort_out(readers, upto, now)
    excluded.update(reason for _, reason in sorted_out if reason)
    copies: list[tuple[Reader, Choice]] = []
    for reader, choice in _choices([reader for reader, reason in sorted_out if not reason], upto, now):
        if choice.picks or reader.row.empty_day != EmptyDay.SILENT:
            copies.append((reader, choice))
        else:
            excluded["EMPTY"] += 1
    run.prepared, run.excluded = len(copies), dict(excluded)
    run.report = {"upto": upto, "editions": len({choice.picks for _, choice in copies}), "waves": 1}
    run.state, run.ended_at = RunState.DONE, now
    run.save()
    _write_copies(run, copies, upto, now)
    return run


def _sort_out(readers: Sequence[Reader], upto: int, now: datetime) -> list[tuple[Reader, str]]:
    """Each reader with the reason it gets no copy now, or ''. Fills the marks of those who may."""
    ids = [reader.row.pk for reader in readers]
    digests = Delivery.objects.filter(subscriber_id__in=ids, kind=Kind.DIGEST)
    busy = set(digests.filter(state__in=OPEN_STATES).values_list("subscriber_id", flat=True))
    recent = digests.filter(slot_on__gte=min((reader.slot_on for reader in readers), default=now.date()))
    slots = dict(recent.values_list("subscriber_id").annotate(last=Max("slot_on")))
    _fill_marks(readers, digests, now)
    result = []
    for reader in readers:
        row, last = reader.row, slots.get(reader.row.pk)
        if row.paused_until and reader.slot_on < row.paused_until:
            reason = "PAUSED"
        elif reader.slot_at < now - LATE_WINDOW:
            reason = "LATE"
        elif last is not None and last >= reader.slot_on:
            reason = "ALREADY"
        elif row.pk in busy:
            reason = "OPEN"
        else:
            reason = "NO_ISSUE" if upto <= reader.after else ""
        result.append((reader, reason))
    return result


def _fill_marks(readers: Sequence[Reader], digests: QuerySet[Delivery], now: datetime) -> None:
    """`after`: upto of the last accepted digest, else the newest issue closed at the confirmation; 14 days back at most."""
    closes = list(Issue.objects.filter(state=IssueState.CLOSED).order_by("number").values_list("number", "closed_at"))
    floor = _closed_by(closes, now - timedelta(days=MARK_DAYS))
    accepted = digests.filter(state__in=ACCEPTED_STATES, upto__gt=floor)  # an older mark would not be used
    marks = {pk: (upto, at) for pk, upto, at in accepted.values_list("subscriber_id").annotate(Max("upto"), Max("created_at"))}
    for reader in readers:
        upto, reader.marked_at = marks.get(reader.row.pk, (None, None))
        if upto is None:
            upto = _closed_by(closes, reader.row.confirmed_at or reader.row.created_at)
        reader.after = max(upto, floor)


def _closed_by(closes: Sequence[tuple[int, datetime | None]], at: datetime) -> int:
    """The newest issue closed at that instant; 0 when there was none."""
    return max((number for number, closed_at in closes if closed_at and closed_at <= at), default=0)


def _choices(readers: Sequence[Reader], upto: int, now: datetime) -> Iterable[tuple[Reader, Choice]]:
    """The choice of each reader, made once for all readers of whom nothing differs that matters."""
    interests = _interests(readers)
    windows = window.windows({reader.after for reader in readers}, upto=upto)
    seen = _seen(readers, windows)
    groups: dict[Group, list[Reader]] = {}
    for reader in readers:
        groups.setdefault(Group.of(reader, seen.get(reader.row.pk, set())), []).append(reader)
    for group, members in groups.items():
        content = windows[group.after]
        offers = content.offers([interests[pk] for pk in group.interests], without=group.had)
        choice = choose(_unmuted(offers, content, group.muted), limit=group.limit)
        for reader in members:
            yield reader, _looked_back(reader, choice, interests, now)


def _seen(readers: Sequence[Reader], windows: dict[int, window.Window]) -> dict[int, set[int]]:
    """Papers of each reader's window that may have been had, looked up in the ledger for all readers at once."""
    again = {after: content.again() for after, content in windows.items()}
    asking = [reader for reader in readers if again[reader.after]]
    had = window.had([reader.row.pk for reader in asking], set().union(*again.values()))
    return {reader.row.pk: had.get(reader.row.pk, set()) & again[reader.after] for reader in asking}


def _looked_back(reader: Reader, choice: Choice, interests: dict[int, Interest], now: datetime) -> Choice:
    """Fill free places from the last seven days: for new interests, or, on an empty day, best of the week."""
    wanted = reader.fresh_interests()
    if not choice.picks and reader.row.empty_day == EmptyDay.BEST:
        wanted = set(reader.interests)
    free = reader.row.max_papers - len(choice.picks)
    if not wanted or free <= 0:
        return choice
    past = window.look_back(upto=reader.after, now=now)
    had = window.had([reader.row.pk], past.entries).get(reader.row.pk, set()) | {pick.paper for pick in choice.picks}
    offers = past.offers([interests[pk] for pk in sorted(wanted)], without=had, late=True)
    late = choose(_unmuted(offers, past, tuple(reader.row.muted)), limit=free)
    return Choice(choice.picks + late.picks, choice.more)


def _unmuted(offers: Sequence[Offer], content: window.Window, muted: Sequence[str]) -> list[Offer]:
    """Muted words and authors never appear, not even pinned."""
    if not muted:
        return list(offers)
    kept = []
    for offer in offers:
        paper = content.entries[offer.paper].candidate.paper
        text = " ".join([paper.title, paper.abstract, *paper.authors]).casefold()
        if not any(word in text for word in muted):
            kept.append(offer)
    return kept


def _interests(readers: Sequence[Reader]) -> dict[int, Interest]:
    """Each reader's interests (is:trending for those who chose nothing) and the rows behind them."""
    by_id = {reader.row.pk: reader for reader in readers}
    links = SubscriberInterest.objects.filter(subscriber_id__in=by_id)
    for subscriber, interest, added_at in links.values_list("subscriber_id", "interest_id", "added_at"):
        by_id[subscriber].interests[interest] = added_at
    default, _ = Interest.objects.get_or_create(query=DEFAULT_QUERY)
    for reader in readers:
        if not reader.interests:
            reader.interests[default.pk] = reader.row.created_at
    wanted = {pk for reader in readers for pk in reader.interests}
    return Interest.objects.in_bulk(wanted)


def _write_copies(run: Run, copies: Sequence[tuple[Reader, Choice]], upto: int, now: datetime) -> None:
    """The wave's rows by plain INSERTs: ten times less CPU than model instances, at thousands of copies a wave."""
    editions = _editions({choice.picks for _, choice in copies}, now)
    adapt, state = connection.ops.adapt_datetimefield_value, DeliveryState.PENDING.value
    created_at = adapt(now)
    rows = [
        (
            *(
                random_id(),
                reader.row.pk,
                Kind.DIGEST.value,
                Lane.DIGEST.value,
                editions[choice.picks],
                reader.slot_on.isoformat(),
            ),
            *(adapt(reader.slot_at), adapt(reader.slot_at + LATE_WINDOW), reader.after, upto, state, created_at, run.pk, place),
            json.dumps({"more": choice.more} if choice.more else {}),
            *("", 0, "", "", ""),
        )
        for place, (reader, choice) in enumerate(copies, start=1)
    ]
    _insert("newsletter_delivery", _COPY_COLUMNS, rows)
    if rows:
        issues.count_prepared(upto, len(rows))


_COPY_COLUMNS = (
    *("public_id", "subscriber_id", "kind", "lane", "edition_id", "slot_on"),
    *("due_at", "late_at", "after", "upto", "state", "created_at", "run_id", "run_seq"),
    "params",
    *("reason", "attempts", "claim_token", "to_address", "provider_id"),
)


def _insert(table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], conflict: str = "") -> None:
    quote = connection.ops.quote_name
    names, marks = ", ".join(map(quote, columns)), ", ".join(["%s"] * len(columns))
    if rows:
        with connection.cursor() as cursor:
            statement = f"INSERT INTO {quote(table)} ({names}) VALUES ({marks}) {conflict}"  # noqa: S608 (our own names)
            cursor.executemany(statement, rows)


def _editions(lists: Iterable[tuple[Pick, ...]], now: datetime) -> dict[tuple[Pick, ...], int]:
    """Edition ids by picks; the rows that are not there yet are made."""
    keyed = {picks: _key(picks) for picks in lists}
    created_at = connection.ops.adapt_datetimefield_value(now)
    rows = [(key, random_id(), json.dumps(_plain(picks)), created_at) for picks, key in keyed.items()]
    _insert("newsletter_edition", ("key", "public_id", "picks", "created_at"), rows, "ON CONFLICT (key) DO NOTHING")
    found = dict(Edition.objects.filter(key__in=keyed.values()).values_list("key", "id"))
    return {picks: found[key] for picks, key in keyed.items()}


def _plain(picks: Iterable[Pick]) -> list[list[object]]:
    return [[pick.candidate, pick.paper, pick.interest, pick.reason] for pick in picks]


def _key(picks: Iterable[Pick]) -> str:
    return hashlib.sha256(json.dumps(_plain(picks), separators=(",", ":")).encode()).hexdigest()


def _advance(readers: Sequence[Reader], now: datetime) -> None:
    """Move each reader to its next slot: one statement, executed for all of them."""
    moved: list[tuple[datetime, int]] = []
    known: dict[tuple[object, ...], datetime] = {}
    for reader in readers:
        row = reader.row
        key = (row.zone, row.hour, row.days, reader.slot_at, row.paused_until)
        if key not in known:
            start = max(reader.slot_at, now - LATE_WINDOW)
            known[key] = subscribers.next_slot(
                zone=row.zone, hour=row.hour, days=row.days, after=start, paused_until=row.paused_until
            )
        moved.append((known[key], row.pk))
    with connection.cursor() as cursor:
        adapt = connection.ops.adapt_datetimefield_value
        cursor.executemany(
            "UPDATE newsletter_subscriber SET next_slot_at = %s WHERE id = %s",
            [(adapt(slot), pk) for slot, pk in moved],
        )
