"""Bounces that come back as mail: believed with proof only, from a Maildir or an IMAP server, none lost, none twice."""

import os
import subprocess
import sys
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from delivery_rows import NOW, digests, edition, readers
from delivery_smtp import smtp_server
from imap_server import imap_server

from newsletter import delivery, events, links, tasks
from newsletter.events import returned
from newsletter.models import Delivery, DeliveryState, Event, Subscriber

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.django_db


@pytest.fixture
def row() -> Delivery:
    [made] = digests(readers(1), edition(), state=DeliveryState.SENT)
    return made


@pytest.fixture
def maildir(tmp_path, settings) -> Path:
    for name in ("new", "cur", "tmp"):
        (tmp_path / "box" / name).mkdir(parents=True)
    settings.BOUNCE_MAILBOX = f"maildir:{tmp_path / 'box'}"
    return tmp_path / "box"


def dsn(*, to: str, recipient: str, original: str = "", status: str = "5.1.1", number: int = 1) -> bytes:
    """A delivery status notification as Postfix writes it."""
    lines = [
        "Return-Path: <>",
        "From: MAILER-DAEMON@mx.example.org",
        f"To: {to}",
        "Subject: Undelivered Mail Returned to Sender",
        f"Date: {format_datetime(NOW)}",
        f"Message-ID: <dsn-{number}@mx.example.org>",
        "MIME-Version: 1.0",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.example.org",
        "",
        f"Final-Recipient: rfc822; {recipient}",
        "Action: failed",
        f"Status: {status}",
        "",
        "--b",
        "Content-Type: message/rfc822",
        "",
        f"Message-ID: <{original}@paperround.example.org>",
        "Subject: Digest",
        "",
        "text",
        "--b--",
        "",
    ]
    return "\r\n".join(lines).encode()


def signed(row: Delivery) -> str:
    return f"{links.return_path(row.public_id)}@bounces.example.net"


def status(row: Delivery) -> str:
    return Subscriber.objects.values_list("status", flat=True).get(pk=row.subscriber_id)


def heard(data: bytes) -> list[tuple[str, str]]:
    return [(notice.delivery, notice.reject_reason) for notice in returned.notices_of(data, now=NOW)]


def test_the_signed_return_path_proves_a_bounce_also_in_upper_case(row):
    for to in (signed(row), signed(row).upper()):
        assert heard(dsn(to=to, recipient="forwarded@elsewhere.example")) == [(row.public_id, "bounced")]


def test_without_the_return_path_message_id_and_address_together_prove_it(row):
    known = {"to": "digest@paperround.example.org", "original": row.public_id}
    assert heard(dsn(recipient=row.subscriber.address, **known)) == [(row.public_id, "bounced")]
    assert heard(dsn(recipient="somebody.else@example.org", **known)) == []


def test_a_forged_bounce_says_nothing(row):
    local = links.return_path(row.public_id)
    guessed = local[:-1] + ("a" if local[-1] != "a" else "b")
    address = row.subscriber.address
    assert heard(dsn(to=f"{guessed}@bounces.example.net", recipient=address)) == []
    assert heard(dsn(to="digest@paperround.example.org", recipient=address, original="A" * 16)) == []
    assert heard(dsn(to="digest@paperround.example.org", recipient=address)) == []


def test_a_return_path_outlives_a_change_of_the_secret(row, settings):
    local = links.return_path(row.public_id)
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another-" + "y" * 40
    assert links.returned_to(local) == row.public_id
    settings.SECRET_KEY_FALLBACKS = []
    assert links.returned_to(local) == ""


def test_a_forged_date_counts_for_nothing(row):
    far = dsn(to=signed(row), recipient="x@example.org").replace(b"2026", b"2036")
    [notice] = returned.notices_of(far, now=NOW)
    assert notice.happened_at == NOW


def test_every_mail_by_smtp_leaves_with_its_own_return_path(settings, tmp_path):
    digests(readers(3), edition())
    settings.PAPERROUND_DATA, settings.BOUNCE_DOMAIN = tmp_path, "bounces.example.net"
    with smtp_server() as server:
        senders: list[str] = []
        take = server.handle_DATA

        async def noted(smtp, session, envelope):
            senders.append(envelope.mail_from)
            return await take(smtp, session, envelope)

        server.handle_DATA = noted
        settings.MAIL_URL = server.url
        assert delivery.send(now=NOW).sent == 3
    refs = {links.returned_to(sender.removesuffix("@bounces.example.net")) for sender in senders}
    assert refs == set(Delivery.objects.values_list("public_id", flat=True))
    assert max(len(sender.partition("@")[0]) for sender in senders) <= 64


def test_the_record_stage_reads_a_maildir_and_puts_every_mail_aside(row, maildir):
    (maildir / "new" / "1.a").write_bytes(dsn(to=signed(row), recipient="x@example.org"))
    (maildir / "new" / "2.b").write_bytes(b"Subject: hello\r\n\r\nnot for us")
    report = tasks.run_stage("record", now=NOW).report
    assert report["mailbox"] == {"mails": 2, "heard": 1, "ignored": 1} and report["bounced"] == 1
    assert status(row) == "BOUNCED"
    assert not list((maildir / "new").iterdir())
    assert sorted(path.name for path in (maildir / "cur").iterdir()) == ["1.a:2,S", "2.b:2,S"]


def test_a_mail_read_again_after_a_crash_is_heard_once(row, maildir):
    for _ in range(2):
        (maildir / "new" / "1.a").write_bytes(dsn(to=signed(row), recipient="x@example.org"))
        events.read_mailbox(f"maildir:{maildir}", now=NOW)
    assert Event.objects.count() == 1


