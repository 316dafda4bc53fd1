"""Mails that machines answer with -> what each says about a recipient: bounces, complaints, auto-replies. Pure.

Source: RFC 3464 (delivery status), RFC 3463 (its codes), RFC 5965 (complaints), RFC 3834 (auto-replies); older mailers
by their words. What is not plainly the end of an address is SOFT: a wrong HARD silences a reader.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from email.utils import parsedate_to_datetime
from enum import StrEnum


class Verdict(StrEnum):
    """HARD: the address is no more. SOFT: it may take mail again. CONTENT: the mail is blamed, not its reader."""

    HARD = "HARD"
    SOFT = "SOFT"
    CONTENT = "CONTENT"
    COMPLAINT = "COMPLAINT"
    LEFT = "LEFT"
    AUTO_REPLY = "AUTO_REPLY"
    DELAYED = "DELAYED"
    DELIVERED = "DELIVERED"


@dataclass(frozen=True, slots=True)
class Report:
    """recipients: lower-case addresses it may be about, as the mail names them; nothing proves them yet."""

    verdict: Verdict
    recipients: frozenset[str] = frozenset()


# Local delivery programs (procmail) blame themselves, not the address.
_LOCAL = re.compile(r"^\s*x-unix\s*;", re.I)
_FULL = re.compile(
    r"mailbox (?:is )?full|(?:over|exceed\w*|reached).{0,30}quota|quota exceeded|not enough disk space|disk quota", re.I
)
_CONTENT = re.compile(
    r"\b5\.7\.\d|\bspam\b|unsolicited|blacklist|block ?list|access denied|policy|dmarc|\bspf\b|\bdkim\b|virus|header error"
    r"|not accepting mail from|content (?:rejected|denied)|\b5\.6\.\d|reputation|too large|message size",
    re.I,
)
_SOFT = re.compile(
    r"\b[45]\.2\.\d|\b4\.[2-7]\.\d|\b5\.3\.\d|\b5\.4\.[67]|disabled|suspended|inactive|temporar|try again|timed? ?out|greylist|too many"
    r"|not respond|unable to transfer|establish an SMTP connection|connection (?:refused|reset|lost)",
    re.I,
)
_GONE = re.compile(
    r"user unknown|unknown (?:or illegal )?user|no such (?:user|recipient|mailbox|address)|unknown recipient|recipient not found"
    r"|recipientnotfound|(?:recipient name|address) is not recogni[sz]ed"
    r"|(?:user|account|mailbox|address) (?:that you tried to reach )?does ?n[o']t exist"
    r"|host or domain name not found|domain (?:name )?not found|invalid (?:recipient|mailbox)|no mailbox here",
    re.I,
)
_GONE_CODE = re.compile(r"(?<![\d.])5\.(?:1\.(?:0|1|2|3|6|10)|4\.4)(?![\d.])")

_DAEMON = re.compile(r"mailer-daemon|mail delivery|postmaster|mdaemon|mail administrator|mailer daemon", re.I)
_FAILED = re.compile(
    r"deliver\w*|undeliver|return(?:ed|ing)|fail(?:ed|ure)|not (?:be )?(?:reach|receive)|could not be|bounce|encountered an error",
    re.I,
)
_DELAY = re.compile(r"\bdelay(?:ed)?\b|^warning:|still trying|will (?:continue to |keep )?(?:try|retry)", re.I)
_ANSWERED = re.compile(r"^\s*(?:out of (?:the )?office|auto(?:matic)?[- ]?(?:reply|response)|vacation|away (?:from|until))", re.I)
# From the start of a word only: tried from each letter, a long word would take the square of its length.
_ADDRESS = re.compile(r"(?<![^\s<>;,:\"'()\[\]])[^\s<>;,:\"'()\[\]]+@[A-Za-z0-9.-]+[A-Za-z0-9]")
# Where a plain-text bounce begins to quote the mail that came back.
_QUOTED = re.compile(
    r"^.{0,12}(?:---.*(?:copy of the message|original message|message header|returned mail)|(?:below is a copy of the )?original message"
    r"(?: headers| follows)?[:.]?\s*$|Return-Path:|Received: from)",
    re.I | re.M,
)
_MOST_TEXT = 20_000
_MOST_NESTED = 100  # each level is looked for in every line: a thousand of them would take minutes


def read(data: bytes) -> list[Report]:
    """One report a recipient; none where the mail is no machine's answer. Never raises for what a mail may hold."""
    if data.lower().count(b"multipart/") > _MOST_NESTED:
        return []
    mail = message_from_bytes(data)
    parts = [part for part in mail.walk() if part is not mail or not part.is_multipart()]
    if reports := _complaints(parts):
        return reports
    if not _is_bounce(mail):
        return [Report(Verdict.AUTO_REPLY)] if _is_auto_reply(mail) else []
    text = _text(parts)
    if reports := _statuses(parts, text):
        return reports
    named = frozenset(_addresses(str(mail.get("X-Failed-Recipients", ""))) or _addresses(text))
    if _DELAY.search(str(mail.get("Subject", ""))):
        return [Report(Verdict.DELAYED, named)]
    return [Report(meaning(text), named)] if _FAILED.search(f"{mail.get('Subject', '')}\n{text}") else []


