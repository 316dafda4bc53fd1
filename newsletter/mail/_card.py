"""A Card as it is read: bounded, cleaned, in words. HTML and text are both made of this, so they cannot disagree."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from newsletter.mail._finding import finding
from newsletter.mail._templates import listing, short_day, translations, whole
from newsletter.mail._values import Card
from newsletter.mail._words import count, excerpt, headline, shorten, web

SUMMARY_WORDS = 40
ABSTRACT_WORDS = 260  # the whole of nearly every abstract; a longer one ends at a sentence and its link leads on
TITLE_CHARACTERS = 300
NAME_CHARACTERS = 60
AUTHORS_SHOWN = 3
_DASHES = re.compile(r"(?<=\w)-{2,3}(?=\w)|(?<=\s)-{2,3}(?=\s)")
ORGANIZATIONS_SHOWN = 2
LABELS, LABELS_IN_BRIEF = 4, 3  # words such as the rank, the category, "Why:", and points between


@dataclass(frozen=True, slots=True)
class CardView:
    """Finished texts. All but title may be empty. lead: the first author and how many more. words: with rank and labels.

    links are (label, url), http or https.
    """

    title: str
    url: str
    byline: str
    lead: str
    organizations: str
    category: str
    facts: tuple[str, ...]
    body: str
    body_by: str
    links: tuple[tuple[str, str], ...]
    pinned: bool
    words: int
    words_in_brief: int


def typeset(text: str) -> str:
    """TeX's dashes as dashes; two hyphens before or after a word alone (--fast, C--) stay."""
    return _DASHES.sub(lambda dash: "—" if len(dash[0]) == 3 else "–", text) if "--" in text else text


@lru_cache(maxsize=8192)
def view(card: Card, length: str, locale: str) -> CardView:
    """length: TITLE (no body), SUMMARY (at most 40 words), FINDING (likewise, of the abstract alone), ABSTRACT."""
    body, body_by = _body(card, length)
    title = headline(typeset(card.title), TITLE_CHARACTERS) or translations(locale).gettext("Untitled")
    title = translations(locale).gettext("Withdrawn: %(title)s") % {"title": title} if card.withdrawn else title
    byline, lead = _byline(card, locale, AUTHORS_SHOWN), _byline(card, locale, 1)
    organizations, facts, links = _organizations(card, locale), _facts(card, locale), _links(card, locale)
    return CardView(
        title=title,
        url=web(card.url) or web(card.page_url),
        byline=byline,
        lead=lead,
        organizations=organizations,
        category=shorten(card.categories[0], 20) if card.categories else "",
        facts=facts,
        body=re.sub(r"(?<=\d) (?=%)", "\u00a0", typeset(body)),
        body_by=body_by,
        links=links,
        pinned=card.pinned,
        words=sum(map(count, (title, byline, organizations, body, body_by, *facts))) + 2 * len(links) + LABELS,
        words_in_brief=count(title) + count(lead) + LABELS_IN_BRIEF,
    )


def _byline(card: Card, locale: str, most: int) -> str:
    """The first authors, then how many more where the source says, or "et al." where it cut the list."""
    t = translations(locale)
    shown = [headline(name, NAME_CHARACTERS) for name in card.authors[:most]]
    shown = [name for name in shown if name]
    if not shown:
        return ""
    if card.authors_total is None:
        return t.gettext("%(names)s et al.") % {"names": ", ".join(shown)}
    others = max(card.authors_total, len(card.authors)) - len(shown)
    if others <= 0:
        return listing(shown, locale)
    return t.ngettext("%(names)s and %(n)d other", "%(names)s and %(n)d others", others) % {
        "names": ", ".join(shown),
        "n": others,
    }


def _facts(card: Card, locale: str) -> tuple[str, ...]:
    """Date, code, votes, stars: what is known, in this order."""
    t = translations(locale)
    facts = [short_day(card.published_on, locale, year=True) if card.published_on else ""]
    facts.append(t.gettext("with code") if card.has_code or card.code_url else "")
    votes, stars = card.upvotes or 0, card.stars or 0
    facts.append(t.ngettext("%(n)s vote", "%(n)s votes", votes) % {"n": whole(votes, locale)} if votes else "")
    facts.append(t.ngettext("%(n)s star", "%(n)s stars", stars) % {"n": whole(stars, locale)} if stars else "")
    return tuple(fact for fact in facts if fact)


def _organizations(card: Card, locale: str) -> str:
    t = translations(locale)
    shown = [headline(name, NAME_CHARACTERS) for name in card.organizations[:ORGANIZATIONS_SHOWN]]
    rest = len(card.organizations) - len(shown)
    if rest:
        shown.append(t.ngettext("%(n)d more", "%(n)d more", rest) % {"n": rest})
    return t.gettext("%(names)s (as listed)") % {"names": listing(shown, locale)} if shown else ""


def _body(card: Card, length: str) -> tuple[str, str]:
    """(text, who wrote it if not the authors)"""
    if length == "TITLE":
        return "", ""
    if length == "ABSTRACT" and card.abstract:
        return excerpt(card.abstract, ABSTRACT_WORDS), ""
    if card.summary and length != "FINDING":
        return excerpt(card.summary, SUMMARY_WORDS), shorten(card.summary_by, NAME_CHARACTERS)
    return finding(card.abstract, SUMMARY_WORDS), ""


def _links(card: Card, locale: str) -> tuple[tuple[str, str], ...]:
    name = translations(locale).gettext
    source = web(card.url) or web(card.page_url)
    links = ((name("Abstract"), source), (name("PDF"), web(card.pdf_url)), (name("Code"), web(card.code_url)))
    return tuple((label, url) for label, url in links if url)
