"""A record as a dry run shows it: plain values, in one shape for every kind. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newsletter.sources.page import Record


def shown(record: Record) -> dict[str, Any]:
    """id: arXiv id, else DOI, else address of the entry; None for a card that shows none."""
    known = dict(reversed(record.aliases))
    return {
        "id": next((known[scheme] for scheme in ("arxiv", "doi", "url") if scheme in known), None),
        "title": record.title,
        "authors": list(record.authors),
        "abstract": record.abstract,
        "published_at": record.published_on.isoformat() if record.published_on else None,
        "upvotes": record.upvotes,
        "code_url": record.code_url or None,
        "categories": list(record.categories),
        "organizations": list(record.organizations),
        "has_code": record.has_code,
        "url": record.url or None,
    }
