"""The one or two sentences of an abstract that say what was found, else what was made. How it is chosen: docs/summaries.md."""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsletter.mail import _cues
from newsletter.mail._sentences import joined, places
from newsletter.mail._words import beginning, count, cut_words, sentences

SENTENCES_WEIGHED = 40
CHARACTERS_WEIGHED = 1_000  # of one sentence
LEAST_CLAUSE = 0.4  # of the room there is: a shorter beginning of a long sentence says too little
NOTHING = -99.0

# Two sentences, or one
WORTH_A_SECOND = 1.5
SHARE = 0.4  # of the weight of the lesser sentence
COMPLEMENT = 0.5  # what was made beside what was found says more than two of either
DANGLES = 1.5  # what a sentence loses when it points back at one that is not shown

# One sentence
MOST_OF_A_RESULT = 3.5  # what all cues of a result together weigh
SHARE_OR_TIMES, OTHER_FIGURE = 2.0, 0.5
MADE, ASKED, STUDIED = 2.0, 1.2, 0.3
LATER = 1.0  # what a second thing made loses: the first is the work
LISTED = 1.5  # what the parts of an announced list of findings gain
CUT = 0.8
OPENS = 1.0  # what the first sentence loses unless it says what was made
OTHER_CUES = ((_cues.NAMED, 0.7), (_cues.DETAIL, -1.0), (_cues.AVAILABLE, -4.0), (_cues.ANNOUNCES, -2.0), (_cues.QUESTION, -3.0))
BACKGROUND, KNOWN, OUTLOOK, STUB = 2.0, 1.0, 1.5, 1.0
BEFORE_THE_WORK, THE_WORK, ITS_RESULT, FUNDING = -2.0, -1.5, 1.5, -3.0
UNDER_HEADING = {
    **dict.fromkeys(("method", "methods", "design", "setting", "participants", "measurements"), THE_WORK),
    **dict.fromkeys(("result", "results", "findings", "conclusion", "conclusions", "interpretation"), ITS_RESULT),
    "discussion": 0.0,
    "funding": FUNDING,
}


@dataclass(frozen=True, slots=True)
class _Weighed:
    """A sentence or, of a long one, its beginning. found, made: what it tells of the two."""

    text: str
    size: int
    weight: float
    dangles: bool
    found: bool
    made: bool


def finding(abstract: str, words: int = 40) -> str:
    """One or two sentences of the abstract, in its order and at most `words` words: what was found, and what was made.

    A second sentence comes only when it says something of its own. A sentence that is too long is cut after a clause,
    which counts against it. Of an abstract that is not in English, the first two sentences.
    """
    whole = sentences(abstract)[:SENTENCES_WEIGHED]
    if not _english(" ".join(whole)):
        return _opening(whole, words) or beginning(abstract, words)
    weighed = _weighed(whole, words)
    best, chosen = NOTHING, ""
    for i, one in enumerate(weighed):
        alone = one.weight - (DANGLES if one.dangles else 0.0)
        if one.size <= words and alone > best:
            best, chosen = alone, one.text
        for two in weighed[i + 1 :]:
            both = _together(one, two, adjacent=two is weighed[i + 1])
            if one.size + two.size <= words and both > best:
                best, chosen = both, joined([one.text, two.text])
    return chosen or beginning(abstract, words)


def _together(one: _Weighed, two: _Weighed, *, adjacent: bool) -> float:
    """The better of two and a share of the other, where each is worth it."""
    first = one.weight - (DANGLES if one.dangles else 0.0)
    second = two.weight - (DANGLES if two.dangles and not adjacent else 0.0)
    if min(first, second) < WORTH_A_SECOND:
        return NOTHING
    return max(first, second) + SHARE * min(first, second) + (COMPLEMENT if one.made and two.found else 0.0)


def _weighed(whole: list[str], words: int) -> list[_Weighed]:
    """Each sentence by what it says and by where it stands: under which heading, in which list, after what else was made."""
    found: list[_Weighed] = []
    heading = listing = 0.0
    for place, sentence in enumerate(whole):
        if titled := _cues.HEADING.match(sentence):
            heading = UNDER_HEADING.get(titled[1].lower(), BEFORE_THE_WORK)
        size = count(sentence)
        text = sentence if size <= words else _clause(sentence, words)
        listed = _cues.LISTED.match(sentence) is not None
        one = _alone(text, min(size, words), opens=place == 0)
        context = heading + (listing if listed else 0.0) - (CUT if text != sentence else 0.0)
        context -= LATER if one.made and any(before.made for before in found) else 0.0
        found.append(_Weighed(one.text, one.size, one.weight + context, one.dangles, one.found, one.made))
        if not listed:
            listing = LISTED if _cues.ANNOUNCES.search(sentence) else 0.0
    return found


def _alone(text: str, size: int, *, opens: bool) -> _Weighed:
    head = text[:CHARACTERS_WEIGHED]
    told = [worth for worth, cue in _cues.RESULT if cue.search(head)]
    number, made, asked = _cues.NUMBER.search(head), _cues.MADE.search(head), _cues.ASKED.search(head)
    claims = made or _cues.CLAIM.search(head)
    weight = min(MOST_OF_A_RESULT, sum(told))
    weight += SHARE_OR_TIMES if number else OTHER_FIGURE if _cues.FIGURE.search(head) else 0.0
    weight += MADE if made else ASKED if asked else STUDIED if _cues.STUDIED.search(head) else 0.0
    weight += sum(worth for cue, worth in OTHER_CUES if cue.search(head))
    weight -= BACKGROUND if _cues.BACKGROUND.match(head) and not claims else 0.0
    weight -= KNOWN if _cues.KNOWN.search(head) and not made else 0.0
    weight -= OUTLOOK if _cues.OUTLOOK.search(head) and not asked else 0.0
    weight -= OPENS if opens and not made else 0.0
    weight -= STUB if size < 6 else 0.0
    return _Weighed(text, size, weight, bool(_cues.DANGLING.match(head)), bool(told or number), made is not None)


def _clause(sentence: str, words: int) -> str:
    """The beginning of a long sentence: to the end of a clause where that leaves enough, else to a word."""
    short = cut_words(sentence, words)
    for place in places(sentence, len(short) - 1):
        if place < len(short) * LEAST_CLAUSE:
            break
        if sentence[place - 1] in ",;:" and sentence[:place].count("(") == sentence[:place].count(")"):
            return sentence[: place - 1] + "…"
    return short


def _english(text: str) -> bool:
    words = re.findall(r"\w+", text.casefold())
    return 10 * sum(1 for word in words if word in _cues.LITTLE_WORDS) >= len(words)


def _opening(whole: list[str], words: int) -> str:
    """The first two sentences, as far as there is room."""
    kept: list[str] = []
    for sentence in whole[:2]:
        if count(joined([*kept, sentence])) > words:
            break
        kept.append(sentence)
    return joined(kept)
