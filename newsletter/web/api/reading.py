"""What was read and printed: open to all, changes nothing."""

from __future__ import annotations

from django.db.models import Count, Exists, OuterRef
from django.db.models.query import QuerySet
from django.http import Http404, HttpRequest
from django.urls import reverse
from ninja import Router
from ninja.errors import HttpError

from newsletter import editions, issues, links, search
from newsletter.matching import query
from newsletter.models import Candidate, Interest, IssueState
from newsletter.models import Issue as IssueRow
from newsletter.models import Paper as PaperRow
from newsletter.web import answers, listing
from newsletter.web.api import shapes
from newsletter.web.api.shapes import Limit, Number, Offset, Paper, Problem, Ref, Slug, Words

router = Router(tags=["papers"])
PRINTED = (IssueState.CLOSED, IssueState.ARCHIVED)
_LIST = {401: Problem, 422: Problem, 429: Problem, 500: Problem}
_ONE = {404: Problem, **_LIST}


@router.get("/papers", response={200: shapes.Papers, **_LIST}, operation_id="papers", summary="The newest papers")
def papers(request: HttpRequest, limit: Limit = 20, offset: Offset = 0) -> shapes.Papers:
    """Every paper once, as it was listed last, the newest first."""
    newer = Candidate.objects.filter(paper=OuterRef("paper"), pk__gt=OuterRef("pk"))
    rows = listing.visible(Candidate.objects.exclude(Exists(newer))).select_related("paper", "issue").order_by("-id")
    found = list(rows[offset : offset + limit + 1])
    items = [Paper.of(editions.card(row.paper, row), on=row.issue.closed_on) for row in found[:limit]]
    return shapes.Papers(items=items, next_offset=_next(offset, limit, len(found)))


@router.get("/papers/{ref}", response={200: Paper, 410: Problem, **_ONE}, operation_id="paper", summary="One paper")
def paper(request: HttpRequest, ref: Ref) -> Paper:
    """By the id in its page's address. One that was joined to another is answered with the other; 410: it was withdrawn."""
    row = PaperRow.objects.select_related("merged_into").filter(public_id=ref).first()
    if row is None:
        raise Http404("No paper has this id.")
    shown = row.survivor()
    if shown.withdrawn_at:
        raise HttpError(410, "This paper was withdrawn.")
    newest = shown.candidates.select_related("issue").order_by("-id").first()
    return Paper.of(editions.card(shown, newest), on=newest.issue.closed_on if newest else None)


@router.get("/issues", response={200: shapes.Issues, **_LIST}, operation_id="issues", summary="The issues")
def all_issues(request: HttpRequest, limit: Limit = 20, offset: Offset = 0) -> shapes.Issues:
    """The closed ones, the newest first."""
    rows = list(_printed().order_by("-closed_on", "-number")[offset : offset + limit + 1])
    counts = _counted(rows)
    return shapes.Issues(items=[_issue(row, counts) for row in rows[:limit]], next_offset=_next(offset, limit, len(rows)))


@router.get("/issues/{number}", response={200: shapes.IssuePapers, **_ONE}, operation_id="issue", summary="One issue")
def one_issue(request: HttpRequest, number: Number, limit: Limit = 20, offset: Offset = 0) -> shapes.IssuePapers:
    """Its papers in the order of the archive: pinned ones, then by trend. `latest` of /issues is the first there."""
    row = _printed().filter(number=number).first()
    if row is None:
        raise Http404("No closed issue has this number.")
    found = listing.of_issues([row], start=offset, most=limit + 1)
    items = [Paper.of(story.card, on=row.closed_on) for story in found[:limit]]
    return shapes.IssuePapers(issue=_issue(row, _counted([row])), items=items, next_offset=_next(offset, limit, len(found)))


@router.get("/topics", response={200: shapes.Topics, **_LIST}, operation_id="topics", summary="The topics")
def topics(request: HttpRequest) -> shapes.Topics:
    return shapes.Topics(items=[_topic(row) for row in listing.topic_rows()])


@router.get("/topics/{slug}", response={200: shapes.TopicPapers, **_ONE}, operation_id="topic", summary="A topic's papers")
def topic(request: HttpRequest, slug: Slug, limit: Limit = 20, offset: Offset = 0) -> shapes.TopicPapers:
    """The best first, by relevance and trend, of all that were read."""
    row = Interest.objects.filter(slug=slug).first()
    if row is None:
        raise Http404("No topic has this name.")
    found = _found(query.parse(row.query), limit, offset)
    return shapes.TopicPapers(topic=_topic(row), items=found.items, next_offset=found.next_offset)


@router.get("/search", response={200: shapes.Found, **_LIST}, operation_id="search", summary="Search")
def find(request: HttpRequest, q: Words, limit: Limit = 20, offset: Offset = 0) -> shapes.Found:
    """In the query language of the site (docs/query.md), the best first. 422: the query cannot be read; `errors.q` says where."""
    return _found(query.parse(q), limit, offset)


def _found(asked: query.Query, limit: int, offset: int) -> shapes.Found:
    result = search.find(asked, on=issues.local_date(answers.clock()), start=offset, most=limit)
    more = result.total > offset + limit
    return shapes.Found(
        items=[Paper.of_story(listing.of_hit(hit)) for hit in result.hits],
        next_offset=offset + limit if more else None,
        words=asked.words(),
        total=result.total,
        more_than_counted=result.over,
    )


def _printed() -> QuerySet[IssueRow]:
    return IssueRow.objects.filter(state__in=PRINTED, closed_on__isnull=False)


def _counted(rows: list[IssueRow]) -> dict[int, int]:
    found = listing.visible(Candidate.objects.filter(issue__in=rows)).values("issue_id").annotate(n=Count("id"))
    return {each["issue_id"]: each["n"] for each in found.order_by()}


def _issue(row: IssueRow, counts: dict[int, int]) -> shapes.Issue:
    assert row.closed_on is not None
    return shapes.Issue(number=row.number, on=row.closed_on, note=row.note, papers=counts.get(row.pk, 0))


def _topic(row: Interest) -> shapes.Topic:
    page = links.absolute(reverse("web:topic", args=[row.slug]))
    return shapes.Topic(slug=row.slug or "", name=row.name, line=row.line, group=row.group, query=row.query, page=page)


def _next(offset: int, limit: int, found: int) -> int | None:
    return offset + limit if found > limit else None
