"""Schemathesis against the API, in this process: what the document promises is what is answered, whatever is asked."""

from __future__ import annotations

import os

import pytest
import web_rows as rows
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is in the test group of pyproject.toml")

from django.core.signals import request_finished, request_started  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import close_old_connections  # noqa: E402

from newsletter import tasks  # noqa: E402
from newsletter.web.api import rates  # noqa: E402

EXAMPLES = int(os.environ.get("PAPERROUND_FUZZ_EXAMPLES", "10"))  # an operation; .ci asks for 200
# A free text may be no query of ours: 422 although the schema, which knows no grammar, would take it.
FINE = ["2xx", "401", "403", "404", "409", "422"]

OPERATIONS = {
    f"{method} /api/v1/{path}"
    for method, paths in {
        "GET": "papers papers/{ref} issues issues/{number} topics topics/{slug} search preview challenge desk/issue",
        "POST": "sign-up desk/candidates/{pk}/{verb}",
    }.items()
    for path in paths.split()
}
config = schemathesis.Config.from_dict({"checks": {"positive_data_acceptance": {"expected-statuses": FINE}}})


@pytest.fixture
def world(db, monkeypatch, settings):
    """A little world, no limits, no bell."""
    settings.SIGN_UPS_A_NETWORK = settings.CONFIRMATIONS_AN_HOUR = 1_000_000
    monkeypatch.setattr(rates, "_count", lambda _name: 0)
    monkeypatch.setattr(tasks, "ring", lambda _name: None)
    rows.whole()
    for signal in (request_started, request_finished):  # the end of a request must not end the test's transaction
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def document(world):
    return schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application(), config=config)


@pytest.mark.parametrize("mode", [schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE])
def test_the_api_keeps_its_document(document, mode):
    """No 5xx, no undocumented status, type or shape, nothing wrong taken, nothing right refused, 405 where no method is."""
    asked = set()
    for found in document.get_all_operations():
        operation = found.ok()
        asked.add(operation.label)
        _fuzz(operation, mode)
    assert len(asked) == len(OPERATIONS) and asked == OPERATIONS


def _fuzz(operation, mode) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case) -> None:
        case.call_and_validate()

    try:
        ask()
    except Unsatisfiable:
        assert mode == schemathesis.GenerationMode.NEGATIVE  # an operation that takes nothing has nothing wrong to be sent
