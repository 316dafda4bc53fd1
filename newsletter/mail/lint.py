"""What is wrong with a finished mail, and its size: looked at as a receiver gets it, not as we made it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.policy import default
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser

BYTES_AT_MOST = 100_000  # HTML, decoded: Gmail cuts a mail off at about 102 kB
WORDS_AT_MOST = 750  # up to ten papers
WORDS_OF_MANY = 1000  # where the reader asked for more of them
SUBJECT_AT_MOST = 60  # of mail from a list; a service mail may take 90
LINE_AT_MOST = 76  # RFC 2045 6.7
HEADER_AT_MOST = 78  # RFC 5322 2.1.1
_ONCE = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Auto-Submitted")
_OF_A_LIST = ("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Help")
_ADDRESS = re.compile(r"(?:https?://|mailto:)[^\s<>\"]+")
_RANK = re.compile(r"\d{1,2}\.")
_AFTER = ".,;:!?)"  # what may follow an address in a sentence
_LEFT_OPEN = re.compile(r"\{\{ ?[a-z_.]+ ?\}\}|\{% |%\([a-z_]+\)[sd]|[\x00-\x08\x0b-\x1f\x7f]|\bslot[0-9a-f]{12}")
_SILENT = frozenset({"style", "title", "script"})
_EMPTY = frozenset({"br", "hr", "img", "link", "meta", "wbr"})


@dataclass(frozen=True, slots=True)
class Figures:
    """bytes: of the whole mail on the wire; html_bytes: decoded; words: that a reader sees; links: different ones, of the HTML."""

    bytes: int
    html_bytes: int
    words: int
    links: int


def findings(wire: bytes) -> tuple[str, ...]:
    """Faults in plain English, () for a clean mail. Reads bytes that may be anything; raises nothing."""
    return tuple(dict.fromkeys(_all(wire)))


def figures(wire: bytes) -> Figures:
    text, html, page = _read(BytesParser(policy=default).parsebytes(wire))
    return Figures(len(wire), len(html.encode()), len((page.shown if html else text).split()), len(set(page.links)))


def source(wire: bytes) -> str:
    """The mail as it is on the wire, to look at: LF line ends, any byte outside ASCII as an escape."""
    return wire.replace(b"\r\n", b"\n").decode("ascii", "backslashreplace")


def _all(wire: bytes) -> Iterator[str]:
    parsed = BytesParser(policy=default).parsebytes(wire)
    text, html, page = _read(parsed)
    yield from _wire(wire)
    yield from _headers(wire, parsed)
    yield from _parts(parsed, text, html)
    if html:
        yield from _page(page, text)


def _wire(wire: bytes) -> Iterator[str]:
    if re.search(rb"(?<!\r)\n|\r(?!\n)", wire):
        yield "a line ends without CR LF"
    if re.search(rb"[^\r\n\t -~]", wire):
        yield "a byte outside printable ASCII"
    head, _, body = wire.partition(b"\r\n\r\n")
    for name, part, most in (("header", head, HEADER_AT_MOST), ("body", body, LINE_AT_MOST)):
        longest = max(map(len, part.split(b"\r\n")))
        if longest > most:
            yield f"a {name} line of {longest} octets; {most} at most"


def _headers(wire: bytes, parsed: Message) -> Iterator[str]:
    names = Counter(name.lower() for name in parsed.keys())  # noqa: SIM118 (a Message iterates over nothing else)
    is_list = any(names[name.lower()] for name in _OF_A_LIST)
    for name in (*_ONCE, *(_OF_A_LIST if is_list else ())):
        if names[name.lower()] != 1:
            yield f"{name} is there {names[name.lower()]} times"
    subject = str(parsed.get("Subject", ""))
    most = SUBJECT_AT_MOST if is_list else SUBJECT_AT_MOST * 3 // 2
    if not subject.strip():
        yield "the subject is empty"
    if len(subject) > most:
        yield f"a subject of {len(subject)} characters; {most} at most"
    if "  " in subject or subject != subject.strip():
        yield "a stray space in the subject"
    if not _has_zone(str(parsed.get("Date", ""))):
        yield "the date is none, or says no zone"


def _has_zone(date: str) -> bool:
    try:
        return parsedate_to_datetime(date).tzinfo is not None
    except (ValueError, TypeError):
        return False


def _parts(parsed: Message, text: str, html: str) -> Iterator[str]:
    leaves = [part for part in parsed.walk() if not part.is_multipart()]
    kinds = [part.get_content_type() for part in leaves]
    if kinds not in (["text/plain", "text/html"], ["text/plain"]):
        yield f"its parts are {', '.join(kinds)}; text, then HTML wanted"
    for part in leaves:
        if (part.get_content_charset() or "") != "utf-8":
            yield f"{part.get_content_type()} is not in UTF-8"
        if (part["Content-Transfer-Encoding"] or "").lower() != "quoted-printable":
            yield f"{part.get_content_type()} is not quoted-printable"
    if len(html.encode()) > BYTES_AT_MOST:
        yield f"{len(html.encode())} bytes of HTML; {BYTES_AT_MOST} at most"
    for name, content in (("text", text), ("HTML", html)):
        if found := _LEFT_OPEN.search(content):
            yield f"the {name} holds {found[0]!r}"
    if not text.strip():
        yield "the text part is empty"


def _page(page: _Page, text: str) -> Iterator[str]:
    said = {url.rstrip(_AFTER) for url in _ADDRESS.findall(text)}
    shown = set(page.links)
    for url in sorted(url for url in shown if url.rstrip(_AFTER) not in said):
        yield f"a link of the HTML is missing in the text: {url[:120]}"
    for url in sorted(said - {url.rstrip(_AFTER) for url in shown}):
        yield f"a link of the text is missing in the HTML: {url[:120]}"
    for url in sorted(shown):
        if not _ADDRESS.fullmatch(url):
            yield f"a link that no reader can follow: {url[:120]}"
    for tag in sorted(page.foreign):
        yield f"<{tag}>: mail programs block or remove it"
    words, most = len(page.shown.split()), WORDS_AT_MOST if page.papers <= 10 else WORDS_OF_MANY
    if words > most:
        yield f"{words} words; {most} at most"
    if not (page.lang and page.title.strip()):
        yield "the HTML says no language or has no title"


def _read(parsed: Message) -> tuple[str, str, _Page]:
    """(text, HTML, what the HTML shows); "" for a part that is missing or does not decode."""
    found = {"text/plain": "", "text/html": ""}
    for part in parsed.walk():
        if part.get_content_type() in found and isinstance(part, EmailMessage):
            found[part.get_content_type()] = _decoded(part)
    page = _Page()
    page.feed(found["text/html"])
    page.close()
    return found["text/plain"], found["text/html"], page


def _decoded(part: EmailMessage) -> str:
    data = part.get_payload(decode=True)
    return data.decode("utf-8", "replace").replace("\r\n", "\n") if isinstance(data, bytes) else ""


class _Page(HTMLParser):
    """The visible text, links, language and title of a mail's HTML; `foreign`: tags that would fetch or run something."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.foreign: set[str] = set()
        self.lang = self.title = self.shown = ""
        self.papers = 0
        self._open: list[tuple[str, bool]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.lang = values.get("lang", "")
        if tag == "a":
            self.links.append(values.get("href", ""))
        if tag in {"script", "iframe", "form", "object", "embed", "img", "link", "base", "svg", "video", "audio"}:
            self.foreign.add(tag)
        if tag not in _EMPTY:
            hidden = tag in _SILENT or "display:none" in values.get("style", "").replace(" ", "")
            self._open.append((tag, hidden))

    def handle_endtag(self, tag: str) -> None:
        if any(name == tag for name, _ in self._open):
            while self._open.pop()[0] != tag:
                pass
        self.shown += " "

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] == "title":
            self.title += data
        elif not any(hidden for _, hidden in self._open):
            self.shown += data
            self.papers += bool(_RANK.fullmatch(data.strip()))
