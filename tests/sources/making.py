"""Records and sources for tests."""

from datetime import UTC, date, datetime

from newsletter.models import Source
from newsletter.sources.page import Page, Record, ids

NOW = datetime(2026, 1, 7, 9, tzinfo=UTC)
DAY = date(2026, 1, 7)


def source(slug="one", **more):
    return Source.objects.create(slug=slug, name=slug, kind=more.pop("kind", "feed"), **more)


def record(title="A Study of Careful Readers", *, arxiv="", doi="", url="", authors=("Ann Example",), **more):
    return Record(
        title=title,
        raw_title=title,
        aliases=ids.aliases(arxiv=arxiv, doi=doi, url=url, title=title, authors=authors),
        authors=authors,
        authors_total=len(authors) or None,
        **more,
    )


def page(*records, **more):
    return Page(records=records, **more)
