"""The desk's lists, one page a noun. Imported by `apps.ready`; what the curator does to an issue is in `issue`."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from newsletter import curation, sources, subscribers
from newsletter.desk import (
    keys as _keys,  # noqa: F401 (registers the keys to the API)
)
from newsletter.desk import (
    machine,  # noqa: F401 (registers schedule and accounts)
    papers,
    suggestions,  # noqa: F401 (registers what readers miss)
    topics,  # noqa: F401 (registers interests)
)
from newsletter.desk.door import actor
from newsletter.desk.pages import KeptPage, ReadOnlyPage
from newsletter.models import (
    Act,
    Delivery,
    Event,
    Issue,
    Outcome,
    Paper,
    Run,
    Source,
    Subscriber,
    Suppression,
)

SOURCE_KINDS = [(kind, kind) for kind in sources.KINDS]


class SourceForm(forms.ModelForm):  # type: ignore[type-arg]
    kind = forms.ChoiceField(choices=SOURCE_KINDS, widget=UnfoldAdminSelectWidget, help_text=_("what the address answers with"))

    class Meta:
        model = Source
        fields = ("slug", "name", "kind", "params", "enabled", "is_trending", "every_minutes")

    def clean_params(self) -> dict[str, Any]:
        """Django's form reads {} as nothing at all; the kinds of source read a mapping."""
        params = self.cleaned_data["params"] or {}
        if not isinstance(params, dict):
            raise forms.ValidationError(_('Write a JSON object, as in {"url": "https://example.org/feed"}.'))
        return params


@admin.register(Source)
class SourcePage(KeptPage):
    form = SourceForm
    change_form_outer_before_template = "source/buttons.html"
    list_display = ("name", "kind", "enabled", "shown_outcome", "outcome_reason", "checked_at", "due_at")
    list_filter = ("outcome", "kind", "enabled", "is_sample")
    search_fields = ("name", "slug")
    readonly_fields = ("outcome", "outcome_reason", "checked_at", "due_at", "fails", "cursor", "is_sample")
    fieldsets = (
        (None, {"fields": ("name", "slug", "kind", "params", "enabled", "is_trending", "every_minutes")}),
        (_("Last reading"), {"fields": ("outcome", "outcome_reason", "checked_at", "due_at", "fails", "cursor", "is_sample")}),
    )

    @display(
        description=_("outcome"),
        ordering="outcome",
        label={
            Outcome.FRESH: "success",
            Outcome.QUIET: "info",
            Outcome.LATE: "warning",
            Outcome.PARTIAL: "warning",
            Outcome.BROKEN: "danger",
        },
    )
    def shown_outcome(self, source: Source) -> tuple[str, str]:
        return source.outcome, source.get_outcome_display()


@admin.register(Paper)
class PaperPage(ReadOnlyPage):
    list_display = ("title", "listed_on", "upvotes", "stars", "has_code", "is_sample", "withdrawn_at")
    list_filter = ("listed_on", "has_code", "is_sample")
    search_fields = ("title", "=public_id", "=aliases__value")
    search_help_text = _("Words of a title, an arXiv id or a DOI")
    change_form_outer_after_template = "paper/who.html"

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        paper = Paper.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        shown = papers.context(request, paper) if paper else {}
        response: HttpResponse = super().change_view(request, object_id, form_url, {**(extra_context or {}), **shown})
        return response


@admin.register(Issue)
class IssuePage(ReadOnlyPage):
    """The list; the issue itself is worked on at its own screen."""

    list_display = ("number", "state", "closed_on", "candidate_count", "prepared", "held_at", "done_at", "on_the_desk")
    list_filter = ("state",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Issue]:
        rows: QuerySet[Issue] = super().get_queryset(request)
        return rows.annotate(n_candidates=Count("candidates"))

    @display(description=_("candidates"))
    def candidate_count(self, issue: Issue) -> int:
        return int(getattr(issue, "n_candidates", 0))

    @display(description=_("desk"))
    def on_the_desk(self, issue: Issue) -> SafeString | str:
        if issue.number < 0:
            return "–"
        return format_html('<a href="{}">{}</a>', reverse("admin:issue_number", args=[issue.number]), _("Open on the desk"))


