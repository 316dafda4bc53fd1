"""Politeness over all processes, against a local server that counts and misbehaves."""

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection
from pytest_httpserver import HTTPServer
from werkzeug import Response

from newsletter.models import Outcome, Permit
from newsletter.sources import ingest, ingest_due, polite
from newsletter.sources.polite import NotYet, Refused, Unavailable, _permit
from tests.sources.making import NOW, source
from tests.threads import threads_share_the_database

ROOT = Path(__file__).parents[2]
PAUSE = 0.4


@pytest.fixture
def server(settings):
    settings.ALLOW_PRIVATE_FETCH = True
    with HTTPServer(threaded=True) as one:
        yield one


class Counter:
    """Answers, and remembers when each request began and how many were open at once."""

    def __init__(self, seconds=0.1):
        self.began, self.open, self.most, self.seconds, self.lock = [], 0, 0, seconds, threading.Lock()

    def __call__(self, request):
        with self.lock:
            self.began.append(time.monotonic())
            self.open += 1
            self.most = max(self.most, self.open)
        time.sleep(self.seconds)
        with self.lock:
            self.open -= 1
        return Response(b"body")

    def gaps(self):
        return [later - earlier for earlier, later in zip(self.began, self.began[1:], strict=False)]


CHILD = """
import sys, django
django.setup()
from django.conf import settings
settings.ALLOW_PRIVATE_FETCH = True
from newsletter.sources import polite
polite._robots.delay = lambda url, read: 0.0
for _ in range(2):
    polite.get(sys.argv[1], pause=float(sys.argv[2]))
"""


@pytest.mark.django_db(transaction=True)
def test_threads_and_another_process_ask_one_at_a_time_with_a_pause_between(server, tmp_path, monkeypatch):
    counter = Counter()
    server.expect_request("/a").respond_with_handler(counter)
    url = server.url_for("/a")
    with threads_share_the_database(tmp_path) as shared:
        names = connection.settings_dict
        address = f"sqlite:///{names['NAME']}"
        if connection.vendor == "postgresql":
            password = f":{names['PASSWORD']}" if names["PASSWORD"] else ""
            address = f"postgresql://{names['USER']}{password}@{names['HOST']}:{names['PORT'] or 5432}/{names['NAME']}"
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, url, str(PAUSE)],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "config.settings"},
        )
        shared.all_at_once(lambda _: polite.get(url, pause=PAUSE), times=3)
        assert child.wait(60) == 0
    assert len(counter.began) == 5 and counter.most == 1
    assert min(counter.gaps()) >= PAUSE


@pytest.mark.django_db
def test_all_hosts_of_arxiv_share_one_permit_and_three_seconds():
    hosts = (
        "https://rss.arxiv.org/rss/cs.CL",
        "https://export.arxiv.org/api/query",
        "https://oaipmh.arxiv.org/oai",
        "http://arxiv.org:80/list",
    )
    assert {_permit.name_of(url) for url in hosts} == {"arxiv.org"}
    assert _permit.FAMILIES["arxiv.org"] == 3.0
    assert _permit.name_of("https://notarxiv.org/") == "notarxiv.org"
    with _permit.turn(hosts[0], 0.0):
        row = Permit.objects.get(host="arxiv.org")
        assert row.holder and row.held_until > datetime.now(UTC)
    row.refresh_from_db()
    assert not row.holder and row.next_allowed_at > datetime.now(UTC) + timedelta(seconds=2.5)


@pytest.mark.django_db
def test_a_dead_holder_is_waited_out(server):
    server.expect_request("/a").respond_with_data(b"body")
    past = datetime.now(UTC) - timedelta(seconds=1)
    Permit.objects.create(host=_permit.name_of(server.url_for("/a")), next_allowed_at=past, held_until=past, holder="dead")
    assert polite.get(server.url_for("/a"), pause=0.1).data == b"body"


