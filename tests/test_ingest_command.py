"""Back-fill into archives that mail nobody, the dry run, alerts, the desk's two buttons, the bench."""

import io
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from newsletter import delivery, issues, sources, tasks
from newsletter.delivery.alerts import plan_alerts
from newsletter.desk import unfold_settings
from newsletter.models import Act, Candidate, Delivery, Issue, Paper, Run, Sighting, Source
from newsletter.sources import KINDS, polite
from tests.sources import samples
from tests.sources.making import page, record

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 9, 15, tzinfo=UTC)


@pytest.fixture
def place(monkeypatch):
    """A source that lists one paper a day and keeps its past; the days are its titles."""

    def answer(day):
        return polite.Fetched(answers=(polite.Answer(data=day.isoformat().encode(), day=day),))

    def parse(data, day=None):
        at = date.fromisoformat(data.decode())
        return page(record(f"The Paper That Was Listed on {at}", arxiv=f"2601.{at:%m%d}0"), listed_on=at)

    kind = SimpleNamespace(
        HOME="", NAME="", GROWS=False, parse=parse, fetch=lambda params, *, now, etag="", last_modified="": answer(now.date()),
        past=lambda params, *, day: answer(day),
    )  # fmt: skip
    monkeypatch.setitem(KINDS, "daily", kind)
    return Source.objects.create(slug="daily", name="Daily", kind="daily")


def ran(*args):
    out = io.StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def test_a_backfilled_day_becomes_an_archived_issue_that_no_open_issue_offers(place):
    said = ran("ingest", "--since", "2026-01-05", "--at", NOW.isoformat(), "--json")
    lines = [json.loads(line) for line in said.splitlines()]
    assert [(line["day"], line["outcome"], line["new"]) for line in lines] == [
        (f"2026-01-0{day}", "FRESH", 1) for day in range(5, 9)
    ]
    assert list(Issue.objects.order_by("-number").values_list("number", "state")) == [
        (-20260105, "ARCHIVED"), (-20260106, "ARCHIVED"), (-20260107, "ARCHIVED"), (-20260108, "ARCHIVED"),
    ]  # fmt: skip
    assert issues.gather(now=NOW).new == 0
    assert issues.close(now=NOW + timedelta(days=1)).candidates.count() == 0
    assert Delivery.objects.count() == 0 and Run.objects.filter(stage="ingest", state="DONE").count() == 1
    place.refresh_from_db()
    assert (place.cursor, place.outcome) == ("", "NEVER")
    again = ran("ingest", "--since", "2026-01-05", "--at", NOW.isoformat())
    assert "Nothing to fill" in again and Paper.objects.count() == Sighting.objects.count() == 4


def test_a_paper_that_was_offered_before_is_shown_in_the_archive_and_not_taken_from_the_open_issue(place):
    tasks.fetch_now(place, now=NOW - timedelta(days=2))
    waiting = Paper.objects.create(title="Waiting", listed_on=date(2026, 1, 7), seen_at=NOW - timedelta(hours=1))
    Sighting.objects.all().delete()
    ran("ingest", "--since", "2026-01-07", "--at", NOW.isoformat())
    archived = Candidate.objects.filter(issue__number=-20260107)
    assert [(row.kind, row.reasons) for row in archived] == [("AGAIN", ["LISTED"])]
    issues.gather(now=NOW)
    assert Candidate.objects.get(paper=waiting).issue.state == "OPEN"


@pytest.mark.parametrize("since", ["yesterday", "2026-01-09", "2024-01-01"])
def test_a_wrong_day_is_told(place, since):
    with pytest.raises(CommandError, match="--since"):
        ran("ingest", "--since", since, "--at", NOW.isoformat())


def test_a_dry_run_of_the_sources_stores_nothing(place):
    line = json.loads(ran("ingest", "--dry-run", "--json", "--at", NOW.isoformat()))
    assert (line["file"], line["kind"], line["outcome"], line["rejected"]) == ("daily 2026-01-09", "daily", "FRESH", [])
    (paper,) = line["papers"]
    assert list(paper) == [
        "id", "title", "authors", "abstract", "published_at", "upvotes", "code_url", "categories", "organizations", "has_code", "url",
    ]  # fmt: skip
    assert paper["id"] == "2601.01090" and paper["upvotes"] is None
    assert "The Paper That Was Listed" in ran("ingest", "--dry-run", "--source", "daily", "--at", NOW.isoformat())
    place.refresh_from_db()
    assert (Paper.objects.count(), Run.objects.count(), place.outcome, place.leased_until) == (0, 0, "NEVER", None)


@samples.needed
def test_a_dry_run_of_a_folder_is_one_object_a_file():
    lines = [
        json.loads(line) for line in ran("ingest", "--dry-run", "--json", "--from", str(samples.ROOT / "hf" / "api")).splitlines()
    ]
    assert len(lines) == 9 and {line["kind"] for line in lines if line["papers"]} == {"huggingface"}
    assert Paper.objects.count() == 0
    with pytest.raises(CommandError, match="There is no"):
        ran("ingest", "--dry-run", "--from", "/no/such")


