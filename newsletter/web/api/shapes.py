"""What goes in and out, as pydantic models: they check, and they are the OpenAPI document."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from ninja import Schema
from pydantic import Field, StringConstraints

from newsletter import mail
from newsletter.web import listing

_NO_NUL = r"^[^\x00]*$"
Words = Annotated[str, StringConstraints(max_length=500, pattern=_NO_NUL)]
Slug = Annotated[str, StringConstraints(max_length=60, pattern=r"^[-a-zA-Z0-9_]+$")]
Ref = Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
Number = Annotated[int, Field(ge=-99_999_999, le=99_999_999)]
Limit = Annotated[int, Field(ge=1, le=100, description="how many at most")]
Offset = Annotated[int, Field(ge=0, le=10_000, description="how many to skip")]


class Problem(Schema):
    """RFC 9457. errors: field -> what would mend it."""

    type: str
    title: str
    status: int
    detail: str
    errors: dict[str, str] | None = None


class Paper(Schema):
    """A paper as the newsletter shows it. page: here; url: at its source. reason: why it is in this list."""

    id: str
    title: str
    page: str
    url: str
    pdf: str
    code: str
    authors: list[str]
    authors_total: int | None = Field(description="null: the source cut the list short")
    organizations: list[str] = Field(description="as listed")
    categories: list[str]
    published_on: date | None
    printed_on: date | None = Field(description="the day of the issue that held it; null: not yet in a closed one")
    has_code: bool
    upvotes: int | None
    stars: int | None
    summary: str
    summary_by: str
    abstract: str
    reason: str

    @classmethod
    def of(cls, card: mail.Card, *, reason: str = "", on: date | None = None) -> Paper:
        return cls(
            id=card.ref,
            title=card.title,
            page=card.page_url,
            url=card.url,
            pdf=card.pdf_url,
            code=card.code_url,
            authors=list(card.authors),
            authors_total=card.authors_total,
            organizations=list(card.organizations),
            categories=list(card.categories),
            published_on=card.published_on,
            printed_on=on,
            has_code=card.has_code,
            upvotes=card.upvotes,
            stars=card.stars,
            summary=card.summary,
            summary_by=card.summary_by,
            abstract=card.abstract,
            reason=reason,
        )

    @classmethod
    def of_story(cls, story: listing.Story) -> Paper:
        return cls.of(story.card, reason=story.reason, on=story.on)


class Papers(Schema):
    items: list[Paper]
    next_offset: int | None = Field(description="null: these are the last ones")


class Issue(Schema):
    """number: negative for days that were filled in later."""

    number: int
    on: date
    note: str = Field(description="the curator's note, Markdown")
    papers: int


class Issues(Schema):
    items: list[Issue]
    next_offset: int | None


class IssuePapers(Papers):
    issue: Issue


class Topic(Schema):
    slug: str
    name: str
    line: str
    group: str
    query: str
    page: str


class Topics(Schema):
    items: list[Topic]


class TopicPapers(Papers):
    topic: Topic


class Found(Papers):
    """words: the query in plain words; total: how many match; more_than_counted: only the newest were looked at."""

    words: str
    total: int
    more_than_counted: bool


class Day(Schema):
    on: date
    papers: int
    gathering: bool = Field(description="the issue is still open")
    items: list[Paper] = Field(description="the papers of the newest days; of the others only the number")


class Preview(Schema):
    """What the last days would have brought."""

    words: str
    days: list[Day]


class SignUp(Schema):
    """A wish to subscribe. No query and no topic: what is trending."""

    email: Annotated[str, StringConstraints(max_length=400, pattern=_NO_NUL)]
    queries: Annotated[list[Words], Field(max_length=20)] = []
    topics: Annotated[list[Slug], Field(max_length=60)] = []
    zone: Annotated[str, StringConstraints(max_length=64, pattern=_NO_NUL)] = Field("UTC", description="IANA name")
    hour: Annotated[int, Field(ge=0, le=23)] = 7
    days: Annotated[int, Field(ge=1, le=127)] = Field(31, description="bit 0 = Monday")
    max_papers: Annotated[int, Field(ge=3, le=25)] = 10
    altcha: Annotated[str, StringConstraints(max_length=4000, pattern=_NO_NUL)] = Field(
        "", description="a solution of /challenge, where the installation asks for one"
    )


class Accepted(Schema):
    status: str
    detail: str


class Challenge(Schema):
    """needed: whether a sign-up must carry a solution; the rest as ALTCHA's widget (version 1) reads it."""

    needed: bool
    algorithm: str = ""
    challenge: str = ""
    maxnumber: int = 0
    salt: str = ""
    signature: str = ""


class DeskPaper(Paper):
    candidate: int
    trend: float
    pin: str
    hidden_at: datetime | None


class DeskIssue(Schema):
    """The issue that gathers, with all its candidates, hidden ones too, the best first."""

    number: int
    held_at: datetime | None
    note: str
    items: list[DeskPaper]
    next_offset: int | None
