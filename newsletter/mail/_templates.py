"""The mail room's own Jinja2: strict, without a loader beyond its folder, one environment per locale and part."""

from __future__ import annotations

import gettext
import re
from datetime import UTC, date, datetime
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from newsletter.mail._words import wrap

_TEMPLATES = Path(__file__).resolve().parents[2] / "templates" / "email"
_CATALOGUES = Path(__file__).resolve().parents[1] / "locale"


def marked(*texts: str) -> tuple[str, ...]:
    """Texts that are looked up in the catalogue when they are shown, not here."""
    return texts


_MONTHS = marked(
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_SHORT_MONTHS = marked("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAYS = marked("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@lru_cache(maxsize=64)
def translations(locale: str) -> gettext.NullTranslations:
    """The project's one catalogue, read without Django; English needs none. A locale without one is read in English."""
    return gettext.translation("django", _CATALOGUES, languages=[locale.replace("-", "_")], fallback=True)


@lru_cache(maxsize=1)
def locales() -> tuple[str, ...]:
    """Every locale that mails are written in: English, and those with a catalogue."""
    return ("en", *sorted(path.parts[-3].replace("_", "-") for path in _CATALOGUES.glob("*/LC_MESSAGES/django.mo")))


def language(locale: str) -> str:
    """The language that a mail in this locale is really in, for its `lang`."""
    return translations(locale).info().get("language", "en")


@lru_cache(maxsize=64)
def html(locale: str) -> Environment:
    return _environment(locale, escape=True)


@lru_cache(maxsize=64)
def text(locale: str) -> Environment:
    return _environment(locale, escape=False)


def _environment(locale: str, *, escape: bool) -> Environment:
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=escape,  # noqa: S701 (the text part shows a title as it is: no markup to escape into)
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.install_gettext_translations(translations(locale), newstyle=True)  # type: ignore[attr-defined]
    made.filters["wrap"] = wrap
    made.filters["tied"] = tied
    return made


def fault(error: Exception) -> str:
    """Why a mail could not be written, in words for whoever mends it. Nothing a reader typed, and no address."""
    said = f"{type(error).__name__}: {error}" if isinstance(error, TemplateError) else type(error).__name__
    return said.splitlines()[0]


def tied(text: str) -> str:
    """The same words; a number stays on the line of what it counts."""
    return re.sub(r"(?<=\d) (?=\w)", "\u00a0", text)


def long_day(day: date, locale: str) -> str:
    """Sunday, 22 November 2026"""
    name = translations(locale).gettext
    words = {"weekday": name(_DAYS[day.weekday()]), "day": day.day, "month": name(_MONTHS[day.month - 1]), "year": day.year}
    return name("%(weekday)s, %(day)d %(month)s %(year)d") % words


def short_day(day: date, locale: str, *, year: bool = False) -> str:
    """22 Nov, or 22 Nov 2026"""
    name = translations(locale).gettext
    words = {"day": day.day, "month": name(_SHORT_MONTHS[day.month - 1]), "year": day.year}
    return (name("%(day)d %(month)s %(year)d") if year else name("%(day)d %(month)s")) % words


def plain_day(day: date, locale: str) -> str:
    """22 November 2026"""
    name = translations(locale).gettext
    return name("%(day)d %(month)s %(year)d") % {"day": day.day, "month": name(_MONTHS[day.month - 1]), "year": day.year}


def moment(at: datetime, locale: str) -> str:
    """22 November 2026, 06:41 UTC. at: aware"""
    name, at = translations(locale).gettext, at.astimezone(UTC)
    return name("%(day)s, %(time)s UTC") % {"day": plain_day(at.date(), locale), "time": f"{at:%H:%M}"}


def whole(n: int, locale: str) -> str:
    """1,830 in English, 1.830 in German."""
    return f"{n:,}".replace(",", translations(locale).pgettext("thousands separator", ","))


def quoted(text: str, locale: str) -> str:
    """“long context” in English, „long context“ in German."""
    return translations(locale).gettext("“%(text)s”") % {"text": text}


def listing(items: list[str], locale: str) -> str:
    """a, b and c"""
    if len(items) < 2:
        return "".join(items)
    words = {"some": ", ".join(items[:-1]), "last": items[-1]}
    return translations(locale).gettext("%(some)s and %(last)s") % words
