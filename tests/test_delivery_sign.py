"""Signing as the last act before a mail leaves, checked on what a server received."""

import base64
import subprocess

import dkim
import pytest
from delivery_rows import NOW, digests, edition, readers
from delivery_smtp import smtp_server

from newsletter import delivery

pytestmark = pytest.mark.django_db


def test_what_the_server_gets_verifies_when_a_key_is_set(settings):
    settings.DKIM_KEY = subprocess.run(["openssl", "genrsa", "2048"], check=True, capture_output=True, text=True).stdout
    settings.DKIM_SELECTOR, settings.DKIM_DOMAIN = "round1", "paperround.example.org"
    command = ["openssl", "rsa", "-pubout", "-outform", "DER"]
    public = subprocess.run(command, check=True, capture_output=True, input=settings.DKIM_KEY.encode()).stdout
    record = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    digests(readers(2), edition())
    with smtp_server() as server:
        settings.MAIL_URL = server.url
        assert delivery.send(now=NOW).sent == 2
    for _, content in server.mails:
        assert dkim.verify(content, dnsfunc=lambda name, timeout=5: record)
        assert not dkim.verify(content.replace(b"A paper", b"B paper"), dnsfunc=lambda name, timeout=5: record)
