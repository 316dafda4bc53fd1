"""How little the words that most papers share say about one of them: the grades of `common_words.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from newsletter.matching import stems


def light_terms() -> dict[str, float]:
    """Term -> weight in (0, 1), of the terms that stand in a grade."""
    grades = tomllib.loads((Path(__file__).parent / "common_words.toml").read_text(encoding="utf-8"))["grade"]
    return {term: grade["weight"] for grade in reversed(grades) for term in stems.terms(stems.words(grade["words"]))}
