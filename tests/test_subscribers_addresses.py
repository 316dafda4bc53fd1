"""What counts as an address, how variants of one mailbox are known as one, and what is shown of it."""

import json
import os
from pathlib import Path

import pytest

from newsletter.subscribers import BadAddress, address_key, mask
from newsletter.subscribers.addresses import read

TAKEN = [
    ("ada@example.org", "ada@example.org"),
    ("  ada@example.org ", "ada@example.org"),
    ("Ada.Lovelace@Example.ORG", "Ada.Lovelace@example.org"),
    ("a+b@x.org", "a+b@x.org"),
    ("o'brien@x.org", "o'brien@x.org"),
    ("ada@exämple.net", "ada@xn--exmple-cua.net"),
    ("ada@ｅxample.org", "ada@example.org"),
    ("x@mail.example.co.uk", "x@mail.example.co.uk"),
]
REFUSED = [
    ("", "like name@example.org"),
    ("ada", "like name@example.org"),
    ("ada@", "like name@example.org"),
    ("@example.org", "like name@example.org"),
    ("ada@example", "slip"),
    ("ada@localhost", "slip"),
    ("a..b@x.org", "slip"),
    ("ada@x.org.", "slip"),
    ("ada@-x.org", "slip"),
    ("ada@x.local", "slip"),
    ("a" * 65 + "@x.org", "slip"),
    ("用户@例え.jp", "plain letters"),
    ("аda@example.org", "plain letters"),  # a Cyrillic a
    ('"a b"@x.org', "Quotation marks"),
    ("a@[127.0.0.1]", "not an IP address"),
    ("a@[IPv6:::1]", "not an IP address"),
    ("Ada <ada@x.org>", "without a name"),
    ("ada@x.org, bob@x.org", "one address only"),
    ("ada lovelace@x.org", "one address only"),
    ("ada@x.org\r\nBcc: bob@x.org", "on one line"),
    ("ada@x.org\n", "on one line"),
    ("ada@x.org\0", "on one line"),
    ("ada\u202e@x.org", "on one line"),
    ("a@" + "x" * 10_000 + ".org", "on one line"),
]


@pytest.mark.parametrize(("typed", "kept"), TAKEN)
def test_an_address_is_kept_in_the_form_in_which_it_is_mailed(typed, kept):
    assert read(typed) == kept
    assert kept.isascii() and len(kept) <= 254


@pytest.mark.parametrize(("typed", "remedy"), REFUSED)
def test_what_cannot_be_mailed_is_refused_with_a_remedy(typed, remedy):
    with pytest.raises(BadAddress, match=remedy) as caught:
        read(typed)
    assert "name@example.org" in str(caught.value)


@pytest.mark.parametrize(
    "variants",
    [
        ("ada@example.org", "ADA@EXAMPLE.ORG", "ada+news@example.org", " ada+a+b@Example.org"),
        ("ada.love@gmail.com", "adalove@gmail.com", "A.D.A.Love+x@GoogleMail.com"),
        ("ada@exämple.net", "ada@xn--exmple-cua.net", "Ada+1@EXÄMPLE.net"),
        ("+tag@example.org", "+TAG@example.org"),
        ("no address\x00", " NO ADDRESS\x00"),
    ],
)
def test_variants_of_one_mailbox_have_one_key(variants):
    assert len({address_key(each) for each in variants}) == 1


def test_other_mailboxes_have_other_keys():
    others = [
        "ada@example.org",
        "bob@example.org",
        "ada@example.com",
        "a.da@example.org",
        "ada@mail.example.org",
        "ada@gmail.com",
    ]
    assert len({address_key(each) for each in others}) == len(others)


def test_a_key_does_not_hold_the_address():
    key = address_key("ada@example.org")
    assert len(key) == 64 and "ada" not in key and "@" not in key


@pytest.mark.parametrize(
    ("address", "shown"),
    [("ada@example.org", "a•••@e•••.org"), ("x@mail.example.co.uk", "x•••@m•••.uk"), ("a@b", "a•••@b•••")],
)
def test_a_masked_address_is_known_to_its_owner_alone(address, shown):
    assert mask(address) == shown


@pytest.mark.skipif(not os.environ.get("PAPERROUND_SAMPLES"), reason="PAPERROUND_SAMPLES names no folder of recorded inputs")
@pytest.mark.parametrize("name", ["isemail-tests.json", "email-homographs-and-abuse.json", "naughty-strings.json"])
def test_of_recorded_hostile_text_every_line_is_an_address_or_a_remedy(name):
    lines = texts(json.loads((Path(os.environ["PAPERROUND_SAMPLES"]) / "hostile" / name).read_text(encoding="utf-8")))
    assert len(lines) > 10
    for line in lines:
        address_key(line)
        try:
            kept = read(line)
        except BadAddress as refusal:
            assert "name@example.org" in str(refusal)
        else:
            assert kept.isascii() and kept.isprintable() and kept.count("@") == 1 and not set(kept) & set(' "<>,;:[]()\\')


def texts(value):
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []
