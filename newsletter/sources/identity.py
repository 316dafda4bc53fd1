"""One paper from many places: records meet papers by Alias, in any order, under any number of workers.

Trust: arXiv id, DOI, address, then title with first author. A title of at least four words joins when exactly one
paper fits; two papers with different arXiv ids (or DOIs) never join by title. Two papers that a record proves to be
one are merged into the older (merged_into; nothing is deleted), unless a curator's locked alias says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q

from newsletter.models import Alias, Paper, Sighting, Source
from newsletter.sources.page import Page, Record, Rejected, ids

_TRIES = 5
_STRONG = ("arxiv", "doi", "url")
_NO_REVISION = "a revision of a paper that was listed before"

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What storing a page came to. new + merged + rejected = the page's records + its own rejections."""

    new: int = 0
    merged: int = 0
    rejected: int = 0
    rejections: tuple[Rejected, ...] = ()


def store(page: Page, source: Source, *, seen_at: datetime, day: date, one_day: bool = False, revisions: bool = False) -> Counts:
    """Papers, aliases and sightings of a page, all or none. `day`: listed_on of records that name none.

    one_day: every record is listed on `day`, whatever it says (a recording read as one issue). revisions: arXiv's
    "replace" entries make papers too; otherwise they only update. Safe to repeat: an unchanged page writes nothing.
    Safe beside another worker: who loses the race for an alias reads again and joins.
    """
    for left in reversed(range(_TRIES)):
        try:
            with transaction.atomic():
                return _store_once(page, source, seen_at, day, one_day, revisions)
        except IntegrityError:
            if not left:
                raise
    raise AssertionError("unreachable")


def _store_once(page: Page, source: Source, seen_at: datetime, day: date, one_day: bool, revisions: bool) -> Counts:
    known = _Known.of(page.records, source)
    shown: list[tuple[int, Record, _Entry, date]] = []
    rejections = list(page.rejected)
    new = 0
    for rank, record in enumerate(page.records, 1):
        listed_on = day if one_day else record.listed_on or page.listed_on or day
        entry = known.meet(_keys(record, source))
        if entry is None:
            if record.announce.startswith("replace") and not revisions:
                rejections.append(Rejected(_NO_REVISION, f"paper {rank}"))
                continue
            entry = _Entry(_new_paper(record, source, listed_on, seen_at))
            new += 1
        known.claim(entry, _keys(record, source))
        shown.append((rank, record, entry, listed_on))
    known.write()
    _write_signals(shown, source, seen_at)
    return Counts(
        new=new,
        merged=len(shown) - new,
        rejected=len(rejections),
        rejections=tuple(rejections),
    )


def _keys(record: Record, source: Source) -> list[Key]:
    """A short title ("Technical Report") is nobody's: it stands only for itself, in its own source."""
    keys = [(scheme, value) for scheme, value in record.aliases if scheme != "title" or ids.long_enough(record.title)]
    return keys or [("url", f"title:{source.slug}:{value}"[:300]) for _, value in record.aliases]


# -- who is who --------------------------------------------------------------------------------------------------------


@dataclass(eq=False, slots=True)
class _Entry:
    """A paper, saved or about to be; `into`: the entry that it was found to be one with."""

    paper: Paper
    into: _Entry | None = None
    strong: set[Key] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)

    def root(self) -> _Entry:
        entry = self
        while entry.into:
            entry = entry.into
        return entry


