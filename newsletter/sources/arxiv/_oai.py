"""OAI-PMH of arXiv: ListRecords and GetRecord in the formats arXiv, arXivRaw and oai_dc. Pure.

A datestamp is the day of a record's last change, so old papers come again: they are revisions ("replace"), which
update papers and make none. Host since March 2025: oaipmh.arxiv.org.
Source: openarchives.org/OAI/2.0/openarchivesprotocol.htm; info.arxiv.org/help/oa.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

from lxml import etree

from newsletter.sources.arxiv._record import day_of, page, record
from newsletter.sources.page import Malformed, Page, Record, ids, markup, text

_PHYSICS = {"astro-ph", "cond-mat", "gr-qc", "hep-ex", "hep-lat", "hep-ph", "hep-th", "math-ph", "nlin", "nucl-ex", "nucl-th",
            "physics", "quant-ph"}  # fmt: skip
_NEW_FOR = timedelta(days=45)  # arXiv holds a submission back for weeks at most


def set_of(category: str) -> str:
    """cs.CL -> cs:cs:CL, hep-th -> physics:hep-th, math.AG -> math:math:AG."""
    archive, _, subject = category.partition(".")
    group = "physics" if archive in _PHYSICS else archive
    return ":".join([group, archive, subject]) if subject else group if group == archive else f"{group}:{archive}"


def is_ours(data: bytes) -> bool:
    head = data[:3000]
    return markup.root_name(data) in {"oai-pmh", "record"} and (b"openarchives.org/OAI" in head or b"oai:arXiv.org:" in head)


def parse(data: bytes, day: date | None) -> Page:
    """noRecordsMatch is an empty day; every other error (badResumptionToken: the token lived a day) raises Malformed."""
    root = markup.tree(data)
    if _name(root) not in {"OAI-PMH", "record"}:
        raise Malformed("it is no answer of OAI-PMH")
    error = _first(root, "error")
    if error is not None and error.get("code") != "noRecordsMatch":
        code, said = text.clean(error.get("code"))[:60], text.clean(error.text)[:150]
        raise Malformed(f"arXiv's OAI-PMH answered {code}: {said or 'no reason given'}")
    records = [root] if _name(root) == "record" else list(root.iter("{*}record"))
    stamps = [stamp for one in records if (stamp := day_of(_value(_first(one, "header"), "datestamp")))]
    return page(records, _record, listed=day or max(stamps, default=None), where="record")


def token(data: bytes) -> str:
    """Of the next part; "" after the last. The element stands empty at a list's end."""
    return _value(markup.tree(data), "resumptionToken")


def _record(node: etree._Element) -> Record | None:
    """None for a deleted one: nothing to show, nothing wrong."""
    header = _first(node, "header")
    if header is not None and header.get("status") == "deleted":
        return None
    metadata = _first(node, "metadata")
    inner = next((one for one in metadata if isinstance(one.tag, str)), None) if metadata is not None else None
    if inner is None:
        raise Malformed("no metadata")
    stamp = day_of(_value(header, "datestamp"))
    number = ids.arxiv_id(_value(header, "identifier")) or ids.arxiv_id(_value(inner, "id"))
    return _dublin_core(inner, number, stamp) if _name(inner) == "dc" else _arxiv(inner, number, stamp)


def _arxiv(node: etree._Element, number: str, stamp: date | None) -> Record:
    """arXiv: authors one by one, `updated`. arXivRaw: one list of authors, every version with its date."""
    versions = [day_of(_value(one, "date")) for one in node.iter("{*}version")]
    first = versions[0] if versions else day_of(_value(node, "created"))
    revised = len(versions) > 1 or bool(_value(node, "updated"))
    return record(
        ids.arxiv_id(_value(node, "id")) or number,
        _value(node, "title"),
        authors=_authors(node),
        abstract=_value(node, "abstract"),
        comments=_value(node, "comments"),
        doi=_value(node, "doi"),
        categories=_value(node, "categories").split(),
        license=_value(node, "license"),
        published=first,
        listed=stamp,
        announce=_announce(first, stamp, revised),
    )


def _announce(first: date | None, stamp: date | None, revised: bool) -> str:
    return "replace" if revised or (first and stamp and stamp - first > _NEW_FOR) else "new"


def _authors(node: etree._Element) -> tuple[str, ...]:
    people = list(node.iter("{*}author"))
    if people:
        parts = [(_value(one, "forenames"), _value(one, "keyname"), _value(one, "suffix")) for one in people]
        return text.names([" ".join(filter(None, one)) for one in parts])
    bare = re.sub(r"\([^()]{0,300}\)", "", text.clean(_value(node, "authors")))
    return text.names(re.split(r",\s+(?:and\s+)?|\s+and\s+", bare))


def _dublin_core(node: etree._Element, number: str, stamp: date | None) -> Record:
    """Names stand as "Last, First"; the comment is a second description; the DOI one of the identifiers."""
    named = [_values(node, name) for name in ("creator", "description", "identifier", "date")]
    creators, descriptions, identifiers, dates = named
    comments = [one for one in descriptions if one.startswith("Comment:")]
    first = min(filter(None, map(day_of, dates)), default=None)
    return record(
        number or next(iter(ids.arxiv_ids_in(" ".join(identifiers))), ""),
        next(iter(_values(node, "title")), ""),
        authors=text.names([" ".join(reversed(one.split(", ", 1))) for one in creators]),
        abstract=next((one for one in descriptions if one not in comments), ""),
        comments=" ".join(comments).removeprefix("Comment:"),
        doi=next((ids.doi(one) for one in identifiers if one.lower().startswith("doi:")), ""),
        published=first,
        listed=stamp,
        announce=_announce(first, stamp, len(dates) > 1),
    )


def _name(node: etree._Element) -> str:
    return etree.QName(node).localname


def _first(node: etree._Element | None, name: str) -> etree._Element | None:
    return None if node is None else next(node.iter(f"{{*}}{name}"), None)


def _value(node: etree._Element | None, name: str) -> str:
    found = _first(node, name)
    return (found.text or "").strip() if found is not None else ""


def _values(node: etree._Element, name: str) -> list[str]:
    return [(one.text or "").strip() for one in node.iter(f"{{*}}{name}")]
