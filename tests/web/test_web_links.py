"""Every link of every mail: one purpose, one reader, no change by looking, no trace in logs."""

import logging
import re
import shutil
from datetime import timedelta

import pytest
import web_rows as rows
from django.test import Client

from config.logs import Discreet, discreet
from newsletter import editions, links, subscribers, tasks
from newsletter.links import LIFETIME, Purpose
from newsletter.models import Candidate, Delivery, Kind, Lane, Move, Paper, Subscriber, SubscriberStatus

pytestmark = pytest.mark.django_db
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
OPENS = {  # purpose -> what stands behind the token in the path
    Purpose.PREFERENCES: ("", "/preview", "/feed", "/move", "/export", "/erase", "/saved.bib", "/saved.ris", "/saved/{paper}"),
    Purpose.TUNE: ("/{paper}",),
} | dict.fromkeys(set(Purpose) - {Purpose.PREFERENCES, Purpose.TUNE, Purpose.UNSUBSCRIBE}, ("",))
WAYS_OUT = ("", "/preferences", "/export", "/erase")


@pytest.fixture(autouse=True)
def bells(monkeypatch):
    monkeypatch.setattr(tasks, "ring", lambda stage: None)


class Household:
    """One reader with everything that a link can name."""

    def __init__(self, paper: Paper) -> None:
        self.reader = rows.reader()
        shown = list(Candidate.objects.filter(paper=paper).select_related("issue"))
        self.copy = rows.copy_of(self.reader, shown)
        subscribers.ask_move(self.reader, f"moves{self.reader.pk}@example.net", now=rows.now())
        self.ask = Move.objects.get(subscriber=self.reader).ask_ref
        self.gone = rows.reader()
        subscribers.unsubscribe(self.gone.public_id, now=rows.now())
        self.moved = rows.reader()
        subscribers.ask_move(self.moved, f"moved{self.moved.pk}@example.net", now=rows.now())
        self.undo = subscribers.move(Move.objects.get(subscriber=self.moved).ask_ref, now=rows.now()).undo_ref
        self.refs = dict.fromkeys(Purpose, self.reader.public_id) | {
            Purpose.VIEW: self.copy.public_id, Purpose.TUNE: self.copy.public_id, Purpose.MOVE: self.ask, Purpose.UNDO: self.undo,
            Purpose.RETURN: Delivery.objects.get(subscriber=self.gone, kind=Kind.GOODBYE).public_id,
        }  # fmt: skip

    def tokens(self) -> dict[str, str]:
        """By name: one of each purpose, what confirms, and the way out."""
        found = {purpose.value: links.token(purpose, ref, now=rows.now()) for purpose, ref in self.refs.items()}
        return found | {"confirm": rows.asked(f"asks{self.reader.pk}@example.org").rpartition("/")[2], "u": self.reader.leave_id}


@pytest.fixture
def paper() -> Paper:
    closed = rows.issue()
    return rows.papers(closed, 1)[0]


def pages(paper: Paper) -> dict[str, tuple[str, ...]]:
    """Purpose -> every path that its token opens, with {} where the token goes."""
    found = {purpose.value: tuple(f"/{purpose}/{{}}{tail.format(paper=paper.public_id)}" for tail in tails)
             for purpose, tails in OPENS.items()}  # fmt: skip
    out = tuple(f"/u/{{}}{tail}" for tail in WAYS_OUT)
    return found | {"confirm": ("/confirm/{}",), "u": out, "unsubscribe": (*out, "/unsubscribe/{}")}


def test_every_page_of_a_token_stands_in_the_matrix(paper):
    from django.urls import get_resolver

    from newsletter.web import urls

    known = {path.strip("/").split("/")[0] for paths in pages(paper).values() for path in paths}
    routed = {str(each.pattern).lstrip("^").split("/")[0] for each in urls.urlpatterns if "token" in str(each.pattern)}
    assert routed == known and get_resolver()


