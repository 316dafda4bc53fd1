"""A paper's page in the desk: its ids, who saw it, merge and split."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from newsletter.desk import unfold_settings
from newsletter.models import Act, Alias, Paper
from newsletter.sources.identity import store
from tests.sources.making import page, record, source

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _dress(settings):
    settings.UNFOLD = unfold_settings.UNFOLD


@pytest.fixture
def desk() -> Client:
    client = Client(enforce_csrf_checks=False)
    client.force_login(User.objects.create_superuser("mara", password="a long pass phrase"))
    return client


@pytest.fixture
def two() -> tuple[Paper, Paper]:
    now = timezone.now()
    records = (
        record(arxiv="2603.00001", upvotes=41),
        record("Another <b>Name</b> for It All", arxiv="hep-th/9901001", doi="10.1000/x"),
    )
    store(page(*records), source("daily"), seen_at=now, day=now.date())
    return Paper.objects.get(aliases__value="2603.00001"), Paper.objects.get(aliases__value="10.1000/x")


def url(paper: Paper, name: str = "newsletter_paper_change") -> str:
    return reverse(f"admin:{name}", args=[paper.pk])


def test_the_page_shows_ids_locks_and_sightings_and_changes_nothing(desk, two):
    Alias.objects.filter(value="10.1000/x").update(locked=True)
    text = desk.get(url(two[1])).content.decode()
    assert "10.1000/x" in text and "locked by a curator" in text and "arxiv:hep-th/9901001" in text
    assert "Another &lt;b&gt;Name&lt;/b&gt; for It All" in text and "<b>Name</b>" not in text
    assert "41" in desk.get(url(two[0])).content.decode()
    assert not Act.objects.exists()


@pytest.mark.parametrize("named", ["10.1000/X", "arXiv:hep-th/9901001v2", "https://arxiv.org/abs/hep-th/9901001", "own id"])
def test_the_other_paper_is_found_by_any_id_and_merged_by_a_button(desk, two, named):
    wanted = two[1].public_id if named == "own id" else named
    text = desk.get(url(two[0]), {"find": wanted}).content.decode()
    assert f'name="into" value="{two[1].public_id}"' in text
    shown = desk.post(url(two[0], "paper_merge"), {"into": two[1].public_id}, follow=True)
    assert shown.redirect_chain[-1][0].startswith(url(two[1])) and "lives on in" in shown.content.decode()
    two[0].refresh_from_db()
    assert two[0].merged_into == two[1]
    assert "Merged into" in desk.get(url(two[0])).content.decode()
    assert list(Act.objects.values_list("actor", "verb")) == [("mara", "merge")]


def test_a_search_for_itself_or_for_an_unknown_one_says_so(desk, two):
    assert "same paper already" in desk.get(url(two[0]), {"find": "2603.00001"}).content.decode()
    assert "No source has listed it yet" in desk.get(url(two[0]), {"find": "2603.99999"}).content.decode()


def test_chosen_ids_are_split_off(desk, two):
    chosen = Alias.objects.get(value="10.1000/x")
    shown = desk.post(url(two[1], "paper_split"), {"alias": [chosen.pk, "x"]}, follow=True)
    assert "a paper of its own" in shown.content.decode()
    chosen.refresh_from_db()
    assert chosen.paper != two[1] and chosen.locked
    assert "Choose the ids" in desk.post(url(two[1], "paper_split"), follow=True).content.decode()
    everything = list(two[1].aliases.values_list("pk", flat=True))
    assert "Leave at least one id" in desk.post(url(two[1], "paper_split"), {"alias": everything}, follow=True).content.decode()
    assert list(Act.objects.values_list("verb", flat=True)) == ["split"]


def test_merge_and_split_need_a_post_a_token_and_a_curator(desk, two):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get())
    reader = Client()
    reader.force_login(User.objects.create_user("lou", is_staff=True))
    for name in ("paper_merge", "paper_split"):
        assert desk.get(url(two[0], name)).status_code == 405
        assert strict.post(url(two[0], name), {"into": two[1].public_id}).status_code == 403
        assert reader.post(url(two[0], name), {"into": two[1].public_id}).status_code == 403
        assert Client().post(url(two[0], name)).status_code == 302
    assert not Act.objects.exists() and not Paper.objects.exclude(merged_into=None).exists()
