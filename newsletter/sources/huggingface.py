"""Hugging Face Daily Papers: the JSON of api/daily_papers, all schemas since May 2024.

Unknown keys are ignored (a new one comes about every two months); only id and title are needed. Users, avatars and
submitters are never read into a Record.
Source: huggingface_hub, HfApi.list_daily_papers; docs/sources.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from newsletter.sources import polite
from newsletter.sources.page import Malformed, Page, Record, Rejected, ids, markup, text

HOME = "https://huggingface.co"
NAME = "Hugging Face Daily Papers"
GROWS = True  # papers and votes are added to a day while it lasts
_LIMIT = 100  # the most that one answer holds; without it a day of more than 50 papers is cut
_LAST = 9


def fetch(params: Mapping[str, Any], *, now: datetime, etag: str = "", last_modified: str = "") -> polite.Fetched:
    """Yesterday and today (UTC), each paged to its end. `params["url"]` replaces the API's address."""
    base = str(params.get("url") or f"{HOME}/api/daily_papers")
    today = now.astimezone(UTC).date()
    answers: list[polite.Answer] = []
    for day in (today - timedelta(days=1), today):
        try:
            answers.append(polite.Answer(day=day, data=_whole_day(base, day)))
        except (polite.Unavailable, Malformed) as error:
            answers.append(polite.Answer(day=day, data=b"", error=str(error)))
    return polite.Fetched(answers=tuple(answers))


def parse(data: bytes, *, day: date | None = None) -> Page:
    """`day`: the day that was asked for; without it the newest submittedOnDailyAt. Raises Malformed."""
    items = markup.from_json(data)
    if not isinstance(items, list):
        said = items.get("error") if isinstance(items, dict) else None
        raise Malformed(f"the API answered with an error: {text.clean(said)[:150]}" if said else "it is no list of papers")
    records: list[Record] = []
    rejected: list[Rejected] = []
    for place, item in enumerate(items, 1):
        try:
            records.append(_record(item, day))
        except Malformed as error:
            rejected.append(Rejected(str(error), f"paper {place}"))
    if items and not records:
        raise Malformed(f"none of {len(items)} papers can be read ({rejected[0].reason}): the layout may have changed")
    listed = day or max((record.listed_on for record in records if record.listed_on), default=None)
    return Page(records=tuple(records), rejected=tuple(rejected), listed_on=listed)


def recognises(data: bytes, name: str = "") -> bool:
    """A JSON list whose first item speaks of a `paper`; a cut one too, so that it is called broken and not unknown."""
    head = b"".join(data[:20_000].split())
    return head == b"[]" or (head.startswith(b"[{") and b'"paper":{' in head and b'"id":' in head)


def _whole_day(base: str, day: date) -> bytes:
    """The day's answer; of a day with several pages one list of all."""
    first = polite.get(f"{base}?date={day.isoformat()}&limit={_LIMIT}").data
    found = _items(first)
    if len(found) < _LIMIT:
        return first
    for page in range(1, _LAST + 1):
        more = _items(polite.get(f"{base}?date={day.isoformat()}&limit={_LIMIT}&p={page}").data)
        found += more
        if len(more) < _LIMIT:
            break
    return markup.to_json(found)


def _items(data: bytes) -> list[Any]:
    items = markup.from_json(data)
    return items if isinstance(items, list) else []


def _record(item: object, day: date | None) -> Record:
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
        published_on=_day(paper.get("publishedAt")),
        listed_on=day or _day(paper.get("submittedOnDailyAt")),
    )


def _organizations(paper: dict[str, Any], outer: dict[str, Any]) -> tuple[str, ...]:
    """The paper's own, else (four days of autumn 2025) the submitter's, by full name."""
    for found in (paper.get("organization"), outer.get("organization"), outer.get("submitterOrganization")):
        if isinstance(found, dict):
            return text.terms([found.get("fullname") or found.get("name")])
    return ()


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
