"""Any feed: RSS 0.9 to 2.0, Atom, JSON Feed, and the Atom of arXiv's query API; `outlines` reads a list of feeds (OPML).

Finds the paper behind an entry.

feedparser reads what is broken in the usual ways (undeclared Latin-1, wrong namespaces); a DTD is refused before it
sees a byte, and it gets a stream, never a string that it could take for an address.
"""

from __future__ import annotations

import io
import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

import feedparser
from lxml import etree

from newsletter.sources import polite
from newsletter.sources.page import Malformed, Page, Record, Rejected, ids, markup, text

HOME = ""  # wherever params["url"] leads
NAME = "Feed"
GROWS = False
_ROOTS = {"rss", "feed", "rdf"}
_EXCERPT_WORDS = 120  # of a blog's full text: an excerpt and the link, not a copy
_TITLE_WORDS = 12
_MOST_ENTRIES = 20_000  # feedparser takes 2 kB and 0.1 ms for each
_ENTRY = re.compile(rb"<(?:[\w.-]{1,40}:)?(?:item|entry)[\s/>]", re.IGNORECASE)


def fetch(params: Mapping[str, Any], *, now: datetime, etag: str = "", last_modified: str = "") -> polite.Fetched:
    """`params["url"]`, only if it has changed."""
    return polite.get(str(params.get("url", "")), etag=etag, last_modified=last_modified)


def rolling(params: Mapping[str, Any]) -> bool:
    """A feed shows its newest entries, whatever the day."""
    return True


def parse(data: bytes, *, day: date | None = None) -> Page:
    """An entry's own day is its listed day; the page's is the feed's update, else its newest entry's. Raises Malformed."""
    if _is_json(data):
        entries, updated = _json_entries(data), None
    else:
        entries, updated = _xml_entries(data)
    records: list[Record] = []
    rejected: list[Rejected] = []
    for place, entry in enumerate(entries, 1):
        try:
            records.append(_record(entry))
        except Malformed as error:
            rejected.append(Rejected(str(error), f"entry {place}"))
    if entries and not records:
        raise Malformed(f"none of {len(entries)} entries can be read ({rejected[0].reason})")
    newest = max((record.listed_on for record in records if record.listed_on), default=None)
    return Page(records=tuple(records), rejected=tuple(rejected), listed_on=updated or newest or day)


def recognises(data: bytes, name: str = "") -> bool:
    """By the root element, or by a JSON Feed's version line."""
    if _is_json(data):
        return b"jsonfeed.org/version" in data[:2000]
    return markup.root_name(data) in _ROOTS


@dataclass(frozen=True, slots=True)
class Outline:
    """A feed that an OPML list names."""

    name: str
    url: str


def outlines(data: bytes) -> tuple[tuple[Outline, ...], tuple[Rejected, ...]]:
    """(feeds to read, what is refused and why) of an OPML list, each address once. Raises Malformed.

    An outline without address is a folder. Lists of lists are not followed. What a name leads to is checked when it is
    asked for; here only what an address itself says.
    """
    if markup.root_name(data) != "opml":
        raise Malformed("it is no OPML list")
    accepted: dict[str, Outline] = {}
    refused: list[Rejected] = []
    for node in _lenient(data).iter():
        if not isinstance(node.tag, str) or etree.QName(node).localname.lower() != "outline":
            continue
        said = {str(key).lower(): str(value).strip() for key, value in node.attrib.items()}
        address, name = said.get("xmlurl", ""), text.clean(said.get("text") or said.get("title"), longest=120)
        if said.get("type", "").lower() in {"include", "link", "source"}:
            refused.append(Rejected("a list of its own, which is not followed", name or "outline"))
        elif address and (reason := _unreadable(address)):
            refused.append(Rejected(reason, f"{name}: {address[:200]}"))
        elif address in accepted:
            refused.append(Rejected("listed twice", f"{name}: {address[:200]}"))
        elif address:
            accepted[address] = Outline(name or urlsplit(address).netloc[:120], address)
    return tuple(accepted.values()), tuple(refused)


