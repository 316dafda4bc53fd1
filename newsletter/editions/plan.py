"""Candidates x readers -> Edition and Delivery(PENDING): one transaction a wave, with its Run.

Safe to repeat and to run twice at once: due readers are locked (PostgreSQL) or the write transaction is (SQLite),
next_slot_at moves in the same transaction, and unique constraints stand behind it all.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import numpy as np
from django.conf import settings
from django.db import connection, transaction

from newsletter import issues
from newsletter.editions import _due, window
from newsletter.editions._crowd import Crowd
from newsletter.editions._due import REASONS, Readers
from newsletter.editions._press import Press, deliver
from newsletter.models import EmptyDay, Run, RunState

WAVES = {"postgresql": 250_000, "sqlite": 5_000}  # readers; SQLite has one writer, who must not keep the others waiting
HORIZON = timedelta(minutes=30)


def plan(*, now: datetime, horizon: timedelta = HORIZON) -> Run:
    """Make the copies of every slot due until now + horizon, wave by wave. The last wave's Run, or an empty one."""
    run: Run | None = None
    crowd, press, most = Crowd(now), Press(), WAVES[connection.vendor]
    while True:
        with transaction.atomic():
            readers = _due.due(until=now + horizon, most=most)
            done = _prepare(readers, now, crowd, press)
            _due.advance(readers, now)
        run = _merged(run, done)
        if done.due < most:
            return run


def plan_now(*, now: datetime) -> Run:
    """A copy, due at once, for every active reader without a digest of today's slot_on, whatever hour and days."""
    run: Run | None = None
    last, crowd, press, most = 0, Crowd(now), Press(), WAVES[connection.vendor]
    while True:
        with transaction.atomic():
            readers = _due.after_id(last, now=now, most=most)
            done = _prepare(readers, now, crowd, press)
        run = _merged(run, done)
        if done.due < most:
            return run
        last = int(readers.id[-1])


def reopen_slots(*, since: datetime, now: datetime) -> int:
    """Slots that passed after `since`, as far back as the late window, are to be planned again. Readers.

    For an approval: what was held at the reader's hour may still leave. Who has had that day's copy gets no second one.
    """
    moved, last, most = 0, 0, WAVES[connection.vendor]
    while True:
        with transaction.atomic():
            readers = _due.waiting(last, now=now, most=most)
            moved += _due.take_back(readers, since=max(since, now - settings.LATE_WINDOW), now=now)
        if len(readers) < most:
            return moved
        last = int(readers.id[-1])


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


def _prepare(readers: Readers, now: datetime, crowd: Crowd, press: Press) -> Run:
    """Editions, copies and the Run of one wave; sums hold by construction: due == prepared + excluded."""
    upto = window.newest_sendable()
    run = Run(stage="plan", as_of=now, started_at=now, ended_at=now, state=RunState.DONE, due=len(readers))
    readers, why = _due.sorted_out(readers, upto=upto, now=now)
    excluded = {REASONS[number]: count for number, count in enumerate(np.bincount(why).tolist()) if number and count}
    readers = readers.take(why == 0)
    copies = crowd.copies(readers, upto)
    wanted = (copies.shown.lengths[copies.edition] > 0) | ~readers.empty_day.equal(EmptyDay.SILENT.value)
    if not wanted.all():
        excluded["EMPTY"] = int((~wanted).sum())
    readers, lists, more = readers.take(wanted), copies.edition[wanted], copies.more[wanted]
    used, lists = np.unique(lists, return_inverse=True)
    run.prepared, run.excluded = len(readers), excluded
    run.report = {"upto": upto, "editions": len(used), "waves": 1}
    run.save()
    if len(readers):
        editions = press.editions(copies.shown.take(used), crowd, now)
        deliver(readers, editions[lists], more, upto=upto, run=run, now=now)
        issues.count_prepared(upto, len(readers))
    return run
