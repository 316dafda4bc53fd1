"""One paper from many places: records meet papers by Alias, in any order, under any number of workers.

Trust: arXiv id, DOI, address, then title with first author. A title of at least four words joins when exactly one
paper fits; two papers with different arXiv ids (or DOIs) never join by title. Two papers that a record proves to be
one are merged into the older (merged_into; nothing is deleted), unless a curator has decided about one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.db.models import Q

from newsletter import search
from newsletter.models import Paper, Sighting, Source
from newsletter.sources.identity import _fields
from newsletter.sources.identity._known import Entry, Key, Known, keys_of
from newsletter.sources.identity._rows import join, one_at_a_time, part
from newsletter.sources.page import Page, Record, Rejected

__all__ = ["Counts", "join", "one_at_a_time", "part", "store"]

_TRIES = 5
_NO_REVISION = "a revision of a paper that was listed before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What storing a page came to. new + merged + rejected = the page's records + its own rejections."""

    new: int = 0
    merged: int = 0
    rejected: int = 0
    rejections: tuple[Rejected, ...] = ()


@dataclass(frozen=True, slots=True)
class _Shown:
    """A record that became a paper's: its place on the page and its day."""

    rank: int
    record: Record
    keys: list[Key]
    entry: Entry
    listed_on: date


def store(page: Page, source: Source, *, seen_at: datetime, day: date, one_day: bool = False, revisions: bool = False) -> Counts:
    """Papers, aliases and sightings of a page, all or none. `day`: listed_on of records that name none.

    one_day: every record is listed on `day`, whatever it says (a recording read as one issue). revisions: arXiv's
    "replace" entries make papers too; otherwise they only update. Safe to repeat: an unchanged page writes nothing.
    Safe beside another worker: one decides at a time, and who loses a race for an alias all the same reads again.
    """
    for left in reversed(range(_TRIES)):
        try:
            with transaction.atomic():
                one_at_a_time()
                return _store_once(page, source, seen_at, day, one_day, revisions)
        except IntegrityError:
            if not left:
                raise
    raise AssertionError("unreachable")


def _store_once(page: Page, source: Source, seen_at: datetime, day: date, one_day: bool, revisions: bool) -> Counts:
    known = Known.of(page.records, source)
    shown: list[_Shown] = []
    rejections = list(page.rejected)
    new = 0
    for rank, record in enumerate(page.records, 1):
        listed_on = day if one_day else record.listed_on or page.listed_on or day
        keys = keys_of(record, source)
        entry = known.meet(keys)
        if entry is None:
            if record.announce.startswith("replace") and not revisions:
                rejections.append(Rejected(_NO_REVISION, f"paper {rank}"))
                continue
            entry = Entry(_fields.new_paper(record, source, listed_on, seen_at))
            new += 1
        known.claim(entry, keys)
        shown.append(_Shown(rank, record, keys, entry, listed_on))
    known.write(at=seen_at)
    changed = _write_signals(known, shown, source, seen_at)
    if new or changed:
        search.index_changed()
    return Counts(
        new=new,
        merged=len(shown) - new,
        rejected=len(rejections),
        rejections=tuple(rejections),
    )


def _write_signals(known: Known, shown: list[_Shown], source: Source, seen_at: datetime) -> bool:
    """The winning fields, the newest votes, and a sighting where this source shows what it did not show before.

    Whether a paper has changed.
    """
    last: dict[tuple[int, date], Sighting] = {}
    rivals: dict[int, list[Sighting]] = {}
    pks = {each.entry.root().paper.pk for each in shown}
    rows = Sighting.objects.filter(Q(source=source) | Q(seen_at__gte=seen_at), paper__in=pks)
    rows = rows.exclude(source__kind__in=_fields.POINTS)
    for row in rows.order_by("seen_at", "pk") if pks else ():
        if row.source_id == source.pk:
            last[row.paper_id, row.listed_on] = row
        if row.seen_at >= seen_at:
            rivals.setdefault(row.paper_id, []).append(row)
    added: list[Sighting] = []
    again: list[Sighting] = []
    changed: dict[Entry, set[str]] = {}
    for each in shown:
        entry = each.entry.root()
        names = changed.setdefault(entry, set(entry.changed))
        names |= _fields.update(entry.paper, each.record, source, each.listed_on, seen_at)
        names |= _fields.signal(entry.paper, each.record, seen_at, rivals.setdefault(entry.paper.pk, []))
        row = _sighting(known, each, source, seen_at)
        before = last.get((entry.paper.pk, each.listed_on))
        if before and all(getattr(before, name) == getattr(row, name) for name in _fields.SIGNALS):
            continue
        if before and before.seen_at == seen_at:
            again += [before] if _greatest(before, row) and before.pk else []
            continue
        last[entry.paper.pk, each.listed_on] = row
        rivals[entry.paper.pk].append(row)
        added.append(row)
    Sighting.objects.bulk_create(added)
    if again:
        Sighting.objects.bulk_update(again, _fields.SIGNALS)
    return _write_changes(changed)


def _sighting(known: Known, each: _Shown, source: Source, seen_at: datetime) -> Sighting:
    paper = each.entry.root().paper
    row = Sighting(source=source, paper=paper, seen_at=seen_at, listed_on=each.listed_on, rank=each.rank)
    row.alias = known.shown_under(each.entry, each.keys)
    row.upvotes, row.comments, row.stars = each.record.upvotes, each.record.comments, each.record.stars
    return row


def _greatest(before: Sighting, row: Sighting) -> bool:
    """One reading that shows a paper twice, or again: the greater numbers stay. Was there any?"""
    changed = False
    for name in _fields.SIGNALS:
        ours, theirs = getattr(before, name), getattr(row, name)
        if theirs is not None and (ours is None or theirs > ours):
            setattr(before, name, theirs)
            changed = True
    return changed


def _write_changes(changed: dict[Entry, set[str]]) -> bool:
    dirty = {entry: names for entry, names in changed.items() if names}
    if dirty:
        Paper.objects.bulk_update([entry.paper for entry in dirty], sorted(set().union(*dirty.values())), batch_size=500)
    return bool(dirty)