def _lenient(data: bytes) -> etree._Element:
    """Lists are often written wrongly (an & in an address): what can be read is. Raises Malformed."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=True)
    try:
        found = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Malformed(f"the list cannot be read: {str(error)[:150]}") from None
    if found is None:
        raise Malformed("the list cannot be read")
    return found


def _unreadable(address: str) -> str:
    """Why this address is never read, "" when it may be."""
    if not text.web_url(address):
        return "only http and https addresses are read"
    host = (urlsplit(address).hostname or "").rstrip(".").lower()
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return "no public address"
    try:
        number = ipaddress.ip_address(host)
    except ValueError:
        try:  # 2130706433 and 0x7f.1 are 127.0.0.1 too
            number = ipaddress.ip_address(socket.inet_aton(host))
        except (OSError, ValueError):
            return ""
    number = getattr(number, "ipv4_mapped", None) or number
    return "" if number.is_global and not number.is_multicast else "a private address; only public ones are read"


def _is_json(data: bytes) -> bool:
    return data[:200].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{"


def _xml_entries(data: bytes) -> tuple[list[Mapping[str, Any]], date | None]:
    if markup.root_name(data) not in _ROOTS:
        raise Malformed("it is no feed")
    markup.check_xml(data)
    if sum(1 for _ in _ENTRY.finditer(data)) > _MOST_ENTRIES:
        raise Malformed(f"the feed has over {_MOST_ENTRIES} entries")
    try:
        parsed = feedparser.parse(io.BytesIO(data))
    except Exception as error:  # a damaged feed makes it raise anything, e.g. ValueError of chr() for &#x110000;
        raise Malformed(f"the feed is damaged ({type(error).__name__})") from error
    if not parsed.version and not parsed.entries:
        raise Malformed("it is no feed")
    entries: list[Mapping[str, Any]] = list(parsed.entries)
    for entry in entries:
        if "arxiv.org/api/errors" in str(entry.get("id", "")):
            raise Malformed(f"arXiv answered with an error: {text.from_html(entry.get('summary'))[:150]}")
    cut = parsed.bozo and not re.search(rb"</(?:[\w.-]+:)?(?:rss|feed|rdf)\s*>", data[-500:], re.IGNORECASE)
    if cut:
        raise Malformed("the feed ends in the middle")
    return entries, _day(parsed.feed.get("updated_parsed") or parsed.feed.get("published_parsed"))


def _json_entries(data: bytes) -> list[Mapping[str, Any]]:
    """JSON Feed 1 and 1.1 (jsonfeed.org) in the names that feedparser gives."""
    feed = markup.from_json(data)
    items = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(items, list) or "jsonfeed.org/version" not in str(feed.get("version")):
        raise Malformed("it is no JSON Feed")
    return [_from_json_item(item) for item in items if isinstance(item, dict)]


def _from_json_item(item: Mapping[str, Any]) -> Mapping[str, Any]:
    people = item.get("authors") if isinstance(item.get("authors"), list) else [item.get("author")]
    return {
        "id": item.get("id"),
        "link": item.get("url") or item.get("external_url"),
        "title": item.get("title"),
        "summary": item.get("summary") or item.get("content_html") or item.get("content_text"),
        "content": [{"value": item.get("content_html") or ""}],
        "authors": [person for person in people or [] if isinstance(person, dict)],
        "tags": [{"term": tag} for tag in item.get("tags") or [] if isinstance(tag, str)],
        "published_parsed": _struct(item.get("date_published")),
    }


def _record(entry: Mapping[str, Any]) -> Record:
    words = text.from_html(entry.get("summary"))
    raw = entry.get("title")
    title = text.clean(raw, longest=1000) or " ".join(words.split()[:_TITLE_WORDS])
    if not title:
        raise Malformed("no title and no text")
    link = text.web_url(entry.get("link")) or text.web_url(entry.get("id"))
    number, doi = _paper_behind(entry, link)
    authors = _authors(entry)
    post = link and not (number or doi)  # it stands for itself: the next week's has the same title
    aliases = ids.aliases(url=link) if post else ids.aliases(arxiv=number, doi=doi, title=title, authors=authors)
    if not (number or doi):
        words = " ".join(words.split()[:_EXCERPT_WORDS])
    code = text.code_link(words)
    published = _day(entry.get("published_parsed"))
    return Record(
        title=title,
        raw_title=text.raw(raw),
        aliases=aliases,
        abstract=re.sub(r"^arXiv:\S+ Announce Type: \S+ Abstract: ", "", words),
        authors=authors,
        authors_total=len(authors) or None,
        categories=_categories(entry),
        url=f"https://arxiv.org/abs/{number}" if number else link,
        pdf_url=f"https://arxiv.org/pdf/{number}" if number else "",
        code_url=code,
        project_url=text.project_link(words),
        has_code=bool(code),
        published_on=published or _day(entry.get("updated_parsed")),
        listed_on=published or _day(entry.get("updated_parsed")),
        withdrawn=bool(number and text.says_withdrawn(text.clean(entry.get("arxiv_comment")))),
    )


def _paper_behind(entry: Mapping[str, Any], link: str) -> tuple[str, str]:
    """(arXiv id, DOI) of the entry itself, else of the one paper that its text links to; two or more are a round-up."""
    own = ids.arxiv_id(entry.get("id")) or next(iter(ids.arxiv_ids_in(f"{entry.get('id', '')} {link}")), "")
    doi = ids.doi(entry.get("arxiv_doi") or entry.get("prism_doi") or entry.get("dc_identifier") or link)
    if own or doi:
        return own, doi
    content = " ".join(str(part.get("value", "")) for part in entry.get("content") or [] if isinstance(part, dict))
    found = ids.arxiv_ids_in(f"{entry.get('summary', '')} {content}")
    return (found[0], "") if len(found) == 1 else ("", "")


def _authors(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Names only: feedparser keeps an address apart, and whatever still holds one is left out."""
    people = [person.get("name") for person in entry.get("authors") or [] if isinstance(person, dict)]
    if len(people) == 1 and isinstance(people[0], str) and people[0].count(",") >= 2:
        people = re.split(r",\s+", people[0])
    return text.names([name for name in people if isinstance(name, str) and "@" not in name and "://" not in name])


def _categories(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """arXiv's codes, primary first; a blog's own tags are no categories."""
    primary = entry.get("arxiv_primary_category")
    codes = [primary.get("term") if isinstance(primary, dict) else None]
    codes += [tag.get("term") for tag in entry.get("tags") or [] if "arxiv" in str(tag.get("scheme") or "").lower()]
    return text.terms([code for code in codes if isinstance(code, str) and re.fullmatch(r"[a-z-]+(\.[A-Za-z-]+)?", code)])


def _day(parsed: Any) -> date | None:
    """feedparser's UTC time tuple; a wrong one (month 13) is no date."""
    try:
        return date(parsed[0], parsed[1], parsed[2]) if parsed else None
    except (TypeError, ValueError):
        return None


def _struct(value: object) -> Any:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return (moment.astimezone(UTC) if moment.tzinfo else moment).timetuple() if moment else None
