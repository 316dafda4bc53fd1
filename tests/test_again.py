"""What looks back: who gets a paper later, once, with the reason on the card; and what stays silent."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from issue_rows import DAY, MONDAY, paper, reader, sight, source
from pytest_httpserver import HTTPServer
from werkzeug import Response

from newsletter import curation, editions, issues, subscribers, tasks
from newsletter.issues import _risen
from newsletter.matching import trend
from newsletter.models import (
    Alias,
    Baseline,
    Candidate,
    Delivery,
    Edition,
    Issue,
    Outcome,
    Paper,
    PinScope,
    Run,
    Sighting,
    Source,
    Subscriber,
)

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
TUESDAY, WEDNESDAY, THURSDAY = (MONDAY + days * DAY for days in (1, 2, 3))
BY = "mara"


def end_of(day: datetime, *, but: object = None) -> dict[object, list[str]]:
    """The issue closes at 04:00, copies are planned and accepted at 07:00: reader -> titles. That of `but` fails."""
    issues.gather(now=day)
    issues.close(now=day + HOUR)
    editions.plan(now=day + 4 * HOUR)
    pending = Delivery.objects.filter(state="PENDING")
    pending.filter(subscriber=but).update(state="FAILED", as_of=day + 4 * HOUR)
    titles = dict(Paper.objects.values_list("id", "title"))
    got = {copy.subscriber: [titles[pick[1]] for pick in copy.edition.picks] for copy in pending.select_related("edition")}
    pending.update(state="SENT", as_of=day + 4 * HOUR)
    return got


def whys(who) -> list[str]:
    """Why each paper of the reader's newest copy comes later, as its card says before the match."""
    newest = Delivery.objects.filter(subscriber=who).order_by("-id").first()
    return [pick[3].rpartition(" · ")[0] for pick in Edition.objects.get(pk=newest.edition_id).picks]


def again(row: Paper) -> list[tuple[int, list[str], str]]:
    rows = Candidate.objects.filter(paper=row, kind="AGAIN").order_by("id")
    return [(one.issue.number, one.reasons, one.why) for one in rows.select_related("issue")]


def counts(row: Paper, upvotes: int, *, at: datetime, seen_by: str = "daily", on: datetime | None = None) -> None:
    """A reading of a source that counts votes; the source is well."""
    place = source(seen_by)
    Source.objects.filter(pk=place.pk).update(outcome=Outcome.FRESH, checked_at=at)
    day = (on or MONDAY).date()
    Sighting.objects.create(source=place, paper=row, seen_at=at, listed_on=day, rank=1, upvotes=upvotes)
    Paper.objects.filter(pk=row.pk).update(upvotes=upvotes)


# TRUE


def test_three_votes_on_monday_and_twelve_on_wednesday_are_in_wednesdays_copy_and_on_no_other_day():
    row = paper("Robotics for the kitchen", upvotes=3)
    waits, had = reader("robotics upvotes>10"), reader("robotics")
    assert end_of(MONDAY) == {had: ["Robotics for the kitchen"]}
    assert end_of(TUESDAY) == {}
    Paper.objects.update(upvotes=12)
    assert end_of(WEDNESDAY) == {waits: ["Robotics for the kitchen"]}
    assert whys(waits) == ["now 12 votes"]
    Paper.objects.update(upvotes=40)
    assert end_of(THURSDAY) == {}
    assert again(row) == [(3, ["TRUE"], "now 12 votes")]


@pytest.mark.parametrize(
    ("query", "change", "said"),
    [
        ("robot has:code", {"has_code": True}, "now with code"),
        ("robot has:project", {"project_url": "https://example.org/robot"}, "now with a project page"),
        ("robot stars>100", {"stars": 101}, "now 101 stars"),
        ("robot comments>=1", {"comments": 1}, "now 1 comment"),
        ("is:trending", {"upvotes": 40}, "now trending with 40 votes"),
        ("robot (stars>100 OR upvotes>30)", {"upvotes": 31}, "now 31 votes"),
    ],
)
def test_any_signal_can_make_an_interest_true(query, change, said):
    paper("A robot folds laundry")
    who = reader(query)
    end_of(MONDAY)
    Paper.objects.update(**change)
    assert end_of(TUESDAY) == {who: ["A robot folds laundry"]}
    assert whys(who) == [said]
    assert end_of(WEDNESDAY) == {}