def test_a_token_of_one_purpose_opens_no_page_of_another_for_any_reader(paper):
    house, other = Household(paper), Household(paper)
    tokens, everywhere = house.tokens(), pages(paper)
    before, client = rows.counts(), Client()
    tried = 0
    for purpose, token in tokens.items():
        own = set(everywhere[purpose]) | (set(everywhere["u"]) if purpose == "unsubscribe" else set())
        own |= set(everywhere["unsubscribe"]) if purpose == "u" else set()
        for path in {path for paths in everywhere.values() for path in paths} - own:
            for act in (client.get, client.head, client.post):
                answer = act(path.format(token))
                tried += 1
                assert answer.status_code in (404, 405), (purpose, path, act.__name__)
                assert answer.status_code == 405 or act == client.head or "does not open anything" in answer.content.decode()
    assert tried > 500 and rows.counts() == before
    assert other.reader.status == SubscriberStatus.ACTIVE


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose != Purpose.UNSUBSCRIBE])
def test_cut_forged_and_expired_tokens_get_one_helpful_page_and_change_nothing(paper, purpose):
    house, client = Household(paper), Client()
    good = links.token(purpose, house.refs[purpose], now=rows.now())
    ref, _, rest = good.partition(".")
    other = Household(paper).refs[purpose]
    before = rows.counts()
    forged = (good[:-1], good[1:], good + "A", f"{other}.{rest}", ref, "x", "%20", "é", good.swapcase())
    for path in pages(paper)[purpose.value]:
        for act in (client.get, client.post):
            for bad in forged:
                answer = act(path.format(bad))
                assert answer.status_code in (404, 405), (path, bad)
                assert answer.status_code == 405 or "/preferences" in answer.content.decode()
            if purpose in LIFETIME:
                late = links.token(purpose, house.refs[purpose], now=rows.now() - LIFETIME[purpose] - timedelta(seconds=1))
                answer = act(path.format(late))
                assert answer.status_code in (410, 405), path
                assert answer.status_code == 405 or "has expired" in answer.content.decode()
    assert rows.counts() == before


def test_a_token_acts_for_its_own_reader_alone(paper):
    house, other, client = Household(paper), Household(paper), Client()
    before = {model: repr(list(model.objects.filter(pk=other.reader.pk).values())) for model in (Subscriber,)}
    tokens = house.tokens()
    client.post(f"/tune/{tokens['tune']}/{paper.public_id}", {"do": "save"})
    client.post(f"/tune/{tokens['tune']}/{paper.public_id}", {"do": "mute-word", "word": "snow"})
    client.post(f"/move/{tokens['move']}")
    client.post(f"/u/{tokens['u']}")
    client.post(f"/erase/{tokens['erase']}")
    assert not Subscriber.objects.filter(pk=house.reader.pk).exists()
    assert before == {model: repr(list(model.objects.filter(pk=other.reader.pk).values())) for model in (Subscriber,)}
    assert not other.reader.saved.exists() and other.reader.moves.count() == 1


def mailed(paper: Paper) -> list[str]:
    """Every address of ours in every kind of mail, as written for one reader; the paths."""
    house = Household(paper)
    bodies = [editions.write(house.copy, as_of=rows.now())]
    for kind in set(Kind) - {Kind.DIGEST, Kind.TEST, Kind.ALERT, Kind.CONFIRM, Kind.MOVE_NEW, Kind.MOVE_OLD, Kind.GOODBYE}:
        row = Delivery.objects.create(
            subscriber=house.reader,
            kind=kind,
            lane=Lane.SERVICE,
            due_at=rows.now(),
            created_at=rows.now(),
            to_address="a@example.org",
        )
        bodies.append(subscribers.write(row, as_of=rows.now()))
    rows.asked("waits@example.org")
    for row in Delivery.objects.filter(kind__in=(Kind.MOVE_NEW, Kind.MOVE_OLD, Kind.GOODBYE, Kind.CONFIRM)):
        bodies.append(subscribers.write(row, as_of=rows.now()))
    base = re.escape(links.absolute(""))
    found = {path for body in bodies for part in (body.text, body.html) for path in re.findall(rf"{base}(/[^\s\"'<>#]*)", part)}
    kinds = {path.split("/")[1] for path in found}
    assert {
        "confirm",
        "never",
        "preferences",
        "u",
        "view",
        "tune",
        "move",
        "undo",
        "export",
        "erase",
        "return",
        "editions",
    } <= kinds
    return sorted(found)


def test_looking_at_every_link_of_every_mail_changes_nothing(paper):
    found, client = mailed(paper), Client()
    before = rows.counts()
    for path in found:
        for act in (client.get, client.head, client.options):
            answer = act(path)
            assert answer.status_code in (200, 405), (path, answer.status_code)
            assert not answer.cookies
    assert rows.counts() == before


