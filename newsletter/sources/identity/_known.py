"""The papers and aliases that the records of a page may meet, and what the page adds. Reads much at once, writes at the end."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from newsletter.models import Alias, Paper, Source
from newsletter.sources.identity import _fields
from newsletter.sources.identity._rows import merge_rows
from newsletter.sources.page import Record, ids

_STRONG = ("arxiv", "doi", "url")

Key = tuple[str, str]


def keys_of(record: Record, source: Source) -> list[Key]:
    """A short title ("Technical Report") is nobody's: it stands only for itself, in its own source."""
    keys = [(scheme, value) for scheme, value in record.aliases if scheme != "title" or ids.long_enough(record.title)]
    return keys or [("url", f"title:{source.slug}:{value}"[:300]) for _, value in record.aliases]


@dataclass(eq=False, slots=True)
class Entry:
    """A paper, saved or about to be; `into`: the entry that it was found to be one with. decided: by a curator."""

    paper: Paper
    into: Entry | None = None
    strong: set[Key] = field(default_factory=set)
    decided: bool = False
    changed: set[str] = field(default_factory=set)

    def root(self) -> Entry:
        entry = self
        while entry.into:
            entry = entry.into
        return entry


@dataclass(slots=True)
class Known:
    """The aliases that the page's records may meet, and what this page adds."""

    slug: str
    owner: dict[Key, Entry]
    rows: dict[Key, Alias]
    by_title: dict[str, set[Key]] = field(default_factory=dict)
    claimed: list[tuple[Key, Entry]] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    merged: list[Entry] = field(default_factory=list)

    @classmethod
    def of(cls, records: Sequence[Record], source: Source) -> Known:
        """One query; more for titles with possible namesakes or of unknown author (300 each), merged papers, ids to compare."""
        keys = {key for record in records for key in keys_of(record, source)}
        keys |= {key for record in records if (key := _namesake(keys_of(record, source), source.slug))}
        exact = {value for _, value in keys} | {_bare(value) for scheme, value in keys if scheme == "title"}
        aliases = list(Alias.objects.filter(value__in=exact).select_related("paper")) if exact else []
        met = {(alias.scheme, alias.value) for alias in aliases}
        bare = {value for scheme, value in keys - met if scheme == "title" and value.endswith(":")}
        ranges = [(value, value[:-1] + ";") for value in bare] + _namesakes(records, source)
        found = {(alias.scheme, alias.value): alias for alias in [*aliases, *_titles_in(ranges)]}
        aliases = list(found.values())
        entries = _entries(aliases)
        owner = {(alias.scheme, alias.value): entries[alias.paper_id] for alias in aliases}
        known = cls(slug=source.slug, owner=owner, rows={(alias.scheme, alias.value): alias for alias in aliases})
        known.entries = list(dict.fromkeys(entry.root() for entry in owner.values()))
        for key in owner:
            known._index(key)
        known._load_ids(records, source)
        return known

    def meet(self, keys: list[Key]) -> Entry | None:
        """The paper that these ids belong to, None for a new one. Merges what they prove to be one."""
        apart = _namesake(keys, self.slug)
        if apart and apart[0] == "url" and apart in self.owner:
            return self.owner[apart].root()
        strong = [key for key in keys if key[0] in _STRONG]
        own = {key for key in keys if key[0] in ("arxiv", "doi")}
        reached = [key for key in strong if key in self.owner and not _rivals(self.owner[key].root().strong, own, "arxiv")]
        title = next((key for key in keys if key[0] == "title"), None)
        fits = self._fits(title, own, idless=not strong) if title else []
        if not reached:
            return fits[0][1] if len(fits) == 1 else None
        first = self.owner[reached[0]].root()
        others = [self.owner[key].root() for key in reached[1:]] + ([fits[0][1]] if len(fits) == 1 else [])
        for other in others:
            first = self._merge(first, other)
        return first

    def claim(self, entry: Entry, keys: list[Key]) -> None:
        """Ids that nobody has become this paper's."""
        entry = entry.root()
        if entry.paper.pk is None and entry not in self.entries:
            self.entries.append(entry)
        for key in filter(None, (*keys, self._second_name(entry, keys))):
            if key not in self.owner:
                self.owner[key] = entry
                self.claimed.append((key, entry))
                self._index(key)
            if key[0] in ("arxiv", "doi") and self.owner[key].root() is entry:
                entry.strong.add(key)

    def shown_under(self, entry: Entry, keys: list[Key]) -> Alias | None:
        """After `write`: the record's most trusted id that is this paper's."""
        second = _namesake(keys, self.slug)
        mine = (key for key in (*keys, second) if key and key in self.owner)
        return next((self.rows[key] for key in mine if self.owner[key].root() is entry.root()), None)

    def _second_name(self, entry: Entry, keys: list[Key]) -> Key | None:
        """What a paper is kept under whose title is another's, word for word: so that two are seen to fit."""
        title = next((key for key in keys if key[0] == "title"), None)
        taken = title in self.owner and self.owner[title].root() is not entry if title else False
        return _namesake(keys, self.slug) if taken else None

    def write(self, *, at: datetime) -> None:
        """Papers, then what was merged, then the new aliases in one order for all workers (no deadlock)."""
        fresh = [entry.paper for entry in self.entries if entry.paper.pk is None and not entry.into]
        Paper.objects.bulk_create(fresh)
        for entry in self.merged:
            merge_rows(entry.paper, entry.root().paper, at)
        for root in {entry.root() for entry in self.merged}:
            root.changed |= _fields.newest_signals(root.paper)
        added = Alias.objects.bulk_create(
            Alias(scheme=scheme, value=value, paper=entry.root().paper)
            for (scheme, value), entry in sorted(self.claimed, key=lambda pair: pair[0])
        )
        self.rows |= {(alias.scheme, alias.value): alias for alias in added}

    def _fits(self, title: Key, own: set[Key], *, idless: bool) -> list[tuple[Key, Entry]]:
        """Papers with this title, first author equal or unknown, and no other id of a scheme that `own` has."""
        if idless and title in self.owner:
            same = [key for key in self.by_title[_bare(title[1])] if key == title or key[1].startswith(f"{title[1]}#")]
            decided = title in self.rows and self.rows[title].locked
            return [
                (key, entry) for entry, key in {self.owner[key].root(): key for key in ([title] if decided else same)}.items()
            ]
        bare = title[1].endswith(":")
        found: dict[Entry, Key] = {}
        for key in self.by_title.get(_bare(title[1]), ()):
            entry = self.owner[key].root()
            if not _rivals(entry.strong, own, "arxiv", "doi") and (bare or key == title or key[1].endswith(":")):
                found.setdefault(entry, key)
        return [(key, entry) for entry, key in found.items()]

    def _merge(self, one: Entry, other: Entry) -> Entry:
        """The older survives: it may have been mailed already. What a curator has decided about, no machine merges."""
        if one is other or one.decided or other.decided or _rivals(one.strong, other.strong, "arxiv"):
            return one
        unsaved = 1 << 62
        old, young = sorted((one, other), key=lambda entry: entry.paper.pk or unsaved)
        young.into = old
        old.strong |= young.strong
        old.changed |= _fields.absorb(old.paper, young.paper)
        if young.paper.pk is not None:
            self.merged.append(young)
        return old

    def _index(self, key: Key) -> None:
        if key[0] == "title":
            self.by_title.setdefault(_bare(key[1]), set()).add(key)

    def _load_ids(self, records: Sequence[Record], source: Source) -> None:
        """All ids and locks of papers where a record may join or merge: needed to see a rival, or a curator's word."""
        doubtful: set[Entry] = set()
        for record in records:
            keys = keys_of(record, source)
            titles = [key for scheme, value in keys if scheme == "title" for key in self.by_title.get(_bare(value), ())]
            reached = {self.owner[key].root() for key in (*keys, *titles) if key in self.owner}
            if len(reached) > 1 or any(key[0] in _STRONG and key not in self.owner for key in keys):
                doubtful |= reached
        if doubtful:
            by_pk = {entry.paper.pk: entry for entry in doubtful}
            rows = Alias.objects.filter(Q(scheme__in=["arxiv", "doi"]) | Q(locked=True), paper__in=list(by_pk))
            for paper_id, scheme, value, locked in rows.values_list("paper_id", "scheme", "value", "locked"):
                by_pk[paper_id].decided |= locked
                if scheme in ("arxiv", "doi"):
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


