"""Why there is no answer: told apart, because what follows is different."""

from __future__ import annotations


class Unavailable(Exception):
    """The other side did not deliver, now; the message says how. wait_seconds: what it asked for (Retry-After), else 0.

    status: the HTTP status, 0 when there was none.
    """

    def __init__(self, reason: str, *, wait_seconds: float = 0.0, status: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_seconds = wait_seconds
        self.status = status


class NotYet(Unavailable):
    """Nobody was asked: the host wants to be left alone for wait_seconds, or another process is asking it."""


class Refused(Exception):
    """We do not ask for this address, or do not take what it sends; trying again changes nothing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
