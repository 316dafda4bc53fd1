"""Editions age out with the copies that show them."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Exists, OuterRef

from newsletter.models import Delivery, Edition

_SLICE = 2_000


def prune(*, before: datetime, dry_run: bool = False) -> int:
    """Delete the editions made before then that no copy shows any more; the empty one, which notes share, stays. Editions.

    Safe to repeat and beside a planning process: the foreign key refuses whatever both touch, and either does it again.
    dry_run: those that no copy made since then shows.
    """
    shown = Delivery.objects.filter(edition=OuterRef("pk"))
    if dry_run:
        shown = shown.filter(created_at__gte=before)
    old = Edition.objects.filter(~Exists(shown), created_at__lt=before).exclude(picks=[])
    if dry_run:
        return old.count()
    gone = 0
    while ids := list(old.order_by("id").values_list("id", flat=True)[:_SLICE]):
        gone += Edition.objects.filter(pk__in=ids).delete()[0]
    return gone
