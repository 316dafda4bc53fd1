"""Stars of the repositories that papers link to: a signal, never a new paper.

Gentle: only papers of the last 14 days, each repository once a day, at most `most` a reading, and with the ETag of the
last answer, so that an unchanged one costs nothing. ETags live in a file of the data folder; losing it loses nothing.
Source: docs.github.com/rest/repos/repos (60 questions an hour without a key).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings

from newsletter.models import Paper
from newsletter.sources import polite
from newsletter.sources.page import Malformed, Page, Rejected, Signal, markup, text

HOME = "https://api.github.com"
NAME = "GitHub stars"
GROWS = True
_DAYS = 14
_MOST = 20
_AGAIN_HOURS = 20
_GIVE_UP = 3  # failures in a row: the hour's questions are used up, or GitHub is away
_PAUSE = 1.0


def fetch(params: Mapping[str, Any], *, now: datetime, etag: str = "", last_modified: str = "") -> polite.Fetched:
    """What is known of each repository asked, in one answer. `params`: `most`, `url` (another API). Raises Unavailable."""
    base = str(params.get("url") or HOME)
    known = _known()
    found: list[dict[str, Any]] = []
    failed: list[polite.Unavailable] = []
    for repository in _due(known, now)[: int(params.get("most") or _MOST)]:
        entry: dict[str, Any] = {"asked": repository, "at": now.isoformat()}
        try:
            got = polite.get(f"{base}/repos/{repository}", etag=str(known.get(repository, {}).get("etag", "")), pause=_PAUSE)
        except polite.NotYet:
            if not found:
                raise
            break  # the host rests: the others are asked next time
        except polite.Unavailable as error:
            failed.append(error)
            found.append(entry | {"error": str(error)})
            if len(failed) >= _GIVE_UP and all("error" in one for one in found[-_GIVE_UP:]):
                break
            continue
        answer = {} if got.unchanged else markup.from_json(got.data)
        found.append(entry | {"etag": got.etag, "unchanged": got.unchanged, "answer": answer})
    if failed and len(failed) == len(found):
        raise failed[-1]
    return polite.Fetched(answers=(polite.Answer(data=markup.to_json(found)),) if found else (), unchanged=not found)


def settle(params: Mapping[str, Any], got: polite.Fetched) -> None:
    """Keep when each repository was asked and the ETag of its answer, now that its stars are stored."""
    known = _known()
    for answer in got.answers:
        for entry in markup.from_json(answer.data):
            before = known.get(entry["asked"], {})
            etag = before.get("etag", "") if entry.get("unchanged") or "error" in entry else entry.get("etag", "")
            known[entry["asked"]] = {"etag": etag, "at": entry["at"]}
    newest = sorted(known.items(), key=lambda pair: str(pair[1].get("at")))[-5000:]
    part = _file().with_suffix(".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.write_text(json.dumps(dict(newest)), encoding="utf-8")
    part.replace(_file())


def parse(data: bytes, *, day: date | None = None) -> Page:
    """The answers of one reading, or one repository as the API sends it. Raises Malformed."""
    found = markup.from_json(data)
    entries = found if isinstance(found, list) else [{"answer": found}]
    signals: list[Signal] = []
    rejected: list[Rejected] = []
    for place, entry in enumerate(entries, 1):
        if isinstance(entry, dict) and entry.get("unchanged"):
            continue
        try:
            signals.append(_signal(entry))
        except Malformed as error:
            asked = entry.get("asked") if isinstance(entry, dict) else None
            rejected.append(Rejected(str(error), str(asked or f"repository {place}")[:120]))
    if rejected and not signals and len(rejected) == len(entries):
        raise Malformed(f"no repository can be read ({rejected[0].reason})")
    return Page(signals=tuple(signals), rejected=tuple(rejected))


def recognises(data: bytes, name: str = "") -> bool:
    """One repository as the API sends it."""
    head = data[:20_000]
    return head.lstrip()[:1] == b"{" and b'"stargazers_count"' in head and b'"full_name"' in head


def _signal(entry: object) -> Signal:
    answer = entry.get("answer") if isinstance(entry, dict) else None
    if isinstance(entry, dict) and isinstance(entry.get("error"), str):
        raise Malformed(entry["error"])
    if not isinstance(entry, dict) or not isinstance(answer, dict):
        raise Malformed("no repository")
    stars = text.whole(answer.get("stargazers_count"))
    asked = entry.get("asked") or answer.get("full_name")  # a repository that moved answers with its new name
    if stars is None or not isinstance(asked, str):
        raise Malformed("no stars")
    return Signal(name=text.clean(asked, longest=200), repository=asked.lower(), stars=stars)


def _due(known: Mapping[str, Mapping[str, Any]], now: datetime) -> list[str]:
    """Those never asked first, then the longest ago."""
    since = now.astimezone(UTC).date() - timedelta(days=_DAYS)
    rows = Paper.objects.filter(
        code_url__contains="github.com/", listed_on__gte=since, merged_into=None, withdrawn_at=None, is_sample=False
    )
    named = (text.repository(url) for url in rows.order_by("-listed_on", "pk").values_list("code_url", flat=True))
    late = (now - timedelta(hours=_AGAIN_HOURS)).astimezone(UTC).isoformat()
    asked = {name: str(known.get(name, {}).get("at", "")) for name in dict.fromkeys(filter(None, named))}
    return sorted((name for name, at in asked.items() if at < late), key=lambda name: asked[name])


def _file() -> Path:
    return Path(settings.PAPERROUND_DATA) / "github-stars.json"


def _known() -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, dict)} if isinstance(found, dict) else {}
