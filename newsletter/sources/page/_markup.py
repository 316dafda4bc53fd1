"""Bytes -> trees, with everything refused that a paper source has no need of: DTDs, entities, depth. Pure."""

from __future__ import annotations

import codecs
import json
import re
from typing import Any

from lxml import etree

from newsletter.sources.page._malformed import Malformed

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
         (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip


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
    text = decoded(data[:200_000]).lstrip()
    while text.startswith("<"):
        if text.startswith("<?"):
            _, _, text = text.partition("?>")
        elif text.startswith("<!--"):
            _, _, text = text.partition("-->")
        elif text.startswith("<!"):
            raise Malformed("it declares a document type (DTD), which a feed does not need and which is refused")
        else:
            found = re.match(r"<(?:[\w.-]+:)?([\w.-]+)", text)
            return found[1].lower() if found else ""
        text = text.lstrip()
    return ""


def tree(data: bytes) -> etree._Element:
    """Strict XML, no DTD, no network, depth at most 256. Raises Malformed; a page cut in the middle is malformed."""
    if not root_name(data):
        raise Malformed("it is no XML document")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise Malformed(f"the XML cannot be read: {str(error)[:150]}") from None


def from_json(data: bytes) -> Any:
    """Raises Malformed for anything that is no JSON, ends too early or nests deeper than Python goes."""
    try:
        return json.loads(decoded(data))
    except RecursionError:
        raise Malformed("the JSON is nested too deeply") from None
    except ValueError as error:
        raise Malformed(f"the JSON cannot be read: {str(error)[:150]}") from None


def to_json(value: object) -> bytes:
    """What `from_json` reads back."""
    return json.dumps(value).encode()
