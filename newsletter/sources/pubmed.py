"""PubMed: the articles that a query finds, by day of entry: esearch gives the ids, efetch the articles.

PubMed's XML names a DTD, which is cut out unread. Affiliations, which hold postal and e-mail addresses, are not read. An
answer of esearch alone holds ids without articles. `past` brings any day.
Source: ncbi.nlm.nih.gov/books/NBK25499 (E-utilities), nlm.nih.gov/bsd/licensee/elements_descriptions.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from lxml import etree

from newsletter.sources import polite
from newsletter.sources.page import Malformed, Page, Record, Rejected, ids, markup, text

HOME = "https://eutils.ncbi.nlm.nih.gov"
NAME = "PubMed"
GROWS = True
_PAUSE = 0.4  # at most 3 requests a second without a key
_TOOL = {"db": "pubmed", "tool": "paperround"}
_MOST = 1000  # ids of one day: a query that finds more is too wide for a digest
_SLICE = 200  # ids of one efetch
_DOCTYPES = frozenset({"PubmedArticleSet", "eSearchResult"})
_HEAD = re.compile(rb"<(?:!DOCTYPE\s+)?(?:PubmedArticleSet|eSearchResult)\b|\"esearchresult\"\s*:")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MEDLINE = re.compile(r"(\d{4})\s+([A-Z][a-z]{2})[a-z]*(?:\s+(\d{1,2})\b)?")


def fetch(params: Mapping[str, Any], *, now: datetime, etag: str = "", last_modified: str = "") -> polite.Fetched:
    """Yesterday and today (UTC). `params`: `query` in PubMed's language; `url` replaces the folder of the E-utilities."""
    today = now.astimezone(UTC).date()
    days = (today - timedelta(days=1), today)
    return polite.Fetched(answers=tuple(answer for day in days for answer in _day(params, day)))


def past(params: Mapping[str, Any], *, day: date) -> polite.Fetched:
    """What entered PubMed on that day."""
    return polite.Fetched(answers=_day(params, day))


def parse(data: bytes, *, day: date | None = None) -> Page:
    """Articles of efetch; of esearch the ids, each rejected for want of its article. Raises Malformed."""
    if data.lstrip()[:1] != b"<" or b"<eSearchResult" in data[:1000]:
        count, numbers = found(data)
        missing = tuple(Rejected("an id without its article: efetch has that", f"PMID {number}") for number in numbers)
        return Page(rejected=missing, listed_on=day, declared=count)
    root = markup.tree(data, doctypes=_DOCTYPES)
    if root.tag != "PubmedArticleSet":
        raise Malformed("it is no answer of PubMed")
    articles = [node for node in root if node.tag in ("PubmedArticle", "PubmedBookArticle")]
    records: list[Record] = []
    rejected: list[Rejected] = []
    for place, article in enumerate(articles, 1):
        try:
            records.append(_record(article, day))
        except Malformed as error:
            rejected.append(Rejected(str(error), f"article {place}"))
    if articles and not records:
        raise Malformed(f"none of {len(articles)} articles can be read ({rejected[0].reason})")
    newest = max((record.listed_on for record in records if record.listed_on), default=None)
    return Page(records=tuple(records), rejected=tuple(rejected), listed_on=day or newest, declared=len(articles))


def recognises(data: bytes, name: str = "") -> bool:
    """By the root or its document type, or by esearch's JSON."""
    return bool(_HEAD.search(data[:1000]))


def found(data: bytes) -> tuple[int, tuple[str, ...]]:
    """(how many there are in all, the ids of this answer) of esearch, JSON or XML. Raises Malformed."""
    if data.lstrip()[:1] == b"<":
        root = markup.tree(data, doctypes=_DOCTYPES)
        said, total = root.findtext(".//ERROR"), root.findtext("Count")
        numbers: Sequence[object] = [node.text for node in root.iterfind("IdList/Id")]
    else:
        answer = markup.from_json(data)
        result = answer.get("esearchresult") if isinstance(answer, dict) else None
        if not isinstance(result, dict):
            raise Malformed("it is no answer of PubMed")
        said, total, numbers = result.get("ERROR"), result.get("count"), result.get("idlist") or []
    if said or not re.fullmatch(r"\d{1,9}", str(total)) or not isinstance(numbers, list):
        raise Malformed(f"PubMed answered with an error: {text.clean(said)[:150] or 'it gives no count'}")
    return int(str(total)), tuple(str(one) for one in numbers if re.fullmatch(r"\d{1,9}", str(one)))


# -- asking --------------------------------------------------------------------------------------------------------------


def _day(params: Mapping[str, Any], day: date) -> tuple[polite.Answer, ...]:
    """The day's articles in slices; what failed, or was left out, is one more answer with its error. Never raises."""
    base = str(params.get("url") or f"{HOME}/entrez/eutils")
    dates = {"datetype": "edat", "mindate": f"{day:%Y/%m/%d}", "maxdate": f"{day:%Y/%m/%d}"}
    asked = _TOOL | dates | {"term": str(params.get("query", "")), "retmode": "json", "retmax": str(_MOST)}
    answers: list[polite.Answer] = []
    try:
        count, numbers = found(polite.get(f"{base}/esearch.fcgi?{urlencode(asked)}", pause=_PAUSE).data)
        for start in range(0, len(numbers), _SLICE):
            some = {"id": ",".join(numbers[start : start + _SLICE]), "retmode": "xml"}
            data = polite.get(f"{base}/efetch.fcgi?{urlencode(_TOOL | some)}", pause=_PAUSE).data
            parse(data, day=day)
            answers.append(polite.Answer(day=day, data=data))
    except (polite.Unavailable, polite.Refused, Malformed) as error:
        return (*answers, polite.Answer(day=day, data=b"", error=str(error)))
    if count > len(numbers):
        wide = f"the query finds {count} articles, of which {len(numbers)} were read: make it narrower"
        answers.append(polite.Answer(day=day, data=b"", error=wide))
    return tuple(answers) or (polite.Answer(day=day, data=b"<PubmedArticleSet/>"),)