def test_a_source_that_shows_it_later_makes_an_interest_in_the_source_true():
    row = paper("A robot folds laundry")
    who = reader('robot source:"lab blog"')
    end_of(MONDAY)
    sight(row, at=TUESDAY, seen_by="lab-blog")
    assert end_of(TUESDAY) == {who: ["A robot folds laundry"]}
    assert whys(who) == ["now on lab-blog"]


def test_the_reader_who_chose_nothing_waits_for_what_trends():
    paper("A robot folds laundry", upvotes=2)
    default, topic = reader(), reader("robot")
    assert end_of(MONDAY) == {topic: ["A robot folds laundry"]}
    Paper.objects.update(upvotes=60)
    assert end_of(TUESDAY) == {default: ["A robot folds laundry"]}


def test_what_no_active_reader_waits_for_makes_no_row():
    row = paper("A robot folds laundry", upvotes=3)
    reader("robot upvotes>10", status="LEFT")
    reader("biology upvotes>10")
    end_of(MONDAY)
    Paper.objects.update(upvotes=60)
    end_of(TUESDAY)
    assert again(row) == []


@pytest.mark.parametrize("query", ["robot age>1d", "robot -is:trending", "robot (upvotes>100 OR age>=2d)", "robot -age<2d"])
def test_time_alone_makes_nothing_true(query):
    row = paper("A robot folds laundry", upvotes=12, comments=1)
    reader(query)
    for day in range(6):
        Paper.objects.update(comments=1 + day)  # a signal moves every day, so that the paper is looked at
        end_of(MONDAY + day * DAY)
    assert again(row) == []


def test_signals_that_fall_back_before_the_close_take_the_reason_away():
    row = paper("A robot folds laundry", upvotes=3)
    reader("robot upvotes>10")
    end_of(MONDAY)
    Paper.objects.update(upvotes=12)
    assert issues.gather(now=TUESDAY).again == 1
    assert again(row) == [(2, ["TRUE"], "now 12 votes")]
    Paper.objects.update(upvotes=9)
    assert end_of(TUESDAY) == {}
    assert again(row) == []


def test_a_row_that_a_curator_touched_outlives_its_reason():
    pinned, hidden = paper("A robot folds laundry", upvotes=3), paper("A robot cooks", upvotes=3)
    reader("robot upvotes>10")
    end_of(MONDAY)
    Paper.objects.update(upvotes=12)
    issues.gather(now=TUESDAY)
    curation.pin_paper(pinned, scope=PinScope.MATCHING, by=BY, now=TUESDAY)
    curation.hide(Candidate.objects.get(paper=hidden, kind="AGAIN"), by=BY, now=TUESDAY)
    Paper.objects.update(upvotes=9)
    issues.gather(now=TUESDAY + HOUR)
    assert again(pinned) == [(2, ["PINNED"], "picked by the editors")]
    assert again(hidden) == [(2, ["TRUE"], "now 12 votes")]
    curation.unpin(Candidate.objects.get(paper=pinned, kind="AGAIN"), by=BY, now=TUESDAY)
    assert again(pinned) == []


def test_reasons_are_a_set_and_the_loudest_is_on_the_card():
    row = paper("A robot folds laundry")
    who = reader("robot upvotes>10")
    end_of(MONDAY)
    counts(row, 12, at=TUESDAY)
    assert again(row) == []
    issues.gather(now=TUESDAY)
    sight(row, at=TUESDAY + HOUR / 2, seen_by="trends", trending=True)
    end_of(TUESDAY)
    assert again(row) == [(2, ["LISTED", "TRUE"], "now on trends")]
    assert whys(who) == ["now on trends"]


def test_changed_weights_make_nothing_true():
    row = paper("A robot folds laundry", upvotes=6)
    reader()
    end_of(MONDAY)
    issues.reweigh(trend.Weights(upvotes=4.0), by="ada", now=MONDAY + HOUR)
    Paper.objects.update(upvotes=7)
    issues.gather(now=MONDAY + 2 * HOUR)
    end_of(TUESDAY)
    assert again(row) == []


