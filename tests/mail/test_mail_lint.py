"""The product's own look at a finished mail: silent on ours, and clear about each fault."""

import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mail_values import copy, envelope, service_context

from newsletter.mail import digest, service, to_wire
from newsletter.mail.lint import BYTES_AT_MOST, Figures, figures, findings, source

GOOD = to_wire(digest(copy(3)), envelope())
FAULTS = {
    "Date is there 0 times": (b"Date: ", b"X-Date: "),
    "Message-ID is there 0 times": (b"Message-ID: ", b"X-Was: "),
    "Auto-Submitted is there 0 times": (b"Auto-Submitted: ", b"X-Was: "),
    "List-Unsubscribe-Post is there 0 times": (b"List-Unsubscribe-Post: ", b"X-Was: "),
    "List-Help is there 0 times": (b"List-Help: ", b"X-Was: "),
    "From is there 2 times": (b"From: ", b"From: a@example.org\r\nFrom: "),
    "a line ends without CR LF": (b"Auto-Submitted: auto-generated\r\n", b"Auto-Submitted: auto-generated\n"),
    "a byte outside printable ASCII": (b"PAPER ROUND", "PÅPER ROUND".encode()),
    "a header line of 98 octets; 78 at most": (b"Auto-Submitted: ", b"X-Long: " + b"x" * 90 + b"\r\nAuto-Submitted: "),
    "a body line of 80 octets; 76 at most": (b"PAPER ROUND", b"x" * 80 + b"\r\nPAPER ROUND"),
    "the date is none, or says no zone": (b" +0000\r\n", b" -0000\r\n"),
    "the subject is empty": (b"\r\nSubject: ", b"\r\nSubject: \r\nX-Was: "),
    "text/html is not in UTF-8": (b'text/html; charset="utf-8"', b'text/html; charset="latin-1"'),
    "text/plain is not quoted-printable": (b"Transfer-Encoding: quoted-printable", b"Transfer-Encoding: 8bit"),
    "its parts are text/html, text/html; text, then HTML wanted": (b"Content-Type: text/plain", b"Content-Type: text/html"),
    "the text holds '{{ day }}'": (b"PAPER ROUND", b"{{ day }}"),
    "the text holds '\\x01'": (b"PAPER ROUND", b"=01"),
    "<img>: mail programs block or remove it": (b"</body>", b"<img></body>"),
    "the HTML says no language or has no title": (b'<html lang=3D"en"', b"<html"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_named(fault):
    good, bad = FAULTS[fault]
    assert good in GOOD and findings(GOOD) == ()
    assert fault in findings(GOOD.replace(good, bad, 1))


@pytest.mark.parametrize("kind", ["CONFIRM", "ALREADY", "LINK", "GOODBYE", "ALERT"])
def test_a_service_mail_needs_no_headers_of_a_list(kind):
    alone = envelope(list_id=None, unsubscribe_url=None, help_url=None)
    assert findings(to_wire(service(kind, service_context(kind)), alone)) == ()


def test_a_mail_of_text_alone_is_whole():
    assert findings(to_wire(digest(copy(3)), envelope(text_only=True))) == ()


def with_html(html):
    head, rest = GOOD.split(b"Content-Type: text/html", 1)
    encoded = quopri.encodestring(html.encode()).replace(b"\n", b"\r\n")
    return b"".join(
        [head, b"Content-Type: text/html", rest.partition(b"\r\n\r\n")[0], b"\r\n\r\n", encoded, b"\r\n--=_paper-round--\r\n"]
    )


def test_text_and_html_lead_to_the_same_places():
    html = digest(copy(3)).html
    found = findings(with_html(html.replace("/u/k3J9", "/elsewhere")))
    assert "a link of the HTML is missing in the text: https://papers.example.org/elsewhere" in found
    assert "a link of the text is missing in the HTML: https://papers.example.org/u/k3J9" in found
    assert "a link that no reader can follow: javascript:alert(1)" in findings(
        with_html(html.replace("</body>", '<a href="javascript:alert(1)">x</a></body>'))
    )


def test_too_much_is_too_much():
    html = digest(copy(3)).html
    assert f"{len(html.encode()) + BYTES_AT_MOST + 1} bytes of HTML; {BYTES_AT_MOST} at most" in findings(
        with_html(html.replace("</body>", f"<!--{'x' * (BYTES_AT_MOST - 6)}--></body>"))
    )
    assert any(found.endswith("words; 750 at most") for found in findings(with_html(html.replace("</body>", "word " * 750))))
    long = "A very long subject that says far too much about today's papers"
    assert f"a subject of {len(long)} characters; 60 at most" in findings(
        GOOD.replace(b"Subject: ", f"Subject: {long}\r\nX: ".encode())
    )


def test_the_figures_are_those_of_the_mail():
    message = digest(copy(3))
    seen = figures(GOOD)
    assert seen.bytes == len(GOOD) and seen.html_bytes == len(message.html.encode()) + 1
    assert 150 < seen.words < 400
    alone = to_wire(message, envelope(text_only=True))
    assert figures(alone) == Figures(len(alone), 0, len(message.text.split()), 0)


def test_the_source_is_the_mail_line_by_line():
    assert source(GOOD).splitlines() == GOOD.decode("ascii").split("\r\n")[:-1]
    assert source(b"\xff\r\n") == "\\xff\n"


@given(st.binary(max_size=2000))
def test_whatever_comes_is_looked_at(noise):
    assert findings(noise)
    assert findings(GOOD + noise) is not None and figures(noise).bytes == len(noise)


def test_the_end_of_a_mail_may_be_missing():
    for end in range(0, len(GOOD), 997):
        findings(GOOD[:end]), figures(GOOD[:end])
