"""The weights of the trending formula: GET shows the open issue's order with other ones, POST puts them in force."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from newsletter import curation, issues
from newsletter.desk.door import actor, curator, page
from newsletter.matching import trend
from newsletter.models import Candidate, Issue, IssueState, TrendWeights

SHOWN = 50
HISTORY = 10
_LABELS = {
    "upvotes": (gettext_lazy("Votes"), gettext_lazy("points a doubling")),
    "comments": (gettext_lazy("Comments"), gettext_lazy("points a doubling")),
    "stars": (gettext_lazy("Stars"), gettext_lazy("points a doubling")),
    "upvotes_gained": (gettext_lazy("Votes in 24 h"), gettext_lazy("points a doubling")),
    "stars_gained": (gettext_lazy("Stars in 24 h"), gettext_lazy("points a doubling")),
    "sources": (gettext_lazy("Places"), gettext_lazy("points a doubling")),
    "half_after_days": (gettext_lazy("Half is left after"), gettext_lazy("days")),
}


class WeightsForm(forms.Form):
    """A field for each of `Weights`; Django refuses what is no finite number."""

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        for one in fields(trend.Weights):
            least, most = (trend.FEWEST_DAYS, trend.MOST_DAYS) if one.name == "half_after_days" else (0.0, trend.MOST_POINTS)
            said = _("Give a number from %(least)g to %(most)g.") % {"least": least, "most": most}
            self.fields[one.name] = forms.FloatField(
                label=_LABELS[one.name][0],
                help_text=_LABELS[one.name][1],
                min_value=least,
                max_value=most,
                error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), said),
            )

    def weights(self) -> trend.Weights | None:
        """None when they are refused; the errors then say why."""
        if not self.is_valid():
            return None
        try:
            return trend.Weights(**self.cleaned_data)
        except trend.BadWeights:
            self.add_error(None, _("All weights are 0: no paper could trend. Give at least one a value."))
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A candidate under both weights; places from 1, parts of the new total by the signal's name, the greatest first."""

    row: Candidate
    was_place: int
    place: int
    was: float
    total: float
    parts: list[tuple[str, float]]

    @property
    def moved(self) -> int:
        return self.was_place - self.place

    @property
    def crosses(self) -> bool:
        return (self.was >= trend.THRESHOLD) != (self.total >= trend.THRESHOLD)


@dataclass(frozen=True, slots=True)
class Comparison:
    """In the new order. trending: how many pass the threshold, before and with the new weights."""

    lines: list[Line]
    was_trending: int
    trending: int
    moved: int


@curator
@require_http_methods(["GET", "HEAD", "POST"])
def formula(request: HttpRequest) -> HttpResponse:
    """GET with the weights' names shows them beside those in force; without, the order as it is. POST: in force."""
    if request.method == "POST":
        form = WeightsForm(request.POST)
        weights = form.weights()
        if weights is not None:
            return _saved(request, weights)
        return _shown(request, form, None, status=400)
    _row, in_force = issues.weights_now()
    asked = any(name in request.GET for name in _LABELS)
    form = WeightsForm(request.GET if asked else _typed(in_force))
    return _shown(request, form, form.weights())


def _saved(request: HttpRequest, weights: trend.Weights) -> HttpResponse:
    changed = curation.change_weights(weights, by=actor(request), now=timezone.now())
    said = _("Saved: the open issue is in the new order; closed ones stay as they left.") if changed else _("They hold already.")
    messages.success(request, said)
    return HttpResponseRedirect(reverse("admin:trend"))


def _shown(request: HttpRequest, form: WeightsForm, weights: trend.Weights | None, *, status: int = 200) -> HttpResponse:
    now = timezone.now()
    _row, in_force = issues.weights_now()
    issue = Issue.objects.filter(state=IssueState.OPEN).first()
    compared = compare(_candidates(issue), in_force, weights, on=issues.local_date(now)) if issue and weights else None
    answer = page(
        request,
        "trend/weights.html",
        title=_("Trending formula"),
        form=form,
        issue=issue,
        compared=compared,
        lines=compared.lines[:SHOWN] if compared else [],
        is_other=weights is not None and weights != in_force,
        is_shipped=weights == trend.Weights(),
        shipped=_typed(trend.Weights()),
        threshold=trend.THRESHOLD,
        history=[(row, _words(issues.values_of(row))) for row in TrendWeights.objects.order_by("-pk")[:HISTORY]],
    )
    answer.status_code = status
    return answer


def _typed(weights: trend.Weights) -> dict[str, str]:
    """As a person would write them, to the last digit."""
    return {name: repr(value).removesuffix(".0") for name, value in asdict(weights).items()}


def _candidates(issue: Issue) -> list[Candidate]:
    return list(Candidate.objects.filter(issue=issue, hidden_at__isnull=True).select_related("paper__merged_into"))


def compare(rows: Sequence[Candidate], old: trend.Weights, new: trend.Weights, *, on: date) -> Comparison:
    """Both orders from the rows' own signals; equal totals in the order in which the papers came."""
    papers = {row.pk: row.paper.survivor() for row in rows}
    was = {row.pk: issues.trend_of(row, papers[row.pk], on=on, weights=old).total for row in rows}
    now = {row.pk: issues.trend_of(row, papers[row.pk], on=on, weights=new) for row in rows}
    old_place = {pk: place for place, pk in enumerate(sorted(was, key=lambda pk: (-was[pk], pk)), 1)}
    ordered = sorted(rows, key=lambda row: (-now[row.pk].total, row.pk))
    lines = [
        Line(
            row=row,
            was_place=old_place[row.pk],
            place=place,
            was=was[row.pk],
            total=now[row.pk].total,
            parts=_parts(now[row.pk]),
        )
        for place, row in enumerate(ordered, 1)
    ]
    return Comparison(
        lines=lines,
        was_trending=sum(line.was >= trend.THRESHOLD for line in lines),
        trending=sum(line.total >= trend.THRESHOLD for line in lines),
        moved=sum(line.moved != 0 for line in lines),
    )


def _parts(total: trend.Trend) -> list[tuple[str, float]]:
    found = sorted(total.parts.items(), key=lambda part: -part[1])
    return [(str(_LABELS[name][0]), part) for name, part in found if part]


def _words(weights: trend.Weights) -> list[tuple[str, str]]:
    return [(str(_LABELS[name][0]), value) for name, value in _typed(weights).items()]
