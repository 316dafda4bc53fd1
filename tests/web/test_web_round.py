"""A reader's whole way through a real browser: sign up, confirm, read, mute, another hour, a pause, the way out, erasure.

Gone three times: with a pointer and scripts, with a pointer and none, and by the keyboard alone. Every page on the way is
judged by axe, as half of them answer a button and cannot be asked for.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from web_house import ROOT, House

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
WAYS = ("pointer", "no script", "keyboard")
TOPIC = "language-models"
pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.xdist_group("house"), pytest.mark.timeout(400)]
_RULES = "{runOnly: {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']}}"
_FOUND = f"axe.run(document, {_RULES}).then(r => r.violations.map(v => v.id + ' ' + v.nodes[0].html.slice(0, 120)))"


class Pointer:
    """How one person uses pages. Everything that is done to a page is done through here."""

    def __init__(self, page, base: str) -> None:
        self.page, self.base, self.foreign = page, base, []
        page.on("request", lambda request: request.url.startswith(base) or self.foreign.append(request.url))

    def open(self, url: str) -> None:
        self.page.goto(url)

    def press(self, button) -> None:
        """A button that sends a form, or a link: the next page is there when it returns."""
        with self.page.expect_navigation():
            button.click()

    def unfold(self, summary) -> None:
        summary.click()

    def tick(self, box) -> None:
        box.check()

    def write(self, field, text: str) -> None:
        field.fill(text)

    def date(self, field, day) -> None:
        field.fill(day.isoformat())

    def choose(self, field, value: str) -> None:
        field.select_option(value)

    def says(self, words: str) -> None:
        assert re.search(words, self.page.inner_text("main")), f"{words}\n{self.page.inner_text('main')[:1500]}"


class Keyboard(Pointer):
    """The same by keys alone: whatever Tab does not reach is not there."""

    def reach(self, target) -> None:
        target = target.first
        for _ in range(250):
            if target.evaluate("e => e === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab does not reach {target}")

    def press(self, button) -> None:
        self.reach(button)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")

    def unfold(self, summary) -> None:
        self.reach(summary)
        self.page.keyboard.press("Enter")

    def tick(self, box) -> None:
        self.reach(box)
        self.page.keyboard.press("Space")
        assert box.is_checked()

    def write(self, field, text: str) -> None:
        self.reach(field)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def date(self, field, day) -> None:
        """Chromium's field takes month, day and year one after the other."""
        self.reach(field)
        self.page.keyboard.type(day.strftime("%m%d%Y"))
        assert field.input_value() == day.isoformat()

    def choose(self, field, value: str) -> None:
        self.reach(field)
        self.page.keyboard.type(field.locator(f"option[value='{value}']").inner_text())
        assert field.input_value() == value


@dataclass
class Reader:
    """Someone on the way, with what reaches their inbox."""

    address: str
    hand: Pointer
    house: House
    way: str

    @property
    def page(self):
        return self.hand.page

    def button(self, name: str):
        return self.page.get_by_role("button", name=re.compile(name, re.I)).first

    def judged(self) -> None:
        """axe finds nothing, and nothing stands out of a screen of 320 px."""
        if not AXE.is_file():
            pytest.skip("node_modules is missing (npm ci --ignore-scripts)")
        if self.way == "pointer":  # axe waits for timers, which a page without scripts has not
            self.page.evaluate(AXE.read_text())
            assert self.page.evaluate(_FOUND) == [], self.page.url
        wide = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 1, self.page.url

    def opens_mailed(self, kind: str) -> None:
        self.hand.open(self.house.link(self.address, kind))
        self.judged()


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield running
        running.close()


def person(browser, house: House, way: str) -> Reader:
    context = browser.new_context(
        viewport={"width": 320, "height": 800}, java_script_enabled=way != "no script", locale="en-US", timezone_id="UTC"
    )
    context.set_default_timeout(10_000)
    hand = (Keyboard if way == "keyboard" else Pointer)(context.new_page(), house.base)
    return Reader(f"{way.replace(' ', '-')}@example.org", hand, house, way)


