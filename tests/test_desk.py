"""The curator's door: every button works by POST, nothing changes by GET, and nobody else gets in."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from newsletter import issues, tasks
from newsletter.desk import unfold_settings
from newsletter.matching import query
from newsletter.matching.compiled import compiled
from newsletter.models import (
    Act,
    Alias,
    Candidate,
    CandidateKind,
    Delivery,
    Interest,
    Issue,
    IssueState,
    Paper,
    PinScope,
    Sighting,
    Source,
    Subscriber,
    SubscriberInterest,
    SubscriberStatus,
)

pytestmark = pytest.mark.django_db

SCREEN = "/desk/issue/"


@pytest.fixture(autouse=True)
def _dress(settings):
    settings.UNFOLD = unfold_settings.UNFOLD


@pytest.fixture
def bells(monkeypatch) -> list[str]:
    rung: list[str] = []
    monkeypatch.setattr(tasks, "ring", rung.append)
    return rung


@pytest.fixture
def curator() -> User:
    return User.objects.create_superuser("mara", password="a long pass phrase")


@pytest.fixture
def desk(curator, bells) -> Client:
    client = Client()
    client.force_login(curator)
    return client


@pytest.fixture
def shop() -> SimpleNamespace:
    """An open issue with two papers, a topic, and a reader."""
    now = timezone.now()
    source = Source.objects.create(slug="daily", name="Daily listing", kind="huggingface")
    papers = [a_paper("Robots that fold laundry"), a_paper("Robots that walk")]
    for rank, paper in enumerate(papers, start=1):
        Sighting.objects.create(source=source, paper=paper, seen_at=now, listed_on=now.date(), rank=rank)
    issues.gather(now=now)
    topic = Interest.objects.create(query="robots", slug="robots", name="Robots")
    reader = a_reader()
    SubscriberInterest.objects.create(subscriber=reader, interest=topic, added_at=now)
    rows = [Candidate.objects.get(paper=paper) for paper in papers]
    return SimpleNamespace(issue=Issue.objects.get(), rows=rows, papers=papers, topic=topic, reader=reader, source=source)


def a_paper(title: str, **values) -> Paper:
    now = timezone.now()
    defaults = {"url": "https://example.org/p", "seen_at": now, "listed_on": now.date(), "upvotes": 40, "authors": ["Ada Bell"]}
    return Paper.objects.create(title=title, **{**defaults, **values})


def a_reader(**values) -> Subscriber:
    now = timezone.now()
    defaults = {
        "address": "ada@example.org", "address_key": "ada", "status": SubscriberStatus.ACTIVE, "created_at": now,
        "confirmed_at": now - timedelta(days=1),
    }  # fmt: skip
    return Subscriber.objects.create(**{**defaults, **values})


def press(desk: Client, row: Candidate, verb: str, **extra):
    return desk.post(reverse("admin:issue_candidate", args=[row.pk]), {"verb": verb, **extra}, follow=True)


def text(response) -> str:
    return response.content.decode()


def posts(shop) -> list[str]:
    number = shop.issue.number
    return [
        reverse("admin:issue_open"),
        reverse("admin:issue_pin"),
        reverse("admin:issue_candidate", args=[shop.rows[0].pk]),
        reverse("admin:issue_note", args=[number]),
        reverse("admin:issue_hold", args=[number]),
        reverse("admin:issue_approve", args=[number]),
    ]


def test_the_screen_shows_each_candidate_with_its_facts_and_buttons(desk, shop):
    page = text(desk.get(SCREEN))
    assert "Robots that fold laundry" in page and "Daily listing" in page and "closes in" in page
    assert page.count('value="hide"') == 2 and page.count("csrfmiddlewaretoken") >= 6


def test_looking_at_every_page_of_the_desk_changes_nothing(desk, shop):
    before = (list(Candidate.objects.values()), list(Issue.objects.values()), Act.objects.count(), Delivery.objects.count())
    urls = (SCREEN, f"{SCREEN}{shop.issue.number}/", "/desk/issue/preview/", "/desk/issue/preview/mail/", "/desk/issue/close/")
    for url in urls:
        assert desk.get(url).status_code == 200
        assert desk.head(url).status_code == 200
    after = (list(Candidate.objects.values()), list(Issue.objects.values()), Act.objects.count(), Delivery.objects.count())
    assert after == before


def test_without_an_issue_the_screen_offers_to_open_one(desk):
    assert "No issue is open yet" in text(desk.get(SCREEN))
    assert not Issue.objects.exists()
    assert desk.post(reverse("admin:issue_open"), follow=True).status_code == 200
    assert Issue.objects.get().state == IssueState.OPEN


def test_every_button_refuses_get(desk, shop):
    assert [desk.get(url).status_code for url in posts(shop)] == [405] * 6
    assert desk.put("/desk/issue/close/").status_code == 405
    assert desk.post(SCREEN).status_code == 405


def test_every_button_refuses_a_forged_post(curator, shop):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(curator)
    for url in [*posts(shop), "/desk/issue/close/"]:
        assert strict.post(url, {"verb": "hide", "number": "1"}).status_code == 403
    assert not Act.objects.exists()


def test_a_stranger_is_sent_to_the_login(shop):
    for url in [SCREEN, *posts(shop)]:
        answer = Client().post(url, {"verb": "hide"}) if url != SCREEN else Client().get(url)
        assert answer.status_code == 302 and answer["Location"].startswith("/desk/login/")
    assert not Act.objects.exists()


def test_staff_who_may_not_change_issues_are_refused(shop):
    client = Client()
    client.force_login(User.objects.create_user("sam", password="x", is_staff=True))
    assert client.get(SCREEN).status_code == 403
    assert press(client, shop.rows[0], "hide").status_code == 403
    assert not Act.objects.exists()


def test_pin_and_unpin(desk, shop):
    assert "Pinned for matching readers." in text(press(desk, shop.rows[1], "pin_matching"))
    assert "Pinned for everyone." in text(press(desk, shop.rows[1], "pin_everyone"))
    assert Candidate.objects.get(pk=shop.rows[1].pk).pin == PinScope.EVERYONE
    assert "Unpinned." in text(press(desk, shop.rows[1], "unpin"))
    assert Candidate.objects.get(pk=shop.rows[1].pk).pin == PinScope.NONE


def test_a_refusal_is_a_sentence_on_the_page(desk, shop):
    press(desk, shop.rows[0], "hide")
    assert "restore it first" in text(press(desk, shop.rows[0], "pin_everyone"))


def test_a_hidden_paper_leaves_the_preview_and_comes_back(desk, shop):
    mail = "/desk/issue/preview/mail/?topic=robots"
    assert "fold laundry" in text(desk.get(mail))
    press(desk, shop.rows[0], "hide")
    assert "fold laundry" not in text(desk.get(mail)) and "Robots that walk" in text(desk.get(mail))
    press(desk, shop.rows[0], "restore")
    assert "fold laundry" in text(desk.get(mail))


def test_the_summary_is_edited_and_shown_in_the_preview(desk, shop):
    press(desk, shop.rows[0], "summary", text="It folds <shirts> & towels.")
    assert "It folds &lt;shirts&gt; &amp; towels." in text(desk.get("/desk/issue/preview/mail/?topic=robots"))


def test_the_note_is_saved_and_rendered_in_the_preview(desk, shop):
    url = reverse("admin:issue_note", args=[shop.issue.number])
    assert "The note is saved." in text(desk.post(url, {"note": "Read the **second** one. <script>x</script>"}, follow=True))
    mail = text(desk.get("/desk/issue/preview/mail/?topic=robots"))
    assert ">second</strong>" in mail and "<script" not in mail


def test_an_unknown_verb_is_not_found(desk, shop):
    assert press(desk, shop.rows[0], "delete").status_code == 404


def test_the_list_comes_back_as_it_was_and_never_to_another_site(desk, shop):
    url = reverse("admin:issue_candidate", args=[shop.rows[0].pk])
    answer = desk.post(url, {"verb": "hide", "back": "show=new&q=robots&next=//evil.example"})
    assert answer["Location"] == f"/desk/issue/?show=new&q=robots#c{shop.rows[0].pk}"


def test_the_list_is_filtered_and_paged(desk, shop):
    press(desk, shop.rows[0], "hide")
    assert "that walk" not in text(desk.get(f"{SCREEN}?show=hidden"))
    assert "fold laundry" not in text(desk.get(f"{SCREEN}?q=WALK"))
    assert "No candidate fits" in text(desk.get(f"{SCREEN}?q=submarine"))
    assert desk.get(f"{SCREEN}?page=99&show=nonsense").status_code == 200


def test_a_paper_outside_the_list_is_pinned_by_its_arxiv_id(desk, shop):
    old = a_paper("An older robot", listed_on=timezone.now().date() - timedelta(days=20))
    Alias.objects.create(scheme="arxiv", value="2603.01234", paper=old)
    answer = desk.post(reverse("admin:issue_pin"), {"paper": "arXiv:2603.01234", "scope": "EVERYONE"}, follow=True)
    assert "Pinned: An older robot" in text(answer)
    row = Candidate.objects.get(paper=old)
    assert (row.kind, row.pin) == (CandidateKind.AGAIN, PinScope.EVERYONE)
    missing = desk.post(reverse("admin:issue_pin"), {"paper": "2603.99999", "scope": "EVERYONE"}, follow=True)
    assert "No source has listed" in text(missing)


def test_hold_and_approve(desk, shop, bells):
    closed = issues.close(now=timezone.now())
    assert "is held" in text(desk.post(reverse("admin:issue_hold", args=[closed.number]), follow=True))
    assert Issue.objects.get(pk=closed.pk).held_at is not None
    assert 'action="/desk/issue/1/approve/"' in text(desk.get(SCREEN))
    desk.post(reverse("admin:issue_approve", args=[closed.number]))
    assert Issue.objects.get(pk=closed.pk).held_at is None
    assert bells == ["plan", "send"]


def test_close_and_send_says_whom_it_reaches_then_plans_and_rings(desk, shop, bells):
    asked = text(desk.get("/desk/issue/close/"))
    assert "<strong>1 active reader</strong>" in asked and Issue.objects.get().state == IssueState.OPEN
    done = text(desk.post("/desk/issue/close/", {"number": shop.issue.number}, follow=True))
    assert "Issue 1 is closed." in done and "1 copy planned, due now." in done
    assert bells == ["send"]
    again = text(desk.post("/desk/issue/close/", {"number": shop.issue.number}, follow=True))
    assert "closed before" in again and "0 copies planned" in again
    assert Issue.objects.filter(state=IssueState.CLOSED).count() == 1 and Delivery.objects.count() == 1


def test_close_without_a_number_closes_nothing(desk, shop):
    assert "load the page again" in text(desk.post("/desk/issue/close/", {}, follow=True))
    assert Issue.objects.get().state == IssueState.OPEN


def test_a_held_issue_is_named_before_the_send(desk, shop):
    desk.post(reverse("admin:issue_hold", args=[shop.issue.number]))
    assert "Held: 1." in text(desk.get("/desk/issue/close/"))


def test_a_closed_issue_has_a_screen_where_a_paper_is_hidden_and_restored(desk, shop):
    issues.close(now=timezone.now())
    assert "fold laundry" in text(desk.get("/desk/issue/1/"))
    assert desk.post(reverse("admin:issue_candidate", args=[shop.rows[0].pk]), {"verb": "hide"})["Location"].startswith(
        "/desk/issue/1/"
    )
    assert "Restored: issue 2 offers it" in text(press(desk, shop.rows[0], "restore"))
    assert desk.get("/desk/issue/99/").status_code == 404


def test_the_preview_is_as_a_reader_a_topic_a_query_or_trending(desk, shop):
    for chosen in (f"reader={shop.reader.public_id}", "topic=robots", "query=laundry", ""):
        page = desk.get(f"/desk/issue/preview/?{chosen}")
        assert page.status_code == 200
        assert text(page).count("<iframe") == 2 and text(page).count(" sandbox ") == 2
    assert "Robots that walk" not in text(desk.get("/desk/issue/preview/mail/?query=laundry"))
    assert "Robots that walk" in text(desk.get(f"/desk/issue/preview/mail/?reader={shop.reader.public_id}"))


def test_a_preview_of_nobody_or_of_a_broken_query_says_so(desk, shop):
    refused = {"reader=nobody": "No reader has the id", "topic=nothing": "no topic", "query=robots AND": 'role="alert"'}
    for chosen, said in refused.items():
        page = desk.get(f"/desk/issue/preview/?{chosen}")
        assert said in text(page) and "<iframe" not in text(page)
        assert desk.get(f"/desk/issue/preview/mail/?{chosen}").status_code == 404


def test_the_preview_is_dark_where_that_was_chosen(desk, shop):
    assert "@media not all{" in text(desk.get("/desk/issue/preview/mail/"))
    assert "@media all{" in text(desk.get("/desk/issue/preview/mail/?dark=1"))


def test_the_previewed_mail_runs_nothing_and_holds_no_readers_token(desk, shop):
    mail = desk.get(f"/desk/issue/preview/mail/?reader={shop.reader.public_id}")
    assert mail["Content-Security-Policy"].startswith("default-src 'none'") and "sandbox" in mail["Content-Security-Policy"]
    assert mail["X-Frame-Options"] == "SAMEORIGIN"
    assert "/u/" not in text(mail) and "/preferences/" not in text(mail)


def test_the_desk_has_its_own_policy_and_the_login_too(desk):
    for answer in (desk.get("/desk/"), Client().get("/desk/login/", follow=True)):
        assert answer.status_code == 200
        policy = answer["Content-Security-Policy"]
        assert "script-src 'self' 'unsafe-eval'" in policy and "style-src 'self' 'unsafe-inline'" in policy
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "script-src 'self' 'unsafe-inline'" not in policy
        assert answer["Referrer-Policy"] == "same-origin", "under no-referrer a browser's POST has Origin: null, which is refused"


def test_a_login_ends_at_the_desk(curator):
    client = Client()
    form = client.get("/desk/login/", follow=True)
    answer = client.post(form.request["PATH_INFO"] + "?" + form.request["QUERY_STRING"], {
        "username": "mara", "password": "a long pass phrase"}, follow=True)  # fmt: skip
    assert answer.redirect_chain[-1][0] == "/desk/" and answer.status_code == 200


def test_the_desk_loads_nothing_from_elsewhere(desk, shop):
    for url in ("/desk/", SCREEN, "/desk/issue/preview/", "/desk/newsletter/paper/"):
        page = text(desk.get(url))
        assert 'src="http' not in page and 'rel="stylesheet" href="http' not in page and '<link href="http' not in page
    assert finders.find("desk/desk.css")


def test_the_issue_screen_takes_few_queries_with_a_hundred_candidates(desk, shop, django_assert_max_num_queries):
    now = timezone.now()
    papers = [a_paper(f"Robot number {number}") for number in range(98)]
    Sighting.objects.bulk_create(
        Sighting(source=shop.source, paper=paper, seen_at=now, listed_on=now.date(), rank=9) for paper in papers
    )
    issues.gather(now=now)
    with django_assert_max_num_queries(25) as seen:
        page = text(desk.get(SCREEN))
    assert page.count("desk-title") == 100
    assert len(seen) <= 12


@pytest.mark.parametrize("model", sorted(admin.site._registry, key=lambda m: m._meta.label), ids=lambda m: m._meta.label_lower)
def test_every_list_opens_is_searched_and_deletes_nothing(desk, shop, model, rf, curator):
    name = f"{model._meta.app_label}_{model._meta.model_name}"
    url = reverse(f"admin:{name}_changelist")
    assert desk.get(url).status_code == 200
    assert desk.get(url, {"q": "robots"}).status_code == 200
    request = rf.get(url)
    request.user = curator
    page = admin.site._registry[model]
    assert not page.has_delete_permission(request)
    assert "delete_selected" not in page.get_actions(request)
    row = model._default_manager.first()
    if row is not None:
        assert desk.get(reverse(f"admin:{name}_change", args=[row.pk])).status_code == 200
        assert desk.post(reverse(f"admin:{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    if page.has_add_permission(request):
        assert desk.get(reverse(f"admin:{name}_add")).status_code == 200


def test_lists_take_as_many_queries_for_twenty_rows_as_for_two(desk, shop):
    def queries(url: str) -> int:
        with CaptureQueriesContext(connection) as seen:
            assert desk.get(url).status_code == 200
        return len(seen)

    urls = [reverse(f"admin:newsletter_{name}_changelist") for name in ("delivery", "interest", "subscriber", "paper", "issue")]
    fill(2)
    few = [queries(url) for url in urls]
    fill(20)
    assert [queries(url) for url in urls] == few


def fill(rows: int) -> None:
    now = timezone.now()
    for number in range(rows):
        reader = a_reader(address=f"r{rows}-{number}@example.org", address_key=f"{rows}-{number}")
        Delivery.objects.create(subscriber=reader, kind="LINK", lane=0, due_at=now, created_at=now)
        interest = Interest.objects.create(query=f"word{rows}x{number}")
        SubscriberInterest.objects.create(subscriber=reader, interest=interest, added_at=now)
        a_paper(f"Paper {rows} {number}")
        issues.close(now=now)


def topic_form(**values) -> dict[str, str]:
    return {"name": "Walking", "slug": "walking", "line": "", "group": "", "position": "1", "query": "robots AND walk", **values}


def test_a_topic_is_added_in_canonical_form_and_the_act_is_recorded(desk, shop):
    answer = desk.post(reverse("admin:newsletter_interest_add"), topic_form(query="robots  AND  WALK"))
    assert answer.status_code == 302
    topic = Interest.objects.get(slug="walking")
    assert topic.query == query.parse("robots AND walk").canonical and topic.compiled == compiled(query.parse(topic.query))
    act = Act.objects.get()
    assert (act.actor, act.verb) == ("mara", "add interest") and "query" in act.details["fields"]


def test_a_broken_query_is_refused_with_its_column(desk, shop):
    page = text(desk.post(reverse("admin:newsletter_interest_add"), topic_form(query="robots AND (walk")))
    assert "Column " in page and not Interest.objects.filter(slug="walking").exists()


def test_a_topic_needs_a_name(desk, shop):
    page = text(desk.post(reverse("admin:newsletter_interest_add"), topic_form(name="")))
    assert "A topic has a name" in page


def test_a_readers_own_query_can_become_a_topic_but_is_not_rewritten(desk, shop):
    own = Interest.objects.create(query="laundry")
    desk.post(reverse("admin:newsletter_interest_change", args=[own.pk]), topic_form(query="hacked"))
    own.refresh_from_db()
    assert (own.query, own.slug, own.name) == ("laundry", "walking", "Walking")


def test_only_superusers_see_and_search_addresses(desk, shop):
    url = reverse("admin:newsletter_subscriber_changelist")
    assert "ada@example.org" in text(desk.get(url)) and "ada@example.org" in text(desk.get(url, {"q": "ada@"}))
    helper = User.objects.create_user("sam", password="x", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_subscriber"))
    client = Client()
    client.force_login(helper)
    page = reverse("admin:newsletter_subscriber_change", args=[shop.reader.pk])
    assert "ada@example.org" not in text(client.get(url)) + text(client.get(page))
    assert shop.reader.public_id in text(client.get(url))
    assert shop.reader.public_id not in text(client.get(url, {"q": "ada@example.org"}))


def test_a_source_is_switched_off_and_the_act_names_the_field(desk, shop):
    url = reverse("admin:newsletter_source_change", args=[shop.source.pk])
    form = {"name": "Daily listing", "slug": "daily", "kind": "huggingface", "params": "{}", "every_minutes": "180"}
    assert desk.post(url, form).status_code == 302
    shop.source.refresh_from_db()
    assert shop.source.enabled is False and shop.source.params == {}
    assert "enabled" in Act.objects.get().details["fields"] and "name" not in Act.objects.get().details["fields"]
    assert "Write a JSON object" in text(desk.post(url, {**form, "params": "[1]"}))


def test_the_sidebar_names_the_next_issue_first_and_every_link_in_it_opens(desk, shop):
    groups = unfold_settings.UNFOLD["SIDEBAR"]["navigation"]
    items = [item for group in groups for item in group["items"]]
    assert str(items[0]["link"]) == SCREEN
    assert [desk.get(str(item["link"])).status_code for item in items] == [200] * len(items)
    assert SCREEN in text(desk.get("/desk/"))
