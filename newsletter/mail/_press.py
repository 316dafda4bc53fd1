"""Copies in bulk: what readers share is rendered, inlined and encoded once; a copy is a join with its own words put in.

A Plate stands for all copies of one edition in one shape (locale, card length, ...). Its sheet is the finished body in
encoded runs, joined from a frame, cards and reasons that other editions use too; between the runs are holes for what is the
reader's own: four tokens, one of them once a whole card, and the sentence that says why and since when they get it. `digest`
and `to_wire` make the same mail slowly and are the reference: a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NamedTuple, TypeAlias

from jinja2 import Template

from newsletter.mail import _templates
from newsletter.mail._digest import (
    Draft,
    address,
    draft,
    fitted,
    minutes_for,
    personal,
    pieces,
    preheader_of,
    sheds,
    subject_of,
    text_card,
    text_notes,
    why,
    words_in,
    words_of,
)
from newsletter.mail._fragments import SOFT, closed, encode, weight
from newsletter.mail._inline import Piece, Slot, Slotted, Wanted, cut, for_text, slot, slotted, wrapped
from newsletter.mail._reasons import told
from newsletter.mail._values import Digest, Envelope, Personal
from newsletter.mail._wire import ALTERNATIVE, BETWEEN, END, PLAIN, head

PLATES_AT_MOST = 256  # about 60 kB each; copies of one edition leave close to each other, not always in one slice
SHAPES_AT_MOST = 1024
CARDS_AT_MOST = 4096  # a paper at a rank: 3 kB of HTML and 1 kB of text
FRAMES_AT_MOST = 1024  # 8 kB each
READERS_AT_MOST = WORDS_AT_MOST = 16_384
Laid: TypeAlias = tuple[bytes, int]  # encoded, and its weight
_cards: dict[Hashable, _Card] = {}  # the oldest first, as in _frames
_frames: dict[Hashable, _Frame] = {}
_TOKENS: Final = ("view", "preferences", "unsubscribe", "tune")
_TUNE: Final = 3  # its place among the tokens
_HERE: Final = b"\0"  # in a card, where that token goes; no encoded octet looks like it
_ADDRESSES = {"read_url": 0, "preferences_url": 1, "unsubscribe_url": 2}  # name in a template -> place in _TOKENS
_WORDS = frozenset({"wanted", "since"})
_EDITION = frozenset({"subject", "preheader", "read_url", "webcopy_url"})  # with the cards, all that no frame holds
_AROUND = attrgetter(*(each.name for each in fields(Digest) if each.name not in {"picks", "webcopy_url", "card_length"}))
_FIXED = ("newsletter", "postal_address")  # templates may filter these: the same for every reader of an installation
# Four tokens; each fits a line of its own and needs no escape anywhere.
_ALL_TOKENS = re.compile("/".join([r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]{0,74})?"] * len(_TOKENS)))


@dataclass(frozen=True, slots=True)
class Copy:
    """One reader's copy of a plate."""

    plate: Plate
    own: Personal

    def digest(self) -> Digest:
        """The copy as one value, for whoever shows it elsewhere."""
        shared, own = self.plate.digest, self.own
        return replace(
            shared,
            interests=own.interests,
            since_on=own.since_on,
            view_url=shared.view_url and shared.view_url + own.view,
            preferences_url=shared.preferences_url and shared.preferences_url + own.preferences,
            unsubscribe_url=shared.unsubscribe_url and shared.unsubscribe_url + own.unsubscribe,
            tune_url=shared.tune_url and shared.tune_url + own.tune,
        )

    def wire(self, envelope: Envelope) -> bytes:
        """What to_wire(digest(self.digest()), envelope) is once parsed; no line begins with a dot. Raises like to_wire."""
        sheet, fills = self.plate.filled_sheet(self.own)
        return sheet.body(text_only=envelope.text_only).behind(head(sheet.subject, envelope), fills)


