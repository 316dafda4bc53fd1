"""A Digest as a Message: subject, text and HTML with the same papers, order and links."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache, partial
from typing import Any

from markupsafe import Markup

from newsletter.mail import _inline, _templates
from newsletter.mail._card import typeset, view
from newsletter.mail._fragments import weight
from newsletter.mail._inline import Piece, Shelf, Slotted, Wanted, piece, slot, slotted
from newsletter.mail._notes import markdown_with, plain
from newsletter.mail._reasons import told
from newsletter.mail._templates import language, listing, long_day, plain_day, quoted, short_day, translations
from newsletter.mail._values import Card, Digest, Message, Pick
from newsletter.mail._words import block, count, line, shorten, web, wrap

SUBJECT_AT_MOST = 60
PREHEADER_AT_LEAST = 40
NOTES_AT_MOST = 7
NOTE_CHARACTERS = 3000
NOTE_LINES = 40
# Octets of text and HTML, encoded, without soft breaks, which add up to a tenth. Gmail cuts a mail off at about 102 kB,
# and the way to unsubscribe with it.
BYTES_WANTED = 76_000  # of which the HTML, decoded, is less than 60 kB
BYTES_AT_MOST = 88_000
WORDS_WANTED = 750  # three minutes, of the first fifteen papers with head and foot; who asked for more papers reads more
PAPERS_WEIGHED = 15
WORDS_AROUND = 95  # head, foot, what leads to more papers
WORDS_A_MINUTE = 220
_SHORTER = {"ABSTRACT": ("SUMMARY", "TITLE"), "SUMMARY": ("TITLE",), "FINDING": ("TITLE",), "TITLE": ()}
_INTERESTS_SHOWN = 6
_NOTE_CLASSES = {"p": "said ink", "li": "said ink", "ul": "list", "ol": "list", "a": "link"}

address = lru_cache(maxsize=4096)(web)
_short = lru_cache(maxsize=4096)(shorten)
words_in = lru_cache(maxsize=4096)(count)

shelf = Shelf()


def digest(d: Digest) -> Message:
    """Subject <= 60 characters; <= 100 kB on the wire: too much sheds abstracts, summaries, older notes, then the last
    papers into `more`.

    An empty d.picks is the empty-day note. Cards are rendered once per process and content, whoever reads them.
    """
    d = fitted(d)
    message = _compose(d)
    for changes, limit in sheds(d):
        if weight(message.text) + weight(message.html) <= limit:
            break
        message = _compose(replace(d, **changes))
    return message


def fitted(d: Digest) -> Digest:
    """With as many whole cards as leave it within WORDS_WANTED, and the rest in brief; a longer length was asked for."""
    if d.card_length not in {"SUMMARY", "FINDING"}:
        return d
    picks, full = d.picks[:PAPERS_WEIGHED], min(d.full, len(d.picks))
    costs = [
        (whole + _tune_words(d), brief) for whole, brief in (_words_of(pick.card, d.card_length, d.locale) for pick in picks)
    ]
    words = WORDS_AROUND + sum([words_in(pick.reason) for pick in picks])
    words += sum([whole for whole, _ in costs[:full]]) + sum([brief for _, brief in costs[full:]])
    if words <= WORDS_WANTED:
        return d
    while words > WORDS_WANTED and full > 1:
        full -= 1
        whole, brief = costs[full]
        words += brief - whole
    return replace(d, full=full)


def _tune_words(d: Digest) -> int:
    """The label and the point before it."""
    return 2 if d.tune_url else 0


@lru_cache(maxsize=8192)
def _words_of(card: Card, length: str, locale: str) -> tuple[int, int]:
    """Of a whole card and of one in brief, without the reason."""
    return view(card, length, locale).words, view(card, "TITLE", locale).words_in_brief


def sheds(d: Digest) -> Iterator[tuple[dict[str, Any], int]]:
    """(what makes the next smaller copy, the size that makes it needless)"""
    for length in _SHORTER[d.card_length]:
        yield {"card_length": length}, BYTES_WANTED
    least: dict[str, Any] = {"card_length": "TITLE"}
    for kept in range(len(_newest(d.notes)) - 1, 0, -1):
        least["notes"] = _newest(d.notes)[-kept:]
        yield dict(least), BYTES_AT_MOST
    kept = len(d.picks)
    while kept > 1:
        kept = kept * 9 // 10
        yield least | {"picks": d.picks[:kept], "more": d.more + len(d.picks) - kept}, BYTES_AT_MOST


@dataclass(frozen=True, slots=True)
class Line:
    """One pick in its place."""

    rank: int
    pick: Pick
    full: bool

    @property
    def template(self) -> str:
        return "card" if self.full else "brief"


@dataclass(frozen=True, slots=True)
class Draft:
    """A digest in its lines and in what head, more and foot say; mail text, HTML and wire form are all made of this."""

    digest: Digest
    lines: list[Line]
    context: dict[str, object]
    subject: str


def draft(d: Digest) -> Draft:
    lines = _lines(d)
    words = sum(words_of(item, d) + words_in(item.pick.reason) for item in lines)
    return Draft(d, lines, _context(d, minutes_for(words)), subject_of(d))


def _lines(d: Digest) -> list[Line]:
    return [Line(n, pick, n <= d.full) for n, pick in enumerate(d.picks, 1)]


def _compose(d: Digest) -> Message:
    made = draft(d)
    return Message(made.subject, _text(made), _html(made))


def minutes_for(words: int) -> int:
    return max(1, round(words / WORDS_A_MINUTE + 0.3))


def words_of(item: Line, d: Digest) -> int:
    """Without the reason."""
    whole, brief = _words_of(item.pick.card, d.card_length, d.locale)
    return whole + _tune_words(d) if item.full else brief


# --- the parts that differ from copy to copy ----------------------------------------


def _context(d: Digest, minutes: int) -> dict[str, object]:
    """What head, more and foot say; every value a finished text ("" = leave it out), a bool or a count."""
    t = translations(d.locale)
    return {
        "newsletter": line(d.newsletter),
        "edition": _edition(d),
        "day": long_day(d.slot_on, d.locale),
        "headline": _headline(d),
        "minutes": t.ngettext("About %(n)d minute", "About %(n)d minutes", minutes) % {"n": minutes} if d.picks else "",
        "ranked": _ranked(d),
        "span": _span(d),
        "is_sample": d.is_sample or any(pick.card.is_sample for pick in d.picks),
        "test": d.test,
        "read_url": address(d.view_url) or address(d.webcopy_url),
        "more": _more(d),
        "more_url": address(d.more_url),
        "privacy_url": address(d.privacy_url),
        **personal(d.interests, d.since_on, d.locale),
        "preferences_url": address(d.preferences_url),
        "unsubscribe_url": address(d.unsubscribe_url),
        "home_url": address(d.home_url),
        "webcopy_url": address(d.webcopy_url) if d.picks else "",
        "postal_address": line(d.postal_address),
    }


def _edition(d: Digest) -> str:
    name, numbers = translations(d.locale).gettext, sorted(set(d.numbers))
    if not numbers:
        return ""
    if len(numbers) == 1:
        return name("No. %(n)d") % {"n": numbers[0]}
    return name("Nos. %(first)d to %(last)d") % {"first": numbers[0], "last": numbers[-1]}


def _headline(d: Digest) -> str:
    t, n = translations(d.locale), len(d.picks)
    if not n:
        return t.gettext("Nothing new for you today")
    if d.best_of_week:
        return t.ngettext("The best of your week: %(n)d paper", "The best of your week: %(n)d papers", n) % {"n": n}
    if not d.preferences_url:
        return t.ngettext("%(n)d paper in this edition", "%(n)d papers in this edition", n) % {"n": n}
    return t.ngettext("%(n)d paper for you", "%(n)d papers for you", n) % {"n": n}


def _ranked(d: Digest) -> str:
    name = translations(d.locale).gettext
    if len(d.picks) < 2:
        return ""
    if d.interests:
        return name("Ranked by match with your interests, then by attention.")
    return name("Ranked by attention: votes, stars, sources and age.")


def _span(d: Digest) -> str:
    """Which days a copy covers when it is not just the newest, and how much of them it leaves out."""
    t = translations(d.locale)
    if d.best_of_week and d.picks:
        return t.gettext("Nothing new matched today. These are of the last seven days, and you have not had them yet.")
    if not d.back_to or not d.picks:
        return ""
    said = t.gettext("This copy covers everything since %(day)s.") % {"day": plain_day(d.back_to, d.locale)}
    left = t.ngettext("%(n)d paper that matched is left out.", "%(n)d papers that matched are left out.", d.more)
    return f"{said} {left % {'n': d.more}}" if d.more else said


def _more(d: Digest) -> str:
    t = translations(d.locale)
    return t.ngettext("%(n)d more paper matched", "%(n)d more papers matched", d.more) % {"n": d.more} if d.more else ""


def personal(interests: tuple[str, ...], since_on: date | None, locale: str) -> dict[str, str]:
    """The words that tell two readers of one edition apart; all else that does is an address with a token."""
    return {"wanted": _wanted(interests, locale), "since": plain_day(since_on, locale) if since_on else ""}


def _wanted(interests: tuple[str, ...], locale: str) -> str:
    """The reader's interests in words, at most six."""
    t = translations(locale)
    shown = [quoted(shorten(interest, 90), locale) for interest in interests[:_INTERESTS_SHOWN]]
    rest = len(interests) - len(shown)
    if rest:
        shown.append(t.ngettext("%(n)d more", "%(n)d more", rest) % {"n": rest})
    return listing(shown, locale)


