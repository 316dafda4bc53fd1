"""The preview: day by day what planning gives a fresh reader of that issue, from the stored words."""

import random
from datetime import timedelta

import pytest
from issue_rows import DAY, MONDAY, paper, reader, sight
from search_rows import query_text, text

from newsletter import editions, issues, search
from newsletter.editions import recent
from newsletter.matching import BadQuery
from newsletter.matching.query import parse
from newsletter.models import Candidate, Delivery, Edition, Interest, Issue, Paper, PinScope, SubscriberInterest
from newsletter.search import _holdings

pytestmark = pytest.mark.django_db
DAYS = 4


def _history(dice: random.Random) -> None:
    """Four closed issues with pins, hidden, edited, joined and withdrawn papers, and papers offered again."""
    for number in range(DAYS):
        at = MONDAY + number * DAY
        found = [paper(text(dice, 6) or "Untitled", at=at, abstract=text(dice, 40), summary=text(dice, 5),
                       upvotes=dice.choice([None, 0, 9, 40]), comments=dice.choice([None, 4])) for _ in range(34)]  # fmt: skip
        for row in dice.sample(found, 6):  # twins: the same title and nearly the same abstract
            twin = paper(row.title, at=at, abstract=f"{row.abstract} again", summary=row.summary, upvotes=dice.choice([None, 40]))
            found.append(twin)
        for row in dice.sample(found, 3):
            sight(row, at=at, seen_by="daily", trending=True)
        issues.gather(now=at)
        rows = list(Candidate.objects.filter(issue__state="OPEN", hidden_at=None).order_by("id"))
        for row, scope in zip(dice.sample(rows, 2), (PinScope.EVERYONE, PinScope.MATCHING), strict=True):
            Candidate.objects.filter(pk=row.pk).update(pin=scope, pinned_at=at)
        Candidate.objects.filter(pk__in=[row.pk for row in dice.sample(rows, 5)], pin="NONE").update(hidden_at=at)
        Candidate.objects.filter(pk__in=[row.pk for row in dice.sample(rows, 5)]).update(summary_edit=text(dice, 6))
        issues.close(now=at + timedelta(hours=1))
        young, old = dice.sample(found, 2)
        Paper.objects.filter(pk=young.pk).update(merged_into=old, merged_at=at)
        Paper.objects.filter(pk=dice.choice([row for row in found if row not in (young, old)]).pk).update(withdrawn_at=at)


def _planned(chosen: list[Interest], issue: Issue) -> list[tuple[str, str]]:
    """(paper, reason) of the copy of a reader whose first issue this is, in its order; leaves nothing behind."""
    who = reader(at=issue.closed_at - timedelta(minutes=1))
    for interest in chosen:
        SubscriberInterest.objects.create(subscriber=who, interest=interest, added_at=issue.closed_at - timedelta(minutes=1))
    Issue.objects.filter(number__gt=issue.number, state="CLOSED").update(held_at=issue.closed_at)
    editions.plan(now=issue.closed_at + timedelta(hours=6))
    copy = Delivery.objects.filter(subscriber=who).first()
    digest = editions.digest_of(copy, as_of=MONDAY + 30 * DAY) if copy else None
    result = [(pick.card.ref, pick.reason) for pick in digest.picks] if digest else []
    Issue.objects.update(held_at=None)
    Delivery.objects.all().delete()
    Edition.objects.all().delete()
    SubscriberInterest.objects.all().delete()
    who.delete()
    return result


def _kept() -> editions.Keep:
    """Whole, read once for all questions."""
    found: dict[tuple[int, ...], editions.Recent | None] = {}

    def keep(shown):
        key = tuple(issue.pk for issue in shown)
        if key not in found:
            found[key] = editions.Recent.whole(shown)
        return found[key]

    return keep


@pytest.mark.parametrize(
    ("indexed", "keep", "many"),
    [
        (True, lambda _: None, 1_000),
        (False, lambda _: None, 1),
        (True, _kept(), 1_000),
        (True, _kept(), 1),
        (False, _kept(), 1_000),
    ],
    ids=["indexed", "not yet indexed", "kept whole", "kept whole and narrowed", "kept whole, not yet indexed"],
)
def test_each_closed_day_is_what_planning_gives_a_fresh_reader(indexed, keep, many, monkeypatch):
    monkeypatch.setattr(_holdings, "MANY", many)
    dice = random.Random(5)
    _history(dice)
    if indexed:
        assert search.index_changed() == DAYS * 40
    compared = 0
    while compared < (9 if indexed else 3):
        try:
            texts = {parse(query_text(dice)).canonical for _ in range(dice.randint(1, 3))}
        except BadQuery:
            continue
        chosen = [Interest.objects.get_or_create(query=one)[0] for one in sorted(texts)]
        days = editions.preview(queries=[row.query for row in chosen], now=MONDAY + DAYS * DAY, keep=keep)
        for day, issue in zip(days, Issue.objects.filter(state="CLOSED").order_by("number"), strict=False):
            shown = [(pick.card.ref, pick.reason) for pick in day.picks]
            assert shown == _planned(chosen, issue), (sorted(texts), issue.number)
            assert day.count == len(shown)
        compared += 1


