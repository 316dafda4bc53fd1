"""Each provider's own request, read as the provider would: who gets what, and what its answers mean for each reader."""

import json
import re
import socket

import pytest
from delivery_providers import FAKES, Delivered, Fake
from delivery_rows import NOW, digests, edition, readers
from werkzeug import Response

from newsletter import checks, delivery, editions
from newsletter.delivery import batches, copies, provider
from newsletter.models import Delivery, Paper, Subscriber

pytestmark = [pytest.mark.django_db, pytest.mark.filterwarnings("ignore:django-anymail has dropped official support")]
all_providers = pytest.mark.parametrize("fake", FAKES, ids=lambda fake: fake.name)


def one_of(name):
    return pytest.mark.parametrize("fake", [fake for fake in FAKES if fake.name == name], ids=lambda fake: fake.name)


@pytest.fixture(autouse=True)
def data(settings, tmp_path):
    settings.PAPERROUND_DATA = tmp_path


class Post:
    """The provider's door. taken: the mails of each request; answer: what it says, instead of accepting."""

    def __init__(self, httpserver, settings, fake: Fake) -> None:
        self.fake, self.taken, self.answer = fake, [], None
        settings.MAIL_URL = fake.url(httpserver.url_for("/"))
        httpserver.expect_request(re.compile(".*"), method="POST").respond_with_handler(self.handle)

    def handle(self, request) -> Response:
        assert request.path.startswith(self.fake.path)
        mails = list(self.fake.read(request))
        self.taken.append(mails)
        answer = self.answer(mails) if self.answer else None
        return answer or Response(json.dumps(self.fake.accept(mails)), content_type="application/json")


@pytest.fixture
def post(httpserver, settings, fake):
    made = Post(httpserver, settings, fake)
    yield made
    httpserver.check_assertions()


def outcomes() -> list[tuple[str, str]]:
    return list(Delivery.objects.order_by("pk").values_list("state", "reason"))


def as_written(row: Delivery) -> Delivered:
    """The mail as it would lie in the outbox, in a provider's terms."""
    row.refresh_from_db()
    mail = copies.compose(row, editions.write(row, as_of=NOW), as_of=NOW)
    sheet = batches.Sheet.of(mail, batches.Ways())
    headers = {name.lower(): value for name, value in sheet.headers.items()}
    return Delivered(mail.to, headers, *sheet.parts, mail.ref, None)


@all_providers
def test_every_reader_of_a_batch_gets_the_own_copy_and_nobody_else_s(post, fake):
    rows = digests(readers(5), edition())
    assert delivery.send(now=NOW).sent == 5
    assert len(post.taken) == 1
    assert len({mail.headers["list-unsubscribe"] for mail in post.taken[0]}) == 5
    for row, got in zip(rows, post.taken[0], strict=True):
        wanted = as_written(row)
        missing = {"message-id", "list-id"} if fake.name == "mailjet" else set()
        assert {**wanted.headers, **got.headers} == wanted.headers
        assert wanted.headers.keys() - got.headers.keys() == missing
        assert (got.to, got.text, got.html, got.ref) == (wanted.to, wanted.text, wanted.html, row.public_id)
        assert got.untracked is not False


