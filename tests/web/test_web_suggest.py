"""Suggesting a paper: works, refused, too often; and what the curators see of it."""

from __future__ import annotations

import pytest
import web_rows as rows
from django.contrib.auth.models import User
from django.urls import reverse

from newsletter import acts, suggestions
from newsletter.models import Act, Alias, Delivery, Suggestion

pytestmark = pytest.mark.django_db


def post(client, typed: str, **more: str):
    return client.post("/suggest", {"paper": typed, **more})


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("2405.15738", "arxiv:2405.15738"),
        (" arXiv:2405.15738v2 ", "arxiv:2405.15738"),
        ("https://arxiv.org/pdf/2405.15738v3", "arxiv:2405.15738"),
        ("look: https://huggingface.co/papers/2405.15738 it is great", "arxiv:2405.15738"),
        ("math.GT/0309136", "arxiv:math/0309136"),
        ("10.1000/ABC", "doi:10.1000/abc"),
        ("https://doi.org/10.48550/arXiv.2405.15738", "arxiv:2405.15738"),
        ("https://Lab.Example.org/a-paper", "url:https://lab.example.org/a-paper"),
        ("https://例え.jp/x?y=1#z", "url:https://xn--r8jz45g.jp/x?y=1"),
    ],
)
def test_an_id_or_a_link_is_kept_and_nothing_else_of_what_was_typed(client, typed, kept):
    answer = post(client, typed)
    assert answer.status_code == 200 and "Thank you" in answer.content.decode()
    assert [str(row) for row in Suggestion.objects.all()] == [kept]
    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    "typed",
    ["", "x", "my paper", "https://", "http://localhost/x", "https://user:pw@example.org/", "ftp://example.org/x", "javascript:alert(1)",
     "https://example.org/<script>", "https://example.org/\x00", "https://example.org/" + "x" * 400, "9999.99999", "https://[::1"],
)  # fmt: skip
def test_what_names_no_paper_is_refused_with_a_remedy_and_kept_in_the_field(client, typed):
    answer = post(client, typed)
    html = answer.content.decode()
    assert (
        answer.status_code == 422 and 'role="alert"' in html and "2405.15738" in html and "<script>" not in html.split("<main")[1]
    )
    assert not Suggestion.objects.exists()


def test_a_paper_that_is_here_is_shown_instead(client):
    [paper] = rows.papers(rows.issue(), 1)
    Alias.objects.create(scheme="arxiv", value="2405.15738", paper=paper)
    answer = post(client, "https://arxiv.org/abs/2405.15738v1")
    assert (answer.status_code, answer["Location"]) == (302, f"/papers/{paper.public_id}")
    assert not Suggestion.objects.exists()


def test_the_same_paper_is_one_row_however_often_it_is_named(client):
    post(client, "2405.15738")
    post(client, "https://arxiv.org/abs/2405.15738")
    assert [(row.asked, row.state) for row in Suggestion.objects.all()] == [(2, "OPEN")]


def test_a_network_names_ten_a_day_and_all_of_them_so_many(client, monkeypatch):
    for number in range(10):
        assert post(client, f"2405.{number:05d}").status_code == 200
    refused = post(client, "2405.77777")
    assert (
        refused.status_code == 429 and "tomorrow" in refused.content.decode() and 'value="2405.77777"' in refused.content.decode()
    )
    assert client.post("/suggest", {"paper": "2405.77777"}, REMOTE_ADDR="192.0.2.9").status_code == 200
    monkeypatch.setattr(suggestions, "ALL", suggestions.Limit(a_day=11, in_all=11, over_days=7))
    assert client.post("/suggest", {"paper": "2405.77778"}, REMOTE_ADDR="192.0.2.10").status_code == 429
    assert Suggestion.objects.count() == 11


def test_who_fills_the_hidden_field_is_thanked_and_forgotten(client):
    assert "Thank you" in post(client, "2405.15738", website="spam").content.decode()
    assert not Suggestion.objects.exists()


def test_curators_find_suggestions_on_the_desk_and_tick_them_off(client):
    post(client, "2405.15738")
    post(client, "https://example.org/p?a=b")
    client.force_login(User.objects.create_superuser("ada", password="x" * 14))
    page = reverse("admin:newsletter_suggestion_changelist")
    html = client.get(page).content.decode()
    assert 'href="https://arxiv.org/abs/2405.15738"' in html and 'href="https://example.org/p?a=b"' in html
    chosen = [str(row.pk) for row in Suggestion.objects.all()]
    client.post(page, {"action": "settle", "_selected_action": chosen})
    assert set(Suggestion.objects.values_list("state", flat=True)) == {"DONE"}
    assert Act.objects.get().verb == "settle suggestions" and acts.verify() is None
