"""The mail room's own Jinja2: strict, without a loader beyond its folder, one environment per locale and part."""

from __future__ import annotations

import gettext
from datetime import date
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from newsletter.mail._words import wrap

_ROOT = Path(__file__).resolve().parents[2]
_MONTHS = (
    "",
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@lru_cache(maxsize=64)
def translations(locale: str) -> gettext.NullTranslations:
    """The project's one catalogue, read without Django; English needs none."""
    return gettext.translation("django", _ROOT / "locale", languages=[locale.replace("-", "_")], fallback=True)


@lru_cache(maxsize=64)
def html(locale: str) -> Environment:
    return _environment(locale, escape=True)


@lru_cache(maxsize=64)
def text(locale: str) -> Environment:
    return _environment(locale, escape=False)


def _environment(locale: str, *, escape: bool) -> Environment:
    made = Environment(
        loader=FileSystemLoader(_ROOT / "templates" / "email"),
        autoescape=escape,  # noqa: S701 (the text part shows a title as it is: no markup to escape into)
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.install_gettext_translations(translations(locale), newstyle=True)  # type: ignore[attr-defined]
    made.filters["wrap"] = wrap
    return made


def long_day(day: date, locale: str) -> str:
    """Sunday, 22 November 2026"""
    name = translations(locale).gettext
    words = {"weekday": name(_DAYS[day.weekday()]), "day": day.day, "month": name(_MONTHS[day.month]), "year": day.year}
    return name("%(weekday)s, %(day)d %(month)s %(year)d") % words


def short_day(day: date, locale: str, *, year: bool = False) -> str:
    """22 Nov, or 22 Nov 2026"""
    name = translations(locale).gettext
    words = {"day": day.day, "month": name(_MONTHS[day.month][:3]), "year": day.year}
    return (name("%(day)d %(month)s %(year)d") if year else name("%(day)d %(month)s")) % words


def plain_day(day: date, locale: str) -> str:
    """22 November 2026"""
    name = translations(locale).gettext
    return name("%(day)d %(month)s %(year)d") % {"day": day.day, "month": name(_MONTHS[day.month]), "year": day.year}


def listing(items: list[str], locale: str) -> str:
    """a, b and c"""
    if len(items) < 2:
        return "".join(items)
    words = {"some": ", ".join(items[:-1]), "last": items[-1]}
    return translations(locale).gettext("%(some)s and %(last)s") % words
