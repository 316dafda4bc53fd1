"""CSS inlined once per distinct piece of a mail, never once per reader.

A mail is a frame and pieces (masthead, note, card, footer). Pieces that are not known yet go through premailer in one
run, inside the frame, each behind a comment as a mark; the result is cut at the marks. What differs between readers or
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
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from jinja2 import Environment
from premailer import Premailer

from newsletter.mail._fragments import encode, weight
from newsletter.mail._words import wrap

PIECES_AT_MOST = 4096  # about 4 kB each
CONTENT = "<!--content-->"
_MARK = f"slot{secrets.token_hex(6)}"  # unguessable, so that no title can hold a slot
_SLOT = re.compile(_MARK + r"([a-z0-9_]+)Z")
_BEFORE_PIECE = f"<!--{_MARK}-->"  # as unguessable: an attribute of a note may hold a comment, which libxml2 leaves as it is
_WRAPPED = re.compile(r"wrap_(\d+)_(\d+)_([0-9a-f]+)")


def slot(name: str) -> str:
    """The place of a value that is put in after inlining. name: lower-case letters, digits and underscores."""
    return f"{_MARK}{name}Z"


def wrapped(text: str, indent: int = 0, hang: int = 0) -> str:
    """`wrap` for text that may hold slots: then it waits, as a slot of its own, until their values are known."""
    return slot(f"wrap_{indent}_{hang}_{text.encode().hex()}") if _MARK in text else wrap(text, indent, hang)


@dataclass(frozen=True)
class Piece:
    """Text with open slots. Literals and slots alternate, a literal first and last."""

    literals: tuple[str, ...]
    slots: tuple[Slot, ...]

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.literals, self.slots))

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with its slots filled, each escaped for where it stands. A missing value is a KeyError."""
        out = [self.literals[0]]
        for place, literal in zip(self.slots, self.literals[1:], strict=True):
            out += (place.text(values), literal)
        return "".join(out)

    @cached_property
    def wire(self) -> tuple[bytes, ...]:
        """Each literal encoded, once in the life of a piece."""
        return tuple(map(encode, self.literals))

    @cached_property
    def size(self) -> int:
        """The weight of the literals."""
        return sum(map(weight, self.literals))


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the value called `name` goes; or, without a name, the lines that wrapping `inner` gives."""

    name: str
    escape: Callable[[str], str]
    inner: Piece | None = None
    indent: int = 0
    hang: int = 0

    def text(self, values: Mapping[str, str]) -> str:
        return wrap(self.inner.fill(values), self.indent, self.hang) if self.inner else self.escape(values[self.name])

    def names(self) -> set[str]:
        """What must be known to fill it."""
        return {name for place in self.inner.slots for name in place.names()} if self.inner else {self.name}

    def given(self, values: Mapping[str, str]) -> Slot:
        """The same slot with everything in it that `values` knows."""
        return replace(self, inner=cut(self.inner.fill(_Open(values)), markup=False)) if self.inner else self


class _Open(dict[str, str]):
    """Values of which a missing one stays a slot."""

    def __missing__(self, name: str) -> str:
        return slot(name)


def cut(source: str, *, markup: bool) -> Piece:
    """A Piece of rendered source. In markup a slot inside a tag is escaped for an attribute, elsewhere for text."""
    bits = _SLOT.split(source)
    literals, names = bits[::2], bits[1::2]
    slots, before = [], ""
    for literal, name in zip(literals, names, strict=False):
        before += literal
        in_tag = before.rfind("<") > before.rfind(">")
        slots.append(_slot(name, _as_it_is if not markup else _for_attribute if in_tag else for_text))
    return Piece(tuple(literals), tuple(slots))


def _slot(name: str, escape: Callable[[str], str]) -> Slot:
    if found := _WRAPPED.fullmatch(name):
        inner = cut(bytes.fromhex(found[3]).decode(), markup=False)
        return Slot("", escape, inner, int(found[1]), int(found[2]))
    return Slot(name, escape)


def _as_it_is(value: str) -> str:
    return value


def for_text(value: str) -> str:
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _for_attribute(value: str) -> str:
    return for_text(value).replace('"', "&quot;")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A piece asked for: its key (equal keys, equal content) and how to render it."""

    key: Hashable
    render: Callable[[], str] = field(compare=False)


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
        marked = "".join(_BEFORE_PIECE + item.render() for _, item in missing)
        whole = inline(frame.render().replace(CONTENT, marked + _BEFORE_PIECE))
        opening, *bodies, closing = whole.split(_BEFORE_PIECE)
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


class Slotted(NamedTuple):
    """A context with a slot for each text, what fills them, and the shape that decides the markup."""

    shown: dict[str, object]
    values: dict[str, str]
    shape: Hashable


def slotted(context: Mapping[str, object]) -> Slotted:
    """An empty text stays empty, so that a template may ask whether it is there; lists of texts become lists of slots."""
    shown: dict[str, object] = {}
    values: dict[str, str] = {}
    shape: list[Hashable] = []
    for name, value in sorted(context.items()):
        if isinstance(value, (list, tuple)):
            names = [f"{name}_{place}" for place in range(len(value))]
            shown[name] = [slot(each) for each in names]
            values |= dict(zip(names, map(str, value), strict=True))
            shape.append((name, len(value)))
        elif isinstance(value, str) and value:
            shown[name] = slot(name)
            values[name] = value
            shape.append(name)
        else:
            shown[name] = value
            shape.append((name, repr(value)))
    return Slotted(shown, values, tuple(shape))


def piece(environment: Environment, template: str, context: Mapping[str, object] | Slotted) -> tuple[Wanted, dict[str, str]]:
    """A piece whose every text is a slot, and what fills it: one run of premailer per shape, whatever it says."""
    shown, values, shape = context if isinstance(context, Slotted) else slotted(context)
    return Wanted((template, environment, shape), lambda: environment.get_template(template).render(shown)), values
