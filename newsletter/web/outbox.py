"""The mails this installation has written to files, for the person who sits at it.

It shows everybody's mail to anyone on this machine. So it is there only when mail goes to files, the server listens on
the loopback interface alone and the request came from this machine, through no proxy; else it is a 404.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser
from email.policy import default
from functools import wraps
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from newsletter.web import answers, errors

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "[::1]"})
FORWARDED = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_REAL_IP")
MOST_SHOWN = 200
SHOWN_HEADERS = (
    "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "List-ID", "List-Unsubscribe", "List-Unsubscribe-Post"
)  # fmt: skip
# As answers.MAIL_POLICY, but a click may open a page of its own: the confirmation link must work from here.
POLICY = answers.MAIL_POLICY + " allow-popups allow-popups-to-escape-sandbox"
_LINK = re.compile(r"(https?://[^\s<>\"]+[^\s<>\".,;:!?)\]])")

View = Callable[..., HttpResponse]


def is_on() -> bool:
    """Whether this installation shows its outbox at all."""
    return settings.MAIL_URL.startswith("file:") and settings.HOST in LOOPBACK


def folder() -> Path:
    return Path(settings.PAPERROUND_DATA) / "outbox"


def _local_only(view: View) -> View:
    @wraps(view)
    def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        near = request.META.get("REMOTE_ADDR", "") in LOOPBACK and not any(name in request.META for name in FORWARDED)
        return view(request, *args, **kwargs) if near and is_on() else errors.not_found(request)

    return guarded


@require_safe
@_local_only
def mails(request: HttpRequest) -> HttpResponse:
    """The newest mails first."""
    found = _files()
    return answers.private_page(
        request,
        "outbox.html",
        {"mails": [_summary(path) for path in found[:MOST_SHOWN]], "total": len(found), "folder": str(folder())},
    )


@require_safe
@_local_only
def mail(request: HttpRequest, name: str) -> HttpResponse:
    """One mail: headers, text, and its HTML in a frame."""
    message = _read(name)
    if message is None:
        return errors.not_found(request)
    text = _part(message, "plain")
    context = {
        "name": name,
        "subject": str(message.get("Subject", "")),
        "headers": [(header, str(message[header])) for header in SHOWN_HEADERS if header in message],
        "pieces": [(piece, bool(_LINK.fullmatch(piece))) for piece in _LINK.split(text)],
        "has_html": bool(_part(message, "html")),
    }
    return answers.private_page(request, "outbox_mail.html", context)


@require_safe
@_local_only
def mail_html(request: HttpRequest, name: str) -> HttpResponse:
    """The HTML part alone. Links open a new page, since no page of ours lets itself be framed."""
    message = _read(name)
    html = _part(message, "html") if message is not None else ""
    if not html:
        return errors.not_found(request)
    return answers.mail(re.sub(r"(<head[^>]*>)", r'\1<base target="_blank">', html, count=1, flags=re.I), policy=POLICY)


@dataclass(frozen=True, slots=True)
class Summary:
    name: str
    to: str
    subject: str
    at: datetime


def _files() -> list[Path]:
    """Newest first. A file that vanishes meanwhile is left out."""
    if not folder().is_dir():
        return []
    return sorted(folder().glob("*.eml"), key=lambda path: (_written(path), path.name), reverse=True)


def _written(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _summary(path: Path) -> Summary:
    with path.open("rb") as file:
        head = BytesHeaderParser(policy=default).parse(file)
    to = ", ".join(_addresses(head)) or str(head.get("To", ""))
    return Summary(path.name, to, str(head.get("Subject", "")), datetime.fromtimestamp(_written(path), UTC))


def _addresses(head: Message) -> list[str]:
    return [each.addr_spec for each in getattr(head["To"], "addresses", ())]


def _read(name: str) -> EmailMessage | None:
    """The mail of that file name, which must be one of the folder's own."""
    path = next((path for path in _files() if path.name == name), None)
    return message_from_bytes(path.read_bytes(), policy=default) if path else None


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""