def test_pages_behind_the_links_of_a_mail_tell_no_address_and_ask_nobody_else(paper):
    found, client = mailed(paper), Client()
    addresses = list(Subscriber.objects.values_list("address", flat=True))
    for path in found:
        answer = client.get(path)
        html = answer.content.decode()
        if "html" not in answer["Content-Type"]:
            continue
        assert not [address for address in addresses if address in html], path
        foreign = [src for src in rows.Links(html).fetched if not src.startswith(("/", "data:"))]
        assert foreign == [], path
        if path.split("/")[1] in {purpose.value for purpose in Purpose} | {"u", "confirm"}:
            assert answer["Referrer-Policy"] == "no-referrer" and answer["Cache-Control"] == "private, no-store", path


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seconds", [5])
def test_a_browser_that_runs_scripts_on_every_link_for_five_seconds_changes_nothing(live_server, seconds, monkeypatch):
    """What link scanners of mail servers do. All pages are open at once, so that it takes five seconds, not five a page."""
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # Playwright's loop runs in this thread; no row is touched from it
    found = mailed(rows.papers(rows.issue(), 1)[0])
    before = rows.counts()
    asked: list[tuple[str, str]] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context()
        context.on("request", lambda request: asked.append((request.method, request.url)))
        tabs = [context.new_page() for _ in found]
        for tab, path in zip(tabs, found, strict=True):
            tab.goto(f"{live_server.url}{path}", wait_until="commit")
        tabs[0].wait_for_timeout(seconds * 1000)
        browser.close()
    assert rows.counts() == before
    assert {method for method, _ in asked} == {"GET"} and len(asked) > len(found)
    assert all(url.startswith((live_server.url, "data:")) for _, url in asked)


def test_one_click_from_a_foreign_origin_counts_at_once_and_again(paper):
    house = Household(paper)
    for body in ({"List-Unsubscribe": "One-Click"}, "List-Unsubscribe=One-Click"):
        kind = {} if isinstance(body, dict) else {"content_type": "application/x-www-form-urlencoded"}
        Subscriber.objects.filter(pk=house.reader.pk).update(status="ACTIVE")
        for _ in range(2):
            client = Client(enforce_csrf_checks=True, headers={"Origin": "https://mail.example.com"})
            answer = client.post(f"/u/{house.reader.leave_id}", body, **kind)
            assert answer.status_code == 200 and not answer.cookies and "Location" not in answer
            assert Subscriber.objects.get(pk=house.reader.pk).status == SubscriberStatus.LEFT


def test_no_log_line_holds_a_token_or_an_address(paper, monkeypatch, caplog):
    tokens = Household(paper).tokens()
    paths = {path.format(tokens[name]): tokens[name] for name, found in pages(paper).items() for path in found if name in tokens}
    for path, token in paths.items():
        said = discreet(f'GET http://x{path}?a=1 HTTP/1.1" 500 "{path}" <{path}>')
        assert token not in said and path.split("/")[1] in said, path
    assert discreet("to ada@example.org, /preferences HTTP") == "to [address], /preferences HTTP"
    assert discreet("GET /archive/2026-11-22 /topics/robots /u") == "GET /archive/2026-11-22 /topics/robots /u"

    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError(f"no page for {args[0].path}")  # type: ignore[attr-defined]

    monkeypatch.setattr("newsletter.web.reader.preferences_page.page", broken)
    path = rows.signed("preferences", rows.reader().public_id)
    assert Client(raise_request_exception=False).get(path).status_code == 500
    lines = [Discreet().format(record) for record in caplog.records if record.levelno >= logging.ERROR]
    assert lines and "Traceback" in lines[0] and "/preferences/[token]" in lines[0]
    assert not [line for line in lines if path.rpartition("/")[2] in line]


def test_the_console_of_the_product_is_discreet():
    from config import settings

    handlers = settings.LOGGING["handlers"].values()
    assert {handler["formatter"] for handler in handlers} == {"line"}
    assert settings.LOGGING["formatters"]["line"]["()"] == "config.logs.Discreet"


def test_no_server_of_ours_is_started_with_an_access_log():
    """Lines of requests hold tokens; a proxy in front is the operator's, and docs/operate.md says so."""
    from pathlib import Path

    from newsletter.management.supervision import WEB

    root = Path(__file__).parents[2]
    started = [" ".join(WEB), (root / "Dockerfile").read_text(), (root / "docker-compose.yml").read_text()]
    assert all("granian" in each for each in started[:2])
    assert not any(re.search("access[-_]log", each, re.IGNORECASE) for each in started)