def written_at(data: bytes) -> datetime | None:
    """The Date of a mail, aware; None where it has none that can be read."""
    try:
        at = parsedate_to_datetime(str(message_from_bytes(data).get("Date", "")))
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None


def meaning(diagnosis: str, status: str = "") -> Verdict:
    """HARD, SOFT or CONTENT by a server's words for a mail that failed for good; the words outrank the code."""
    said = f"{status} {diagnosis}"
    if _FULL.search(said) or _LOCAL.match(diagnosis):
        return Verdict.SOFT
    if _CONTENT.search(said):
        return Verdict.CONTENT
    if _SOFT.search(said):
        return Verdict.SOFT
    return Verdict.HARD if _GONE.search(said) or _GONE_CODE.search(said) else Verdict.SOFT


def _complaints(parts: list[Message]) -> list[Report]:
    for part in parts:
        if part.get_content_type() == "message/feedback-report":
            fields = _fields(part)[0]
            verdict = {"abuse": Verdict.COMPLAINT, "fraud": Verdict.COMPLAINT, "opt-out": Verdict.LEFT}.get(
                fields.get("feedback-type", "").strip().lower()
            )
            named = f"{fields.get('original-rcpt-to', '')} {fields.get('removal-recipient', '')} {_returned(parts).get('To', '')}"
            return [Report(verdict, frozenset(_addresses(named)))] if verdict else []
    return []


def _statuses(parts: list[Message], text: str) -> list[Report]:
    reports = []
    for part in parts:
        if part.get_content_type() == "message/delivery-status":
            reports += [_status(fields, text) for fields in _fields(part) if "action" in fields]
    return list(dict.fromkeys(reports))


def _status(fields: dict[str, str], text: str) -> Report:
    named = frozenset(_addresses(f"{fields.get('final-recipient', '')} {fields.get('original-recipient', '')}"))
    action = (fields["action"].split() or [""])[0].lower()
    if action in ("delayed", "relayed", "expanded", "delivered"):
        return Report(Verdict.DELIVERED if action == "delivered" else Verdict.DELAYED, named)
    # The words above the report sometimes tell what its fields do not: that the mailbox is full.
    diagnosis = fields.get("diagnostic-code", "") or text
    return Report(Verdict.SOFT if _FULL.search(text) else meaning(diagnosis, fields.get("status", "")), named)


def _fields(part: Message) -> list[dict[str, str]]:
    """The groups of header-like lines that the email package reads such a part as, or the text it kept."""
    payload = part.get_payload()
    if not isinstance(payload, list):
        text = _decoded(part)
        payload = [
            message_from_bytes(block.encode(errors="replace")) for block in re.split(r"\r?\n\s*\r?\n", text) if block.strip()
        ]
    groups = [{name.lower(): str(value) for name, value in block.items()} for block in payload if isinstance(block, Message)]
    return groups or [{}]


def _is_bounce(mail: Message) -> bool:
    """A machine of the mail system wrote it: auto-replies of people come from their own address."""
    if mail.get_content_type() == "multipart/report" or mail.get("X-Failed-Recipients"):
        return True
    return bool(_DAEMON.search(str(mail.get("From", "")))) and not _ANSWERED.search(str(mail.get("Subject", "")))


def _is_auto_reply(mail: Message) -> bool:
    submitted = str(mail.get("Auto-Submitted", "no")).strip().lower()
    marks = ("X-Autoreply", "X-Autorespond", "X-Auto-Response-From")
    if submitted.startswith("auto-") or any(mail.get(name) for name in marks):
        return True
    return str(mail.get("Precedence", "")).strip().lower() == "auto_reply" or bool(_ANSWERED.search(str(mail.get("Subject", ""))))


def _text(parts: list[Message]) -> str:
    """What the machine says in its own words, without the mail that it returns."""
    for part in parts:
        if part.get_content_type() == "text/plain":
            text = _decoded(part)
            if text.strip():
                quoted = _QUOTED.search(text, 1)
                return text[: quoted.start() if quoted else None][:_MOST_TEXT]
    return ""


def _decoded(part: Message) -> str:
    payload = part.get_payload(decode=True)
    return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _returned(parts: list[Message]) -> Message:
    """The headers of the mail that came back."""
    for part in parts:
        payload = part.get_payload()
        if part.get_content_type() == "message/rfc822" and isinstance(payload, list) and payload:
            return payload[0] if isinstance(payload[0], Message) else Message()
    return Message()


def _addresses(text: str) -> list[str]:
    return [found.lower() for found in _ADDRESS.findall(text)]
