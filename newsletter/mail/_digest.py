"""A Digest as a Message: subject, text and HTML with the same papers, order and links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from markupsafe import Markup

from newsletter.mail import _inline, _templates
from newsletter.mail._card import view
from newsletter.mail._inline import Piece, Shelf, Wanted, piece, slot
from newsletter.mail._notes import markdown_with, plain
from newsletter.mail._templates import listing, long_day, plain_day, short_day, translations
from newsletter.mail._values import Card, Digest, Message, Pick
from newsletter.mail._words import block, line, shorten, web, wrap

FULL_AT_MOST = 10
SUBJECT_AT_MOST = 60
BYTES_WANTED = 60_000
BYTES_AT_MOST = 100_000  # Gmail cuts a mail off at about 102 kB, and the way to unsubscribe with it
WORDS_A_MINUTE = 220
_LENGTHS = ("ABSTRACT", "SUMMARY", "TITLE")
_INTERESTS_SHOWN = 6
_NOTE_CLASSES = {"p": "said ink", "li": "said ink", "ul": "list", "ol": "list", "a": "link"}

shelf = Shelf()


def digest(d: Digest) -> Message:
    """Subject <= 60 characters; HTML <= 100 kB: too much sheds abstracts, then summaries, then the last papers into `more`.

    An empty d.picks is the empty-day note. Cards are rendered once per process and content, whoever reads them.
    """
    message = _compose(d)
    for smaller, limit in _sheds(d):
        if len(message.html.encode()) <= limit:
            break
        message = _compose(smaller)
    return message


def _sheds(d: Digest) -> Iterator[tuple[Digest, int]]:
    """(the next smaller copy, the size that makes it needless)"""
    shorter = _LENGTHS[_LENGTHS.index(d.card_length) + 1 :]
    for length in shorter:
        yield replace(d, card_length=length), BYTES_WANTED
    kept = len(d.picks)
    while kept > 1:
        kept = kept * 9 // 10
        yield replace(d, card_length="TITLE", picks=d.picks[:kept], more=d.more + len(d.picks) - kept), BYTES_AT_MOST


@dataclass(frozen=True, slots=True)
class _Line:
    """One pick in its place."""

    rank: int
    pick: Pick
    full: bool

    @property
    def template(self) -> str:
        return "card" if self.full else "brief"


def _compose(d: Digest) -> Message:
    lines = [_Line(n, pick, n <= FULL_AT_MOST) for n, pick in enumerate(d.picks, 1)]
    minutes = max(1, round(sum(_words(item, d) for item in lines) / WORDS_A_MINUTE + 0.3))
    context = _context(d, minutes)
    subject = _subject(d)
    return Message(subject, _text(d, lines, context), _html(d, lines, context, subject))


def _words(item: _Line, d: Digest) -> int:
    seen = view(item.pick.card, d.card_length if item.full else "TITLE", d.locale)
    return seen.words + 6


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
        "is_sample": d.is_sample or any(pick.card.is_sample for pick in d.picks),
        "test": d.test,
        "read_url": web(d.view_url) or web(d.webcopy_url),
        "more": _more(d),
        "more_url": web(d.more_url),
        "wanted": _wanted(d),
        "since": plain_day(d.since_on, d.locale) if d.since_on else "",
        "preferences_url": web(d.preferences_url),
        "unsubscribe_url": web(d.unsubscribe_url),
        "home_url": web(d.home_url),
        "webcopy_url": web(d.webcopy_url),
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
    if not d.preferences_url:
        return t.ngettext("%(n)d paper in this edition", "%(n)d papers in this edition", n) % {"n": n}
    return t.ngettext("%(n)d paper for you", "%(n)d papers for you", n) % {"n": n}


def _ranked(d: Digest) -> str:
    name = translations(d.locale).gettext
    if len(d.picks) < 2:
        return ""
    if d.interests:
        return name("Ranked by how well they match your interests, then by the attention they get.")
    return name("Ranked by the attention they get: votes, stars, sources and age.")


def _more(d: Digest) -> str:
    t = translations(d.locale)
    if d.more:
        return t.ngettext("%(n)d more paper matched", "%(n)d more papers matched", d.more) % {"n": d.more}
    return "" if d.picks or not d.more_url else t.gettext("See all papers of today")


def _wanted(d: Digest) -> str:
    """The reader's interests in words, at most six."""
    t = translations(d.locale)
    shown = [f"“{shorten(interest, 90)}”" for interest in d.interests[:_INTERESTS_SHOWN]]
    rest = len(d.interests) - len(shown)
    if rest:
        shown.append(t.ngettext("%(n)d more", "%(n)d more", rest) % {"n": rest})
    return listing(shown, d.locale)


def _subject(d: Digest) -> str:
    """The top paper, how many more, the day; the title gives way so that all of it is at most 60 characters."""
    context = {"test": d.test, "others": len(d.picks) - 1, "day": short_day(d.slot_on, d.locale), "title": ""}
    template = _templates.text(d.locale).get_template("digest/subject.txt")
    if not d.picks:
        return line(template.render(context))
    room = SUBJECT_AT_MOST - len(template.render(context | {"title": "x"}).strip()) + 1
    return line(template.render(context | {"title": _headword(d.picks[0].card.title, room)}))


