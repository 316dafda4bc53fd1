"""The Celery application of `bench chaos`: the product's own, with minutes of waiting made seconds.

Nothing else is changed: a lease that is over, a refusal that is tried again, all go their usual way, only sooner.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from celery.signals import worker_process_init

from bench.chaos_servers import tied
from config.celery import app

LEASE = timedelta(seconds=4)
BACK_OFF = (timedelta(seconds=1),) * 4

__all__ = ["app"]


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _hurry(**_: Any) -> None:
    from newsletter.delivery import slices

    tied(os.getppid())()
    slices.LEASE, slices._BACK_OFF = LEASE, BACK_OFF
