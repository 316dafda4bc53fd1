"""What is refused with a reason: addresses inside, other schemes, bombs, DTDs, depth; within time and memory."""

import contextlib
import gzip
import json
import os
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import httpcore2
import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from newsletter.sources import KINDS, ingest_files, polite
from newsletter.sources.page import Malformed, Page, Rejected, guarded
from newsletter.sources.polite import Refused, Unavailable
from tests.sources import samples

ROOT = Path(__file__).parents[2]
PUBLIC = "93.184.215.14"


def names(monkeypatch, *answers):
    """DNS that gives these addresses, one list a question; the last for ever. No proxy stands between."""
    asked = []

    def lookup(host, port, *args, **kwargs):
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(polite._way, "proxied", lambda url: False)
    monkeypatch.setattr(polite._way.socket, "getaddrinfo", lookup)
    return asked


def dialled(monkeypatch):
    """Where connections were really opened to; none is."""
    addresses = []

    def connect(self, host, port, **more):
        addresses.append(host)
        raise httpcore2.ConnectError("no")

    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect)
    return addresses


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "::1", "fe80::1",
     "fc00::1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "::127.0.0.1", "::7f00:1", "64:ff9b:1::7f00:1",
     "::ffff:0:7f00:1", "fec0::1", "192.0.0.8", "192.0.0.9", "192.88.99.1", "::ffff:192.0.0.9", "3fff::1", "5f00::1"],
)  # fmt: skip
def test_a_name_that_leads_inside_is_refused_before_a_connection(monkeypatch, address):
    names(monkeypatch, [PUBLIC, address])
    opened = dialled(monkeypatch)
    with pytest.raises(Refused, match="private"):
        polite.get("http://papers.example.org/list")
    assert opened == []


@pytest.mark.django_db
@pytest.mark.parametrize("address", [PUBLIC, "2606:4700::6810:85e5", "64:ff9b::5db8:d70e", "::ffff:93.184.215.14"])
def test_a_public_address_of_either_kind_is_asked(monkeypatch, address):
    names(monkeypatch, [address])
    opened = dialled(monkeypatch)
    with pytest.raises(Unavailable):
        polite.get("http://papers.example.org/list")
    assert opened == [address]


@pytest.mark.django_db
def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch):
    asked = names(monkeypatch, [PUBLIC], ["127.0.0.1"])
    opened = dialled(monkeypatch)
    with pytest.raises(Unavailable):
        polite.get("http://papers.example.org/list")
    assert (opened, asked) == ([PUBLIC], ["papers.example.org"])


@pytest.mark.django_db
@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.1:9/x", "http://[::1]/x", "http://localhost/x", "ftp://example.org/x", "http://inside.example.org/x"],
)
def test_a_redirect_inside_is_refused(settings, monkeypatch, target):
    settings.ALLOW_PRIVATE_FETCH = True
    with HTTPServer() as server:

        def answer(request):
            settings.ALLOW_PRIVATE_FETCH = False
            return Response(status=302, headers={"Location": target})

        server.expect_request("/a").respond_with_handler(answer)
        url = f"http://127.0.0.1:{server.port}/a"
        names(monkeypatch, ["127.0.0.1"])
        with pytest.raises(Refused):
            polite.get(url)
        assert len(server.log) == 1


