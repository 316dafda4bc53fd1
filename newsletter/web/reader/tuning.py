"""The page of one paper of one copy, where its reader says more or less, mutes, keeps, follows. POST acts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from newsletter import editions, links, subscribers
from newsletter.editions import about
from newsletter.links import Purpose, Refused
from newsletter.matching import query
from newsletter.models import Delivery, Interest, Kind, Saved, Subscriber, Vote, Way
from newsletter.subscribers import tastes
from newsletter.web import answers, errors, listing
from newsletter.web.reader.guard import is_active, masked, signed
from newsletter.web.reader.preferences_page import named

TOPICS = 6  # offered to mute beyond the reader's own interests
AUTHORS = 12
LABS = 6
WORD = 80  # characters


@dataclass(frozen=True)
class _Desk:
    """One reader and one paper of a copy, with what the page may offer: nothing else can be muted or followed here."""

    reader: Subscriber
    shown: about.Shown
    interests: list[Interest]

    @property
    def authors(self) -> list[str]:
        return [str(name) for name in self.shown.paper.authors[:AUTHORS]]

    @property
    def labs(self) -> list[str]:
        return [str(name) for name in self.shown.paper.organizations[:LABS]]


@signed
def tune(request: HttpRequest, token: str, ref: str) -> HttpResponse:
    """GET shows what holds, POST changes one thing of it; said twice is said once."""
    now = answers.clock()
    copy = (
        Delivery.objects.select_related("edition", "subscriber")
        .filter(public_id=links.read(Purpose.TUNE, token, now=now), kind__in=(Kind.DIGEST, Kind.TEST))
        .first()
    )
    if copy is None or copy.subscriber is None:
        raise Refused("FORGED")
    reader, shown = copy.subscriber, about.shown(copy, ref)
    if reader.moves.filter(undone_at__gt=copy.as_of or copy.created_at).exists():
        raise Refused("EXPIRED")  # whoever had moved the address may hold this copy
    if shown is None:
        return errors.not_found(request)
    if not is_active(reader):
        out = reader.leave_id
        return answers.private_page(request, "left.html", {"masked": masked(reader), "unsubscribed": True, "out": out})
    desk = _Desk(reader, shown, _offered(reader, shown))
    said, error = _done(request, desk, now) if request.method == "POST" else ("", "")
    return answers.private_page(request, "tune.html", _context(desk, said, error), status=422 if error else 200)


def _offered(reader: Subscriber, shown: about.Shown) -> list[Interest]:
    """What is muted already and matches, the reader's own that match, then topics; never what a reader without any gets."""
    muted = [row.interest for row in reader.mutes.select_related("interest").order_by("interest_id")]
    own = [row for row in reader.interests.order_by("id") if row.query != tastes.DEFAULT_QUERY]
    mine = about.matching(shown, dict.fromkeys([*muted, *own]))
    known = {row.pk for row in mine}
    return mine + about.matching(shown, [row for row in listing.topic_rows() if row.pk not in known])[:TOPICS]


def _context(desk: _Desk, said: str, error: str) -> dict[str, Any]:
    reader, paper = Subscriber.objects.get(pk=desk.reader.pk), desk.shown.paper
    muted = set(reader.mutes.values_list("interest_id", flat=True))
    vote = Vote.objects.filter(subscriber=reader, paper=paper).first()
    silenced = set(reader.muted)
    return {
        "masked": masked(reader),
        "said": said,
        "error": error,
        "story": listing.story(editions.card(paper, desk.shown.candidate), desk.shown.reason),
        "gone": paper.withdrawn_at is not None or desk.shown.candidate.hidden_at is not None,
        "way": vote.way if vote else "",
        "saved": Saved.objects.filter(subscriber=reader, paper=paper).exists(),
        "interests": [(row.pk, named(row), row.pk in muted) for row in desk.interests],
        "people": [
            (name, subscribers.muted_form(name) in silenced, name in tastes.follows(reader, "author", [name]))
            for name in desk.authors
        ],
        "labs": [(name, name in tastes.follows(reader, "org", [name])) for name in desk.labs],
        "words": _words(desk, reader),
        "longest": WORD,
    }


