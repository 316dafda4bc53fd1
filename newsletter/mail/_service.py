"""Service mails (confirm, links, moves, goodbye, alert): one reader each, the same family as the digest."""

from __future__ import annotations

from collections.abc import Mapping

from newsletter.mail import _templates
from newsletter.mail._digest import framed, shelf
from newsletter.mail._inline import piece
from newsletter.mail._values import Message
from newsletter.mail._words import line, shorten

KINDS = ("CONFIRM", "ALREADY", "LINK", "EXPORT", "ERASE", "MOVE_NEW", "MOVE_OLD", "GOODBYE", "ALERT")
PREHEADER_AT_MOST = 120
_SHARED: dict[str, object] = {
    "newsletter": "Paper Round",
    "postal_address": "",
    "home_url": "",
    "privacy_url": "",
    "locale": "en",
}


def service(kind: str, context: Mapping[str, object]) -> Message:
    """A mail of one of KINDS from templates/email/<kind>/. Texts of the context are escaped; lists are lists of texts.

    Every kind takes newsletter, postal_address, home_url, privacy_url and locale, all optional. CONFIRM wants confirm_url,
    never_url and asked_at (text); ALREADY and LINK preferences_url; EXPORT export_url, ERASE erase_url, MOVE_NEW move_url,
    MOVE_OLD undo_url and masked (the new address), these four with asked_at; GOODBYE return_url; ALERT subject_line,
    lines and desk_url.
    A missing one raises jinja2.UndefinedError, an unknown kind ValueError.
    """
    if kind not in KINDS:
        raise ValueError(f"no service mail is called {kind}; there are {', '.join(KINDS)}")
    context = _SHARED | dict(context)
    folder, locale = kind.lower(), str(context["locale"])
    plain = {name: _clean(value) for name, value in context.items()}
    text = _templates.text(locale)
    subject = shorten(text.get_template(f"{folder}/subject.txt").render(plain), 120)
    body = text.get_template(f"{folder}/body.txt").render(plain)
    return Message(subject, body, _html(folder, locale, plain, subject, _first_words(body)))


def _first_words(body: str) -> str:
    """What an inbox shows after the subject: the first paragraph under the headline."""
    return shorten(body.split("\n\n")[2], PREHEADER_AT_MOST)


def _clean(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [line(str(item)) for item in value]
    return line(value) if isinstance(value, str) else value


def _html(folder: str, locale: str, context: Mapping[str, object], subject: str, preheader: str) -> str:
    frame, around = framed(locale)
    wanted, values = piece(_templates.html(locale), f"{folder}/body.html", context)
    opening, closing, body = shelf.take(frame, [wanted])
    around |= {"subject": subject, "preheader": preheader}
    return opening.fill(around) + body.fill(values) + closing.fill(around)
