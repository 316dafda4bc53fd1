"""DKIM: what we sign verifies as it arrives, and nothing of it can be changed."""

import subprocess

import dkim
import pytest
from mail_values import copy, envelope, service_context

from newsletter.mail import Signer, digest, service, to_wire

CHANGES = {
    "the body": (b"Paper Round because", b"Paper Wound because"),
    "From": (b"From: Paper Round <digest@papers", b"From: Paper Round <d1gest@papers"),
    "Subject": (b"Subject: ", b"Subject: Re: "),
    "the way out": (b"/u/k3J9>", b"/u/k3J8>"),
    "one click": (b"List-Unsubscribe-Post: ", b"List-Unsubscribe-Post: x"),
    "Feedback-ID": (b"Feedback-ID: 128", b"Feedback-ID: 129"),
}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """(private PEM, DNS record)"""
    private, public = (tmp_path_factory.mktemp("keys") / name for name in ("private", "public"))
    subprocess.run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    record = "".join(line for line in public.read_text().splitlines() if "---" not in line)
    return private.read_text(), f"v=DKIM1; k=rsa; p={record}".encode()


@pytest.fixture(scope="module")
def signer(keys):
    return Signer(keys[0], "round1", "papers.example.org")


@pytest.fixture(scope="module")
def verifies(keys):
    def ask(name, timeout=5):
        return keys[1] if name == b"round1._domainkey.papers.example.org." else b""

    return lambda wire: dkim.verify(wire, dnsfunc=ask)


@pytest.fixture(scope="module")
def signed(signer):
    return signer.signed(to_wire(digest(copy(3)), envelope()))


def test_a_signed_digest_and_a_signed_service_mail_verify(signed, signer, verifies):
    assert verifies(signed)
    plain = to_wire(service("GOODBYE", service_context("GOODBYE")), envelope(unsubscribe_url=None, list_id=None))
    assert verifies(signer.signed(plain)) and signer.signed(plain).endswith(plain)
    assert all(len(line) <= 78 for line in signed.split(b"\r\n"))


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_of_what_was_signed_is_seen(what, signed, verifies):
    old, new = CHANGES[what]
    assert signed.count(old) >= 1
    assert not verifies(signed.replace(old, new))


@pytest.mark.parametrize("header", [b"From: x@evil.example", b"List-Unsubscribe: <https://evil.example/>"])
def test_a_second_header_in_front_is_seen(header, signed, verifies):
    assert not verifies(header + b"\r\n" + signed)


def test_a_mail_whose_header_was_folded_anew_still_verifies(signed, verifies):
    assert verifies(signed.replace(b"Feedback-ID: 128", b"Feedback-ID:\r\n 128"))
