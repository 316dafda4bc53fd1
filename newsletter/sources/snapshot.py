"""A listing saved or pasted as plain text, in three forms:

- Hugging Face Papers: some lines of page chrome, the day of the visit ("Apr 21"), then title and abstract in turn;
- the same page from a text browser with numbered links: votes, title, number of authors, date;
- a listing of three lines an item: CATEGORY+date[+Code], title+authors[+" et al."][+" · affiliations"], abstract.

A text has no ids: its papers are known by title (and first author, where given). A date without year is the latest
such day not after `day`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from snowballstemmer import stemmer  # type: ignore[attr-defined,unused-ignore]

from newsletter.sources import polite
from newsletter.sources.page import Malformed, Page, Record, ids, markup, text

HOME = ""
NAME = "Text snapshot"
GROWS = False
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_DATE = rf"(?P<month>{'|'.join(_MONTHS)})[a-z]* (?P<dom>\d{{1,2}})(?:, (?P<year>\d{{4}}))?"
_DATE_LINE = re.compile(_DATE)
_META = re.compile(rf"(?P<category>[A-Za-z][A-Za-z-]{{0,11}}(?:\.[A-Za-z-]{{2,8}})??)(?<![a-z]){_DATE}(?P<code>Code)?")
_META_LOWER = re.compile(rf"(?P<category>[a-z]+(?:-[a-z]+)*(?:\.[A-Za-z-]{{2,8}})?){_DATE}(?P<code>Code)?")
_NUMBERED_TITLE = re.compile(r"^### \[(.+)\]\[\d+\]$")
_LONGEST_TITLE = 300
_PARTICLE = re.compile(r"(?:van|von|de|di|da|del|della|der|ter|el|al|la|le|d')\s")
_SHORT = 60  # shorter than any abstract
_SHOWN = 3  # authors that the three-line listing names before "et al."


def fetch(params: Mapping[str, Any], *, now: datetime, etag: str = "", last_modified: str = "") -> polite.Fetched:
    """A saved page has no address to fetch from. Raises polite.Refused."""
    raise polite.Refused("a text snapshot is read from a file, not from the network")


def parse(data: bytes, *, day: date | None = None) -> Page:
    """`day`: the day of the snapshot, for dates without year; without it such dates stay unknown. Raises Malformed."""
    if markup.is_html(data):
        return _cards_page(data, day)
    lines = markup.decoded(data).splitlines()
    if any(_meta(line) for line in lines):
        return _three_lines(lines, day)
    if any(_NUMBERED_TITLE.match(line) for line in lines):
        return _numbered(lines, day)
    return _paragraphs(lines, day)


def recognises(data: bytes, name: str = "") -> bool:
    """Plain text with the marks of one of the forms, or a web page with category, date and title in turn."""
    if markup.is_html(data):
        return _shows_cards(data)
    lines = markup.decoded(data[:200_000]).splitlines()
    if any(_meta(line) for line in lines[:40]) or any(_NUMBERED_TITLE.match(line) for line in lines[:200]):
        return True
    head = [line.strip() for line in lines[:60]]
    said = any("research community" in line or "Daily Papers" in line for line in head)
    return said and any(_DATE_LINE.fullmatch(line) for line in head)


# -- Hugging Face, pasted ----------------------------------------------------------------------------------------------


def _paragraphs(lines: list[str], day: date | None) -> Page:
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", "\n".join(lines)) if part.strip()]
    start = next((place for place, part in enumerate(paragraphs) if _DATE_LINE.fullmatch(part)), None)
    if start is None:
        raise Malformed("it is no listing: no line holds the day of the visit (such as Apr 21)")
    titles: list[str] = []
    abstracts: list[list[str]] = []
    for part in paragraphs[start + 1 :]:
        prose = len(part) > _LONGEST_TITLE or (len(part) > _LONGEST_TITLE / 2 and part.endswith("."))
        if titles and (prose or not abstracts[-1]) and not (len(part) < _SHORT and not prose):
            abstracts[-1].append(part)
        else:
            titles.append(part)
            abstracts.append([])
    pairs = zip(titles, abstracts, strict=True)
    records = [_text_record(title, " ".join(parts)) for title, parts in pairs if parts]  # a title alone is page chrome
    return _page(records, _date(_DATE_LINE.fullmatch(paragraphs[start]), day))


def _numbered(lines: list[str], day: date | None) -> Page:
    visit = next((found for line in lines if (found := _DATE_LINE.fullmatch(line.strip()))), None)
    today = _date(visit, day) or day
    places = [place for place, line in enumerate(lines) if _NUMBERED_TITLE.match(line)]
    records = []
    for place, following in zip(places, [*places[1:], len(lines)], strict=True):
        found = _NUMBERED_TITLE.match(lines[place])
        block = [line.strip() for line in lines[place + 1 : following]]
        count = next((line.split()[1] for line in block if re.fullmatch(r"\* [\d,]+ authors?", line)), "")
        dated = next((line for line in block if _DATE_LINE.match(line)), "")
        comments = re.search(r"\[\s*(\d+)\s*\]\[\d+\]", dated)
        records.append(
            _text_record(
                found[1] if found else "",
                " ".join(line for line in block if len(line) > 200),
                authors_total=int(count.replace(",", "")) if count else None,
                upvotes=_votes_before(lines, place),
                comments=int(comments[1]) if comments else None,
                published_on=_date(_DATE_LINE.match(dated), today),
            )
        )
    return _page(records, today)


def _votes_before(lines: list[str], place: int) -> int | None:
    """The number in brackets before a title; a dash is none."""
    for line in reversed(lines[max(0, place - 5) : place]):
        word = line.strip(" *").replace(",", "")
        if word == "-" or word.isdigit():
            return 0 if word == "-" else text.whole(int(word[:9]))
    return None


# -- three lines an item -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Card:
    meta: re.Match[str]
    heading: str  # title and authors, run together
    truncated: bool
    affiliations: tuple[str, ...]
    abstract: str
    names: tuple[str, ...] = ()  # where the page keeps them apart from the title; `heading` is then the title


def _three_lines(lines: list[str], day: date | None) -> Page:
    cards = _cards(lines)
    if not cards:
        raise Malformed("it is no listing: a line of category and date, but no title follows")
    page_words = _Words(cards)
    return _page([_card_record(card, page_words, day) for card in cards], day)


def _cards_page(data: bytes, day: date | None) -> Page:
    """The same listing saved as a web page. Raises Malformed."""
    cards = _page_cards(_pieces(data))
    if not cards:
        raise Malformed("it is no listing: no category and date before a title")
    page_words = _Words(cards)
    return _page([_card_record(card, page_words, day) for card in cards], day)


def _shows_cards(data: bytes) -> bool:
    try:
        return bool(_page_cards(_pieces(data)))
    except Malformed:
        return False


def _pieces(data: bytes) -> list[str]:
    """What each innermost element says, in order; a mark within prose (bold, code) parts nothing."""
    soup = markup.html(data)
    for node in soup(["script", "style", "noscript", "template", "svg", "button", "head"]):
        node.decompose()
    for node in soup(["b", "i", "em", "strong", "sub", "sup", "code", "mark"]):
        node.unwrap()
    soup.smooth()
    return [" ".join(piece.split()) for piece in soup.stripped_strings]


def _page_cards(pieces: list[str]) -> list[_Card]:
    """A card begins where one to three pieces in turn are its category, date and Code."""
    starts: list[tuple[int, int, re.Match[str]]] = []
    place = 0
    while place < len(pieces):
        whole = ((size, _meta("".join(pieces[place : place + size]))) for size in (1, 2, 3))
        fits = [(size, meta) for size, meta in whole if meta and (size < 3 or meta["code"])]
        size, meta = fits[-1] if fits else (1, None)
        if meta:
            starts.append((place, place + size, meta))
        place += size
    ends = [*[place for place, _, _ in starts[1:]], len(pieces)][: len(starts)]
    return [_page_card(meta, pieces[begun:end]) for (_, begun, meta), end in zip(starts, ends, strict=True) if begun < end]


def _page_card(meta: re.Match[str], body: list[str]) -> _Card:
    """Title, names and labs, abstract; what follows the longest piece is page chrome."""
    prose = max(range(1, len(body)), key=lambda at: len(body[at]), default=0)
    abstract = body[prose] if prose and len(body[prose]) >= _SHORT else ""
    between = body[1:prose] if abstract else body[1:]
    if not between:
        return _card(meta, body[0], abstract)
    dot = next((at for at, piece in enumerate(between) if "·" in piece), len(between))
    before, _, labs = " ".join(between[dot:]).partition("·")
    people = [*between[:dot], before.strip()]
    joint = " " if any("," in piece for piece in people) else ", "  # one line of names, or one name an element
    names = re.sub(r"\s+,", ",", joint.join(filter(None, people)))
    shown = names.rstrip(" ,").removesuffix("et al.").strip(" ,")
    return replace(_card(meta, f"{body[0]} · {labs.strip()}" if labs.strip() else body[0], abstract),
                   truncated="et al" in names, names=text.people(shown))  # fmt: skip


def _cards(lines: list[str]) -> list[_Card]:
    metas = [(place, found) for place, line in enumerate(lines) if (found := _meta(line))]
    ends = [place for place, _ in metas[1:]] + [len(lines)]
    cards = []
    for (place, meta), end in zip(metas, ends, strict=True):
        body = [" ".join(line.split()) for line in lines[place + 1 : end] if line.strip()]
        if body:
            cards.append(_card(meta, body[0], " ".join(body[1:])))
    return cards


def _card(meta: re.Match[str], line: str, abstract: str) -> _Card:
    heading, _, labs = line.partition(" · ")
    return _Card(
        meta=meta,
        heading=heading.removesuffix(" et al."),
        truncated=heading.endswith(" et al."),
        affiliations=tuple(lab.strip() for lab in labs.split(",") if lab.strip()),
        abstract=abstract,
    )


def _meta(line: str) -> re.Match[str] | None:
    line = line.strip()
    return (_META.fullmatch(line) or _META_LOWER.fullmatch(line)) if len(line) < 60 else None


def _card_record(card: _Card, words: _Words, day: date | None) -> Record:
    title, authors = (card.heading, card.names) if card.names else words.split(card)
    return _text_record(
        title,
        card.abstract,
        authors=authors,
        authors_total=None if card.truncated or not authors else len(authors),
        organizations=text.terms(card.affiliations),
        categories=(ids.category(card.meta["category"]),),
        has_code=bool(card.meta["code"]),
        published_on=_date(card.meta, day),
    )


class _Words:
    """Where a title ends and its first author begins, found by what else the page says.

    The listing joins both without a sign: "... Reinforcement LearningDeepSeek-AI, Daya Guo, Dejian Yang". The names
    after the last comma but one (or two) are sure; the joint lies in the piece before them, at a capital that follows a
    letter without a blank. Of those places the best leaves a word at the title's end that the page uses elsewhere
    ("Learning", not "LearningDeep"), breaks no word that it uses ("DeepSeek"), and a name of two to four words.
    """

    def __init__(self, cards: list[_Card]) -> None:
        self._stem = stemmer("english").stemWord
        sure = " ".join(piece for card in cards for piece in card.heading.split(", ")[1:])
        prose = " ".join(card.abstract for card in cards) + " " + " ".join(_untouched(card.heading) for card in cards)
        self._known = {self._stem(word.lower()) for word in re.findall(r"[^\W_]+", prose)}
        self._as_written = set(re.findall(r"[^\W_]+(?:-[^\W_]+)*", prose))
        self._names = set(sure.split())

    def split(self, card: _Card) -> tuple[str, tuple[str, ...]]:
        """(title, authors); no author when no place looks like a joint."""
        pieces = card.heading.split(", ")
        best: tuple[float, str, tuple[str, ...]] = (0.0, card.heading, ())
        for shown in range(min(_SHOWN, len(pieces)), 0, -1):
            head, others = ", ".join(pieces[:-shown]), tuple(pieces[len(pieces) - shown + 1 :])
            if not all(_looks_like_name(name) for name in others):
                continue
            joint = pieces[len(pieces) - shown]
            for place in _joints(joint):
                score = self._score(joint[:place], joint[place:])
                score += 2 * (card.truncated and shown == _SHOWN) + 0.1 * shown
                if score > best[0]:
                    best = (score, f"{head}, {joint[:place]}" if head else joint[:place], (joint[place:], *others))
        return best[1], best[2]

    def _score(self, left: str, name: str) -> float:
        """Above 0: a joint. Knowledge of the page outweighs form."""
        if not _looks_like_name(name):
            return -1.0
        last, first = re.split(r"[\s\-/(]", left)[-1].strip("?!).,:'\""), name.split()[0]
        torn = re.split(r"[\s(]", left)[-1] + first
        score = 1.0
        score += 4 * bool(len(last) > 1 and self._stem(last.lower()) in self._known)
        score += 3 * (first in self._names) + 2 * (2 <= len(name.split()) <= 4)
        pieces = {torn, torn.split("-")[0], torn.split("-")[-1]}
        score -= 6 * any(part in self._as_written for part in pieces if len(part) > len(last))
        score -= 1.5 * bool(re.search(r"[a-z][A-Z]", last)) + 0.5 * bool(re.search(r"[a-z][A-Z]", first)) + 1.0 * (len(last) < 2)
        return score


def _untouched(heading: str) -> str:
    """A heading less the words in which a joint may be."""
    return " ".join(word for word in heading.split() if not list(_joints(word)))


def _joints(piece: str) -> Iterable[int]:
    """Places where a name may begin: a capital right after a letter, digit or closing sign, never after a blank."""
    for place in range(1, len(piece)):
        before, char, after = piece[place - 1], piece[place], piece[place + 1 : place + 2]
        starts = char.isupper() and (before.islower() or before.isdigit() or before in "?!).]\"'’”$%+")
        starts |= char.isupper() and before.isupper() and (after.islower() or after == ".")
        if starts or (before.isalnum() and _PARTICLE.match(piece, place)):
            yield place


def _looks_like_name(name: str) -> bool:
    words = name.split()
    return 1 <= len(words) <= 6 and any(word[0].isupper() for word in words) and not re.search(r"[:;?!]|(?<!-)\d", name)


# -- all forms ---------------------------------------------------------------------------------------------------------


def _text_record(title: str, abstract: str, *, has_code: bool = False, **more: Any) -> Record:
    clean_title, clean_abstract = text.clean(title, longest=1000), text.abstract(abstract)
    authors = text.names(more.pop("authors", ()))
    code = text.code_link(clean_abstract)
    return Record(
        title=clean_title,
        raw_title=text.raw(title),
        aliases=ids.aliases(title=clean_title, authors=authors),
        abstract=clean_abstract,
        authors=authors,
        code_url=code,
        has_code=has_code or bool(code),
        **more,
    )


def _page(records: list[Record], day: date | None) -> Page:
    found = tuple(record for record in records if record.aliases)
    if not found:
        raise Malformed("it is no listing: no title was found")
    return Page(records=found, listed_on=day)


def _date(found: re.Match[str] | None, latest: date | None) -> date | None:
    """Without a year: the last such day up to `latest`, None when that is unknown or the day does not exist."""
    if not found:
        return None
    month, dom = _MONTHS.index(found["month"]) + 1, int(found["dom"])
    years = [int(found["year"])] if found["year"] else [latest.year - back for back in range(5)] if latest else []
    for year in years:
        try:
            day = date(year, month, dom)
        except ValueError:
            continue
        if found["year"] or (latest and day <= latest):
            return day
    return None
