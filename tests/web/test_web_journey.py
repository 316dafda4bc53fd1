"""A reader's whole way in a real browser, by keyboard alone: with scripts and without."""

from __future__ import annotations

import re
import shutil
from datetime import timedelta

import pytest
import web_rows as rows

from newsletter import editions, links, subscribers, tasks
from newsletter.models import Candidate, Delivery, Interest, Kind, MutedInterest, Subscriber, SubscriberStatus, Suppression

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ADDRESS = "grace@example.org"
STOPS = 250  # of the Tab key; no page has more

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class Keys:
    """A person without a mouse."""

    def __init__(self, page, base: str) -> None:
        self.page, self.base = page, base

    def open(self, path: str) -> None:
        self.page.goto(self.base + path)

    def reach(self, selector: str) -> None:
        """Tab from the top of the page to the first element that fits; its focus must be seen."""
        self.page.evaluate("document.activeElement.blur(); window.getSelection().removeAllRanges(); scrollTo(0, 0)")
        self.page.locator(".skip").focus()
        for _ in range(STOPS):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("(one) => document.activeElement.matches(one)", selector):
                assert self.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
                return
        raise AssertionError(f"the Tab key never comes to {selector}")

    def press(self, selector: str) -> None:
        self.reach(selector)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def type(self, selector: str, text: str) -> None:
        self.reach(selector)
        self.page.keyboard.type(text)


def written(kind: Kind) -> str:
    """The newest mail of that kind, as it would leave."""
    return subscribers.write(Delivery.objects.filter(kind=kind).latest("id"), as_of=rows.now()).text


def path_in(text: str, name: str) -> str:
    return re.search(rf"{re.escape(links.absolute(''))}(/{name}/\S+)", text)[1]


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_reader_goes_all_the_way_by_keyboard(live_server, monkeypatch, scripts):
    """Sign up, confirm, read, mute from the mail, change the hour, pause, leave, come back, be forgotten."""
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    monkeypatch.setattr(tasks, "ring", lambda stage: None)
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop runs in this thread
    rows.papers(rows.issue(), 1, title="A robot in the snow")
    snow = rows.topic(slug="snow", query="snow")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 360, "height": 800}).new_page()
        if not scripts:
            page.route("**/*.js", lambda route: route.abort())
        _walk(Keys(page, live_server.url), snow)
        browser.close()


def _walk(keys: Keys, snow: Interest) -> None:
    keys.open("/")
    keys.type("input[type=email]", ADDRESS)
    keys.press("button[type=submit]:not([formaction])")
    keys.open(path_in(written(Kind.CONFIRM), "confirm"))
    keys.press("main button")
    who = Subscriber.objects.get(address=ADDRESS)
    assert who.status == SubscriberStatus.ACTIVE and "A robot in the snow" in keys.page.inner_text("main")

    copy = rows.copy_of(who, list(Candidate.objects.select_related("issue")))
    mail = editions.write(copy, as_of=rows.now()).text
    keys.open(path_in(mail, "tune"))
    keys.press(f"button[value='mute-interest:{snow.pk}']")
    assert MutedInterest.objects.filter(subscriber=who, interest=snow).exists()
    assert "Muted" in keys.page.inner_text("[role=status]")

    preferences = path_in(mail, "preferences").partition("#")[0]
    keys.open(preferences)
    keys.reach("#hour")
    keys.page.keyboard.press("ArrowDown")
    until = (rows.now() + timedelta(days=40)).date()
    keys.type("#paused_until", f"{until:%m%d%Y}")
    keys.press(".keep button:not([name])")
    who.refresh_from_db()
    assert "Saved." in keys.page.inner_text("[role=status]") and (who.hour, who.paused_until) == (8, until)

    keys.open(f"/u/{who.leave_id}")
    keys.press("main button")
    who.refresh_from_db()
    assert who.status == SubscriberStatus.LEFT
    keys.open(path_in(written(Kind.GOODBYE), "return"))
    keys.press("main button")
    who.refresh_from_db()
    assert (who.status, who.hour) == (SubscriberStatus.ACTIVE, 8)

    keys.open(preferences)
    keys.press("form[action$='/erase'] button")
    keys.open(path_in(written(Kind.ERASE), "erase"))
    keys.press("main button")
    assert "You are forgotten" in keys.page.inner_text("main")
    assert not Subscriber.objects.exists() and Suppression.objects.get().reason == "ERASED"