@dataclass(slots=True)
class _Known:
    """The aliases that the page's records may meet, and what this page adds."""

    owner: dict[Key, _Entry]
    locked: set[Key]
    by_title: dict[str, set[Key]]
    claimed: list[tuple[Key, _Entry]] = field(default_factory=list)
    entries: list[_Entry] = field(default_factory=list)
    merged: list[_Entry] = field(default_factory=list)

    @classmethod
    def of(cls, records: Sequence[Record], source: Source) -> _Known:
        """One query; one more for titles without author that met nothing, for merged papers, and to compare ids."""
        keys = {key for record in records for key in _keys(record, source)}
        exact = {value for _, value in keys} | {_bare(value) for scheme, value in keys if scheme == "title"}
        aliases = list(Alias.objects.filter(value__in=exact).select_related("paper")) if exact else []
        met = {(alias.scheme, alias.value) for alias in aliases}
        bare = {value for scheme, value in keys - met if scheme == "title" and value.endswith(":")}
        aliases += _with_any_author(bare)
        entries = _entries(aliases)
        owner = {(alias.scheme, alias.value): entries[alias.paper_id] for alias in aliases}
        known = cls(owner=owner, locked={(alias.scheme, alias.value) for alias in aliases if alias.locked}, by_title={})
        known.entries = list(dict.fromkeys(entry.root() for entry in owner.values()))
        for key in owner:
            known._index(key)
        known._load_ids(records, source)
        return known

    def meet(self, keys: list[Key]) -> _Entry | None:
        """The paper that these ids belong to, None for a new one. Merges what they prove to be one."""
        strong = [key for key in keys if key[0] in _STRONG]
        own = {key for key in keys if key[0] in ("arxiv", "doi")}
        reached = [key for key in strong if key in self.owner and not _rivals(self.owner[key].root().strong, own, "arxiv")]
        title = next((key for key in keys if key[0] == "title"), None)
        fits = self._fits(title, own, idless=not strong) if title else []
        if not reached:
            return fits[0][1] if len(fits) == 1 else None
        first = self.owner[reached[0]].root()
        others = [self.owner[key].root() for key in reached[1:]] + ([fits[0][1]] if len(fits) == 1 else [])
        if not self.locked.intersection([*reached, *(key for key, _ in fits)]):
            for other in others:
                first = self._merge(first, other)
        return first

    def claim(self, entry: _Entry, keys: list[Key]) -> None:
        """Ids that nobody has become this paper's."""
        entry = entry.root()
        if entry.paper.pk is None and entry not in self.entries:
            self.entries.append(entry)
        for key in keys:
            if key not in self.owner:
                self.owner[key] = entry
                self.claimed.append((key, entry))
                self._index(key)
            if key[0] in ("arxiv", "doi") and self.owner[key].root() is entry:
                entry.strong.add(key)

    def write(self) -> None:
        """Papers, then what was merged, then the new aliases in one order for all workers (no deadlock)."""
        fresh = [entry.paper for entry in self.entries if entry.paper.pk is None and not entry.into]
        Paper.objects.bulk_create(fresh)
        for entry in self.merged:
            _write_merge(entry.paper, entry.root().paper)
        Alias.objects.bulk_create(
            Alias(scheme=scheme, value=value, paper=entry.root().paper)
            for (scheme, value), entry in sorted(self.claimed, key=lambda pair: pair[0])
        )

    def _fits(self, title: Key, own: set[Key], *, idless: bool) -> list[tuple[Key, _Entry]]:
        """Papers with this title, first author equal or unknown, and no other id of a scheme that `own` has."""
        if idless and title in self.owner:
            return [(title, self.owner[title].root())]
        bare = title[1].endswith(":")
        found: dict[_Entry, Key] = {}
        for key in self.by_title.get(_bare(title[1]), ()):
            entry = self.owner[key].root()
            if not _rivals(entry.strong, own, "arxiv", "doi") and (bare or key == title or key[1].endswith(":")):
                found.setdefault(entry, key)
        return [(key, entry) for entry, key in found.items()]

    def _merge(self, one: _Entry, other: _Entry) -> _Entry:
        """The older survives: it may have been mailed already."""
        if one is other or _rivals(one.strong, other.strong, "arxiv"):
            return one
        unsaved = 1 << 62
        old, young = sorted((one, other), key=lambda entry: entry.paper.pk or unsaved)
        young.into = old
        old.strong |= young.strong
        old.changed |= _fill(old.paper, young.paper, over=False)
        if young.paper.pk is not None:
            self.merged.append(young)
        return old

    def _index(self, key: Key) -> None:
        if key[0] == "title":
            self.by_title.setdefault(_bare(key[1]), set()).add(key)

    def _load_ids(self, records: Sequence[Record], source: Source) -> None:
        """All ids of papers where a record may join or merge: needed to see a rival."""
        doubtful: set[_Entry] = set()
        for record in records:
            keys = _keys(record, source)
            titles = [key for scheme, value in keys if scheme == "title" for key in self.by_title.get(_bare(value), ())]
            reached = {self.owner[key].root() for key in (*keys, *titles) if key in self.owner}
            if len(reached) > 1 or any(key[0] in _STRONG and key not in self.owner for key in keys):
                doubtful |= reached
        if doubtful:
            by_pk = {entry.paper.pk: entry for entry in doubtful}
            rows = Alias.objects.filter(paper__in=list(by_pk), scheme__in=["arxiv", "doi"])
            for paper_id, scheme, value in rows.values_list("paper_id", "scheme", "value"):
                by_pk[paper_id].strong.add((scheme, value))
        for key, entry in self.owner.items():
            if key[0] in ("arxiv", "doi"):
                entry.root().strong.add(key)


