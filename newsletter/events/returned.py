"""Mails in the bounce mailbox -> notices, each believed only with proof that it answers a mail of ours.

Proof is our signed return path somewhere in it, or the Message-ID of a mail of ours together with the address that
mail went to. Anything else is a forgery or somebody else's mail, and says nothing.
"""

from __future__ import annotations

import hashlib
import imaplib
import logging
import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import parseaddr

from django.conf import settings

from newsletter import links, subscribers
from newsletter.events import reports
from newsletter.events.mailbox import Misplaced, box_of
from newsletter.events.notices import CONTENT, SOFT, Notice, keep
from newsletter.events.reports import Report, Verdict
from newsletter.models import Delivery

logger = logging.getLogger(__name__)

PROVIDER = "mailbox"
_MOST = 500  # mails a sweep
_WORDS = {
    Verdict.HARD: ("bounced", "bounced"),
    Verdict.SOFT: ("bounced", SOFT),
    Verdict.CONTENT: ("bounced", CONTENT),
    Verdict.COMPLAINT: ("complained", CONTENT),
    Verdict.LEFT: ("unsubscribed", ""),
    Verdict.AUTO_REPLY: ("autoresponded", ""),
    Verdict.DELAYED: ("deferred", ""),
    Verdict.DELIVERED: ("delivered", ""),
}


def read_mailbox(url: str, *, now: datetime) -> dict[str, int | str]:
    """Keeps what the waiting mails prove; each is put aside after what it says is stored, so a crash loses none.

    Counts: mails (read), heard (those believed), ignored (no answer of a machine, or no proof). `stopped`: why the
    mailbox could not be read, and what to do.
    """
    counts: Counter[str] = Counter(mails=0, heard=0, ignored=0)
    try:
        with box_of(url) as box:
            for name, data in box.waiting(_MOST):
                notices = notices_of(data, now=now)
                keep(notices, provider=PROVIDER, now=now)
                box.done(name)
                counts.update(mails=1, heard=bool(notices), ignored=not notices)
    except Misplaced as error:
        logger.error("%s", error)
        return {**counts, "stopped": str(error)}
    except (OSError, imaplib.IMAP4.error) as error:
        logger.error("the bounce mailbox broke off: %s", type(error).__name__)
        return {**counts, "stopped": f"the mailbox broke off ({type(error).__name__}); it is read again at the next sweep"}
    return dict(counts)


def notices_of(data: bytes, *, now: datetime) -> list[Notice]:
    """What one mail says of mails of ours; nothing where it proves nothing. A forged date counts for nothing either."""
    try:
        said = reports.read(data)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:  # one mail must not stop the rest
        logger.warning("a mail of the bounce mailbox cannot be read: %s", type(error).__name__)
        return []
    if not said:
        return []
    signed = {ref for address in links.RETURN_PATH.findall(data.decode("latin-1")) if (ref := links.returned_to(address))}
    proven = _by_signature(signed, said) if signed else _by_recipient(data, said)
    written = reports.written_at(data)
    at = written if written and now - timedelta(days=30) <= written <= now else now
    keys = _keys([row for row, _ in proven])
    return [_notice(row, keys[row.public_id], report, data, at) for row, report in proven]


def _by_signature(refs: set[str], said: list[Report]) -> list[tuple[Delivery, Report]]:
    """Our mails have one recipient each, whom an alias may have made several: the mildest report counts."""
    rows = Delivery.objects.filter(public_id__in=refs).select_related("subscriber")
    mildest = max(said, key=lambda report: list(_WORDS).index(report.verdict))
    return [(row, mildest) for row in rows]


def _by_recipient(data: bytes, said: list[Report]) -> list[tuple[Delivery, Report]]:
    domain = re.escape(parseaddr(settings.MAIL_FROM)[1].rpartition("@")[2].encode())
    refs = {ref.decode() for ref in re.findall(rb"<([A-Za-z0-9_-]{16})@" + domain + rb">", data)}
    rows = list(Delivery.objects.filter(public_id__in=refs).select_related("subscriber"))
    keys = _keys(rows)
    return [
        (row, report)
        for row in rows
        for report in said
        if row.subscriber and keys[row.public_id] in {subscribers.address_key(each) for each in report.recipients}
    ]


def _keys(rows: Sequence[Delivery]) -> dict[str, str]:
    """Of the address that each mail went to, which its reader may have left since."""
    return subscribers.keys_mailed_to(
        {row.public_id: (row.subscriber_id, row.subscriber.address_key if row.subscriber else "", row.as_of) for row in rows}
    )


def _notice(row: Delivery, recipient_key: str, report: Report, data: bytes, at: datetime) -> Notice:
    kind, reason = _WORDS[report.verdict]
    message_id = re.search(rb"^Message-ID:\s*(\S+)", data, re.I | re.M)
    facts = f"{row.public_id} {kind} {reason} ".encode() + (message_id[1] if message_id else hashlib.sha256(data).digest())
    return Notice(
        key=hashlib.sha256(facts).hexdigest(),
        type=kind,
        reject_reason=reason,
        recipient_key=recipient_key,
        delivery=row.public_id,
        happened_at=at,
    )
