"""The values between fetch, parse and ingest, and what every kind needs to make them. Pure: no model, network or clock.

text: cleaning (TeX in tex). ids: arXiv ids, DOIs, fingerprints, categories. markup: XML without DTDs, JSON with limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from newsletter.sources.page import _ids as ids
from newsletter.sources.page import _labs as labs
from newsletter.sources.page import _markup as markup
from newsletter.sources.page import _text as text
from newsletter.sources.page._malformed import Malformed, guarded

__all__ = ["Malformed", "Page", "Record", "Rejected", "Signal", "guarded", "ids", "labs", "markup", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One paper as one source shows it, cleaned. Signals: None = the source does not say (0 is a fact).

    aliases: (scheme, value) in order of trust, schemes of `models.Scheme`; never empty.
    authors_total: None when the source cut the list ("et al."); else the true count (>= len(authors)).
    listed_on: the source's own day for this record; None = the page's.
    announce: arXiv's new, cross, replace, replace-cross; empty elsewhere.
    """

    title: str
    raw_title: str
    aliases: tuple[tuple[str, str], ...]
    abstract: str = ""
    summary: str = ""
    summary_by: str = ""
    authors: tuple[str, ...] = ()
    authors_total: int | None = None
    organizations: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    url: str = ""
    pdf_url: str = ""
    code_url: str = ""
    project_url: str = ""
    has_code: bool = False
    upvotes: int | None = None
    comments: int | None = None
    stars: int | None = None
    license: str = ""
    published_on: date | None = None
    listed_on: date | None = None
    withdrawn: bool = False
    announce: str = ""


_MOST_REJECTED = 1000


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record that could not be used: why, and where in the page."""

    reason: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What a place that lists no papers says about one: it counts for a known paper and never makes one.

    aliases: (scheme, value) by which the paper is found; repository: "owner/name" of the code it links to.
    """

    name: str
    number: str = ""
    aliases: tuple[tuple[str, str], ...] = ()
    repository: str = ""
    points: int | None = None
    comments: int | None = None
    stars: int | None = None
    said_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one answer of a source holds. declared: the count the page itself states, when it does.

    signals: None for a source of papers; a source of signals has no records.
    doubt: why papers may be missing although nothing says how many, as a clause; "" = no reason to think so.
    """

    records: tuple[Record, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    listed_on: date | None = None
    declared: int | None = None
    signals: tuple[Signal, ...] | None = None
    doubt: str = ""

    def __post_init__(self) -> None:
        more = len(self.rejected) - _MOST_REJECTED
        if more > 1:
            last = Rejected(f"{more} more, the first for this: {self.rejected[_MOST_REJECTED].reason}", "the rest")
            object.__setattr__(self, "rejected", (*self.rejected[:_MOST_REJECTED], last))
