"""Pages of huggingface.co/papers -> Page: the hydration (`data-props`), and where that is gone, the cards.

Layouts: 2024 (Svelte 4, one card an article, votes above the title) and 2026 (Svelte 5, the card twice in its article,
for wide and for narrow screens). Nothing depends on the order of attributes. Cards hold no abstract and no authors'
names, so the hydration comes first. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from bs4 import BeautifulSoup, Tag

from newsletter.sources.huggingface import _items
from newsletter.sources.page import Malformed, Page, Record, Rejected, ids, markup, text

_OURS = re.compile(rb"data-target=[\"']?(?:DailyPapers|PaperContent)|/front/assets/papers|DailyPapersPage"
                   rb"|huggingface\.co/(?:api/)?(?:daily_)?papers|Papers? (?:page )?- [^<]{0,400}Hugging Face", re.IGNORECASE)  # fmt: skip
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DATE = re.compile(r"\b([A-Z][a-z]{2})[a-z]*\.? (\d{1,2})(?:, (\d{4}))?\b")
_COUNT = re.compile(r"(\d[\d,]*(?:\.\d+)?)\s*([kKmM]?)\s*$")
_TIMES = {"": 1, "k": 1000, "m": 1_000_000}


def recognises(data: bytes) -> bool:
    """A page of papers of the site, whole or cut, or the challenge of its guard."""
    return bool(_OURS.search(data[:300_000])) or markup.barrier(data) == "AWS WAF"


def why_not(data: bytes) -> str:
    """A sentence for a page that shows no papers."""
    who = markup.barrier(data)
    if who and not _OURS.search(data[:300_000]):
        return f"a challenge for robots ({who}) stands in the place of the page; it is asked again later"
    return "a page came that holds neither the data of papers nor their cards: the layout may have changed"


def parse(data: bytes, *, day: date | None = None) -> Page:
    """Daily, weekly, trending or one paper's page. Raises Malformed: another day, a challenge, no hydration and no cards."""
    if not markup.is_html(data):
        raise Malformed("it is no HTML page")
    if markup.barrier(data) and not _OURS.search(data[:300_000]):
        raise Malformed(why_not(data))
    soup = markup.html(data)
    for props in _hydrations(soup):
        if isinstance(props.get("dailyPapers"), list):
            return _items.page(props["dailyPapers"], _agreed(_day_of(props, soup), day, dated=not _undated(props)))
        if isinstance(props.get("paper"), dict):
            return _items.page([_single(props)], day)
    return _cards(soup, data, day)


def _hydrations(soup: BeautifulSoup) -> Iterator[dict[str, Any]]:
    for node in soup.select("[data-props]"):
        try:
            props = markup.from_json(str(node["data-props"]).encode())
        except Malformed:
            continue  # cut or changed: the cards are left
        if isinstance(props, dict):
            yield props


def _single(props: dict[str, Any]) -> dict[str, Any]:
    """A paper's own page in the shape of an item; of its comments only their number is taken."""
    comments = props.get("comments")
    return {
        "paper": props["paper"],
        "organization": props.get("organization"),
        "numComments": len(comments) if isinstance(comments, list) else None,
    }


def _undated(props: dict[str, Any]) -> bool:
    """Trending, a search, a week or a month: lists that stand for no one day."""
    query = props.get("query")
    searched = isinstance(query, dict) and bool(query.get("q"))
    return bool(props.get("isTrending")) or searched or props.get("periodType") in ("week", "month")


def _day_of(props: dict[str, Any], soup: BeautifulSoup) -> date | None:
    if _undated(props):
        return None
    return _items.day_of(props.get("dateString")) or _items.day_of(props.get("date")) or _day_in(soup)


def _day_in(soup: BeautifulSoup) -> date | None:
    """The header's date (2024), else the day in the page's own address."""
    stamp = soup.select_one("time[datetime]")
    address = soup.select_one('meta[property="og:url"], link[rel="canonical"]')
    link = str(address.get("content") or address.get("href") or "") if address else ""
    found = re.search(r"/papers(?:/date/|\?date=)(\d{4}-\d\d-\d\d)", link)
    return _items.day_of(str(stamp["datetime"])) if stamp else _items.day_of(found[1] if found else None)


