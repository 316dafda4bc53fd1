"""The desk's list of interests: topics are edited here, what readers wrote themselves is only shown."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget

from newsletter import acts, subscribers
from newsletter.desk.door import actor
from newsletter.desk.pages import KeptPage
from newsletter.matching import compiled, query
from newsletter.models import Interest


class InterestForm(forms.ModelForm):  # type: ignore[type-arg]
    """A topic. The query is stored in its canonical form, so that equal questions are one row."""

    class Meta:
        model = Interest
        fields = ("name", "slug", "line", "group", "position", "query")
        widgets = {"query": UnfoldAdminTextareaWidget}
        help_texts = {"query": _("As readers type it. Whoever has this topic gets what the new query finds.")}

    def clean_query(self) -> str:
        text: str = self.cleaned_data["query"]
        try:
            canonical = query.parse(text).canonical
        except query.BadQuery as bad:
            expected = f" {_('Expected here: %(what)s.') % {'what': bad.expected}}" if bad.expected else ""
            raise forms.ValidationError(_("Column %(column)d: %(message)s%(expected)s"), params={
                "column": bad.column, "message": str(bad), "expected": expected}) from None  # fmt: skip
        self._refuse_a_twin(canonical)
        return canonical

    def _refuse_a_twin(self, canonical: str) -> None:
        """Two rows of one query would have to be merged, and with them their readers."""
        twin = Interest.objects.filter(query=canonical).exclude(pk=self.instance.pk).first()
        if twin is not None and twin.slug:
            raise forms.ValidationError(_("The topic “%(name)s” asks exactly this."), params={"name": twin.name})
        if twin is not None:
            raise forms.ValidationError(
                _("Interest %(pk)d asks exactly this; readers wrote it. Open it and give it a name and a slug."),
                params={"pk": twin.pk},
            )

    def clean_slug(self) -> str | None:
        return self.cleaned_data["slug"] or None

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("slug") and not values.get("name"):
            self.add_error("name", _("A topic has a name: readers choose it by that."))
        if "query" in values:
            self.instance.compiled = compiled.compiled(query.parse(values["query"]))
        return values


@admin.register(Interest)
class InterestPage(KeptPage):
    form = InterestForm
    list_display = ("shown_name", "group", "position", "query", "reader_count")
    list_filter = (("slug", admin.EmptyFieldListFilter), "group")
    search_fields = ("name", "slug", "query")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Interest]:
        rows: QuerySet[Interest] = super().get_queryset(request)
        return rows.annotate(readers=Count("subscribers"))

    def get_readonly_fields(self, request: HttpRequest, obj: Interest | None = None) -> tuple[str, ...]:
        """What readers wrote themselves is theirs: it can be made a topic, not rewritten."""
        return ("query",) if obj is not None and obj.slug is None else ()

    def save_model(self, request: HttpRequest, obj: Interest, form: Any, change: bool) -> None:  # type: ignore[override]
        super().save_model(request, obj, form, change)
        if change and obj.slug and not form.initial["slug"]:
            acts.record(actor=actor(request), verb=subscribers.PUBLISH, target=f"interest {obj.pk}", now=timezone.now())
        if change and "query" in form.changed_data and form.initial["query"] != obj.query:
            subscribers.keep_own_query(obj, form.initial["query"])

    @display(description=_("topic"), ordering="name")
    def shown_name(self, interest: Interest) -> str:
        return interest.name or "–"

    @display(description=_("readers"), ordering="readers")
    def reader_count(self, interest: Interest) -> int:
        return int(getattr(interest, "readers", 0))