def test_nothing_comes_true_thirty_one_days_after_the_first_listing():
    old, just = paper("A robot of old", upvotes=3), paper("A robot of now", at=MONDAY + DAY, upvotes=3)
    reader("robot upvotes>10")
    end_of(MONDAY)
    end_of(TUESDAY)
    Paper.objects.update(upvotes=12)
    issues.gather(now=MONDAY + 31 * DAY)
    assert (again(old), [number for number, *_ in again(just)]) == ([], [3])


@pytest.mark.parametrize("change", [{"withdrawn_at": TUESDAY}, {"merged": True}])
def test_what_is_withdrawn_or_merged_does_not_come_true(change):
    row = paper("A robot folds laundry", upvotes=3)
    reader("robot upvotes>10")
    end_of(MONDAY)
    if change.pop("merged", None):
        change["merged_into"] = paper("Another", at=TUESDAY)
    Paper.objects.filter(pk=row.pk).update(upvotes=12, **change)
    issues.gather(now=TUESDAY)
    assert again(row) == []


def test_a_hidden_paper_comes_only_when_it_is_restored():
    row = paper("A robot folds laundry", upvotes=3)
    waits, late = reader("robot upvotes>10"), reader("robot")
    issues.gather(now=MONDAY)
    issues.close(now=MONDAY + HOUR)
    hidden = curation.hide(Candidate.objects.get(paper=row), by=BY, now=MONDAY + 2 * HOUR)
    assert editions.plan(now=MONDAY + 4 * HOUR).excluded == {"EMPTY": 2}
    assert end_of(TUESDAY) == {}
    Paper.objects.update(upvotes=12)
    sight(row, at=WEDNESDAY, seen_by="trends", trending=True)
    assert end_of(WEDNESDAY) == {}
    curation.restore(hidden, by=BY, now=THURSDAY)
    assert end_of(THURSDAY) == {waits: ["A robot folds laundry"], late: ["A robot folds laundry"]}
    assert again(row) == [(4, ["RESTORED"], "held back at first, restored by the editors")]


def test_a_paper_whose_copy_failed_is_not_lost_and_not_doubled_when_it_comes_true():
    paper("A robot folds laundry", upvotes=12)
    who = reader("robot upvotes>10", "robot")
    end_of(MONDAY, but=who)
    Paper.objects.update(upvotes=50)
    assert end_of(TUESDAY) == {who: ["A robot folds laundry"]}
    assert end_of(WEDNESDAY) == {}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(votes=st.lists(st.none() | st.integers(0, 40), min_size=3, max_size=5), threshold=st.integers(0, 39))
def test_whatever_votes_do_each_reader_has_the_paper_once_from_the_first_day_on_that_it_matches(votes, threshold):
    from django.db import transaction

    with transaction.atomic():
        paper("A robot folds laundry", upvotes=votes[0])
        who = reader(f"robot upvotes>{threshold}", days=0b1111111)
        days = []
        for number, count in enumerate(votes):
            Paper.objects.update(upvotes=count)
            if who in end_of(MONDAY + number * DAY):
                days.append(number)
        first = next((number for number, count in enumerate(votes) if count is not None and count > threshold), None)
        assert days == ([] if first is None else [first])
        transaction.set_rollback(True)


# Several candidates in one window


def test_a_weekly_reader_gets_what_any_candidate_of_the_window_matched():
    row = paper("A robot folds laundry", upvotes=3)
    weekly, others = reader("robot -upvotes>5", days=0b0000100), reader("robot upvotes>10")
    assert end_of(MONDAY) == {}
    Paper.objects.update(upvotes=12)
    assert end_of(TUESDAY) == {others: ["A robot folds laundry"]}
    assert end_of(WEDNESDAY) == {weekly: ["A robot folds laundry"]}
    candidate, _, _, reason = Edition.objects.get(deliveries__subscriber=weekly).picks[0]
    assert Candidate.objects.get(pk=candidate).issue.number == again(row)[0][0]  # the newest gives signals and summary
    assert "matches “robot” (title)" in reason


