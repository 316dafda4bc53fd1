"""What a person decides about UNCERTAIN copies: mark sent, or send again with the same Message-ID.

Both write one Act and may be pressed twice: the second finds the copy settled, and says so.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from newsletter import acts, subscribers
from newsletter.delivery import alarm, copies, ledger
from newsletter.models import Delivery, DeliveryState, Issue, Kind
from newsletter.models.ledger import WINDOW_STATES


class Refused(Exception):
    """The act is not possible; the message says why and what to do instead. Nothing has changed."""


def uncertain() -> QuerySet[Delivery]:
    """Newest first; with their readers."""
    return Delivery.objects.filter(state=DeliveryState.UNCERTAIN).select_related("subscriber").order_by("-pk")


def mark_sent(row: Delivery, *, by: str, now: datetime) -> None:
    """The curator knows that it arrived. Raises Refused when it has been settled meanwhile."""
    with transaction.atomic():
        locked = _locked(row)
        Delivery.objects.filter(pk=locked.pk).update(state=DeliveryState.SENT, reason="", settled_at=now, to_address="")
        _book(by, "mark sent", locked, now)


def send_again(row: Delivery, *, by: str, now: datetime) -> None:
    """PENDING again, due now, with the same Message-ID, so that most mailboxes show it once even where it had arrived.

    The late window begins anew and the issue is no longer done. Raises Refused where the reader may not get it, or has
    another digest since: were the second sending refused, that one's window would leave this one's papers out for good.
    """
    with transaction.atomic():
        locked = _locked(row)
        _may_leave(locked, now)
        late_at = now + settings.LATE_WINDOW if locked.kind == Kind.DIGEST else locked.late_at
        fields = {"reason": "SENT_AGAIN", "due_at": now, "late_at": late_at, "settled_at": None}
        claim = {"claim_token": "", "claimed_at": None, "as_of": None, "provider_id": ""}
        try:
            with transaction.atomic():
                Delivery.objects.filter(pk=locked.pk).update(state=DeliveryState.PENDING, **fields, **claim)
        except IntegrityError:
            raise Refused(_("The reader has another digest under way: this copy's papers cannot come twice.")) from None
        if locked.kind == Kind.DIGEST and locked.upto is not None:
            Issue.objects.filter(number=locked.upto, done_at__isnull=False).update(done_at=None)
        _book(by, "send again", locked, now)


def _locked(row: Delivery) -> Delivery:
    found = Delivery.objects.select_for_update().filter(pk=row.pk, state=DeliveryState.UNCERTAIN).first()
    if found is None:
        raise Refused(_("This copy is no longer uncertain: load the page again."))
    return found


def _may_leave(row: Delivery, now: datetime) -> None:
    if row.kind == Kind.DIGEST and row.subscriber_id is not None:
        newer = Delivery.objects.filter(subscriber=row.subscriber_id, kind=Kind.DIGEST, state__in=WINDOW_STATES)
        if newer.filter(upto__gt=row.upto).exclude(pk=row.pk).exists():
            raise Refused(_("The reader has a newer digest, which goes on where this one ends: mark this one sent."))
    reading = ledger.read([row])
    if row.kind == Kind.DIGEST and (alarm.paused_at() or reading.holds(row)):
        raise Refused(_("Digests are held back now: let them go on first, or mark this one sent."))
    zone = ZoneInfo(row.subscriber.zone) if row.subscriber else UTC
    today = now.astimezone(zone).date()
    reason = subscribers.refusal(row.kind, row.subscriber, reading.suppressed(row), today_local=today)
    if reason:
        raise Refused(_("The reader may not get it any more (%(reason)s): mark it sent.") % {"reason": reason})
    if not copies.recipient(row):
        raise Refused(_("Nobody is left to send it to: mark it sent."))


def _book(by: str, verb: str, row: Delivery, now: datetime) -> None:
    acts.record(actor=by, verb=verb, target=f"delivery {row.public_id}", details={"kind": row.kind, "was": row.reason}, now=now)
