"""What Prometheus reads: figures of the whole house, read from its rows, so that every process says the same.

No address, no name of a reader and no id of one is among them. What a process does by itself (memory, requests) is not here.
Source: https://prometheus.io/docs/practices/naming/, https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from newsletter import delivery, subscribers, tasks
from newsletter.models import (
    Candidate,
    Delivery,
    DeliveryState,
    Event,
    Issue,
    IssueState,
    Kind,
    Lane,
    Mark,
    Run,
    RunState,
    Source,
    Subscriber,
    SubscriberStatus,
)
from newsletter.web import answers
from newsletter.web.api import rates
from newsletter.web.health import PULSE

_DAY = timedelta(days=1)
_UNSETTLED_ISSUES = 15  # the newest: all of the ledger would have to be counted else
_BAD = ("bounced", "complained", "rejected")
_LANES = {lane.value: lane.name.lower() for lane in Lane}
_RIGHTS = ("newsletter.view_issue", "newsletter.change_issue")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For who has a curator's key: `Authorization: Bearer KEY`. The key of an account that may only look is enough."""
    refused = rates.refusal(request)
    if refused:
        return answers.sealed(refused)
    key = rates.presented(request)
    if key is None:
        return answers.sealed(rates.no_key(_("This needs a curator's key: Authorization: Bearer KEY.")))
    if not any(map(key.user.has_perm, _RIGHTS)):
        return answers.sealed(answers.problem(403, _("This key's account may not look at issues.")))
    registry = CollectorRegistry()
    registry.register(_House(answers.clock()))
    return answers.sealed(HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4))


class _House(Collector):
    def __init__(self, now: datetime) -> None:
        self._now = now

    def collect(self) -> Iterator[Metric]:
        newest = Issue.objects.filter(state=IssueState.CLOSED).order_by("-number").first()
        yield from _readers(self._now)
        yield from _issues(newest, self._now)
        yield from _copies(newest, self._now)
        yield from _sources(self._now)
        yield from _stages(self._now)


def _gauge(name: str, told: str, labels: tuple[str, ...], values: Iterable[tuple[tuple[str, ...], float]]) -> Metric:
    family = GaugeMetricFamily(f"paperround_{name}", told, labels=labels)
    for names, value in values:
        family.add_metric(names, value)
    return family


def _one(name: str, told: str, value: float | None) -> Metric:
    """None: not known yet, and left out."""
    return _gauge(name, told, (), [] if value is None else [((), value)])


def _age_s(now: datetime, at: datetime | None) -> float | None:
    return None if at is None else max(0.0, (now - at).total_seconds())


def _readers(now: datetime) -> Iterator[Metric]:
    counts = dict(Subscriber.objects.values_list("status").annotate(n=Count("id")).order_by())
    yield _gauge(
        "readers",
        "Readers by state.",
        ("state",),
        [((state.lower(),), counts.get(state, 0)) for state in SubscriberStatus.values],
    )
    breaker = subscribers.breaker_state(now=now)
    yield _one("confirmations", "Answers to sign-ups mailed in the last hour.", breaker.mailed)
    yield _one("confirmations_most", "How many of them may be.", breaker.most)
    yield _one("confirmations_refused", "Sign-ups without a mail for that, yesterday and today (UTC).", breaker.refused)


def _issues(newest: Issue | None, now: datetime) -> Iterator[Metric]:
    gathering = Issue.objects.filter(state=IssueState.OPEN).first()
    candidates = Candidate.objects.filter(issue=gathering, hidden_at__isnull=True).count() if gathering else None
    yield _one("gathering_papers", "Papers on offer in the open issue.", candidates)
    held = Issue.objects.filter(held_at__isnull=False, done_at__isnull=True).count()
    yield _one("issues_held", "Issues that a curator holds: no copy with their papers leaves.", held)
    yield _one("issue_number", "Number of the newest closed issue.", newest.number if newest else None)
    yield _one("issue_age_seconds", "Since the newest issue closed.", _age_s(now, newest.closed_at if newest else None))
    states = Delivery.objects.filter(kind=Kind.DIGEST, upto=newest.number if newest else 0).values_list("state")
    counts = dict(states.annotate(n=Count("id")).order_by())
    values = [((state.lower(),), float(counts.get(state, 0))) for state in DeliveryState.values]
    yield _gauge("issue_copies", "Copies that reach up to the newest issue, by state.", ("state",), values if newest else [])


