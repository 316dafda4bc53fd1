"""Bytes -> trees, with everything refused that a paper source has no need of: DTDs, entities, depth. Pure."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from bs4 import BeautifulSoup, Tag
from bs4.exceptions import ParserRejectedMarkup
from lxml import etree

from newsletter.sources.page._malformed import Malformed

_MOST_NODES = 300_000  # a node costs up to 300 bytes of memory; 2,000 papers have some 60,000
_MOST_VALUES = 400_000  # commas of a JSON text; 10 MB of abstracts have some 150,000
_MOST_ATTRIBUTES = 1_000  # of one tag: readers compare each with each
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
         (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip

_NAMED_DOCTYPE = re.compile(rb"<!DOCTYPE\s+(\w{1,40})\s+(?:PUBLIC|SYSTEM)(?:\s+(?:\"[^\"<>]{0,300}\"|'[^'<>]{0,300}')){1,2}\s*>")
_DEEPEST = 500  # of a page of papers: about 30
_MOST_TAGS = 100_000  # the longest arXiv listing has about 40,000
_TAG = re.compile(r"<(/?)([A-Za-z][^\s/<>]*)(?=([\s/>])?)|<[!?]")
_NAME = re.compile(r"[\w:.-]+")  # what else follows a < is a comparison in a script: counted, but no depth
_ATTRIBUTES = re.compile(r"<[A-Za-z][^<>]{1500,}")  # a tag so long may have too many of them
_QUOTED = re.compile(r"\"[^\"]*(?:\"|\Z)|'[^']*(?:'|\Z)")
_PROLOG = re.compile(r"\s*(?:<\?.*?\?>|<!--.*?-->)", re.DOTALL)
_HTML = re.compile(
    rb"[\s\xef\xbb\xbf]*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!--(?:(?!-->).){0,1000}-->\s*){0,5}<(?:!doctype\s+html|html|head|body|div|script)\b",
    re.IGNORECASE | re.DOTALL,
)
_OPTIONAL = "area base br col embed hr img input link meta param path source track wbr p li dt dd tr td th option"
_UNCLOSED = frozenset(_OPTIONAL.split())
_BARRIERS = (
    (re.compile(r"awsWafCookieDomainList|AwsWafIntegration|window\.gokuProps|awswaf\.com/[^\"']*challenge"), "AWS WAF"),
    (re.compile(r"cf-challenge|cf_chl_|/cdn-cgi/challenge-platform|<title>Just a moment"), "Cloudflare"),
    (re.compile(r"<title>[^<]{0,60}(?:captcha|human verification|verify you are human)", re.IGNORECASE), "a captcha"),
)


def decoded(data: bytes) -> str:
    """The text for a look at its shape: by its byte order mark, else UTF-8, else windows-1252 as browsers do."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, "replace").lstrip("\ufeff")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("windows-1252", "replace")


def root_name(data: bytes) -> str:
    """The local name of an XML document's first element, lower case; "" when it does not begin like XML.

    Raises Malformed on a document type declaration: no feed needs one, and entities hide in it.
    """
    text = decoded(data[:200_000])
    place = 0
    while skipped := _PROLOG.match(text, place):
        place = skipped.end()
    text = text[place:].lstrip()
    if text.startswith("<!") and not text.startswith("<!--"):
        raise Malformed("it declares a document type (DTD), which a feed does not need and which is refused")
    found = re.match(r"<(?:[\w.-]+:)?([\w.-]+)", text)
    return found[1].lower() if found else ""


def tree(data: bytes, *, doctypes: frozenset[str] = frozenset()) -> etree._Element:
    """Strict XML, no DTD, no network, depth at most 256. Raises Malformed; a page cut in the middle is malformed.

    doctypes: roots whose declaration is taken out unread when it only names a DTD elsewhere (PubMed's); one that
    declares anything of its own is refused like all others.
    """
    named = _NAMED_DOCTYPE.search(data[:2000]) if doctypes else None
    if named and named[1].decode() in doctypes:
        data = data[: named.start()] + data[named.end() :]
    if not root_name(data):
        raise Malformed("it is no XML document")
    check_xml(data)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Malformed(f"the XML cannot be read: {str(error)[:150]}") from None


