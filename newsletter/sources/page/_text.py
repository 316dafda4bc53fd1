"""Cleaning, once, on entry: what a source wrote becomes one line of Unicode. Pure; safe to apply twice."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import urlsplit

from newsletter.sources.page import _tex as tex

_LONGEST = 20_000  # characters looked at; the longest abstract of the field has about 6,000
_JOINERS = "\u200c\u200d"  # needed by emoji and by Persian and Indic scripts
_ADDRESS = re.compile(r"(?<![\w/@])[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_ANCHOR = re.compile(r"<a\s[^<>]{0,500}>([^<>]{0,500})</a>", re.IGNORECASE)
# The tags of HTML, and those with a prefix (jats:p, o:p). Anything else between < and > is what the author wrote: <a,x>, <think>.
_NAMES = """
a abbr acronym address applet area article aside audio b base bdi bdo big blockquote body br button canvas caption
center cite code col colgroup data datalist dd del details dfn dialog dir div dl doctype dt em embed fieldset
figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe img input ins
kbd label legend li link main map mark marquee math menu meta meter nav nobr noscript object ol optgroup option output
p param picture pre progress q rp rt ruby s samp script search section select slot small source span strike strong
style sub summary sup svg table tbody td template textarea tfoot th thead time title tr track tt u ul var video wbr
"""
# Maths comes first and stays: within $...$ even <a> is no tag, unless a slash or a quote shows that it is one.
_TAG = re.compile(
    r"(\$(?=\S)[^$/\"]{1,200}?(?<=\S)\$(?!\d))|<(?:script|style)\b[^<>]{0,2000}>[^<]*|"
    rf"<[!/]?(?:{'|'.join(_NAMES.split())}|[a-z][a-z0-9]{{0,9}}:[a-z][a-z0-9-]{{0,30}})(?=[\s/>])[^<>]{{0,2000}}>",
    re.IGNORECASE,
)
_URL = re.compile(r"https?://[^\s<>{}|\\^`\"]{3,490}")
_CODE_HOSTS = {"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "anonymous.4open.science"}
_DATA_HOSTS = {"zenodo.org", "figshare.com", "osf.io", "kaggle.com", "dataverse.harvard.edu", "datadryad.org"}
_WITHDRAWN = re.compile(
    r"^\W*(?:(?:this|the)\s+)?(?:(?:paper|article|submission|manuscript|work|preprint)\s+)?(?:(?:has|have)\s+been\s+|is\s+|was\s+)?withdrawn\b",
    re.IGNORECASE,
)


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
    return clean(_TAG.sub(lambda found: found[1] or " ", _without_comments(markup[: 10 * _LONGEST])), entities=True)


def names(values: object) -> tuple[str, ...]:
    """Cleaned, non-empty, in order; two authors may have the same name. No list or no strings give ()."""
    found = (clean(value, longest=200) for value in values) if isinstance(values, list | tuple) else ()
    return tuple(name for name in found if name)


def people(line: object) -> tuple[str, ...]:
    """The names of one line ("A. One, B. Two (1) and C. Three"); what stands in parentheses is an affiliation."""
    bare = clean(line)
    for _ in range(4):
        bare, before = re.sub(r"\([^()]{0,300}\)", " ", bare), bare
        if bare == before:
            break
    bare = re.sub(r"\([^()]*$", "", bare)  # a list that was cut within an affiliation
    return names([name.strip(" ;,") for name in re.split(r"\s*[,;]\s+(?:and\s+)?|\s+and\s+|,$", bare)])


def says_withdrawn(comment: str) -> bool:
    """Does arXiv's comment say that this paper was withdrawn? "Withdrawn" in the middle may mean another one."""
    return bool(_WITHDRAWN.match(comment))


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
    return next((url for url, host, pieces in _links(text) if host in _CODE_HOSTS and len(pieces) >= 2), "")


def repository(url: str) -> str:
    """`owner/name`, lower case, of an address at GitHub, else ""."""
    for _, host, pieces in _links(url):
        if host == "github.com" and len(pieces) >= 2:
            name = "/".join(pieces[:2]).removesuffix(".git").lower()
            return name if re.fullmatch(r"[\w.-]*\w[\w.-]*/[\w.-]*\w[\w.-]*", name, re.ASCII) else ""
    return ""


def project_link(text: str) -> str:
    """The first data set or project page that a cleaned abstract links to, else ""."""
    for url, host, pieces in _links(text):
        data = host in _DATA_HOSTS or (host in {"huggingface.co", "hf.co"} and pieces[:1] == ["datasets"] and len(pieces) >= 3)
        if (data and pieces) or host.endswith(".github.io"):
            return url
    return ""


def _links(text: str) -> Iterator[tuple[str, str, list[str]]]:
    """(address, host, pieces of the path) of each web address."""
    for found in _URL.findall(text):
        url = web_url(found.rstrip(".,;:!?)]'*_"))
        parts = urlsplit(url)
        if url:
            yield url, (parts.hostname or "").removeprefix("www."), [piece for piece in parts.path.split("/") if piece]


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
