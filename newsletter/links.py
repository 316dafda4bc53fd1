"""Signed absolute links: one purpose per token, bound to one reader (or one copy), and keyed hashes of what may not be kept.

A token is `ref.signature` or `ref.expiry.signature`; the salt of the signature is the purpose, so a token of one purpose
never reads as another. Made with SECRET_KEY, read with it or any of SECRET_KEY_FALLBACKS. The way out in mails is no token
but Subscriber.leave_id, which is shorter and stored; signed ones are those that 0.1 mailed. Nothing here touches a row.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32decode, b32encode, urlsafe_b64encode
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Final, Literal

from django.conf import settings
from django.core import signing
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.encoding import force_bytes

Reason = Literal["EXPIRED", "FORGED", "USED"]

RETURN_PATH: Final = re.compile(r"\bb-[a-z2-7]{26}-[a-z2-7]{16}\b", re.I)
_LONGEST = 200  # characters; a longer token is refused before any work is done for it


class Purpose(StrEnum):
    """What a token is good for. UNSUBSCRIBE and NEVER only take away, so they never expire."""

    UNSUBSCRIBE = "unsubscribe"
    PREFERENCES = "preferences"
    VIEW = "view"
    NEVER = "never"
    EXPORT = "export"
    ERASE = "erase"
    MOVE = "move"
    UNDO = "undo"
    RETURN = "return"
    TUNE = "tune"


LIFETIME: Final = {
    Purpose.PREFERENCES: timedelta(days=30),
    Purpose.VIEW: timedelta(days=30),
    Purpose.EXPORT: timedelta(minutes=30),
    Purpose.ERASE: timedelta(minutes=30),
    Purpose.MOVE: timedelta(hours=24),
    Purpose.UNDO: timedelta(days=7),
    Purpose.RETURN: timedelta(days=7),
    Purpose.TUNE: timedelta(days=30),
}


class Refused(Exception):
    """The token opens nothing. reason: EXPIRED, FORGED (also cut, or of another purpose) or USED (confirmations only)."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def token(purpose: Purpose, ref: str, *, now: datetime | None = None) -> str:
    """ref: Subscriber.public_id; for VIEW, TUNE, MOVE, UNDO and RETURN Delivery.public_id. The same arguments give the same token.

    A purpose that expires needs `now`, else ValueError.
    """
    lifetime = LIFETIME.get(purpose)
    if lifetime is None:
        return _signed(purpose, ref)
    if now is None:
        raise ValueError(f"a {purpose} token expires: pass now")
    return _signed(purpose, f"{ref}.{_expiry(now, lifetime)}")


@lru_cache(maxsize=16)
def _expiry(now: datetime, lifetime: timedelta) -> str:
    return signing.b62_encode(int((now + lifetime).timestamp()))


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


def leave_path(leave_id: str = "") -> str:
    """A reader's way out; without the id, where that address ends before it."""
    return f"/u/{leave_id}"


def return_path(delivery_ref: str) -> str:
    """The local part to which a mail's bounces go: names the delivery, is signed, and survives a change of case.

    45 characters for the 16 of a public id; RFC 5321 allows 64.
    """
    return f"b-{_base32(delivery_ref.encode())}-{_return_signature(delivery_ref, settings.SECRET_KEY)}"


def returned_to(local: str) -> str:
    """The delivery's public id that a return path names; empty when it is not ours."""
    if not RETURN_PATH.fullmatch(local):
        return ""
    _, named, signature = local.lower().split("-")
    try:
        ref = b32decode(named.upper() + "=" * (-len(named) % 8)).decode()
    except (ValueError, UnicodeDecodeError):
        return ""
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return ref if any(constant_time_compare(_return_signature(ref, key), signature) for key in keys) else ""


def _return_signature(ref: str, key: str | bytes) -> str:
    return _base32(salted_hmac("newsletter.links.return", ref, secret=key, algorithm="sha256").digest()[:10])


def _base32(data: bytes) -> str:
    return b32encode(data).decode().rstrip("=").lower()


def _signer(purpose: Purpose) -> signing.Signer:
    return signing.Signer(sep=".", salt=f"newsletter.links.{purpose}", algorithm="sha256")


def _signed(purpose: Purpose, value: str) -> str:
    """What _signer(purpose).sign(value) gives, at a third of its cost: the key is derived once."""
    signature = hmac.digest(_key(purpose, settings.SECRET_KEY), value.encode(), "sha256")
    return f"{value}.{urlsafe_b64encode(signature).rstrip(b'=').decode()}"


@lru_cache(maxsize=64)
def _key(purpose: Purpose, secret: str | bytes) -> bytes:
    return sha256(f"newsletter.links.{purpose}signer".encode() + force_bytes(secret)).digest()


def _derived(delivery_public_id: str, key: str | bytes) -> str:
    digest = salted_hmac("newsletter.links.confirm", delivery_public_id, secret=key, algorithm="sha256").digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()
