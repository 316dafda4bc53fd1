"""What stands between a form and a robot: a field that people do not see, a stamp that says when the form was shown, and,
where PROOF_OF_WORK is on, a puzzle.

Nobody is turned away here: who fails gets the same wish back with one more button. What protects strangers from our mail
are the counters in `subscribers`; this only keeps simple robots from using them up.
"""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from altcha import v1 as altcha
from django.conf import settings
from django.core import signing
from django.http import HttpRequest, QueryDict
from django.utils.crypto import salted_hmac

from newsletter import subscribers

TRAP = "company"  # a name that robots like to fill in; people do not see the field
STAMP = "shown"
WORK = "altcha"
SOONEST = timedelta(seconds=2)  # nobody types an address faster
WAIT = timedelta(seconds=20)  # instead of the puzzle, for who has no script
LONGEST = timedelta(hours=24)
PUZZLE_LIFETIME = timedelta(minutes=20)
HARDEST = 200_000  # about a second of one core of a telephone
_MOST_WORK = 4_000  # characters


class Shown(StrEnum):
    """Which page a stamp was put on."""

    FORM = "form"
    BUTTON = "button"


@dataclass(frozen=True, slots=True)
class Verdict:
    """passed: do as asked. Else show one more button; wait: it works only after that time, as there was no puzzle solved;
    meant: the address probably meant, which the page offers beside the one typed."""

    passed: bool
    wait: timedelta = timedelta(0)
    meant: str = ""


def fields(on: Shown = Shown.FORM, *, now: datetime) -> dict[str, str]:
    """What templates/web/_gate.html needs. challenge: empty, or the puzzle as JSON."""
    stamp = _signer().sign(f"{on}:{int(now.timestamp() * 1000)}")
    return {"trap": TRAP, "stamp": stamp, "challenge": puzzle(now) if settings.PROOF_OF_WORK else ""}


def judge(request: HttpRequest, *, now: datetime) -> Verdict:
    """Whether this sign-up is done at once. A program that does not pretend to be a browser needs no stamp."""
    data = request.POST
    shown, age = _read(data.get(STAMP, ""), now)
    if settings.PROOF_OF_WORK:
        if is_solved(data.get(WORK, ""), now=now):
            return Verdict(True)
        return Verdict(shown == Shown.BUTTON and age >= WAIT, WAIT)
    if shown == Shown.BUTTON:
        return Verdict(True)
    if shown is None:
        return Verdict(not _is_browser(request) and not data.get(TRAP))
    meant = subscribers.suggestion(data.get("email", "").strip())
    return Verdict(age >= SOONEST and not data.get(TRAP) and not meant, meant=meant)


def is_solved(payload: str, *, now: datetime) -> bool:
    """Whether this is a fresh solution of a puzzle of ours; a second time it is none. Works as ALTCHA's widget, version 1."""
    if len(payload) > _MOST_WORK:
        return False
    try:
        told = json.loads(b64decode(payload, validate=True))
        solved, _why = altcha.verify_solution(told, _puzzle_key(), check_expires=False)
        expires = altcha.extract_params(told).get("expires", ["0"])[0]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False
    if not solved or not expires.isdecimal() or int(expires) <= now.timestamp():
        return False
    return subscribers.spend(sha256(str(told["challenge"]).encode()).hexdigest(), now=now)


def puzzle(now: datetime) -> str:
    """A new one, as JSON: algorithm, challenge, maxnumber, salt, signature."""
    made = altcha.create_challenge(
        altcha.ChallengeOptions(hmac_key=_puzzle_key(), max_number=HARDEST, expires=now + PUZZLE_LIFETIME)
    )
    return json.dumps({**{name: value for name, value in made.to_dict().items() if name != "maxNumber"}, "maxnumber": HARDEST})


def kept(data: QueryDict, names: tuple[str, ...]) -> list[tuple[str, str]]:
    """The fields of a form as they were sent, to be sent again by the one more button."""
    return [(name, value) for name in names for value in data.getlist(name)]


def _read(stamp: str, now: datetime) -> tuple[Shown | None, timedelta]:
    """The page that the stamp was put on and how long ago; None: no stamp of ours, or one that is too old."""
    try:
        on, _colon, at = _signer().unsign(stamp[:200]).partition(":")
        age = timedelta(milliseconds=now.timestamp() * 1000 - int(at))
        return (Shown(on), age) if age <= LONGEST else (None, age)
    except (signing.BadSignature, ValueError):
        return None, timedelta(0)


def _is_browser(request: HttpRequest) -> bool:
    return "text/html" in request.headers.get("Accept", "") or "Sec-Fetch-Mode" in request.headers


def _signer() -> signing.Signer:
    return signing.Signer(sep=".", salt="newsletter.web.gate", algorithm="sha256")


def _puzzle_key() -> str:
    return salted_hmac("newsletter.web.gate.puzzle", "", algorithm="sha256").hexdigest()
