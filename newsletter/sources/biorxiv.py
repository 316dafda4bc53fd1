"""bioRxiv and medRxiv: the details API, day by day, each day paged to its end. A day grows while it lasts.

Numbers come as strings, the authors as one list, a DOI once for each version, and marks of the page's layout in the
abstract. A later version of an old preprint updates its paper and makes none. `past` brings any day since Nov 2013.
All rights reserved (cc_no, or none): title and link only.
Source: api.biorxiv.org (help page); docs/sources.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

from newsletter.sources import polite
from newsletter.sources.page import Malformed, Page, Record, Rejected, ids, markup, text

HOME = "https://api.biorxiv.org"
NAME = "bioRxiv"
GROWS = True
_PAUSE = 1.0
_MOST_PAGES = 60
_SERVERS = ("biorxiv", "medrxiv")
_RESERVED = {"cc_no", "none"}
_SITES = {"medrxiv": "https://www.medrxiv.org/content", "biorxiv": "https://www.biorxiv.org/content"}
_FIGURE = re.compile(r"O_(FIG|TBL|INLINEFIG)\b.{0,4000}?C_\1", re.DOTALL)
_HEADING = re.compile(r"\s*O_ST_ABS\s*(.{0,80}?)\s*:?\s*C_ST_ABS\s*", re.DOTALL)
_INLINE = re.compile(r"[OC]_(?:SCP(?:LOW|CAP)|SUP|SUB|IT|BF|MONO|UNDERLINE)")
_BLOCK = re.compile(
    r"\s*\b(?:[OC]_(?:LIO|LI|ST|QD|QDO|BLOCKFIG|DISP|FD|CAPTION|TEXTBOX|LINKSMALLFIG)(?:_?(?:LIO|LI|ABS|QD))*)+_?(?:[OC]_LI)*\s*"
)


def fetch(params: Mapping[str, Any], *, now: datetime, etag: str = "", last_modified: str = "") -> polite.Fetched:
    """Yesterday and today (UTC). `params`: `server` (biorxiv or medrxiv), `category` (one, as the site names it), `url`."""
    today = now.astimezone(UTC).date()
    days = (today - timedelta(days=1), today)
    return polite.Fetched(answers=tuple(answer for day in days for answer in _day(params, day)))


def past(params: Mapping[str, Any], *, day: date) -> polite.Fetched:
    """That day's postings."""
    return polite.Fetched(answers=_day(params, day))


def parse(data: bytes, *, day: date | None = None) -> Page:
    """The newest version of each preprint; declared: what the answer says that it holds, less the versions joined."""
    answer = markup.from_json(data)
    messages = answer.get("messages") if isinstance(answer, dict) else None
    message = messages[0] if isinstance(messages, list) and messages and isinstance(messages[0], dict) else {}
    status = text.clean(message.get("status")).lower()
    if status != "ok":
        if "no posts found" in status:
            return Page(listed_on=day)
        raise Malformed(f"the API says: {status[:150]}" if status else "it is no answer of bioRxiv")
    items = answer.get("collection")
    if not isinstance(items, list):
        raise Malformed("it has no collection")
    return _page(items, _number(message.get("count")), day)


def recognises(data: bytes, name: str = "") -> bool:
    """A JSON object that begins with `messages` and their status; a cut one too."""
    head = b"".join(data[:3000].split())
    return head.startswith((b'{"messages":[{"status":', b'{"collection":')) and b'"messages"' in data


# -- asking --------------------------------------------------------------------------------------------------------------


def _day(params: Mapping[str, Any], day: date) -> tuple[polite.Answer, ...]:
    """One answer; two when a later page failed: what was read, and the error. Never raises."""
    server = params.get("server") if params.get("server") in _SERVERS else _SERVERS[0]
    base = str(params.get("url") or f"{HOME}/details/{server}")
    category = str(params.get("category") or "")
    query = f"?category={quote(category.replace(' ', '_'))}" if category else ""
    whole: list[Any] = []
    first: dict[str, Any] = {}
    error = ""
    for _ in range(_MOST_PAGES):
        try:
            data = polite.get(f"{base}/{day}/{day}/{len(whole)}{query}", pause=_PAUSE).data
            parse(data, day=day)
        except (polite.Unavailable, polite.Refused, Malformed) as caught:
            error = str(caught)
            break
        answer = markup.from_json(data)
        items = answer.get("collection") or []
        first = first or answer["messages"][0]
        whole += items
        if not items or len(whole) >= _number(answer["messages"][0].get("total")):  # the total may be too high
            break
    else:
        error = f"more than {_MOST_PAGES} pages"
    failed = (polite.Answer(day=day, data=b"", error=f"page after {len(whole)} preprints: {error}" if whole else error),)
    if error and not first:
        return failed
    joined = {"messages": [first | {"count": len(whole)}], "collection": whole}
    return (polite.Answer(day=day, data=markup.to_json(joined)), *(failed if error else ()))