def _headword(title: str, room: int) -> str:
    """The title if it fits, else its part before a colon when that says enough, else cut between words."""
    title = line(title[:2000])
    if len(title) <= room:
        return title
    first = title.split(": ", 1)[0]
    return first if room / 3 <= len(first) <= room else shorten(title, room)


def _preheader(d: Digest) -> str:
    """What an inbox shows after the subject: papers 2 and 3, 40 to 130 characters."""
    t = translations(d.locale)
    if not d.picks:
        return t.gettext("No new paper matched. The next one that does will be in your next copy.")
    titles = [shorten(pick.card.title, 55) for pick in d.picks[1:3]]
    if not titles:
        card = view(d.picks[0].card, "SUMMARY", d.locale)
        return shorten(card.body or card.byline or card.title, 120)
    rest = len(d.picks) - 1 - len(titles)
    tail = [t.ngettext("%(n)d more", "%(n)d more", rest) % {"n": rest}] if rest else []
    return t.gettext("Also: %(papers)s") % {"papers": " · ".join(titles + tail)}


# --- HTML ----------------------------------------


def _html(d: Digest, lines: list[_Line], context: dict[str, object], subject: str) -> str:
    plan = list(_plan(d, lines, context))
    frame, around = framed(d.locale)
    opening, closing, *pieces = shelf.take(frame, [wanted for wanted, _ in plan])
    around |= {"subject": subject, "preheader": _preheader(d)}
    body = "".join(made.fill(values) for made, (_, values) in zip(pieces, plan, strict=True))
    return opening.fill(around) + body + closing.fill(around)


def _plan(d: Digest, lines: list[_Line], context: dict[str, object]) -> Iterator[tuple[Wanted, dict[str, str]]]:
    """The pieces of a digest in order, with what fills each."""
    environment = _templates.html(d.locale)
    yield piece(environment, "digest/head.html", context)
    for note in map(block, d.notes):
        yield Wanted(("note", note), partial(_note, note, d.locale)), {}
    for item in lines:
        if item.rank == FULL_AT_MOST + 1:
            yield piece(environment, "digest/label.html", {})
        yield _card(d, item), {"rank": str(item.rank), "reason": _reason(item.pick)}
    yield piece(environment, "digest/foot.html", context)


def _note(note: str, locale: str) -> str:
    safe = Markup(markdown_with(_NOTE_CLASSES, note))  # noqa: S704 (markdown-it with HTML off)
    return _templates.html(locale).get_template("digest/note.html").render(body=safe)


def _card(d: Digest, item: _Line) -> Wanted:
    length = d.card_length if item.full else "TITLE"
    has_reason = bool(item.pick.reason)

    def render() -> str:
        seen = view(item.pick.card, length, d.locale)
        template = _templates.html(d.locale).get_template(f"digest/{item.template}.html")
        return template.render(card=seen, rank=slot("rank"), reason=slot("reason") if has_reason else "")

    return Wanted((item.template, item.pick.card, length, has_reason), render)


def framed(locale: str) -> tuple[Wanted, dict[str, str]]:
    """The frame around every mail of ours (style sheets, body, column); its slots are subject and preheader."""

    def render() -> str:
        template = _templates.html(locale).get_template("frame.html")
        return template.render(locale=locale, subject=slot("subject"), preheader=slot("preheader"))

    return Wanted(("frame", locale), render), {}


def _reason(pick: Pick) -> str:
    return shorten(pick.reason, 200)


# --- text ----------------------------------------


def _text(d: Digest, lines: list[_Line], context: dict[str, object]) -> str:
    cards = [_text_card(d, item).fill({"rank": f"{item.rank:>2}", "reason": _wrapped(item.pick, d.locale)}) for item in lines]
    template = _templates.text(d.locale).get_template("digest/body.txt")
    notes = ["\n\n".join(wrap(block) for block in plain(note).split("\n\n")) for note in map(block, d.notes)]
    return template.render(context | {"notes": notes, "full": cards[:FULL_AT_MOST], "brief": cards[FULL_AT_MOST:]})


def _text_card(d: Digest, item: _Line) -> Piece:
    return _text_piece(item.template, item.pick.card, d.card_length if item.full else "TITLE", d.locale, bool(item.pick.reason))


@lru_cache(maxsize=_inline.PIECES_AT_MOST)
def _text_piece(template: str, card: Card, length: str, locale: str, has_reason: bool) -> Piece:
    made = _templates.text(locale).get_template(f"digest/{template}.txt")
    source = made.render(card=view(card, length, locale), rank=slot("rank"), reason=slot("reason") if has_reason else "")
    return _inline.cut(source, markup=False)


def _wrapped(pick: Pick, locale: str) -> str:
    return wrap(translations(locale).gettext("Why: %(reason)s") % {"reason": _reason(pick)}, 4)
