"""`manage.py trend replay`: recorded days in three orders, from files alone."""

import json
import os
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from newsletter import curation
from newsletter.matching.trend import Signals, Weights, trend
from newsletter.models import Paper, Run, Sighting

pytestmark = pytest.mark.django_db


def item(number: int, votes: int | None, *, comments: int = 0, stars: int | None = None, published: str = "") -> dict:
    paper = {
        "id": f"2611.{number:05}",
        "title": f"Robot number {number}",
        "authors": [{"name": "Ada Bell"}],
        "summary": "It walks.",
    }
    paper |= {"upvotes": votes} if votes is not None else {}
    paper |= {"githubStars": stars} if stars is not None else {}
    paper |= {"publishedAt": f"{published}T08:00:00.000Z"} if published else {}
    return {"paper": paper, "numComments": comments}


def folder(path: Path, **files: list[dict]) -> Path:
    for name, items in files.items():
        (path / f"{name.strip('_').replace('_', '-')}.json").write_text(json.dumps(items), encoding="utf-8")
    return path


def play(path: object, *options: str) -> dict:
    out = StringIO()
    call_command("trend", "replay", str(path), "--json", *options, stdout=out, stderr=StringIO())
    return json.loads(out.getvalue())


def line(day: dict, number: int) -> dict:
    return next(one for one in day["lines"] if one["title"] == f"Robot number {number}")


def test_a_day_has_its_papers_in_three_orders_and_stores_nothing(tmp_path):
    folder(tmp_path, _2026_11_16=[
        item(1, 60, published="2026-11-02"), item(2, 40, comments=6, published="2026-11-16"), item(3, None)])  # fmt: skip
    report = play(tmp_path)
    (day,) = report["days"]
    assert (day["day"], day["papers"], day["readings"]) == ("2026-11-16", 3, 1)
    assert [one["places"] for one in day["lines"]] == [
        {"ours": 1, "votes": 2, "hacker_news": 1}, {"ours": 2, "votes": 1, "hacker_news": 2},
        {"ours": 3, "votes": 3, "hacker_news": 3}]  # fmt: skip
    old = trend(Signals(upvotes=60, comments=0, sources=1, age_days=14))
    assert line(day, 1)["total"] == pytest.approx(old.total) and line(day, 1)["parts"] == pytest.approx(dict(old.parts))
    assert day["with_hacker_news"]["tau"] == 1 and day["with_votes"]["tau"] == pytest.approx(1 / 3)
    assert not (Paper.objects.exists() or Sighting.objects.exists() or Run.objects.exists())


def test_several_readings_of_a_day_say_what_was_gained(tmp_path):
    folder(tmp_path, _2026_11_16_09=[item(1, 4, stars=7), item(2, 30)], _2026_11_16_18=[item(1, 25, stars=9), item(2, 30)],
           _2026_11_16_12=[item(1, 11)])  # fmt: skip
    (day,) = play(tmp_path)["days"]
    signals = line(day, 1)["signals"]
    assert (day["readings"], signals["upvotes"], signals["upvotes_gained"], signals["stars_gained"]) == (3, 25, 21, 2)
    assert line(day, 2)["signals"]["upvotes_gained"] == 0 and line(day, 2)["signals"]["stars_gained"] is None
    assert day["lines"][0]["title"] == "Robot number 1"


def test_a_paper_listed_on_two_days_is_older_on_the_second(tmp_path):
    folder(tmp_path, _2026_11_16=[item(1, 9)], _2026_11_18=[item(1, 12), item(2, 12)])
    first, second = play(tmp_path)["days"]
    assert line(first, 1)["signals"]["age_days"] == line(second, 2)["signals"]["age_days"] == 0
    assert line(second, 1)["signals"]["age_days"] == 2
    assert [one["title"] for one in second["lines"]] == ["Robot number 2", "Robot number 1"]


def test_a_paper_that_two_kinds_of_source_list_is_in_two_places(tmp_path):
    folder(tmp_path, _2026_11_16=[item(1, 9), item(2, 12)])
    entry = "<item><title>Robot number 1</title><link>https://arxiv.org/abs/2611.00001</link><description>It walks.</description></item>"
    feed = f'<rss version="2.0"><channel><title>A blog</title><link>https://blog.example.org</link>{entry}</channel></rss>'
    (tmp_path / "blog-2026-11-16.xml").write_text(feed, encoding="utf-8")
    (day,) = play(tmp_path)["days"]
    assert (day["papers"], day["readings"]) == (2, 2)
    assert line(day, 1)["signals"]["sources"] == 2 and line(day, 1)["places"] == {"ours": 1, "votes": 2, "hacker_news": 2}


def test_days_are_chosen_and_a_block_says_title_votes_comments_total_and_parts(tmp_path):
    folder(tmp_path, _2026_11_16=[item(1, 9)], _2026_11_17=[item(2, 9)], _2026_11_18=[item(3, 7, comments=3)])
    assert [day["day"] for day in play(tmp_path, "--since", "2026-11-17")["days"]] == ["2026-11-17", "2026-11-18"]
    out = StringIO()
    call_command("trend", "replay", str(tmp_path), "--days", "1", "--top", "1", stdout=out, stderr=StringIO())
    said = " ".join(out.getvalue().split())
    assert "2026-11-18 · 1 paper, 1 trending · 1 reading" in said
    assert "1 1 1 Robot number 3 0 7 3 4.00 v 3.00 c 1.00" in said and "number 2" not in said


