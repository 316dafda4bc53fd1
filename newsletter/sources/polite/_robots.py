"""robots.txt, read once a day by one process for all (its text is on the host's permit row).

Asked for every page; not for interfaces that are published for programs, which have terms of their own.
Source: RFC 9309 (4xx: everything is allowed; 5xx or no answer: nothing is).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit
from urllib.robotparser import RobotFileParser

from newsletter.models import Permit
from newsletter.sources.polite import _permit
from newsletter.sources.polite._errors import Refused, Unavailable

_NAME = "PaperRound"
_KEPT = timedelta(days=1)
_MOST_CHARS = 500_000  # RFC 9309 asks for at least 500 KiB
_LONGEST_DELAY_SECONDS = 20.0
INTERFACES = (
    "rss.arxiv.org/", "export.arxiv.org/api/", "oaipmh.arxiv.org/", "huggingface.co/api/", "api.biorxiv.org/",
    "eutils.ncbi.nlm.nih.gov/entrez/", "hn.algolia.com/api/", "api.github.com/",
)  # fmt: skip


def delay(url: str, read: Callable[[str], bytes]) -> float:
    """Seconds that the host wants between requests (Crawl-delay), 0 when it does not say. Raises Refused, Unavailable.

    read: fetches one address; raises Unavailable.
    """
    parts = urlsplit(url)
    if f"{parts.hostname}{parts.path}".startswith(INTERFACES):
        return 0.0
    rules = RobotFileParser()
    rules.parse(_text(url, read).splitlines())
    if not rules.can_fetch(_NAME, url):
        raise Refused(f"{parts.hostname} forbids robots to read this address (robots.txt): ask its owner, or use another one")
    return min(float(rules.crawl_delay(_NAME) or 0), _LONGEST_DELAY_SECONDS)


def _text(url: str, read: Callable[[str], bytes]) -> str:
    now = datetime.fromtimestamp(time.time(), UTC)
    host, parts = _permit.own_name(url), urlsplit(url)
    row = Permit.objects.filter(host=host, robots_at__gt=now - _KEPT).first()
    if row is not None:
        return row.robots
    try:
        text = read(f"{parts.scheme}://{parts.netloc}/robots.txt").decode("utf-8", "replace").replace("\x00", "")
    except Unavailable as error:
        if not 400 <= error.status < 500 or error.status == 429:
            raise
        text = ""
    text = text[:_MOST_CHARS]
    Permit.objects.update_or_create(
        host=host,
        defaults={"robots": text, "robots_at": now},
        create_defaults={"robots": text, "robots_at": now, "next_allowed_at": now},
    )
    return text
