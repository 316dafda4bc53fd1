"""The one failure of parsing."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")


class Malformed(Exception):
    """The bytes are no page of this kind; the message says why. Nothing was stored, no cursor moves."""


def guarded(parse: Callable[[], T]) -> T:
    """A parser's own mistake costs one answer, not the batch: it is logged with its place and raised as Malformed."""
    try:
        return parse()
    except Malformed:
        raise
    except Exception as error:
        log.exception("A parser failed")
        raise Malformed(f"it makes our reader fail ({type(error).__name__}); the log says where") from error
