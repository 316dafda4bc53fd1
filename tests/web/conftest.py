"""One house for all tests that ask a real web server: filling it takes some ten seconds."""

import pytest
import web_house

from newsletter.web.api import rates


@pytest.fixture
def uncounted(monkeypatch) -> dict[str, int]:
    """Rates are counted here, not in Redis; a test of its own asks the real one."""
    counted: dict[str, int] = {}

    def count(name: str) -> int:
        counted[name] = counted.get(name, 0) + 1
        return counted[name]

    monkeypatch.setattr(rates, "_count", count)
    return counted


@pytest.fixture(scope="session")
def house(tmp_path_factory):
    with web_house.served(tmp_path_factory.mktemp("house")) as running:
        yield running
