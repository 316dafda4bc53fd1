"""Signed absolute links: one purpose per token, bound to one reader (or one copy), and keyed hashes of what may not be kept.

A token is `ref.signature` or `ref.expiry.signature`; the salt of the signature is the purpose, so a token of one purpose
never reads as another. Made with SECRET_KEY, read with it or any of SECRET_KEY_FALLBACKS. Nothing here touches a row.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final, Literal

from django.conf import settings
from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac

Reason = Literal["EXPIRED", "FORGED", "USED"]

_LONGEST = 200  # characters; a longer token is refused before any work is done for it


class Purpose(StrEnum):
    """What a token is good for. UNSUBSCRIBE and NEVER only take away, so they never expire."""

    UNSUBSCRIBE = "unsubscribe"
    PREFERENCES = "preferences"
    VIEW = "view"
    NEVER = "never"


LIFETIME: Final = {Purpose.PREFERENCES: timedelta(days=30), Purpose.VIEW: timedelta(days=30)}


class Refused(Exception):
    """The token opens nothing. reason: EXPIRED, FORGED (also cut, or of another purpose) or USED (confirmations only)."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def token(purpose: Purpose, ref: str, *, now: datetime | None = None) -> str:
    """ref: Subscriber.public_id, for VIEW Delivery.public_id. The same arguments give the same token.

    A purpose that expires needs `now`, else ValueError.
    """
    lifetime = LIFETIME.get(purpose)
    if lifetime is None:
        return _signer(purpose).sign(ref)
    if now is None:
        raise ValueError(f"a {purpose} token expires: pass now")
    return _signer(purpose).sign(f"{ref}.{signing.b62_encode(int((now + lifetime).timestamp()))}")


def read(purpose: Purpose, token: str, *, now: datetime) -> str:
    """The ref inside. Raises Refused(FORGED or EXPIRED); a forged token never learns that it would have expired."""
    if len(token) > _LONGEST or not token.isascii():
        raise Refused("FORGED")
    try:
        value = _signer(purpose).unsign(token)
    except signing.BadSignature:
        raise Refused("FORGED") from None
    if purpose not in LIFETIME:
        return value
    ref, _, expiry = value.rpartition(".")
    if now.timestamp() >= signing.b62_decode(expiry):
        raise Refused("EXPIRED")
    return ref


def absolute(path: str) -> str:
    """The address readers see: PUBLIC_URL and a path that begins with a slash."""
    return f"{settings.PUBLIC_URL}{path}"


def confirm_token(delivery_public_id: str, *, expected_hash: str = "") -> str:
    """The secret of one confirmation mail, derived anew whenever the mail is written, so a retry carries the same link.

    With `expected_hash` (Subscriber.confirm_hash) the key that made it is found also after SECRET_KEY was rotated.
    """
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    tokens = [_derived(delivery_public_id, key) for key in keys]
    return next((each for each in tokens if constant_time_compare(confirm_hash(each), expected_hash)), tokens[0])


def confirm_hash(token: str) -> str:
    """What is stored of a confirmation token: it finds the row and cannot be turned back into a link."""
    return sha256(token.encode(errors="replace")).hexdigest()


def keyed_hash(scope: str, value: str) -> str:
    """64 hex characters that name an address or a network without holding it. Stable for the life of the installation.

    Made with the oldest key still listed: keep the first one at the end of SECRET_KEY_FALLBACKS when rotating, else
    suppressions no longer find their addresses.
    """
    oldest = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS][-1]
    return salted_hmac(f"newsletter.hash.{scope}", value, secret=oldest, algorithm="sha256").hexdigest()


def _signer(purpose: Purpose) -> signing.Signer:
    return signing.Signer(sep=".", salt=f"newsletter.links.{purpose}", algorithm="sha256")


def _derived(delivery_public_id: str, key: str | bytes) -> str:
    digest = salted_hmac("newsletter.links.confirm", delivery_public_id, secret=key, algorithm="sha256").digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