def _rivals(one: set[Key], other: set[Key], *schemes: str) -> bool:
    """Both have ids of such a scheme, and none in common: two works."""
    for scheme in schemes:
        ours, theirs = ({key for key in keys if key[0] == scheme} for keys in (one, other))
        if ours and theirs and not ours & theirs:
            return True
    return False


def _bare(fingerprint: str) -> str:
    return fingerprint.partition(":")[0] + ":"


def _with_any_author(bare: Iterable[str]) -> list[Alias]:
    """Aliases of these titles whatever the author: ranges, which the unique index serves."""
    wanted = Q()
    for value in sorted(bare):
        wanted |= Q(scheme="title", value__gte=value, value__lt=value[:-1] + ";")
    return list(Alias.objects.filter(wanted).select_related("paper")) if wanted else []


def _entries(aliases: Sequence[Alias]) -> dict[int, _Entry]:
    """paper id -> entry, merged_into followed to its end."""
    entries = {alias.paper_id: _Entry(alias.paper) for alias in aliases}
    pending = list(entries.values())
    while pending:
        missing = {entry.paper.merged_into_id for entry in pending if entry.paper.merged_into_id} - entries.keys()
        fetched = [_Entry(paper) for paper in Paper.objects.filter(pk__in=missing)] if missing else []
        entries |= {entry.paper.pk: entry for entry in fetched}
        for entry in pending:
            if entry.paper.merged_into_id:
                entry.into = entries[entry.paper.merged_into_id]
        pending = fetched
    return entries


def _write_merge(young: Paper, old: Paper) -> None:
    """Unlocked aliases and all sightings go over; the row stays and says where to."""
    Paper.objects.filter(pk=young.pk).update(merged_into=old)
    Alias.objects.filter(paper=young, locked=False).update(paper=old)
    twin = Sighting.objects.filter(
        paper=old, source=OuterRef("source"), listed_on=OuterRef("listed_on"), seen_at=OuterRef("seen_at")
    )
    Sighting.objects.filter(~Exists(twin), paper=young).update(paper=old)


# -- what is known of it -----------------------------------------------------------------------------------------------

_SIGNALS = ("upvotes", "comments", "stars")
_TEXTS = ("abstract", "url", "pdf_url", "code_url", "project_url", "license", "published_on")
_LISTS = ("organizations", "categories", "keywords")


def _new_paper(record: Record, source: Source, listed_on: date, seen_at: datetime) -> Paper:
    paper = Paper(title=record.title, raw_title=record.raw_title, listed_on=listed_on, seen_at=seen_at)
    paper.is_sample = source.is_sample
    _update(paper, record, source, listed_on, seen_at, stale=False)
    return paper


