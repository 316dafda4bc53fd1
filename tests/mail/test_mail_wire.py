"""The bytes: headers, encodings, line ends."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mail_values import BASE, copy, envelope

from newsletter.mail import Message, digest, to_wire
from newsletter.mail._wire import encoded

SMALL = Message("Hello", "Hi there\n", "<!DOCTYPE html><p>Hi there</p>")
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\n\0"), min_size=1, max_size=150)


def parsed(wire):
    return message_from_bytes(wire, policy=policy.default)


def read(part):
    return part.get_content().replace("\r\n", "\n")


@settings(max_examples=1000, deadline=None)
@given(TEXT)
def test_any_subject_comes_back_as_it_was(subject):
    raw = encoded(subject)
    assert str(make_header(decode_header(re.sub(r"\r\n(?=[ ])", "", raw)))) == subject
    lines = f"Subject: {raw}".split("\r\n")
    assert all(len(line) <= 76 for line in lines) and all(line[0] == " " for line in lines[1:])
    for word in re.findall(r"=\?utf-8\?b\?[^?]+\?=", raw):
        assert len(word) <= 75
        str(make_header(decode_header(word)))  # each word decodes alone: no character is split


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=90)
    .map(lambda s: " ".join(s.split()))
    .filter(bool)
)
def test_any_subject_survives_a_whole_mail(subject):
    got = parsed(to_wire(Message(subject, "x\n", "<p>x</p>"), envelope()))["Subject"]
    assert got == subject


def test_a_short_plain_subject_is_left_alone_and_one_that_looks_encoded_is_not():
    assert encoded("Twelve papers") == "Twelve papers"
    assert encoded("=?utf-8?q?trick?=") != "=?utf-8?q?trick?="


def test_a_digest_carries_every_header_of_a_list():
    mail = parsed(to_wire(SMALL, envelope()))
    assert mail["From"] == "Paper Round <digest@papers.example.org>" and mail["To"] == "ada@example.net"
    assert mail["Date"] == "Sun, 22 Nov 2026 07:00:00 +0000"
    assert mail["Message-ID"] == "<k3J9s0aQ@papers.example.org>"
    assert mail["List-Id"] == "Paper Round <digest.papers.example.org>"
    assert mail["List-Unsubscribe"] == f"<{BASE}/u/k3J9>, <mailto:desk@papers.example.org?subject=unsubscribe>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["List-Help"] == f"<{BASE}/>"
    assert mail["Auto-Submitted"] == "auto-generated" and mail["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert mail["Feedback-ID"] == "128:digest:1:paperround" and mail["MIME-Version"] == "1.0"


def test_a_service_mail_carries_no_list_header():
    wire = to_wire(SMALL, envelope(list_id=None, unsubscribe_url=None, help_url=None, reply_to=""))
    assert b"List-" not in wire and b"Reply-To" not in wire and b"Auto-Submitted" in wire


def test_the_parts_are_quoted_printable_with_crlf_and_come_back_equal():
    message = digest(copy(12))
    wire = to_wire(message, envelope())
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", wire) and wire.isascii()
    assert max(map(len, wire.split(b"\r\n"))) <= 78
    body = wire.split(b"\r\n\r\n", 1)[1]
    assert max(map(len, body.split(b"\r\n"))) <= 76
    mail = parsed(wire)
    text, html = mail.iter_parts()
    assert mail.get_content_type() == "multipart/alternative"
    assert [p["Content-Transfer-Encoding"] for p in (text, html)] == ["quoted-printable"] * 2
    assert read(text) == message.text and read(html).rstrip() == message.html.rstrip()


def test_a_text_only_reader_gets_one_part():
    mail = parsed(to_wire(SMALL, envelope(text_only=True)))
    assert mail.get_content_type() == "text/plain" and read(mail) == "Hi there\n" and mail["MIME-Version"] == "1.0"


def test_the_same_row_gives_the_same_bytes():
    assert to_wire(SMALL, envelope()) == to_wire(SMALL, envelope())


@pytest.mark.parametrize(
    "field", ["to", "from_header", "reply_to", "message_id", "list_id", "unsubscribe_url", "help_url", "feedback_id"]
)
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\0"])
def test_a_line_break_in_a_header_is_refused(field, end):
    with pytest.raises(ValueError, match="line break"):
        to_wire(SMALL, envelope(**{field: f"a@example.org{end}Bcc: b@example.org"}))


def test_a_line_break_in_a_subject_is_refused():
    with pytest.raises(ValueError, match="line break"):
        to_wire(Message("a\r\nBcc: b@example.org", "", ""), envelope())


def test_a_date_without_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        to_wire(SMALL, envelope(date=datetime(2026, 11, 22, 7, 0)))  # noqa: DTZ001
    assert b"+0000" in to_wire(SMALL, envelope(date=datetime(2026, 11, 22, 7, 0, tzinfo=UTC)))


@pytest.mark.parametrize(
    ("given_", "display", "address"),
    [
        ("Zeitung für Forschung <a@b.example>", "Zeitung für Forschung", "a@b.example"),
        ('"Papers, Inc." <a@b.example>', "Papers, Inc.", "a@b.example"),
        (
            "研究論文の朝刊、毎朝あなたの受信箱に届きます <a@b.example>",
            "研究論文の朝刊、毎朝あなたの受信箱に届きます",
            "a@b.example",
        ),
        ("a+b@b.example", "", "a+b@b.example"),
        ("Ada <ada@exämple.net>", "Ada", "ada@xn--exmple-cua.net"),
    ],
)
def test_display_names_and_domains_reach_the_wire_in_ascii(given_, display, address):
    wire = to_wire(SMALL, envelope(from_header=given_))
    # The stdlib's newer parser puts a space between two encoded-words of a name; its older one reads RFC 2047 right.
    name, spec = parseaddr(message_from_bytes(wire)["From"].replace("\r\n", ""))
    assert (str(make_header(decode_header(name))), spec) == (display, address)
    assert max(map(len, wire.split(b"\r\n\r\n")[0].split(b"\r\n"))) <= 78


@pytest.mark.parametrize("address", ["", "nobody", "用户@example.org", "@example.org"])
def test_an_address_that_no_relay_would_take_is_refused(address):
    with pytest.raises(ValueError):
        to_wire(SMALL, envelope(to=address))


def test_a_long_way_out_stands_on_its_own_line_unbroken():
    url = f"{BASE}/u/" + "x" * 42
    lines = to_wire(SMALL, envelope(unsubscribe_url=url)).decode().split("\r\n")
    assert f" <{url}>," in lines and "List-Unsubscribe:" in lines
    longer = f"{BASE}/unsubscribe/" + "x" * 80
    assert f"<{longer}>" in to_wire(SMALL, envelope(unsubscribe_url=longer)).decode()
