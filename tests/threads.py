"""A database that threads really share: SQLite's test database lives in memory, where nobody waits for a lock."""

import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from unittest.mock import patch

from django.db import connection, connections


class Shared:
    def all_at_once(self, act: Callable[[int], object], *, times: int) -> list[object]:
        """Run act(0..times-1), each in a thread with a connection of its own, let go together. Errors are raised."""
        gate = Barrier(times)

        def run(number: int) -> object:
            gate.wait(20)
            try:
                return act(number)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(times) as pool:
            return list(pool.map(run, range(times)))

    def ask(self, act: Callable[[], object]) -> object:
        """One call on that database; rows read elsewhere in the test come from another one."""
        return self.all_at_once(lambda _: act(), times=1)[0]


@contextmanager
def threads_share_the_database(folder: Path) -> Iterator[Shared]:
    """Needs `transactional_db`. On SQLite a copy in a file, with the settings of the product; else the database itself."""
    connection.ensure_connection()
    if connection.vendor != "sqlite":
        yield Shared()
        return
    path = folder / "shared.sqlite3"
    copy = sqlite3.connect(path)
    connection.connection.backup(copy)
    copy.execute("PRAGMA journal_mode=WAL")  # as migrate leaves it: two connections that switch at once do not wait
    copy.close()
    with patch.dict(connection.settings_dict, {"NAME": str(path)}):
        yield Shared()
