"""docs/addresses.md, held to the published sets: isEmail's, and a list of look-alikes and odd ones."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from newsletter.subscribers import BadAddress, address_key
from newsletter.subscribers.addresses import is_reserved, read

SAMPLES = Path(os.environ.get("PAPERROUND_SAMPLES", "/nonexistent")) / "hostile"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="PAPERROUND_SAMPLES names no folder of samples")

# What isEmail calls good, or good but for its DNS, and the table refuses: a domain without a dot.
WITHOUT_A_DOT = re.compile(r"[^@]+@[^.]+")
# By what the list says of each: taken or refused. Whoever adds a case decides it here and in the table.
DECIDED = {
    "64-octet local part": True,
    "blanks around": True,
    "Cyrillic а in the domain": True,
    "digit in TLD": True,
    "disposable": True,
    "ideographic full stop": True,
    "leading hyphen in local part": True,
    "typo domain": True,
}


def cases(name: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads((SAMPLES / name).read_text("utf-8"))
    return found


def taken(address: str) -> str | None:
    """The address as kept, or None; a refusal must say what would mend it."""
    try:
        return read(address)
    except BadAddress as refused:
        assert "name@example.org" in str(refused)
        return None


@needs_samples
def test_of_the_isemail_set_exactly_the_plain_deliverable_ones_are_taken():
    rows = cases("isemail-tests.json")
    assert len(rows) > 80
    for row in rows:
        kept = taken(row["address"])
        plain = row["category"] in {"ISEMAIL_VALID_CATEGORY", "ISEMAIL_DNSWARN"} and not WITHOUT_A_DOT.fullmatch(row["address"])
        padded = (
            row["category"] == "ISEMAIL_CFWS" and row["address"].strip(" \t") != row["address"] and kept == row["address"].strip()
        )
        assert (kept is not None) == (plain or padded), (row["id"], row["diagnosis"], kept)
        assert kept is None or (kept.isascii() and len(kept) <= 254)


@needs_samples
def test_the_look_alikes_and_odd_ones_are_decided_as_the_table_says():
    for row in cases("email-homographs-and-abuse.json"):
        kept, address = taken(row["address"]), row["address"]
        short = row["what"] == "total over 254" and len(address) <= 254
        assert (kept is not None) == (DECIDED.get(row["what"], False) or short), row["what"]
        assert len(address_key(address)) == 64 and address_key(address) == address_key(f" {address} ")


@needs_samples
def test_a_look_alike_domain_is_another_domain_with_another_key():
    found = [row["address"] for row in cases("email-homographs-and-abuse.json") if row["what"] == "Cyrillic а in the domain"]
    assert found and read(found[0]).partition("@")[2].startswith("xn--")
    assert address_key(found[0]) != address_key("user@example.com")


@pytest.mark.parametrize("address", ["a@b.invalid", "a@b.test", "A@B.TEST", "a@b.c.example", "a@x.onion"])
def test_a_reserved_domain_is_an_address_that_is_never_mailed(address):
    assert read(address).lower() == address.lower() and is_reserved(address)


@pytest.mark.parametrize("address", ["a..b@x.invalid", "a@-x.test", "a@test", "a b@x.invalid", "a@" + "x" * 64 + ".invalid"])
def test_a_reserved_domain_excuses_nothing_else(address):
    assert taken(address) is None


def test_the_table_names_every_reserved_domain():
    from newsletter.subscribers import addresses

    text = (Path(__file__).resolve().parent.parent / "docs" / "addresses.md").read_text()
    assert all(f"`.{name}`" in text for name in addresses._RESERVED)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ada@gmial.com", "ada@gmail.com"),
        ("ada@gmail.co", "ada@gmail.com"),
        ("ada@gmai.com", "ada@gmail.com"),
        ("ada@Hotmial.com", "ada@hotmail.com"),
        ("ada@yaho.com", "ada@yahoo.com"),
        ("ada@outlok.com", "ada@outlook.com"),
        ("ada@gmail.com", ""),
        ("ada@gmx.de", ""),
        ("ada@mail.com", ""),
        ("ada@ymail.com", ""),
        ("ada@example.org", ""),
        ("ada@mit.edu", ""),
    ],
)
def test_a_slip_in_a_large_providers_name_is_seen_and_other_domains_are_left_alone(typed, meant):
    from newsletter.subscribers import suggestion

    assert suggestion(typed) == meant
