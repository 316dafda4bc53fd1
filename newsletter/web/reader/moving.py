"""A change of address: asked for in the preferences, confirmed from the new address, undone from the old one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.http import HttpRequest, HttpResponse

from newsletter import links, subscribers, tasks
from newsletter.links import Purpose, Refused
from newsletter.models import Move
from newsletter.web import answers
from newsletter.web.reader.guard import is_active, reader_of, signed
from newsletter.web.reader.preferences_page import page


@signed
def ask_move(request: HttpRequest, token: str) -> HttpResponse:
    """POST mails the new address; the answer is the same whether anything may be mailed there."""
    now = answers.clock()
    reader = reader_of(Purpose.PREFERENCES, token, now)
    if request.method != "POST" or not is_active(reader):
        return page(request, token, reader, now)
    typed = request.POST.get("email", "").replace("\x00", "").strip()[:400]
    try:
        subscribers.ask_move(reader, typed, now=now)
    except subscribers.BadAddress as bad:
        return page(request, token, reader, now, move={"typed": typed, "error": str(bad)})
    tasks.ring("send")
    return answers.private_page(request, "moving.html", {"step": "ASKED", "masked": subscribers.mask(typed), "other": ""})


@signed
def move(request: HttpRequest, token: str) -> HttpResponse:
    """The link in the mail to the new address."""
    ref, now = _read(Purpose.MOVE, token)
    if request.method != "POST":
        return _shown(request, "CONFIRM", lambda: subscribers.movable(ref))
    return _shown(request, "MOVED", lambda: subscribers.move(ref, now=now), rings=True)


@signed
def undo(request: HttpRequest, token: str) -> HttpResponse:
    """The link in the mail to the old address."""
    ref, now = _read(Purpose.UNDO, token)
    if request.method != "POST":
        return _shown(request, "UNDO", lambda: subscribers.undoable(ref))
    return _shown(request, "UNDONE", lambda: subscribers.undo_move(ref, now=now), rings=True)


def _read(purpose: Purpose, token: str) -> tuple[str, datetime]:
    now = answers.clock()
    return links.read(purpose, token, now=now), now


def _shown(request: HttpRequest, step: str, act: Callable[[], Move], *, rings: bool = False) -> HttpResponse:
    """The page of a step; of one that was taken before, or that another subscription stands in the way of."""
    try:
        change = act()
    except Refused as refused:
        if refused.reason != "USED":
            raise
        return answers.private_page(request, "moving.html", {"step": "USED", "masked": "", "other": ""})
    except subscribers.Taken:
        return answers.private_page(request, "moving.html", {"step": "TAKEN", "masked": "", "other": ""}, status=409)
    if rings:
        tasks.ring("send")
    masked = [subscribers.mask(address) for address in (change.to_address, change.from_address)]
    return answers.private_page(request, "moving.html", {"step": step, "masked": masked[0], "other": masked[1]})
