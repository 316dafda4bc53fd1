"""What readers miss, as a list for the curators: open it, add what is good on the next issue's screen, and tick it off."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display

from newsletter import suggestions
from newsletter.desk.door import actor
from newsletter.desk.pages import ReadOnlyPage
from newsletter.models import Suggestion, SuggestionState


@admin.register(Suggestion)
class SuggestionPage(ReadOnlyPage):
    list_display = ("paper", "asked", "shown_state", "asked_at", "created_at")
    list_filter = ("state", "scheme", "created_at")
    search_fields = ("value",)
    ordering = ("-state", "-asked", "-asked_at")
    list_display_links = None
    actions = ("settle",)

    @display(description=_("paper"))
    def paper(self, row: Suggestion) -> SafeString:
        return format_html('<a href="{}" rel="noreferrer noopener">{}</a>', suggestions.address_of(row), str(row))

    @display(description=_("state"), ordering="state", label={SuggestionState.OPEN: "warning", SuggestionState.DONE: "success"})
    def shown_state(self, row: Suggestion) -> tuple[str, str]:
        return row.state, row.get_state_display()

    def has_settle_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("newsletter.change_issue"))

    @admin.action(description=_("Done with these"), permissions=["settle"])
    def settle(self, request: HttpRequest, queryset: QuerySet[Suggestion]) -> None:
        done = suggestions.settle(list(queryset.values_list("pk", flat=True)), by=actor(request), now=timezone.now())
        messages.info(request, ngettext("%(n)d suggestion is done.", "%(n)d suggestions are done.", done) % {"n": done})