def test_a_curator_is_told_once_of_each_change_of_state(place):
    User.objects.create_superuser("mara", "mara@example.org", "a long pass phrase")
    User.objects.create_superuser("nora", "", "a long pass phrase")
    User.objects.create_user("lena", "lena@example.org", "a long pass phrase")
    mails = []
    for step, outcome in enumerate(("FRESH", "QUIET", "BROKEN", "BROKEN", "PARTIAL", "PARTIAL", "FRESH", "QUIET", "LATE")):
        Source.objects.update(outcome=outcome, outcome_reason=f"Reason {step}.")
        mails.append((plan_alerts(now=NOW), plan_alerts(now=NOW)))
    assert mails == [(0, 0), (0, 0), (1, 0), (0, 0), (1, 0), (0, 0), (1, 0), (0, 0), (1, 0)]
    rows = Delivery.objects.order_by("id")
    assert {(row.kind, row.lane, row.to_address, row.subscriber_id) for row in rows} == {("ALERT", 0, "mara@example.org", None)}
    assert [row.params["subject_line"] for row in rows] == [
        "Daily cannot be read", "Daily is read in part", "Daily reads again", "Daily is late",
    ]  # fmt: skip
    assert rows[0].params["lines"] == ["Daily: error. Reason 2."]


def test_an_alert_leaves_with_its_sentence(place, monkeypatch):
    User.objects.create_superuser("mara", "mara@example.org", "a long pass phrase")
    monkeypatch.setattr(KINDS["daily"], "fetch", lambda *args, **more: (_ for _ in ()).throw(polite.Unavailable("it is down")))
    monkeypatch.setattr(sources, "online", lambda **_: True)
    run = tasks.run_stage("ingest", now=NOW)
    assert run.report["alerts"] == 1
    (file,) = delivery.send(now=NOW).files
    assert "It is down." in Path(file).read_text(encoding="utf-8", errors="replace")


@pytest.fixture
def desk(settings):
    settings.UNFOLD = unfold_settings.UNFOLD
    browser = Client(enforce_csrf_checks=False)
    browser.force_login(User.objects.create_superuser("mara", password="a long pass phrase"))
    return browser


def test_the_source_page_has_both_buttons_and_they_work(place, desk):
    change = reverse("admin:newsletter_source_change", args=[place.pk])
    html = desk.get(change).content.decode()
    for name in ("source_fetch", "source_show"):
        assert f'action="{reverse(f"admin:{name}", args=[place.pk])}"' in html
    assert "csrfmiddlewaretoken" in html
    shown = desk.post(reverse("admin:source_show", args=[place.pk]))
    assert "The Paper That Was Listed" in shown.content.decode() and Paper.objects.count() == 0
    answer = desk.post(reverse("admin:source_fetch", args=[place.pk]), follow=True)
    assert "FRESH: 1 paper of" in answer.content.decode() and Paper.objects.count() == 1
    assert list(Act.objects.order_by("seq").values_list("verb", "target")) == [
        ("preview source", f"source {place.pk}"), ("fetch source", f"source {place.pk}"),
    ]  # fmt: skip


def test_the_buttons_refuse_get_forgery_and_strangers(place, desk):
    urls = [reverse(f"admin:{name}", args=[place.pk]) for name in ("source_fetch", "source_show")]
    forger = Client(enforce_csrf_checks=True)
    forger.force_login(User.objects.get(username="mara"))
    stranger = Client()
    stranger.force_login(User.objects.create_user("lena", password="a long pass phrase", is_staff=True))
    for url in urls:
        assert desk.get(url).status_code == 405
        assert forger.post(url).status_code == 403
        assert stranger.post(url).status_code == 403
        assert Client().post(url).status_code == 302
    assert Paper.objects.count() == 0 and not Act.objects.exists()


def test_hostile_titles_are_shown_literally_in_the_preview(place, desk, monkeypatch):
    hostile = page(record("<script>alert(1)</script> and Other Words", arxiv="2601.00001"), listed_on=date(2026, 1, 9))
    monkeypatch.setattr(KINDS["daily"], "parse", lambda data, day=None: hostile)
    monkeypatch.setattr(KINDS["daily"], "fetch", lambda *args, **more: polite.Fetched(answers=(polite.Answer(data=b""),)))
    html = desk.post(reverse("admin:source_show", args=[place.pk])).content.decode()
    assert "<script>alert" not in html and "&lt;script&gt;alert" in html


def test_the_bench_leaves_nothing_and_an_unchanged_batch_costs_the_same_at_any_size(monkeypatch):
    monkeypatch.setattr("bench.ingest.SIZES", (20, 200))
    report = json.loads(ran("bench", "ingest", "--json"))
    small, large = report["rows"]
    assert small["unchanged_queries"] == large["unchanged_queries"] <= 10
    assert small["new_papers_per_s"] > 0 and Paper.objects.count() == Source.objects.count() == 0