def _namesake(keys: list[Key], slug: str) -> Key | None:
    """The second name of a record with this title: with its id; without any, one in its own source."""
    title = next((value for scheme, value in keys if scheme == "title"), None)
    if title is None:
        return None
    if all(scheme == "title" for scheme, _ in keys):
        return "url", f"title:{slug}:{title}"[:300]
    own = next((value for scheme, value in keys if scheme in ("arxiv", "doi")), None)
    return ("title", f"{title}#{hashlib.sha256(own.encode()).hexdigest()[:12]}") if own else None


def _namesakes(records: Sequence[Record], source: Source) -> list[tuple[str, str]]:
    """Where the second names of others stand, for records with a title and an author but no id."""
    wanted = [keys_of(record, source) for record in records]
    titles = {keys[0][1] for keys in wanted if len(keys) == 1 and keys[0][0] == "title" and not keys[0][1].endswith(":")}
    return [(f"{title}#", f"{title}$") for title in titles]


def _titles_in(ranges: Sequence[tuple[str, str]]) -> list[Alias]:
    """Aliases of titles in these ranges, which the unique index serves; some hundreds a query, as SQLite allows."""
    found: list[Alias] = []
    ordered = sorted(ranges)
    for start in range(0, len(ordered), 300):
        wanted = Q()
        for low, high in ordered[start : start + 300]:
            wanted |= Q(scheme="title", value__gte=low, value__lt=high)
        found += Alias.objects.filter(wanted).select_related("paper")
    return found


def _entries(aliases: Sequence[Alias]) -> dict[int, Entry]:
    """paper id -> entry, merged_into followed to its end."""
    entries = {alias.paper_id: Entry(alias.paper) for alias in aliases}
    pending = list(entries.values())
    while pending:
        missing = {entry.paper.merged_into_id for entry in pending if entry.paper.merged_into_id} - entries.keys()
        fetched = [Entry(paper) for paper in Paper.objects.filter(pk__in=missing)] if missing else []
        entries |= {entry.paper.pk: entry for entry in fetched}
        for entry in pending:
            if entry.paper.merged_into_id:
                entry.into = entries[entry.paper.merged_into_id]
        pending = fetched
    return entries
