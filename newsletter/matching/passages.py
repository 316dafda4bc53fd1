"""Where a text says what a leaf looks for, as the text writes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from newsletter.matching import stems
from newsletter.matching.nodes import Text

LONGEST = 60  # characters of a text that are repeated
AHEAD = 40  # words cut at a time


@dataclass(slots=True)
class _Firsts:
    """Of words that begin with one letter: their terms -> the first place, in the first `read` words of the text."""

    read: int = 0
    places: dict[tuple[str, ...], int] = field(default_factory=dict)


class Passage:
    """A text cut into words once, as far as anybody looks, so that many leaves can ask for their first place in it."""

    def __init__(self, text: str) -> None:
        self._text = stems.normal(text)
        self._words: list[tuple[str, int, int]] = []
        self._uncut = ((word, start, end) for start, end, words in stems.pieces(text) for word in words)
        self._begun: dict[str, _Firsts] = {}

    def first(self, leaf: Text) -> str:
        """On one line; "" when it is not there, over LONGEST or not to be cut out."""
        at = self._place(leaf)
        if at is None:
            return self._name(leaf)
        found = " ".join(self._text[self._words[at][1] : self._words[at + len(leaf.words) - 1][2]].split())
        return found if len(found) <= LONGEST else ""

    def _place(self, leaf: Text) -> int | None:
        """The first word's number."""
        if len(leaf.words) == 1 and not leaf.prefix:
            return self._first_of(leaf.terms, leaf.words[0][0])
        size, at, letter = len(leaf.words), 0, leaf.words[0][0]
        while self._reaches(at + size):
            if self._words[at][0][0] == letter and self._stands(leaf, at, size):
                return at
            at += 1
        return None

    def _reaches(self, words: int) -> bool:
        """Whether the text has so many words; they are cut now where they are not yet, and some more."""
        if (missing := words - len(self._words)) > 0:
            self._words += islice(self._uncut, missing + AHEAD)
        return len(self._words) >= words

    def _stands(self, leaf: Text, at: int, size: int) -> bool:
        if not leaf.prefix:
            # The first term is compared first: most places fail on it, and the rest need not be stemmed.
            if stems.terms((self._words[at][0],))[0] != leaf.terms[0]:
                return False
            return stems.terms(tuple(word for word, _, _ in self._words[at : at + size])) == leaf.terms
        *before, last = (word for word, _, _ in self._words[at : at + size])
        return last.startswith(leaf.words[-1]) and tuple(before) == leaf.words[:-1]

    def _name(self, leaf: Text) -> str:
        """The camel-case name of whose halves the leaf finds one."""
        size = len(leaf.words)
        for start, end, words in self._halves:
            if any(_reads(leaf, words[at : at + size]) for at in range(len(words) - size + 1)):
                return self._text[start:end]
        return ""

    @cached_property
    def _halves(self) -> list[tuple[int, int, tuple[str, ...]]]:
        return list(stems.halves(self._text))

    def _first_of(self, terms: tuple[str, ...], letter: str) -> int | None:
        """The first place of a word with these terms. It begins with this letter, as its stem does: the rest is not stemmed."""
        begun = self._begun.setdefault(letter, _Firsts())
        while terms not in begun.places and self._reaches(begun.read + 1):
            for word, _, _ in self._words[begun.read :]:
                begun.read += 1
                if word[0] == letter:
                    begun.places.setdefault(stems.terms((word,)), begun.read - 1)
                    if terms in begun.places:
                        break
        return begun.places.get(terms)


def _reads(leaf: Text, words: tuple[str, ...]) -> bool:
    if leaf.prefix:
        return words[:-1] == leaf.words[:-1] and words[-1].startswith(leaf.words[-1])
    return stems.terms(words) == leaf.terms
