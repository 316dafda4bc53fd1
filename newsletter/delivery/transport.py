"""The one small interface between the ledger and whatever carries a mail, and the words for what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One copy, ready to leave: the exact bytes, and what a transport must know without reading them."""

    ref: str
    sender: str
    to: str
    wire: bytes
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Accepted:
    """The other side has taken the mail. `provider_id`: its name for it; `where`: the file of an outbox."""

    provider_id: str = ""
    where: str = ""


class Refusal(Exception):
    """The mail was not accepted. `reason` is a code fit for the ledger: never an address, never a server's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Transient(Refusal):
    """Refused for now; the row is tried again later. `retry_after_s`: what the other side asked for, in seconds."""

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Unreachable(Transient):
    """Nobody answers, or too much was sent: no fault of this mail, and the next one would meet the same. Ends the run."""


class Throttled(Unreachable):
    """The other side is well and asks for patience. Ends the run, and is no reason to take another way."""


class Permanent(Refusal):
    """Refused for good: this mail never leaves."""


class Configuration(Refusal):
    """Nothing can leave until the operator acts; `reason` is the remedy, one sentence. Ends the run."""


class Uncertain(Exception):
    """The mail was on its way when the line broke: it may have been accepted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Transport(Protocol):
    """One per sending process and run, used for its whole length; not shared between threads.

    signs: the other side signs what leaves, so we do not. together: mails may be handed over several at a time.
    at_once: mails of one request at most.
    """

    signs: bool
    together: bool
    at_once: int

    def send(self, mail: Mail, begin: Callable[[], None]) -> Accepted:
        """Hands over one mail. Calls `begin` once, when the very next act may let the mail out.

        What `begin` raises must pass through, with nothing sent. Raises Transient, Unreachable, Permanent,
        Configuration (not accepted) or Uncertain.
        """

    def send_together(self, mails: Iterator[Mail], begin: Begin, done: Done) -> None:
        """Hands over all of them, taking each from `mails` only when it can go soon; they may end in another order.

        Both are called in the caller's thread. `begin` is called as by `send`; a mail that goes again by itself after it
        was refused together with others gets it again. `done` is called once for each mail taken, as soon as it is
        known, with what `send` would return or raise, also for what `begin` raised.
        """

    def close(self) -> None: ...


Result: TypeAlias = Accepted | Exception
Begin: TypeAlias = Callable[[Mail], None]
Done: TypeAlias = Callable[[Mail, Result], None]


def one_by_one(transport: Transport, mails: Iterator[Mail], begin: Begin, done: Done) -> None:
    """`send_together` of a transport that has no quicker way."""
    for mail in mails:
        try:
            result: Result = transport.send(mail, partial(begin, mail))
        except Exception as error:
            result = error
        done(mail, result)
