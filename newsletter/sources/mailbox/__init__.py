"""Mails about papers, dropped as files into a folder: arXiv's listing mails and Google Scholar's alerts.

The folder is `mailbox` in the data folder, or the one below it that `params["folder"]` names. A mail stays there until
what it holds is stored (`settle`): after a crash it is read again, and reading it twice changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from email import message_from_bytes, policy
from email.errors import CloseBoundaryNotFoundDefect
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from django.conf import settings

from newsletter.sources import polite
from newsletter.sources.mailbox import _listing, _scholar
from newsletter.sources.page import Malformed, Page, markup

HOME = ""
NAME = "Mailbox"
GROWS = False
_MOST = 50  # mails a reading
_MOST_BYTES = 10 * 1024 * 1024
_DONE, _UNREAD = "done", "unread"
_CUT = "the mail ends in the middle, so more may be missing"
_HEAD = re.compile(rb"\A(?:[A-Za-z][A-Za-z-]{1,40}:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*)+\r?\n")


def fetch(params: Mapping[str, Any], *, now: datetime, etag: str = "", last_modified: str = "") -> polite.Fetched:
    """The oldest 50 mails that wait, one answer each. Asks no network. Raises polite.Refused for a folder elsewhere."""
    answers = [_answer(path) for path in _waiting(_folder(params))[:_MOST]]
    return polite.Fetched(answers=tuple(answers), unchanged=not answers)


def settle(params: Mapping[str, Any], got: polite.Fetched) -> None:
    """What was stored goes to `done`, what could not be read to `unread`, where a person may look at it.

    A file that has changed since it was read (a mail still being written) stays and is read again.
    """
    folder = _folder(params)
    read = {hashlib.sha256(answer.data).hexdigest() for answer in got.answers if answer.data}
    for path in _waiting(folder):
        data = _answer(path).data
        number = hashlib.sha256(data).hexdigest()
        if data and number not in read:
            continue
        target = folder / (_DONE if _readable(data) else _UNREAD)
        target.mkdir(exist_ok=True)
        path.replace(target / f"{number[:12]}-{path.name[-100:]}")


def parse(data: bytes, *, day: date | None = None) -> Page:
    """The mail's own date is the list's day, else `day`. Raises Malformed for a mail about no papers.

    A mail of parts without its closing boundary, or an alert without its last tag, was cut: more may be missing.
    """
    mail = _mail(data)
    sent = _date(mail) if mail is not None else None
    bodies = _bodies(mail) if mail is not None else {}
    if "gse_alrt_title" in bodies.get("html", ""):
        page = _scholar.parse(bodies["html"], day=sent or day)
        return replace(page, doubt=_CUT if _is_cut(mail, bodies["html"]) else "")
    plain = bodies.get("plain") or markup.decoded(data)
    if _listing.begins(plain):
        page = _listing.parse(plain, day=sent or day)
        return replace(page, doubt=_CUT if _is_cut(mail) else "")
    raise Malformed("it is neither a listing mail of arXiv nor an alert of Google Scholar")


def recognises(data: bytes, name: str = "") -> bool:
    """The records of an arXiv listing, bare or in a mail, or a mail with the marks of a Scholar alert."""
    if _listing.begins(markup.decoded(data[:20_000])):
        return True
    if not _HEAD.match(data[:50_000]):
        return False
    if b"scholaralerts" in data[:50_000].lower():
        return True
    mail = _mail(data)
    return mail is not None and _listing.begins(_bodies(mail).get("plain", ""))


def _folder(params: Mapping[str, Any]) -> Path:
    root = (Path(settings.PAPERROUND_DATA) / "mailbox").resolve()
    folder = (root / str(params.get("folder") or ".")).resolve()
    if folder != root and root not in folder.parents:
        raise polite.Refused(f"the folder of a mailbox lies below {root.name} in the data folder, not elsewhere")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _waiting(folder: Path) -> list[Path]:
    """Oldest first; hidden files are mails that are still being written."""
    files = [path for path in folder.iterdir() if path.is_file() and not path.is_symlink() and not path.name.startswith(".")]
    return sorted(files, key=lambda path: (path.stat().st_mtime, path.name))


def _answer(path: Path) -> polite.Answer:
    try:
        if path.stat().st_size > _MOST_BYTES:
            return polite.Answer(data=b"", error=f"the mail {path.name[:60]} is larger than {_MOST_BYTES // 2**20} MB")
        return polite.Answer(data=path.read_bytes(), error="")
    except OSError as error:
        return polite.Answer(data=b"", error=f"the mail {path.name[:60]} cannot be opened ({error.strerror})")


def _readable(data: bytes) -> bool:
    try:
        return bool(parse(data).records)
    except Exception:  # whatever it was, the reading has logged it; here it only says where the file goes
        return False


def _mail(data: bytes) -> EmailMessage | None:
    """None when the bytes do not begin with header lines."""
    return message_from_bytes(data, policy=policy.default) if _HEAD.match(data[:50_000]) else None


def _is_cut(mail: EmailMessage | None, html: str = "</html>") -> bool:
    """Parts without their closing boundary; a mail of one part without the last tag of its HTML."""
    parts = list(mail.walk()) if mail is not None else []
    if any(isinstance(defect, CloseBoundaryNotFoundDefect) for part in parts for defect in part.defects):
        return True
    return len(parts) < 2 and "</html>" not in html[-1000:].lower()


def _bodies(mail: EmailMessage) -> dict[str, str]:
    """The first readable text/plain and text/html, forwarded ones too."""
    found: dict[str, str] = {}
    for part in mail.walk():
        kind = part.get_content_subtype() if part.get_content_maintype() == "text" else ""
        if kind in ("plain", "html") and kind not in found:
            packed = part.get_payload(decode=True)
            if isinstance(packed, bytes):
                found[kind] = _decoded(packed, part.get_content_charset() or "utf-8")
    return found


def _decoded(packed: bytes, charset: str) -> str:
    try:
        return packed.decode(charset)
    except (LookupError, UnicodeError):
        return markup.decoded(packed)


def _date(mail: EmailMessage) -> date | None:
    try:
        return parsedate_to_datetime(str(mail["Date"])).date() if mail["Date"] else None
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
