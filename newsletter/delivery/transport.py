"""The one small interface between the ledger and whatever carries a mail, and the words for what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from newsletter import mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One copy, ready to leave. `wire` holds the exact bytes; a provider's API gets `message` and the headers of `wire`."""

    ref: str
    sender: str
    to: str
    message: mail.Message
    wire: bytes
    as_of: datetime
    text_only: bool = False


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
    """One per sending process and run, used for its whole length; not shared between threads."""

    def send(self, mail: Mail, begin: Callable[[], None]) -> Accepted:
        """Hands over one mail. Calls `begin` once, when the very next act may let the mail out.

        What `begin` raises must pass through, with nothing sent. Raises Transient, Unreachable, Permanent,
        Configuration (not accepted) or Uncertain.
        """

    def close(self) -> None: ...
