"""What the open issue makes of its papers' attention, and of new weights."""

from datetime import timedelta

import pytest
from issue_rows import DAY, MONDAY, paper

from newsletter import curation, issues
from newsletter.matching import trend
from newsletter.models import Act, Candidate, Issue, Paper, Sighting, Source, TrendWeights

pytestmark = pytest.mark.django_db


def read(row: Paper, votes: int, *, at) -> None:
    place, _ = Source.objects.get_or_create(slug="daily", defaults={"name": "Daily", "kind": "huggingface"})
    Sighting.objects.create(source=place, paper=row, seen_at=at, listed_on=at.date(), rank=1, upvotes=votes)
    Paper.objects.filter(pk=row.pk).update(upvotes=votes)


def test_what_a_paper_gained_today_is_live_then_frozen():
    row = paper("Rising", at=MONDAY)
    read(row, 4, at=MONDAY)
    issues.gather(now=MONDAY)
    assert Candidate.objects.get().upvotes_gained is None
    read(row, 19, at=MONDAY + timedelta(hours=6))
    issues.close(now=MONDAY + timedelta(hours=7))
    read(row, 90, at=MONDAY + timedelta(hours=9))
    issues.gather(now=MONDAY + timedelta(hours=10))
    frozen = Candidate.objects.get()
    assert (frozen.upvotes, frozen.upvotes_gained) == (19, 15)
    signals = trend.Signals(upvotes=19, upvotes_gained=15, sources=2, age_days=0)
    assert frozen.trend == pytest.approx(trend.trend(signals).total, abs=1e-6)
    again = issues.trend_of(frozen, row, on=MONDAY.date(), weights=trend.Weights())
    assert again.total == pytest.approx(frozen.trend, abs=1e-6)


def test_a_faster_paper_comes_before_one_with_as_many_votes():
    slow, fast = paper("Slow", at=MONDAY), paper("Fast", at=MONDAY)
    for row, before in ((slow, 39), (fast, 2)):
        read(row, before, at=MONDAY - timedelta(hours=20))
        read(row, 40, at=MONDAY)
    issues.gather(now=MONDAY)
    assert [one.paper.title for one in Candidate.objects.order_by("-trend")] == ["Fast", "Slow"]


def test_an_archived_day_knows_no_gain_of_today():
    row = paper("Old", at=MONDAY - 5 * DAY)
    read(row, 4, at=MONDAY - timedelta(hours=8))
    read(row, 19, at=MONDAY - timedelta(hours=1))
    Paper.objects.update(seen_at=MONDAY)
    Sighting.objects.filter(upvotes=None).update(listed_on=MONDAY.date() - 5 * DAY)
    issues.archive(MONDAY.date() - 5 * DAY, now=MONDAY)
    assert Candidate.objects.get(issue__number__lt=0).upvotes_gained is None


def test_new_weights_reorder_what_is_open_and_nothing_that_is_closed():
    voted, starred = paper("Voted", upvotes=30), paper("Starred", stars=900)
    issues.close(now=MONDAY)
    frozen = list(Candidate.objects.order_by("pk").values_list("trend", "weights"))
    paper("Voted later", at=MONDAY + DAY, upvotes=30)
    paper("Starred later", at=MONDAY + DAY, stars=900)
    issues.gather(now=MONDAY + DAY)
    assert curation.change_weights(trend.Weights(stars=2.0), by="mara", now=MONDAY + DAY)
    assert list(Candidate.objects.filter(paper__in=[voted, starred]).order_by("pk").values_list("trend", "weights")) == frozen
    row = TrendWeights.objects.get()
    live = Candidate.objects.filter(issue__state="OPEN").order_by("-trend")
    assert [(one.paper.title, one.weights) for one in live] == [("Starred later", row), ("Voted later", row)]
    assert (row.by, row.stars, row.since_at) == ("mara", 2.0, MONDAY + DAY)
    assert Act.objects.get().details["stars"] == "2"


def test_a_gathering_after_the_change_keeps_the_new_weights():
    paper("Starred", stars=900)
    issues.gather(now=MONDAY)
    curation.change_weights(trend.Weights(stars=2.0), by="mara", now=MONDAY)
    total = Candidate.objects.get().trend
    assert issues.gather(now=MONDAY).updated == 0
    issues.close(now=MONDAY)
    assert Candidate.objects.get().trend == total


def test_the_same_weights_again_leave_no_row_and_no_act():
    issues.gather(now=MONDAY)
    assert not curation.change_weights(trend.Weights(), by="mara", now=MONDAY)
    assert curation.change_weights(trend.Weights(stars=1.0), by="mara", now=MONDAY)
    assert not curation.change_weights(trend.Weights(stars=1.0), by="mara", now=MONDAY)
    assert (TrendWeights.objects.count(), Act.objects.count()) == (1, 1)


def test_the_newest_weights_hold_and_a_login_that_is_an_address_is_cut():
    for stars in (1.0, 3.0, 0.0):
        curation.change_weights(trend.Weights(stars=stars), by="mara@example.org", now=MONDAY)
    assert issues.weights_now()[1] == trend.Weights(stars=0.0)
    assert {row.by for row in TrendWeights.objects.all()} == {"mara@…"}
    assert Issue.objects.count() == 1
