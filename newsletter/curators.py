"""Who may enter the desk: one-time links for the installation's superuser; and the API: keys with a person's rights.

The link carries an HMAC of the user, its password and its last login (Django's password-reset token with a salt of its
own), so the login itself uses it up. Reading a link changes nothing: a scanner that opens it does not spend it.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from django.contrib.auth.models import AbstractBaseUser, User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.contrib.sessions.models import Session
from django.utils.http import base36_to_int, urlsafe_base64_decode, urlsafe_base64_encode

from newsletter import acts, links
from newsletter.models import ApiKey

_KEY_PREFIX = "pr_"  # so that a key that leaked into a file is known for what it is
VALID = timedelta(minutes=30)


class _Tokens(PasswordResetTokenGenerator):
    """Django's tokens at a given clock, valid for half an hour, and for one login even within the same second."""

    key_salt = "newsletter.desk.login"

    def __init__(self, now: datetime) -> None:
        super().__init__()
        self.now = now.astimezone(UTC).replace(tzinfo=None)

    def _now(self) -> datetime:
        return self.now

    def _make_hash_value(self, user: AbstractBaseUser, timestamp: int) -> str:
        last = user.last_login.isoformat() if user.last_login else ""
        return f"{user.pk} {user.password} {last} {timestamp}"

    def check_token(self, user: User | None, token: str | None) -> bool:
        if user is None or not super().check_token(user, token):
            return False
        made_s = base36_to_int(str(token).partition("-")[0])
        age_s = (self.now - datetime(2001, 1, 1)).total_seconds() - made_s  # noqa: DTZ001 (Django counts naive seconds)
        return -1 <= age_s <= VALID.total_seconds()


def make_link(*, now: datetime) -> str:
    """The absolute link for the first active superuser; "curator", without a password, is made when there is none."""
    user = User.objects.filter(is_superuser=True, is_active=True).order_by("id").first() or _curator()
    uid = urlsafe_base64_encode(str(user.pk).encode())
    return links.absolute(f"/desk/enter/{uid}/{_Tokens(now).make_token(user)}/")


def _curator() -> User:
    taken = set(User.objects.filter(username__startswith="curator").values_list("username", flat=True))
    names = ["curator", *(f"curator{number}" for number in range(2, len(taken) + 3))]
    return User.objects.create_superuser(next(name for name in names if name not in taken))


def holder(uid: str, token: str, *, now: datetime) -> User | None:
    """Whose link this is, while it is good. Changes nothing."""
    try:
        user = User.objects.get(pk=int(urlsafe_base64_decode(uid)), is_active=True, is_superuser=True)
    except (ValueError, OverflowError, User.DoesNotExist):
        return None
    return user if _Tokens(now).check_token(user, token) else None


def redeem(uid: str, token: str, *, now: datetime) -> User | None:
    """Use the link up: of two at once, one gets the user and the other None."""
    user = holder(uid, token, now=now)
    if user is None:
        return None
    used = User.objects.filter(pk=user.pk, last_login=user.last_login).update(last_login=now)
    return user if used else None


def make_key(user: User, *, name: str, by: str, now: datetime) -> tuple[ApiKey, str]:
    """A key to the API with this user's rights: its row, and the key, which is kept nowhere and shown once. An act."""
    key = _KEY_PREFIX + secrets.token_urlsafe(32)
    row = ApiKey.objects.create(name=name, user=user, created_at=now, key_hash=_hash_of(key))
    acts.record(actor=by, verb="make API key", target=f"key {row.public_id}", now=now)
    return row, key


def revoke_key(row: ApiKey, *, by: str, now: datetime) -> bool:
    """The key opens nothing from here on; True when it still did. An act. Safe to repeat."""
    if not ApiKey.objects.filter(pk=row.pk, revoked_at=None).update(revoked_at=now):
        return False
    acts.record(actor=by, verb="revoke API key", target=f"key {row.public_id}", now=now)
    return True


def key_of(key: str) -> ApiKey | None:
    """The row of a key that is good, with its user; None for any other text."""
    if not key.startswith(_KEY_PREFIX) or len(key) > 100:
        return None
    rows = ApiKey.objects.select_related("user").filter(revoked_at=None, user__is_active=True)
    return rows.filter(key_hash=_hash_of(key)).first()


def _hash_of(key: str) -> str:
    """A plain hash is enough: the key is 256 random bits, which nobody can guess."""
    return sha256(key.encode(errors="replace")).hexdigest()


def forget_sessions(*, now: datetime, dry_run: bool = False) -> int:
    """Delete the log-ins that have expired. Rows. Safe to repeat."""
    old = Session.objects.filter(expire_date__lt=now)
    return old.count() if dry_run else old.delete()[0]
