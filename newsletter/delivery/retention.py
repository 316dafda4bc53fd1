"""The ledger forgets by age: whole waves with their Run, service mails, Runs of other stages. Never an open copy.

A wave goes in one transaction, and its issue counts what went, so that the sums of invariant 6 hold before and after.
Safe to repeat, to break off and to run twice at once: a row is counted by whoever deleted it.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from newsletter.models import Delivery, Event, Issue, Run
from newsletter.models.ledger import OPEN_STATES

_SLICE = 2_000  # service mails a transaction


def prune(*, before: datetime, dry_run: bool = False) -> int:
    """Digests of the waves planned before then, with the Runs of those waves, and other mails made before then. Copies."""
    waves, mails = _waves(before), _mails(before)
    if dry_run:
        return Delivery.objects.filter(run__in=waves).count() + mails.count()
    gone = sum(_drop_wave(run) for run in waves.order_by("id"))
    while ids := list(mails.values_list("id", flat=True)[:_SLICE]):
        with transaction.atomic():
            gone += _drop(Q(pk__in=ids))
    return gone


def prune_runs(*, before: datetime, dry_run: bool = False) -> int:
    """Runs as of before then that planned no copy; the others go with their copies. Runs."""
    runs = Run.objects.filter(as_of__lt=before).exclude(stage="plan", prepared__gt=0)
    runs = runs.filter(~Exists(Delivery.objects.filter(run=OuterRef("pk"))))
    return runs.count() if dry_run else runs.delete()[0]


def _waves(before: datetime) -> QuerySet[Run]:
    still_open = Delivery.objects.filter(run=OuterRef("pk"), state__in=OPEN_STATES)
    return Run.objects.filter(~Exists(still_open), stage="plan", prepared__gt=0, as_of__lt=before)


def _mails(before: datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(run__isnull=True, created_at__lt=before).exclude(state__in=OPEN_STATES).order_by("id")


def _drop_wave(run: Run) -> int:
    with transaction.atomic():
        gone = _drop(Q(run=run))
        Issue.objects.filter(number=run.report.get("upto", 0)).update(pruned=F("pruned") + gone)
        Run.objects.filter(pk=run.pk).delete()
    return gone


def _drop(which: Q) -> int:
    """Without reading the rows: Django would load a whole wave to let its events go."""
    Event.objects.filter(delivery__in=Delivery.objects.filter(which)).update(delivery=None)
    rows, params = Delivery.objects.filter(which).order_by().values("pk").query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {Delivery._meta.db_table} WHERE id IN ({rows})", params)  # noqa: S608 (our own names)
        return int(cursor.rowcount)