def check_xml(data: bytes) -> None:
    """Before it is read: too many tags, or attributes of one tag. Raises Malformed."""
    if data.count(b"<") > _MOST_NODES:
        raise Malformed(f"the XML has over {_MOST_NODES} tags, which no list of papers has")
    _check_attributes(decoded(data))


def is_html(data: bytes) -> bool:
    """Does it begin like a web page, or a piece of one?"""
    return bool(_HTML.match(data[:3000]))


def html(data: bytes) -> BeautifulSoup:
    """The tree of an HTML page, whatever its errors. Raises Malformed for one that ends in the middle or nests absurdly."""
    if not re.search(rb"</(?:html|body)\s*>", data[-3000:], re.IGNORECASE):
        raise Malformed("the page ends in the middle")
    text = decoded(data)
    _check_size(text)
    try:
        soup = BeautifulSoup(text, "lxml")
    except (ParserRejectedMarkup, RecursionError, ValueError) as error:
        raise Malformed(f"the HTML cannot be read ({type(error).__name__})") from None
    _check_depth(soup)
    return soup


def _check_size(text: str) -> None:
    """Before a tree is built: a tag costs about 1.5 kB of memory. What never closes counts as depth for good."""
    if text.count("<") > 3 * _MOST_TAGS:
        raise Malformed(f"the HTML has over {_MOST_TAGS} tags")
    depth = opened = 0
    for found in _TAG.finditer(text):
        counts = bool(found[2] and found[3] and _NAME.fullmatch(found[2]) and found[2].lower() not in _UNCLOSED)
        opened += not found[1]
        depth = max(0, depth - 1) if found[1] and counts else depth + counts
        if depth > _DEEPEST or opened > _MOST_TAGS:
            raise Malformed("the HTML is nested too deeply" if depth > _DEEPEST else f"the HTML has over {_MOST_TAGS} tags")
    _check_attributes(text)


def _check_depth(soup: BeautifulSoup) -> None:
    """Of the tree as it was understood: what walks it goes down by recursion."""
    depths = {id(soup): 0}
    for node in soup.descendants:
        if isinstance(node, Tag):
            depths[id(node)] = depth = depths[id(node.parent)] + 1
            if depth > _DEEPEST:
                raise Malformed("the HTML is nested too deeply")


def _check_attributes(text: str) -> None:
    for found in _ATTRIBUTES.finditer(text):
        if len(_QUOTED.sub(" ", found[0]).split()) > _MOST_ATTRIBUTES:
            raise Malformed(f"a tag has over {_MOST_ATTRIBUTES} attributes")


def barrier(data: bytes) -> str:
    """Whose challenge for robots stands here instead of a page; "" for none. Ask only when no paper was found:
    good pages carry the challenge's script too.
    """
    text = decoded(data[:100_000])
    return next((who for sign, who in _BARRIERS if sign.search(text)), "")


def from_json(data: bytes) -> Any:
    """Raises Malformed for anything that is no JSON, ends too early or nests deeper than Python goes."""
    text = decoded(data)
    if text.count("{") + text.count("[") > _MOST_NODES:
        raise Malformed(f"the JSON has over {_MOST_NODES} lists and objects, which no list of papers has")
    if text.count(",") > _MOST_VALUES:
        raise Malformed(f"the JSON has over {_MOST_VALUES} values, which no list of papers has")
    try:
        return json.loads(text)
    except RecursionError:
        raise Malformed("the JSON is nested too deeply") from None
    except ValueError as error:
        raise Malformed(f"the JSON cannot be read: {str(error)[:150]}") from None


def to_json(value: object) -> bytes:
    """What `from_json` reads back."""
    return json.dumps(value).encode()
