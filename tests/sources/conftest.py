"""Tests of sources ask no robots.txt unless they are about it: marked `robots`."""

import pytest


@pytest.fixture(autouse=True)
def _no_robots(request, monkeypatch):
    if not request.node.get_closest_marker("robots"):
        monkeypatch.setattr("newsletter.sources.polite._robots.delay", lambda url, read: 0.0)
