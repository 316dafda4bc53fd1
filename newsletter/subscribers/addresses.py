"""What counts as an address, how it is kept, and the key under which it is known without being held."""

from __future__ import annotations

from django.utils.translation import gettext as _
from email_validator import EmailNotValidError, validate_email

from newsletter import links

_LONGEST = 320  # 64 + @ + 255: nothing longer is an address, whatever it holds
# Nothing is ever delivered there. Sources: RFC 2606, RFC 7686, RFC 9476.
_RESERVED = frozenset({"alt", "example", "invalid", "localhost", "onion", "test"})
# Where a slip of one letter is looked for, and what is one letter away from them and somebody else's.
_LARGE = ("gmail.com", "googlemail.com", "hotmail.com", "icloud.com", "outlook.com", "proton.me", "protonmail.com", "yahoo.com")
_NEAR = frozenset({"email.com", "gmx.com", "mail.com", "rocketmail.com", "ymail.com"})
_GMAIL = frozenset({"gmail.com", "googlemail.com"})


class BadAddress(ValueError):
    """No address we can write to. The message is the remedy, for the person who typed it."""


def read(text: str) -> str:
    """The address as it is mailed: ASCII, domain in lower case and as A-labels, at most 254 characters.

    No look-up of the domain is made: the answer to a sign-up may not depend on it. So one under a domain where nobody can
    have mail is an address too; see `is_reserved`. Raises BadAddress. docs/addresses.md has the decisions, case by case.
    """
    typed = text.strip(" \t")
    if len(typed) > _LONGEST or not typed.isprintable():
        raise BadAddress(_("Enter one e-mail address on one line, like name@example.org."))
    try:
        # The validator refuses reserved domains by name; one letter more, and it judges the rest of the address alone.
        told = typed + "x" if is_reserved(typed) else typed
        checked = validate_email(told, check_deliverability=False, allow_smtputf8=False, strict=True)
    except EmailNotValidError:
        raise BadAddress(_remedy(typed)) from None
    if checked.ascii_email is None:
        raise BadAddress(_remedy(typed))
    return checked.ascii_email[: -1 if told != typed else None]


def is_reserved(address: str) -> bool:
    """Under a domain in which nobody can have a mailbox, like `.invalid`: it is answered like any other and never mailed."""
    _rest, dot, top = address.rpartition("@")[2].lower().rpartition(".")
    return bool(dot) and top in _RESERVED


def suggestion(address: str) -> str:
    """The address that was probably meant, where the domain is one slip away from a large provider's; else empty.

    A slip: a letter left out, doubled or put in, changed, or two that changed places.
    """
    local, _at, domain = address.rpartition("@")
    if domain.lower() in _NEAR or domain.lower() in _LARGE:
        return ""
    meant = next((name for name in _LARGE if _is_one_slip(domain.lower(), name)), "")
    return f"{local}@{meant}" if meant else ""


def _is_one_slip(typed: str, name: str) -> bool:
    start = next((place for place, (a, b) in enumerate(zip(typed, name, strict=False)) if a != b), min(len(typed), len(name)))
    if len(typed) == len(name):
        swapped = name[:start] + name[start : start + 2][::-1] + name[start + 2 :]
        return typed != name and (typed[start + 1 :] == name[start + 1 :] or typed == swapped)
    longer, shorter = max(typed, name, key=len), min(typed, name, key=len)
    return longer[:start] + longer[start + 1 :] == shorter


def address_key(address: str) -> str:
    """Keyed hash of the mailbox behind an address: variants that reach one person have one key.

    Lower case, plus tags removed, at Gmail dots too. Never raises: what is no address is hashed as it stands.
    """
    try:
        known = read(address)
    except BadAddress:
        known = address.strip()
    local, _at, domain = known.lower().rpartition("@")
    local = local.partition("+")[0] or local
    if domain in _GMAIL:
        local, domain = local.replace(".", ""), "gmail.com"
    return links.keyed_hash("address", f"{local}@{domain}")


def mask(address: str) -> str:
    """`a•••@e•••.org`: enough for its owner to know it, too little for anyone else."""
    local, _at, domain = address.rpartition("@")
    name, dot, top = domain.rpartition(".")
    return f"{local[:1]}•••@{(name or top)[:1]}•••{dot}{top if dot else ''}"


def _remedy(typed: str) -> str:
    local, at, domain = typed.rpartition("@")
    if not at or not local or not domain:
        return _("Enter an e-mail address like name@example.org.")
    if typed.endswith(">") or "<" in typed:
        return _("Enter the address alone, without a name or angle brackets, like name@example.org.")
    if '"' in local:
        return _("Quotation marks in an address are not supported. Enter one like name@example.org.")
    if domain.startswith("["):
        return _("Enter a domain name after the @, not an IP address, like name@example.org.")
    if not local.isascii():
        return _("Before the @ only plain letters, digits and signs can be mailed. Enter an address like name@example.org.")
    if "@" in local or " " in typed or "," in typed:
        return _("Enter one address only, without spaces, like name@example.org.")
    return _("Check the address for a slip: it should look like name@example.org.")
