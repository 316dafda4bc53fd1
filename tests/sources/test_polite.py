"""The way out, against a server that misbehaves. Loopback is refused unless the tests' setting allows it."""

import gzip
import os
import re
import socket
import threading
import time

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from newsletter.sources import polite
from newsletter.sources.polite import Refused, Unavailable

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings):
    settings.ALLOW_PRIVATE_FETCH = True
    with HTTPServer() as one:
        yield one


def test_a_page_is_fetched_with_our_name_and_how_to_reach_us(server):
    server.expect_request("/a").respond_with_data(b"body", headers={"ETag": '"1"', "Last-Modified": "Tue"})
    got = polite.get(server.url_for("/a"))
    assert (got.data, got.etag, got.last_modified, got.unchanged) == (b"body", '"1"', "Tue", False)
    agent = server.log[0][0].headers["User-Agent"]
    assert agent.startswith("PaperRound/") and "http" in agent and "@" in agent


def test_an_unchanged_page_is_not_read_again(server):
    server.expect_request("/a", headers={"If-None-Match": '"1"', "If-Modified-Since": "Tue"}).respond_with_data(status=304)
    got = polite.get(server.url_for("/a"), etag='"1"', last_modified="Tue")
    assert got.unchanged and got.answers == ()


@pytest.mark.parametrize(
    ("status", "said"), [(403, "barrier"), (202, "barrier"), (429, "too often"), (503, "error of its own"), (404, "still right")]
)
def test_every_other_status_is_unavailable_with_a_sentence(server, status, said):
    server.expect_request("/a").respond_with_data(b"<html>", status=status, headers={"Retry-After": "7200"})
    with pytest.raises(Unavailable, match=said) as caught:
        polite.get(server.url_for("/a"))
    assert caught.value.wait_seconds == 7200


def test_redirects_are_followed_and_counted(server):
    server.expect_request("/a").respond_with_data(status=301, headers={"Location": "/b"})
    server.expect_request("/b").respond_with_data(b"there")
    server.expect_request("/loop").respond_with_data(status=302, headers={"Location": "/loop"})
    assert polite.get(server.url_for("/a")).data == b"there"
    with pytest.raises(Unavailable, match="circles"):
        polite.get(server.url_for("/loop"))


def test_a_redirect_to_another_scheme_is_refused(server):
    server.expect_request("/a").respond_with_data(status=302, headers={"Location": "file:///etc/passwd"})
    with pytest.raises(Refused, match="only http"):
        polite.get(server.url_for("/a"))


@pytest.mark.parametrize("packed", [False, True])
def test_a_large_answer_is_cut_off_before_it_fills_the_memory(server, packed):
    body = b"0" * (11 * 1024 * 1024)
    headers = {"Content-Encoding": "gzip"} if packed else {}
    server.expect_request("/a").respond_with_data(gzip.compress(body) if packed else body, headers=headers)
    with pytest.raises(Refused, match="more than 10 MB"):
        polite.get(server.url_for("/a"))


def test_packed_answers_are_unpacked_and_broken_ones_told(server):
    server.expect_request("/a").respond_with_data(gzip.compress(b"words"), headers={"Content-Encoding": "gzip"})
    server.expect_request("/cut").respond_with_data(gzip.compress(os.urandom(99))[:60], headers={"Content-Encoding": "gzip"})
    server.expect_request("/odd").respond_with_data(b"words", headers={"Content-Encoding": "zstd"})
    assert polite.get(server.url_for("/a")).data == b"words"
    with pytest.raises(Unavailable, match="broke off"):
        polite.get(server.url_for("/cut"))
    with pytest.raises(Refused, match="packed"):
        polite.get(server.url_for("/odd"))


def test_an_answer_that_drips_ends_at_the_total(server, monkeypatch):
    monkeypatch.setattr(polite, "_TOTAL_SECONDS", 0.3)

    def drip(request):
        def pieces():
            for _ in range(20):
                time.sleep(0.1)
                yield b"x"

        return Response(pieces())

    server.expect_request("/a").respond_with_handler(drip)
    with pytest.raises(Unavailable, match="took longer"):
        polite.get(server.url_for("/a"))


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/", "http://localhost/", "http://[::1]/", "http://2130706433/", "http://10.0.0.1/", "http://169.254.169.254/latest",
     "http://[::ffff:127.0.0.1]/",
     "http://0.0.0.0/", "ftp://example.org/", "gopher://127.0.0.1:25/_HELO", "https:///nowhere", ""],
)  # fmt: skip
def test_private_addresses_and_other_schemes_are_refused(url):
    with pytest.raises(Refused):
        polite.get(url)


def test_two_requests_to_a_host_that_asks_for_it_are_apart(server):
    server.expect_request("/a").respond_with_data(b"body")
    polite.get(server.url_for("/a"), pause=0.4)
    begun = time.monotonic()
    polite.get(server.url_for("/a"), pause=0.4)
    assert time.monotonic() - begun > 0.35


def test_no_network_is_decided_in_time_even_when_dns_hangs(monkeypatch):
    hang = threading.Event()

    def never(*args, **kwargs):
        hang.wait(20)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", never)
    monkeypatch.setattr(polite._way, "proxied", lambda url: False)
    begun = time.monotonic()
    assert not polite.reachable(["https://one.example.org", "https://two.example.org"], seconds=0.5)
    assert time.monotonic() - begun < 1.5
    hang.set()


def test_a_proxys_403_is_no_network_and_one_answering_host_is_enough(server):
    server.expect_request("/robots.txt").respond_with_data(b"", status=403)
    assert not polite.reachable([server.url_for("").rstrip("/")], seconds=3)
    with HTTPServer() as good:
        good.expect_request("/robots.txt").respond_with_data(b"", status=404)
        assert polite.reachable([server.url_for("").rstrip("/"), good.url_for("").rstrip("/")], seconds=3)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_that_forbids_everything_is_no_network(monkeypatch, scheme):
    with HTTPServer() as proxy:
        proxy.expect_request(re.compile(".*")).respond_with_data(b"forbidden", status=403)
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url_for("").rstrip("/"))
        assert not polite.reachable([f"{scheme}://papers.example.org"], seconds=5)
        with pytest.raises(Unavailable):
            polite.get(f"{scheme}://papers.example.org/list")
        with pytest.raises(Refused):
            polite.get(f"{scheme}://127.0.0.1/list")
        assert proxy.log
