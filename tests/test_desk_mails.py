"""The desk's gallery of mails: all kinds side by side, by GET alone, for curators alone."""

from __future__ import annotations

from datetime import datetime, timedelta

import issue_rows
import pytest
from django.contrib.auth.models import User
from django.test import Client

from newsletter import issues
from newsletter.desk import gallery, unfold_settings
from newsletter.mail.examples import examples
from newsletter.models import Act, Candidate, Delivery, Issue, Paper, Subscriber

pytestmark = pytest.mark.django_db

SHEET = "/desk/mails/"


@pytest.fixture(autouse=True)
def _dress(settings):
    settings.UNFOLD = unfold_settings.UNFOLD
    settings.PUBLIC_URL = "https://papers.example.org"


@pytest.fixture
def desk() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("mara", password="a long pass phrase"))
    return client


def text(answer) -> str:
    return answer.content.decode()


def listed(title: str, *, at: datetime) -> None:
    """A trending source lists a paper of that title, and it is gathered."""
    issue_rows.source("daily", trending=True)
    issue_rows.paper(title, at=at, seen_by="daily", upvotes=80)
    issues.gather(now=at)


def test_every_example_is_there_with_size_and_lint(desk):
    page = text(desk.get(SHEET))
    assert all(f'title="{name}"' in page for name in examples())
    assert page.count("<iframe") == page.count(" sandbox ") == len(examples())
    assert page.count("No finding.") == len(examples()) and "no finding." in page


def test_one_mail_is_shown_wide_narrow_light_dark_as_text_and_as_source(desk):
    page = text(desk.get(f"{SHEET}digest-note/"))
    assert [page.count(f'width="{width}"') for width in (600, 360)] == [2, 2]
    assert page.count("is-dark") == 1 and page.count(" sandbox ") == 4
    assert "========" in page and "Content-Transfer-Encoding: quoted-printable" in page
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in page


def test_a_service_mail_has_no_headers_of_a_list(desk):
    page = text(desk.get(f"{SHEET}confirm/"))
    assert "Auto-Submitted: auto-generated" in page and "List-Unsubscribe" not in page


def test_the_mails_wear_the_dress_of_the_installation(desk, settings):
    settings.POSTAL_ADDRESS = "9 Lime Wharf"
    for name in ("digest-5", "confirm"):
        assert "9 Lime Wharf" in text(desk.get(f"{SHEET}{name}/html/"))


def test_the_newest_papers_are_shown_where_there_are_any(desk):
    assert "newest-issue" not in text(desk.get(SHEET)) and "open-issue" not in text(desk.get(SHEET))
    for day, title in enumerate(["Robots that walk", "Robots that fold", "Robots that rest"]):
        at = issue_rows.MONDAY + day * issue_rows.DAY
        listed(title, at=at)
        if day < 2:
            issues.close(now=at + timedelta(hours=12))
    page = text(desk.get(SHEET))
    assert "newest-issue" in page and "open-issue" in page
    assert "Robots that fold" in text(desk.get(f"{SHEET}newest-issue/html/"))
    assert "Robots that rest" in text(desk.get(f"{SHEET}open-issue/html/"))


def test_the_mails_are_shown_in_each_language_they_speak(desk):
    assert 'lang="de"' in text(desk.get(f"{SHEET}digest-5/html/?locale=de"))
    for locale in ("en", "xx", "", "../de"):
        assert '<html lang="en"' in text(desk.get(f"{SHEET}digest-5/html/", {"locale": locale}))
    assert 'value="de" selected' in text(desk.get(SHEET, {"locale": "de"}))


def test_the_html_in_a_frame_runs_nothing(desk):
    frame = desk.get(f"{SHEET}digest-5/html/")
    assert frame["Content-Security-Policy"].startswith("default-src 'none'") and "sandbox" in frame["Content-Security-Policy"]
    assert frame["X-Frame-Options"] == "SAMEORIGIN"


def test_a_frame_is_light_or_dark_whatever_the_machine_is(desk):
    mail = text(desk.get(f"{SHEET}digest-5/html/"))
    assert "@media not all{" in mail and 'name="color-scheme" content="light"' in mail
    mail = text(desk.get(f"{SHEET}digest-5/html/?dark=1"))
    assert "@media all{" in mail and 'name="color-scheme" content="dark"' in mail
    assert text(desk.get(f"{SHEET}digest-5/")).count("dark=1") == 2
    assert text(desk.get(f"{SHEET}?dark=1")).count("&amp;dark=1") == len(examples())


def test_a_mail_that_cannot_be_written_says_why_and_spoils_no_other(desk, monkeypatch):
    whole = gallery.examples
    broken = {"confirm": gallery.Example("CONFIRM", {})}
    monkeypatch.setattr(gallery, "examples", lambda *args, **options: whole(*args, **options) | broken)
    page = text(desk.get(SHEET))
    assert "It cannot be written: UndefinedError" in page and "1 with a finding" in " ".join(page.split())
    assert page.count("<iframe") == len(examples()) - 1
    assert "It cannot be written: UndefinedError" in text(desk.get(f"{SHEET}confirm/"))
    assert desk.get(f"{SHEET}confirm/html/").status_code == 404


def test_looking_changes_nothing(desk):
    listed("Robots that walk", at=issue_rows.MONDAY)

    def rows():
        return [model.objects.count() for model in (Act, Candidate, Delivery, Issue, Paper, Subscriber)]

    before = rows()
    for url in (SHEET, f"{SHEET}open-issue/", f"{SHEET}open-issue/html/"):
        assert desk.get(url).status_code == desk.head(url).status_code == 200
        assert desk.post(url).status_code == 405
    assert rows() == before


def test_a_mail_of_another_name_is_not_there(desk):
    for url in (f"{SHEET}nothing/", f"{SHEET}nothing/html/", f"{SHEET}newest-issue/"):
        assert desk.get(url).status_code == 404


def test_nobody_else_gets_in():
    stranger, helper = Client(), Client()
    helper.force_login(User.objects.create_user("sam", password="x", is_staff=True))
    for url in (SHEET, f"{SHEET}digest-5/", f"{SHEET}digest-5/html/"):
        answer = stranger.get(url)
        assert answer.status_code == 302 and answer["Location"].startswith("/desk/login/")
        assert helper.get(url).status_code == 403
    assert SHEET not in text(helper.get("/desk/"))


def test_the_gallery_is_in_the_sidebar_of_a_curator(desk):
    assert f'href="{SHEET}"' in text(desk.get("/desk/"))
