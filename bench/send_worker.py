"""The Celery application of `bench send`: the product's own, with a meter on its send task.

Each task appends one JSON line to the file PAPERROUND_BENCH_FIGURES. Seconds are CPU of the pool process:
- task: the whole task; sending: `delivery.send` in it; ledger: claim, load, read and settle in that; journal: its lines.
- statements: those sent to the database, BEGIN and COMMIT of a transaction among them; octets: of the mails composed.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery.signals import task_postrun, task_prerun, worker_process_init

from config.celery import app

__all__ = ["app"]

_spent: Counter[str] = Counter()


@worker_process_init.connect
def watch(**_: Any) -> None:
    from newsletter import delivery
    from newsletter.delivery import copies, ledger
    from newsletter.delivery.journal import Journal

    for name in ("claim", "load", "read", "settle"):
        _time(ledger, name, "ledger")
    for name in ("slice", "begin", "done", "settled"):
        _time(Journal, name, "journal")
    _time(delivery, "send", "sending")
    _count_octets(copies)
    _count_statements()


def _time(holder: Any, name: str, book: str) -> None:
    act: Callable[..., Any] = getattr(holder, name)

    def timed(*args: Any, **options: Any) -> Any:
        begun = time.process_time()
        try:
            return act(*args, **options)
        finally:
            _spent[book] += time.process_time() - begun  # type: ignore[assignment]

    setattr(holder, name, timed)


def _count_octets(copies: Any) -> None:
    compose = copies.compose

    def counted(*args: Any, **options: Any) -> Any:
        mail = compose(*args, **options)
        _spent["mails"] += 1
        _spent["octets"] += len(mail.wire)
        return mail

    copies.compose = counted


def _count_statements() -> None:
    """Below Django, because some of ours go past its cursor."""
    import psycopg
    from django.db import connection

    execute, commit = psycopg.Cursor.execute, connection._commit

    def counted(*args: Any, **options: Any) -> Any:
        _spent["statements"] += 1
        return execute(*args, **options)

    def closed() -> Any:
        _spent["statements"] += 2
        return commit()

    psycopg.Cursor.execute = counted  # type: ignore[method-assign]
    connection._commit = closed


@task_prerun.connect
def begin(**_: Any) -> None:
    _spent.clear()
    _spent["task"] -= time.process_time()  # type: ignore[assignment]


@task_postrun.connect
def end(**_: Any) -> None:
    _spent["task"] += time.process_time()  # type: ignore[assignment]
    line = json.dumps({"pid": os.getpid(), **_spent})
    with Path(os.environ["PAPERROUND_BENCH_FIGURES"]).open("a") as figures:
        figures.write(line + "\n")