@pytest.fixture(scope="module")
def readers(house, browser) -> dict[str, Reader]:
    """way -> someone who has signed up, has confirmed, and has had the first digest."""
    found = {way: person(browser, house, way) for way in WAYS}
    for reader in found.values():
        signs_up(reader)
    house.run(["send"])
    for reader in found.values():
        confirms(reader)
    [slot] = house.row("SELECT max(next_slot_at) FROM newsletter_subscriber WHERE address LIKE '%t@example.org'")
    morning = datetime.fromisoformat(slot).replace(tzinfo=UTC)
    early = (morning - timedelta(hours=2)).isoformat()
    house.run(["close", "--at", early], ["plan", "--at", morning.isoformat()], ["send", "--at", morning.isoformat()])
    return found


def signs_up(reader: Reader) -> None:
    reader.hand.open(reader.house.base)
    page = reader.page
    topic = page.locator(f"input[name=topic][value={TOPIC}]")
    reader.hand.write(page.locator("input[name=email]"), reader.address)
    reader.hand.write(page.locator("#q"), "learning OR network")
    reader.hand.unfold(page.locator("details", has=topic).locator("summary"))
    reader.hand.tick(topic)
    reader.hand.press(reader.button("subscribe"))
    if "One more press" in page.title():  # typed as quickly as robots do
        reader.judged()
        reader.hand.press(reader.button("subscribe"))
    reader.hand.says(re.escape(reader.address))
    reader.judged()


def confirms(reader: Reader) -> None:
    reader.opens_mailed("confirm")
    reader.hand.press(reader.button("send it to me"))
    reader.hand.says("You are on the round[\\s\\S]*Next issue: ")
    assert reader.page.locator("main li h3").count() >= 3
    reader.judged()


@pytest.mark.parametrize("way", WAYS)
def test_a_reader_reads_mutes_changes_pauses_leaves_and_is_forgotten(way, readers):
    reader = readers[way]
    reads(reader)
    mutes(reader)
    changes_the_hour_and_pauses(reader)
    leaves(reader)
    is_forgotten(reader)
    assert reader.hand.foreign == []


def reads(reader: Reader) -> None:
    reader.hand.open(reader.house.link(reader.address, "view"))
    assert reader.page.locator("h2").count() >= 3


def mutes(reader: Reader) -> None:
    """From the mail: the Tune page of a card."""
    reader.opens_mailed("tune")
    muted = reader.page.locator("button[value^='mute-interest:']").first
    name = muted.inner_text().partition(":")[2].strip()
    assert name
    reader.hand.press(muted)
    assert reader.page.locator("button[value^='unmute-interest:']").count() == 1
    reader.judged()
    reader.opens_mailed("preferences")
    assert reader.page.locator("input[name=muted_interest]:checked").count() == 1
    reader.hand.says(re.escape(name))


def changes_the_hour_and_pauses(reader: Reader) -> None:
    reader.hand.choose(reader.page.locator("select[name=hour]"), "9")
    reader.hand.press(reader.button("^save$"))
    reader.hand.says("Saved\\. Next issue: \\w{3} \\d+ \\w{3} 09:00 UTC")
    reader.judged()
    until = (datetime.now(UTC) + timedelta(days=20)).date()
    reader.hand.date(reader.page.locator("input[name=paused_until]"), until)
    reader.hand.press(reader.button("^save$"))
    reader.hand.says("Saved\\.")
    [paused] = reader.house.row("SELECT paused_until FROM newsletter_subscriber WHERE address = ?", reader.address)
    assert paused == until.isoformat()


def leaves(reader: Reader) -> None:
    reader.opens_mailed("u")
    reader.hand.press(reader.button("^unsubscribe$"))
    reader.hand.says("You are unsubscribed")
    reader.judged()
    assert reader.house.row("SELECT status FROM newsletter_subscriber WHERE address = ?", reader.address) == ("LEFT",)


def is_forgotten(reader: Reader) -> None:
    """Leaving alone keeps the row; erasing asks for a fresh link by mail."""
    reader.hand.press(reader.button("erase my data"))
    reader.judged()
    reader.house.run(["send"])
    assert "/return/" in urlsplit(reader.house.link(reader.address, "return")).path
    reader.opens_mailed("erase")
    reader.hand.press(reader.button("erase my data"))
    reader.hand.says("You are forgotten")
    reader.judged()
    assert reader.house.row("SELECT count(*) FROM newsletter_subscriber WHERE address = ?", reader.address) == (0,)