@pytest.mark.django_db
def test_after_a_429_nobody_is_asked_for_an_hour_then_two(server):
    server.expect_request("/a").respond_with_data(b"slow down", status=429)
    url = server.url_for("/a")
    for hours in (1, 2, 4):
        with pytest.raises(Unavailable, match="429") as caught:
            polite.get(url)
        assert not isinstance(caught.value, NotYet) and caught.value.wait_seconds == hours * 3600
        with pytest.raises(NotYet, match=r"too often.*asked again after"):
            polite.get(url)
        Permit.objects.update(next_allowed_at=datetime.now(UTC))
    assert len(server.log) == 3
    server.clear()
    server.expect_request("/a").respond_with_data(b"body")
    polite.get(url)
    assert Permit.objects.get().fails == 0


@pytest.mark.django_db
def test_silence_and_errors_of_the_server_grow_the_wait_from_the_second_on(server):
    server.expect_request("/a").respond_with_data(b"", status=502)
    waits = []
    for _ in range(4):
        with pytest.raises(Unavailable) as caught:
            polite.get(server.url_for("/a"))
        waits.append(caught.value.wait_seconds)
        Permit.objects.update(next_allowed_at=datetime.now(UTC))
    assert waits == [0, 60, 240, 960]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"RateLimit": '"api";r=0;t=120', "RateLimit-Policy": '"api";q=500;w=300'}, 120),
        ({"RateLimit": '"api";r=12;t=120'}, 0),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "90"}, 90),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "45"}, 45),
    ],
)
def test_an_allowance_that_is_used_up_is_waited_for(server, headers, seconds):
    server.expect_request("/a").respond_with_data(b"body", headers=headers)
    polite.get(server.url_for("/a"))
    row = Permit.objects.first()
    if not seconds:
        assert row is None
        return
    assert (row.next_allowed_at - datetime.now(UTC)).total_seconds() == pytest.approx(seconds, abs=3)
    with pytest.raises(NotYet, match="allowance"):
        polite.get(server.url_for("/a"))


@pytest.mark.django_db
@pytest.mark.parametrize("status", [202, 403, 404, 410])
@pytest.mark.parametrize("said", ["Retry-After", "X-RateLimit-Reset"])
def test_a_wait_is_kept_whatever_status_it_comes_with(server, status, said):
    until = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 900)}
    headers = {"Retry-After": "900"} if said == "Retry-After" else until
    server.expect_request("/a").respond_with_data(b"no", status=status, headers=headers)
    with pytest.raises(Unavailable) as caught:
        polite.get(server.url_for("/a"))
    assert not isinstance(caught.value, NotYet) and caught.value.wait_seconds == pytest.approx(900, abs=120)
    with pytest.raises(NotYet, match="asked again after"):
        polite.get(server.url_for("/a"))
    assert len(server.log) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(("status", "expected"), [(403, [0, 60, 240]), (202, [0, 60, 240]), (404, [0, 0, 0])])
def test_barriers_in_turn_grow_the_wait_and_a_wrong_address_does_not(server, status, expected):
    server.expect_request("/a").respond_with_data(b"", status=status)
    waits = []
    for _ in expected:
        with pytest.raises(Unavailable) as caught:
            polite.get(server.url_for("/a"))
        waits.append(caught.value.wait_seconds)
        Permit.objects.update(next_allowed_at=datetime.now(UTC))
    assert waits == expected


@pytest.mark.parametrize(
    ("value", "seconds"), [("120", 120), ("99999999", 86400), ("soon", 3600), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)]
)
def test_retry_after_is_read_as_number_and_date(value, seconds):
    assert _permit.asked_to_wait({"retry-after": value}) == seconds


@pytest.mark.django_db
def test_a_host_that_rests_postpones_a_source_and_changes_nothing_else(server):
    place = source(kind="feed", params={"url": server.url_for("/a")}, outcome=Outcome.FRESH, cursor="2026-01-06:x")
    Permit.objects.create(
        host=_permit.name_of(server.url_for("/a")),
        next_allowed_at=datetime.now(UTC) + timedelta(hours=3),
        fails=1,
        said="It rests",
    )
    report = ingest(place, now=NOW)
    assert (report.outcome, place.outcome, place.cursor, place.fails) == ("FRESH", "FRESH", "2026-01-06:x", 0)
    assert report.reason.startswith("It rests; asked again after") and not server.log
    assert place.due_at > NOW + timedelta(hours=2)


