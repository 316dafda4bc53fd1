"""CSS inlined once per distinct piece of a mail, never once per reader.

A mail is a frame and pieces (masthead, note, card, footer). Pieces that are not known yet go through premailer in one
run, inside the frame, each behind a `<!--card N-->` mark; the result is cut at the marks. What differs between readers or
places (a rank, a reason, an address with a token) is a slot: plain letters while premailer runs, filled afterwards.
For this to equal inlining the whole mail: no sibling, positional or `*` selector in the style sheet; a piece is whole
elements; what fills a slot is text that no rule selects. tests/mail compares the two.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment
from premailer import Premailer

PIECES_AT_MOST = 4096  # about 4 kB each
CONTENT = "<!--content-->"
_MARK = f"slot{secrets.token_hex(6)}"  # unguessable, so that no title can hold a slot
_SLOT = re.compile(_MARK + r"([a-z0-9]+)Z")


def slot(name: str) -> str:
    """The place of a value that is put in after inlining. name: lower-case letters and digits."""
    return f"{_MARK}{name}Z"


@dataclass(frozen=True, slots=True)
class Piece:
    """Text with open slots. Literals and (name, escape) alternate, a literal first and last."""

    literals: tuple[str, ...]
    slots: tuple[tuple[str, Callable[[str], str]], ...]

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with its slots filled, each escaped for where it stands. A missing value is a KeyError."""
        out = [self.literals[0]]
        for (name, escape), literal in zip(self.slots, self.literals[1:], strict=True):
            out += (escape(values[name]), literal)
        return "".join(out)


def cut(source: str, *, markup: bool) -> Piece:
    """A Piece of rendered source. In markup a slot inside a tag is escaped for an attribute, elsewhere for text."""
    bits = _SLOT.split(source)
    literals, names = bits[::2], bits[1::2]
    slots, before = [], ""
    for literal, name in zip(literals, names, strict=False):
        before += literal
        in_tag = before.rfind("<") > before.rfind(">")
        slots.append((name, _as_it_is if not markup else _for_attribute if in_tag else _for_text))
    return Piece(tuple(literals), tuple(slots))


def _as_it_is(value: str) -> str:
    return value


def _for_text(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _for_attribute(value: str) -> str:
    return _for_text(value).replace('"', "&quot;")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A piece asked for: its key (equal keys, equal content) and how to render it."""

    key: Hashable
    render: Callable[[], str]


class Shelf:
    """The pieces inlined so far, newest kept; one per process. Safe between threads."""

    def __init__(self, room: int = PIECES_AT_MOST) -> None:
        self._room = room
        self._pieces: OrderedDict[Hashable, Piece] = OrderedDict()
        self._lock = threading.Lock()
        self.runs = 0

    def take(self, frame: Wanted, wanted: Sequence[Wanted]) -> list[Piece]:
        """The frame's two halves, then the pieces, in order. At most one run of premailer, none when all are known."""
        keys = [(frame.key, "open"), (frame.key, "close"), *((frame.key, item.key) for item in wanted)]
        with self._lock:
            found: dict[Hashable, Piece] = {key: self._pieces[key] for key in keys if key in self._pieces}
            for key in found:
                self._pieces.move_to_end(key)
            missing = [(key, item) for key, item in zip(keys[2:], wanted, strict=True) if key not in found]
            if missing or len(found) < len(set(keys)):
                found |= self._inline(frame, list(dict(missing).items()))
            return [found[key] for key in keys]

    def _inline(self, frame: Wanted, missing: Sequence[tuple[Hashable, Wanted]]) -> dict[Hashable, Piece]:
        self.runs += 1
        marked = "".join(f"<!--card {n}-->{item.render()}" for n, (_, item) in enumerate(missing))
        whole = inline(frame.render().replace(CONTENT, marked + "<!--/cards-->"))
        opening, *middle = re.split(r"<!--card \d+-->", whole.replace("<!--/cards-->", "<!--card 0-->"))
        *bodies, closing = middle
        made: dict[Hashable, Piece] = {
            (frame.key, "open"): cut(opening, markup=True),
            (frame.key, "close"): cut(closing, markup=True),
        }
        made |= {key: cut(body, markup=True) for (key, _), body in zip(missing, bodies, strict=True)}
        self._pieces.update(made)
        while len(self._pieces) > self._room:
            self._pieces.popitem(last=False)
        return made


def inline(document: str) -> str:
    """The document with the rules of its first style sheet in style attributes; media queries stay where they are."""
    machine = Premailer(
        document,
        allow_network=False,
        strip_important=False,
        remove_classes=False,
        disable_basic_attributes=["align", "bgcolor", "height", "valign", "width"],
        disable_leftover_css=True,
        align_floating_images=False,
        disable_validation=True,
    )
    return str(machine.transform(pretty_print=False))


def slotted(context: Mapping[str, object]) -> tuple[dict[str, object], dict[str, str], Hashable]:
    """(context with a slot for each text, what fills them, the shape that decides the markup).

    An empty text stays empty, so that a template may ask whether it is there; lists of texts become lists of slots.
    """
    shown: dict[str, object] = {}
    values: dict[str, str] = {}
    shape: list[Hashable] = []
    for number, (name, value) in enumerate(sorted(context.items())):
        if isinstance(value, (list, tuple)):
            names = [f"v{number}i{place}" for place in range(len(value))]
            shown[name] = [slot(n) for n in names]
            values |= dict(zip(names, map(str, value), strict=True))
            shape.append((name, len(value)))
        elif isinstance(value, str) and value:
            shown[name] = slot(f"v{number}")
            values[f"v{number}"] = value
            shape.append(name)
        else:
            shown[name] = value
            shape.append((name, repr(value)))
    return shown, values, tuple(shape)


def piece(environment: Environment, template: str, context: Mapping[str, object]) -> tuple[Wanted, dict[str, str]]:
    """A piece whose every text is a slot, and what fills it: one run of premailer per shape, whatever it says."""
    shown, values, shape = slotted(context)
    return Wanted((template, shape), lambda: environment.get_template(template).render(shown)), values