def test_an_earlier_candidate_says_nothing_to_a_reader_whose_window_begins_after_it():
    paper("A robot folds laundry", upvotes=3)
    reader("robot upvotes>10")
    end_of(MONDAY)
    reader("robot -upvotes>5", at=MONDAY + 5 * HOUR)
    Paper.objects.update(upvotes=12)
    assert len(end_of(TUESDAY)) == 1


def test_of_two_candidates_that_match_the_newer_one_is_shown_once():
    paper("A robot folds laundry", upvotes=3)
    weekly, _ = reader("robot", "robot upvotes<5", days=0b0000100), reader("robot upvotes>10")
    end_of(MONDAY)
    Paper.objects.update(upvotes=12)
    end_of(TUESDAY)
    assert end_of(WEDNESDAY) == {weekly: ["A robot folds laundry"]}


# LISTED


def test_listed_by_hugging_face_before_the_cut_off_it_leaves_that_morning_after_it_the_next():
    early, late = paper("A robot folds laundry"), paper("A robot cooks")
    topic, trending = reader("robot"), reader()
    assert list(end_of(MONDAY)) == [topic]
    assert end_of(TUESDAY) == {}
    Paper.objects.update(upvotes=30)
    Paper.objects.filter(pk=late.pk).update(upvotes=None)
    sight(early, at=WEDNESDAY - HOUR, seen_by="daily", trending=True)
    assert end_of(WEDNESDAY) == {trending: ["A robot folds laundry"]}
    assert whys(trending) == ["now on daily"]
    Paper.objects.update(upvotes=60)
    sight(late, at=WEDNESDAY + 2 * HOUR, seen_by="daily", trending=True)
    assert end_of(THURSDAY) == {trending: ["A robot cooks"]}
    assert end_of(THURSDAY + DAY) == {}


# RISEN


def _old_hand(*queries: str):
    """A reader who joined after the paper was new."""
    return reader(*queries, at=TUESDAY + 5 * HOUR)


def test_a_paper_whose_votes_multiply_in_a_day_comes_again_to_who_has_not_had_it_and_says_so():
    row = paper("A robot folds laundry")
    had = reader("robot")
    counts(row, 12, at=MONDAY)
    end_of(MONDAY)
    counts(row, 13, at=TUESDAY)
    end_of(TUESDAY)
    joined, other = _old_hand("robot"), _old_hand("biology")
    counts(row, 140, at=WEDNESDAY)
    assert end_of(WEDNESDAY) == {joined: ["A robot folds laundry"]}
    assert whys(joined) == ["rose from 13 to 140 votes in a day"]
    assert again(row) == [(3, ["RISEN"], "rose from 13 to 140 votes in a day")]
    assert not Delivery.objects.filter(subscriber=other).exists() and Delivery.objects.filter(subscriber=had).count() == 1


def _days(row: Paper, *votes: int | None) -> list[tuple[int, list[str], str]]:
    """One reading and one close a day from Monday on; None: nothing was read that day."""
    for number, count in enumerate(votes):
        day = MONDAY + number * DAY
        if count is not None:
            counts(row, count, at=day)
        end_of(day)
    return again(row)


def test_a_paper_breaks_out_once_ever():
    row = paper("A robot folds laundry")
    assert [number for number, *_ in _days(row, 2, 2, 40, 40, 400, 4000)] == [3]


@pytest.mark.parametrize(
    ("votes", "why"),
    [
        ((5, 60), "its first day"),
        ((5, 5, 22), "too few votes"),
        ((20, 20, 79), "less than two doublings"),
        ((5, 5, None, None, 300), "its source was not read for two days"),
        ((None, None, None, 300), "the first reading of a signal"),
        ((90, 90, 1, 90), "the source mistook itself"),
    ],
)
def test_no_break_out(votes, why):
    row = paper("A robot folds laundry")
    assert _days(row, *votes) == [], why


def test_after_fourteen_days_no_paper_breaks_out():
    row = paper("A robot folds laundry", at=MONDAY - 14 * DAY)
    Paper.objects.update(listed_on=(MONDAY - 13 * DAY).date())
    assert [number for number, *_ in _days(row, 5, 40)] == [2]
    Paper.objects.update(listed_on=(MONDAY - 14 * DAY).date())
    Candidate.objects.filter(kind="AGAIN").delete()
    Baseline.objects.all().delete()
    for number, count in enumerate((40, 400)):
        counts(row, count, at=MONDAY + (number + 2) * DAY)
        end_of(MONDAY + (number + 2) * DAY)
    assert again(row) == []