def test_whatever_leads_in_any_order_is_shown(tmp_path):
    items = [item(number, number, published="2026-11-16") for number in range(1, 21)]
    folder(tmp_path, _2026_11_16=[*items, item(99, 300, published="2025-01-01")])
    day = play(tmp_path, "--top", "2")["days"][0]
    assert {one["title"] for one in day["lines"]} == {"Robot number 20", "Robot number 19", "Robot number 99"}


def test_the_weights_in_force_are_used(tmp_path):
    from django.utils import timezone

    folder(tmp_path, _2026_11_16=[item(1, 30), item(2, 1, stars=900)])
    assert play(tmp_path)["days"][0]["lines"][0]["title"] == "Robot number 1"
    curation.change_weights(Weights(stars=2.0), by="mara", now=timezone.now())
    report = play(tmp_path)
    assert report["weights"]["stars"] == 2 and report["days"][0]["lines"][0]["title"] == "Robot number 2"


def test_what_is_no_day_is_named_and_the_rest_is_played(tmp_path):
    folder(tmp_path, _2026_11_16=[item(1, 9)], undated=[item(2, 9)], _2026_11_17=[item(3, None)])
    (tmp_path / "2026-11-18.json").write_text("[{", encoding="utf-8")
    report = play(tmp_path)
    assert [day["day"] for day in report["days"]] == ["2026-11-16"]
    refused = "\n".join(report["refused"])
    assert "undated.json: it names no day" in refused and "2026-11-18.json: It cannot be read" in refused
    assert "2026-11-17: nobody counts votes" in refused


@pytest.mark.parametrize(
    ("files", "options", "said"),
    [
        ({}, (), "It is empty"),
        ({"undated": [item(1, 9)]}, (), "is a day's list of papers"),
        ({"_2026_11_16": [item(1, None)]}, (), "counts votes"),
        ({"_2026_11_16": [item(1, 9)]}, ("--since", "2026-12-01"), "the newest is 2026-11-16"),
        ({"_2026_11_16": [item(1, 9)]}, ("--since", "yesterday"), "write a day such as"),
        ({"_2026_11_16": [item(1, 9)]}, ("--top", "0"), "numbers from 1"),
        ({"_2026_11_16": [item(1, 9)]}, ("--days", "-1"), "numbers from 1"),
    ],
)
def test_nothing_to_play_is_an_error_that_says_what_to_give(tmp_path, files, options, said):
    with pytest.raises(CommandError, match=said):
        play(folder(tmp_path, **files), *options)


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(CommandError, match="There is no"):
        play(tmp_path / "nowhere")


ROOT = Path(os.environ.get("PAPERROUND_SAMPLES", "")) / "hf" / "api"
recorded = pytest.mark.skipif(
    not (os.environ.get("PAPERROUND_SAMPLES") and ROOT.is_dir()),
    reason="PAPERROUND_SAMPLES names no folder of recorded answers",
)


@recorded
def test_recorded_answers_are_played():
    report = play(ROOT, "--top", "50")
    days = {day["day"]: day for day in report["days"]}
    assert {"2024-05-27": 13, "2025-03-11": 26, "2026-06-16": 34}.items() <= {d: day["papers"] for d, day in days.items()}.items()
    for day in days.values():
        assert [one["places"]["ours"] for one in day["lines"]] == list(range(1, day["papers"] + 1))
        by_votes = sorted(day["lines"], key=lambda one: one["places"]["votes"])
        votes = [one["signals"]["upvotes"] or 0 for one in by_votes]
        assert votes == sorted(votes, reverse=True)
        for one in day["lines"]:
            assert one["total"] == pytest.approx(sum(one["parts"].values()))
    assert any("models-trending.json" in said for said in report["refused"])


@recorded
def test_the_document_says_of_the_recorded_days_what_the_command_measures():
    days = play(ROOT)["days"]
    papers, ours = sum(day["papers"] for day in days), sum(day["trending"] for day in days)
    several = [day for day in days if day["papers"] > 1]
    with_votes, with_hn = ([day[name]["tau"] for day in several] for name in ("with_votes", "with_hacker_news"))
    same = sum(day["with_votes"]["shared"] / day["with_votes"]["head"] for day in days) / len(days)
    measured = [
        str(len(days)), str(papers), *(f"{sum(taus) / len(taus):.2f} ({min(taus):.2f})" for taus in (with_votes, with_hn)),
        f"{same:.0%}".replace("%", " %"), f"{ours / papers:.0%}".replace("%", " %"),
    ]  # fmt: skip
    document = Path(__file__).parent.parent / "docs" / "trending.md"
    assert f"| single days of 2024 to 2026 | {' | '.join(measured)} |" in document.read_text(encoding="utf-8")
