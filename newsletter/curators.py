"""Who may enter the desk: one-time links for the installation's superuser.

The link carries an HMAC of the user, its password and its last login (Django's password-reset token with a salt of its
own), so the login itself uses it up. Reading a link changes nothing: a scanner that opens it does not spend it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser, User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.contrib.sessions.models import Session
from django.utils.http import base36_to_int, urlsafe_base64_decode, urlsafe_base64_encode

from newsletter import links

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


def forget_sessions(*, now: datetime, dry_run: bool = False) -> int:
    """Delete the log-ins that have expired. Rows. Safe to repeat."""
    old = Session.objects.filter(expire_date__lt=now)
    return old.count() if dry_run else old.delete()[0]