class Plate:
    """digest: each personal address in it ends where its token goes; interests and since_on only say whether there are any."""

    def __init__(self, digest: Digest) -> None:
        self.digest = digest
        self._fitted = fitted(digest)
        self._sheds = sheds(self._fitted)
        self._next: dict[str, Any] = {}
        self._sheets: list[_Sheet] = []
        self._limits: list[int | None] = []

    def filled_sheet(self, own: Personal) -> tuple[_Sheet, Sequence[bytes]]:
        """The largest sheet that fits this reader's words, by the same steps as `digest`, and what fills its holes."""
        tokens, place = (own.view, own.preferences, own.unsubscribe, own.tune), 0
        if not _ALL_TOKENS.fullmatch("/".join(tokens)):
            raise ValueError("a token is at most 75 letters, digits, dots, hyphens and underscores, a dot not first")
        while True:
            if place == len(self._sheets):
                self._make_next()
            sheet, limit = self._sheets[place], self._limits[place]
            said, size = sheet.told(own)
            if limit is None or size + sheet.size(tokens) <= limit:
                return sheet, [token.encode() + SOFT if token else b"" for token in tokens] + said
            place += 1

    def _make_next(self) -> None:
        made = replace(self._fitted, **self._next) if self._next else self._fitted
        self._next, limit = next(self._sheds, ({}, None))
        self._sheets.append(_Sheet(made))
        self._limits.append(limit)


plate = lru_cache(maxsize=PLATES_AT_MOST)(Plate)


class _Sheet:
    """A digest of one size, encoded: a frame with the edition's own cards and words in it, open where the reader's go."""

    def __init__(self, digest: Digest) -> None:
        cards, reasons = _cards_of(digest), [_reason_of(pick.reason, digest.locale) for pick in digest.picks]
        words = {"subject": subject_of(digest), "preheader": preheader_of(digest), "webcopy_url": address(digest.webcopy_url)}
        words["read_url"] = words["webcopy_url"]
        self.subject, self._locale = words["subject"], digest.locale
        read = sum([card.words for card in cards]) + sum([words_in(pick.reason) for pick in digest.picks])
        self._frame = frame = _frame_of(digest, minutes_for(read))
        text, text_size = frame.text.own(words)
        html, html_size = frame.html.own(words)
        said = [why.join(card.text) for card, (_, why, _) in zip(cards, reasons, strict=True)]
        self._text, self._text_holes = frame.text.runs_with([*said, *text])
        said = [why.join(card.html) for card, (why, _, _) in zip(cards, reasons, strict=True)]
        self._html, self._html_holes = frame.html.runs_with([*said, *html])
        holes = self._text_holes + self._html_holes
        self._tokens = [holes.count(place) for place in range(len(_TOKENS))]
        self._size = frame.size + text_size + html_size + sum([card.size for card in cards]) + sum([size for *_, size in reasons])
        self._bodies: dict[bool, _Body] = {}

    def body(self, *, text_only: bool) -> _Body:
        if text_only not in self._bodies:
            self._bodies[text_only] = self._body(text_only)
        return self._bodies[text_only]

    def _body(self, text_only: bool) -> _Body:
        text, html = self._text, self._html
        if text_only:
            return _Body([PLAIN + text[0], *text[1:]], self._text_holes)
        runs = [*text[:-1], text[-1] + BETWEEN + html[0], *html[1:]]
        runs[0] = ALTERNATIVE + runs[0]
        runs[-1] += END
        return _Body(runs, self._text_holes + self._html_holes)

    def size(self, tokens: Sequence[str]) -> int:
        """The weight of both parts, but for the reader's words."""
        view, preferences, leave, tune = self._tokens
        mine, settings, out, cards = tokens
        return self._size + view * len(mine) + preferences * len(settings) + leave * len(out) + tune * len(cards)

    def told(self, own: Personal) -> tuple[list[bytes], int]:
        """The reader's words for each place, encoded, and their weight."""
        return _told_to(self._frame.words, own.interests, own.since_on, self._locale)


class _Body:
    """Runs of octets; the reader's fills go between them."""

    def __init__(self, runs: Sequence[bytes], holes: Sequence[int]) -> None:
        self._holes = holes
        self._out = [b""] * (2 * len(runs))
        self._out[1::2] = runs

    def behind(self, head: bytes, fills: Sequence[bytes]) -> bytes:
        out = self._out.copy()
        out[0] = head
        out[2::2] = [fills[hole] for hole in self._holes]
        return b"".join(out)


class _Frame:
    """What stands around the cards, encoded. Editions alike in all but picks and shareable address have one."""

    def __init__(self, made: Draft) -> None:
        digest = made.digest
        personal_urls = (digest.view_url, digest.preferences_url, digest.unsubscribe_url)
        open_ = {name: place for name, place in _ADDRESSES.items() if personal_urls[place]}
        names = [f"{'full' if item.full else 'brief'}_{item.rank}" for item in made.lines]
        words: list[Slot] = []
        context = slotted(made.context)
        self.text, self.html = (_Strip(open_, words, {name: n for n, name in enumerate(names)}) for _ in range(2))
        self.text.lay(*_text_frame(made, context, names))
        for piece, filling in pieces(made, context, range(1, len(names) + 1)):
            if piece:
                self.html.lay(piece, filling)
            else:
                self.html.place(int(filling["rank"]) - 1)
        self.size = self.text.size + self.html.size
        self.words = _places(tuple(words))


