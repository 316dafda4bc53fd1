import os
import re
from datetime import UTC, date, datetime

import pytest
from django.core import serializers

from newsletter.models import Alias, Paper, Sighting, Source
from newsletter.sources import ingest_files
from tests.sources import samples

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)


def test_a_missing_path_is_said():
    report = ingest_files(samples.ROOT / "no" / "such", now=NOW)
    assert report.unreadable and "no such file" in report.files[0].reason


@pytest.mark.parametrize(
    ("name", "data", "outcome", "said"),
    [
        ("x.png", b"\x89PNG\r\n\x1a\n\x00\x00", "SKIPPED", "PNG"),
        ("x.html", b"<!DOCTYPE html><html></html>", "SKIPPED", "web page, but none with papers"),
        ("x.eml", b"From: a\nTo: b\nSubject: c\n\nhello", "SKIPPED", "mail, but neither a listing"),
        ("x.opml", b"<opml version='2.0'/>", "SKIPPED", "list of feeds"),
        (
            "x.xml",
            b"<OAI-PMH xmlns='http://www.openarchives.org/OAI/2.0/'><error code='badArgument'/></OAI-PMH>",
            "BROKEN",
            "badArg",
        ),
        ("x.json", b'{"a": 1}', "SKIPPED", "JSON, but no answer"),
        ("x.json", b'{"a": ', "BROKEN", "JSON"),
        ("x.json", b'[{"paper": {"id": "2601.00001", "ti', "BROKEN", "JSON"),
        ("x.txt", b"hello", "SKIPPED", "no listing"),
        ("x", b"", "BROKEN", "empty"),
        ("x.xml", b"<!DOCTYPE rss [<!ENTITY a 'b'>]><rss/>", "BROKEN", "DTD"),
    ],
)
def test_a_named_file_of_no_use_is_unreadable_with_the_reason(tmp_path, name, data, outcome, said):
    (tmp_path / name).write_bytes(data)
    report = ingest_files(tmp_path / name, now=NOW)
    (one,) = report.files
    assert report.unreadable and report.now == NOW
    assert one.outcome == outcome and re.search(said, one.reason), one
    assert not Source.objects.exists()


def test_a_broken_file_in_a_folder_is_reported_and_the_rest_goes_on(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "2026-03-05.json").write_text('[{"paper": {"id": "2603.00001", "title": "A Study of Careful Readers"}}]')
    (tmp_path / "a" / "b.json").write_text('[{"paper": {"id": "2603')
    (tmp_path / ".hidden.json").write_text("{")
    report = ingest_files(tmp_path, now=NOW)
    assert [(one.file.name, one.outcome) for one in report.files] == [("2026-03-05.json", "FRESH"), ("b.json", "BROKEN")]
    assert not report.unreadable and report.now == datetime(2026, 3, 5, 12, tzinfo=UTC)
    assert Paper.objects.get().listed_on == date(2026, 3, 5)


def test_a_pipe_and_a_link_to_nothing_are_named_and_hold_nobody_up(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dead").symlink_to(tmp_path / "nowhere")
    report = ingest_files(tmp_path, now=NOW)
    assert [(file.file.name, file.outcome) for file in report.files] == [("dead", "SKIPPED"), ("pipe", "SKIPPED")]
    assert report.unreadable


@samples.needed
def test_the_seeds_are_27_cards_and_25_papers():
    report = ingest_files(samples.ROOT / "seeds", now=NOW)
    assert [(one.kind, one.new, one.merged) for one in report.files] == [
        ("snapshot", 8, 0),
        ("snapshot", 9, 0),
        ("snapshot", 8, 2),
    ]
    assert Paper.objects.count() == 25 and report.now == NOW
    again = ingest_files(samples.ROOT / "seeds", now=NOW)
    assert (sum(one.new for one in again.files), Sighting.objects.count()) == (0, 25)


@samples.needed
def test_all_recorded_days_go_into_the_last_one():
    report = ingest_files(samples.ROOT / "hf" / "api", now=NOW)
    assert report.now == datetime(2026, 8, 20, 12, tzinfo=UTC)
    assert [one.file.name for one in report.files if one.outcome != "FRESH"] == ["models-trending.json"]
    assert Paper.objects.count() == sum(want["papers"] for _, want in samples.expected("hf/api/") if "papers" in want)
    assert set(Paper.objects.values_list("listed_on", flat=True)) == {date(2026, 8, 20)}


@samples.needed
def test_the_folder_of_arxiv_is_read_as_far_as_it_can_be_today():
    report = ingest_files(samples.ROOT / "arxiv", now=NOW)
    outcomes = {str(one.file.relative_to(samples.ROOT)): (one.kind, one.outcome) for one in report.files}
    assert outcomes["arxiv/api/id_abc_s0_m100.xml"] == ("arxiv", "BROKEN")
    assert outcomes["arxiv/feed/rss-cs.CL-2026-08-01-weekend-empty.xml"] == ("arxiv", "QUIET")
    assert outcomes["arxiv/list/cs.AI-new-2026-08-12.html"] == ("arxiv", "FRESH")
    assert outcomes["arxiv/oai/generic-badResumptionToken.xml"] == ("arxiv", "BROKEN")
    assert outcomes["arxiv/oai/generic-noRecordsMatch.xml"] == ("arxiv", "QUIET")
    assert {value for name, value in outcomes.items() if name.startswith("arxiv/listing-mail")} == {("mailbox", "FRESH")}
    assert not report.unreadable and Paper.objects.count() > 50


@samples.needed
def test_everything_recorded_is_read_or_named_and_no_row_holds_a_user_or_an_address():
    report = ingest_files(samples.ROOT, now=NOW)
    assert all(
        one.reason.endswith(".") and one.outcome in {"FRESH", "QUIET", "PARTIAL", "BROKEN", "SKIPPED"} for one in report.files
    )
    assert len(report.files) > 100 and Paper.objects.count() > 200
    rows = serializers.serialize(
        "json", [*Paper.objects.all(), *Alias.objects.all(), *Sighting.objects.all(), *Source.objects.all()]
    )
    assert not re.findall(r"[\w.+-]+@[\w-]+\.[a-z]{2,}", rows)
    assert not re.findall(r"avatars/|avatarUrl|isPro\b|followerCount|submittedBy|fullname", rows)