@all_providers
def test_a_mail_alone_is_the_same_mail(post, fake):
    [row] = digests(readers(1), edition())
    assert delivery.send(now=NOW).sent == 1
    [[got]] = post.taken
    wanted = as_written(row)
    assert (got.to, got.text, got.html, got.ref) == (wanted.to, wanted.text, wanted.html, row.public_id)
    assert got.headers["list-unsubscribe"] == wanted.headers["list-unsubscribe"]
    assert got.headers["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert got.untracked is not False


@all_providers
def test_an_accepted_batch_keeps_the_provider_s_ids(post, fake):
    digests(readers(2), edition())
    assert delivery.send(now=NOW).sent == 2
    assert all(Delivery.objects.values_list("provider_id", flat=True))


@all_providers
def test_too_many_requests_put_the_whole_batch_off_until_the_time_asked_for(post, fake):
    post.answer = lambda mails: Response("{}", status=429, headers={"Retry-After": "600"}, content_type="application/json")
    digests(readers(2), edition())
    assert delivery.send(now=NOW).stopped == "HTTP 429"
    assert outcomes() == [("PENDING", "HTTP 429")] * 2
    assert min((row.due_at - NOW).total_seconds() for row in Delivery.objects.all()) >= 600


@all_providers
@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_or_quota_stops_the_run_and_nobody_loses_a_turn(post, fake, status):
    post.answer = lambda mails: Response('{"Message": "no"}', status=status, content_type="application/json")
    digests(readers(2), edition())
    assert delivery.send(now=NOW).stopped.startswith("MAIL_URL: the provider refuses the key or the quota")
    assert outcomes() == [("PENDING", "CONFIGURATION")] * 2
    assert len(post.taken) == 1


@all_providers
@pytest.mark.parametrize("status", [500, 503])
def test_a_server_s_error_is_uncertain_for_every_reader_and_never_repeated(post, fake, status):
    post.answer = lambda mails: Response("{}", status=status, headers={"Retry-After": "5"})
    digests(readers(2), edition())
    delivery.send(now=NOW)
    delivery.send(now=NOW)
    assert outcomes() == [("UNCERTAIN", f"HTTP {status}")] * 2
    assert len(post.taken) == 1


@all_providers
def test_a_yes_that_nobody_can_read_is_uncertain(post, fake):
    post.answer = lambda mails: Response("<html>welcome", status=200)
    digests(readers(2), edition())
    delivery.send(now=NOW)
    # SendGrid says yes by the status alone, and never anything else.
    assert outcomes() == [("SENT", "") if fake.name == "sendgrid" else ("UNCERTAIN", "UNREADABLE")] * 2


@all_providers
def test_a_batch_without_an_answer_in_time_is_uncertain(fake, settings, monkeypatch):
    monkeypatch.setattr(provider, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.MAIL_URL = fake.url(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        digests(readers(2), edition())
        delivery.send(now=NOW)
    assert [state for state, _ in outcomes()] == ["UNCERTAIN"] * 2


@all_providers
def test_a_batch_that_reaches_nobody_waits(fake, settings):
    settings.MAIL_URL = fake.url("http://127.0.0.1:1/")
    digests(readers(2), edition())
    assert delivery.send(now=NOW).stopped == "NO CONNECTION"
    assert outcomes() == [("PENDING", "NO CONNECTION")] * 2


@all_providers
def test_a_batch_refused_for_one_reader_s_sake_reaches_the_others(post, fake):
    rows = digests(readers(3), edition())
    bad = rows[1].subscriber.address
    refused = Response('{"message": "bad address"}', status=400, content_type="text/plain")
    post.answer = lambda mails: refused if any(mail.to == bad for mail in mails) else None
    assert delivery.send(now=NOW).sent == 2
    assert outcomes() == [("SENT", ""), ("FAILED", "HTTP 400"), ("SENT", "")]


def json_of(value, status=200) -> Response:
    return Response(json.dumps(value), status=status, content_type="application/json")


@one_of("postmark")
def test_postmark_says_for_each_reader_what_came_of_the_mail(post, fake):
    digests(readers(4), edition())
    post.answer = lambda mails: json_of([
        {"ErrorCode": 0, "Message": "OK", "MessageID": "a", "To": mails[0].to},
        {"ErrorCode": 406, "Message": "inactive"},
        {"ErrorCode": 402, "Message": "odd"},
        {"ErrorCode": 412, "Message": "pending approval"},
    ])  # fmt: skip
    assert "error 412" in delivery.send(now=NOW).stopped
    assert outcomes() == [("SENT", ""), ("FAILED", "REFUSED"), ("FAILED", "POSTMARK 402"), ("PENDING", "CONFIGURATION")]


@one_of("mailjet")
def test_mailjet_says_for_each_reader_what_came_of_the_mail(post, fake):
    digests(readers(4), edition())
    post.answer = lambda mails: json_of({"Messages": [
        {"Status": "success", "To": [{"Email": mails[0].to, "MessageID": 7}]},
        {"Status": "error", "Errors": [{"ErrorCode": "mj-0013", "StatusCode": 400}]},
        {"Status": "error", "Errors": [{"ErrorCode": "mj-0001", "StatusCode": 500}]},
        {"Status": "error", "Errors": [{"ErrorCode": "mj-0002", "StatusCode": 429}]},
    ]}, status=400)  # fmt: skip
    delivery.send(now=NOW)
    assert outcomes() == [("SENT", ""), ("FAILED", "MAILJET mj-0013"), ("UNCERTAIN", "HTTP 500"), ("PENDING", "HTTP 429")]


@one_of("postmark")
def test_fewer_answers_than_mails_are_no_answer_for_any(post, fake):
    digests(readers(2), edition())
    post.answer = lambda mails: json_of([{"ErrorCode": 0, "Message": "OK", "MessageID": "a", "To": "x@example.org"}])
    delivery.send(now=NOW)
    assert [state for state, _ in outcomes()] == ["UNCERTAIN"] * 2


@one_of("mailjet")
def test_more_readers_than_the_provider_takes_at_once_make_several_requests(post, fake):
    digests(readers(60), edition())
    assert delivery.send(now=NOW).sent == 60
    assert [len(mails) for mails in post.taken] == [50, 10]


@one_of("mailgun")
def test_a_title_that_reads_like_a_variable_leaves_alone(post, fake):
    shown = edition()
    Paper.objects.update(title="On %recipient.p0% and other traps")
    rows = digests(readers(2), shown)
    assert delivery.send(now=NOW).sent == 2
    assert [len(mails) for mails in post.taken] == [1, 1]
    assert {got.text for [got] in post.taken} == {as_written(row).text for row in rows}


@one_of("sendgrid")
def test_a_reader_who_leaves_before_the_request_is_not_in_it(post, fake, monkeypatch):
    rows = digests(readers(3), edition())
    clock = iter(range(0, 10_000, 2))  # two seconds pass at each look, so that every begin reads again
    read, readings = delivery.ledger.read, []

    def and_then_one_leaves(claimed):
        readings.append(claimed)
        if len(readings) == 2:
            Subscriber.objects.filter(pk=rows[2].subscriber_id).update(status="LEFT")
        return read(claimed)

    monkeypatch.setattr(delivery.ledger, "read", and_then_one_leaves)
    delivery.send(now=NOW, clock=lambda: next(clock))
    assert [len(mails) for mails in post.taken] == [2]
    assert [state for state, _ in outcomes()] == ["SENT", "SENT", "CANCELLED"]


@pytest.mark.parametrize("name", ["mailersend", "mandrill", "scaleway", "sparkpost"])
def test_a_provider_that_cannot_carry_our_way_out_does_not_start(name, settings):
    settings.MAIL_URL = f"anymail:{name}?api_key=k"
    [error] = checks.mail_url_names_a_transport(None)
    assert error.id == "paperround.E003"
    assert "anymail: and one of amazon_ses, brevo, mailgun" in error.msg


@one_of("resend")
def test_an_interrupt_while_a_batch_is_on_its_way_leaves_all_of_it_uncertain(post, fake, monkeypatch):
    digests(readers(3), edition())
    monkeypatch.setattr(provider.Provider, "_request", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        delivery.send(now=NOW)
    assert outcomes() == [("UNCERTAIN", "IN_FLIGHT")] * 3
