"""Text -> words and terms. The one place that decides which spellings are the same word.

A *word* is a run of letters and digits with case and accents folded; a *term* is what is compared: the English
stem of a word, or each pair of neighbouring characters of a run of Chinese, Japanese, Korean, Thai, Lao, Burmese or
Khmer (all called CJK here: what is written without spaces between words).
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from functools import lru_cache

import snowballstemmer

CJK = (
    "\u2e80-\u2fdf\u3005-\u3007\u3040-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\U00020000-\U0003ffff"
    # Thai, Lao, Burmese and Khmer have no spaces between words either.
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e50-\u0e59\u0e81-\u0eff\u1000-\u1049\u1050-\u109f\u1780-\u17d3\u17d7\u17dc\u17dd\u17e0-\u17e9"
)
# Signs that belong to the letter before them: accents, Hebrew points, Arabic vowels. Not kana marks (か, が differ).
_ACCENTS = (
    "\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u1ab0-\u1aff"
    "\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
# Vowel signs of Indian and South-East Asian scripts stand inside words, though Python's \w leaves them out.
_VOWELS = "".join(chr(code) for code in range(0x0900, 0x1AB0) if unicodedata.category(chr(code)).startswith("M"))
_WORD = re.compile(rf"[{CJK}]+|(?:[^\W_{CJK}]|[{_ACCENTS}{_VOWELS}])+(?:['’]s\b|\+\+|#)?")
# A name in camel case, and where it may be cut in two: Deep|SeekMoE, DeepSeek|MoE, Chat|GPT; not Py|Torch, Open|AI, La|Te|X.
_CAMEL = re.compile(rf"(?<![^\W_{CJK}])[^\W_{CJK}]*[a-z][A-Z][^\W_{CJK}]*")
_CUT = re.compile(r"(?<=[A-Za-z][a-z]{2})(?=[A-Z](?:[A-Za-z]{2}|[0-9]))")
_LONGEST_NAME = 40  # characters; what is longer is no name
_STRIPPED = re.compile(f"[{_ACCENTS}]")
_IS_CJK = re.compile(f"[{CJK}]+")
_PLURAL_ACRONYM = re.compile(r"[A-Z][A-Za-z0-9]*[A-Z0-9]s")  # VLAs, GANs: the stemmer keeps the s of "vlas"
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i", "ħ": "h"})
_local = threading.local()


def words(text: str) -> tuple[str, ...]:
    """The folded words in their order; `words(" ".join(words(x))) == words(x)`."""
    return tuple(word for _, _, piece in pieces(text) for word in piece)


def terms(folded: tuple[str, ...]) -> tuple[str, ...]:
    """What folded words are compared by. A CJK word of n characters gives n - 1 pairs (one character: itself)."""
    return tuple(term for word in folded for term in _terms(word))


def pieces(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """(start, end, folded words) of each written piece; positions are in `normal(text)`."""
    for found in _WORD.finditer(normal(text)):
        yield found.start(), found.end(), _piece(found.group())


def halves(text: str) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Other readings of its camel-case names, as `pieces`: DeepSeekMoE gives (deep, seekmoe) and (deepseek, moe)."""
    for found in _CAMEL.finditer(normal(text)):
        for words_ in _halves(found.group()):
            yield found.start(), found.end(), words_


def normal(text: str) -> str:
    """Composed Unicode, so that an accent never stands apart from its letter."""
    return unicodedata.normalize("NFC", text)


def is_cjk(word: str) -> bool:
    """Written without spaces between words: compared by pairs of characters."""
    return _IS_CJK.fullmatch(word) is not None


@lru_cache(maxsize=65536)
def _piece(written: str) -> tuple[str, ...]:
    if _PLURAL_ACRONYM.fullmatch(written):
        written = written[:-1]
    if written.isascii() and written.isalnum():
        return (written.lower(),)  # what the rest would make of it
    folded = fold(written)
    return tuple(word for word in (re.sub("['’]s$", "", found) for found in _WORD.findall(folded)) if word)


@lru_cache(maxsize=4096)
def _halves(name: str) -> tuple[tuple[str, ...], ...]:
    cuts = [found.start() for found in _CUT.finditer(name)] if len(name) <= _LONGEST_NAME else []
    return tuple(_piece(name[:cut]) + _piece(name[cut:]) for cut in cuts)


def fold(text: str) -> str:
    """Case and accents away: Schölkopf -> scholkopf, Łukasz -> lukasz, ＡＩ -> ai. Folding twice changes nothing."""
    for _ in range(4):
        before = text
        text = unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS)
        text = unicodedata.normalize("NFC", _STRIPPED.sub("", unicodedata.normalize("NFKD", text)))
        if text == before:
            break
    return text


@lru_cache(maxsize=65536)
def _terms(word: str) -> tuple[str, ...]:
    if is_cjk(word):
        return tuple(word[at : at + 2] for at in range(len(word) - 1)) or (word,)
    if len(word) > 2 and word.isascii() and word.isalpha():
        return (str(_stemmer().stemWord(word)),)
    return (word,)


def _stemmer() -> snowballstemmer.stemmer:
    """One a thread: it keeps the word it works on in itself."""
    if not hasattr(_local, "stemmer"):
        _local.stemmer = snowballstemmer.stemmer("english")
    return _local.stemmer
