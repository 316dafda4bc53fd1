"""CPU per mail from values to bytes on the wire: the naive design, django-post_office's way, ours, and the bare socket.

One alternating run (A B C D A B C D ...), medians over the rounds, CPU of the sending thread alone. Every case makes the
same digests: 15 of 150 invented papers, tokens of the reader's own in three addresses of each part. Nothing is stored.
- naive: one Jinja2 template for the whole mail, premailer, html2text and Django's EmailMultiAlternatives, per reader.
- post_office: the documented steps of django-post_office 3.12 with CSS inlined beforehand: Django templates for HTML and
  text rendered and an EmailMultiAlternatives per reader; without the rows that it writes, so a little less than it costs.
- ours: plate and press as `delivery` uses them; every edition is laid out anew for its 12 readers.
- unmet: as ours, but every reader's interests and date are ones that this process has not said before.
- copies: of editions laid out before, which is what a reader costs after the first of an edition.
- tokens: what all three spend alike on a reader before that, two signed tokens and an envelope; no part of theirs.
- floor: the bytes of ours through a loopback socket, and nothing else.
"""

from __future__ import annotations

import random
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html import unescape
from itertools import cycle, islice
from typing import Any

from django.core.mail import EmailMultiAlternatives
from django.template import Context, Engine

from newsletter import links, mail
from newsletter.links import Purpose
from newsletter.mail import _card, _digest, _inline, _templates

ROUNDS = 5
MAILS = {"naive": 4, "post_office": 40, "ours": 2400, "unmet": 2400, "copies": 2400, "tokens": 2400, "floor": 2400}  # per round
READERS_AN_EDITION = 12  # as measured with a million readers
PAPERS, SHOWN = 150, 15
NOW = datetime(2027, 3, 1, 6, tzinfo=UTC)
BASE = "https://papers.example.org"
MISSING = 'html2text is not installed, so the naive design got its text part for free: pip install "html2text>=2025.4.15,<2026"'

Reader = tuple[mail.Personal, mail.Envelope]
Make = Callable[[mail.Digest, mail.Personal, mail.Envelope], bytes]
Finish = Callable[[str, str, str, mail.Envelope], bytes]
Case = Callable[[int], list[bytes]]  # how many mails -> the last of them at least


