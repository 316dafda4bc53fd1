"""/metrics: figures of the house for who has a key, as Prometheus' own parser reads them; nothing of a reader's."""

from __future__ import annotations

from datetime import timedelta

import pytest
import web_rows as rows
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from prometheus_client.parser import text_string_to_metric_families

from newsletter import curators
from newsletter.models import Delivery, Event, Issue, IssueState, Kind, Mark, Run, RunState, Source, Subscriber

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uncounted")]


def bearer(*rights: str) -> dict[str, str]:
    user = User.objects.create_user("prometheus", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return {"Authorization": f"Bearer {curators.make_key(user, name='a script', by='ada', now=rows.now())[1]}"}


def read(client, headers) -> dict[tuple[str, ...], float]:
    """(name, label values in the order of the labels' names) -> value."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/plain; version=0.0.4")
    assert answer["Cache-Control"] == "private, no-store"
    families = list(text_string_to_metric_families(answer.content.decode()))
    assert all(family.documentation and family.type == "gauge" for family in families)
    return {
        (sample.name.removeprefix("paperround_"), *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in families
        for sample in family.samples
    }


def test_without_a_key_with_a_wrong_one_or_without_the_right_nothing_is_told(client, settings):
    for headers, status, says in (
        ({}, 401, "needs a curator's key"),
        ({"Authorization": "Bearer pr_wrong"}, 401, "opens nothing"),
        (bearer(), 403, "may not look"),
    ):
        answer = client.get("/metrics", headers=headers)
        assert answer.status_code == status and says in answer.json()["detail"]
        assert b"paperround_" not in answer.content
    settings.API_A_MINUTE = 1
    assert client.get("/metrics").status_code == 429
    assert client.post("/metrics").status_code == 405


def test_a_new_installation_has_figures_too(client):
    found = read(client, bearer("view_issue"))
    assert found["readers", "active"] == 0 and found["copies_due", "digest"] == 0
    assert not {"issue_number", "pulse_age_seconds", "stage_failed"} & {name for name, *_ in found}


def test_each_figure_is_what_the_rows_say(client):
    now = rows.now()
    newest = rows.issue(3)
    who = rows.reader("secret.reader@example.org")
    rows.reader(status="LEFT")
    offered = rows.papers(rows.issue(4, state=IssueState.OPEN), 3)
    Issue.objects.filter(number=4).first().candidates.filter(paper=offered[0]).update(hidden_at=now)
    Issue.objects.filter(pk=newest.pk).update(held_at=now)
    digest = rows.copy_of(who, list(rows.papers(newest, 1)[0].candidates.select_related("issue")))
    Delivery.objects.filter(pk=digest.pk).update(state="PENDING", due_at=now - timedelta(seconds=90), upto=3)
    for state, lane in (("PENDING", 0), ("UNCERTAIN", 1)):
        Delivery.objects.create(
            kind=Kind.LINK, lane=lane, state=state, due_at=now + timedelta(hours=1), created_at=now, upto=3 if lane else None
        )
    for number, kind in enumerate(("bounced", "bounced", "complained", "delivered")):
        Event.objects.create(provider="esp", key=str(number), type=kind, received_at=now, applied_at=now if number else None)
    Source.objects.create(
        slug="arxiv", name="arXiv", kind="arxiv", outcome="BROKEN", fails=2, checked_at=now - timedelta(hours=1)
    )
    Source.objects.create(slug="off", name="Off", kind="arxiv", enabled=False)
    Run.objects.create(stage="send", as_of=now, started_at=now - timedelta(hours=2), state=RunState.DONE)
    Run.objects.create(stage="send", as_of=now, started_at=now - timedelta(seconds=5), state=RunState.FAILED)
    Mark.objects.create(name="pulse", at=now - timedelta(seconds=7))
    found = read(client, bearer("change_issue"))
    assert {
        ("readers", "active"): 1, ("readers", "left"): 1, ("gathering_papers",): 2, ("issues_held",): 1, ("issue_number",): 3,
        ("issue_copies", "pending"): 1, ("issue_copies", "sent"): 0, ("copies_due", "digest"): 1, ("copies_due", "service"): 0,
        ("copies_uncertain",): 1, ("copies_sending",): 0, ("digests_stopped",): 0, ("notices_waiting",): 1,
        ("notices_bad", "bounced"): 2, ("notices_bad", "complained"): 1, ("notices_bad", "rejected"): 0,
        ("source_outcome", "broken", "arxiv"): 1, ("source_fails", "arxiv"): 2, ("stage_failed", "send"): 1,
        ("confirmations_most",): 1000,
    }.items() <= found.items()  # fmt: skip
    ages = {("copies_due_age_seconds", "digest"): 90, ("source_read_age_seconds", "arxiv"): 3600, ("stage_age_seconds", "send"): 5,
            ("pulse_age_seconds",): 7, ("issue_age_seconds",): 86_400}  # fmt: skip
    assert all(wanted <= found[name] < wanted + 60 for name, wanted in ages.items())
    assert not any("off" in name for name in found)
    assert "secret.reader" not in str(found) and who.public_id not in str(found)


def test_a_thousand_readers_are_asked_for_as_one(client):
    headers = bearer("view_issue")
    before = rows.counts()
    with CaptureQueriesContext(connection) as few:
        read(client, headers)
    assert rows.counts() == before
    now = rows.now()
    Subscriber.objects.bulk_create(
        Subscriber(address=f"r{number}@example.org", address_key=str(number), created_at=now, status="ACTIVE")
        for number in range(1_000)
    )
    Source.objects.bulk_create(Source(slug=f"s{number}", name="S", kind="feed") for number in range(50))
    with CaptureQueriesContext(connection) as many:
        assert read(client, headers)["readers", "active"] == 1_000
    assert len(many) == len(few)
