"""Hugging Face Daily Papers: the JSON of api/daily_papers; where that fails, the page itself; the trending list too.

A day grows for a week, by papers and by votes: yesterday and today are read each time, the five days before once a
day. `past` brings any day since 2023-05-04.
Source: huggingface_hub, HfApi.list_daily_papers; docs/sources.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from newsletter.sources import polite
from newsletter.sources.huggingface import _html, _items
from newsletter.sources.page import Malformed, Page, markup, text

HOME = "https://huggingface.co"
NAME = "Hugging Face Daily Papers"
GROWS = True  # papers and votes are added to a day while it lasts
_LIMIT = 100  # the most that one answer holds; without it a day of more than 50 papers is cut
_CAP = 50  # the API's own default: a list that ends just there may be cut
_LAST = 9
_OLDER_DAYS = 6
_OLDER_BEFORE_HOUR = 3  # the older days are read by the first reading of a UTC day, of a source read every 3 h


def fetch(params: Mapping[str, Any], *, now: datetime, etag: str = "", last_modified: str = "") -> polite.Fetched:
    """The last days (UTC), each paged to its end; with `params["page"] == "trending"` the trending list, as today's.

    `params["url"]` replaces the API's address, `params["pages"]` the pages' (with `url` alone there is no second way).
    """
    today = now.astimezone(UTC).date()
    if params.get("page") == "trending":
        return polite.Fetched(answers=_read(params, today, "sort=trending", "trending"))
    back = _OLDER_DAYS if now.astimezone(UTC).hour < _OLDER_BEFORE_HOUR and not params.get("url") else 1
    days = [today - timedelta(days=ago) for ago in range(back, -1, -1)]
    return polite.Fetched(answers=tuple(answer for day in days for answer in _day(params, day)))


def rolling(params: Mapping[str, Any]) -> bool:
    """The trending list is no day's."""
    return params.get("page") == "trending"


def past(params: Mapping[str, Any], *, day: date) -> polite.Fetched:
    """That day's list as it stands now. Nobody keeps what was trending then: for that list no answer."""
    return polite.Fetched(answers=() if params.get("page") == "trending" else _day(params, day))


def parse(data: bytes, *, day: date | None = None) -> Page:
    """JSON or a page; `day`: the day that was asked for, which a page that names its own must agree with. Raises Malformed."""
    if markup.is_html(data):
        return _html.parse(data, day=day)
    items = markup.from_json(data)
    if isinstance(items, dict) and isinstance(items.get("id"), str) and "title" in items:
        items = [{"paper": items}]  # api/papers/ID
    if not isinstance(items, list):
        said = items.get("error") if isinstance(items, dict) else None
        raise Malformed(f"the API answered with an error: {text.clean(said)[:150]}" if said else "it is no list of papers")
    return _items.page(items, day)


def recognises(data: bytes, name: str = "") -> bool:
    """A JSON list whose first item speaks of a `paper`, or a page of the site; a cut one too: broken, not unknown."""
    if markup.is_html(data):
        return _html.recognises(data)
    head = b"".join(data[:20_000].split())
    return head == b"[]" or (head.startswith(b"[{") and b'"paper":{' in head and b'"id":' in head)


# -- asking --------------------------------------------------------------------------------------------------------------


def _day(params: Mapping[str, Any], day: date) -> tuple[polite.Answer, ...]:
    return _read(params, day, f"date={day.isoformat()}", f"date/{day.isoformat()}")


def _read(params: Mapping[str, Any], day: date, query: str, page: str) -> tuple[polite.Answer, ...]:
    """By the API; when that fails for any reason but asking too often, by the page. Never raises."""
    api = str(params.get("url") or f"{HOME}/api/daily_papers")
    pages = str(params.get("pages") or ("" if params.get("url") else f"{HOME}/papers"))
    try:
        return _whole(f"{api}?{query}&limit={_LIMIT}", day, may_be_empty="date=" in query)
    except (polite.Unavailable, polite.Refused, Malformed) as error:
        said = str(error)
        if not pages or "(429)" in said:
            return (polite.Answer(day=day, data=b"", error=said),)
    try:
        data = polite.get(f"{pages}/{page}").data
        _html.parse(data, day=day)
        return (polite.Answer(day=day, data=data),)
    except (polite.Unavailable, polite.Refused, Malformed) as error:
        return (polite.Answer(day=day, data=b"", error=f"{said}; and the page: {error}"),)


def _whole(address: str, day: date, *, may_be_empty: bool) -> tuple[polite.Answer, ...]:
    """The list to its end. Raises for its first page; a later one that fails is an answer of its own with the error."""
    first = polite.get(address).data
    items = _list(first)
    if not items and not may_be_empty:
        raise Malformed("the list is empty")
    found, page, size = {_id(item): item for item in items}, 0, len(items)
    while size and size % _CAP == 0 and page < _LAST:
        page += 1
        try:
            more = _list(polite.get(f"{address}&p={page}").data)
        except (polite.Unavailable, polite.Refused, Malformed) as error:
            return (_answer(day, found), polite.Answer(day=day, data=b"", error=f"page {page + 1} of the list: {error}"))
        size, known = len(more), len(found)
        found |= {_id(item): item for item in more if _id(item) not in found}
        if more and len(found) == known:
            cut = f"the list stops at {known} papers and its next page repeats them: it may be cut"
            return (_answer(day, found), polite.Answer(day=day, data=b"", error=cut))
    return (polite.Answer(day=day, data=first) if not page else _answer(day, found),)


def _answer(day: date, found: Mapping[str, object]) -> polite.Answer:
    return polite.Answer(day=day, data=markup.to_json(list(found.values())))


def _list(data: bytes) -> Sequence[object]:
    """Raises Malformed for anything but a list: an error in JSON, or a page with status 200 instead of the answer."""
    if markup.is_html(data):
        raise Malformed(_html.why_not(data))
    items = markup.from_json(data)
    if not isinstance(items, list):
        parse(data)
        raise Malformed("it is no list of papers")
    return items


def _id(item: object) -> str:
    """An item that has none stands for itself, so that `parse` says what is wrong with it."""
    paper = item.get("paper") if isinstance(item, dict) else None
    number = paper.get("id") if isinstance(paper, dict) else None
    return str(number) if number else f"no id: {item}"[:2000]
