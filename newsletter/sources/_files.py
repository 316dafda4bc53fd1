"""Saved responses: one file or a folder of them, the kind found by content, everything read into one day."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Protocol

from newsletter.models import Outcome, Source
from newsletter.sources import _outcome, _signals
from newsletter.sources.identity import store
from newsletter.sources.page import Malformed, Page, guarded, markup

SKIPPED = "SKIPPED"
_MOST_BYTES = 10 * 1024 * 1024
_HTML = re.compile(rb"\s*(?:<\?xml[^>]{0,200}\?>\s*)?(?:<!doctype html|<html)", re.IGNORECASE)
_DAY_IN_NAME = re.compile(r"(?<!\d)(20\d\d-\d\d-\d\d)(?!\d)")
_MAGIC = ((b"\x89PNG", "a PNG picture"), (b"\xff\xd8\xff", "a JPEG picture"), (b"GIF8", "a GIF picture"), (b"%PDF", "a PDF"),
          (b"PK\x03\x04", "a ZIP archive"), (b"\x1f\x8b", "a gzip archive"), (b"SQLite format", "a database"))  # fmt: skip
_MAIL = re.compile(rb"\A(?:[A-Z][A-Za-z-]+: .*\r?\n(?:[ \t].*\r?\n)*){3}")


class _Kind(Protocol):
    def parse(self, data: bytes, *, day: date | None = None) -> Page: ...
    def recognises(self, data: bytes, name: str = "") -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """One file. outcome: FRESH, QUIET, PARTIAL (nothing in it could be used), BROKEN, or SKIPPED (no source of papers)."""

    file: Path
    kind: str = ""
    outcome: str
    reason: str
    new: int = 0
    merged: int = 0
    rejected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesReport:
    """now: noon UTC of the recording's last day, which every paper read is listed on; the given now if no file says.

    unreadable: the named file is broken or of no use, or nothing in the folder could be read.
    """

    files: tuple[FileReport, ...]
    now: datetime
    unreadable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parsed:
    file: Path
    kind: str
    page: Page
    day: date | None


def ingest(path: Path, kinds: Mapping[str, _Kind], *, now: datetime) -> FilesReport:
    """Parse all, find the last day, store file by file (each its own transaction); see FilesReport."""
    if not path.exists():
        reports = [FileReport(file=path, outcome=Outcome.BROKEN, reason="There is no such file or folder.")]
        return FilesReport(files=tuple(reports), now=now, unreadable=True)
    found = [_parse(file, kinds, now) for file in _listed(path)]
    last = _last_day([one for one in found if isinstance(one, _Parsed)], now)
    moment = now if last is None or last == now.astimezone(UTC).date() else datetime.combine(last, time(12), UTC)
    reports = [_store(one, moment) if isinstance(one, _Parsed) else one for one in found]
    read = any(report.outcome in (Outcome.FRESH, Outcome.QUIET) for report in reports)
    return FilesReport(files=tuple(reports), now=moment, unreadable=not read)


def parsed(path: Path, kinds: Mapping[str, _Kind], *, now: datetime) -> Iterator[tuple[Path, str, Page | None, str, str]]:
    """(file, kind, page, outcome, reason) of each file; the last two say why there is no page. Stores nothing."""
    if not path.exists():
        yield path, "", None, Outcome.BROKEN, "There is no such file or folder."
        return
    for file in _listed(path):
        one = _parse(file, kinds, now)
        if isinstance(one, _Parsed):
            yield file, one.kind, one.page, "", ""
        else:
            yield file, one.kind, None, one.outcome, one.reason


def _listed(path: Path) -> list[Path]:
    """The file itself, or every file below the folder in order of names; hidden ones are left out."""
    return [path] if path.is_file() else sorted(_below(path))


def _below(folder: Path) -> Iterator[Path]:
    for base, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(base) / name for name in names if not name.startswith("."))


def _parse(file: Path, kinds: Mapping[str, _Kind], now: datetime) -> _Parsed | FileReport:
    if not file.is_file():
        return FileReport(file=file, outcome=SKIPPED, reason="It is no regular file: a pipe, a device, or a link to nothing.")
    try:
        if file.stat().st_size > _MOST_BYTES:
            return FileReport(file=file, outcome=Outcome.BROKEN, reason=f"It is larger than {_MOST_BYTES // 2**20} MB.")
        data = file.read_bytes()
    except OSError as error:
        return FileReport(file=file, outcome=Outcome.BROKEN, reason=f"It cannot be opened ({error.strerror}).")
    kind = ""
    try:
        kind = _kind(data, file.name, kinds)
        if not kind:
            return FileReport(file=file, outcome=SKIPPED, reason=_what_else(data))
        day = _day_in_name(file.name)
        asked = day or (now.astimezone(UTC).date() if kind == "snapshot" else None)
        page = guarded(lambda: kinds[kind].parse(data, day=asked))
    except Malformed as error:
        return FileReport(file=file, kind=kind, outcome=Outcome.BROKEN, reason=f"It cannot be read: {error}.")
    return _Parsed(file=file, kind=kind, page=page, day=day or (None if kind == "snapshot" else page.listed_on))


def _kind(data: bytes, name: str, kinds: Mapping[str, _Kind]) -> str:
    """Raises Malformed for what is clearly damaged: empty, or JSON that ends too early."""
    if not data.strip():
        raise Malformed("the file is empty")
    binary = b"\x00" in data[:1000] and not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff"))
    if binary:
        return ""
    page = bool(_HTML.match(data))
    return next((kind for kind, module in kinds.items() if _recognises(module, data, name, page)), "")


def _recognises(module: _Kind, data: bytes, name: str, page: bool) -> bool:
    """A web page begins with a document type, which the kinds that read XML refuse: it is none of theirs."""
    try:
        return guarded(lambda: module.recognises(data, name))
    except Malformed:
        if page:
            return False
        raise


def _what_else(data: bytes) -> str:
    """Why a file is skipped, in a sentence. Raises Malformed for damaged JSON."""
    for magic, what in _MAGIC:
        if data.startswith(magic):
            return f"It is {what}, not a source of papers."
    if _HTML.match(data):
        return "It is a web page, but none with papers that is known here."
    if _MAIL.match(data[:3000]):
        return "It is a mail, but neither a listing of arXiv nor an alert of Google Scholar."
    text = markup.decoded(data[:50_000]).lstrip()
    root = markup.root_name(data)
    if root == "opml":
        return "It is a list of feeds, not of papers: import it with manage.py import_opml."
    if root:
        return f"It is XML with the root <{root[:30]}>, but no feed."
    if text[:1] in ("[", "{"):
        if not re.match(r"[{\[].*[}\]]\s*\n\s*[{\[]", text):
            markup.from_json(data)
        return "It is JSON, but no answer of a source that is known here."
    return "It is no listing of papers that is known here."


def _day_in_name(name: str) -> date | None:
    found = _DAY_IN_NAME.search(name)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def _last_day(parsed: list[_Parsed], now: datetime) -> date | None:
    """The newest day that a file states; one after tomorrow is a slip of the file's."""
    latest = now.astimezone(UTC).date() + timedelta(days=1)
    return max((one.day for one in parsed if one.day and one.day <= latest), default=None)


def _store(parsed: _Parsed, moment: datetime) -> FileReport:
    source, _ = Source.objects.get_or_create(
        slug=f"files-{parsed.kind}",
        defaults={
            "name": f"Files: {parsed.kind}",
            "kind": parsed.kind,
            "enabled": False,
            "is_trending": parsed.kind == "huggingface",
        },
    )
    if parsed.page.signals is not None:
        outcome, reason = _signals.store(parsed.page, source, seen_at=moment)
        return FileReport(file=parsed.file, kind=parsed.kind, outcome=outcome, reason=reason, rejected=len(parsed.page.rejected))
    counts = store(parsed.page, source, seen_at=moment, day=moment.astimezone(UTC).date(), one_day=True, revisions=True)
    papers = counts.new + counts.merged
    outcome, reason = (Outcome.FRESH, f"{_outcome.papers(papers)}.") if papers else _outcome.of_page(parsed.page)
    return FileReport(
        file=parsed.file,
        kind=parsed.kind,
        outcome=outcome,
        reason=reason,
        new=counts.new,
        merged=counts.merged,
        rejected=counts.rejected,
    )
