"""Items of Daily Papers -> Record: the same keys in the API's JSON and in a page's hydration, all schemas since May 2024.

Unknown keys are ignored (a new one comes about every two months); only id and title are needed. Users, avatars and
submitters are never read into a Record.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from newsletter.sources.page import Malformed, Page, Record, Rejected, ids, text


def page(items: Sequence[object], day: date | None) -> Page:
    """`day`: the day of the list; without it the newest submittedOnDailyAt. Raises Malformed when no item can be read."""
    records: list[Record] = []
    rejected: list[Rejected] = []
    for place, item in enumerate(items, 1):
        try:
            records.append(record(item, day))
        except Malformed as error:
            rejected.append(Rejected(str(error), f"paper {place}"))
    if items and not records:
        raise Malformed(f"none of {len(items)} papers can be read ({rejected[0].reason}): the layout may have changed")
    listed = day or max((one.listed_on for one in records if one.listed_on), default=None)
    return Page(records=tuple(records), rejected=tuple(rejected), listed_on=listed)


def record(item: object, day: date | None) -> Record:
    outer = next(iter(_dicts([item])), {})
    paper = next(iter(_dicts([outer.get("paper")])), {})
    number = ids.arxiv_id(paper.get("id"))
    raw = paper.get("title") or outer.get("title")
    title = text.clean(raw, entities=True, longest=1000)
    if not number or not title:
        raise Malformed("no arXiv id" if not number else "no title")
    authors = text.names([author.get("name") for author in _dicts(paper.get("authors")) if not author.get("hidden")])
    abstract = text.abstract(paper.get("summary") or outer.get("summary"), entities=True)
    code = text.web_url(paper.get("githubRepo")) or text.code_link(abstract)
    summary = text.clean(paper.get("ai_summary"), entities=True)
    return Record(
        title=title,
        raw_title=text.raw(raw),
        aliases=ids.aliases(arxiv=number, title=title, authors=authors),
        abstract=abstract,
        summary=summary,
        summary_by=(text.clean(paper.get("ai_summary_model"), longest=60) or "Hugging Face") if summary else "",
        authors=authors,
        authors_total=max(text.whole(paper.get("authorsTotal")) or 0, len(authors)) if authors else None,
        organizations=_organizations(paper, outer),
        keywords=text.terms(paper.get("ai_keywords")),
        url=f"https://arxiv.org/abs/{number}",
        pdf_url=f"https://arxiv.org/pdf/{number}",
        code_url=code,
        project_url=text.web_url(paper.get("projectPage")),
        has_code=bool(code),
        upvotes=text.whole(paper.get("upvotes")),
        comments=text.whole(outer.get("numComments")),
        stars=text.whole(paper.get("githubStars")),
        published_on=day_of(paper.get("publishedAt")),
        listed_on=day or day_of(paper.get("submittedOnDailyAt")),
    )


def _organizations(paper: dict[str, Any], outer: dict[str, Any]) -> tuple[str, ...]:
    """The paper's own, else (four days of autumn 2025) the submitter's, by full name."""
    for found in (paper.get("organization"), outer.get("organization"), outer.get("submitterOrganization")):
        if isinstance(found, dict):
            return text.terms([found.get("fullname") or found.get("name")])
    return ()


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def day_of(value: object) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
