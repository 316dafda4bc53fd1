"""Keys to the API: made here and shown once, revoked here; never the key itself."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from newsletter import curators
from newsletter.desk.door import actor
from newsletter.desk.pages import KeptPage
from newsletter.models import ApiKey


@admin.register(ApiKey)
class ApiKeyPage(KeptPage):
    """Superusers only: a key acts as its user."""

    list_display = ("public_id", "name", "user", "created_at", "revoked_at")
    list_select_related = ("user",)
    fields = ("name", "user")
    actions = ("revoke",)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_view_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return bool(request.user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Make it through the room, which keeps the hash and writes the act; the key is shown in the answer to this request."""
        user: User = form.cleaned_data["user"]
        row, key = curators.make_key(user, name=obj.name, by=actor(request), now=timezone.now())
        obj.pk, obj.public_id = row.pk, row.public_id
        messages.warning(request, _("Copy the key now, it is not shown again: %(key)s") % {"key": key})

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Acts are the log here."""

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    @admin.action(description=_("Revoke"), permissions=["revoke"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        ended = sum(curators.revoke_key(row, by=actor(request), now=timezone.now()) for row in queryset)
        messages.info(request, _("%(number)d keys open nothing any more.") % {"number": ended})
