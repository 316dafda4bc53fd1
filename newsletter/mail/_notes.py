"""The curator's note: Markdown in, safe HTML for the mail and quiet plain text for its twin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token


def markdown(text: str) -> str:
    """Safe HTML of a note: paragraphs, lists, quotes, emphasis, code, links. Typed HTML is shown as typed.

    Links go to http, https or mailto; others stay text. No images and no headings (a mail has its own).
    """
    return str(_parser().render(text))


def markdown_with(classes: Mapping[str, str], text: str) -> str:
    """The same HTML with a class on each tag named in `classes`: mail clients that lack descendant selectors need it."""
    tokens = _parser().parse(text)
    for token in [*tokens, *(child for block in tokens for child in block.children or ())]:
        if token.nesting == 1 and token.tag in classes:
            token.attrJoin("class", classes[token.tag])
    return str(_parser().renderer.render(tokens, _parser().options, {}))


@lru_cache(maxsize=256)
def plain(text: str) -> str:
    """The same note for a text part: paragraphs apart by an empty line, each link's address in angle brackets after it."""
    blocks = [_inline(token) for token in _parser().parse(text) if token.type in {"inline", "fence", "code_block"}]
    return "\n\n".join(block for block in blocks if block)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "linkify": False, "typographer": False})
    parser.disable(["image", "heading", "lheading", "html_block", "html_inline"])
    parser.validateLink = _may_link  # type: ignore[method-assign]
    return parser


def _may_link(url: str) -> bool:
    try:
        return urlsplit(url.strip()).scheme.lower() in {"http", "https", "mailto"}
    except ValueError:
        return False


def _inline(token: Token) -> str:
    if not token.children:
        return re.sub(r"\s+", " ", token.content).strip()
    out: list[str] = []
    targets: list[str] = []
    for child in token.children:
        if child.type == "link_open":
            targets.append(str(child.attrs.get("href", "")))
        elif child.type == "link_close":
            out.append(f" <{targets.pop()}>")
        elif child.type in {"softbreak", "hardbreak"}:
            out.append(" ")
        else:
            out.append(child.content)
    return "".join(out).strip()
