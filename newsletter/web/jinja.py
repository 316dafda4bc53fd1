"""The environment of the web templates: strict, escaping, one folder. Templates see plain values and the globals below."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.templatetags.static import static
from django.urls import get_script_prefix, reverse
from django.utils import translation
from django.utils.dateformat import format as date_format
from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined, select_autoescape

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"


def environment(**options: Any) -> Environment:
    options.update(
        loader=PrefixLoader({"web": FileSystemLoader(TEMPLATES / "web")}),
        autoescape=select_autoescape(("html", "xml")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    env = Environment(**options)  # noqa: S701 (select_autoescape above)
    env.install_gettext_callables(translation.gettext, translation.ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.globals.update(url=_address, static=static, newsletter=settings.NEWSLETTER_NAME)
    env.filters.update(longday=_long_day, shortday=_short_day, weekday=_weekday, week=_week, month=_month, domain=_domain)
    return env


def _address(name: str, *parts: object) -> str:
    """The path of a page of this door: `url("paper", ref)`."""
    return _path(get_script_prefix(), name, *parts)


@lru_cache(maxsize=4096)
def _path(prefix: str, name: str, *parts: object) -> str:
    return reverse(f"web:{name}", args=parts)


def _long_day(value: date) -> str:
    return date_format(value, "l, j F Y")


def _short_day(value: date) -> str:
    return date_format(value, "D j M")


def _weekday(value: date) -> str:
    return date_format(value, "D")


def _week(value: date) -> str:
    """As addresses name it: 2026-W47."""
    return f"{value:%G-W%V}"


def _month(value: date) -> str:
    return date_format(value, "F Y")


def _domain(address: str) -> str:
    return address.split("//", 1)[-1].split("/", 1)[0].removeprefix("www.")
