"""The API: what it answers, what it refuses and how, keys and rates."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
import redis
import time_machine
import web_rows as rows
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client

from newsletter import curators, subscribers, tasks
from newsletter.models import Act, Candidate, Delivery, IssueState, Kind, Subscriber
from newsletter.web.api import rates

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("uncounted")]
V1 = "/api/v1"


@pytest.fixture(autouse=True)
def unheard(monkeypatch) -> None:
    monkeypatch.setattr(tasks, "ring", lambda _name: None)


def key_of(username: str = "ada", *, may: bool = True) -> str:
    user = User.objects.create_user(username, is_staff=True)
    if may:
        user.user_permissions.add(Permission.objects.get(codename="change_issue"))
    return curators.make_key(user, name="a script", by="ada", now=rows.now())[1]


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_the_newest_papers_come_page_by_page(client):
    rows.papers(rows.issue(1, days_ago=2), 3, title="Old")
    rows.papers(rows.issue(2), 2, title="New")
    first = client.get(f"{V1}/papers?limit=4").json()
    rest = client.get(f"{V1}/papers?limit=4&offset={first['next_offset']}").json()
    titles = [each["title"] for each in first["items"] + rest["items"]]
    assert len(titles) == 5 and len(set(titles)) == 5 and titles[0].startswith("New") and titles[-1].startswith("Old")
    assert rest["next_offset"] is None
    assert first["items"][0]["page"].endswith(f"/papers/{first['items'][0]['id']}")


def test_a_hidden_or_withdrawn_paper_is_not_listed(client):
    hidden, withdrawn, shown = rows.papers(rows.issue(), 3)
    Candidate.objects.filter(paper=hidden).update(hidden_at=rows.now())
    withdrawn.withdrawn_at = rows.now()
    withdrawn.save()
    assert [each["id"] for each in client.get(f"{V1}/papers").json()["items"]] == [shown.public_id]
    assert client.get(f"{V1}/papers/{withdrawn.public_id}").status_code == 410


def test_an_issue_has_the_papers_and_order_of_its_page(client):
    issue = rows.issue(7, note="Look.")
    for trend in (1.0, 9.0, 5.0):
        rows.papers(issue, 1, title=f"Trend {trend}", trend=trend)
    answer = client.get(f"{V1}/issues/7").json()
    assert [each["title"].split()[1] for each in answer["items"]] == ["9.0", "5.0", "1.0"]
    assert answer["issue"] == {"number": 7, "on": str(issue.closed_on), "note": "Look.", "papers": 3}
    assert client.get(f"{V1}/issues").json()["items"] == [answer["issue"]]


def test_search_is_that_of_the_page_and_says_the_query_in_words(client):
    rows.papers(rows.issue(), 2, title="A robot")
    answer = client.get(f"{V1}/search", {"q": "robot"}).json()
    assert answer["total"] == 2 and answer["words"] == "papers about robot" and answer["items"][0]["reason"]
    refused = client.get(f"{V1}/search", {"q": "(robot"})
    assert refused.status_code == 422 and "Column" in refused.json()["errors"]["q"]


def test_topics_and_the_preview_of_one(client):
    rows.papers(rows.issue(), 2, title="A robot")
    rows.topic()
    assert client.get(f"{V1}/topics").json()["items"][0]["slug"] == "robotics"
    assert len(client.get(f"{V1}/topics/robotics").json()["items"]) == 2
    shown = client.get(f"{V1}/preview?topic=robotics&q=poem").json()
    assert shown["words"] == "Robotics · papers about poem"
    assert [day["papers"] for day in shown["days"]] == [2] and len(shown["days"][0]["items"]) == 2


def test_a_sign_up_is_that_of_the_form(client):
    rows.topic()
    wish = {"email": "ada@example.org", "queries": ["poem"], "topics": ["robotics"], "zone": "Europe/Amsterdam", "hour": 9}
    answer = client.post(f"{V1}/sign-up", json.dumps(wish), content_type="application/json")
    assert answer.status_code == 202
    reader = Subscriber.objects.get()
    assert (reader.hour, reader.zone, reader.status) == (9, "Europe/Amsterdam", "PENDING")
    assert {each.slug for each in reader.interests.all()} == {"robotics", None}
    assert Delivery.objects.filter(kind=Kind.CONFIRM).count() == 1


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"email": "ada@@example"}, "email"),
        ({"email": "ada@example.org", "queries": ["(robot"]}, "queries"),
        ({"email": "ada@example.org", "topics": ["none"]}, "wish"),
        ({"email": "ada@example.org", "zone": "Mars/Base"}, "wish"),
        ({"email": "ada@example.org", "hour": 24}, "hour"),
        ({"email": "ada@example.org\0"}, "email"),
        ({}, "email"),
    ],
)
def test_a_wrong_wish_is_refused_whole_and_says_what_to_mend(client, wish, field):
    answer = client.post(f"{V1}/sign-up", json.dumps(wish), content_type="application/json")
    assert answer.status_code == 422 and field in answer.json()["errors"]
    assert not Subscriber.objects.exists()


ERRORS = [
    ("GET", f"{V1}/nothing", 404),
    ("GET", "/api/", 404),
    ("GET", f"{V1}/", 404),
    ("GET", f"{V1}/papers/", 404),
    ("GET", f"{V1}/papers/none", 404),
    ("GET", f"{V1}/issues/99", 404),
    ("GET", f"{V1}/topics/none", 404),
    ("GET", f"{V1}/search", 422),
    ("GET", f"{V1}/papers?limit=0", 422),
    ("GET", f"{V1}/search?q=%00", 422),
    ("GET", f"{V1}/preview?topic=none", 422),
    ("POST", f"{V1}/papers", 405),
    ("DELETE", f"{V1}/topics", 405),
    ("QUERY", f"{V1}/search", 405),
    ("TRACE", f"{V1}/papers", 405),
    ("QUERY", "/api/v2/x", 404),
    ("POST", f"{V1}/openapi.json", 405),
    ("GET", f"{V1}/desk/issue", 401),
]


@pytest.mark.parametrize(("method", "path", "status"), ERRORS)
@pytest.mark.parametrize("accept", ["*/*", "text/html", "application/json"])
def test_every_error_below_api_is_a_problem(client, method, path, status, accept):
    answer = client.generic(method, path, headers={"Accept": accept})
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status and body["title"] and body["detail"] and body["type"] == "about:blank"
    assert (status == 405) == ("Allow" in answer.headers) and (status == 401) == ("WWW-Authenticate" in answer.headers)


def test_broken_json_is_a_problem_too(client):
    answer = client.post(f"{V1}/sign-up", "{", content_type="application/json")
    assert answer.status_code == 400 and answer["Content-Type"] == "application/problem+json"


def test_what_breaks_inside_is_a_problem_and_tells_nothing(client, monkeypatch):
    client.raise_request_exception = False
    monkeypatch.setattr("newsletter.web.listing.topic_rows", lambda: 1 / 0)
    answer = client.get(f"{V1}/topics")
    assert answer.status_code == 500 and answer["Content-Type"] == "application/problem+json"
    assert "division" not in answer.content.decode()


def test_head_is_get_without_a_body(client):
    rows.topic()
    got, head = client.get(f"{V1}/topics"), client.head(f"{V1}/topics")
    assert head.status_code == 200 and head.content == b"" and head["Content-Type"] == got["Content-Type"]
    assert head["Content-Length"] == str(len(got.content))


def test_pages_of_any_site_may_ask_and_no_cookie_goes_with_it(client):
    asks = {"Origin": "https://lab.example.org", "Access-Control-Request-Method": "POST"}
    allowed = client.options(f"{V1}/sign-up", headers=asks)
    assert allowed.status_code == 204 and "POST" in allowed["Access-Control-Allow-Methods"]
    answer = client.get(f"{V1}/topics", headers={"Origin": "https://lab.example.org"})
    assert answer["Access-Control-Allow-Origin"] == "*" and "Access-Control-Allow-Credentials" not in answer.headers
    assert not answer.cookies
    assert "Access-Control-Allow-Origin" not in client.get("/").headers


def test_the_document_is_openapi_3_1_and_names_every_error_as_a_problem(client):
    document = client.get(f"{V1}/openapi.json").json()
    validate = pytest.importorskip("openapi_spec_validator").validate
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) >= {f"{V1}/{name}" for name in ("papers", "issues", "topics", "search", "preview", "sign-up")}
    for methods in document["paths"].values():
        for operation in methods.values():
            errors = {int(status): told for status, told in operation["responses"].items() if int(status) >= 400}
            assert {422, 429, 500} <= set(errors)
            assert all(set(told["content"]) == {"application/problem+json"} for told in errors.values())
            assert "Retry-After" in errors[429]["headers"]


def test_one_network_may_ask_so_often_a_minute_and_is_told_when_again(client, settings):
    settings.API_A_MINUTE = 3
    answers = [client.get(f"{V1}/topics", REMOTE_ADDR=f"192.0.2.{n}") for n in range(5)]
    assert [each.status_code for each in answers] == [200, 200, 200, 429, 429]
    assert answers[-1]["Content-Type"] == "application/problem+json" and 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert client.get(f"{V1}/topics", REMOTE_ADDR="198.51.100.1").status_code == 200
    key = key_of()
    assert client.get(f"{V1}/topics", REMOTE_ADDR="192.0.2.1", headers=bearer(key)).status_code == 200


def test_a_key_opens_the_desk_until_it_is_revoked(client):
    rows.papers(rows.issue(3, state=IssueState.OPEN, days_ago=0), 2)
    key = key_of()
    answer = client.get(f"{V1}/desk/issue", headers=bearer(key))
    assert answer.status_code == 200 and len(answer.json()["items"]) == 2
    row = curators.key_of(key)
    assert row is not None and key not in json.dumps(list(type(row).objects.values()), default=str)
    assert curators.revoke_key(row, by="ada", now=rows.now()) and not curators.revoke_key(row, by="ada", now=rows.now())
    refused = client.get(f"{V1}/desk/issue", headers=bearer(key))
    assert refused.status_code == 401 and refused["WWW-Authenticate"].startswith("Bearer")
    assert client.get(f"{V1}/topics", headers=bearer(key)).status_code == 401
    assert [act.verb for act in Act.objects.order_by("seq")] == ["make API key", "revoke API key"]


@pytest.mark.parametrize("wrong", ["", "x", "pr_", "pr_" + "x" * 43, "pr_é"])
def test_a_forged_key_opens_nothing(client, wrong):
    assert client.get(f"{V1}/desk/issue", headers=bearer(wrong)).status_code == 401


def test_a_key_has_no_more_rights_than_its_user(client):
    rows.papers(rows.issue(3, state=IssueState.OPEN, days_ago=0), 1)
    assert client.get(f"{V1}/desk/issue", headers=bearer(key_of(may=False))).status_code == 403
    User.objects.update(is_active=False)
    assert client.get(f"{V1}/desk/issue", headers=bearer(key_of("bob"))).status_code == 200


def test_the_key_of_a_user_who_was_switched_off_is_dead(client):
    key = key_of()
    User.objects.update(is_active=False)
    assert client.get(f"{V1}/desk/issue", headers=bearer(key)).status_code == 401


def test_a_curators_script_pins_and_hides_as_the_desk_does(client):
    rows.papers(rows.issue(3, state=IssueState.OPEN, days_ago=0), 1)
    row, key = Candidate.objects.get(), key_of()
    for verb, field, value in [("pin", "pin", "EVERYONE"), ("unpin", "pin", "NONE"), ("hide", "hidden_at", None)]:
        answer = client.post(f"{V1}/desk/candidates/{row.pk}/{verb}", headers=bearer(key))
        assert answer.status_code == 200 and (answer.json()[field] == value) == (verb != "hide")
    assert Act.objects.filter(actor="ada", target__contains="candidate").exists() or Act.objects.filter(actor="ada").count() >= 4
    assert client.post(f"{V1}/desk/candidates/{row.pk}/explode", headers=bearer(key)).status_code == 422
    assert client.post(f"{V1}/desk/candidates/999999/hide", headers=bearer(key)).status_code == 404
    assert client.post(f"{V1}/desk/candidates/{row.pk}/hide").status_code == 401


def test_too_many_sign_ups_of_one_network_are_told_when_again(settings):
    settings.SIGN_UPS_A_NETWORK = 2
    client = Client()

    def ask(number: int, address: str):
        body = json.dumps({"email": f"reader{number}@example.org"})
        return client.post(f"{V1}/sign-up", body, content_type="application/json", REMOTE_ADDR=address)

    assert [ask(n, f"192.0.2.{n}").status_code for n in range(3)] == [202, 202, 429]
    assert int(ask(4, "192.0.2.9")["Retry-After"]) > 60 * 50
    assert ask(5, "198.51.100.1").status_code == 202
    assert subscribers.network_of("::ffff:192.0.2.7") == "192.0.2.0/24"
    assert subscribers.network_of("2001:db8:1:2::5") == "2001:db8:1::/48"


def _redis_listens() -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", 6379), timeout=1):
        return True
    return False


def test_all_processes_count_together_and_a_minute_is_forgotten(settings):
    if not _redis_listens():
        pytest.skip("needs a Redis server on 127.0.0.1:6379")
    name = f"test:{uuid4()}"
    counters = [rates._Counter("redis://127.0.0.1:6379/0") for _ in range(4)]  # each as in a process of its own
    with time_machine.travel(rows.now(), tick=False), ThreadPoolExecutor(4) as pool:
        counted = [each for found in pool.map(lambda counter: [counter.add(name) for _ in range(25)], counters) for each in found]
        assert sorted(counted) == list(range(1, 101))
    with time_machine.travel(rows.now() + timedelta(minutes=1), tick=False):
        assert counters[0].add(name) == 1
    client = redis.Redis()
    keys = client.keys(f"{settings.KEY_PREFIX}:rate:{name}:*")
    assert len(keys) == 2 and all(0 < client.ttl(key) <= 120 for key in keys)


def test_without_redis_nobody_is_refused_and_nobody_waits(caplog):
    counter = rates._Counter("redis://127.0.0.1:1/0")
    assert [counter.add("x") for _ in range(50)] == [0] * 50
    assert len([record for record in caplog.records if "Redis is away" in record.message]) == 1


def test_a_key_is_made_at_the_desk_shown_once_and_revoked_there(client, admin_client):
    user = User.objects.get(username="admin")
    made = admin_client.post("/desk/newsletter/apikey/add/", {"name": "a script", "user": user.pk}, follow=True)
    shown = re.search(r"pr_[A-Za-z0-9_-]{43}", made.content.decode())
    assert shown and shown[0] not in admin_client.get("/desk/newsletter/apikey/").content.decode()
    row = curators.key_of(shown[0])
    assert row is not None and row.name == "a script"
    press = {"action": "revoke", "_selected_action": [row.pk]}
    assert admin_client.post("/desk/newsletter/apikey/", press).status_code == 302
    assert curators.key_of(shown[0]) is None
    assert [act.verb for act in Act.objects.order_by("seq")] == ["make API key", "revoke API key"]


def test_a_key_is_made_and_revoked_by_command(capsys):
    User.objects.create_user("ada")
    call_command("api_key", "make", "a script", "--user", "ada")
    key = capsys.readouterr().out.strip()
    row = curators.key_of(key)
    assert row is not None
    call_command("api_key", "revoke", row.public_id)
    call_command("api_key", "list")
    assert "revoked" in capsys.readouterr().out and curators.key_of(key) is None
    with pytest.raises(CommandError, match="No active account"):
        call_command("api_key", "make", "x", "--user", "nobody")
