"""arXiv: the daily feeds, checked against the listing page; the query API; OAI-PMH for what is past.

`params["via"]`: "feed" (default), "list", "api" (with `query`) or "oai". A new list is out at 20:00 US Eastern, Sunday to
Thursday; an empty feed is a weekend or a holiday. A feed may hold yesterday's batch under a fresh date, which only the
listing page shows. `past` asks OAI-PMH for what changed on a day.
Source: info.arxiv.org/help (rss, api, oa, availability).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode

from newsletter.sources import polite
from newsletter.sources.arxiv import _feed, _list, _oai
from newsletter.sources.page import Malformed, Page, Record, markup

HOME = "https://rss.arxiv.org"
NAME = "arXiv"
GROWS = False
_LIST = "https://arxiv.org/list"
_API = "https://export.arxiv.org/api/query"
_OAI = "https://oaipmh.arxiv.org/oai"
_PAUSE = 3.0  # seconds between two requests, over all workers: arXiv's terms of use
_MOST_PARTS = 40  # of one OAI list, of 1,000 to 1,500 records
_API_ENTRIES = 200


def fetch(params: Mapping[str, Any], *, now: datetime, etag: str = "", last_modified: str = "") -> polite.Fetched:
    """`params["category"]`: one or several with "+". `url`, `list_url`, `api_url`, `oai_url` replace addresses."""
    via = params.get("via", "feed")
    if via == "api":
        return _query(params)
    if via == "list":
        return polite.Fetched(answers=tuple(_listings(params)))
    if via == "oai":
        return past(params, day=now.astimezone(UTC).date())
    url = str(params.get("url") or f"{HOME}/rss/{params.get('category', 'cs.CL')}")
    got = polite.get(url, etag=etag, last_modified=last_modified, pause=_PAUSE)
    return got if got.unchanged or ("url" in params and "list_url" not in params) else _checked(params, got)


def past(params: Mapping[str, Any], *, day: date) -> polite.Fetched:
    """What OAI-PMH has for that datestamp, a category after the other, to the end of each list.

    No answer where `url` leads elsewhere and `oai_url` says no place: then it is not ours to know.
    Raises polite.Unavailable, Refused, Malformed for the first part; a later one that fails is an answer with its error.
    """
    if params.get("url") and not params.get("oai_url"):
        return polite.Fetched()
    base = str(params.get("oai_url") or _OAI)
    answers: list[polite.Answer] = []
    for category in _categories(params):
        asked = {"verb": "ListRecords", "metadataPrefix": params.get("format", "arXivRaw"), "set": _oai.set_of(category)}
        answers += _parts(base, asked | {"from": day.isoformat(), "until": day.isoformat()}, day)
    return polite.Fetched(answers=tuple(answers))


def parse(data: bytes, *, day: date | None = None) -> Page:
    """Any of arXiv's formats, by content. The page's day is its own, whatever the clock says. Raises Malformed."""
    if markup.is_html(data):
        return _list.parse(data, day)
    if _oai.is_ours(data):
        return _oai.parse(data, day)
    return _feed.parse(data, day)


def recognises(data: bytes, name: str = "") -> bool:
    """A feed or an answer that says it is arXiv's, empty or not; a listing page; OAI-PMH."""
    if markup.is_html(data):
        return _list.is_ours(data)
    return _oai.is_ours(data) or _feed.is_ours(data)


# -- asking --------------------------------------------------------------------------------------------------------------


def _checked(params: Mapping[str, Any], got: polite.Fetched) -> polite.Fetched:
    """The feed; with or instead of it the listing, where that has papers which the feed lacks.

    One request more for each new feed. A listing that cannot be had says nothing against a good feed.
    """
    try:
        feed = _feed.parse(got.data, None)
    except Malformed:
        return got
    try:
        answers = list(_listings(params))
        pages = [_list.parse(answer.data, None) for answer in answers]
    except (polite.Unavailable, polite.Refused, Malformed):
        return got
    have = {_number(record) for record in feed.records}
    shown = {_number(record) for page in pages for record in page.records}
    days = [page.listed_on for page in pages if page.listed_on]
    if shown <= have or (feed.listed_on and days and max(days) < feed.listed_on and feed.records):
        return got
    stale = have.isdisjoint(shown) or have <= shown
    kept = () if stale else got.answers
    return polite.Fetched(answers=(*kept, *answers), etag=got.etag, last_modified=got.last_modified, url=got.url)


def _listings(params: Mapping[str, Any]) -> list[polite.Answer]:
    """The listing page of each category (it takes one). Raises polite.Unavailable, Refused."""
    if params.get("list_url"):
        return list(polite.get(str(params["list_url"]), pause=_PAUSE).answers)
    found: list[polite.Answer] = []
    for category in _categories(params):
        found += polite.get(f"{_LIST}/{category}/new?skip=0&show=2000", pause=_PAUSE).answers
    return found


def _query(params: Mapping[str, Any]) -> polite.Fetched:
    """The newest submissions of a query; an empty page of a full list, which the API gives at random, is asked for again."""
    asked = {
        "search_query": params.get("query") or " OR ".join(f"cat:{category}" for category in _categories(params)),
        "start": 0,
        "max_results": params.get("max_results", _API_ENTRIES),
        "sortBy": "submittedDate",
        "sortOrder": "descending",
    }
    url = f"{params.get('api_url') or _API}?{urlencode(asked)}"
    got = polite.get(url, pause=_PAUSE)
    if _feed.is_empty_by_fault(got.data):
        got = polite.get(url, pause=_PAUSE)
    return polite.Fetched(answers=got.answers, url=got.url)


def _parts(base: str, asked: Mapping[str, Any], day: date) -> list[polite.Answer]:
    """A list to its last resumption token. A token that lapsed between two parts is one more answer, with its error."""
    data = polite.get(f"{base}?{urlencode(asked)}", pause=_PAUSE).data
    answers = [polite.Answer(day=day, data=data)]
    for _ in range(_MOST_PARTS):
        try:
            _oai.parse(data, day)
            token = _oai.token(data)
            if not token:
                return answers
            data = polite.get(f"{base}?{urlencode({'verb': 'ListRecords', 'resumptionToken': token})}", pause=_PAUSE).data
            _oai.parse(data, day)
        except (polite.Unavailable, polite.Refused, Malformed) as error:
            if len(answers) == 1 and answers[0].data == data:
                return answers  # parse says it again
            return [*answers, polite.Answer(day=day, data=b"", error=f"part {len(answers) + 1} of the list: {error}")]
        answers.append(polite.Answer(day=day, data=data))
    return [*answers, polite.Answer(day=day, data=b"", error=f"the list has more than {_MOST_PARTS} parts")]


def _categories(params: Mapping[str, Any]) -> list[str]:
    return [one for one in str(params.get("category", "cs.CL")).split("+") if one]


def _number(record: Record) -> str:
    return record.aliases[0][1]