def _agreed(shown: date | None, asked: date | None, *, dated: bool) -> date | None:
    """Raises Malformed for another day's list: a day that is not there yet is redirected to the latest one."""
    if not dated:
        return asked
    if asked and shown and shown != asked:
        raise Malformed(f"it shows the papers of {shown} in the place of those of {asked}")
    if asked and not shown:
        raise Malformed(f"it does not say that its papers are those of {asked}")
    return shown


# -- cards ---------------------------------------------------------------------------------------------------------------


def _cards(soup: BeautifulSoup, data: bytes, day: date | None) -> Page:
    articles = soup.select("article")
    records: dict[str, Record] = {}
    rejected: list[Rejected] = []
    title = soup.title.get_text() if soup.title else ""
    listed = _agreed(_day_in(soup), day, dated="trending" not in title.lower()) if articles else None
    for place, article in enumerate(articles, 1):
        try:
            record = _card(article, listed)
            records.setdefault(record.aliases[0][1], record)
        except Malformed as error:
            rejected.append(Rejected(str(error), f"card {place}"))
    if not records:
        raise Malformed(why_not(data))
    return Page(records=tuple(records.values()), rejected=tuple(rejected), listed_on=listed)


def _card(article: Tag, listed: date | None) -> Record:
    link = article.select_one('h3 a[href*="/papers/"], h3 > a, h2 a[href*="/papers/"], a.line-clamp-3, a.line-clamp-2')
    number = ids.arxiv_id(str(link["href"]).partition("#")[0].rpartition("/papers/")[2]) if link and link.get("href") else ""
    raw = link.get_text(" ") if link else ""
    title = text.clean(raw, longest=1000)
    if not number or not title:
        raise Malformed("no arXiv id" if not number else "no title")
    words = article.select_one("h3 ~ div p, p")
    summary = text.clean(words.get_text(" ")) if words else ""
    code = next(filter(None, (text.web_url(str(a["href"])) for a in article.select('a[href*="github.com/"]'))), "")
    return Record(
        title=title,
        raw_title=text.raw(raw),
        aliases=ids.aliases(arxiv=number, title=title),
        summary=summary,
        summary_by="Hugging Face" if summary else "",
        url=f"https://arxiv.org/abs/{number}",
        pdf_url=f"https://arxiv.org/pdf/{number}",
        code_url=code,
        has_code=bool(code),
        upvotes=_votes(article),
        comments=_number(article.select_one('a[href$="#community"]')),
        stars=_number(article.select_one('a[href*="github.com/"]')),
        published_on=_published(article, listed),
        listed_on=listed,
    )


def _votes(article: Tag) -> int | None:
    """The number beside the check box; "-" is none."""
    box = article.select_one('input[type="checkbox"]')
    beside = box.parent if box else article.select_one("div.leading-none")
    if beside and beside.get_text().strip().endswith("-"):
        return 0
    return _number(beside)


def _number(node: Tag | None) -> int | None:
    """ "94", "3.29k", "110k" at the end of the node's text."""
    found = _COUNT.search(node.get_text(" ").strip()) if node else None
    if not found:
        return None
    return text.whole(round(float(found[1].replace(",", "")) * _TIMES[found[2].lower()]))


def _published(article: Tag, listed: date | None) -> date | None:
    """ "Published on Oct 4, 2026"; without a year the latest such day not after the list's."""
    for node in article.find_all(string=_DATE):
        found = _DATE.search(str(node))
        if found and found[1].lower() in _MONTHS and re.fullmatch(r"\s*(?:Published on )?[A-Z][\w., ]+", str(node)):
            month, day = _MONTHS.index(found[1].lower()) + 1, int(found[2])
            years = [int(found[3])] if found[3] else [listed.year, listed.year - 1] if listed else []
            for year in years:
                one = _items.day_of(f"{year:04d}-{month:02d}-{day:02d}")
                if one and (found[3] or (listed and one <= listed)):
                    return one
    return None
