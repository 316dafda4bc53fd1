"""What all of arXiv's formats end in: one Record, with the rules that hold in each of them. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from email.utils import parsedate_to_datetime
from typing import TypeVar

from newsletter.sources.page import Malformed, Page, Record, Rejected, ids, text

T = TypeVar("T")
_WITHDRAWN = re.compile(
    r"^\W*(?:(?:this|the)\s+)?(?:(?:paper|article|submission|manuscript|work|preprint)\s+)?(?:(?:has|have)\s+been\s+|is\s+|was\s+)?withdrawn\b",
    re.IGNORECASE,
)


def record(
    number: str, title: object, *, authors: tuple[str, ...], abstract: object = "", comments: object = "", doi: object = "",
    categories: Iterable[object] = (), license: object = "", published: date | None = None, listed: date | None = None,
    announce: str = "",
) -> Record:  # fmt: skip
    """Raises Malformed without an id or a title; "0" is a title. A code link may stand in the comments alone."""
    clean = text.clean(title, longest=1000)
    if not number or clean == "":
        raise Malformed("no arXiv id" if not number else "no title")
    words, said = text.abstract(abstract), text.clean(comments)
    code = text.code_link(words) or text.code_link(said)
    return Record(
        title=clean,
        raw_title=text.raw(title),
        aliases=ids.aliases(arxiv=number, doi=ids.doi(doi), title=clean, authors=authors),
        abstract=words,
        authors=authors,
        authors_total=len(authors) or None,
        categories=text.terms([code for code in categories if isinstance(code, str)]),
        url=f"https://arxiv.org/abs/{number}",
        pdf_url=f"https://arxiv.org/pdf/{number}",
        code_url=code,
        has_code=bool(code),
        license=text.clean(license)[:60],
        published_on=published,
        listed_on=listed,
        withdrawn=bool(_WITHDRAWN.match(said)),
        announce=announce,
    )


def page(
    entries: Sequence[T], read: Callable[[T], Record | None], *, listed: date | None, declared: int | None = None,
    where: str = "entry",
) -> Page:  # fmt: skip
    """One bad entry is rejected with its place. Raises Malformed when none of them can be read."""
    records: list[Record] = []
    rejected: list[Rejected] = []
    left_out = 0
    for place, entry in enumerate(entries, 1):
        try:
            one = read(entry)
        except Malformed as error:
            rejected.append(Rejected(str(error), f"{where} {place}"))
            continue
        left_out += one is None
        records += [one] if one else []
    if rejected and not records:
        raise Malformed(f"none of {len(entries)} entries can be read ({rejected[0].reason}): the layout may have changed")
    if declared is not None:
        declared -= left_out
    return Page(records=tuple(records), rejected=tuple(rejected), listed_on=listed, declared=declared)


def day_of(value: str | None) -> date | None:
    """The calendar day as written, ISO or RFC 822: the feed of a day is dated midnight US Eastern."""
    value = (value or "").strip()
    try:
        return date.fromisoformat(value[:10]) if value[:4].isdigit() else parsedate_to_datetime(value).date()
    except (ValueError, TypeError):
        return None
