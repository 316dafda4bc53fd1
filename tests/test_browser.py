"""One reader in a real browser: sign up, confirm from the outbox mail, see the digest. Needs Debian's chromium."""

import email
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from email.policy import default
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """The product itself under its supervisor, on a data folder and a port of its own."""
    data = tmp_path_factory.mktemp("house")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    dropped = {"DATABASE_URL", "REDIS_URL", "WEBHOOK_SECRET", "MAIL_URL", "DJANGO_SETTINGS_MODULE"}
    env = {name: value for name, value in os.environ.items() if name not in dropped}
    env.update(PAPERROUND_DATA=str(data), PORT=str(port), KEY_PREFIX="pr-browser")
    log = (data / "run.txt").open("wb")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run"], cwd=ROOT, env=env, stdout=log, stderr=log, stdin=subprocess.DEVNULL
    )
    base = f"http://127.0.0.1:{port}"
    try:
        _wait(base, data)
        yield base, data, env
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _wait(base: str, data: Path) -> None:
    until = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(f"{base}/healthz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        assert time.monotonic() < until, (data / "run.txt").read_text()
        time.sleep(0.5)


def _mail_to(data: Path, address: str, word: str) -> email.message.EmailMessage:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for path in sorted((data / "outbox").glob("*.eml"), reverse=True):
            mail = email.message_from_bytes(path.read_bytes(), policy=default)
            if mail["To"] == address and word in mail.get_body(("plain",)).get_content():
                return mail
        time.sleep(0.5)
    raise AssertionError(f"no mail with {word} for {address} within a minute")


def _link(mail: email.message.EmailMessage, base: str, kind: str) -> str:
    return re.search(rf"{base}/{kind}/\S+", mail.get_body(("plain",)).get_content())[0]


def _press(page, button) -> None:
    """The first of these buttons or links; its answer is loaded when this returns (a click alone comes back before)."""
    with page.expect_navigation():
        button.first.click()


@pytest.mark.browser
@pytest.mark.worker
def test_a_reader_signs_up_confirms_and_sees_the_digest(house):
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    base, data, env = house
    foreign: list[str] = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 360, "height": 800})
        page.on("request", lambda request: request.url.startswith(base) or foreign.append(request.url))
        page.goto(base)
        page.get_by_role("textbox", name=re.compile("e-?mail", re.I)).first.fill("grace@example.org")
        _press(page, page.get_by_role("button", name=re.compile("subscribe", re.I)))
        assert "grace@example.org" in page.inner_text("main")
        if "One more press" in page.title():  # typed as quickly as robots do
            _press(page, page.get_by_role("button", name=re.compile("subscribe", re.I)))
        assert "Check your inbox" in page.title() and "grace@example.org" in page.inner_text("main")

        page.goto(_link(_mail_to(data, "grace@example.org", "/confirm/"), base, "confirm"))
        _press(page, page.get_by_role("button"))
        assert page.locator("article, li h3, h3 a, h2 a").count() >= 5

        desk = subprocess.run(
            [sys.executable, "manage.py", "desk_link"], cwd=ROOT, env=env, capture_output=True, text=True, check=True
        )
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(re.search(rf"{base}/\S+", desk.stdout)[0])
        _press(page, page.get_by_role("button"))
        page.goto(f"{base}/desk/issue/")
        closing = re.compile("close and send", re.I)
        _press(page, page.get_by_role("link", name=closing).or_(page.get_by_role("button", name=closing)))
        _press(page, page.get_by_role("button", name=re.compile("close and send|send", re.I)))

        digest = _mail_to(data, "grace@example.org", "/u/")
        page.goto(_link(digest, base, "view"))
        assert page.locator("h2").count() >= 3
        browser.close()
    assert foreign == []
