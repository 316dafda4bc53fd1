"""PAPERROUND_NO_SKIPS=1 (CI) turns a skipped test into a failed run."""

import os

import pytest


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Public pages are made anew for every request, as rows of one test have the ids of another's. test_web_kept.py keeps."""
    from newsletter import search
    from newsletter.web import kept

    monkeypatch.setattr(kept, "SECONDS", 0.0)
    kept.forget()
    search.forget()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    if os.environ.get("PAPERROUND_NO_SKIPS") != "1" or hasattr(session.config, "workerinput"):
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped") and session.exitstatus == 0:
        reporter.write_line("PAPERROUND_NO_SKIPS=1: a skipped test is a failure here.", red=True)
        session.exitstatus = 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest first, so that the workers end together. What only the other database can show is left out."""
    from django.db import connection

    other = {"sqlite": "postgresql", "postgresql": "sqlite"}[connection.vendor]
    left_out = [item for item in items if item.get_closest_marker(other)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