def subject_of(d: Digest) -> str:
    """The top paper, how many more, the day; the title gives way so that all of it is at most 60 characters."""
    title = typeset(d.picks[0].card.title[:2000]) if d.picks else ""
    return _subject_of(title, len(d.picks) - 1, d.slot_on, d.test, d.locale)


@lru_cache(maxsize=1024)
def _subject_of(title: str, others: int, day: date, test: bool, locale: str) -> str:
    context = {"test": test, "others": others, "day": short_day(day, locale), "title": ""}
    template = _templates.text(locale).get_template("digest/subject.txt")
    if others < 0:
        return line(template.render(context))
    room = SUBJECT_AT_MOST - len(template.render(context | {"title": "x"}).strip()) + 1
    return line(template.render(context | {"title": _headword(title, room)}))


def _headword(title: str, room: int) -> str:
    """The title if it fits, else its part before a colon when that says enough, else cut between words."""
    title = line(title)
    if len(title) <= room:
        return title
    first = title.split(": ", 1)[0]
    return first if room / 3 <= len(first) <= room else shorten(title, room)


def preheader_of(d: Digest) -> str:
    """What an inbox shows after the subject: papers 2 and 3, 40 to 130 characters."""
    t = translations(d.locale)
    if not d.picks:
        return t.gettext("No new paper matched. The next one that does will be in your next copy.")
    titles = [_short(typeset(pick.card.title[:2000]), 55) for pick in d.picks[1:3]]
    if not titles:
        card = view(d.picks[0].card, "FINDING" if d.card_length == "FINDING" else "SUMMARY", d.locale)
        return _long_enough(shorten(card.body or card.byline, 120), d)
    rest = len(d.picks) - 1 - len(titles)
    tail = [t.ngettext("%(n)d more", "%(n)d more", rest) % {"n": rest}] if rest else []
    return _long_enough(t.gettext("Also: %(papers)s") % {"papers": " · ".join(titles + tail)}, d)