class _Strip:
    """One part's runs of segments: octets, or the number of a place that the edition fills, cards first.

    After each run but the last is a hole of the reader's: 0-3 a token, 4 and on the words of that place less 4.
    words: the places of both parts in order, which this one continues. cards: slot -> its number.
    """

    def __init__(self, addresses: Mapping[str, int], words: list[Slot], cards: Mapping[str, int]) -> None:
        self.size = 0
        self.holes: list[int] = []
        self._runs: list[list[bytes | int]] = [[]]
        self._edition: list[Slot] = []
        self._addresses, self._words, self._cards = addresses, words, cards

    def lay(self, piece: Piece, values: Mapping[str, str]) -> None:
        self.size += piece.size
        self._add(piece.wire[0])
        for place, literal in zip(piece.slots, piece.wire[1:], strict=True):
            self._fill(place, values)
            self._add(literal)

    def _fill(self, place: Slot, values: Mapping[str, str]) -> None:
        names = _names_in(place)
        if place.name in self._cards:
            self.place(self._cards[place.name])
        elif place.name in self._addresses:
            self._say(place.text(values))
            self._hole(self._addresses[place.name])
        elif names & _WORDS:
            self._hole(len(_TOKENS) + len(self._words))
            self._words.append(_given(place, values, _WORDS))
        elif names & _EDITION:
            self.place(len(self._cards) + len(self._edition))
            self._edition.append(_given(place, values, _EDITION))
        else:
            self._say(place.text(values))

    def place(self, number: int) -> None:
        self._runs[-1].append(number)

    def _say(self, text: str) -> None:
        fragment, size = _said(text)
        self.size += size
        self._add(fragment)

    def _add(self, fragment: bytes) -> None:
        run = self._runs[-1]
        if run and isinstance(run[-1], bytes):
            run[-1] += fragment
        else:
            run.append(fragment)

    def _hole(self, number: int) -> None:
        self.holes.append(number)
        self._runs.append([])

    def own(self, words: Mapping[str, str]) -> tuple[list[bytes], int]:
        """What fills the edition's places behind the cards, and its weight."""
        said = [_said(place.text(words)) for place in self._edition]
        return [fragment for fragment, _ in said], sum([size for _, size in said])

    def runs_with(self, fills: Sequence[bytes]) -> tuple[list[bytes], list[int]]:
        """The runs, and the hole after each but the last, which ends in a line end. Cards bring holes of their own.

        A template's last words are never the reader's own.
        """
        runs: list[bytes] = []
        holes: list[int] = []
        for run, hole in zip(self._runs, [*self.holes, None], strict=True):
            parts = b"".join([fills[each] if each.__class__ is int else each for each in run]).split(_HERE)  # type: ignore[index,misc]
            runs += parts
            holes += [_TUNE] * (len(parts) - 1) + ([hole] if hole is not None else [])
        runs[-1] += closed(runs[-1])
        return runs, holes


def _frame_of(digest: Digest, minutes: int) -> _Frame:
    seen = len(digest.picks), minutes, not address(digest.webcopy_url), any(pick.card.is_sample for pick in digest.picks)
    key = (*_AROUND(digest), *seen)
    frame = _frames.get(key)
    if frame is None:
        frame = _frames[key] = _Frame(draft(digest))
        _drop_oldest(_frames, FRAMES_AT_MOST)
    return frame


@lru_cache(maxsize=SHAPES_AT_MOST)
def _names_in(place: Slot) -> frozenset[str]:
    return frozenset(place.names())


def _given(place: Slot, values: Mapping[str, str], open_: frozenset[str]) -> Slot:
    return _given_of(place, *((name, values[name]) for name in _names_in(place) - open_))


@lru_cache(maxsize=SHAPES_AT_MOST)
def _given_of(place: Slot, *known: tuple[str, str]) -> Slot:
    return place.given(dict(known))


@lru_cache(maxsize=WORDS_AT_MOST)
def _said(text: str) -> Laid:
    return encode(text), weight(text)


