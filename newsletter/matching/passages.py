"""Where a text says what a leaf looks for, as the text writes it."""

from __future__ import annotations

from functools import cached_property

from newsletter.matching import stems
from newsletter.matching.nodes import Text

LONGEST = 60  # characters of a text that are repeated


class Passage:
    """A text cut into words once, so that many leaves can ask for their first place in it."""

    def __init__(self, text: str) -> None:
        self._text = stems.normal(text)
        self._words = [(word, start, end) for start, end, words in stems.pieces(text) for word in words]
        self._begun: dict[str, dict[tuple[str, ...], int]] = {}

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
            return self._firsts(leaf.words[0][0]).get(leaf.terms)
        size = len(leaf.words)
        return next((at for at in range(len(self._words) - size + 1) if self._stands(leaf, at, size)), None)

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

    def _firsts(self, letter: str) -> dict[tuple[str, ...], int]:
        """A word's terms -> its first place, for words that begin so: no stem begins otherwise, and the rest is not stemmed."""
        found = self._begun.get(letter)
        if found is None:
            found = self._begun[letter] = {}
            for at, (word, _, _) in enumerate(self._words):
                if word[0] == letter:
                    found.setdefault(stems.terms((word,)), at)
        return found


def _reads(leaf: Text, words: tuple[str, ...]) -> bool:
    if leaf.prefix:
        return words[:-1] == leaf.words[:-1] and words[-1].startswith(leaf.words[-1])
    return stems.terms(words) == leaf.terms
