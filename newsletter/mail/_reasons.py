"""Why a card is shown, in the reader's language. Editions keep the reason in English, as `matching` says it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from newsletter.mail._templates import marked, quoted, translations, whole
from newsletter.mail._words import shorten

CHARACTERS_AT_MOST = 200
_PHRASES: Final = marked("has code", "has a project page", "trending now", "listed today", "nothing you left out")
_FIELDS: Final = marked("title", "summary", "abstract", "keywords")
_AROUND: Final = marked("by %(what)s", "from %(what)s", "listed by %(what)s", "in %(what)s")
_NAMED = re.compile(r"(?P<name>[^“]{1,80}?): (?P<said>.+)")
_MATCHES = re.compile(r"matches (?P<terms>“.+”) \((?P<field>[a-z]+)\)")
_TERM = re.compile(r"“([^”]+)”")
_COUNTED = re.compile(r"(?P<n>\d+) (?P<what>vote|star|comment)s?")
_AGED = re.compile(r"listed (?P<n>\d+) days? ago")


@lru_cache(maxsize=4096)
def told(reason: str, locale: str) -> str:
    """One line of plain text, at most 200 characters. A reason of no known form (a topic's name, say) stays as it is."""
    reason = shorten(reason, CHARACTERS_AT_MOST)
    if not translations(locale).info():
        return reason
    said = _said(reason, locale)
    if said is None and (named := _NAMED.fullmatch(reason)):
        said = _said(named["said"], locale)
        said = said and f"{named['name']}: {said}"
    return said or reason


def _said(reason: str, locale: str) -> str | None:
    t = translations(locale)
    if reason in _PHRASES:
        return t.gettext(reason)
    if found := _MATCHES.fullmatch(reason):
        terms = _TERM.sub(lambda term: quoted(term[1], locale), found["terms"])
        field = t.gettext(found["field"]) if found["field"] in _FIELDS else found["field"]
        return t.gettext("matches %(terms)s (%(field)s)") % {"terms": terms, "field": field}
    if found := _COUNTED.fullmatch(reason):
        return _counted(int(found["n"]), found["what"], locale)
    if found := _AGED.fullmatch(reason):
        return t.ngettext("listed %(n)d day ago", "listed %(n)d days ago", int(found["n"])) % {"n": int(found["n"])}
    return _around(reason, locale)


def _counted(n: int, what: str, locale: str) -> str:
    t = translations(locale)
    words = {
        "vote": t.ngettext("%(n)s vote", "%(n)s votes", n),
        "star": t.ngettext("%(n)s star", "%(n)s stars", n),
        "comment": t.ngettext("%(n)s comment", "%(n)s comments", n),
    }
    return words[what] % {"n": whole(n, locale)}


def _around(reason: str, locale: str) -> str | None:
    for form in _AROUND:
        start = form.removesuffix("%(what)s")
        if reason.startswith(start):
            return translations(locale).gettext(form) % {"what": reason.removeprefix(start)}
    return None
