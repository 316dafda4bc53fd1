"""The API, version 1, under /api/v1: papers, issues, topics, search, preview and sign-up for programs; docs/api.md."""

from newsletter.web.api.door import api

__all__ = ["api"]