@pytest.mark.parametrize("outcome", [Outcome.BROKEN, Outcome.PARTIAL, Outcome.NEVER])
def test_a_source_that_is_not_well_at_the_close_begins_no_day(outcome):
    row = paper("A robot folds laundry")
    _days(row, 5)
    counts(row, 5, at=TUESDAY)
    Source.objects.filter(slug="daily").update(outcome=outcome)
    end_of(TUESDAY)
    counts(row, 300, at=WEDNESDAY)
    end_of(WEDNESDAY)
    assert again(row) == []


def test_a_list_that_shows_it_anew_after_a_gap_breaks_nothing_out():
    row = paper("A robot folds laundry")
    counts(row, 5, at=MONDAY, on=MONDAY)
    end_of(MONDAY)
    for day in (TUESDAY, WEDNESDAY, THURSDAY):
        Source.objects.filter(slug="daily").update(checked_at=day)
        end_of(day)
    counts(row, 300, at=THURSDAY + DAY, on=THURSDAY + DAY)
    end_of(THURSDAY + DAY)
    assert again(row) == []


def test_one_source_is_not_compared_with_another_and_points_are_called_points():
    row = paper("A robot folds laundry")
    Source.objects.create(slug="hn", name="Hacker News", kind="hackernews")
    for number, points in enumerate((2, 2)):
        counts(row, points, at=MONDAY + number * DAY, seen_by="hn")
        end_of(MONDAY + number * DAY)
    counts(row, 300, at=WEDNESDAY, seen_by="daily")
    issues.gather(now=WEDNESDAY)
    assert again(row) == []
    counts(row, 90, at=WEDNESDAY, seen_by="hn")
    issues.gather(now=WEDNESDAY)
    assert again(row)[0][1:] == (["RISEN"], "rose from 2 to 90 points on Hacker News in a day")


def test_votes_that_a_merge_brings_are_no_rise():
    row, other = paper("A robot folds laundry"), paper("The same robot")
    for number in range(2):
        counts(row, 5, at=MONDAY + number * DAY)
        counts(other, 200, at=MONDAY + number * DAY)
        end_of(MONDAY + number * DAY)
    for each in (row, other):
        Alias.objects.create(scheme="title", value=each.title, paper=each)
    curation.merge(other, row, by=BY, now=TUESDAY + 5 * HOUR)
    end_of(WEDNESDAY)
    assert not any("RISEN" in found for _, found, _ in again(row))


def test_five_break_outs_a_day_the_steepest_also_when_a_curator_closes_in_between():
    rows = [paper(f"Robot number {number}") for number in range(8)]
    for number in range(2):
        for row in rows:
            counts(row, 5, at=MONDAY + number * DAY)
        end_of(MONDAY + number * DAY)
    for place, row in enumerate(rows):
        counts(row, 100 + place, at=TUESDAY + 3 * HOUR)
    issues.close(now=TUESDAY + 4 * HOUR)
    came = Candidate.objects.filter(kind="AGAIN").order_by("paper").values_list("paper", flat=True)
    assert list(came) == [row.pk for row in rows[3:]]
    issues.close(now=TUESDAY + 5 * HOUR)
    assert Candidate.objects.filter(kind="AGAIN").count() == 5
    end_of(WEDNESDAY)
    assert Candidate.objects.filter(kind="AGAIN").count() == 5


DOCUMENT = Path(__file__).parents[1] / "docs" / "trending.md"


