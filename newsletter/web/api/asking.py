"""Preview and sign-up: the same functions as the page's."""

from __future__ import annotations

import json

from django.conf import settings
from django.http import HttpRequest
from ninja import Query, Router, Status
from ninja.errors import HttpError, Throttled, ValidationError

from newsletter import editions, subscribers, tasks
from newsletter.matching import query
from newsletter.models import Interest
from newsletter.web import answers, clients, gate, kept
from newsletter.web.api import shapes
from newsletter.web.api.shapes import Paper, Problem, Slug, Words
from newsletter.web.signup import sentence

router = Router(tags=["readers"])
CARDED = 5  # days whose papers are shown, the newest
_ERRORS = {401: Problem, 422: Problem, 429: Problem, 500: Problem}


@router.get("/preview", response={200: shapes.Preview, **_ERRORS}, operation_id="preview", summary="Preview")
def preview(
    request: HttpRequest,
    q: list[Words] = Query([], max_length=20),  # type: ignore[type-arg]  # noqa: B008 (how ninja is told)
    topic: list[Slug] = Query([], max_length=60),  # type: ignore[type-arg]  # noqa: B008
) -> shapes.Preview:
    """What the last 14 days would have brought for these queries and topics; for none, what was trending."""
    rows = list(Interest.objects.filter(slug__in=topic)) if topic else []
    if len(rows) < len(set(topic)):
        raise HttpError(422, "One of the topics does not exist; /api/v1/topics lists them.")
    typed = [text for text in q if text.strip()]
    words = " · ".join([*(row.name for row in rows), *(query.parse(text).words() for text in typed)])
    asked, keep = [*(row.query for row in rows), *typed], kept.recent(kept.version())
    days = editions.preview(queries=asked, now=answers.clock(), carded=CARDED, keep=keep)
    return shapes.Preview(words=words, days=[_day(day) for day in days])


@router.get("/challenge", response={200: shapes.Challenge, **_ERRORS}, operation_id="challenge", summary="A puzzle")
def challenge(request: HttpRequest) -> shapes.Challenge:
    """The puzzle that a sign-up must solve, where the installation asks for it."""
    if not settings.PROOF_OF_WORK:
        return shapes.Challenge(needed=False)
    return shapes.Challenge(needed=True, **json.loads(gate.puzzle(answers.clock())))


@router.post("/sign-up", response={202: shapes.Accepted, 400: Problem, **_ERRORS}, operation_id="signUp", summary="Sign up")
def sign_up(request: HttpRequest, wish: shapes.SignUp) -> Status[shapes.Accepted]:
    """Ask for a confirmation mail. The answer is the same whatever is known of the address; nobody is subscribed before
    they press the button in that mail."""
    now = answers.clock()
    if settings.PROOF_OF_WORK and not gate.is_solved(wish.altcha, now=now):
        raise _wrong("altcha", "Solve a fresh puzzle of /api/v1/challenge and send its solution.")
    wanted = subscribers.Wish(
        queries=tuple(wish.queries),
        topics=tuple(wish.topics),
        zone=wish.zone,
        hour=wish.hour,
        days=wish.days,
        max_papers=wish.max_papers,
    )
    try:
        subscribers.subscribe(address=wish.email, wish=wanted, network=clients.address_of(request), now=now)
    except subscribers.BadAddress as error:
        raise _wrong("email", str(error)) from None
    except query.BadQuery as error:
        raise _wrong("queries", sentence(error)) from None
    except subscribers.BadWish as error:
        raise _wrong("wish", str(error)) from None
    except subscribers.TooMany as refused:
        raise Throttled(wait=refused.seconds) from None
    tasks.ring("send")
    text = "If the address can receive mail, a confirmation is on its way. Open it within 7 days."
    return Status(202, shapes.Accepted(status="ok", detail=text))


def _wrong(field: str, remedy: str) -> ValidationError:
    return ValidationError([{"loc": ("body", field), "msg": remedy, "type": "value_error"}])


def _day(day: editions.PreviewDay) -> shapes.Day:
    items = [Paper.of(pick.card, reason=pick.reason, on=None if day.open else day.on) for pick in day.picks]
    return shapes.Day(on=day.on, papers=day.count, gathering=day.open, items=items)