@pytest.mark.django_db
def test_one_process_reads_a_source_at_a_time(server):
    server.expect_request("/a").respond_with_data(b"<rss version='2.0'><channel/></rss>")
    place = source(kind="feed", params={"url": server.url_for("/a")}, leased_until=NOW + timedelta(minutes=1))
    report = ingest(place, now=NOW)
    assert report.outcome == "NEVER" and "Another process" in report.reason and not server.log
    ingest(place, now=NOW + timedelta(minutes=2))
    place.refresh_from_db()
    assert len(server.log) == 1 and place.leased_until is None


@pytest.mark.django_db(transaction=True)
def test_two_workers_on_the_same_sweep_read_each_source_once(server, tmp_path):
    counter = Counter(seconds=0.3)
    server.expect_request("/a").respond_with_handler(counter)
    source(kind="feed", params={"url": server.url_for("/a")})
    with threads_share_the_database(tmp_path) as shared:
        shared.all_at_once(lambda _: ingest_due(now=NOW), times=3)
    assert len(counter.began) == 1


@pytest.mark.robots
@pytest.mark.django_db
def test_what_robots_txt_forbids_is_not_asked_and_it_is_read_once_a_day(server):
    server.expect_request("/robots.txt").respond_with_data("User-agent: *\nDisallow: /private\n")
    server.expect_request("/open").respond_with_data(b"body")
    for _ in range(2):
        assert polite.get(server.url_for("/open")).data == b"body"
    with pytest.raises(Refused, match=r"forbids robots.*robots\.txt"):
        polite.get(server.url_for("/private/list"))
    assert [request.path for request, _ in server.log] == ["/robots.txt", "/open", "/open"]
    Permit.objects.update(robots_at=datetime.now(UTC) - timedelta(days=2))
    polite.get(server.url_for("/open"))
    assert [request.path for request, _ in server.log][3:] == ["/robots.txt", "/open"]


@pytest.mark.robots
@pytest.mark.django_db
@pytest.mark.parametrize(("status", "read"), [(404, True), (403, True), (500, False), (429, False)])
def test_no_robots_txt_allows_everything_and_a_failing_one_nothing(server, status, read):
    server.expect_request("/robots.txt").respond_with_data(b"Disallow", status=status)
    server.expect_request("/open").respond_with_data(b"body")
    if read:
        assert polite.get(server.url_for("/open")).data == b"body"
    else:
        with pytest.raises(Unavailable):
            polite.get(server.url_for("/open"))
        assert [request.path for request, _ in server.log] == ["/robots.txt"]


@pytest.mark.robots
@pytest.mark.django_db
def test_our_own_name_in_robots_txt_and_its_delay_are_obeyed(server):
    server.expect_request("/robots.txt").respond_with_data(
        "User-agent: PaperRound\nCrawl-delay: 1\nDisallow: /x\n\nUser-agent: *\nDisallow: /"
    )
    server.expect_request("/open").respond_with_data(b"body")
    begun = time.monotonic()
    polite.get(server.url_for("/open"))
    polite.get(server.url_for("/open"))
    assert time.monotonic() - begun >= 1
    with pytest.raises(Refused):
        polite.get(server.url_for("/x"))


@pytest.mark.robots
@pytest.mark.django_db
def test_interfaces_published_for_programs_have_terms_instead():
    def never(url):
        raise AssertionError(url)

    for url in (
        "https://export.arxiv.org/api/query?id_list=1",
        "https://rss.arxiv.org/rss/cs.CL",
        "https://huggingface.co/api/daily_papers",
    ):
        assert polite._robots.delay(url, never) == 0.0
