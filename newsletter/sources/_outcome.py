"""What one reading of a source came to: FRESH, QUIET, LATE, PARTIAL or BROKEN, with a sentence a person can act on."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.db.models import Count, F

from newsletter.models import Outcome, Sighting, Source
from newsletter.sources.page import Page

Verdict = tuple[Outcome, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One answer, parsed; `page` None: why not is in `error`. grows: its day is not over and papers are still added."""

    page: Page | None
    day: date
    error: str = ""
    grows: bool = False


def judge(source: Source, reading: Reading, cursor: str) -> tuple[Verdict, str]:
    """(outcome, sentence) of one answer, and the cursor if it may move: `<day>:<fingerprint of the newest batch>`."""
    page, day = reading.page, reading.day
    if page is None:
        return (Outcome.BROKEN, sentence(reading.error)), cursor
    last_day, _, last_batch = cursor.partition(":")
    if not page.records:
        return (Outcome.QUIET, f"Nothing was listed on {day}."), f"{max(day.isoformat(), last_day)}:{last_batch}"
    batch = _batch(page)
    if batch == last_batch and day.isoformat() > last_day:
        same = f"the same {len(page.records)} papers as on {last_day}"
        return (Outcome.LATE, f"Dated {day}, but {same}: the new list is not out."), cursor
    after = cursor if last_day > day.isoformat() else f"{day}:{batch}"
    if page.declared is not None and page.declared != len(page.records) + len(page.rejected):
        return (Outcome.PARTIAL, f"{len(page.records)} of {page.declared} papers could be read."), cursor
    usual = None if reading.grows else _usual(source, day)
    if usual and len(page.records) * 4 < usual:
        return (Outcome.PARTIAL, f"{len(page.records)} papers on {day}; such a weekday has about {usual}."), cursor
    refused = f", {len(page.rejected)} refused" if page.rejected else ""
    return (Outcome.FRESH, f"{len(page.records)} papers of {day}{refused}."), after


def together(verdicts: list[Verdict]) -> Verdict:
    """Of several answers: what a person must know first, and everything that was wrong."""
    found = {outcome for outcome, _ in verdicts}
    if found == {Outcome.BROKEN} or not verdicts:
        return Outcome.BROKEN, " ".join(dict.fromkeys(reason for _, reason in verdicts)) or "The answer was empty."
    if Outcome.BROKEN in found:
        return Outcome.PARTIAL, " ".join(reason for _, reason in verdicts)
    worst = next(one for one in (Outcome.PARTIAL, Outcome.LATE, Outcome.FRESH, Outcome.QUIET) if one in found)
    return worst, " ".join(reason for outcome, reason in verdicts if outcome == worst)


def unchanged(source: Source, now: datetime) -> Verdict:
    """304: quiet, but not for longer than a long weekend."""
    last_day = source.cursor.partition(":")[0]
    with contextlib.suppress(ValueError):
        if now.astimezone(UTC).date() - date.fromisoformat(last_day) > timedelta(days=5):
            return Outcome.LATE, f"Not changed since {last_day}: look whether the source still publishes."
    return Outcome.QUIET, "Nothing new since the last reading."


def _usual(source: Source, day: date) -> int | None:
    """The median of the last 8 such weekdays; None with fewer than 4 of them on record."""
    days = [day - timedelta(weeks=back) for back in range(1, 9)]
    rows = Sighting.objects.filter(source=source, listed_on__in=days).values("listed_on")
    counts: list[int] = sorted(row["n"] for row in rows.annotate(n=Count(F("paper"), distinct=True)))
    return counts[len(counts) // 2] if len(counts) >= 4 else None


def _batch(page: Page) -> str:
    values = sorted(record.aliases[0][1] for record in page.records)
    return hashlib.sha256("\n".join(values).encode()).hexdigest()[:32]


def sentence(text: str) -> str:
    """First letter up, one full stop."""
    text = text.strip() or "unknown error"
    return text[0].upper() + text[1:].rstrip(".") + "."