def _copies(newest: Issue | None, now: datetime) -> Iterator[Metric]:
    due = Delivery.objects.filter(state=DeliveryState.PENDING, due_at__lte=now).values("lane").order_by()
    found = {row["lane"]: (row["n"], row["first"]) for row in due.annotate(n=Count("id"), first=Min("due_at"))}
    waiting = [(lane, *found.get(number, (0, None))) for number, lane in _LANES.items()]
    yield _gauge("copies_due", "Mails that are due and have not left.", ("lane",), [((lane,), n) for lane, n, _at in waiting])
    ages = [((lane,), _age_s(now, at) or 0.0) for lane, _n, at in waiting]
    yield _gauge("copies_due_age_seconds", "How long the oldest of them has been due.", ("lane",), ages)
    sending = Delivery.objects.filter(state=DeliveryState.SENDING).exclude(claim_token="").count()
    yield _one("copies_sending", "Mails in the hands of a worker.", sending)
    since = newest.number - _UNSETTLED_ISSUES if newest else 0
    uncertain = Delivery.objects.filter(upto__gt=since, state=DeliveryState.UNCERTAIN).count()
    yield _one("copies_uncertain", "Digests of the last issues of which nobody knows whether they arrived.", uncertain)
    yield _one(
        "digests_stopped", "1 while digests are stopped for complaints or bounces.", delivery.alarm.paused_at() is not None
    )
    yield _one(
        "notices_waiting", "Providers' notices without a conclusion.", Event.objects.filter(applied_at__isnull=True).count()
    )
    told = Event.objects.filter(received_at__gt=now - _DAY, type__in=_BAD).values_list("type")
    heard = dict(told.annotate(n=Count("id")).order_by())
    yield _gauge("notices_bad", "Such notices of the last 24 hours.", ("type",), [((kind,), heard.get(kind, 0)) for kind in _BAD])


def _sources(now: datetime) -> Iterator[Metric]:
    rows = list(Source.objects.filter(enabled=True).order_by("slug").values_list("slug", "outcome", "checked_at", "fails"))
    outcomes = [((slug, outcome.lower()), 1.0) for slug, outcome, _at, _fails in rows]
    yield _gauge("source_outcome", "1 for what the last reading came to.", ("source", "outcome"), outcomes)
    ages = [((slug,), age) for slug, _outcome, at, _fails in rows if (age := _age_s(now, at)) is not None]
    yield _gauge("source_read_age_seconds", "Since it was last read.", ("source",), ages)
    yield _gauge("source_fails", "Failed readings in a row.", ("source",), [((slug,), fails) for slug, _o, _at, fails in rows])


def _stages(now: datetime) -> Iterator[Metric]:
    last = {stage: _last(stage) for stage, _seconds in tasks.SCHEDULE if stage != PULSE}
    ages = [((stage,), age) for stage, run in last.items() if run and (age := _age_s(now, run.started_at)) is not None]
    yield _gauge("stage_age_seconds", "Since the stage last began.", ("stage",), ages)
    failed = [((stage,), float(run.state == RunState.FAILED)) for stage, run in last.items() if run]
    yield _gauge("stage_failed", "1 where that ended in an error.", ("stage",), failed)
    pulse = Mark.objects.filter(name=PULSE).values_list("at", flat=True).first()
    yield _one("pulse_age_seconds", "Since beat and a worker last proved that they live.", _age_s(now, pulse))


def _last(stage: str) -> Run | None:
    return Run.objects.filter(stage=stage).order_by("-started_at").first()
