r"""arXiv's listing mail: records between `\\` lines; after `%%--%%` the replacements, without abstract.

Source: the mails of arXiv's subscription service (info.arxiv.org/help/subscribe.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from email.utils import parsedate_to_datetime

from newsletter.sources.page import Malformed, Page, Record, Rejected, ids, text

_FENCE = re.compile(r"\\\\(?: \(|\s*$)")
_RULE = re.compile(r"[-%]{20,}\s*$")
_START = re.compile(r"(?:arXiv|Paper)\s*(?P<cross>\(\*cross-listing\*\))?\s*:\s*(?P<id>[\w./-]+)(?P<after>.*)", re.IGNORECASE)
_FIELD = re.compile(r"(?P<name>[A-Z][A-Za-z-]{2,20})(?: \([a-z ]+\))?: ?(?P<value>.*)")
_DAY_MARK = re.compile(r"/\* (.{6,30}) \*/")
_BEGINS = re.compile(
    r"^\\\\[ \t]*\r?\n(?:/\*.*\r?\n\\\\[ \t]*\r?\n(?:-+\r?\n\\\\[ \t]*\r?\n)?)?(?:arXiv|Paper)\b.{0,40}:", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One record as lines. closed: its last fence was there."""

    start: re.Match[str]
    head: list[str]
    abstract: list[str]
    closed: bool
    day: date | None


def begins(plain: str) -> bool:
    """Does the text hold records of an arXiv listing?"""
    return bool(_BEGINS.search(plain))


def parse(plain: str, *, day: date | None) -> Page:
    """A mail that ends within a record declares one paper more than it shows. Raises Malformed."""
    lines = plain.splitlines()
    listed = _sent(lines) or day
    records: list[Record] = []
    rejected: list[Rejected] = []
    cut = 0
    for place, entry in enumerate(_entries(lines), 1):
        cut += not entry.closed
        try:
            records.append(_record(entry, listed))
        except Malformed as error:
            rejected.append(Rejected(str(error), f"record {place}"))
    if not records:
        raise Malformed(f"no record of the listing can be read{f' ({rejected[0].reason})' if rejected else ''}")
    declared = len(records) + len(rejected) + 1 if cut else None
    newest = max((record.listed_on for record in records if record.listed_on), default=None)
    return Page(records=tuple(records), rejected=tuple(rejected), listed_on=listed or newest, declared=declared)


def _entries(lines: list[str]) -> Iterator[_Entry]:
    place, day = 0, None
    while place < len(lines):
        marked = _DAY_MARK.match(lines[place])
        day = _day(marked[1]) if marked else day
        start = _START.match(lines[place]) if place and _FENCE.match(lines[place - 1]) else None
        place += 1
        if not start:
            continue
        head, place = _until_fence(lines, place)
        closed = place < len(lines)
        abstract: list[str] = []
        if closed and "(" not in lines[place]:  # a fence with the address ends the record; a bare one opens the abstract
            abstract, place = _until_fence(lines, place + 1)
            closed = place < len(lines) or not "".join(abstract).strip()
        yield _Entry(start, head, abstract, closed, day)


def _until_fence(lines: list[str], place: int) -> tuple[list[str], int]:
    r"""The lines up to the next `\\` or rule, and the place of that one."""
    begun = place
    while place < len(lines) and not _FENCE.match(lines[place]) and not _RULE.match(lines[place]):
        place += 1
    return lines[begun:place], place


def _record(entry: _Entry, listed: date | None) -> Record:
    number = ids.arxiv_id(entry.start["id"])
    fields = _fields(entry.head)
    raw = fields.get("title", "")
    title = text.clean(raw, longest=1000)
    if not number or not title:
        raise Malformed("no arXiv id" if not number else "no title")
    authors = text.people(fields.get("authors") or fields.get("author", ""))
    abstract, comments = text.clean(" ".join(entry.abstract)), text.clean(fields.get("comments", ""))
    code = text.code_link(f"{abstract} {comments}")
    replaced = any(line.startswith("replaced with") for line in entry.head)
    cross = "cross-listing" in entry.start[0]
    return Record(
        title=title,
        raw_title=text.raw(raw),
        aliases=ids.aliases(arxiv=number, doi=ids.doi(fields.get("doi", "")), title=title, authors=authors),
        abstract=abstract,
        authors=authors,
        authors_total=len(authors) or None,
        categories=text.terms(fields.get("categories", "").split()),
        url=f"https://arxiv.org/abs/{number}",
        pdf_url=f"https://arxiv.org/pdf/{number}",
        code_url=code,
        project_url=text.project_link(f"{abstract} {comments}"),
        has_code=bool(code),
        license=text.clean(fields.get("license", ""))[:60],
        published_on=None if replaced else _day(fields.get("date", "")),
        listed_on=entry.day or listed,
        withdrawn=text.says_withdrawn(comments),
        announce="replace" if replaced else "cross" if cross else "new",
    )


def _fields(head: list[str]) -> Mapping[str, str]:
    """Lower-case name -> unfolded value, the first of each name. `From` is a person's address and is not read."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in head:
        field = _FIELD.match(line)
        if field:
            current = [field["value"]]
            if field["name"] != "From":
                found.setdefault(field["name"].lower(), current)
        elif line.startswith(" "):
            current.append(line.strip())
        else:
            current = []
    return {name: " ".join(parts) for name, parts in found.items()}


def _sent(lines: list[str]) -> date | None:
    """The date line above the first record."""
    for line in lines[:40]:
        if _FENCE.match(line):
            break
        if line.startswith("Date: "):
            return _day(line[6:])
    return None


def _day(value: str) -> date | None:
    try:
        return parsedate_to_datetime(re.sub(r"\s*\(.*", "", value)).date()
    except (TypeError, ValueError, IndexError, OverflowError):
        pass
    found = re.match(r"(?:\w{3}, )?(\d{1,2} \w{3} \d{4})$", value.strip())
    return _day(f"{found[1]} 00:00:00 +0000") if found else None
