"""arXiv's daily feeds, rss.arxiv.org: RSS 2.0 and Atom. An empty one is a weekend or a holiday.

Read strictly: a feed cut in the middle is an error, not a short day.
Source: info.arxiv.org/help/rss.html and rss_specifications.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from lxml import etree

from newsletter.sources import polite
from newsletter.sources.page import Malformed, Page, Record, Rejected, ids, markup, text

HOME = "https://rss.arxiv.org"
NAME = "arXiv"
GROWS = False
_DC = "{http://purl.org/dc/elements/1.1/}"
_ARXIV = "{http://arxiv.org/schemas/atom}"
_ATOM = "{http://www.w3.org/2005/Atom}"
_ABSTRACT = re.compile(r"^.*?Abstract:\s*", re.DOTALL)
_PAUSE = 3.0  # seconds between two requests, over all workers: arXiv's terms of use


def fetch(params: Mapping[str, Any], *, now: datetime, etag: str = "", last_modified: str = "") -> polite.Fetched:
    """`params["category"]`: one or several with "+". `params["url"]` replaces the whole address."""
    url = str(params.get("url") or f"{HOME}/rss/{params.get('category', 'cs.CL')}")
    return polite.get(url, etag=etag, last_modified=last_modified, pause=_PAUSE)


def parse(data: bytes, *, day: date | None = None) -> Page:
    """The page's day is the feed's own, whatever the clock says. Raises Malformed."""
    root = markup.tree(data)
    channel = root.find("channel") if root.tag == "rss" else root
    if channel is None or root.tag not in {"rss", f"{_ATOM}feed"}:
        raise Malformed("it is neither RSS 2.0 nor Atom")
    entries = channel.findall("item") if root.tag == "rss" else channel.findall(f"{_ATOM}entry")
    listed = _day(_text(channel, "pubDate", "lastBuildDate", f"{_ATOM}updated")) or day
    records: list[Record] = []
    rejected: list[Rejected] = []
    for place, entry in enumerate(entries, 1):
        try:
            records.append(_record(entry, listed))
        except Malformed as error:
            rejected.append(Rejected(str(error), f"entry {place}"))
    if entries and not records:
        raise Malformed(f"none of {len(entries)} entries can be read ({rejected[0].reason}): the layout may have changed")
    return Page(records=tuple(records), rejected=tuple(rejected), listed_on=listed)


def recognises(data: bytes, name: str = "") -> bool:
    """A feed that says it is arXiv's daily one, empty or not. The query API's Atom is left to `feed`."""
    head = data[:3000]
    return markup.root_name(data) in {"rss", "feed"} and (
        b"rss.arxiv.org/" in head or b"updates on arXiv.org" in head or b"oai:arXiv.org:" in head
    )


def _record(entry: etree._Element, listed: date | None) -> Record:
    number = ids.arxiv_id(_text(entry, "guid", f"{_ATOM}id")) or next(iter(ids.arxiv_ids_in(_text(entry, "link"))), "")
    raw = _text(entry, "title", f"{_ATOM}title")
    title = text.clean(raw, longest=1000)
    if not number or not title:
        raise Malformed("no arXiv id" if not number else "no title")
    authors = _authors(_text(entry, f"{_DC}creator"))
    abstract = text.abstract(_ABSTRACT.sub("", _text(entry, "description", f"{_ATOM}summary"), count=1))
    code = text.code_link(abstract)
    return Record(
        title=title,
        raw_title=text.raw(raw),
        aliases=ids.aliases(
            arxiv=number, doi=ids.doi(_text(entry, f"{_ARXIV}DOI", f"{_ARXIV}doi")), title=title, authors=authors
        ),
        abstract=abstract,
        authors=authors,
        authors_total=len(authors) or None,
        categories=text.terms([item.text or item.get("term") for item in entry if item.tag in {"category", f"{_ATOM}category"}]),
        url=f"https://arxiv.org/abs/{number}",
        pdf_url=f"https://arxiv.org/pdf/{number}",
        code_url=code,
        has_code=bool(code),
        license=text.clean(_text(entry, f"{_DC}rights"))[:60],
        listed_on=_day(_text(entry, "pubDate", f"{_ATOM}published")) or listed,
        announce=text.clean(_text(entry, f"{_ARXIV}announce_type"))[:20],
    )


def _authors(creators: str) -> tuple[str, ...]:
    """One comma list; a comma inside parentheses belongs to an affiliation, which is left out."""
    bare = re.sub(r"\([^()]{0,300}\)", "", text.clean(creators))
    return text.names(re.split(r",\s+|\s+and\s+", bare))


def _text(node: etree._Element, *tags: str) -> str:
    for tag in tags:
        found = node.findtext(tag)
        if found:
            return found.strip()
    return ""


def _day(value: str) -> date | None:
    """The calendar day as written: the feed of a day is dated midnight US Eastern."""
    try:
        return date.fromisoformat(value[:10]) if value[:4].isdigit() else parsedate_to_datetime(value).date()
    except (ValueError, TypeError):
        return None
