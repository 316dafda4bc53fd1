"""django-anymail behind the transport's interface: every row of the outcome table, against a server that answers so."""

import socket
import ssl
import threading
import time
from datetime import timedelta
from email.utils import formatdate
from urllib.parse import quote

import pytest
import requests
from delivery_rows import NOW, digests, edition, readers, service
from django.core import mail as django_mail
from urllib3.exceptions import MaxRetryError
from werkzeug import Response

from newsletter import delivery
from newsletter.delivery import provider
from newsletter.models import Delivery, Kind

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data(settings, tmp_path):
    settings.PAPERROUND_DATA = tmp_path


@pytest.fixture
def api(httpserver, settings):
    settings.MAIL_URL = f"anymail:resend?api_key=k&api_url={quote(httpserver.url_for('/'), safe='')}"
    return httpserver.expect_request("/emails", method="POST")


def outcome() -> tuple[str, str, int]:
    return Delivery.objects.values_list("state", "reason", "attempts").get()


def test_the_provider_gets_the_same_mail_with_its_list_headers_and_the_copy_s_id(settings):
    settings.MAIL_URL = "anymail:test"
    django_mail.outbox = []
    [row] = digests(readers(1), edition())
    assert delivery.send(now=NOW).sent == 1
    [message] = django_mail.outbox
    params = message.anymail_test_params
    assert params["metadata"] == {"delivery": row.public_id}
    assert message.to == [row.subscriber.address]
    headers = message.extra_headers
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "/u/" in headers["List-Unsubscribe"]
    assert headers["Message-ID"] == f"<{row.public_id}@paperround.example.org>"
    assert headers["Auto-Submitted"] == "auto-generated"
    assert [kind for _, kind in message.alternatives] == ["text/html"]
    assert "A paper of issue 1" in message.body


def test_an_accepted_mail_keeps_the_provider_s_id(api):
    api.respond_with_json({"id": "re-77"})
    digests(readers(1), edition())
    assert delivery.send(now=NOW).sent == 1
    assert Delivery.objects.get().provider_id == "re-77"


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stops_the_run_and_names_the_remedy(status, api):
    api.respond_with_json({"message": "no"}, status=status)
    digests(readers(1), edition())
    report = delivery.send(now=NOW)
    assert report.stopped.startswith("MAIL_URL: the provider refuses the key")
    assert outcome() == ("PENDING", "CONFIGURATION", 0)


def test_too_many_requests_end_the_run_and_the_time_asked_for_is_kept(api):
    api.respond_with_response(Response("{}", status=429, headers={"Retry-After": "600"}))
    digests(readers(1), edition())
    assert delivery.send(now=NOW).stopped == "HTTP 429"
    assert outcome() == ("PENDING", "HTTP 429", 0)
    assert Delivery.objects.get().due_at >= NOW + timedelta(minutes=10)


def test_a_retry_after_may_be_a_date_and_closes_the_way_for_all_until_then(api):
    api.respond_with_response(Response("{}", status=429, headers={"Retry-After": formatdate(time.time() + 1800, usegmt=True)}))
    digests(readers(1), edition())
    confirm = service(readers(1, status="PENDING")[0], Kind.CONFIRM, due_at=NOW + timedelta(minutes=1))
    assert delivery.send(now=NOW).stopped == "HTTP 429"
    again = delivery.send(now=NOW + timedelta(minutes=29))
    assert again.stopped.startswith("THROTTLED until 2026-11-22 07:0") and again.sent == 0
    confirm.refresh_from_db()
    assert confirm.state == "PENDING" and confirm.attempts == 0
    assert delivery.send(now=NOW + timedelta(minutes=32)).stopped == "HTTP 429"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Response("{}", status=422), ("FAILED", "HTTP 422", 1)),
        (Response("{}", status=500), ("UNCERTAIN", "HTTP 500", 1)),
        (Response("<html>", status=200), ("UNCERTAIN", "UNREADABLE", 1)),
    ],
)
def test_an_answer_says_whether_the_mail_was_taken(answer, expected, api):
    api.respond_with_response(answer)
    digests(readers(1), edition())
    delivery.send(now=NOW)
    assert outcome() == expected


def test_no_answer_in_time_is_uncertain(api, monkeypatch):
    api.respond_with_handler(lambda request: time.sleep(1.5) or Response("{}"))
    monkeypatch.setattr(provider, "TIMEOUT_S", 0.3)
    digests(readers(1), edition())
    delivery.send(now=NOW)
    assert outcome()[0] == "UNCERTAIN"


def test_a_line_cut_after_the_request_is_uncertain(settings):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        settings.MAIL_URL = f"anymail:resend?api_key=k&api_url={quote(url, safe='')}"
        digests(readers(1), edition())

        def cut():
            taken, _ = listener.accept()
            taken.recv(100)
            taken.close()

        thread = threading.Thread(target=cut)
        thread.start()
        delivery.send(now=NOW)
        thread.join(5)
    assert outcome()[0] == "UNCERTAIN"


def test_a_provider_that_does_not_answer_the_phone_has_taken_nothing(settings):
    settings.MAIL_URL = f"anymail:resend?api_key=k&api_url={quote('http://127.0.0.1:1/', safe='')}"
    digests(readers(2), edition())
    assert delivery.send(now=NOW).stopped == "NO CONNECTION"
    assert set(Delivery.objects.values_list("state", "attempts")) == {("PENDING", 0)}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "PENDING"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "PENDING"),
        ("[SSL: DECRYPTION_FAILED_OR_BAD_RECORD_MAC] decryption failed or bad record mac", "UNCERTAIN"),
        ("EOF occurred in violation of protocol", "UNCERTAIN"),
    ],
)
def test_a_fault_of_tls_is_no_proof_that_nothing_left_unless_it_was_in_the_handshake(fault, expected, api, monkeypatch):
    def broken(*args, **kwargs):
        raise requests.exceptions.SSLError(MaxRetryError(None, "/emails", ssl.SSLError(1, fault)))

    monkeypatch.setattr("requests.Session.request", broken)
    digests(readers(1), edition())
    delivery.send(now=NOW)
    assert outcome()[0] == expected


@pytest.mark.parametrize("asked", ["1e999", "99999999999", "nan"])
def test_a_retry_after_beyond_all_calendars_is_still_a_refusal(asked, api):
    api.respond_with_json({"message": "slow down"}, status=429, headers={"Retry-After": asked})
    digests(readers(1), edition())
    assert delivery.send(now=NOW).stopped == "HTTP 429"
    assert outcome() == ("PENDING", "HTTP 429", 0)


def test_a_postmark_key_may_be_called_api_key():
    assert delivery.transport_of("anymail:postmark?api_key=k")