def _words(desk: _Desk, reader: Subscriber) -> list[str]:
    """The muted words that stand in this paper, but for its authors: a forwarded mail tells nothing of the others."""
    paper = desk.shown.paper
    said = subscribers.muted_form(" ".join((paper.title, paper.abstract)))
    people = {subscribers.muted_form(name) for name in desk.authors}
    return [word for word in reader.muted if word in said and word not in people]


def _done(request: HttpRequest, desk: _Desk, now: datetime) -> tuple[str, str]:
    """(what was done, why it was not): one of them is empty."""
    verb, _colon, rest = request.POST.get("do", "").replace("\x00", "").partition(":")
    act = _ACTS.get(verb)
    if act is None:
        return "", _("That could not be read. Choose one of the buttons.")
    try:
        return act(desk, rest or request.POST.get("word", "").replace("\x00", "")[: WORD * 2], now), ""
    except subscribers.BadWish as bad:
        return "", str(bad)
    except query.BadQuery:
        return "", _("This name cannot be followed. Write a query of your own on the preferences page.")


def _vote(way: Way | None) -> Callable[[_Desk, str, datetime], str]:
    def act(desk: _Desk, _rest: str, now: datetime) -> str:
        tastes.vote(desk.reader, desk.shown.paper, way, now=now)
        return _("Noted.") if way else _("Taken back.")

    return act


def _save(desk: _Desk, _rest: str, now: datetime) -> str:
    tastes.save(desk.reader, desk.shown.paper, now=now)
    return _("Saved. Your preferences list it, and export it as BibTeX and RIS.")


def _drop(desk: _Desk, _rest: str, now: datetime) -> str:
    tastes.drop(desk.reader, desk.shown.paper)
    return _("No longer saved.")


def _interest(desk: _Desk, pk: str) -> Interest:
    """One of those on the page: the id of any other would tell a stranger's query."""
    found = next((row for row in desk.interests if str(row.pk) == pk), None)
    if found is None:
        raise subscribers.BadWish(_("Choose one of the interests on this page."))
    return found


def _mute_interest(desk: _Desk, pk: str, now: datetime) -> str:
    interest = _interest(desk, pk)
    tastes.mute_interest(desk.reader, interest, now=now)
    others = desk.reader.interests.exclude(pk__in=desk.reader.mutes.values("interest")).exists()
    if not others and desk.reader.interests.exists():
        return _("Muted. All your interests are muted now: nothing comes until you unmute one or choose another.")
    return _("Muted: no paper about it comes from the next issue on.")


def _unmute_interest(desk: _Desk, pk: str, now: datetime) -> str:
    tastes.unmute_interest(desk.reader, _interest(desk, pk))
    return _("Unmuted.")


def _mute_word(desk: _Desk, word: str, now: datetime) -> str:
    if not word.strip():
        raise subscribers.BadWish(_("Enter a word or a name to mute."))
    tastes.mute_word(desk.reader, word, now=now)
    return _("Muted: no paper with it comes from the next issue on.")


def _unmute_word(desk: _Desk, word: str, now: datetime) -> str:
    tastes.unmute_word(desk.reader, word, now=now)
    return _("Unmuted.")


def _follow(field: str, *, on: bool) -> Callable[[_Desk, str, datetime], str]:
    def act(desk: _Desk, name: str, now: datetime) -> str:
        if name not in (desk.authors if field == "author" else desk.labs):
            raise subscribers.BadWish(_("Choose one of the names on this page."))
        if on:
            tastes.follow(desk.reader, field, name, now=now)
            return _("Followed: it is one of your interests now.")
        tastes.unfollow(desk.reader, field, name)
        return _("No longer followed.")

    return act


_ACTS: dict[str, Callable[[_Desk, str, datetime], str]] = {
    "more": _vote(Way.MORE),
    "less": _vote(Way.LESS),
    "unvote": _vote(None),
    "save": _save,
    "drop": _drop,
    "mute-interest": _mute_interest,
    "unmute-interest": _unmute_interest,
    "mute-word": _mute_word,
    "unmute-word": _unmute_word,
    "follow-author": _follow("author", on=True),
    "unfollow-author": _follow("author", on=False),
    "follow-org": _follow("org", on=True),
    "unfollow-org": _follow("org", on=False),
}
