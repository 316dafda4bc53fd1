"""A Message and an Envelope as the bytes of RFC 5322. Source: RFC 2045, 2047, 2369, 2919, 3834, 5322, 8058."""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta
from email.utils import format_datetime, parseaddr, quote
from functools import lru_cache

from newsletter.mail._fragments import encode
from newsletter.mail._values import Envelope, Message

_BOUNDARY = "=_paper-round"  # "=_" cannot occur in quoted-printable, so no line of a body looks like it
_ENCODED = '; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
PLAIN = f"MIME-Version: 1.0\r\nContent-Type: text/plain{_ENCODED}".encode()
ALTERNATIVE = (
    f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary="{_BOUNDARY}"\r\n\r\n'
    f"--{_BOUNDARY}\r\nContent-Type: text/plain{_ENCODED}"
).encode()
BETWEEN = f"\r\n--{_BOUNDARY}\r\nContent-Type: text/html{_ENCODED}".encode()
END = f"\r\n--{_BOUNDARY}--\r\n".encode()
_ONE_CLICK = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_BARE_URL = re.compile(r"[!-+\--;=?-~]+")  # printable ASCII but space, comma and angle brackets
_PLAIN_AT_MOST = 68  # characters of an unencoded text that fit the first line after any header name of ours
_WORD_BYTES = 39  # UTF-8 bytes an encoded-word carries: 52 in base64, 64 with its frame


def to_wire(message: Message, envelope: Envelope) -> bytes:
    """CRLF, ASCII only, text and HTML quoted-printable with lines <= 76; not signed. The same input gives the same bytes.

    No line begins with a dot. Raises ValueError when a header value holds CR, LF or NUL, the date has no zone, an address
    is none or needs SMTPUTF8.
    """
    start = head(message.subject, envelope)
    if envelope.text_only:
        return start + PLAIN + _part(message.text)
    return b"".join([start, ALTERNATIVE, _part(message.text), BETWEEN, _part(message.html), END])


def _part(text: str) -> bytes:
    return encode(text if text.endswith("\n") else text + "\n")


def head(subject: str, envelope: Envelope) -> bytes:
    """Every header but those of MIME. Most are the same from copy to copy and made once."""
    before, after = _shared(
        subject,
        envelope.from_header,
        envelope.reply_to,
        envelope.date,
        envelope.date.utcoffset(),
        envelope.list_id,
        envelope.help_url,
        envelope.feedback_id,
    )
    ways_out = f"List-Unsubscribe:{_ways_out(envelope)}\r\n{_ONE_CLICK}" if envelope.unsubscribe_url else ""
    named = _one_line(envelope.message_id).strip("<>")
    return f"{before}To: {_recipient(envelope.to)}\r\nMessage-ID: <{named}>\r\n{ways_out}{after}".encode("ascii")


@lru_cache(maxsize=4096)
def _shared(
    subject: str,
    from_header: str,
    reply_to: str,
    date: datetime,
    _offset: timedelta | None,
    list_id: str | None,
    help_url: str | None,
    feedback_id: str,
) -> tuple[str, str]:
    """The headers that the copies of an edition share. _offset: two zones have one instant, which is one key."""
    if date.tzinfo is None:
        raise ValueError("Date: a mail's date needs a zone")
    before = {
        "From": _mailbox(from_header),
        "Reply-To": _mailbox(reply_to) if reply_to else "",
        "Subject": encoded(subject),
        "Date": format_datetime(date),
    }
    after = {
        "List-Id": _list_id(list_id) if list_id else "",
        "List-Help": _bracketed("List-Help", help_url).removeprefix(" ") if help_url else "",
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "OOF, AutoReply",
        "Feedback-ID": _one_line(feedback_id),
    }
    return _rows(before), _rows(after)


def _rows(headers: dict[str, str]) -> str:
    rows = (f"{name}: {value}".replace(": \r\n", ":\r\n", 1) + "\r\n" for name, value in headers.items() if value)
    return "".join(rows)


def _recipient(address: str) -> str:
    return address if _PLAIN_ADDRESS.fullmatch(address) else _mailbox.__wrapped__(address)


def encoded(text: str) -> str:
    """A header's free text: short printable ASCII as it is, else folded base64 encoded-words cut between characters.

    The stdlib's folding doubles a space in 4 % of mixed subjects and overruns RFC 2047's 75 in others. Source: RFC 2047 2, 5.
    """
    _one_line(text)
    if text.isascii() and text.isprintable() and len(text) <= _PLAIN_AT_MOST and "=?" not in text and text == text.strip():
        return text
    words, word = [], b""
    for character in text:
        data = character.encode()
        if len(word) + len(data) > _WORD_BYTES:
            words.append(word)
            word = b""
        word += data
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(w).decode()}?=" for w in [*words, word])


@lru_cache(maxsize=64)
def _mailbox(header: str) -> str:
    name, address = parseaddr(_one_line(header))
    local, at, domain = address.rpartition("@")
    if not (local and at and domain) or not local.isascii():
        raise ValueError("an address is missing, or its local part is not ASCII and no relay is asked for SMTPUTF8")
    if not domain.isascii():
        domain = domain.encode("idna").decode()
    address = f"{local}@{domain}"
    if not name:
        return address
    phrase = encoded(name)
    if phrase == name and not name.replace(" ", "").isalnum():
        phrase = f'"{quote(name)}"'
    return f"{phrase}{_gap(phrase, address)}<{address}>"


def _gap(phrase: str, address: str) -> str:
    last = phrase.rsplit("\r\n", 1)[-1]
    return " " if len("Reply-To: ") + len(last) + len(address) + 3 <= 78 else "\r\n "


@lru_cache(maxsize=64)
def _list_id(value: str) -> str:
    phrase, bracket, label = _one_line(value).rpartition("<")
    if not bracket:
        return f"<{value}>" if value else ""
    phrase = phrase.strip()
    return f"{encoded(phrase)}{_gap(phrase, label)}<{label}" if phrase else f"<{label}"


def _ways_out(envelope: Envelope) -> str:
    """The https URI first (RFC 8058), then a mailto on its own line (RFC 2369)."""
    where = envelope.unsubscribe_mailto or _address(envelope.reply_to) or _address(envelope.from_header)
    url = _bracketed("List-Unsubscribe", envelope.unsubscribe_url or "")
    return f"{url},\r\n <mailto:{_one_line(where)}?subject=unsubscribe>"


@lru_cache(maxsize=64)
def _address(header: str) -> str:
    return parseaddr(header)[1]


def _bracketed(name: str, url: str) -> str:
    """<url>, after a space, on a line of its own when the first would pass 78; an address is never broken (signers and readers trip over it)."""
    _one_line(url)
    if not _BARE_URL.fullmatch(url):
        raise ValueError(f"{name}: an address in a header is ASCII without spaces, commas and angle brackets")
    fold = "\r\n " if len(name) + len(url) + 5 > 78 and len(url) + 4 <= 78 else " "
    return f"{fold}<{url}>"


def _one_line(value: str) -> str:
    if "\n" in value or "\r" in value or "\0" in value:
        raise ValueError("a header value holds a line break")
    return value


def header_names(wire: bytes) -> set[str]:
    """The lower-case names of a finished mail's headers."""
    rows = wire.partition(b"\r\n\r\n")[0].split(b"\r\n")
    return {row.partition(b":")[0].decode("ascii").lower() for row in rows if row[:1] not in b" \t"}
