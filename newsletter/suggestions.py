"""What readers miss: an arXiv id, a DOI or a link, kept once for the curators. Nothing else of what was typed is stored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit, urlunsplit

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from newsletter import acts, curation
from newsletter.models import Paper, Scheme, Suggestion, SuggestionState
from newsletter.sources.page import ids
from newsletter.subscribers import networks
from newsletter.subscribers.allowances import Limit, take

A_NETWORK = Limit(a_day=10, in_all=30, over_days=7)
ALL = Limit(a_day=500, in_all=2_000, over_days=7)
LONGEST = 300
_ARXIV = re.compile(r"(?:arxiv:\s*)?(\d{4}\.\d{4,5}(?:v\d+)?|[a-z-]{2,10}(?:\.[A-Z]{2})?/\d{7}(?:v\d+)?)", re.IGNORECASE)


class BadSuggestion(ValueError):
    """What was typed names no paper; the message says what would."""


class TooMany(Exception):
    """This network, or all of them together, have suggested enough for today."""


def suggest(typed: str, *, network: str, now: datetime) -> Paper | None:
    """Keep it for the curators; the paper itself when it is here already, and then nothing is kept. Safe to repeat.

    network: the client's as text, counted by a keyed hash. Raises BadSuggestion and TooMany; then nothing is stored.
    """
    scheme, value = named(typed)
    if known := curation.find_paper(value):
        return known.survivor()
    with transaction.atomic():
        if not (take("suggest", networks.key_of(network), A_NETWORK, now=now) and take("suggest", "all", ALL, now=now)):
            raise TooMany
        row, made = Suggestion.objects.get_or_create(scheme=scheme, value=value, defaults={"created_at": now, "asked_at": now})
        if not made:
            Suggestion.objects.filter(pk=row.pk).update(asked=F("asked") + 1, asked_at=now)
    return None


def settle(ids: Sequence[int], *, by: str, now: datetime) -> int:
    """Curators are done with these; how many were open. An act. Safe to repeat."""
    with transaction.atomic():
        done = Suggestion.objects.filter(pk__in=ids, state=SuggestionState.OPEN).update(state=SuggestionState.DONE)
        if done:
            acts.record(actor=by, verb="settle suggestions", target=f"{done} suggestions", details={"ids": sorted(ids)}, now=now)
    return done


def address_of(row: Suggestion) -> str:
    """Where the paper can be looked at."""
    before = {Scheme.ARXIV: "https://arxiv.org/abs/", Scheme.DOI: "https://doi.org/"}
    return before.get(Scheme(row.scheme), "") + row.value


def named(typed: str) -> tuple[str, str]:
    """(scheme, value) of an arXiv id, a DOI, or a link to a page; of a link, only address and path. Raises BadSuggestion."""
    text = typed.strip()
    linked = ids.arxiv_ids_in(text)
    whole = _ARXIV.fullmatch(text)
    arxiv = linked[0] if linked else ids.arxiv_id(whole[1]) if whole else ""
    if arxiv or (doi := ids.doi(text)):
        [first, *_rest] = ids.aliases(arxiv=arxiv, doi="" if arxiv else doi)
        return first
    return Scheme.URL, _link(text)


def _link(text: str) -> str:
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").encode("idna").decode()
    except (ValueError, UnicodeError):
        host = ""
    well_formed = host.count(".") >= 1 and parts.scheme in {"http", "https"} and not re.search(r"[\s<>\"\x00-\x1f\x7f]", text)
    if not well_formed or parts.username or len(text) > LONGEST:
        raise BadSuggestion(_("Give an arXiv id like 2405.15738, a DOI like 10.1000/182, or a link that begins with https://."))
    return urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))
