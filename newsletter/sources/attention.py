"""What sightings say about attention: in how many independent places a paper is shown, how fast its counts grow."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from newsletter.models import Sighting, Source

_DAY = timedelta(days=1)
_LOOK_BACK = timedelta(days=14)  # as long as a paper can be NEW; an older reading is no neighbour of yesterday's
_HOMES = {"arxiv.org": "arxiv", "huggingface.co": "huggingface", "biorxiv.org": "biorxiv", "medrxiv.org": "biorxiv"}
_LISTS_NOTHING = "github"
_COPIES = ("mailbox", "snapshot")  # another place's list, by mail or saved: nothing says which

Reading = tuple[datetime, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """One paper. places: at least 1; gained: in the last 24 h, None when there are not two readings to compare.

    sources: the ids of the sources that showed it, those of signals left out where they list nothing.
    """

    places: int = 1
    sources: frozenset[int] = frozenset()
    upvotes_gained: int | None = None
    stars_gained: int | None = None


@dataclass(slots=True)
class _Seen:
    sources: set[int] = field(default_factory=set)
    upvotes: dict[tuple[str, int | None], list[Reading]] = field(default_factory=dict)
    stars: dict[tuple[str, int | None], list[Reading]] = field(default_factory=dict)


def attention(papers: Collection[int], *, at: datetime) -> dict[int, Attention]:
    """By paper id, as it was known at that instant; a paper never sighted is left out. Three queries however many papers.

    Votes count where they are the paper's own (Hacker News counts points of stories); a gain is taken within one kind of
    source and one id of the paper, the greatest of them, because two places' counts are not one series.
    """
    places = {source.pk: place(source) for source in Source.objects.all()}
    seen: dict[int, _Seen] = {}
    for paper, source in Sighting.objects.filter(paper_id__in=papers).values_list("paper_id", "source_id").distinct():
        if places[source] != _LISTS_NOTHING:
            seen.setdefault(paper, _Seen()).sources.add(source)
    read_at = _read_series(papers, seen, at)
    return {paper: _attention(one, places, read_at, at) for paper, one in seen.items()}


def place(source: Source) -> str:
    """Equal for sources that repeat each other: all of a kind, and a feed of the host that another kind reads."""
    if source.kind != "feed":
        return source.kind
    host = (urlsplit(str(source.params.get("url") or "")).hostname or source.slug).removeprefix("www.")
    return next((kind for home, kind in _HOMES.items() if host == home or host.endswith(f".{home}")), host)


def gained(readings: Sequence[Reading], *, at: datetime, read_at: Sequence[datetime]) -> int | None:
    """How much a count grew in the 24 h before `at`: never below 0, None of fewer than two readings.

    readings: (when, count), the oldest first, only where the count changed; read_at: when that kind of source was read,
    sorted. A change across a gap in the readings that began earlier is spread evenly over the gap, so that an outage
    makes no burst. A paper known for less than a day has gained at least what it has since its first reading.
    """
    readings = readings[: bisect_right(readings, at, key=lambda one: one[0])]
    if len(readings) < 2:
        return None
    since, newest = at - _DAY, readings[-1][1]
    after = bisect_right(readings, since, key=lambda one: one[0])
    if after == 0:
        return max(newest - readings[0][1], 0)
    if after == len(readings):
        return 0
    (_, before), (changed_at, count) = readings[after - 1], readings[after]
    last = read_at[bisect_left(read_at, changed_at) - 1]
    missed = max((since - last) / (changed_at - last), 0.0)
    return max(round(newest - before - missed * (count - before)), 0)


def _read_series(papers: Collection[int], seen: dict[int, _Seen], at: datetime) -> dict[str, list[datetime]]:
    """Fills upvotes and stars; when each kind was read, as far as these papers show."""
    read_at: dict[str, set[datetime]] = {}
    rows = Sighting.objects.filter(paper_id__in=papers, seen_at__gt=at - _LOOK_BACK, seen_at__lte=at).order_by("seen_at", "id")
    columns = ("paper_id", "source__kind", "alias_id", "seen_at", "upvotes", "stars")
    for paper, kind, alias, seen_at, upvotes, stars in rows.values_list(*columns):
        read_at.setdefault(kind, set()).add(seen_at)
        one = seen.setdefault(paper, _Seen())
        if upvotes is not None and kind != "hackernews":
            one.upvotes.setdefault((kind, alias), []).append((seen_at, upvotes))
        if stars is not None:
            one.stars.setdefault((kind, alias), []).append((seen_at, stars))
    return {kind: sorted(times) for kind, times in read_at.items()}


def _attention(seen: _Seen, places: Mapping[int, str], read_at: Mapping[str, Sequence[datetime]], at: datetime) -> Attention:
    shown = {places[source] for source in seen.sources}
    return Attention(
        places=max(len(shown.difference(_COPIES)), 1),
        sources=frozenset(seen.sources),
        upvotes_gained=_greatest(seen.upvotes, read_at, at),
        stars_gained=_greatest(seen.stars, read_at, at),
    )


def _greatest(
    series: Mapping[tuple[str, int | None], Sequence[Reading]], read_at: Mapping[str, Sequence[datetime]], at: datetime
) -> int | None:
    gains: Iterable[int | None] = (gained(rows, at=at, read_at=read_at[kind]) for (kind, _), rows in series.items())
    return max((gain for gain in gains if gain is not None), default=None)