def test_more_papers_than_a_process_should_keep_are_not_kept(monkeypatch):
    for number in range(3):
        paper(f"Robot {number}", at=MONDAY)
    issues.close(now=MONDAY)
    closed = list(Issue.objects.filter(state="CLOSED"))
    monkeypatch.setattr(recent, "MOST", 2)
    assert editions.Recent.whole(closed) is None
    monkeypatch.setattr(recent, "MOST", 3)
    assert len(editions.Recent.whole(closed).shown) == 3


def test_of_near_duplicates_a_day_counts_one():
    words = "A robot that folds towels with two arms and one camera"
    for votes in (0, 400):
        paper(words, at=MONDAY, abstract=f"{words} and {votes} other things", upvotes=votes)
    issues.close(now=MONDAY)
    search.index_changed()
    [day, _growing] = editions.preview(queries=["robot"], now=MONDAY)
    assert [pick.card.upvotes for pick in day.picks] == [400]


def test_a_broad_query_compares_only_papers_that_can_matter(monkeypatch):
    for number in range(60):
        row = paper(f"A robot number {number}", at=MONDAY, upvotes=400 if number % 5 == 0 else 0)
        sight(row, at=MONDAY, seen_by=f"place{number % 3}")
    issues.close(now=MONDAY)
    search.index_changed()
    compared = []
    vocabularies = search.Holdings.vocabularies
    monkeypatch.setattr(search.Holdings, "vocabularies", lambda some, place: compared.append(place) or vocabularies(some, place))
    [day, _growing] = editions.preview(queries=["robot"], now=MONDAY)
    assert day.count == 10
    assert 10 <= len(compared) < 40


def test_an_issue_is_shown_as_its_reader_would_get_it():
    for title in ("Robots fold towels", "Robots peel apples", "Robots in the snow"):
        paper(title, at=MONDAY)
    issues.close(now=MONDAY)
    who = reader("robots", at=MONDAY, muted=["apple"], card_length="TITLE")
    digest = editions.preview_issue(issue=Issue.objects.get(number=1), subscriber=who)
    assert [pick.card.title for pick in digest.picks] == ["Robots fold towels", "Robots in the snow"]
    assert (digest.card_length, digest.unsubscribe_url) == ("TITLE", "")


def test_what_comes_again_is_not_shown_to_who_has_had_it():
    row = paper("Robots fold towels", at=MONDAY)
    issues.close(now=MONDAY)
    had, fresh = reader("robots", at=MONDAY), reader("robots", at=MONDAY)
    edition = Edition.objects.create(key="k", picks=[[row.candidates.get().pk, row.pk, None, ""]], created_at=MONDAY)
    Delivery.objects.create(
        subscriber=had, kind="DIGEST", lane=1, edition=edition, after=0, upto=1, state="SENT", slot_on=MONDAY.date(),
        due_at=MONDAY, late_at=MONDAY, created_at=MONDAY, as_of=MONDAY,
    )  # fmt: skip
    growing = Issue.objects.get(state="OPEN")
    Candidate.objects.create(issue=growing, paper=row, kind="AGAIN", reasons=["LISTED"], why="trending now")
    shown = [editions.preview_issue(issue=growing, subscriber=who).picks for who in (had, fresh)]
    assert [len(picks) for picks in shown] == [0, 1]
    assert shown[1][0].reason.startswith("trending now · ")


def test_days_beyond_the_cards_are_counted_without_cards():
    for number in range(3):
        paper(f"Robot {number}", at=MONDAY + number * DAY)
        issues.close(now=MONDAY + number * DAY)
    days = editions.preview(queries=["robot"], now=MONDAY + 3 * DAY, carded=1)
    assert [(day.count, len(day.picks)) for day in days] == [(1, 0), (1, 0), (1, 1), (0, 0)]
