"""Cleaning, once, on entry: what a source wrote becomes one line of Unicode. Pure; safe to apply twice."""

from __future__ import annotations

import html
import re
import unicodedata
from urllib.parse import urlsplit

from newsletter.sources.page import _tex as tex

_LONGEST = 20_000  # characters looked at; the longest abstract of the field has about 6,000
_JOINERS = "\u200c\u200d"  # needed by emoji and by Persian and Indic scripts
_ADDRESS = re.compile(r"(?<![\w/@])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_ANCHOR = re.compile(r"<a\s[^<>]{0,500}>([^<>]{0,500})</a>", re.IGNORECASE)
_TAG = re.compile(r"<(?:script|style)\b[^<>]{0,2000}>[^<]*|<[!/]?[A-Za-z][^<>]{0,2000}>", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s<>{}|\\^`\"]{3,490}")
_CODE_HOSTS = {"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "anonymous.4open.science"}


def clean(text: object, *, entities: bool = False, longest: int = _LONGEST) -> str:
    """One line, NFC, TeX accents and simple maths as Unicode, no control or bidi characters, no e-mail address.

    entities: the text still holds HTML entities (JSON, HTML attributes); they are read once. Anything that is no
    string is "". Tags stay as they are written: a title may hold a literal <think>; escaping is the output's part.
    """
    if not isinstance(text, str):
        return ""
    text = text[:_LONGEST]
    if entities:
        text = html.unescape(text)
    text = tex.to_unicode(_visible(text))
    text = re.sub(r"\s+([.,;:!?])(?=\s|$)", r"\1", _ADDRESS.sub("", text)) if "@" in text else text
    return " ".join(text.split())[:longest].rstrip()


def raw(text: object) -> str:
    """The source's own spelling, kept beside the clean one: only what a database cannot hold is out."""
    return _ADDRESS.sub("", _visible(text[:_LONGEST], keep="\n\t")) if isinstance(text, str) else ""


def abstract(text: object, *, entities: bool = False) -> str:
    """Like `clean`, and a link written in HTML leaves its words or, when these are the address, the address."""
    return clean(_ANCHOR.sub(r"\1", text) if isinstance(text, str) else "", entities=entities)


def from_html(markup: object) -> str:
    """The words of a piece of HTML (a feed's description), tags out, entities read once, cleaned."""
    if not isinstance(markup, str):
        return ""
    return clean(_TAG.sub(" ", _without_comments(markup[: 10 * _LONGEST])), entities=True)


def names(values: object) -> tuple[str, ...]:
    """Cleaned, non-empty, in order; two authors may have the same name. No list or no strings give ()."""
    found = (clean(value, longest=200) for value in values) if isinstance(values, list | tuple) else ()
    return tuple(name for name in found if name)


def terms(values: object) -> tuple[str, ...]:
    """Like `names`, each once: categories, keywords, organisations."""
    return tuple(dict.fromkeys(names(values)))


def web_url(value: object) -> str:
    """An absolute http(s) address of at most 500 characters without user part, else ""."""
    if not isinstance(value, str):
        return ""
    value = value.strip()
    if len(value) > 500 or not value.isprintable() or re.search(r"[\s<>\"\\]", value):
        return ""
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
    except ValueError:
        return ""
    return value if parts.scheme in {"http", "https"} and host and "@" not in parts.netloc else ""


def code_link(text: str) -> str:
    """The first repository (host/owner/name) that a cleaned abstract links to, else ""."""
    for found in _URL.findall(text):
        url = web_url(found.rstrip(".,;:!?)]'*_"))
        parts = urlsplit(url)
        host = (parts.hostname or "").removeprefix("www.")
        if host in _CODE_HOSTS and len([piece for piece in parts.path.split("/") if piece]) >= 2:
            return url
    return ""


def whole(value: object) -> int | None:
    """A count that fits the database, else None ("the source does not say")."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _without_comments(markup: str) -> str:
    kept, place = [], 0
    while (start := markup.find("<!--", place)) >= 0:
        kept.append(markup[place:start])
        place = markup.find("-->", start)
        if place < 0:
            return "".join(kept)
        place += 3
    return "".join([*kept, markup[place:]])


def _visible(text: str, keep: str = "") -> str:
    """White space of any kind becomes a blank; control, format, bidi and surrogate characters go."""
    if text.isascii() and text.isprintable():
        return text
    out = []
    for char in unicodedata.normalize("NFC", text):
        kind = unicodedata.category(char)
        if char in keep:
            out.append(char)
        elif char.isspace():
            out.append(" ")
        elif char in _JOINERS or kind not in {"Cc", "Cf", "Cs"}:
            out.append("" if ord(char) & 0xFFFE == 0xFFFE else char)
    return "".join(out)