def _fill(paper: Paper, known: Record | Paper, *, over: bool) -> set[str]:
    """Empty fields are filled, filled ones never emptied; a longer list of authors or categories wins.

    over: what is there came from the bundled sample and gives way to what a live source says.
    """
    before = {name: getattr(paper, name) for name in (*_TEXTS, *_LISTS, *_FIELDS)}
    for name in _TEXTS:
        if getattr(known, name) and (over or not getattr(paper, name)):
            setattr(paper, name, getattr(known, name))
    if known.summary and (over or not paper.summary):
        paper.summary, paper.summary_by = known.summary, known.summary_by
    for name in _LISTS:
        if len(getattr(known, name)) > (0 if over else len(getattr(paper, name))):
            setattr(paper, name, list(getattr(known, name)))
    if len(known.authors) > (0 if over else len(paper.authors)):
        paper.authors, paper.authors_total = list(known.authors), known.authors_total
    elif paper.authors_total is None and (known.authors_total or 0) >= max(len(paper.authors), 1):
        paper.authors_total = known.authors_total
    paper.has_code = paper.has_code or known.has_code
    return {name for name, value in before.items() if getattr(paper, name) != value}


_FIELDS = ("summary", "summary_by", "authors", "authors_total", "has_code")


def _write_signals(shown: list[tuple[int, Record, _Entry, date]], source: Source, seen_at: datetime) -> None:
    """The newest votes on the paper, and a sighting where this source shows something that it did not show before."""
    last: dict[tuple[int, date], Sighting] = {}
    newest: dict[int, datetime] = {}
    pks = {entry.root().paper.pk for _, _, entry, _ in shown}
    for row in Sighting.objects.filter(source=source, paper__in=pks).order_by("seen_at", "pk") if pks else ():
        last[row.paper_id, row.listed_on] = row
        newest[row.paper_id] = row.seen_at
    added: list[Sighting] = []
    again: list[Sighting] = []
    changed: dict[_Entry, set[str]] = {}
    for rank, record, met, listed_on in shown:
        entry = met.root()
        stale = newest.get(entry.paper.pk, seen_at) > seen_at
        changed.setdefault(entry, set(entry.changed)).update(_update(entry.paper, record, source, listed_on, seen_at, stale))
        row = Sighting(source=source, paper=entry.paper, seen_at=seen_at, listed_on=listed_on, rank=rank)
        row.upvotes, row.comments, row.stars = record.upvotes, record.comments, record.stars
        before = last.get((entry.paper.pk, listed_on))
        if before and all(getattr(before, name) == getattr(row, name) for name in _SIGNALS):
            continue
        if before and before.seen_at == seen_at:
            before.upvotes, before.comments, before.stars = row.upvotes, row.comments, row.stars
            again += [before] if before.pk else []
            continue
        last[entry.paper.pk, listed_on] = row
        added.append(row)
    Sighting.objects.bulk_create(added)
    if again:
        Sighting.objects.bulk_update(again, _SIGNALS)
    _write_changes(changed)


def _update(paper: Paper, record: Record, source: Source, listed_on: date, seen_at: datetime, stale: bool) -> set[str]:
    """Names of the fields that this record changed. stale: a newer reading of the same source is known."""
    over = paper.is_sample and not source.is_sample
    changed = _fill(paper, record, over=over)
    wanted: dict[str, object] = {"listed_on": min(paper.listed_on, listed_on)}
    if over:
        wanted |= {"is_sample": False, "title": record.title, "raw_title": record.raw_title}
    if record.withdrawn and not paper.withdrawn_at:
        wanted["withdrawn_at"] = seen_at
    for name in () if stale else _SIGNALS:
        if getattr(record, name) is not None:
            wanted[name] = getattr(record, name)
    for name, value in wanted.items():
        if getattr(paper, name) != value:
            setattr(paper, name, value)
            changed.add(name)
    return changed


def _write_changes(changed: dict[_Entry, set[str]]) -> None:
    dirty = {entry: names for entry, names in changed.items() if names}
    if dirty:
        Paper.objects.bulk_update([entry.paper for entry in dirty], sorted(set().union(*dirty.values())), batch_size=500)
