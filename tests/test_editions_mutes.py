"""What a reader mutes is in no copy, and planning, both previews and `explain` agree on it."""

from datetime import timedelta

import pytest
from issue_rows import MONDAY, paper, reader

from newsletter import editions, issues, search
from newsletter.editions import mutes
from newsletter.editions.explain import explain
from newsletter.models import Candidate, Delivery, Interest, Issue, MutedInterest, Paper, PinScope, Subscriber

pytestmark = pytest.mark.django_db
SEVEN = timedelta(hours=4)  # 03:00 -> 07:00


def mute(who: Subscriber, text: str) -> None:
    interest, _ = Interest.objects.get_or_create(query=text)
    MutedInterest.objects.create(subscriber=who, interest=interest, muted_at=MONDAY)


def planned(who: Subscriber) -> list[str]:
    editions.plan(now=MONDAY + SEVEN)
    copy = Delivery.objects.filter(subscriber=who).first()
    digest = editions.digest_of(copy, as_of=MONDAY + SEVEN) if copy else None
    return sorted(pick.card.title for pick in digest.picks) if digest else []


def shown_to(who: Subscriber) -> list[str]:
    digest = editions.preview_issue(issue=Issue.objects.get(number=1), subscriber=who)
    return sorted(pick.card.title for pick in digest.picks)


def previewed(who: Subscriber) -> list[str]:
    search.index_changed()
    without = editions.Mutes(tuple(who.muted), tuple(mute.interest.query for mute in who.mutes.all()))
    days = editions.preview(queries=[row.query for row in who.interests.all()], now=MONDAY + SEVEN, without=without)
    return sorted(pick.card.title for day in days for pick in day.picks)


def closed(*titles: str, **fields: object) -> None:
    for title in titles:
        paper(title, **fields)
    issues.close(now=MONDAY + timedelta(hours=1))


def test_a_muted_interest_keeps_its_papers_out_whatever_else_matches_them():
    who, other = reader("robot"), reader("robot")
    mute(who, "snow")
    closed("A robot learns to fold", "A robot in the snow")
    assert previewed(who) == shown_to(who) == planned(who) == ["A robot learns to fold"]
    assert planned(other) == ["A robot in the snow", "A robot learns to fold"]


def test_a_muted_interest_of_one_s_own_stays_silent_until_it_is_unmuted():
    who = reader("robot")
    mute(who, "robot")
    closed("A robot learns to fold")
    assert previewed(who) == shown_to(who) == planned(who) == []
    who.mutes.all().delete()
    assert shown_to(who) == previewed(who) == ["A robot learns to fold"]


def test_a_muted_author_is_kept_out_and_a_namesake_in_two_names_is_not():
    who = reader("robot", muted=["jané doe"])
    paper("A robot sings", authors=["Jane Doe", "Li Wei"])
    paper("A robot cooks", authors=["Mary Jane", "Doe Smith"])
    closed()
    assert previewed(who) == shown_to(who) == planned(who) == ["A robot cooks"]


@pytest.mark.parametrize(
    ("word", "kept"),
    [("art", ["Robot article"]), ("surveys", ["Robot article"]), ("robotic arts", ["Robot article", "Robot surveying art"]),
     ("!!", ["Robot article", "Robot surveying art"])],
)  # fmt: skip
def test_a_muted_word_is_a_whole_word_in_any_of_its_forms(word, kept):
    who = reader("robot", muted=[word])
    closed("Robot article", "Robot surveying art")
    assert previewed(who) == shown_to(who) == planned(who) == kept


def test_not_even_a_pin_to_everyone_brings_what_is_muted():
    who = reader("robot", muted=["snow"])
    mute(who, "apple")
    paper("Snow for all")
    paper("Apples for all")
    closed("A robot learns to fold")
    Candidate.objects.exclude(paper__title__startswith="A robot").update(pin=PinScope.EVERYONE)
    assert shown_to(who) == planned(who) == ["A robot learns to fold"]


def test_explain_names_the_muted_interest():
    who = reader("robot")
    mute(who, "snow")
    closed("A robot in the snow", "A robot learns to fold")
    editions.plan(now=MONDAY + SEVEN)
    lines = explain(reader=who, paper=Paper.objects.get(title__contains="snow"))
    assert "does not hold it: “snow” is muted" in "\n".join(lines)
    assert lines[-1] == "In short: a mute keeps it out."
    assert "mute" not in "\n".join(explain(reader=who, paper=Paper.objects.get(title__contains="fold")))


def test_readers_who_mute_cost_no_query_each(django_assert_max_num_queries):
    closed("A robot learns to fold", "A robot in the snow")

    def cost(readers: int) -> int:
        for _ in range(readers):
            mute(reader("robot"), "snow")
        with django_assert_max_num_queries(200) as counted:
            editions.plan(now=MONDAY + SEVEN)
        return len(counted)

    cost(1)
    assert cost(2) == cost(30)


def test_what_stands_in_two_fields_is_no_phrase():
    text = mutes.said("Deep learning", "Robots fold.", ["Ada Deep"])
    assert mutes.muted_by(["learning robots", "fold ada", "deep learning", "ada deep"], text) == ["deep learning", "ada deep"]
