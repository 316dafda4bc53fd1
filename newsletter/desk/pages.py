"""What every list and page of the desk has in common: nothing is deleted, what changes is recorded."""

from __future__ import annotations

from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin

from newsletter import acts


class KeptPage(ModelAdmin):
    """Newest first, never deleted; a change made here is an act: who, which fields, never the values."""

    ordering: tuple[str, ...] = ("-pk",)
    list_per_page = 50
    show_full_result_count = False
    list_fullwidth = True

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Model, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        name = obj._meta.model_name or ""
        acts.record(
            actor=request.user.get_username(),
            verb=f"{'change' if change else 'add'} {name}"[:40],
            target=f"{name} {obj.pk}",
            details={"fields": sorted(form.changed_data)},
            now=timezone.now(),
        )


class ReadOnlyPage(KeptPage):
    """Rows that machines write: to look at, not to edit."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