# -- reading -------------------------------------------------------------------------------------------------------------


def _record(node: etree._Element, day: date | None) -> Record:
    number = node.findtext("MedlineCitation/PMID") or ""
    article = node.find("MedlineCitation/Article")
    if article is None or not number.isdigit():
        raise Malformed("a book, not an article" if node.tag == "PubmedBookArticle" else "no article or no PMID")
    raw = _words(article.find("ArticleTitle")) or _words(article.find("VernacularTitle"))
    title = text.clean(raw, longest=1000)
    if not title:
        raise Malformed("no title")
    link = f"https://pubmed.ncbi.nlm.nih.gov/{number}/"
    doi = _doi(node, article)
    people = article.find("AuthorList")
    authors = _authors(people)
    whole = people is not None and people.get("CompleteYN") != "N"
    abstract = _abstract(article.find("Abstract"))
    code = text.code_link(abstract)
    entered = _entered(node)
    return Record(
        title=title,
        raw_title=text.raw(raw),
        aliases=ids.aliases(doi=doi, url="" if doi else link, title=title, authors=authors),
        abstract=abstract,
        authors=authors,
        authors_total=(len(authors) or None) if whole else None,
        keywords=text.terms([_words(one) for one in node.iterfind("MedlineCitation/KeywordList/Keyword")]),
        url=link,
        code_url=code,
        has_code=bool(code),
        published_on=_published(article, entered),
        listed_on=day or entered,
        withdrawn=any(one.text == "Retracted Publication" for one in article.iterfind("PublicationTypeList/PublicationType")),
    )


def _words(node: etree._Element | None) -> str:
    """The text with what inline tags (i, sub, sup, b) hold. A sub or sup that pretty-printing parted is joined again."""
    if node is None:
        return ""
    parts = [node.text or ""]
    for child in node:
        if child.tag in ("sub", "sup") and "\n" in parts[-1][-40:]:
            parts[-1] = parts[-1].rstrip()
        parts += [_words(child) if isinstance(child.tag, str) else "", child.tail or ""]
    return "".join(parts)


def _abstract(node: etree._Element | None) -> str:
    """Its parts with their labels; the publisher's copyright line is none of them."""
    parts = [] if node is None else node.findall("AbstractText")
    labelled = [(part.get("Label") or "", text.abstract(_words(part))) for part in parts]
    return " ".join(f"{label}: {words}" if label not in ("", "UNLABELLED") else words for label, words in labelled if words)


def _authors(node: etree._Element | None) -> tuple[str, ...]:
    """People and groups; ValidYN="N" is a spelling that was corrected."""
    found: list[str] = []
    for one in [] if node is None else node.findall("Author"):
        if one.get("ValidYN") != "N":
            names = [one.findtext(tag) or "" for tag in ("ForeName", "LastName", "Suffix")]
            found.append(" ".join(filter(None, names)) or _words(one.find("CollectiveName")))
    return text.names(found)


def _doi(node: etree._Element, article: etree._Element) -> str:
    """Its own, not those of its references."""
    own = [one.text for one in node.iterfind("PubmedData/ArticleIdList/ArticleId") if one.get("IdType") == "doi"]
    named = [one.text for one in article.iterfind("ELocationID") if one.get("EIdType") == "doi" and one.get("ValidYN") != "N"]
    return next(filter(None, (ids.doi(one) for one in [*own, *named])), "")


def _published(article: etree._Element, entered: date | None) -> date | None:
    """The electronic date, else the issue's: a month is its first day. A bare year or season is the day of entry then."""
    issue = article.find("Journal/JournalIssue/PubDate")
    exact = _date(article.find("ArticleDate")) or _date(issue)
    if exact:
        return exact
    words = _MEDLINE.search((issue.findtext("MedlineDate") or "") if issue is not None else "")
    if words:
        return _built(words[1], words[2], words[3])
    year = re.match(r"\d{4}", (issue.findtext("Year") or issue.findtext("MedlineDate") or "") if issue is not None else "")
    return entered if entered and year and int(year[0]) == entered.year else None


def _entered(node: etree._Element) -> date | None:
    stamps = {one.get("PubStatus"): _date(one) for one in node.iterfind("PubmedData/History/PubMedPubDate")}
    return stamps.get("entrez") or stamps.get("pubmed")


def _date(node: etree._Element | None) -> date | None:
    if node is None or not node.findtext("Month"):
        return None
    return _built(node.findtext("Year") or "", node.findtext("Month") or "", node.findtext("Day"))


def _built(year: str, month: str, day: str | None) -> date | None:
    """Months are numbers or English names; without a day the first."""
    named = month[:3].lower()
    try:
        return date(int(year), _MONTHS.index(named) + 1 if named in _MONTHS else int(month), int(day or 1))
    except ValueError:
        return None
