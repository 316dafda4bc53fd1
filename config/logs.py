"""Log lines that hold no token and no address: whoever reads a log could open a reader's pages with it."""

from __future__ import annotations

import logging
import re

# The pages of a token by the first part of their path; what follows it up to the next slash is the token.
OPENED = ("confirm", "preferences", "u", "unsubscribe", "never", "view", "tune", "move", "undo", "export", "erase", "return")
_TOKEN = re.compile(rf"/({'|'.join(OPENED)})/(?!preview\b)[^/\s?#'\"<>]+")
_FEED = re.compile(r"/feeds/own/[^/\s?#'\"<>]+")
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)+")


class Discreet(logging.Formatter):
    """Masks after everything is put together, so that a traceback and an exception's text are covered, too."""

    def format(self, record: logging.LogRecord) -> str:
        return discreet(super().format(record))


def discreet(text: str) -> str:
    """The text with every token of a path and every e-mail address left out."""
    return _ADDRESS.sub("[address]", _FEED.sub("/feeds/own/[token]", _TOKEN.sub(r"/\1/[token]", text)))
