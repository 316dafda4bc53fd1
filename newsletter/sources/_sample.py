"""The bundled sample: real papers by their facts, days as offsets, so that its last day is always today."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from email.utils import format_datetime
from pathlib import Path

from newsletter.models import Source

FOLDERS = {"huggingface": "hf-daily", "arxiv": "arxiv-rss", "snapshot": "snapshot"}
_NAMES = {"huggingface": "Sample: Hugging Face", "arxiv": "Sample: arXiv", "snapshot": "Sample: saved page"}
_ROOT = Path(__file__).parent / "sample"
_ISO = re.compile(r"@-(\d{1,3})(?=T\d\d:)")
_RFC = re.compile(r"(?<=>)@-(\d{1,3})(?=<)")
_WORDS = re.compile(r"@-(\d{1,3})(?=(?:Code)?\s*$)", re.MULTILINE)


def files(*, day: date, offset: int) -> Iterator[tuple[str, bytes]]:
    """(kind, bytes) of each bundled file of that offset, its placeholders replaced by days counted back from `day`."""
    for kind, folder in FOLDERS.items():
        for path in sorted((_ROOT / folder).glob(f"d{offset:02d}.*")):
            yield kind, _dated(path.read_text(encoding="utf-8"), day).encode()


def source(kind: str) -> Source:
    """The row that stands for the bundled files of a kind; never due."""
    row, _ = Source.objects.get_or_create(
        slug=f"sample-{kind}",
        defaults={"name": _NAMES[kind], "kind": kind, "is_sample": True, "is_trending": kind == "huggingface"},
    )
    return row


def _dated(text: str, day: date) -> str:
    def back(found: re.Match[str]) -> date:
        return day - timedelta(days=int(found[1]))

    text = _ISO.sub(lambda found: back(found).isoformat(), text)
    text = _RFC.sub(lambda found: format_datetime(datetime.combine(back(found), time(4), UTC)), text)
    return _WORDS.sub(lambda found: f"{back(found):%b} {back(found).day}, {back(found).year}", text)