# -- reading -------------------------------------------------------------------------------------------------------------


def _page(items: list[Any], count: int, day: date | None) -> Page:
    newest: dict[str, tuple[int, Record]] = {}
    rejected: list[Rejected] = []
    for place, item in enumerate(items, 1):
        try:
            version, record = _record(item, day)
        except Malformed as error:
            rejected.append(Rejected(str(error), f"preprint {place}"))
            continue
        doi = record.aliases[0][1]
        if doi not in newest or newest[doi][0] < version:
            newest[doi] = (version, record)
    if items and not newest:
        raise Malformed(f"none of {len(items)} preprints can be read ({rejected[0].reason}): the layout may have changed")
    records = tuple(record for _, record in newest.values())
    joined = len(items) - len(rejected) - len(records)
    listed = day or max((record.listed_on for record in records if record.listed_on), default=None)
    return Page(records=records, rejected=tuple(rejected), listed_on=listed, declared=count - joined if count else None)


def _record(item: object, day: date | None) -> tuple[int, Record]:
    if not isinstance(item, dict):
        raise Malformed("no preprint")
    doi, title = ids.doi(item.get("doi")), text.clean(item.get("title"), entities=True, longest=1000)
    if not doi or not title:
        raise Malformed("no DOI" if not doi else "no title")
    authors = _authors(item.get("authors"))
    version, posted = max(1, _number(item.get("version"))), _date(item.get("date"))
    journal = ids.doi(item.get("published"))
    own = ids.aliases(doi=doi, title=title, authors=authors)
    license = text.clean(item.get("license"))[:60].lower()
    free = license not in _RESERVED
    license = license if free else "cc_no"
    abstract = _abstract(item.get("abstract")) if free else ""
    code = text.code_link(abstract)
    site = _SITES["medrxiv" if "med" in str(item.get("server")).lower() else "biorxiv"]
    return version, Record(
        title=title,
        raw_title=text.raw(item.get("title")),
        aliases=(*own[:1], *((("doi", journal),) if journal and journal != doi else ()), *own[1:]),
        abstract=abstract,
        authors=authors if free else (),
        authors_total=(len(authors) or None) if free else None,
        categories=text.terms([item.get("category")]) if free else (),
        url=f"https://doi.org/{doi}",
        pdf_url=(text.web_url(f"{site}/{doi}v{version}.full.pdf")) if free else "",
        code_url=code,
        has_code=bool(code),
        license=license,
        published_on=posted,
        listed_on=day or posted,
        withdrawn=text.clean(item.get("type")).lower() == "withdrawn",
        announce="replace" if version > 1 else "new",
    )


def _abstract(value: object) -> str:
    """Marks of the layout out: figures with their captions, headings become "Methods:", small capitals nothing."""
    if not isinstance(value, str):
        return ""
    bare = _FIGURE.sub(" ", value[:40_000])
    bare = _HEADING.sub(lambda found: " " if found[1].lower() in ("", "abstract", "summary") else f" {found[1]}: ", bare)
    bare = _BLOCK.sub(" ", _INLINE.sub("", bare))
    return text.abstract(bare, entities=True)


def _authors(value: object) -> tuple[str, ...]:
    """ "Last, F. M.; Last, F." in the usual order."""
    parts = value.split(";") if isinstance(value, str) else []
    return text.names([" ".join(reversed([half.strip() for half in part.split(",", 1)])) for part in parts if part.strip()])


def _number(value: object) -> int:
    found = re.fullmatch(r"\s*(\d{1,9})\s*", str(value)) if isinstance(value, str | int) else None
    return int(found[1]) if found else 0


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