@admin.register(Subscriber)
class SubscriberPage(ReadOnlyPage):
    """Addresses are for superusers; others see them masked and cannot search them."""

    list_display = ("public_id", "shown_address", "status", "zone", "hour", "next_slot_at", "paused_until", "created_at")
    list_filter = ("status", "empty_day", "text_only")
    fields = (
        "public_id", "shown_address", "status", "created_at", "confirmed_at", "left_at", "shown_interests", "zone", "hour",
        "days", "next_slot_at", "max_papers", "empty_day", "card_length", "text_only", "locale", "paused_until", "muted",
        "consent_text",
    )  # fmt: skip

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return ("=public_id", "address") if request.user.is_superuser else ("=public_id",)

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return self._by_right(request, self.list_display)

    def get_fields(self, request: HttpRequest, obj: Subscriber | None = None) -> tuple[str, ...]:
        return self._by_right(request, self.fields)

    def _by_right(self, request: HttpRequest, names: tuple[str, ...]) -> tuple[str, ...]:
        if not request.user.is_superuser:
            return names
        return tuple("address" if name == "shown_address" else name for name in names)

    @display(description=_("address"))
    def shown_address(self, reader: Subscriber) -> str:
        return subscribers.mask(reader.address)

    @display(description=_("interests"))
    def shown_interests(self, reader: Subscriber) -> str:
        return "; ".join(str(interest) for interest in reader.interests.all()) or str(_("nothing chosen: trending"))


@admin.register(Delivery)
class DeliveryPage(ReadOnlyPage):
    list_display = ("public_id", "kind", "state", "subscriber", "slot_on", "due_at", "after", "upto", "attempts", "reason")
    list_filter = ("state", "kind", "lane", "due_at")
    list_select_related = ("subscriber",)
    search_fields = ("=public_id", "=subscriber__public_id", "=provider_id")
    fields = (
        "public_id", "subscriber", "kind", "lane", "state", "reason", "attempts", "edition", "slot_on", "due_at", "after", "upto",
        "claimed_at", "as_of", "settled_at", "provider_id", "run", "run_seq", "created_at",
    )  # fmt: skip


@admin.register(Run)
class RunPage(ReadOnlyPage):
    list_display = ("stage", "started_at", "ended_at", "state", "due", "prepared", "excluded")
    list_filter = ("stage", "state", "started_at")


@admin.register(Event)
class EventPage(ReadOnlyPage):
    list_display = ("provider", "type", "reject_reason", "delivery", "happened_at", "received_at", "applied_at")
    list_filter = ("type", "provider", "received_at")
    list_select_related = ("delivery",)
    search_fields = ("=delivery__public_id",)


@admin.register(Suppression)
class SuppressionPage(ReadOnlyPage):
    list_display = ("reason", "created_at", "address_key")
    list_filter = ("reason", "created_at")
    search_fields = ("=address_key",)
    search_help_text = _("A whole e-mail address, or its key")
    actions = ("lift",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Suppression], search_term: str
    ) -> tuple[QuerySet[Suppression], bool]:
        """The rows hold no address, so that of the person who wrote in is hashed to find them."""
        term = subscribers.address_key(search_term) if "@" in search_term else search_term
        found: tuple[QuerySet[Suppression], bool] = super().get_search_results(request, queryset, term)
        return found

    def has_lift_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    @admin.action(description=_("Let the owner ask again (they wrote in)"), permissions=["lift"])
    def lift(self, request: HttpRequest, queryset: QuerySet[Suppression]) -> None:
        """Support's answer to an owner's own letter: the address may ask for a confirmation again."""
        keys = set(queryset.values_list("address_key", flat=True))
        lifted = sum(curation.lift(key, by=actor(request), now=timezone.now()) for key in sorted(keys))
        messages.info(request, _("%(number)d addresses may ask again on the form.") % {"number": lifted})


@admin.register(Act)
class ActPage(ReadOnlyPage):
    list_display = ("seq", "at", "actor", "verb", "target", "details")
    list_filter = ("verb", "actor", "at")
    search_fields = ("target",)
    ordering = ("-seq",)
