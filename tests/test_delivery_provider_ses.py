"""Amazon SES through boto3, against a local server that speaks its API. boto3 is asked to send nothing twice."""

import base64
import json
import re
import socket
import sys
from email import message_from_bytes, policy
from urllib.parse import quote

import pytest
from delivery_rows import NOW, digests, edition, readers
from werkzeug import Response

from newsletter import checks, delivery, editions
from newsletter.delivery import copies, provider
from newsletter.models import Delivery

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data(settings, tmp_path, monkeypatch):
    settings.PAPERROUND_DATA = tmp_path
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def boto3():
    return pytest.importorskip("boto3", reason="boto3 is optional: pip install boto3")


def mail_url(base: str) -> str:
    return f"anymail:amazon_ses?region=eu-west-1&configuration_set_name=round&api_url={quote(base, safe='')}"


@pytest.fixture
def answers(httpserver, settings, boto3):
    settings.MAIL_URL = mail_url(httpserver.url_for("/"))
    return httpserver.expect_request(re.compile("/v2/email/outbound-emails"), method="POST")


def refusal(status: int, code: str) -> Response:
    return Response(json.dumps({"message": "no"}), status=status, headers={"x-amzn-ErrorType": code, "Retry-After": "1"})


def outcome() -> tuple[str, str]:
    return Delivery.objects.values_list("state", "reason").get()


def test_amazon_gets_the_mail_as_it_is_written_and_the_copy_s_id(answers, httpserver):
    answers.respond_with_json({"MessageId": "ses-1"})
    [row] = digests(readers(1), edition())
    assert delivery.send(now=NOW).sent == 1
    row.refresh_from_db()
    assert row.provider_id == "ses-1"
    [(request, _)] = httpserver.log
    sent = json.loads(request.data)
    assert sent["Destination"] == {"ToAddresses": [row.subscriber.address]}
    assert sent["ConfigurationSetName"] == "round"
    wire = base64.b64decode(sent["Content"]["Raw"]["Data"])
    got = message_from_bytes(wire, policy=policy.default)
    assert json.loads(got["X-Metadata"]) == {"delivery": row.public_id}
    written = copies.compose(row, editions.write(row, as_of=row.as_of), as_of=row.as_of).wire
    wanted = message_from_bytes(written, policy=policy.default)
    assert [(name, str(value)) for name, value in got.items() if name != "X-Metadata"] == [
        (name, str(value)) for name, value in wanted.items()
    ]
    assert [part.get_content() for part in got.iter_parts()] == [part.get_content() for part in wanted.iter_parts()]
    assert max(len(line) for line in wire.split(b"\n")) <= 998


@pytest.mark.parametrize(
    ("answer", "expected", "stopped"),
    [
        (refusal(429, "TooManyRequestsException"), ("PENDING", "SES TooManyRequestsException"), "SES TooManyRequestsException"),
        (refusal(403, "AccessDeniedException"), ("PENDING", "CONFIGURATION"), "Amazon SES refuses the account"),
        (refusal(401, "UnrecognizedClientException"), ("PENDING", "CONFIGURATION"), "Amazon SES refuses the account"),
        (refusal(400, "SendingPausedException"), ("PENDING", "CONFIGURATION"), "Amazon SES refuses the account"),
        (refusal(400, "MessageRejected"), ("FAILED", "SES MessageRejected"), ""),
        (refusal(500, "InternalFailure"), ("UNCERTAIN", "SES InternalFailure"), ""),
        (Response("<html>", status=200), ("UNCERTAIN", "UNREADABLE"), ""),
    ],
)
def test_amazon_s_answer_says_whether_the_mail_was_taken_and_is_asked_for_once(answer, expected, stopped, answers, httpserver):
    answers.respond_with_response(answer)
    digests(readers(1), edition())
    assert stopped in delivery.send(now=NOW).stopped
    assert outcome() == expected
    assert len(httpserver.log) == 1


def test_no_answer_from_amazon_is_uncertain(settings, monkeypatch, boto3):
    monkeypatch.setattr(provider, "TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.MAIL_URL = mail_url(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        digests(readers(1), edition())
        delivery.send(now=NOW)
    assert outcome() == ("UNCERTAIN", "CUT ReadTimeoutError")


def test_amazon_out_of_reach_has_taken_nothing(settings, boto3):
    settings.MAIL_URL = mail_url("http://127.0.0.1:1/")
    digests(readers(1), edition())
    assert delivery.send(now=NOW).stopped == "NO CONNECTION"
    assert outcome() == ("PENDING", "NO CONNECTION")


def test_without_a_key_amazon_is_not_asked(settings, monkeypatch, httpserver, boto3, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    settings.MAIL_URL = mail_url(httpserver.url_for("/"))
    digests(readers(1), edition())
    assert "Amazon SES finds no key" in delivery.send(now=NOW).stopped
    assert outcome() == ("PENDING", "CONFIGURATION")


def test_without_boto3_the_start_says_what_to_install(settings, monkeypatch):
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "anymail.backends.amazon_ses", raising=False)
    settings.MAIL_URL = "anymail:amazon_ses?region=eu-west-1"
    [error] = checks.mail_url_names_a_transport(None)
    assert 'pip install "boto3' in error.msg
