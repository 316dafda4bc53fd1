"""The one failure of parsing."""

from __future__ import annotations


class Malformed(Exception):
    """The bytes are no page of this kind; the message says why. Nothing was stored, no cursor moves."""
