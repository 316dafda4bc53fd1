"""A second way out: taken when the first is closed for a while, by waiting copies only, and given up when it is open again."""

from datetime import timedelta
from urllib.parse import quote

import pytest
from delivery_rows import NOW, digests, edition, readers
from delivery_smtp import smtp_server
from werkzeug import Response

from newsletter import checks, delivery, tasks
from newsletter.models import Delivery, Mark

pytestmark = pytest.mark.django_db

CLOSED = "smtp://127.0.0.1:1?timeout=1"


@pytest.fixture(autouse=True)
def data(settings, tmp_path):
    settings.PAPERROUND_DATA, settings.MAIL_DETOUR_MINUTES = tmp_path, 10


@pytest.fixture
def second(settings):
    with smtp_server() as server:
        settings.MAIL_URL, settings.MAIL_URL_2 = CLOSED, server.url
        yield server


def minutes(number: float):
    return NOW + timedelta(minutes=number)


def test_the_second_way_is_taken_only_after_the_first_was_closed_for_a_while(second):
    digests(readers(3), edition())
    assert delivery.send(now=NOW).stopped
    assert delivery.send(now=minutes(9)).stopped
    assert second.mails == []
    assert NOW <= delivery.down_since() < minutes(1)
    report = delivery.send(now=minutes(12))
    assert (report.sent, report.second, report.stopped) == (3, 3, "")
    assert len({address for address, _ in second.mails}) == len(second.mails) == 3


def test_a_wrong_set_up_closes_the_first_way_too(second, settings):
    settings.MAIL_URL = "anymail:resend"
    digests(readers(2), edition())
    assert "needs api_key" in delivery.send(now=NOW).stopped
    assert delivery.send(now=minutes(11)).second == 2


def test_the_first_way_is_tried_again_and_used_once_it_is_open(second, settings):
    shown = edition()
    digests(readers(1), shown)
    delivery.send(now=NOW)
    assert delivery.send(now=minutes(11)).sent == 0
    assert delivery.send(now=minutes(13)).second == 1
    with smtp_server() as first:
        settings.MAIL_URL = first.url
        digests(readers(1), shown)
        assert delivery.send(now=minutes(14)).second == 1, "not tried again yet"
        digests(readers(1), shown)
        assert delivery.send(now=minutes(17)).second == 0
        assert len(first.mails) == 1
    assert delivery.down_since() is None
    assert not Mark.objects.filter(name__startswith="mail.").exists()


def test_what_may_have_left_the_first_way_never_leaves_the_second(settings):
    with smtp_server(data=lambda _: "CUT") as first, smtp_server() as second:
        settings.MAIL_URL, settings.MAIL_URL_2 = first.url, second.url
        digests(readers(2), edition())
        delivery.send(now=NOW)
        settings.MAIL_URL = CLOSED
        for minute in (1, 12, 14, 30):
            delivery.send(now=minutes(minute))
        assert second.mails == []
    assert set(Delivery.objects.values_list("state", flat=True)) == {"UNCERTAIN"}


def test_being_asked_for_patience_is_no_reason_to_take_another_way(second, settings, httpserver):
    settings.MAIL_URL = f"anymail:resend?api_key=k&api_url={quote(httpserver.url_for('/'), safe='')}"
    httpserver.expect_request("/emails", method="POST").respond_with_response(Response("{}", status=429))
    digests(readers(1), edition())
    for minute in (0, 12, 30):
        delivery.send(now=minutes(minute))
    assert second.mails == []
    assert delivery.down_since() is None


def test_without_a_second_way_nothing_is_remembered(settings):
    settings.MAIL_URL = CLOSED
    digests(readers(1), edition())
    delivery.send(now=NOW)
    assert not Mark.objects.exists()


def test_a_second_way_that_cannot_be_set_up_does_not_start(settings):
    settings.MAIL_URL_2 = "anymail:postmark"
    [error] = checks.mail_url_names_a_transport(None)
    assert error.msg.startswith("MAIL_URL_2: postmark needs server_token")


def test_the_desk_and_the_run_say_which_way_mail_takes(second, admin_client):
    assert b"MAIL_URL_2" not in admin_client.get("/desk/").content
    digests(readers(1), edition())
    delivery.send(now=NOW)
    assert b"No mail has left by MAIL_URL since 2026-11-22 06:30" in admin_client.get("/desk/").content
    tasks.run_stage("send", now=minutes(12))
    run = tasks.run_stage("send", now=minutes(14))
    assert (run.report["sent"], run.report["second"]) == (1, 1)