def _long_enough(said: str, d: Digest) -> str:
    """An inbox fills what is short with the mail's first words, so a short one says them in better order."""
    if len(said) >= PREHEADER_AT_LEAST:
        return said
    return " · ".join(part for part in (said, _headline(d), line(d.newsletter), long_day(d.slot_on, d.locale)) if part)


# --- HTML ----------------------------------------


def _html(made: Draft) -> str:
    return "".join(found.fill(values) for found, values in pieces(made, slotted(made.context)) if found)


def pieces(made: Draft, context: Slotted, known: Collection[int] = ()) -> list[tuple[Piece | None, Mapping[str, str]]]:
    """The HTML of a digest: its inlined pieces in order, each with what fills it; None for the cards of the ranks in `known`."""
    plan = list(_plan(made, context, known))
    frame, around = framed(made.digest.locale)
    opening, closing, *found = shelf.take(frame, [wanted for wanted, _ in plan if wanted])
    around |= {"subject": made.subject, "preheader": preheader_of(made.digest)}
    following = iter(found)
    return [(opening, around), *((next(following) if wanted else None, values) for wanted, values in plan), (closing, around)]


def _plan(made: Draft, context: Slotted, known: Collection[int]) -> Iterator[tuple[Wanted | None, dict[str, str]]]:
    d = made.digest
    environment = _templates.html(d.locale)
    yield piece(environment, "digest/head.html", context)
    for note in _notes(d):
        yield Wanted(("note", note, d.locale), partial(_note, note, d.locale)), {}
    for item in made.lines:
        if item.rank == made.digest.full + 1:
            yield piece(environment, "digest/label.html", {})
        if item.rank in known:
            yield None, {"rank": str(item.rank)}
        else:
            yield (
                _card(d, item),
                {"rank": str(item.rank), "reason": told(item.pick.reason, d.locale), "tune": address(d.tune_url)},
            )
    yield piece(environment, "digest/foot.html", context)