def published() -> list[list[str]]:
    """The examples of the section Break-outs: votes before and now, doublings, yes or no."""
    section = DOCUMENT.read_text(encoding="utf-8").partition("## Break-outs")[2].partition("\n## ")[0]
    table = section[section.index("| votes when the day began") :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


@pytest.mark.parametrize("row", published(), ids=lambda row: " to ".join(row[:2]))
def test_an_example_of_the_document_is_true(row):
    before, after, doublings, verdict = row
    one = paper("A robot folds laundry")
    assert bool(_days(one, *(() if before == "-" else (int(before),) * 2), int(after))) is (verdict == "yes")
    if before != "-":
        assert f"{_risen.Rise(int(before), int(after)).doublings():.2f}" == doublings


def test_changed_weights_break_nothing_out():
    row = paper("A robot folds laundry")
    assert _days(row, 5, 5) == []
    issues.reweigh(trend.Weights(upvotes=10.0), by="ada", now=WEDNESDAY - HOUR)
    counts(row, 9, at=WEDNESDAY)
    end_of(WEDNESDAY)
    assert again(row) == []


# Who has not had it: pins, splits, merges, catch-up, best of the week


def test_a_pin_to_everyone_reaches_all_who_have_not_had_it_once():
    row = paper("A robot folds laundry")
    had, has_none = reader("robot"), reader("biology")
    end_of(MONDAY)
    curation.pin_paper(row, scope=PinScope.EVERYONE, by=BY, now=TUESDAY)
    paper("The robot and its biology", at=TUESDAY)
    got = end_of(TUESDAY)
    assert got == {had: ["The robot and its biology"], has_none: ["A robot folds laundry", "The robot and its biology"]}
    paper("More biology of the robot", at=WEDNESDAY)
    curation.pin_paper(row, scope=PinScope.EVERYONE, by=BY, now=WEDNESDAY)
    assert end_of(WEDNESDAY) == {had: ["More biology of the robot"], has_none: ["More biology of the robot"]}


def test_a_pin_to_matching_readers_says_who_picked_it():
    row = paper("A robot folds laundry")
    end_of(MONDAY)
    joined = reader("robot", at=MONDAY + 5 * HOUR)
    curation.pin_paper(row, scope=PinScope.MATCHING, by=BY, now=TUESDAY)
    assert end_of(TUESDAY) == {joined: ["A robot folds laundry"]}
    assert whys(joined) == ["picked by the editors"]


def test_the_parts_of_a_split_and_of_a_merge_reach_who_had_neither():
    one, other = paper("A robot folds laundry"), paper("A robot cooks")
    for each in (one, other):
        Alias.objects.create(scheme="title", value=each.title, paper=each)
        Alias.objects.create(scheme="doi", value=f"10.1000/{each.pk}", paper=each)
    had = reader("robot")
    end_of(MONDAY)
    joined = reader("robot", at=MONDAY + 5 * HOUR)
    curation.merge(other, one, by=BY, now=TUESDAY)
    assert end_of(TUESDAY) == {}
    own = curation.split(one, list(one.aliases.filter(home=other)), by=BY, now=WEDNESDAY)
    assert own == other
    got = end_of(WEDNESDAY)
    assert (set(got), set(got[joined])) == ({joined}, {"A robot folds laundry", "A robot cooks"})
    assert whys(joined) == ["taken for another paper at first"] * 2
    assert end_of(THURSDAY) == {}
    assert Delivery.objects.filter(subscriber=had).count() == 1


def test_a_new_interest_catches_up_with_what_its_reader_has_not_had_and_says_so():
    paper("A robot folds laundry")
    paper("A robot speaks")
    who = reader("speaks")
    assert end_of(MONDAY) == {who: ["A robot speaks"]}
    subscribers.change(who, now=MONDAY + 5 * HOUR, interests=["speaks", "robot"])
    assert end_of(TUESDAY) == {who: ["A robot folds laundry"]}
    assert whys(who) == ["of the last days, for your new interest"]
    assert end_of(WEDNESDAY) == {}


def test_the_best_of_the_week_says_so():
    paper("A robot folds laundry")
    end_of(MONDAY)
    who = reader("robot", at=MONDAY + 5 * HOUR, empty_day="BEST")
    assert end_of(TUESDAY) == {who: ["A robot folds laundry"]}
    assert whys(who) == ["best of the week"]
    assert end_of(WEDNESDAY) == {who: []}


# Back-fill


def _lists(server: HTTPServer, path: str, days: dict[str, list[dict]]) -> dict[str, str]:
    """The address of a server that has these papers by day, as Hugging Face answers."""
    server.expect_request(path).respond_with_handler(lambda request: Response(json.dumps(days.get(request.args["date"], []))))
    return {"url": server.url_for(path)}


def _entry(number: int, votes: int | None) -> dict:
    entry = {"id": f"2608.{number:05d}", "title": f"A Robot of Many Uses, Number {number}", "authors": [{"name": "Ada Example"}]}
    return {"paper": entry | ({"upvotes": votes} if votes is not None else {})}


@pytest.fixture
def server(settings, monkeypatch):
    settings.ALLOW_PRIVATE_FETCH = True
    monkeypatch.setattr("newsletter.sources.polite._robots.delay", lambda url, read: 0.0)
    monkeypatch.setattr("ssl.SSLContext.load_verify_locations", lambda *args, **more: None)  # plain http; 50 ms a request
    with HTTPServer() as one:
        yield one


def test_ninety_days_of_back_fill_mail_nobody_and_offer_nothing(server):
    past = [MONDAY - days * DAY for days in range(90, 0, -1)]
    plain = {f"{day:%Y-%m-%d}": [_entry(number, None)] for number, day in enumerate(past)}
    voted = {f"{day + 2 * DAY:%Y-%m-%d}": [_entry(number, 50)] for number, day in enumerate(past)}
    for slug, days, trending in (("listing", plain, False), ("daily", voted, True)):
        params = _lists(server, f"/{slug}", days)
        Source.objects.create(slug=slug, name=slug, kind="huggingface", params=params, is_trending=trending)
    for queries in ((), ("robot",), ("robot upvotes>10",), ("source:daily",)):
        reader(*queries)
    offered = Paper.objects.create(title=_entry(80, None)["paper"]["title"], listed_on=past[80].date(), seen_at=past[80])
    Alias.objects.create(scheme="arxiv", value="2608.00080", paper=offered)
    issues.close(now=MONDAY - HOUR)  # it was new before, without votes; the back-fill finds where it trended
    filled = 0
    for since in (past[60], past[0]):  # both sources for a month, then one for the whole quarter
        filled += sum(report.new + report.merged for _, report in tasks.backfill(since=since.date(), now=MONDAY))
        Source.objects.filter(slug="listing").update(enabled=False)
    assert filled >= 115 and Paper.objects.count() == 90 and offered.candidates.count() > 1
    Subscriber.objects.update(confirmed_at=MONDAY)
    for day in (MONDAY, TUESDAY):
        issues.gather(now=day)
        assert Candidate.objects.filter(issue__state="OPEN").count() == 0
        assert end_of(day) == {}
    assert Run.objects.filter(stage="plan").order_by("-id").first().excluded == {"EMPTY": 4}


def test_a_day_that_is_back_filled_after_a_paper_came_true_takes_it_away_from_nobody():
    row = paper("A robot folds laundry", upvotes=3)
    who = reader("robot upvotes>10")
    end_of(MONDAY)
    Paper.objects.update(upvotes=12)
    issues.gather(now=TUESDAY)
    issues.archive(MONDAY.date(), now=TUESDAY + HOUR / 2)
    assert end_of(TUESDAY) == {who: ["A robot folds laundry"]}
    assert [reasons for number, reasons, _ in again(row) if number > 0] == [["TRUE"]]


# Cost


def test_the_queries_of_a_gathering_do_not_grow_with_papers_and_interests(django_assert_max_num_queries):
    for number in range(40):
        paper(f"A robot folds {number}", upvotes=3)
        reader(f"robot upvotes>{number}")
    end_of(MONDAY)
    Paper.objects.update(upvotes=12)
    with django_assert_max_num_queries(32):
        assert issues.gather(now=TUESDAY).again == 40


def test_gathering_again_changes_nothing():
    paper("A robot folds laundry", upvotes=3)
    reader("robot upvotes>10")
    end_of(MONDAY)
    Paper.objects.update(upvotes=12)
    issues.gather(now=TUESDAY)
    before = list(Candidate.objects.order_by("id").values())
    report = issues.gather(now=TUESDAY)
    assert (report.new, report.again, report.updated) == (0, 0, 0)
    assert list(Candidate.objects.order_by("id").values()) == before
    assert Issue.objects.count() == 2