@pytest.mark.django_db
def test_headers_that_drip_end_at_the_total(settings, monkeypatch):
    settings.ALLOW_PRIVATE_FETCH = True
    monkeypatch.setattr(polite, "_TOTAL_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip():
            line, _ = listener.accept()
            with line:
                line.recv(4096)
                try:
                    for letter in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 100:
                        line.sendall(bytes([letter]))
                        time.sleep(0.1)
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="took longer"):
            polite.get(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        assert time.monotonic() - begun < 1.5


@pytest.mark.django_db
def test_a_name_that_never_resolves_ends_in_time(monkeypatch):
    def slow(*args, **more):
        time.sleep(2)
        raise OSError

    monkeypatch.setattr(polite._way, "proxied", lambda url: False)
    monkeypatch.setattr(polite._way, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(polite._way.socket, "getaddrinfo", slow)
    begun = time.monotonic()
    with pytest.raises(Unavailable, match="has no address"):
        polite.get("http://papers.example.org/list")
    assert time.monotonic() - begun < 1.5


LAUGHS = b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><rss version="2.0"><channel><title>&b;</title></channel></rss>'
MANY = b"[" + b"{}," * 3_000_000 + b"{}]"
DEEP_JSON = b'[{"paper":{"id":"2601.00001","title":' + b"[" * 5000 + b"]" * 5000 + b"}}]"
DEEP_XML = b'<rss version="2.0"><channel><title>rss.arxiv.org/</title>' + b"<a>" * 5000 + b"</a>" * 5000 + b"</channel></rss>"
DEEP_HTML = (
    b"<!DOCTYPE html><html><head><title>Papers</title></head><body>" + b"<div>" * 5000 + b"</div>" * 5000 + b"</body></html>"
)


HTML, END = b"<!doctype html><html><body>", b"</body></html>"
DEEP_NAMES = [HTML + name * 5000 + END for name in (b"<a-b>", b"<x:y>", b"<a,b>", b"<" + b"a" * 30 + b">")]


@pytest.mark.parametrize("data", [LAUGHS, DEEP_JSON, DEEP_XML, DEEP_HTML, *DEEP_NAMES])
@pytest.mark.parametrize("kind", KINDS)
def test_entities_and_depth_are_refused_with_a_reason_by_every_kind(kind, data):
    try:
        page = guarded(lambda: KINDS[kind].parse(data))
    except Malformed as error:
        assert str(error) and "makes our reader fail" not in str(error), (kind, error)
    else:
        assert page.records == (), (kind, page.records[:1])


@pytest.mark.django_db
@pytest.mark.parametrize("data", DEEP_NAMES)
def test_a_file_that_nests_without_end_costs_itself_and_not_the_run(tmp_path, data):
    (tmp_path / "deep.html").write_bytes(data)
    (tmp_path / "good.json").write_bytes(b'[{"paper":{"id":"2601.00001","title":"A Title of Some Words"}}]')
    report = ingest_files(tmp_path, now=datetime(2026, 1, 7, tzinfo=UTC))
    assert [(one.file.name, one.new) for one in report.files] == [("deep.html", 0), ("good.json", 1)]


@pytest.mark.django_db
def test_a_kind_that_fails_to_recognise_costs_its_file_and_not_the_run(tmp_path, monkeypatch):
    def fails(data, name=""):
        raise RecursionError

    monkeypatch.setattr(KINDS["snapshot"], "recognises", fails)
    (tmp_path / "some.txt").write_bytes(b"words")
    (report,) = ingest_files(tmp_path, now=datetime(2026, 1, 7, tzinfo=UTC)).files
    assert (report.outcome, report.new) == ("BROKEN", 0) and "RecursionError" in report.reason


ATTRIBUTES = b" ".join(b'a%d="1"' % place for place in range(200_000))
LARGE = {
    "numbers": b'{"messages":[{"status":"ok"}],"collection":[' + b"1.5," * 2_390_000 + b"1.5]}",
    "names": HTML + b"<a-b></a-b>" * 400_000 + END,
    "items": b'<rss version="2.0"><channel>' + b"<item><title>A & b</title>" * 140_000 + b"</channel></rss>",
    "attributes": b'<rss version="2.0" ' + ATTRIBUTES + b"><channel/></rss>",
    "attributes of a page": HTML + b"<p " + ATTRIBUTES + b">" + END,
    "comments": HTML + b"<!---->" * 1_000_000 + END,
    "comments before": b"<!---->" * 1_000_000 + HTML + END,
    "instructions": HTML + b"<?a>" * 2_000_000 + END,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LARGE)
def test_what_no_list_of_papers_has_so_many_of_is_refused_at_once(kind, name):
    begun = time.process_time()
    with contextlib.suppress(Malformed):
        guarded(lambda: KINDS[kind].recognises(LARGE[name]))
    with pytest.raises(Malformed) as caught:
        guarded(lambda: KINDS[kind].parse(LARGE[name]))
    assert "makes our reader fail" not in str(caught.value)
    assert time.process_time() - begun < 4


def test_a_page_names_its_first_thousand_refusals_and_counts_the_rest():
    page = Page(rejected=tuple(Rejected("no title", f"entry {place}") for place in range(5000)))
    assert len(page.rejected) == 1001 and page.rejected[999].where == "entry 999"
    assert page.rejected[-1].reason.startswith("4000 more")


@samples.needed
@pytest.mark.parametrize("kind", ["arxiv", "feed", "pubmed"])
@pytest.mark.parametrize("name", ["billion-laughs-feed.xml", "dtd.xml", "external.xml", "xmlbomb.xml"])
def test_the_recorded_bombs_are_refused_or_hold_nothing(kind, name):
    try:
        page = guarded(lambda: KINDS[kind].parse(samples.data(f"hostile/xml/{name}")))
    except Malformed as error:
        assert str(error)
    else:
        assert not any("lol" in record.title * 3 for record in page.records)


CHILD = """
import resource, sys, django
limit = 900 * 2**20  # of address space; what counts is the resident set, checked at the end
django.setup()
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from newsletter.sources import KINDS, polite
from newsletter.sources.page import Malformed, guarded
from django.conf import settings
settings.ALLOW_PRIVATE_FETCH = True
polite._robots.delay = lambda url, read: 0.0
polite._permit._look = lambda host: None
polite._permit.went_well = lambda url, headers: None
refused = []
try:
    polite.get(sys.argv[1])
except polite.Refused as error:
    refused.append(str(error))
for path in sys.argv[2:]:
    kind, _, name = path.partition("=")
    try:
        guarded(lambda: KINDS[kind.strip()].parse(open(name, "rb").read()))
        refused.append("read")
    except Malformed as error:
        refused.append(str(error))
# VmHWM, not ru_maxrss: that one is inherited from the process that started this one.
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak // 1024, len(refused), "|".join(refused))
"""


def test_bombs_and_the_largest_answers_stay_under_300_mb(tmp_path):
    bomb = gzip.compress(b"0" * 1024 * 1024 * 200, compresslevel=9)
    paper = b'{"paper":{"id":"2601.00001","title":"A Title of Some Words","summary":"' + b"x" * 3000 + b'"}}'
    files = {
        "huggingface": b"[" + b",".join([paper] * 3200) + b"]",
        "arxiv": b'<rss version="2.0"><channel><title>t</title>'
        + b"<item><title>A</title></item>" * 350_000
        + b"</channel></rss>",
        "huggingface ": MANY,
        "feed": LAUGHS,
        "pubmed": b"<a>" + b"<b/>" * 2_500_000 + b"</a>",
        "biorxiv": LARGE["numbers"],
        "biorxiv ": LARGE["numbers"].replace(b"1.5," * 2_000_000, b""),
        "snapshot": LARGE["names"],
        "feed ": LARGE["items"],
    }
    for kind, data in files.items():
        assert len(data) <= 10 * 2**20 + 200_000
        (tmp_path / kind).write_bytes(data)
    with HTTPServer() as server:
        server.expect_request("/bomb").respond_with_data(bomb, headers={"Content-Encoding": "gzip"})
        ran = subprocess.run(
            [sys.executable, "-c", CHILD, server.url_for("/bomb"), *(f"{kind}={tmp_path / kind}" for kind in files)],
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert ran.returncode == 0, ran.stderr[-2000:]
    megabytes, count, said = ran.stdout.split(" ", 2)
    assert (int(count), "more than 10 MB" in said) == (1 + len(files), True)
    assert int(megabytes) < 300, ran.stdout


def test_json_that_is_deep_is_malformed_and_not_a_crash():
    with pytest.raises(Malformed, match="deep"):
        KINDS["huggingface"].parse(json.dumps([]).encode()[:1] + b"[" * 100_000)


@pytest.mark.django_db
def test_all_members_of_a_packed_answer_are_read_and_counted(settings):
    settings.ALLOW_PRIVATE_FETCH = True
    packed = {"Content-Encoding": "gzip"}
    two = gzip.compress(b"one ") + gzip.compress(b"two") + bytes(8)
    with HTTPServer() as server:
        server.expect_request("/two").respond_with_data(two, headers=packed)
        server.expect_request("/cut").respond_with_data(gzip.compress(b"one") + gzip.compress(b"two")[:15], headers=packed)
        server.expect_request("/many").respond_with_data(gzip.compress(b"") * 2000, headers=packed)
        server.expect_request("/large").respond_with_data(gzip.compress(bytes(6 * 2**20)) * 2, headers=packed)
        assert polite.get(server.url_for("/two")).data == b"one two"
        with pytest.raises(Refused, match="pieces"):
            polite.get(server.url_for("/many"))
        with pytest.raises(Refused, match="more than 10 MB"):
            polite.get(server.url_for("/large"))
        with pytest.raises(Unavailable, match="broke off"):
            polite.get(server.url_for("/cut"))