def measure(*, rounds: int = ROUNDS, mails: dict[str, int] | None = None) -> list[dict[str, Any]]:
    """One row a case: CPU in microseconds a mail (median, least, most), and how many times naive and floor it is."""
    counts = mails or MAILS
    digests = list(editions(counts["ours"] // READERS_AN_EDITION or 1))
    first_s, sizes = _first(digests), {}
    readers = [(own, envelope(number, own)) for number, own in enumerate(map(_own, range(counts["ours"])))]
    cases: dict[str, Case] = {
        "naive": per_mail(naive(), digests, readers),
        "post_office": per_mail(post_office(), digests, readers),
        "ours": ours(digests, readers),
        "unmet": unmet(digests, readers, rounds),
        "copies": copies(digests, readers),
        "tokens": tokens,
    }
    with _Drain() as drain:
        sent = [
            mail.Copy(mail.Plate(digest), own).wire(around) for digest, (own, around) in zip(digests[:48], readers, strict=False)
        ]
        cases["floor"] = lambda count: drain.send(count, sent)
        taken: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(rounds):
            for name, case in cases.items():
                begun = time.thread_time()
                made = case(counts[name])
                taken[name].append((time.thread_time() - begun) / counts[name])
                sizes[name] = len(made[-1]) if made else 0
    return [_row(name, taken, sizes, first_s) for name in taken]


def _row(name: str, taken: dict[str, list[float]], sizes: dict[str, int], first_s: float) -> dict[str, Any]:
    middle = {case: statistics.median(seconds) for case, seconds in taken.items()}
    row: dict[str, Any] = {
        "case": name,
        "cpu_us": round(middle[name] * 1e6, 1),
        "least_us": round(min(taken[name]) * 1e6, 1),
        "most_us": round(max(taken[name]) * 1e6, 1),
        "naive_is_times": round(middle["naive"] / middle[name], 1),
        "times_floor": round(middle[name] / middle["floor"], 1),
        "bytes": sizes[name],
    }
    if name == "naive" and _html2text() is None:
        row["note"] = MISSING
    if name in {"ours", "unmet", "copies"}:
        row["note"] = f"the cards of {PAPERS} papers were made once before, in {first_s * 1e3:.0f} ms"
    return row


def editions(count: int) -> Iterator[mail.Digest]:
    """Digests without a token: each personal address ends where its token goes."""
    chance, cards = random.Random(20270301), [_paper(number) for number in range(1, PAPERS + 1)]
    for number in range(count):
        picks = [mail.Pick(card, f"matches “{chance.choice(_WORDS)}” (title)") for card in chance.sample(cards, SHOWN)]
        yield mail.Digest(
            newsletter="Paper Round",
            numbers=(128,),
            slot_on=NOW.date(),
            picks=tuple(picks),
            more=number % 40,
            more_url=f"{BASE}/today",
            since_on=date.min,
            interests=("",),
            home_url=f"{BASE}/",
            webcopy_url=f"{BASE}/editions/{number:016}",
            view_url=f"{BASE}/view/",
            preferences_url=f"{BASE}/preferences/",
            unsubscribe_url=BASE + links.leave_path(),
            postal_address="Paper Round, 1 Example Street, 1000 Example Town",
        )


_WORDS = ("attention", "long context", "retrieval", "graphs", "speech", "proofs", "robots")


def _paper(number: int) -> mail.Card:
    said = "We study how list {} of papers is read, and find that 64 of its rows are enough for 9.4 times less memory. "
    return mail.Card(
        ref=f"{number:016}",
        title=f"Benchmark Paper {number} on the Careful Reading of {_WORDS[number % 7].title()} in Long Lists",
        url=f"https://arxiv.example.org/abs/2601.{number:05}",
        pdf_url=f"https://arxiv.example.org/pdf/2601.{number:05}",
        code_url=f"https://code.example.org/lists/{number}" if number % 3 else "",
        authors=tuple(f"Author {place} of {number}" for place in range(5)),
        authors_total=5,
        categories=("cs.CL",),
        organizations=("Delft University of Technology",) if number % 2 else (),
        published_on=NOW.date(),
        upvotes=number,
        abstract=said.format(number) * 8,
    )


def _own(number: int) -> mail.Personal:
    ref = f"{number:016}"
    return mail.Personal(
        interests=(_WORDS[number % 7], _WORDS[number % 5]),
        since_on=date(2026, 1 + number % 12, 1 + number % 28),
        view=links.token(Purpose.VIEW, ref, now=NOW),
        preferences=links.token(Purpose.PREFERENCES, ref, now=NOW),
        unsubscribe=f"{number:022}",
    )


def envelope(number: int, own: mail.Personal) -> mail.Envelope:
    return mail.Envelope(
        to=f"reader{number}@example.net",
        from_header="Paper Round <digest@papers.example.org>",
        reply_to="desk@papers.example.org",
        message_id=f"<{number:016}@papers.example.org>",
        date=NOW,
        list_id="Paper Round <digest.papers.example.org>",
        unsubscribe_url=BASE + links.leave_path(own.unsubscribe),
        help_url=f"{BASE}/",
        feedback_id="128:digest:1:paperround",
    )


# --- the cases ----------------------------------------


def ours(digests: list[mail.Digest], readers: list[Reader]) -> Case:
    def make(count: int) -> list[bytes]:
        made = b""
        following = iter(readers[:count])
        for digest in digests:
            plate = mail.Plate(digest)
            for own, around in islice(following, READERS_AN_EDITION):
                made = mail.Copy(plate, own).wire(around)
        return [made]

    return make


def unmet(digests: list[mail.Digest], readers: list[Reader], rounds: int) -> Case:
    days = (date(1980, 1, 1) + timedelta(days=number) for number in range(rounds * len(readers)))
    waves = iter([[(replace(own, since_on=next(days)), around) for own, around in readers] for _ in range(rounds)])
    return lambda count: ours(digests, next(waves))(count)


def copies(digests: list[mail.Digest], readers: list[Reader]) -> Case:
    plates = [mail.Plate(digest) for digest in digests]
    following = cycle(
        (mail.Copy(plates[place // READERS_AN_EDITION], own), around) for place, (own, around) in enumerate(readers)
    )

    def make(count: int) -> list[bytes]:
        made = b""
        for copy, around in islice(following, count):
            made = copy.wire(around)
        return [made]

    return make


def tokens(count: int) -> list[bytes]:
    for number in range(count):
        envelope(number, _own(number))
    return []


def _first(digests: list[mail.Digest]) -> float:
    """CPU seconds that the first copies cost, in which every card is rendered, inlined and encoded."""
    begun = time.thread_time()
    for digest in digests:
        mail.Copy(mail.Plate(digest), _own(0)).wire(envelope(0, _own(0)))
    return time.thread_time() - begun


def per_mail(make: Make, digests: list[mail.Digest], readers: list[Reader]) -> Case:
    following = cycle(zip(cycle(digests), readers))
    return lambda count: [make(digest, *reader) for digest, reader in islice(following, count)]


def naive(finish: Finish | None = None) -> Make:
    """finish: what is done with subject, text, HTML and envelope; nothing given: Django's bytes."""
    finish = finish or _django
    environment = _templates.html("en")
    frame = environment.loader.get_source(environment, "frame.html")[0]  # type: ignore[union-attr]
    template = environment.from_string(frame.replace(_inline.CONTENT, _WHOLE))
    plain = _html2text() or (lambda html: "x" * 8000)

    def make(digest: mail.Digest, own: mail.Personal, around: mail.Envelope) -> bytes:
        made = _digest.draft(_digest.fitted(mail.Copy(mail.Plate(digest), own).digest()))
        html = _inline.inline(template.render(_shown(made)))
        return finish(made.subject, plain(html), html, around)

    return make


_WHOLE = """{% include "digest/head.html" %}
{% for line in lines %}{% with card=line.card, rank=line.rank, reason=line.reason %}
{% if line.first_brief %}{% include "digest/label.html" %}{% endif %}{% include line.template %}
{% endwith %}{% endfor %}{% include "digest/foot.html" %}"""


def _shown(made: _digest.Draft) -> dict[str, Any]:
    lines = [
        {
            "card": _card.view(item.pick.card, made.digest.card_length if item.full else "TITLE", "en"),
            "rank": item.rank,
            "reason": item.pick.reason,
            "template": f"digest/{item.template}.html",
            "first_brief": item.rank == made.digest.full + 1,
        }
        for item in made.lines
    ]
    return made.context | {"lines": lines, "subject": made.subject, "preheader": made.subject, "locale": "en"}


def post_office() -> Make:
    """The mail's own finished HTML and text as Django templates, with variables for what the reader's copy differs in."""
    engine, sources = Engine(), {}
    names = ("view", "preferences", "unsubscribe")

    def make(digest: mail.Digest, own: mail.Personal, around: mail.Envelope) -> bytes:
        if digest not in sources:
            marked = mail.Personal(interests=("INTERESTS",), since_on=date(2026, 3, 3), **{n: f"TOKEN-{n}" for n in names})
            message = mail.digest(mail.Copy(mail.Plate(digest), marked).digest())
            sources[digest] = (message.subject, *(_variables(part) for part in (message.text, message.html)))
        values = Context({name: getattr(own, name) for name in names} | {"interests": " and ".join(own.interests)})
        subject, text, html = sources[digest]
        text, html = (engine.from_string(source).render(values) for source in (text, html))
        return _django(subject, unescape(text), html, around)

    return make


def _variables(part: str) -> str:
    for name in ("view", "preferences", "unsubscribe"):
        part = part.replace(f"TOKEN-{name}", f"{{{{ {name} }}}}")
    return part.replace("INTERESTS", "{{ interests }}")


def _django(subject: str, text: str, html: str, around: mail.Envelope) -> bytes:
    return bytes(message(subject, text, html, around).message().as_bytes())


def message(subject: str, text: str, html: str, around: mail.Envelope) -> EmailMultiAlternatives:
    headers = {"List-Unsubscribe": f"<{around.unsubscribe_url}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    headers |= {"Message-ID": around.message_id, "List-Id": str(around.list_id), "Auto-Submitted": "auto-generated"}
    made = EmailMultiAlternatives(subject, text, around.from_header, [around.to], headers=headers)
    made.attach_alternative(html, "text/html")
    return made


def _html2text() -> Callable[[str], str] | None:
    try:
        import html2text  # type: ignore[import-not-found]  # of the dependency group `bench`
    except ImportError:
        return None
    return html2text.html2text  # type: ignore[no-any-return]


class _Drain:
    """A loopback socket with a thread at its other end that throws away what comes."""

    def __enter__(self) -> _Drain:
        server = socket.create_server(("127.0.0.1", 0))
        self._out = socket.create_connection(server.getsockname())
        self._end, _ = server.accept()
        server.close()
        self._thread = threading.Thread(target=self._swallow, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._out.close()
        self._thread.join(10)
        self._end.close()

    def _swallow(self) -> None:
        into = bytearray(1 << 20)
        while self._end.recv_into(into):
            pass

    def send(self, count: int, wires: list[bytes]) -> list[bytes]:
        for wire in islice(cycle(wires), count):
            self._out.sendall(wire)
        return wires
