"""What one reading of a source came to: FRESH, QUIET, LATE, PARTIAL or BROKEN, with a sentence a person can act on."""

from __future__ import annotations

import contextlib
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from statistics import median

from django.db.models import Count, F

from newsletter.models import Outcome, Sighting, Source
from newsletter.sources.page import Page, ids

Verdict = tuple[Outcome, str]
Settling = dict[str, list[str]]

_SETTLES = timedelta(hours=24)
_KEPT = timedelta(days=21)
_BARRIER = re.compile(
    rb"awswaf|AwsWafIntegration|challenge\.js|cf-chl|cf_chl|challenge-platform|<title>\s*(?:Just a moment|Attention Required|"
    rb"Access denied|Human Verification)|g-recaptcha|hcaptcha",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One answer, parsed; `page` None: why not is in `error`. grows: its day is not over and papers are still added.

    rolling: always the newest entries, whatever the day (a blog's feed): the same ones again are no news, not late.
    wanted: the ids asked for, when the question named them.
    """

    page: Page | None
    day: date
    error: str = ""
    grows: bool = False
    rolling: bool = False
    wanted: tuple[str, ...] = ()


def judge(source: Source, reading: Reading, cursor: str, settling: Settling, now: datetime) -> tuple[Verdict, str]:
    """(outcome, sentence) of one answer, and the cursor if it may move: `<day>:<fingerprint of the newest batch>`.

    settling: small lists that may turn out to be true, day -> [fingerprint, when first read]; noted here.
    """
    page, day = reading.page, reading.day
    if page is None:
        return (Outcome.BROKEN, sentence(reading.error)), cursor
    last_day, _, last_batch = cursor.partition(":")
    verdict = incomplete(page, reading.wanted)
    if verdict:
        return verdict, cursor
    if not page.records:
        return _empty(source, reading), f"{max(day.isoformat(), last_day)}:{last_batch}"
    count, batch = len(page.records), _batch(page)
    after = cursor if last_day > day.isoformat() else f"{day}:{batch}"
    if batch == last_batch and reading.rolling:
        return (Outcome.QUIET, f"The same {count} entries as on {last_day}: nothing new."), after
    if batch == last_batch and day.isoformat() > last_day:
        return (Outcome.LATE, f"Dated {day}, but the same {papers(count)} as on {last_day}: the new list is not out."), cursor
    usual = None if reading.grows or reading.rolling else _usual(source, day)
    if usual and count * 4 < usual and not _settled(settling, day, batch, now):
        said = f"Only {papers(count)} on {day}, where such a weekday has about {usual}"
        return (Outcome.PARTIAL, f"{said}: used now, and believed if it is the same in a day."), cursor
    return (Outcome.FRESH, f"{papers(count)} of {day}{refused(page)}."), after


def incomplete(page: Page, wanted: tuple[str, ...] = ()) -> Verdict | None:
    """PARTIAL when the page holds more than came, may do so, leaves out what was asked for by name, or nothing was usable."""
    read = len(page.records)
    held = read + len(page.rejected)
    if page.declared is not None and page.declared > held:
        said = f"{read} of {page.declared} papers could be read{refused(page)}"
        return Outcome.PARTIAL, f"{said}: the page says that it holds more."
    if page.declared is not None and page.declared < held:
        return Outcome.PARTIAL, f"{papers(read)} read{refused(page)}, where the page says that it holds {page.declared}."
    if page.doubt:
        return Outcome.PARTIAL, f"{papers(read)} read{refused(page)}: {page.doubt}."
    if page.rejected and not read:
        return Outcome.PARTIAL, f"No paper could be used{refused(page)}."
    came = {value for record in page.records for _, value in record.aliases}
    left_out = [one for one in wanted if (ids.arxiv_id(one) or one) not in came]
    if left_out:
        return Outcome.PARTIAL, f"{len(left_out)} of {len(wanted)} papers asked for did not come: {', '.join(left_out[:5])}."
    return None


def of_page(page: Page) -> Verdict:
    """Of a file, which has no past to be compared with; of a page of signals, before it is stored."""
    if page.signals is not None:
        said = f"{len(page.signals)} signal{'s' * (len(page.signals) != 1)}{refused(page)}"
        return Outcome.FRESH if page.signals else Outcome.QUIET, f"{said}; they count for papers known here and make none."
    if verdict := incomplete(page):
        return verdict
    if not page.records:
        return Outcome.QUIET, "It is valid and lists nothing."
    return Outcome.FRESH, f"{papers(len(page.records))}{refused(page)}."


def together(verdicts: list[Verdict]) -> Verdict:
    """Of several answers: what a person must know first, and everything that was wrong."""
    found = {outcome for outcome, _ in verdicts}
    if found == {Outcome.BROKEN} or not verdicts:
        return Outcome.BROKEN, " ".join(dict.fromkeys(reason for _, reason in verdicts)) or "The answer was empty."
    if Outcome.BROKEN in found:
        return Outcome.PARTIAL, " ".join(dict.fromkeys(reason for _, reason in verdicts))
    worst = next(one for one in (Outcome.PARTIAL, Outcome.LATE, Outcome.FRESH, Outcome.QUIET) if one in found)
    return worst, " ".join(dict.fromkeys(reason for outcome, reason in verdicts if outcome == worst))


def unchanged(source: Source, now: datetime) -> Verdict:
    """304: quiet, but not for longer than a long weekend."""
    last_day = source.cursor.partition(":")[0]
    with contextlib.suppress(ValueError):
        if now.astimezone(UTC).date() - date.fromisoformat(last_day) > timedelta(days=5):
            return Outcome.LATE, f"Not changed since {last_day}: look whether the source still publishes."
    return Outcome.QUIET, "Nothing new since the last reading."


def missed(cursor: str, readings: list[Reading], most: int) -> list[date]:
    """The days between the last one booked and the newest one read now, that nobody has asked for; at most `most`."""
    read = {reading.day for reading in readings if reading.page is not None}
    try:
        first = date.fromisoformat(cursor.partition(":")[0]) + timedelta(days=1)
    except ValueError:
        return []
    gap = (max(read) - first).days if read else 0
    days = [first + timedelta(days=step) for step in range(max(gap, 0))]
    return [day for day in days if day not in {reading.day for reading in readings}][-most:]


def trimmed(settling: Settling, now: datetime) -> Settling:
    oldest = (now.astimezone(UTC).date() - _KEPT).isoformat()
    return {day: known for day, known in settling.items() if day >= oldest}


def why_broken(data: bytes, reason: str) -> str:
    """A page that tests for robots is named: its parse error says nothing to a person."""
    if _BARRIER.search(data[:100_000]):
        return "a page came that tests for robots (a challenge), instead of the list; it is asked again later"
    return reason


def refused(page: Page) -> str:
    """How many records, and of the first one why and which."""
    if not page.rejected:
        return ""
    first = page.rejected[0]
    return f", {len(page.rejected)} refused ({first.reason}: {first.where})"


def papers(count: int) -> str:
    return f"{count} paper{'s' * (count != 1)}"


def sentence(text: str) -> str:
    """First letter up, one full stop."""
    text = text.strip() or "unknown error"
    return text[0].upper() + text[1:].rstrip(".") + "."


def _empty(source: Source, reading: Reading) -> Verdict:
    """Valid and empty is a holiday, or a source that has stopped: the sentence helps to tell."""
    usual = None if reading.grows or reading.rolling else _usual(source, reading.day)
    doubt = f" Such a weekday has about {usual}: if it is no holiday, look at the source." if usual else ""
    return Outcome.QUIET, f"Nothing was listed on {reading.day}.{doubt}"


def _settled(settling: Settling, day: date, batch: str, now: datetime) -> bool:
    """True a day after the first reading that was equal to this one."""
    known = settling.get(day.isoformat())
    if known is None or known[0] != batch:
        settling[day.isoformat()] = [batch, now.isoformat()]
        return False
    return now - datetime.fromisoformat(known[1]) >= _SETTLES


def _usual(source: Source, day: date) -> int | None:
    """The median of the last 8 such weekdays; None with fewer than 4 of them on record."""
    days = [day - timedelta(weeks=back) for back in range(1, 9)]
    rows = Sighting.objects.filter(source=source, listed_on__in=days).values("listed_on")
    counts: list[int] = [row["n"] for row in rows.annotate(n=Count(F("paper"), distinct=True))]
    return round(median(counts)) if len(counts) >= 4 else None


def _batch(page: Page) -> str:
    values = sorted(record.aliases[0][1] for record in page.records)
    return hashlib.sha256("\n".join(values).encode()).hexdigest()[:32]
