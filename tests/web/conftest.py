"""One house for all tests that ask a real web server: filling it takes some ten seconds."""

import pytest
import web_house


@pytest.fixture(scope="session")
def house(tmp_path_factory):
    with web_house.served(tmp_path_factory.mktemp("house")) as running:
        yield running
