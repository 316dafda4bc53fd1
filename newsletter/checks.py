"""A wrong configuration does not start: system checks with codes, each with a remedy."""

from __future__ import annotations
