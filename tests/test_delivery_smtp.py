"""SMTP as servers see it: TLS or no mail, connections kept, shared out and replaced."""

import smtplib
import ssl
import subprocess

import pytest
from aiosmtpd.smtp import AuthResult
from delivery_rows import NOW, digests, edition, readers
from delivery_smtp import smtp_server

from newsletter import checks, delivery
from newsletter.delivery.line import _path
from newsletter.models import Delivery

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data(settings, tmp_path):
    settings.PAPERROUND_DATA = tmp_path


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate authority of our own: (its certificate's file, the context of a server named 127.0.0.1)."""
    folder = tmp_path_factory.mktemp("tls")

    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    new_key = ("-newkey", "rsa:2048", "-nodes")
    openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test authority")
    openssl("req", *new_key, "-keyout", "own.key", "-out", "own.csr", "-subj", "/CN=relay")
    (folder / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
    signed_by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial")
    openssl("x509", "-req", "-in", "own.csr", *signed_by, "-days", "2", "-extfile", "ext", "-out", "own.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "own.pem", folder / "own.key")
    return folder / "ca.pem", context


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


def test_starttls_comes_before_the_password_and_the_mail(settings, authority):
    ca, context = authority
    seen = []

    def who(server, session, envelope, mechanism, data):
        seen.append((session.ssl is not None, data.login, data.password))
        return AuthResult(success=True)

    options = {"tls_context": context, "require_starttls": True, "authenticator": who, "auth_require_tls": True}
    with smtp_server(options=options) as server:
        settings.MAIL_URL = f"smtp://us%40er:pass%2Fword@127.0.0.1:{server.port}?starttls=1&ca={ca}&timeout=5"
        digests(readers(2), edition())
        assert delivery.send(now=NOW).sent == 2
    assert seen == [(True, b"us@er", b"pass/word")]
    assert server.secure == [True, True]


def test_smtps_speaks_tls_from_the_first_octet(settings, authority):
    ca, context = authority
    with smtp_server(smtps=context) as server:
        settings.MAIL_URL = f"{server.url}&ca={ca}"
        digests(readers(1), edition())
        assert delivery.send(now=NOW).sent == 1
    assert server.secure == [True]


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_certificate_of_nobody_we_know_gets_no_mail(settings, authority, scheme):
    _, context = authority
    options = {} if scheme == "smtps" else {"options": {"tls_context": context}}
    with smtp_server(smtps=context if scheme == "smtps" else None, **options) as server:
        settings.MAIL_URL = f"{scheme}://127.0.0.1:{server.port}?timeout=5{'&starttls=1' if scheme == 'smtp' else ''}"
        digests(readers(1), edition())
        assert "certificate is not valid" in delivery.send(now=NOW).stopped
    assert server.began == 0
    assert states() == ["PENDING"]


def test_a_certificate_for_another_name_gets_no_mail(settings, authority):
    ca, context = authority
    with smtp_server(smtps=context) as server:
        settings.MAIL_URL = f"smtps://localhost:{server.port}?ca={ca}&timeout=5"
        digests(readers(1), edition())
        assert "certificate is not valid for its name" in delivery.send(now=NOW).stopped
    assert server.began == 0


def test_a_server_without_starttls_gets_no_mail_when_it_is_asked_for(settings):
    with smtp_server() as server:
        settings.MAIL_URL = f"{server.url}&starttls=1"
        digests(readers(1), edition())
        assert "offers no STARTTLS" in delivery.send(now=NOW).stopped
    assert server.began == 0


def test_a_connection_carries_no_more_mails_than_it_may(settings):
    with smtp_server() as server:
        settings.MAIL_URL = f"{server.url}&messages=3"
        digests(readers(7), edition())
        assert delivery.send(now=NOW).sent == 7
    assert server.connections == 3


def test_several_connections_are_used_side_by_side_and_kept(settings):
    with smtp_server(slow_s=0.05) as server:
        settings.MAIL_URL = f"{server.url}&connections=4"
        rows = digests(readers(24), edition())
        assert delivery.send(now=NOW).sent == 24
    assert server.most_at_once == server.connections == 4
    assert sorted(address for address, _ in server.mails) == sorted(row.subscriber.address for row in rows)


def test_each_of_several_connections_tells_the_outcomes_of_its_own_mails(settings):
    rows = digests(readers(12), edition())
    replies = {
        rows[1].subscriber.address: "550 5.1.1 no such user",
        rows[4].subscriber.address: "451 4.3.0 later",
        rows[7].subscriber.address: "CUT",
        rows[9].subscriber.address: "552 5.3.4 too big",
    }
    with smtp_server(data=lambda to: replies.get(to)) as server:
        settings.MAIL_URL = f"{server.url}&connections=3"
        delivery.send(now=NOW)
    expected = ["SENT"] * 12
    expected[1] = expected[9] = "FAILED"
    expected[4], expected[7] = "PENDING", "UNCERTAIN"
    assert states() == expected
    assert len(server.mails) == 8


def test_side_by_side_nobody_who_left_gets_a_mail(settings, monkeypatch):
    rows = digests(readers(6), edition())
    clock = iter(range(0, 10_000, 2))  # two seconds pass at each look, so that every begin reads again
    read, readings = delivery.ledger.read, []

    def and_then_two_leave(claimed):
        readings.append(claimed)
        if len(readings) == 2:
            type(rows[0].subscriber).objects.filter(pk__in=[rows[4].subscriber_id, rows[5].subscriber_id]).update(status="LEFT")
        return read(claimed)

    monkeypatch.setattr(delivery.ledger, "read", and_then_two_leave)
    with smtp_server() as server:
        settings.MAIL_URL = f"{server.url}&connections=2"
        delivery.send(now=NOW, clock=lambda: next(clock))
    assert states() == ["SENT"] * 4 + ["CANCELLED"] * 2
    assert len(server.mails) == 4


def test_side_by_side_an_interrupt_leaves_no_mail_without_its_outcome(settings, monkeypatch):
    digests(readers(8), edition())
    begin, begun = delivery.Journal.begin, []

    def then_interrupt(journal, delivery_id):
        if len(begun) == 4:
            raise KeyboardInterrupt
        begun.append(delivery_id)
        begin(journal, delivery_id)

    monkeypatch.setattr(delivery.Journal, "begin", then_interrupt)
    with smtp_server() as server:
        settings.MAIL_URL = f"{server.url}&connections=2"
        with pytest.raises(KeyboardInterrupt):
            delivery.send(now=NOW)
    left = Delivery.objects.filter(state__in=["SENT", "UNCERTAIN"])
    assert set(left.values_list("pk", flat=True)) == set(begun)
    assert Delivery.objects.filter(state="SENT").count() <= len(server.mails) <= 4
    assert Delivery.objects.filter(state="PENDING").count() == 4


def test_side_by_side_a_server_that_is_away_is_not_asked_once_for_every_mail(settings):
    settings.MAIL_URL = "smtp://127.0.0.1:1?connections=3"
    digests(readers(30), edition())
    assert delivery.send(now=NOW).stopped
    assert set(states()) == {"PENDING"}
    assert Delivery.objects.exclude(reason="").count() <= 3


@pytest.mark.parametrize(
    "query", ["connections=0", "connections=99", "connections=two", "messages=-1", "timeout=0", "ca=/nowhere", "pool=2"]
)
def test_an_option_that_cannot_be_does_not_start(settings, query):
    settings.MAIL_URL = f"smtp://mail.example.org?{query}"
    [error] = checks.mail_url_names_a_transport(None)
    assert error.msg.startswith("MAIL_URL: ")


@pytest.mark.parametrize("local", ["ann", "ann.b+c", "ann..b", '"ann b"', ".ann", "a'b"])
def test_the_envelope_takes_an_address_as_smtplib_would(local):
    assert _path(f"{local}@example.org") == smtplib.quoteaddr(f"{local}@example.org")
