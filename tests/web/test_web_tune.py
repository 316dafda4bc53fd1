"""The page of one card: what it takes is stored by POST, and holds from the next plan on."""

import re

import pytest
import web_rows as rows

from newsletter import links, tasks
from newsletter.models import (
    Candidate,
    Interest,
    MutedInterest,
    Paper,
    Saved,
    Subscriber,
    SubscriberInterest,
    SubscriberStatus,
    Vote,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def bells(monkeypatch):
    monkeypatch.setattr(tasks, "ring", lambda stage: None)


@pytest.fixture
def who() -> Subscriber:
    return rows.reader()


@pytest.fixture
def paper() -> Paper:
    closed = rows.issue()
    rows.papers(closed, 1, title="Another robot")
    return rows.papers(closed, 1, title="A robot in the snow", authors=["Jane Doe", "Li Wei"], organizations=["Harbour Lab"])[0]


@pytest.fixture
def path(who, paper) -> str:
    shown = list(Candidate.objects.select_related("issue", "paper"))
    return f"{rows.signed('tune', rows.copy_of(who, shown).public_id)}/{paper.public_id}"


def reads(who: Subscriber, *queries: str) -> list[Interest]:
    found = [Interest.objects.get_or_create(query=text)[0] for text in queries]
    for interest in found:
        SubscriberInterest.objects.create(subscriber=who, interest=interest, added_at=rows.now())
    return found


def buttons(html: str) -> set[str]:
    return set(re.findall(r'name="do" value="([^"]+)"', html))


def test_the_page_shows_the_card_why_it_came_and_a_masked_address(client, who, path):
    html = client.get(path).content.decode()
    assert "A robot in the snow" in html and "matches “robot” (title)" in html
    assert who.address not in html and "@e•••.org" in html
    assert {"more", "less", "save", "mute-word", "follow-author:Jane Doe", "follow-org:Harbour Lab"} <= buttons(html)


def test_a_vote_is_stored_once_changed_and_taken_back(client, who, paper, path):
    for way in ("more", "more", "less"):
        assert client.post(path, {"do": way}).status_code == 200
    assert list(Vote.objects.values_list("subscriber", "paper", "way")) == [(who.pk, paper.pk, "LESS")]
    assert "unvote" in buttons(client.get(path).content.decode())
    client.post(path, {"do": "unvote"})
    assert not Vote.objects.exists()


def test_a_paper_is_saved_listed_exported_and_dropped(client, who, paper, path):
    for _ in range(2):
        client.post(path, {"do": "save"})
    assert Saved.objects.count() == 1
    own = rows.signed("preferences", who.public_id)
    assert paper.title in client.get(own).content.decode()
    bib = client.get(f"{own}/saved.bib")
    assert "A robot in the snow" in bib.content.decode() and "attachment" in bib["Content-Disposition"]
    assert "TI  - A robot in the snow" in client.get(f"{own}/saved.ris").content.decode()
    client.post(f"{own}/saved/{paper.public_id}")
    assert not Saved.objects.exists()


def test_an_interest_is_muted_and_unmuted_from_the_page(client, who, path):
    snow, speech = reads(who, "snow", "speech")
    html = client.get(path).content.decode()
    assert f"mute-interest:{snow.pk}" in buttons(html) and f"mute-interest:{speech.pk}" not in buttons(html)
    assert "nothing comes" not in client.post(path, {"do": f"mute-interest:{snow.pk}"}).content.decode()
    assert list(MutedInterest.objects.values_list("subscriber", "interest")) == [(who.pk, snow.pk)]
    assert f"unmute-interest:{snow.pk}" in buttons(client.get(path).content.decode())
    client.post(path, {"do": f"unmute-interest:{snow.pk}"})
    assert not MutedInterest.objects.exists()


def test_muting_the_only_interest_says_what_follows_and_the_preferences_say_it_too(client, who, path):
    [snow] = reads(who, "snow")
    assert "nothing comes until you unmute" in client.post(path, {"do": f"mute-interest:{snow.pk}"}).content.decode()
    assert "All your interests are muted" in client.get(rows.signed("preferences", who.public_id)).content.decode()


def test_a_topic_about_the_paper_is_offered_and_the_id_of_a_stranger_s_query_is_refused(client, who, path):
    topic = rows.topic(slug="snow", query="snow")
    strange = Interest.objects.create(query="secret snow")
    assert f"mute-interest:{topic.pk}" in buttons(client.get(path).content.decode())
    answer = client.post(path, {"do": f"mute-interest:{strange.pk}"})
    assert answer.status_code == 422 and "secret" not in answer.content.decode() and not MutedInterest.objects.exists()


def test_authors_and_words_are_muted_by_the_same_list_as_in_the_preferences(client, who, path):
    client.post(path, {"do": "mute-word:Jane Doe"})
    client.post(path, {"do": "mute-word", "word": " Snow "})
    who.refresh_from_db()
    assert who.muted == ["jane doe", "snow"]
    assert {"unmute-word:Jane Doe", "unmute-word:snow"} <= buttons(client.get(path).content.decode())
    Subscriber.objects.filter(pk=who.pk).update(muted=["jane doe", "snow", "secret colleague"])
    assert "secret colleague" not in client.get(path).content.decode(), "a forwarded mail tells of this paper alone"
    Subscriber.objects.filter(pk=who.pk).update(muted=["jane doe", "snow"])
    client.post(path, {"do": "unmute-word:Jane Doe"})
    who.refresh_from_db()
    assert who.muted == ["snow"]


def test_following_adds_an_interest_and_keeps_what_is_trending_for_who_had_none(client, who, path):
    for _ in range(2):
        client.post(path, {"do": "follow-author:Jane Doe"})
    client.post(path, {"do": "follow-org:Harbour Lab"})
    assert sorted(who.interests.values_list("query", flat=True)) == ['author:"jane doe"', "is:trending", 'org:"harbour lab"']
    assert "unfollow-author:Jane Doe" in buttons(client.get(path).content.decode())
    client.post(path, {"do": "unfollow-author:Jane Doe"})
    assert not who.interests.filter(query__contains="jane").exists()


@pytest.mark.parametrize(
    "wrong",
    [{}, {"do": "dance"}, {"do": "follow-author:Nobody Here"}, {"do": "follow-org:"}, {"do": "mute-word", "word": " "},
     {"do": "mute-interest:x"}, {"do": "mute-word", "word": "x" * 81}],
)  # fmt: skip
def test_what_the_page_does_not_offer_is_refused_and_changes_nothing(client, who, path, wrong):
    before = rows.counts()
    answer = client.post(path, wrong)
    assert answer.status_code == 422 and 'role="alert"' in answer.content.decode()
    assert rows.counts() == before


def test_a_token_opens_the_papers_of_its_own_copy_alone(client, who, paper, path):
    strange = Paper.objects.create(title="Not in the copy", listed_on=rows.now().date(), seen_at=rows.now())
    token = path.split("/")[2]
    before = rows.counts()
    for act in (client.get, client.post):
        assert act(f"/tune/{token}/{strange.public_id}").status_code == 404
    assert rows.counts() == before


def test_a_merged_paper_answers_to_both_names(client, who, paper, path):
    old = Paper.objects.create(title="The elder", listed_on=rows.now().date(), seen_at=rows.now())
    Paper.objects.filter(pk=paper.pk).update(merged_into=old)
    assert "The elder" in client.get(path).content.decode()
    client.post(path.replace(paper.public_id, old.public_id), {"do": "more"})
    assert Vote.objects.get().paper == old


def test_who_left_is_offered_the_way_back_and_changes_nothing(client, who, path):
    Subscriber.objects.update(status=SubscriberStatus.LEFT)
    before = rows.counts()
    assert "Sign up again" in client.post(path, {"do": "more"}).content.decode()
    assert rows.counts() == before


def test_the_mail_links_to_the_page_in_both_parts_and_the_link_works(client, who, paper):
    from newsletter import editions

    copy = rows.copy_of(who, list(Candidate.objects.select_related("issue")))
    message = editions.write(copy, as_of=rows.now())
    found = [
        set(re.findall(rf"{re.escape(links.absolute('/tune/'))}[\w.-]+/[\w-]+", part)) for part in (message.text, message.html)
    ]
    assert found[0] == found[1] and len(found[0]) == 2
    assert all(client.get("/" + url.split("/", 3)[3]).status_code == 200 for url in found[0])
