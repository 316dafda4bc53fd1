"""What every answer says to a browser, and the yard's judge of feeds and API over the whole site."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import web_rows as rows

YARD = Path(os.environ.get("PAPERROUND_YARD", "/nonexistent"))


pytestmark = pytest.mark.usefixtures("uncounted")


def test_every_answer_carries_the_headers_that_protect_it(client, db):
    pages = rows.whole()
    missing = {
        "api_missing": "/api/v1/none",
        "page_missing": "/none",
        "metrics": "/metrics",
        "feed_missing": "/feeds/own/" + "x" * 22 + ".rss",
    }
    for name, path in {**pages, **missing}.items():
        answer = client.get(path)
        said = answer.headers
        assert said["X-Content-Type-Options"] == "nosniff", name
        assert said["Cross-Origin-Opener-Policy"] == "same-origin", name
        assert said["Referrer-Policy"] in {"same-origin", "no-referrer"}, name
        policy = said["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors" in policy and "unsafe-eval" not in policy, name
        assert not answer.cookies, name


def test_behind_https_browsers_are_told_to_stay_there(client, db, settings):
    settings.SECURE_HSTS_SECONDS = 31_536_000
    answer = client.get("/api/v1/topics", secure=True)
    assert "max-age=31536000" in answer["Strict-Transport-Security"]


@pytest.mark.skipif(not (YARD / "feeds_check.py").is_file(), reason="PAPERROUND_YARD names no folder with feeds_check.py")
@pytest.mark.parametrize("feed", ["/feeds/today.{}", "/feeds/search.{}?q=robot", "/feeds/topics/robotics.{}", "own", "edition"])
def test_the_yard_finds_nothing_in_any_feed_nor_in_robots_security_txt_and_api(live_server, feed):
    pages = rows.whole()
    feed = pages["own_atom"][:-4] + "{}" if feed == "own" else feed
    feed = pages["edition"] + ".{}" if feed == "edition" else feed
    forms = [argument for form in ("rss", "atom", "json") for argument in (f"--{form}", feed.format(form))]
    api = ["--openapi", "/api/v1/openapi.json", "--missing", "/api/v1/none"]
    closed = ["--private", "/u/x", "/preferences/x", "/feeds/own/x.rss", "--public", "/", "/archive/", "/feeds/today.rss"]
    command = [sys.executable, YARD / "feeds_check.py", live_server.url, *forms, *api, *closed]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1].endswith("0 fail")
