"""Mails that machines answer with: what each says, and that nothing mild is taken for the end of an address."""

import json
import os
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.events import reports
from newsletter.events.reports import Verdict

BOUNCES = {Verdict.HARD, Verdict.SOFT, Verdict.CONTENT}
_EXPECTED = {"feedback": {Verdict.COMPLAINT}, "vacation": {Verdict.AUTO_REPLY}}


@pytest.fixture(scope="module")
def samples() -> dict[str, tuple[bytes, dict]]:
    """Name -> the mail and what a correct parser finds in it."""
    folder = os.environ.get("PAPERROUND_SAMPLES")
    if not folder:
        pytest.skip("PAPERROUND_SAMPLES is not set")
    expected = json.loads((Path(folder) / "expected.json").read_text())
    names = [name for name in expected if name.startswith("bounces/")]
    return {name: ((Path(folder) / name).read_bytes(), expected[name]["expect"]) for name in names}


def agrees(found: list[Verdict], expect: dict) -> bool:
    """By the address list alone: some bounce. By results: one each, hard or not; a mail that is blamed is not hard."""
    if "bounced" in expect:
        return bool(found) and set(found) <= BOUNCES
    wanted = [
        _EXPECTED.get(result["reason"]) or ({Verdict.HARD} if result["hard"] else BOUNCES - {Verdict.HARD})
        for result in expect["results"]
    ]
    return len(found) == len(wanted) and all(verdict in allowed for verdict, allowed in zip(found, wanted, strict=True))


def test_the_recorded_mails_are_classified_as_expected(samples):
    wrong = {
        name: found
        for name, (data, expect) in samples.items()
        if not agrees(found := [report.verdict for report in reports.read(data)], expect)
    }
    assert len(samples) >= 36
    assert len(wrong) <= 0.03 * len(samples), wrong


def test_no_recorded_auto_reply_or_soft_bounce_is_taken_for_a_hard_one(samples):
    for name, (data, expect) in samples.items():
        hard = sum(report.verdict is Verdict.HARD for report in reports.read(data))
        if "results" in expect:
            assert hard <= sum(result["hard"] for result in expect["results"]), name


def test_the_recorded_mails_name_who_bounced(samples):
    found, wanted = 0, 0
    for data, expect in samples.values():
        named = set().union(*(report.recipients for report in reports.read(data)))
        for address in expect.get("bounced") or expect["final_recipients"]:
            wanted += 1
            found += address.lower() in named
    assert found >= 0.9 * wanted, (found, wanted)


def mail(body: str, *, subject: str = "Hello", sender: str = "ada@example.org", **headers: str) -> bytes:
    made = EmailMessage(policy=policy.SMTP)
    made["From"], made["To"], made["Subject"] = sender, "digest@papers.example.net", subject
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(body)
    return bytes(made)


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "auto_reply"},
        {"X_Autoreply": "yes"},
        {"subject": "Out of office: Digest"},
        {"subject": "Automatic reply: Digest"},
        {"sender": "postmaster@example.org", "Auto_Submitted": "auto-replied", "subject": "Out of office"},
    ],
)
def test_an_auto_reply_that_talks_of_unknown_users_is_an_auto_reply(headers):
    data = mail("I have left. 550 5.1.1 user unknown from May on: delivery failed.", **headers)
    assert [report.verdict for report in reports.read(data)] == [Verdict.AUTO_REPLY]


def test_a_person_s_answer_says_nothing():
    assert reports.read(mail("550 5.1.1 user unknown: why do I get this? Delivery failed.")) == []


def test_a_warning_that_a_mail_is_late_is_no_bounce():
    data = mail("Will keep trying for five days.", sender="MAILER-DAEMON@example.org", subject="Warning: mail delayed")
    assert [report.verdict for report in reports.read(data)] == [Verdict.DELAYED]


@pytest.mark.parametrize(
    ("status", "diagnosis", "verdict"),
    [
        ("5.1.1", "smtp; 550 5.1.1 no such user", Verdict.HARD),
        ("5.1.2", "smtp; 550 host unknown", Verdict.HARD),
        ("5.2.2", "smtp; 552 mailbox full", Verdict.SOFT),
        ("5.1.1", "smtp; 550 user over quota, quota exceeded", Verdict.SOFT),
        ("4.4.7", "smtp; delivery time expired", Verdict.SOFT),
        ("5.7.1", "smtp; 550 5.7.1 looks like spam", Verdict.CONTENT),
        ("5.1.1", "smtp; 554 rejected for policy reasons", Verdict.CONTENT),
        ("5.3.4", "smtp; 552 message too large", Verdict.CONTENT),
        ("5.0.0", "smtp; 550 failed", Verdict.SOFT),
        ("", "", Verdict.SOFT),
    ],
)
def test_codes_and_words_have_one_meaning(status, diagnosis, verdict):
    assert reports.meaning(diagnosis, status) is verdict


@pytest.mark.parametrize(
    ("kind", "verdicts"), [("abuse", [Verdict.COMPLAINT]), ("opt-out", [Verdict.LEFT]), ("not-spam", []), ("auth-failure", [])]
)
def test_a_feedback_report_is_a_complaint_only_when_it_says_so(kind, verdicts):
    data = (
        b"From: fbl@example.org\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: message/feedback-report\r\n\r\n"
        b"Feedback-Type: " + kind.encode() + b"\r\nOriginal-Rcpt-To: ada@example.org\r\n\r\n--b--\r\n"
    )
    assert [report.verdict for report in reports.read(data)] == verdicts


@given(st.binary(max_size=400), st.sampled_from(["multipart/report", "message/delivery-status", "text/plain", "message/rfc822"]))
def test_no_bytes_make_the_reader_of_bounces_fail(noise, kind):
    for head in (
        b"",
        b"From: MAILER-DAEMON@x\r\nSubject: failure\r\nContent-Type: " + kind.encode() + b"; boundary=b\r\n\r\n--b\r\n",
    ):
        reports.read(head + noise)
        reports.written_at(head + noise)


BOUNCE = b"From: MAILER-DAEMON@x\r\nSubject: failure\r\n"


@pytest.mark.parametrize(
    ("data", "verdicts"),
    [
        (BOUNCE + b"\r\nnot delivered\r\n" + b"-" * 300_000, [Verdict.SOFT]),
        (BOUNCE + b"X-Failed-Recipients: " + b"a" * 300_000 + b"\r\n\r\nnot delivered", [Verdict.SOFT]),
        (BOUNCE + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(300)), []),
    ],
    ids=["one line of dashes", "one endless word", "parts within parts"],
)
def test_a_mail_made_to_keep_its_reader_busy_does_not(data, verdicts):
    assert [report.verdict for report in reports.read(data)] == verdicts
