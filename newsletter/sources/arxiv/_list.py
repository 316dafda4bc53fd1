"""arXiv's listing page, list/CATEGORY/new: three sections, each with the number of entries that it shows. Pure.

The page says how many entries there are ("showing X of Y"), so a page cut at X or a broken layout differs from an
empty day. It is named by its own date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import NamedTuple

from bs4 import BeautifulSoup, Tag

from newsletter.sources.arxiv._record import page, record
from newsletter.sources.page import Malformed, Page, Record, ids, markup, text

_HEADING = re.compile(r"(?:listings for|Showing \w+ listings for)?\s*\w{3,9}, (\d{1,2} \w{3,9} \d{4})")
_SECTION = re.compile(
    r"^(New|Cross|Replacement)\w*[ -](?:submissions|lists?).*?showing (?:first )?(\d+) of (\d+) entries", re.IGNORECASE
)
_SHOWING = re.compile(r"\(showing (?:first )?\d+ of (\d+) entries", re.IGNORECASE)  # under a day of /recent
_CODE = re.compile(r"\(([a-z-]+(?:\.[A-Za-z-]+)?)\)")
_ANNOUNCE = {"new": "new", "cross": "cross", "replacement": "replace"}
_EMPTY = re.compile(r"No updates (?:for this time period|today)", re.IGNORECASE)
_OURS = re.compile(rb"(?:new|recent) listings for|No updates for this time period|<title>[^<]{1,100}(?:recent|new) submissions")
_FORMATS = ("%d %B %Y", "%d %b %Y")


class _Entry(NamedTuple):
    head: Tag
    body: Tag
    announce: str
    listed: date | None


def is_ours(data: bytes) -> bool:
    """A page with arXiv's headings, whole or cut."""
    head = data[:200_000]
    return (b"list-title" in head and b"/abs/" in head) or bool(_OURS.search(head))


def parse(data: bytes, day: date | None) -> Page:
    """Raises Malformed, for a page without sections too: an empty day says that it is one."""
    who = markup.barrier(data)
    if who and not is_ours(data):
        raise Malformed(f"a challenge for robots ({who}) stands in the place of the page; it is asked again later")
    soup = markup.html(data)
    listed = _listed(soup) or day
    entries = list(_entries(soup, listed))
    declared = [int(found[1]) for found in map(_SHOWING.search, _headings(soup)) if found]
    if not entries and not any(declared):
        if _EMPTY.search(soup.get_text(" ")) or declared:
            return Page(listed_on=listed, declared=0)
        raise Malformed("it is no listing: neither entries nor the words for an empty day")
    if declared and not entries:
        raise Malformed(f"none of {sum(declared)} declared entries was found: the layout may have changed")
    read = page(entries, _record, listed=listed, declared=sum(declared) if declared else None)
    return read if declared else replace(read, doubt="the page does not say how many it holds, so more may be missing")


def _headings(soup: BeautifulSoup) -> list[str]:
    return [text.clean(one.get_text(" ")) for one in soup.select("h3, h2")]


def _listed(soup: BeautifulSoup) -> date | None:
    for heading in _headings(soup):
        found = _HEADING.search(heading)
        if found and (one := _day(found[1])):
            return one
    return None


def _day(value: str) -> date | None:
    for form in _FORMATS:
        try:
            return datetime.strptime(value, form).date()  # noqa: DTZ007 (a day, as the page writes it)
        except ValueError:
            continue
    return None


def _entries(soup: BeautifulSoup, listed: date | None) -> Iterator[_Entry]:
    """Each dt with the dd after it, under the section (/new) or the day (/recent) that stands above it."""
    announce = ""
    for node in soup.select("h3, dt"):
        if node.name == "h3":
            heading = text.clean(node.get_text(" "))
            section, dated = _SECTION.match(heading), _HEADING.search(heading)
            announce = _ANNOUNCE[section[1].lower()] if section else announce
            listed = (_day(dated[1]) if dated else None) or listed
            continue
        body = node.find_next_sibling("dd")
        if isinstance(body, Tag):
            yield _Entry(node, body, announce, listed)


def _record(entry: _Entry) -> Record:
    link = entry.head.select_one('a[title="Abstract"]') or entry.head.select_one('a[href*="/abs/"]')
    number = ids.arxiv_id(str(link.get("href", "")).rpartition("/abs/")[2]) if link else ""
    subjects = entry.body.select_one(".list-subjects")
    abstract = entry.body.select_one("p.mathjax")
    cross = entry.announce or ("cross" if "cross-list" in entry.head.get_text() else "")
    return record(
        number,
        _without_label(entry.body.select_one(".list-title")),
        authors=text.names([one.get_text() for one in entry.body.select(".list-authors a")]),
        abstract=abstract.get_text() if abstract else "",
        comments=_with_links(entry.body.select_one(".list-comments")),
        doi=_without_label(entry.body.select_one(".list-doi")),
        categories=_CODE.findall(subjects.get_text(" ")) if subjects else (),
        listed=entry.listed,
        announce=cross,
    )


def _without_label(node: Tag | None) -> str:
    if node is None:
        return ""
    label = node.select_one(".descriptor")
    whole = node.get_text()
    return whole.strip().removeprefix(label.get_text().strip()).strip() if label else whole.strip()


def _with_links(node: Tag | None) -> str:
    """The comment, with the address of each "this https URL" behind it."""
    if node is None:
        return ""
    return " ".join([_without_label(node), *(str(link["href"]) for link in node.select("a[href]"))])
