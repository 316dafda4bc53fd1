"""arXiv's daily feeds, RSS 2.0 and Atom, and the Atom of its query API in both serialisations. Pure.

Read strictly, by name and namespace, never by order: a feed cut in the middle is an error, not a short day. An empty
daily feed is a weekend or a holiday; an empty page of a list that has papers is a known fault of the API.
Source: info.arxiv.org/help/rss_specifications.html and help/api/user-manual.html.
"""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import parse_qs

from lxml import etree

from newsletter.sources.arxiv._record import day_of, page, record
from newsletter.sources.page import Malformed, Page, Record, Rejected, ids, markup, text

_DC = "{http://purl.org/dc/elements/1.1/}"
_ARXIV = "{http://arxiv.org/schemas/atom}"
_ATOM = "{http://www.w3.org/2005/Atom}"
_SEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"
_ABSTRACT = re.compile(r"^.*?Abstract:\s*", re.DOTALL)
_QUERY = re.compile(r"^ArXiv (?:Query|Search Results)\b", re.IGNORECASE)


def parse(data: bytes, day: date | None) -> Page:
    """Raises Malformed."""
    root = markup.tree(data)
    channel = root.find("channel") if root.tag == "rss" else root
    if channel is None or root.tag not in {"rss", f"{_ATOM}feed"}:
        raise Malformed("it is neither RSS 2.0 nor Atom")
    if root.find(f"{_SEARCH}totalResults") is not None or _QUERY.match(_text(root, f"{_ATOM}title")):
        return _answer(root, day)
    entries = channel.findall("item") if root.tag == "rss" else channel.findall(f"{_ATOM}entry")
    listed = day_of(_text(channel, "pubDate", "lastBuildDate", f"{_ATOM}updated")) or day
    return page(entries, lambda entry: _announced(entry, listed), listed=listed)


def is_ours(data: bytes) -> bool:
    head = data[:3000]
    return markup.root_name(data) in {"rss", "feed"} and (
        b"rss.arxiv.org/" in head or b"updates on arXiv.org" in head or b"oai:arXiv.org:" in head or b"arxiv.org/api/" in head
    )


def is_empty_by_fault(data: bytes) -> bool:
    """An empty page of a list that has papers. Anything that cannot be read is left to `parse`."""
    try:
        root = markup.tree(data)
    except Malformed:
        return False
    return root.find(f"{_ATOM}entry") is None and _count(root, "totalResults") > _count(root, "startIndex")


# -- the daily feed ------------------------------------------------------------------------------------------------------


def _announced(entry: etree._Element, listed: date | None) -> Record:
    return record(
        ids.arxiv_id(_text(entry, "guid", f"{_ATOM}id")) or next(iter(ids.arxiv_ids_in(_text(entry, "link"))), ""),
        _text(entry, "title", f"{_ATOM}title"),
        authors=_creators(_text(entry, f"{_DC}creator")),
        abstract=_ABSTRACT.sub("", _text(entry, "description", f"{_ATOM}summary"), count=1),
        doi=_text(entry, f"{_ARXIV}DOI", f"{_ARXIV}doi"),
        categories=[item.text or item.get("term") for item in entry if item.tag in {"category", f"{_ATOM}category"}],
        license=_text(entry, f"{_DC}rights"),
        listed=day_of(_text(entry, "pubDate", f"{_ATOM}published")) or listed,
        announce=text.clean(_text(entry, f"{_ARXIV}announce_type"))[:20],
    )


def _creators(creators: str) -> tuple[str, ...]:
    """One comma list; a comma inside parentheses belongs to an affiliation, which is left out."""
    bare = re.sub(r"\([^()]{0,300}\)", "", text.clean(creators))
    return text.names(re.split(r",\s+|\s+and\s+", bare))


# -- the query API -------------------------------------------------------------------------------------------------------


def _answer(root: etree._Element, day: date | None) -> Page:
    """The API does not say when a paper was announced: each stands on the day of its first version."""
    entries = root.findall(f"{_ATOM}entry")
    for entry in entries:
        if "arxiv.org/api/errors" in _text(entry, f"{_ATOM}id"):
            raise Malformed(f"arXiv answered with an error: {text.clean(_text(entry, f'{_ATOM}summary'))[:150]}")
    total, start = _count(root, "totalResults"), _count(root, "startIndex")
    if not entries and total > start:
        raise Malformed(f"an empty page of a list of {total}: a known fault of arXiv's API; it is asked again later")
    found = page(entries, _found, listed=None)
    newest = max((one.listed_on for one in found.records if one.listed_on), default=None)
    missing = _missing(root, {ids.arxiv_id(_id(entry)) for entry in entries})
    return Page(
        records=found.records,
        rejected=found.rejected + missing,
        listed_on=day or newest or day_of(_text(root, f"{_ATOM}updated")),
    )


def _found(entry: etree._Element) -> Record:
    primary = entry.find(f"{_ARXIV}primary_category")
    published = day_of(_text(entry, f"{_ATOM}published"))
    return record(
        ids.arxiv_id(_id(entry)),
        _text(entry, f"{_ATOM}title"),
        authors=text.names([_text(one, f"{_ATOM}name") for one in entry.findall(f"{_ATOM}author")]),
        abstract=_text(entry, f"{_ATOM}summary"),
        comments=_text(entry, f"{_ARXIV}comment"),
        doi=_text(entry, f"{_ARXIV}doi"),
        categories=[None if primary is None else primary.get("term"), *_terms(entry)],
        published=published,
        listed=published,
    )


def _id(entry: etree._Element) -> str:
    return _text(entry, f"{_ATOM}id").rpartition("/abs/")[2]


def _terms(entry: etree._Element) -> list[str]:
    """arXiv's codes; a class of the ACM or MSC stands among them."""
    terms = [one.get("term", "") for one in entry.findall(f"{_ATOM}category")]
    return [term for term in terms if re.fullmatch(r"[a-z-]+(\.[A-Za-z-]+)?", term)]


def _missing(root: etree._Element, there: set[str]) -> tuple[Rejected, ...]:
    """Ids that were asked for by name and are not there: arXiv leaves an unknown one out without a word."""
    query = _text(root, f"{_ATOM}title").partition(":")[2].strip()
    asked = parse_qs(query)
    if asked.get("search_query") or not asked.get("id_list") or asked.get("start", ["0"]) != ["0"]:
        return ()
    wanted = [value.strip() for value in asked["id_list"][0].split(",")]
    gone = [value for value in wanted if ids.arxiv_id(value) not in there or not ids.arxiv_id(value)]
    limit = int(asked.get("max_results", ["10"])[0][:6]) if asked.get("max_results", ["10"])[0].isdigit() else 10
    return tuple(Rejected("arXiv knows no paper with this id", value[:40]) for value in gone) if len(wanted) <= limit else ()


def _count(root: etree._Element, name: str) -> int:
    value = _text(root, f"{_SEARCH}{name}")
    return int(value[:9]) if value.isascii() and value.isdigit() else 0


def _text(node: etree._Element, *tags: str) -> str:
    for tag in tags:
        found = node.findtext(tag)
        if found:
            return found.strip()
    return ""
