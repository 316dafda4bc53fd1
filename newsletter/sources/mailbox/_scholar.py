"""Google Scholar's alert mail: HTML, one `a.gse_alrt_title` a paper behind a redirect that is resolved without asking.

A snippet is the alert's own cut of the abstract, so it is a summary; names are shortened by Scholar ("Z Chen").
"""

from __future__ import annotations

import re
from datetime import date
from urllib.parse import parse_qs, urlsplit

from bs4 import BeautifulSoup, Tag

from newsletter.sources.page import Malformed, Page, Record, Rejected, ids, text

_MOST_NESTED = 3
_KIND = re.compile(r"^\s*(?:\[(?:PDF|HTML|BOOK|CITATION|B|C)\]\s*)+")


def parse(html: str, *, day: date | None) -> Page:
    """Raises Malformed when no title can be read."""
    titles = BeautifulSoup(html, "lxml").select("a.gse_alrt_title")
    records: list[Record] = []
    rejected: list[Rejected] = []
    for place, title in enumerate(titles, 1):
        try:
            records.append(_record(title, day))
        except Malformed as error:
            rejected.append(Rejected(str(error), f"paper {place}"))
    if not records:
        raise Malformed("no paper of the alert can be read: its layout may have changed")
    return Page(records=tuple(records), rejected=tuple(rejected), listed_on=day)


def target(link: str) -> str:
    """The page that a scholar_url redirect leads to; "" when that is no web address."""
    for _ in range(_MOST_NESTED):
        try:
            parts = urlsplit(link)
            if not (parts.hostname or "").startswith("scholar.google.") or parts.path != "/scholar_url":
                break
            link = (parse_qs(parts.query).get("url") or parse_qs(parts.query).get("q") or [""])[0]
        except ValueError:
            return ""
    return text.web_url(link)


def _record(anchor: Tag, day: date | None) -> Record:
    raw = _KIND.sub("", anchor.get_text(" " if anchor.find("br") else ""))
    title = text.clean(raw, longest=1000)
    if not title:
        raise Malformed("no title")
    url = target(str(anchor.get("href") or ""))
    byline, snippet = _below(anchor)
    people, _, place = byline.partition(" - ")
    cut = "…" in people or people.rstrip().endswith("...")
    authors = text.people(people.replace("…", " "))
    number = next(iter(ids.arxiv_ids_in(url)), "") or _stated(place)
    doi = ids.doi(url)
    if not (number or doi or url) and not ids.long_enough(title):
        raise Malformed("no address")
    code = text.code_link(url)
    return Record(
        title=title,
        raw_title=text.raw(raw),
        aliases=ids.aliases(arxiv=number, doi=doi, url="" if number or doi else url, title=title, authors=authors),
        summary=snippet,
        summary_by="Google Scholar" if snippet else "",
        authors=authors,
        authors_total=None if cut or not authors else len(authors),
        url=f"https://arxiv.org/abs/{number}" if number else url,
        pdf_url=f"https://arxiv.org/pdf/{number}" if number else "",
        code_url=code,
        has_code=bool(code),
        listed_on=day,
    )


def _below(anchor: Tag) -> tuple[str, str]:
    """(authors and place, snippet): the blocks between this title and the next."""
    heading = anchor.find_parent("h3") or anchor
    byline, snippet = "", ""
    for block in heading.find_next_siblings(limit=6):
        if block.name == "h3" or block.find("a", class_="gse_alrt_title"):
            break
        words = block.get_text("\n").replace("\xa0", " ")
        if "gse_alrt_sni" in (block.get("class") or []):
            snippet = text.clean(re.sub(r"(?<=\w-)\s*\n\s*(?=\w)", "", words))
        elif not byline and " - " in words:
            byline = text.clean(words)
    return byline, snippet


def _stated(place: str) -> str:
    """`arXiv preprint arXiv:1912.02015, 2019` says it where the link leads elsewhere."""
    found = re.search(r"arXiv:([\w./-]+?)(?:,|\s|$)", place)
    return ids.arxiv_id(found[1]) if found else ""
