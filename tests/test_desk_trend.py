"""The desk's page of the trending formula: a GET compares, a POST puts in force, nothing else does either."""

from __future__ import annotations

import re
from dataclasses import asdict

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from newsletter import issues
from newsletter.desk import unfold_settings
from newsletter.matching.trend import Weights
from newsletter.models import Act, Candidate, Paper, TrendWeights

pytestmark = pytest.mark.django_db

URL = "/desk/trend/"


@pytest.fixture(autouse=True)
def _dress(settings):
    settings.UNFOLD = unfold_settings.UNFOLD


@pytest.fixture
def desk() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("mara", password="a long pass phrase"))
    return client


@pytest.fixture
def papers() -> None:
    """Under the shipped weights the voted one is first, with ten times the points for stars the starred one."""
    now = timezone.now()
    common = {"listed_on": issues.local_date(now), "seen_at": now}
    Paper.objects.create(title="Loved by voters", upvotes=30, **common)
    Paper.objects.create(title="Starred by coders", upvotes=1, stars=900, **common)
    Paper.objects.create(title="Nobody knows it", **common)
    issues.gather(now=now)


def values(**other: object) -> dict[str, object]:
    return {**asdict(Weights()), **other}


def text(response) -> str:
    return response.content.decode()


def titles(response) -> list[str]:
    return re.findall(r'class="desk-title"[^>]*>([^<]+)<', text(response))


def state() -> list[object]:
    return [list(model.objects.order_by("pk").values()) for model in (Candidate, TrendWeights, Act, Paper)]


def test_the_page_shows_the_order_in_force_and_what_each_total_is_made_of(desk, papers):
    page = desk.get(URL)
    assert titles(page) == ["Loved by voters", "Starred by coders", "Nobody knows it"]
    assert "Votes 4.95" in text(page) and "Stars 2.94" in text(page)
    assert "Never changed" in text(page) and "Put these weights in force" not in text(page)


def test_other_weights_are_shown_beside_those_in_force_and_change_nothing(desk, papers):
    before = state()
    page = desk.get(URL, values(stars="2.0"))
    assert titles(page) == ["Starred by coders", "Loved by voters", "Nobody knows it"]
    assert "2 of 3 papers trend with these weights, 2 with those in force · 2 change place" in " ".join(text(page).split())
    assert desk.head(URL, values(stars="2.0")).status_code == 200
    assert "trends no more" in text(desk.get(URL, values(upvotes="0.5", stars="0.1")))
    assert state() == before


def test_the_button_sends_what_was_shown_and_puts_it_in_force(desk, papers):
    page = text(desk.get(URL, values(stars="2.0", half_after_days="3")))
    form = re.search(r'<form method="post" action="/desk/trend/">.*?</form>', page, re.S)[0]
    sent = dict(re.findall(r'name="(\w+)" value="([^"]+)"', form))
    done = desk.post(URL, sent, follow=True)
    assert "Saved" in text(done) and titles(done)[0] == "Starred by coders"
    assert issues.weights_now()[1] == Weights(stars=2.0, half_after_days=3.0)
    assert Candidate.objects.order_by("-trend")[0].paper.title == "Starred by coders"
    act = Act.objects.get()
    assert (act.actor, act.verb, act.details["stars"]) == ("mara", "change weights", "2")
    assert "They hold already" in text(desk.post(URL, sent, follow=True)) and TrendWeights.objects.count() == 1
    assert "Show the shipped ones" in text(desk.get(URL))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"stars": "nan"}, "Give a number from 0 to 10."),
        ({"stars": "inf"}, "Give a number from 0 to 10."),
        ({"upvotes": "many"}, "Give a number from 0 to 10."),
        ({"comments": "-1"}, "Give a number from 0 to 10."),
        ({"sources": "11"}, "Give a number from 0 to 10."),
        ({"upvotes": ""}, "Give a number from 0 to 10."),
        ({"half_after_days": "0"}, "Give a number from 0.5 to 90."),
        ({"half_after_days": "1e308"}, "Give a number from 0.5 to 90."),
        (dict.fromkeys(("upvotes", "comments", "stars", "upvotes_gained", "stars_gained", "sources"), "0"), "All weights are 0"),
    ],
)
def test_what_is_no_weight_is_refused_with_its_reason(desk, papers, wrong, said):
    before = state()
    refused = desk.post(URL, values(**wrong))
    assert refused.status_code == 400 and said in text(refused) and 'role="alert"' in text(refused)
    shown = desk.get(URL, values(**wrong))
    assert shown.status_code == 200 and said in text(shown) and not titles(shown)
    assert state() == before


def test_a_part_of_the_weights_is_no_weights(desk, papers):
    assert text(desk.get(URL, {"stars": "2"})).count("Give a number") == 6
    assert desk.post(URL, {"stars": "2"}).status_code == 400
    assert not TrendWeights.objects.exists()


def test_a_forged_post_is_refused(desk, papers):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get())
    assert strict.post(URL, values(stars="2")).status_code == 403
    assert desk.put(URL).status_code == desk.delete(URL).status_code == 405
    assert not TrendWeights.objects.exists()


def test_only_who_may_change_an_issue_gets_in(papers):
    stranger, helper = Client(), Client()
    sam = User.objects.create_user("sam", password="x", is_staff=True)
    sam.user_permissions.add(Permission.objects.get(codename="view_issue"))
    helper.force_login(sam)
    assert stranger.get(URL).status_code == stranger.post(URL, values(stars="2")).status_code == 302
    assert helper.get(URL).status_code == helper.post(URL, values(stars="2")).status_code == 403
    assert "Trending formula" not in text(helper.get("/desk/"))
    assert not TrendWeights.objects.exists()


def test_what_is_typed_into_the_address_is_shown_as_text(desk, papers):
    page = text(desk.get(URL, values(stars='"><script>x</script>')))
    assert "<script>x" not in page and "Give a number" in page


def test_a_hidden_paper_is_in_no_order(desk, papers):
    Candidate.objects.filter(paper__title="Loved by voters").update(hidden_at=timezone.now())
    assert titles(desk.get(URL)) == ["Starred by coders", "Nobody knows it"]


def test_without_an_issue_or_a_paper_the_page_says_so(desk):
    assert "No issue is open" in text(desk.get(URL))
    issues.gather(now=timezone.now())
    assert "No paper yet" in text(desk.get(URL))


def test_the_page_asks_as_much_for_sixty_papers_as_for_two(desk, papers, django_assert_max_num_queries):
    now = timezone.now()
    for number in range(60):
        Paper.objects.create(title=f"Robot {number}", upvotes=number, listed_on=now.date(), seen_at=now)
    issues.gather(now=now)
    with django_assert_max_num_queries(12):
        page = desk.get(URL, values(stars="2"))
    assert len(titles(page)) == 50 and "The first 50 of 63." in text(page)
