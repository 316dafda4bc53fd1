"""Finished mails before the linter for mails, when it is at hand."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mail_values import ADDRESS, BASE, SERVICE, card, copy, envelope, service_context

from newsletter.mail import digest, service, to_wire

YARD = os.environ.get("PAPERROUND_YARD")
pytestmark = pytest.mark.skipif(not YARD, reason="PAPERROUND_YARD names no folder of judging scripts")

DIGESTS = {
    "one": copy(1),
    "five-in-text": copy(
        [card(n, title="長文脈における記憶" * n) for n in range(1, 6)], notes=("See [our note](https://a.example/n).",)
    ),
    "twelve": copy(12, more=14, more_url=f"{BASE}/today"),
    "fifteen-abstracts": copy(15, card_length="ABSTRACT"),
    "twenty-five-titles": copy(25, card_length="TITLE", test=True),
    "none": copy(0, more_url=f"{BASE}/today"),
}


def lint(folder, wire, *options):
    file = folder / "mail.eml"
    file.write_bytes(wire)
    command = [sys.executable, str(Path(YARD) / "mail_lint.py"), "--strict", "--address", ADDRESS, *options, str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", DIGESTS)
def test_a_digest_has_no_finding(name, tmp_path):
    message = digest(DIGESTS[name])
    found = lint(tmp_path, to_wire(message, envelope()), "--subject", message.subject)
    assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("kind", SERVICE)
def test_a_service_mail_has_no_finding(kind, tmp_path):
    wire = to_wire(service(kind, service_context(kind)), envelope(list_id=None, unsubscribe_url=None, help_url=None))
    found = lint(tmp_path, wire, "--kind", "transactional")
    assert found.returncode == 0, found.stdout


def test_the_linter_does_find_a_fault(tmp_path):
    wire = to_wire(digest(copy(2)), envelope(unsubscribe_url=None))
    assert lint(tmp_path, wire).returncode == 1
