"""A reader's own feed: the papers of their mails, at an address that only they know. There is none until they ask for it."""

from __future__ import annotations

import secrets
from datetime import datetime

from newsletter.models import Subscriber, SubscriberStatus


def renew_feed(subscriber_ref: str, *, now: datetime) -> str:
    """Give the reader's feed a new secret address, the first one or another; the old one opens nothing from here on.

    Returns its id, 22 characters of 128 random bits; empty when there is no such reader. Each call makes another.
    """
    made = secrets.token_urlsafe(16)
    return made if Subscriber.objects.filter(public_id=subscriber_ref).update(feed_id=made) else ""


def revoke_feed(subscriber_ref: str, *, now: datetime) -> None:
    """Close the reader's feed. Safe to repeat."""
    Subscriber.objects.filter(public_id=subscriber_ref).update(feed_id=None)


def feed_reader(feed_id: str) -> Subscriber | None:
    """Whose feed this is; None when it was revoked, or when its reader has left."""
    return Subscriber.objects.filter(feed_id=feed_id, status=SubscriberStatus.ACTIVE).first() if feed_id else None
