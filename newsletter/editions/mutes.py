"""Words and names that a reader never wants to read. Pure; planning, preview and `explain` ask here.

A muted word is compared as the query language compares words: whole, by its stem, blind to case and accents. "survey" mutes
"Surveys", "art" does not mute "article". Several words mute where they stand side by side in title, abstract or one name.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from newsletter.matching import stems

_BETWEEN = " | "  # no term: what ends one field and begins the next is not side by side


def said(title: str, abstract: str, authors: Iterable[str]) -> str:
    """The terms of a paper, in which the terms of a muted word are looked for."""
    return f" {_BETWEEN.join(' '.join(stems.terms(stems.words(text))) for text in (title, abstract, *authors))} "


def mutes(word: str, text: str) -> bool:
    """Whether the word stands in a text of `said`. A word without letters and digits mutes nothing."""
    needle = _needle(word)
    return bool(needle) and needle in text


def muted_by(words: Iterable[str], text: str) -> list[str]:
    """Those of the words that stand there."""
    return [word for word in words if mutes(word, text)]


@lru_cache(maxsize=50_000)
def _needle(word: str) -> str:
    terms = stems.terms(stems.words(word))
    return f" {' '.join(terms)} " if terms else ""