def _notes(d: Digest) -> list[str]:
    """The newest few, each cut at the end of a paragraph or else of a word: a copy has room for papers, too."""
    return [_bounded(block(note[: NOTE_CHARACTERS * 4])) for note in _newest(d.notes)]


def _newest(notes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(note for note in notes if note.strip())[-NOTES_AT_MOST:]


def _bounded(note: str) -> str:
    head = "\n".join(note[:NOTE_CHARACTERS].split("\n")[:NOTE_LINES])
    if head == note:
        return note
    paragraphs = head.rpartition("\n\n")[0]
    return f"{paragraphs or shorten(head, NOTE_CHARACTERS - 1)}\n\n…"


def _note(note: str, locale: str) -> str:
    safe = Markup(markdown_with(_NOTE_CLASSES, note))  # noqa: S704 (markdown-it with HTML off)
    return _templates.html(locale).get_template("digest/note.html").render(body=safe)


def _card(d: Digest, item: Line) -> Wanted:
    length = d.card_length if item.full else "TITLE"
    has_reason, tuned = bool(item.pick.reason), bool(d.tune_url)

    def render() -> str:
        seen = view(item.pick.card, length, d.locale)
        template = _templates.html(d.locale).get_template(f"digest/{item.template}.html")
        return template.render(card=seen, ref=item.pick.card.ref, **_slots(has_reason, tuned))

    return Wanted((item.template, item.pick.card, length, has_reason, tuned, d.locale), render)


def _slots(has_reason: bool, tuned: bool) -> dict[str, str]:
    return {"rank": slot("rank"), "reason": slot("reason") if has_reason else "", "tune": slot("tune") if tuned else ""}


def framed(locale: str) -> tuple[Wanted, dict[str, str]]:
    """The frame around every mail of ours (style sheets, body, column); its slots are subject and preheader."""

    def render() -> str:
        template = _templates.html(locale).get_template("frame.html")
        return template.render(locale=language(locale), subject=slot("subject"), preheader=slot("preheader"))

    return Wanted(("frame", locale), render), {}


# --- text ----------------------------------------


def _text(made: Draft) -> str:
    d = made.digest
    cards = [found.fill(values) for found, values in map(partial(text_card, d), made.lines)]
    template = _templates.text(d.locale).get_template("digest/body.txt")
    return template.render(made.context | {"notes": text_notes(d), "full": cards[: d.full], "brief": cards[d.full :]})


def text_notes(d: Digest) -> list[str]:
    return ["\n\n".join(wrap(block) for block in plain(note).split("\n\n")) for note in _notes(d)]


def text_card(d: Digest, item: Line) -> tuple[Piece, Mapping[str, str]]:
    length, open_ = d.card_length if item.full else "TITLE", (bool(item.pick.reason), bool(d.tune_url))
    found = _text_piece(item.template, item.pick.card, length, d.locale, *open_)
    return found, {"rank": f"{item.rank:>2}", "reason": why(item.pick.reason, d.locale), "tune": address(d.tune_url)}


@lru_cache(maxsize=_inline.PIECES_AT_MOST)
def _text_piece(template: str, card: Card, length: str, locale: str, has_reason: bool, tuned: bool) -> Piece:
    made = _templates.text(locale).get_template(f"digest/{template}.txt")
    source = made.render(card=view(card, length, locale), ref=card.ref, **_slots(has_reason, tuned))
    return _inline.cut(source, markup=False)


@lru_cache(maxsize=4096)
def why(reason: str, locale: str) -> str:
    return wrap(translations(locale).gettext("Why: %(reason)s") % {"reason": told(reason, locale)}, 4)
