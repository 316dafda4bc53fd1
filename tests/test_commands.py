"""Every stage is a command: --at moves its clock, --json prints its report, each leaves a Run, twice is as once."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from issue_rows import MONDAY, paper, reader

from newsletter import editions, issues, subscribers, tasks
from newsletter.editions._rows import random_ids
from newsletter.matching.compiled import compiled, is_current
from newsletter.matching.query import parse
from newsletter.matching.topics import topics
from newsletter.models import Delivery, Interest, Issue, Run, Source, SubscriberInterest
from newsletter.models.papers import random_id

pytestmark = pytest.mark.django_db(transaction=True)


def _json(capsys, *words: str) -> dict:
    call_command(*words, "--json")
    return json.loads(capsys.readouterr().out.strip().splitlines()[-1])


@pytest.mark.parametrize("stage", ["ingest", "close", "plan", "send", "record"])
def test_each_stage_leaves_a_run_at_the_clock_it_was_given(stage, capsys):
    for _ in range(2):
        report = _json(capsys, stage, "--at", "2026-11-16T12:00")
    assert report["stage"] == stage
    assert report["as_of"] == "2026-11-16T12:00:00+00:00"
    assert Run.objects.filter(stage=stage).count() == 2
    call_command(stage, "--at", "2026-11-16T12:00")
    assert stage in capsys.readouterr().out


@pytest.mark.parametrize("command", ["audit", "preview"])
def test_reading_commands_leave_a_run_too(command, capsys):
    _json(capsys, command, "--at", "2026-11-16T12:00")
    run = Run.objects.get()
    assert (run.stage, run.as_of.isoformat()) == (command, "2026-11-16T12:00:00+00:00")


def test_a_demo_without_a_network_asks_no_source_and_switches_none_off(capsys, monkeypatch):
    from newsletter import sources

    sources.default_sources()
    Source.objects.create(slug="sample", name="Sample", kind="huggingface", is_sample=True, checked_at=MONDAY, enabled=False)
    before = dict(Source.objects.values_list("slug", "enabled"))
    monkeypatch.setattr(sources, "online", lambda **_: False)
    monkeypatch.setattr(sources, "ingest_due", lambda **_: pytest.fail("a source was asked"))
    assert "none" in _json(capsys, "ingest")["network"]
    assert dict(Source.objects.values_list("slug", "enabled")) == before
    assert set(Source.objects.values_list("outcome", flat=True)) == {"NEVER"}


def test_anywhere_else_a_source_that_does_not_answer_is_asked_and_booked(capsys, monkeypatch):
    from newsletter import sources

    asked = []
    sources.default_sources()
    monkeypatch.setattr(sources, "online", lambda **_: False)
    monkeypatch.setattr(sources, "ingest_due", lambda **_: asked.append(True) or [])
    assert "network" not in _json(capsys, "ingest") and asked


def test_explain_says_why_and_leaves_a_run(capsys):
    row, who = paper("A robot learns to fold"), reader("robot")
    issues.close(now=MONDAY)
    said = _json(capsys, "explain", who.address, row.public_id)
    assert any("matches “robot”" in line for line in said["lines"])
    assert who.address not in json.dumps(said)
    assert Run.objects.filter(stage="explain").count() == 1


def test_no_id_looks_like_an_option():
    drawn = [*(random_id() for _ in range(2_000)), *(each.decode() for each in random_ids(2_000))]
    assert {each[0] for each in drawn} <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef")
    assert len(set(drawn)) == len(drawn) and {len(each) for each in drawn} == {16}


def test_an_older_id_that_looks_like_an_option_is_given_after_two_dashes(capsys):
    row, who = paper("A robot learns to fold"), reader("robot")
    type(row).objects.filter(pk=row.pk).update(public_id="-AbCdEfGhIjKlMnO")
    with pytest.raises(CommandError, match="paper"):
        call_command("explain", who.address, "-AbCdEfGhIjKlMnO")
    call_command("explain", "--json", "--", who.address, "-AbCdEfGhIjKlMnO")
    assert json.loads(capsys.readouterr().out)["paper"] == "-AbCdEfGhIjKlMnO"


def test_a_query_that_cannot_be_meant_is_refused_by_column(capsys):
    with pytest.raises(CommandError, match="Column 8: There is no field “auther:”"):
        call_command("preview", "robots auther:hinton")


def test_bytes_that_are_no_text_are_a_question_mark(capsys):
    assert _json(capsys, "preview", "robots \udcff") == []
    assert Run.objects.get(stage="preview").report["queries"] == ["robots ?"]
    with pytest.raises(CommandError, match="no such reader"):
        call_command("explain", "a\udcff@example.org", "2405.15738")


def test_a_time_that_is_none_is_refused_with_an_example(capsys):
    with pytest.raises(CommandError, match="2026-11-22T07:00"):
        call_command("plan", "--at", "tomorrow")


def test_close_force_closes_whatever_the_hour(capsys):
    paper("A robot learns to fold")
    assert _json(capsys, "close", "--at", MONDAY.isoformat())["closed"] is None
    assert _json(capsys, "close", "--force", "--at", MONDAY.isoformat())["closed"] == 1
    assert Issue.objects.get(number=1).closed_at == MONDAY


def test_prepare_loads_topics_sources_and_schedule_once_and_keeps_what_a_curator_changed(capsys):
    from django_celery_beat.models import PeriodicTask

    call_command("prepare")
    topic = Interest.objects.filter(slug__isnull=False).first()
    Interest.objects.filter(pk=topic.pk).update(name="Mine")
    PeriodicTask.objects.filter(name="paper round: send").update(enabled=False)
    before = (Interest.objects.count(), Source.objects.count(), PeriodicTask.objects.count())
    call_command("prepare")
    assert before == (Interest.objects.count(), Source.objects.count(), PeriodicTask.objects.count())
    assert Interest.objects.get(pk=topic.pk).name == "Mine"
    assert not PeriodicTask.objects.get(name="paper round: send").enabled
    assert Interest.objects.filter(slug__isnull=False).count() >= 55


def test_prepare_compiles_the_interests_of_another_version():
    topic = Interest.objects.create(query="robots", compiled="0/0/0 .\twrobots")
    call_command("prepare")
    assert Interest.objects.get(pk=topic.pk).compiled == compiled(parse("robots"))
    assert all(is_current(form) for form in Interest.objects.values_list("compiled", flat=True))


# What the first release asked; `topics_shipped.txt` knows its digest.
ROBOTS_BEFORE = (
    'robot* OR manipulation policy OR humanoid OR quadruped OR grasping OR locomotion OR "imitation learning" OR '
    '"vision language action" OR vla OR "embodied agent" OR embodied OR "sim to real" OR cat:cs.RO'
)


def _robotics(query: str) -> Interest:
    """The topic as an older installation has it."""
    return Interest.objects.create(slug="robotics", name="Robots", query=query, compiled=compiled(parse(query)))


def _shipped(slug: str) -> str:
    return next(parse(topic.query).canonical for topic in topics() if topic.slug == slug)


def test_prepare_gives_a_topic_that_nobody_edited_the_query_that_ships_now(capsys):
    topic = _robotics(ROBOTS_BEFORE)
    for said in ("1 renewed", "0 renewed"):
        call_command("prepare")
        assert said in capsys.readouterr().out
        topic.refresh_from_db()
        assert (topic.query, topic.name) == (_shipped("robotics"), "Robots")
        assert topic.compiled == compiled(parse(topic.query))


def test_prepare_leaves_a_query_that_a_curator_wrote():
    topic = _robotics("robots -survey")
    call_command("prepare")
    topic.refresh_from_db()
    assert topic.query == "robots -survey"


def test_prepare_leaves_an_old_query_whose_new_form_is_another_row():
    topic, own = _robotics(ROBOTS_BEFORE), Interest.objects.create(query=_shipped("robotics"))
    call_command("prepare")
    topic.refresh_from_db()
    own.refresh_from_db()
    assert (topic.query, own.slug) == (ROBOTS_BEFORE, None)


def test_whoever_wrote_what_ships_as_a_topic_later_keeps_it_when_a_curator_rewrites_the_topic():
    query = _shipped("robotics")
    who = reader(query)
    SubscriberInterest.objects.update(added_at=MONDAY)
    call_command("prepare")
    topic = Interest.objects.get(slug="robotics")
    assert who.interests.get() == topic
    Interest.objects.filter(pk=topic.pk).update(query="robots")
    subscribers.keep_own_query(topic, query)
    assert who.interests.get().query == query


def test_prepare_counts_no_topic_as_added_that_a_curator_gave_another_slug(capsys):
    call_command("prepare")
    Interest.objects.filter(slug="robotics").update(slug="robots")
    capsys.readouterr()
    call_command("prepare")
    assert "0 topics added" in capsys.readouterr().out


def test_a_failing_stage_is_booked_as_failed(monkeypatch):
    monkeypatch.setattr(issues, "close_due", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        tasks.run_stage("close", now=MONDAY)
    run = Run.objects.get()
    assert run.state == "FAILED" and "ZeroDivisionError" in run.report["error"]


def test_a_bell_without_a_broker_is_silent_and_returns():
    from time import monotonic

    started = monotonic()
    tasks.ring("send")
    assert monotonic() - started < 30


def test_the_demo_fills_a_new_house_and_only_once(capsys):
    call_command("demo", "--sample", "--at", "2026-11-22T10:00", "--json")
    report = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert report["mode"] == "SAMPLE" and report["papers"] >= 120 and report["candidates"] >= 20
    assert len(report["files"]) == 1
    assert Delivery.objects.get().slot_on.isoformat() == "2026-11-21"
    days = editions.preview(queries=[], now=MONDAY + timedelta(days=6, hours=7))
    assert len(days) == 14 and all(day.count for day in days)
    call_command("demo", "--sample", "--at", "2026-11-22T10:05", "--json")
    assert json.loads(capsys.readouterr().out.strip().splitlines()[-1])["mode"] == "READY"
    assert Delivery.objects.count() == 1
