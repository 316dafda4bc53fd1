"""The environment of the web templates: strict, escaping, one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined, select_autoescape

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"


def environment(**options: Any) -> Environment:
    options.update(
        loader=PrefixLoader({"web": FileSystemLoader(TEMPLATES / "web")}),
        autoescape=select_autoescape(("html", "xml")),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
    )
    return Environment(**options)  # noqa: S701 (select_autoescape above)
