"""Mails as the messages of a provider's API: one by one, or the copies of an edition in one request.

A batch never shows a reader another's address: each has headers, metadata and body of their own. Where the provider
takes whole messages, the bodies are sent as they are (`delivery.backends`); where it fills in variables, what differs
from copy to copy is cut out of the lines it stands in.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, TypeAlias

from django.core.mail import EmailMultiAlternatives

from newsletter.delivery.transport import Mail

CARRIED = frozenset(
    [
        "auto-submitted",
        "feedback-id",
        "list-help",
        "list-id",
        "list-unsubscribe",
        "list-unsubscribe-post",
        "message-id",
        "x-auto-response-suppress",
    ]
)
_AS_WRITTEN = policy.SMTP.clone(refold_source="none")
_KEY = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_OCTETS_AT_MOST = 8000  # of variables for one reader: SendGrid takes 10,000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What an API can do. batch: mails a request takes; slot: how a variable is written, "" where whole messages are sent."""

    batch: int = 1
    slot: str = ""
    omits: frozenset[str] = frozenset()
    tracks: bool = False
    raw: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sheet:
    """A mail taken apart. parts: text, and HTML unless the reader wants none."""

    mail: Mail
    subject: str
    sender: str
    reply_to: str
    headers: Mapping[str, str]
    parts: tuple[str, ...]

    @classmethod
    def of(cls, mail: Mail, ways: Ways) -> Sheet:
        """Headers and parts come from the wire form, so that both say the same."""
        wire = message_from_bytes(mail.wire, policy=policy.default)
        parts = [part.get_content().replace("\r\n", "\n") for part in (wire.iter_parts() if wire.is_multipart() else [wire])]
        carried = {name: str(value) for name, value in wire.items() if name.lower() in CARRIED - ways.omits}
        return cls(mail, str(wire["Subject"]), str(wire["From"]), str(wire["Reply-To"] or ""), carried, tuple(parts))

    @property
    def shape(self) -> tuple[object, ...]:
        """Equal for mails that can share a request."""
        return self.subject, self.sender, self.reply_to, *(part.count("\n") for part in self.parts)


def batches(sheets: Sequence[Sheet], ways: Ways) -> Iterator[list[Sheet]]:
    """Every sheet once, with those it can share a request with."""
    groups: dict[tuple[object, ...], list[list[Sheet]]] = defaultdict(list)
    for sheet in sheets:
        if not _key(sheet.mail.to) or _unsafe(sheet, ways):
            yield [sheet]
            continue
        alike = groups[sheet.shape]
        group = next((group for group in alike if _fits(sheet, group, ways)), None)
        if group is None:
            alike.append([sheet])
        else:
            group.append(sheet)
    for alike in groups.values():
        yield from alike


def _unsafe(sheet: Sheet, ways: Ways) -> bool:
    """The words of a paper could be taken for one of our variables."""
    mark = ways.slot.partition("{}")[0]
    return bool(mark) and any(mark in part for part in (sheet.subject, *sheet.parts))


def _fits(sheet: Sheet, group: Sequence[Sheet], ways: Ways) -> bool:
    if len(group) >= ways.batch or any(_key(sheet.mail.to).lower() == _key(other.mail.to).lower() for other in group):
        return False
    return not ways.slot or _own_octets(sheet.parts, group[0].parts) <= _OCTETS_AT_MOST


def _own_octets(these: Sequence[str], those: Sequence[str]) -> int:
    """Of the lines that differ: no less than their variables will hold."""
    lines = (pair for parts in zip(these, those, strict=True) for pair in zip(*(part.split("\n") for part in parts), strict=True))
    return sum(len(one.encode()) for one, other in lines if one != other)


def _key(address: str) -> str:
    """The address under which a batch keeps a reader's own values; "" for one that parsers write in several ways."""
    local, _, domain = address.rpartition("@")
    try:
        address = f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        return ""
    return address if _KEY.fullmatch(address) else ""


def message_of(sheets: Sequence[Sheet], ways: Ways) -> EmailMultiAlternatives:
    """One message, to one reader or to several who do not learn of each other."""
    message = _alone(sheets[0], ways) if len(sheets) == 1 else _together(sheets, ways)
    if ways.tracks:
        message.track_clicks = message.track_opens = False  # type: ignore[attr-defined]
    if ways.extra:
        message.esp_extra = {**getattr(message, "esp_extra", {}), **ways.extra}  # type: ignore[attr-defined]
    return message


class _AsWritten(EmailMultiAlternatives):
    """For an API that takes the finished mail."""

    wire: bytes = b""

    def message(self, *args: Any, **kwargs: Any) -> Any:
        return message_from_bytes(self.wire, _class=EmailMessage, policy=_AS_WRITTEN)


def _alone(sheet: Sheet, ways: Ways) -> EmailMultiAlternatives:
    message = _message(sheet, [sheet.mail.to], sheet.headers, sheet.parts, _AsWritten if ways.raw else EmailMultiAlternatives)
    if isinstance(message, _AsWritten):
        message.wire = sheet.mail.wire
    message.metadata = {"delivery": sheet.mail.ref}  # type: ignore[attr-defined]
    return message


def _together(sheets: Sequence[Sheet], ways: Ways) -> EmailMultiAlternatives:
    keys = [_key(sheet.mail.to) for sheet in sheets]
    merged = _merged([sheet.parts for sheet in sheets], ways.slot) if ways.slot else None
    message: Any = _message(sheets[0], keys, {}, merged[0] if merged else ("",), EmailMultiAlternatives)
    message.merge_headers = {key: dict(sheet.headers) for key, sheet in zip(keys, sheets, strict=True)}
    message.merge_metadata = {key: {"delivery": sheet.mail.ref} for key, sheet in zip(keys, sheets, strict=True)}
    if merged:
        message.merge_data = dict(zip(keys, merged[1], strict=True))
    else:
        message.own_parts = [sheet.parts for sheet in sheets]
    return message  # type: ignore[no-any-return]


def _message(
    sheet: Sheet, to: list[str], headers: Mapping[str, str], parts: Sequence[str], kind: type[EmailMultiAlternatives]
) -> EmailMultiAlternatives:
    message = kind(
        subject=sheet.subject,
        body=parts[0],
        from_email=sheet.sender,
        to=to,
        reply_to=[sheet.reply_to] if sheet.reply_to else None,
        headers=dict(headers),
    )
    for html in parts[1:]:
        message.attach_alternative(html, "text/html")
    return message


Filled: TypeAlias = tuple[list[str], list[dict[str, str]]]


def _merged(copies: Sequence[Sequence[str]], slot: str) -> Filled:
    """The parts with a variable in each place where the copies differ, and for each copy what goes there."""
    parts: list[str] = []
    values: list[dict[str, str]] = [{} for _ in copies]
    for bodies in zip(*copies, strict=True):
        lines = [_line(line, slot, values) for line in zip(*(body.split("\n") for body in bodies), strict=True)]
        parts.append("\n".join(lines))
    return parts, values


def _line(line: tuple[str, ...], slot: str, values: Sequence[dict[str, str]]) -> str:
    start = _shared_start(line)
    rest = [words[len(start) :] for words in line]
    if not any(rest):
        return start
    end = _shared_start([words[::-1] for words in rest])[::-1]
    name = f"p{len(values[0])}"
    for own, words in zip(values, rest, strict=True):
        own[name] = words[: len(words) - len(end)]
    return start + slot.format(name) + end


def _shared_start(words: Sequence[str]) -> str:
    low, high = min(words), max(words)
    return next((low[:place] for place, letter in enumerate(low) if letter != high[place]), low)
