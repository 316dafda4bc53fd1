"""The nouns of the mail room: plain values, so that no template can reach a row or run a query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Message:
    """A rendered mail. text and html carry the same papers, order and links; line ends are \\n."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One paper as a mail shows it. Hashable, and its own cache key: give tuples, not lists.

    authors_total: None = the source cut the list ("et al."). upvotes, stars: None = no source said.
    url, pdf_url, code_url: shown only when http or https. summary_by: who wrote the summary, as shown.
    """

    ref: str
    title: str
    url: str = ""
    pdf_url: str = ""
    code_url: str = ""
    authors: tuple[str, ...] = ()
    authors_total: int | None = None
    categories: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()
    published_on: date | None = None
    has_code: bool = False
    upvotes: int | None = None
    stars: int | None = None
    abstract: str = ""
    summary: str = ""
    summary_by: str = ""
    pinned: bool = False
    is_sample: bool = False
    page_url: str = ""
    withdrawn: bool = False

    def __hash__(self) -> int:
        """Of three fields: it is asked for dozens of times a copy, and equality looks at all."""
        return hash((self.ref, self.title, self.upvotes))


@dataclass(frozen=True, slots=True)
class Pick:
    """A card and why this reader sees it; the reason is one line of plain text."""

    card: Card
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """One copy. An empty url leaves its link out, so a public web copy simply has no preferences_url.

    numbers: issues in the window, any order. notes: curators' Markdown. more: matches not shown, listed at more_url.
    card_length: TITLE, SUMMARY, FINDING (no summary but the abstract's own sentences) or ABSTRACT. full: this many papers at
    most stand as whole cards, the rest in brief. interests: plain words, () for a reader of what is trending. back_to: the day
    of the first issue, of a copy over more than two issues with papers. best_of_week: nothing new matched, and the picks
    look back. tune_url: each whole card's way to the reader's own page about it is this, a slash and the card's ref.
    """

    newsletter: str
    slot_on: date
    numbers: tuple[int, ...] = ()
    picks: tuple[Pick, ...] = ()
    notes: tuple[str, ...] = ()
    more: int = 0
    more_url: str = ""
    card_length: str = "SUMMARY"
    full: int = 10
    locale: str = "en"
    since_on: date | None = None
    back_to: date | None = None
    best_of_week: bool = False
    interests: tuple[str, ...] = ()
    home_url: str = ""
    privacy_url: str = ""
    webcopy_url: str = ""
    view_url: str = ""
    preferences_url: str = ""
    unsubscribe_url: str = ""
    tune_url: str = ""
    postal_address: str = ""
    is_sample: bool = False
    test: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """All that tells one copy from the next of its shape: the reader's interests in words, since when, four tokens."""

    interests: tuple[str, ...] = ()
    since_on: date | None = None
    view: str = ""
    preferences: str = ""
    unsubscribe: str = ""
    tune: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What the wire needs besides the message. date must be aware; message_id comes with its angle brackets or without.

    unsubscribe_mailto: the second way out that RFC 2369 wants; empty = the address replies go to.
    """

    to: str
    from_header: str
    reply_to: str = ""
    message_id: str
    date: datetime
    list_id: str | None = None
    unsubscribe_url: str | None = None
    help_url: str | None = None
    feedback_id: str = ""
    text_only: bool = False
    unsubscribe_mailto: str = ""
