"""A database of its own for one measurement, of the kind that is configured; gone when it is done."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from django.db import connection


@contextmanager
def database() -> Iterator[Path | None]:
    """Migrated and empty. The file, where the database is one."""
    with tempfile.TemporaryDirectory(prefix="paperround-bench-") as folder:
        file = Path(folder) / "bench.sqlite3"
        name = str(file) if connection.vendor == "sqlite" else f"paperround_bench_{os.getpid()}"
        before, usual = connection.settings_dict["NAME"], connection.settings_dict["TEST"]["NAME"]
        connection.settings_dict["TEST"]["NAME"] = name
        try:
            connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
            yield file if connection.vendor == "sqlite" else None
        finally:
            connection.creation.destroy_test_db(before, verbosity=0)
            connection.settings_dict["TEST"]["NAME"] = usual


def url() -> str:
    """Where another process finds the database that is connected now."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))


def analyzed() -> None:
    """Statistics for the planner, as PostgreSQL's autovacuum gathers them by itself; nobody does it for SQLite."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