class _Card(NamedTuple):
    """A paper in its place. html, text: what goes around the reason. words, size: as read and its weight, both without the reason."""

    html: list[bytes]
    text: list[bytes]
    words: int
    size: int


def _cards_of(digest: Digest) -> list[_Card]:
    keys = [
        (pick.card, rank, digest.card_length if rank <= digest.full else "", digest.locale, not pick.reason, digest.tune_url)
        for rank, pick in enumerate(digest.picks, 1)
    ]
    found = [_cards.get(key) for key in keys]
    if None not in found:
        return found  # type: ignore[return-value]
    known = {rank: card for rank, card in enumerate(found, 1) if card}
    known |= _new_cards(draft(digest), known)
    _cards.update(zip(keys, (known[rank] for rank in sorted(known)), strict=True))
    _drop_oldest(_cards, CARDS_AT_MOST)
    return [known[rank] for rank in sorted(known)]


def _new_cards(made: Draft, known: Collection[int]) -> dict[int, _Card]:
    html = {
        int(values["rank"]): (piece, values)
        for piece, values in pieces(made, slotted(made.context), known)
        if piece and "rank" in values
    }
    cards = {}
    for item in made.lines:
        if item.rank not in known:
            (one, one_size), (other, other_size) = _around_reason(*html[item.rank]), _around_reason(*text_card(made.digest, item))
            cards[item.rank] = _Card(one, other, words_of(item, made.digest), one_size + other_size)
    return cards


def _around_reason(piece: Piece, values: Mapping[str, str]) -> tuple[list[bytes], int]:
    runs, size = [[piece.wire[0]]], piece.size
    for place, literal in zip(piece.slots, piece.wire[1:], strict=True):
        if place.name == "reason":
            runs.append([literal])
        else:
            fragment, weighed = _said(place.text(values))
            runs[-1] += (fragment, *([_HERE] if place.name == "tune" else []), literal)
            size += weighed
    return [b"".join(run) for run in runs], size


@lru_cache(maxsize=WORDS_AT_MOST)
def _reason_of(reason: str, locale: str) -> tuple[bytes, bytes, int]:
    """A reason in HTML, in text, and the weight of both; a card's templates say it once each, between tags and lines."""
    if not reason:
        return b"", b"", 0
    html, text = for_text(told(reason, locale)), why(reason, locale)
    return encode(html), encode(text), weight(html) + weight(text)


def _drop_oldest(store: dict[Any, Any], at_most: int) -> None:
    while len(store) > at_most:
        store.pop(next(iter(store)), None)


class _Places:
    """The places of the reader's words. There is one object for equal places, known by its identity: hashing all of them
    for every copy would cost more than what is looked up."""

    __slots__ = ("slots",)

    def __init__(self, slots: tuple[Slot, ...]) -> None:
        self.slots = slots


_places = lru_cache(maxsize=SHAPES_AT_MOST)(_Places)


@lru_cache(maxsize=READERS_AT_MOST)
def _told_to(words: _Places, interests: tuple[str, ...], since_on: date | None, locale: str) -> tuple[list[bytes], int]:
    values = personal(interests, since_on, locale)
    said = [
        (_said if place.name else _said.__wrapped__)(place.text(values)) for place in words.slots
    ]  # whole sentences rarely recur
    return [fragment for fragment, _ in said], sum([size for _, size in said])


def _text_frame(made: Draft, context: Slotted, cards: Sequence[str]) -> tuple[Piece, Mapping[str, str]]:
    """The text part around its cards, and what fills it. cards: the names of their slots."""
    locale, notes = made.digest.locale, text_notes(made.digest)
    fixed = {name: made.context[name] for name in _FIXED}
    lists = {"notes": [f"notes_{n}" for n in range(len(notes))]}
    lists |= {place: [name for name in cards if name.startswith(place)] for place in ("full", "brief")}
    key = (locale, context.shape, *fixed.values(), *map(len, lists.values()))
    shown = {name: [slot(each) for each in names] for name, names in lists.items()} | fixed
    frame = _framed(Wanted(key, lambda: _text_template(locale).render(context.shown | shown)))
    return frame, context.values | dict(zip(lists["notes"], notes, strict=True))


@lru_cache(maxsize=SHAPES_AT_MOST)
def _framed(wanted: Wanted) -> Piece:
    return cut(wanted.render(), markup=False)


def _text_template(locale: str) -> Template:
    environment = _templates.text(locale).overlay()
    environment.filters = environment.filters | {"wrap": wrapped}
    return environment.get_template("digest/body.txt")
