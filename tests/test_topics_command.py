"""`manage.py topics check`: the database or saved responses, the shipped queries or the edited ones, and what it refuses."""

import json
from datetime import date, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from newsletter.models import Alias, Interest, Paper, Run

pytestmark = pytest.mark.django_db

FEED = Path(__file__).parents[1] / "newsletter" / "sources" / "sample" / "hf-daily" / "d00.json"


@pytest.fixture
def labels(tmp_path) -> Path:
    """Two relevant papers and one that is not; only the abstracts say so."""
    return _written(
        tmp_path / "labels.jsonl",
        ("arxiv:2405.00001", "Walking", True),
        ("", "On walking", True),
        ("", "Walking away", False),
    )


def _written(path: Path, *labels: tuple[str, str, bool]) -> Path:
    lines = [
        json.dumps({"topic": "robotics", "id": id, "title": title, "relevant": relevant, "kept": False}, ensure_ascii=False)
        for id, title, relevant in labels
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _paper(title: str, abstract: str, **values) -> Paper:
    return Paper.objects.create(title=title, abstract=abstract, listed_on=date(2026, 11, 16), seen_at=timezone.now(), **values)


def _check(capsys, *words: object) -> dict:
    call_command("topics", "check", "--json", *map(str, words))
    return json.loads(capsys.readouterr().out)


def _robotics(report: dict) -> dict:
    return next(row for row in report["topics"] if row["slug"] == "robotics")


def test_labelled_papers_are_found_in_the_database_by_alias_or_exact_title(labels, capsys):
    Alias.objects.create(scheme="arxiv", value="2405.00001", paper=_paper("Renamed since", "A robot walks."))
    _paper("On walking", "A quadruped walks.")
    report = _check(capsys, "--labels", labels)
    assert _robotics(report)["tuning"] == {"found": 2, "wrong": 0, "missed": 0, "rest": 1, "precision": 1.0, "recall": 1.0}
    assert (report["papers"], report["by_title"]) == (3, 1)


def test_a_merged_paper_is_read_as_the_one_it_lives_on_in(labels, capsys):
    survivor = _paper("Legs", "A robot walks.")
    Alias.objects.create(scheme="arxiv", value="2405.00001", paper=_paper("Walking", "", merged_into=survivor))
    assert _robotics(_check(capsys, "--labels", labels))["tuning"]["found"] == 1


def test_saved_responses_are_read_and_nothing_is_stored(tmp_path, capsys):
    shown = json.loads(FEED.read_text(encoding="utf-8"))[0]["paper"]
    path = _written(tmp_path / "labels.jsonl", (f"arxiv:{shown['id']}", "Another title", False), ("", "Unheard of", False))
    report = _check(capsys, "--labels", path, "--papers", FEED)
    assert (report["papers"], report["by_title"]) == (2, 1)
    assert not Paper.objects.exists() and not Alias.objects.exists()


def test_records_of_one_paper_in_two_files_are_one_document(tmp_path, capsys):
    record = {"paper": {"id": "2405.00001", "title": "Walking", "authors": [], "summary": ""}, "title": "Walking"}
    fuller = {"paper": {"id": "2405.00001", "title": "Walking", "authors": [], "summary": "A robot walks."}, "title": "Walking"}
    for name, value in (("a.json", record), ("b.json", fuller)):
        (tmp_path / name).write_text(json.dumps([value]), encoding="utf-8")
    labels = _written(tmp_path / "labels.jsonl", ("arxiv:2405.00001", "Walking", True))
    report = _check(capsys, "--labels", labels, "--papers", tmp_path / "a.json", tmp_path / "b.json")
    assert (_robotics(report)["tuning"]["found"], report["by_title"]) == (1, 0)


def test_topics_are_measured_as_curators_left_them_unless_the_shipped_ones_are_asked_for(labels, capsys):
    _paper("Walking", "A robot walks.")
    Interest.objects.create(query="tea", slug="robotics", name="Robotics")
    assert _robotics(_check(capsys, "--labels", labels))["tuning"]["found"] == 0
    assert _robotics(_check(capsys, "--labels", labels, "--shipped"))["tuning"]["found"] == 1


def test_labels_of_a_topic_that_is_gone_are_counted(labels, capsys):
    Interest.objects.create(query="tea", slug="tea", name="Tea")
    report = _check(capsys, "--labels", labels)
    assert report["labels_of_no_topic"] == 3
    assert report["topics"][0]["by"] == "unmeasured"


def test_a_topic_without_labels_is_measured_by_categories_of_the_stored_papers(labels, capsys):
    for number in range(3):
        _paper(f"Join {number}", "On SQL." if number else "", categories=["cs.DB"])
    row = next(row for row in _check(capsys, "--labels", labels)["topics"] if row["slug"] == "databases")
    assert (row["by"], row["tuning"]["found"], row["tuning"]["missed"]) == ("categories", 2, 1)


def test_the_table_says_how_every_topic_was_measured_and_both_macro_figures(labels, capsys):
    call_command("topics", "check", "--labels", str(labels))
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:2] == ["robotics", "labels"] for line in lines)
    assert any(line.split()[:2] == ["databases", "unmeasured"] for line in lines)
    assert "macro, tuning part: precision 0.00, recall 0.00 of 1 topics" in lines
    assert "macro, kept part: precision –, recall – of 0 topics" in lines
    assert "3 labelled papers, 3 of them judged by their title alone" in lines


def test_failures_are_named_on_request(labels, capsys):
    call_command("topics", "check", "--labels", str(labels), "--failures")
    assert "robotics - On walking" in capsys.readouterr().out.splitlines()


def test_titles_alone_can_be_asked_for(labels, capsys):
    _paper("Walking", "A robot walks.")
    report = _check(capsys, "--labels", labels, "--titles")
    assert (_robotics(report)["tuning"]["found"], report["by_title"]) == (0, 3)


def test_the_shipped_labels_are_the_default_and_a_run_is_left(capsys):
    report = _check(capsys, "--at", "2026-11-16T12:00")
    assert sum(row["by"] == "labels" for row in report["topics"]) == 20
    run = Run.objects.get()
    assert (run.stage, run.as_of) == ("topics", datetime.fromisoformat("2026-11-16T12:00+00:00"))
    assert run.report["macro"] == report["macro"]


def test_a_bad_labels_file_is_refused_by_line_with_its_remedy(tmp_path):
    path = tmp_path / "labels.jsonl"
    path.write_text('{"topic": "robotics", "id": "", "title": "A", "relevant": 1, "kept": false}', encoding="utf-8")
    with pytest.raises(CommandError, match=r"labels\.jsonl, line 1: “relevant” must be true or false, as in"):
        call_command("topics", "check", "--labels", str(path))


@pytest.mark.parametrize(("content", "said"), [(None, "No such file"), (b"\xff\xfe\x00", "no UTF-8 text")])
def test_a_labels_file_that_cannot_be_read_is_refused(tmp_path, content, said):
    path = tmp_path / "labels.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CommandError, match=f"{said}.*give --labels a file of JSON lines"):
        call_command("topics", "check", "--labels", str(path))


def test_a_folder_of_papers_that_is_not_there_is_refused(labels, tmp_path):
    with pytest.raises(CommandError, match="give --papers a file or folder"):
        call_command("topics", "check", "--labels", str(labels), "--papers", str(tmp_path / "nothing"))
