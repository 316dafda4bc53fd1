from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from newsletter import curators
from newsletter.models import ApiKey

BY = "operator"  # who has a shell here, in the log of acts


class Command(BaseCommand):
    help = "Make, list and revoke keys to the API. A key has the rights of its user and is shown once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        make = verbs.add_parser("make", help="make a key and print it")
        make.add_argument("name", help="who or what will use it")
        make.add_argument("--user", required=True, help="whose rights it has: a login name of the desk")
        revoke = verbs.add_parser("revoke", help="end a key")
        revoke.add_argument("id", help="as `list` shows it")
        verbs.add_parser("list", help="all keys, without the keys")

    def handle(self, *args: Any, **options: Any) -> None:
        {"make": self._make, "revoke": self._revoke, "list": self._list}[options["verb"]](options)

    def _make(self, options: dict[str, Any]) -> None:
        user = User.objects.filter(username=options["user"], is_active=True).first()
        if user is None:
            raise CommandError(f"No active account is called {options['user']}. Accounts are made at the desk.")
        row, key = curators.make_key(user, name=options["name"][:80], by=BY, now=timezone.now())
        self.stderr.write(f"{row}. Keep the key now: it is not shown again.")
        self.stdout.write(key)

    def _revoke(self, options: dict[str, Any]) -> None:
        row = ApiKey.objects.filter(public_id=options["id"]).first()
        if row is None:
            raise CommandError(f"No key has the id {options['id']}; `api_key list` shows them.")
        done = curators.revoke_key(row, by=BY, now=timezone.now())
        self.stdout.write(f"{row} is revoked." if done else f"{row} was revoked before.")

    def _list(self, options: dict[str, Any]) -> None:
        for row in ApiKey.objects.select_related("user").order_by("id"):
            state = f"revoked {row.revoked_at:%Y-%m-%d}" if row.revoked_at else "good"
            self.stdout.write(f"{row.public_id}  {row.name}  {row.user.get_username()}  {row.created_at:%Y-%m-%d}  {state}")
