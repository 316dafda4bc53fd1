"""Points and comments of Hacker News stories that lead to papers: a signal, never a new paper.

Two questions a reading, however many papers there are. Source: hn.algolia.com/api.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from newsletter.sources import polite
from newsletter.sources.page import Malformed, Page, Rejected, Signal, ids, markup, text

HOME = "https://hn.algolia.com"
NAME = "Hacker News"
GROWS = True
_PLACES = ("arxiv.org", "huggingface.co/papers")
_DAYS = 14
_MOST = 200
_PAUSE = 1.0


def fetch(params: Mapping[str, Any], *, now: datetime, etag: str = "", last_modified: str = "") -> polite.Fetched:
    """The stories of the last 14 days about `params["places"]`, in one answer. `params["url"]`: another API."""
    base = str(params.get("url") or f"{HOME}/api/v1/search_by_date")
    since = int((now - timedelta(days=_DAYS)).timestamp())
    hits: list[Any] = []
    for place in params.get("places") or _PLACES:
        asked = {"tags": "story", "query": place, "restrictSearchableAttributes": "url", "hitsPerPage": _MOST}
        asked["numericFilters"] = f"created_at_i>{since}"
        found = markup.from_json(polite.get(f"{base}?{urlencode(asked)}", pause=_PAUSE).data)
        if not isinstance(found, dict) or not isinstance(found.get("hits"), list):
            raise Malformed("the answer of Hacker News holds no stories")
        hits += found["hits"]
    return polite.Fetched(answers=(polite.Answer(data=markup.to_json({"hits": hits})),))


def parse(data: bytes, *, day: date | None = None) -> Page:
    """One signal a story, each story once, most points first. Raises Malformed."""
    found = markup.from_json(data)
    hits = found.get("hits") if isinstance(found, dict) else None
    if not isinstance(hits, list):
        raise Malformed("it holds no stories")
    signals: dict[str, Signal] = {}
    rejected: list[Rejected] = []
    for place, hit in enumerate(hits, 1):
        try:
            signal = _signal(hit)
            signals.setdefault(signal.number, signal)
        except Malformed as error:
            rejected.append(Rejected(str(error), f"story {place}"))
    if hits and not signals:
        raise Malformed(f"none of {len(hits)} stories can be read ({rejected[0].reason}): the layout may have changed")
    return Page(signals=tuple(signals.values()), rejected=tuple(rejected))


def recognises(data: bytes, name: str = "") -> bool:
    """An answer of the search API: hits that are stories."""
    head = data[:20_000]
    return head.lstrip()[:1] == b"{" and b'"hits"' in head and b'"objectID"' in head and b'"_tags"' in head


def _signal(hit: object) -> Signal:
    if not isinstance(hit, dict) or not isinstance(hit.get("objectID"), str):
        raise Malformed("no story id")
    url = text.web_url(hit.get("url"))
    points = text.whole(hit.get("points"))
    if points is None:
        raise Malformed("no points")
    number = next(iter(ids.arxiv_ids_in(url)), "")
    return Signal(
        name=text.clean(hit.get("title"), entities=True, longest=300),
        number=hit["objectID"][:20],
        aliases=ids.aliases(arxiv=number, doi=ids.doi(url), url=url),
        repository=text.repository(url),
        points=points,
        comments=text.whole(hit.get("num_comments")),
        said_on=_day(hit.get("created_at_i")),
    )


def _day(seconds: object) -> date | None:
    whole = text.whole(seconds)
    return datetime.fromtimestamp(whole, UTC).date() if whole else None