def test_a_vacation_reply_to_a_digest_is_heard_and_means_nothing(row, maildir):
    reply = f"From: ada@example.org\r\nTo: {signed(row)}\r\nAuto-Submitted: auto-replied\r\nSubject: Away\r\n\r\n550 user unknown"
    (maildir / "new" / "1.a").write_bytes(reply.encode())
    tasks.run_stage("record", now=NOW)
    assert Event.objects.get().type == "autoresponded"
    assert status(row) == "ACTIVE"
    assert Delivery.objects.count() == 1


def test_the_recorded_bounces_of_strangers_change_nothing(row, maildir):
    folder = os.environ.get("PAPERROUND_SAMPLES")
    if not folder:
        pytest.skip("PAPERROUND_SAMPLES is not set")
    for path in (Path(folder) / "bounces").glob("*.eml"):
        (maildir / "new" / path.name).write_bytes(path.read_bytes())
    assert events.read_mailbox(f"maildir:{maildir}", now=NOW) == {"mails": 36, "heard": 0, "ignored": 36}
    assert not Event.objects.exists()


def test_a_mail_that_cannot_be_read_stops_no_other(row, maildir):
    nested = b"".join(b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(2000))
    (maildir / "new" / "1.a").write_bytes(b"From: MAILER-DAEMON@x\r\nSubject: failure\r\n" + nested)
    (maildir / "new" / "2.b").write_bytes(dsn(to=signed(row), recipient="x@example.org"))
    assert events.read_mailbox(f"maildir:{maildir}", now=NOW) == {"mails": 2, "heard": 1, "ignored": 1}


def test_an_imap_mailbox_is_read_and_its_mails_are_marked_seen(row, settings):
    bounce = dsn(to=signed(row), recipient="x@example.org")
    with imap_server([bounce, b"Subject: hello\r\n\r\nhello"]) as inbox:
        settings.BOUNCE_MAILBOX = inbox.url
        assert tasks.run_stage("record", now=NOW).report["mailbox"] == {"mails": 2, "heard": 1, "ignored": 1}
        assert inbox.seen == {1, 2}
        assert tasks.run_stage("record", now=NOW).report["mailbox"] == {"mails": 0, "heard": 0, "ignored": 0}
    assert status(row) == "BOUNCED"


def test_a_line_that_breaks_leaves_the_rest_for_the_next_sweep(row):
    bounces = [dsn(to=signed(row), recipient="x@example.org", status="4.2.2", number=number) for number in (1, 2, 3)]
    with imap_server(bounces, cut_after=2) as inbox:
        assert events.read_mailbox(inbox.url, now=NOW)["mails"] == 2
        assert inbox.seen == {1, 2}
        inbox.cut_after = None
        assert events.read_mailbox(inbox.url, now=NOW)["mails"] == 1
    assert Event.objects.count() == 3


@pytest.mark.parametrize("change", [{"password": "another"}, {"url": "/Elsewhere"}])
def test_a_mailbox_that_refuses_is_said_without_its_password_and_stops_no_stage(change, settings):
    with imap_server([], password=change.get("password", "secret word")) as inbox:
        settings.BOUNCE_MAILBOX = inbox.url.replace("/Bounces", change.get("url", "/Bounces"))
        report = tasks.run_stage("record", now=NOW).report
    assert report["mailbox"]["stopped"].startswith("BOUNCE_MAILBOX: 127.0.0.1")
    assert "secret" not in str(report)


def test_a_server_that_is_away_stops_no_stage(settings):
    settings.BOUNCE_MAILBOX = "imap://user:word@127.0.0.1:1/INBOX"
    assert "does not answer" in tasks.run_stage("record", now=NOW).report["mailbox"]["stopped"]


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("BOUNCE_MAILBOX", "pop3://user:word@host", "BOUNCE_MAILBOX: write maildir:"),
        ("BOUNCE_MAILBOX", "imaps://host/INBOX", "BOUNCE_MAILBOX: write maildir:"),
        ("BOUNCE_MAILBOX", "maildir:/no/such/folder", "paperround.E005"),
        ("BOUNCE_DOMAIN", "no domain", "BOUNCE_DOMAIN:"),
        ("WEBHOOK_KEYS", "brevo=abc", "WEBHOOK_KEYS: brevo signs with no key"),
        ("WEBHOOK_KEYS", "resend=not-a-secret", "WEBHOOK_KEYS: this is no signing key of resend"),
        ("WEBHOOK_KEYS", "sendgrid=MFkw", "WEBHOOK_KEYS: this is no signing key of sendgrid"),
        ("MAIL_URL", "anymail:mailgun?api_key=x", "paperround.E004"),
        ("MAIL_URL_2", "anymail:mailgun?api_key=x", "paperround.E004"),
    ],
)
def test_a_wrong_setting_of_feedback_does_not_start(tmp_path, setting, value, said):
    env = {"PATH": os.environ["PATH"], "PAPERROUND_DATA": str(tmp_path), "PUBLIC_URL": "https://papers.example.net"}
    env |= {"WEBHOOK_SECRET": "name:word", setting: value}
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=150)
    assert done.returncode == 1 and said in done.stderr


def test_old_bounces_say_nothing_of_a_reader_who_confirmed_since(row, maildir):
    Subscriber.objects.update(confirmed_at=NOW + timedelta(seconds=1))
    (maildir / "new" / "1.a").write_bytes(dsn(to=signed(row), recipient="x@example.org"))
    tasks.run_stage("record", now=NOW + timedelta(days=1))
    assert status(row) == "ACTIVE"
