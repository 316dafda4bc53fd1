"""For curators, with a key: the issue that gathers, as the desk sees it, and the desk's buttons."""

from __future__ import annotations

from typing import Any, Literal

from django.db.models import F
from django.http import Http404, HttpRequest
from ninja import Router
from ninja.errors import AuthorizationError, HttpError
from ninja.security import HttpBearer

from newsletter import curation, editions
from newsletter.models import ApiKey, Candidate, Issue, IssueState, PinScope
from newsletter.web import answers
from newsletter.web.api import rates, shapes
from newsletter.web.api.shapes import Limit, Offset, Paper, Problem

_RIGHT = "newsletter.change_issue"
_ERRORS = {401: Problem, 403: Problem, 404: Problem, 422: Problem, 429: Problem, 500: Problem}


class Key(HttpBearer):
    """A curator's key, made at the desk, as `Authorization: Bearer KEY`."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        return rates.presented(request)


router = Router(tags=["desk"], auth=Key())


@router.get("/desk/issue", response={200: shapes.DeskIssue, **_ERRORS}, operation_id="deskIssue", summary="The next issue")
def gathering(request: HttpRequest, limit: Limit = 50, offset: Offset = 0) -> shapes.DeskIssue:
    """The candidates of the open issue, hidden ones too, with what the desk decided."""
    _curator(request)
    issue = Issue.objects.filter(state=IssueState.OPEN).first()
    if issue is None:
        raise Http404("No issue is open yet.")
    rows = issue.candidates.select_related("paper").order_by(F("trend").desc(), "id")
    found = list(rows[offset : offset + limit + 1])
    return shapes.DeskIssue(
        number=issue.number,
        held_at=issue.held_at,
        note=issue.note,
        items=[_shown(row) for row in found[:limit]],
        next_offset=offset + limit if len(found) > limit else None,
    )


@router.post(
    "/desk/candidates/{pk}/{verb}",
    response={200: shapes.DeskPaper, 409: Problem, **_ERRORS},
    operation_id="deskAct",
    summary="Pin, unpin, hide, restore",
)
def act(request: HttpRequest, pk: int, verb: Literal["pin", "pin-for-matching", "unpin", "hide", "restore"]) -> shapes.DeskPaper:
    """One of the desk's buttons, for one candidate of an issue. 409: the desk refuses it and says why."""
    key, now = _curator(request), answers.clock()
    row = Candidate.objects.select_related("issue", "paper").filter(pk=pk).first() if abs(pk) < 2**63 else None
    if row is None:
        raise Http404("No candidate has this number.")
    by = key.user.get_username()
    try:
        if verb in ("pin", "pin-for-matching"):
            curation.pin(row, scope=PinScope.EVERYONE if verb == "pin" else PinScope.MATCHING, by=by, now=now)
        else:
            {"unpin": curation.unpin, "hide": curation.hide, "restore": curation.restore}[verb](row, by=by, now=now)
    except curation.Refused as refused:
        raise HttpError(409, str(refused)) from None
    row.refresh_from_db()
    return _shown(row)


def _curator(request: HttpRequest) -> ApiKey:
    key: ApiKey = request.auth  # type: ignore[attr-defined]
    if not key.user.has_perm(_RIGHT):
        raise AuthorizationError(message="This key's user may not change issues.")
    return key


def _shown(row: Candidate) -> shapes.DeskPaper:
    paper = Paper.of(editions.card(row.paper, row)).dict()
    return shapes.DeskPaper(**paper, candidate=row.pk, trend=row.trend, pin=row.pin, hidden_at=row.hidden_at)
