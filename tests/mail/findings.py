"""Labels of 100 recorded abstracts, and a judge of picks that knows nothing of the picker.

A line of finding_labels.jsonl: id (scheme:value); kept (a third, chosen by a hash of the id, never tuned on); abstract and
hashes (first 16 hex digits of the sha256 of the abstract on one line and of each acceptable sentence); acceptable (numbers,
from 0, of sentences that tell a hurried researcher what was found, or what was made where that is the result); context
(sentences that may stand beside an acceptable one, never alone); told_by (of a long sentence: the words it takes to tell it).
Sentence numbers are those of `pieces`, which must not change; the hashes show when a text or the splitter did.
"""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from newsletter import sources

LEAD_IN = 3  # words a pick may drop from a sentence's beginning: "Furthermore,", "RESULTS:"
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|et al|vs|cf|Fig|Eq)\.$")
_INITIAL = re.compile(r"\b[A-Z]\.$")
_STARTS = {"We", "The", "Our", "This", "In", "It", "Finally", "These", "Here", "To", "For"}


@dataclass(frozen=True)
class Labelled:
    id: str
    kept: bool
    abstract: str
    acceptable: frozenset[int]
    context: frozenset[int]
    told_by: dict[int, int]


def labelled(root: Path) -> list[Labelled]:
    """The labels with their texts from the recorded answers below `root`; AssertionError when a text or sentence differs."""
    texts = _texts(root)
    return [_joined(json.loads(row), texts) for row in _rows()]


def pieces(text: str) -> list[str]:
    """The frozen splitter of the labels, not the product's."""
    found: list[str] = []
    for piece in re.split(r"(?<=[.!?])\s+(?=[^a-z\s])", " ".join(text.split())):
        goes_on = found and (
            _ABBREVIATION.search(found[-1]) or (_INITIAL.search(found[-1]) and piece.split()[0].rstrip(",") not in _STARTS)
        )
        if goes_on:
            found[-1] += " " + piece
        else:
            found.append(piece)
    return found


def acceptable(pick: str, label: Labelled) -> bool:
    """Strict: the pick shows nothing but acceptable and context sentences, and tells at least one acceptable one.

    A sentence is told when it is whole but for a lead-in, or cut no earlier than the word the label names.
    """
    shown = _shown(pick, label.abstract)
    numbers = set(shown)
    told = any(_tells(shown[n], label, n) for n in numbers & label.acceptable)
    return told and numbers <= label.acceptable | label.context


def _tells(words: list[int], label: Labelled, number: int) -> bool:
    size = len(pieces(label.abstract)[number].split())
    return min(words) <= LEAD_IN and max(words) + 1 >= label.told_by.get(number, size)


def _shown(pick: str, abstract: str) -> dict[int, list[int]]:
    """{sentence: its words that the pick shows}, found by the longest runs of equal words."""
    places = [(n, k) for n, piece in enumerate(pieces(abstract)) for k in range(len(piece.split()))]
    words = [_bare(word) for word in " ".join(abstract.split()).split()]
    rest = [_bare(word) for word in pick.split()]
    shown: dict[int, list[int]] = {}
    while rest:
        start, run = max(((p, _run(words[p:], rest)) for p in range(len(words))), key=lambda found: found[1])
        assert run, f"the pick of {len(pick)} characters is not from its abstract"
        for n, k in places[start : start + run]:
            shown.setdefault(n, []).append(k)
        rest = rest[run:]
    return shown


def _bare(word: str) -> str:
    return word.rstrip("….,;:").casefold()


def _run(words: list[str], rest: list[str]) -> int:
    run = 0
    for a, b in zip(words, rest, strict=False):
        if a != b:
            break
        run += 1
    return run


def _joined(row: dict, texts: dict[tuple[str, str], str]) -> Labelled:
    text = texts.get((row["id"], row["abstract"]))
    assert text is not None, f"{row['id']}: no recorded answer holds the abstract that was labelled"
    found = pieces(text)
    assert [_digest(found[n]) for n in row["acceptable"]] == row["hashes"], f"{row['id']}: the sentences are not those labelled"
    told_by = {int(n): words for n, words in row.get("told_by", {}).items()}
    return Labelled(row["id"], row["kept"], text, frozenset(row["acceptable"]), frozenset(row["context"]), told_by)


def _rows() -> list[str]:
    return Path(__file__).with_name("finding_labels.jsonl").read_text(encoding="utf-8").splitlines()


def _texts(root: Path) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for folder in ("arxiv", "feeds", "hf", "pubmed", "seeds", "text-snapshots"):
        for one in sources.preview_files(root / folder, now=datetime(2026, 11, 22, 9, tzinfo=UTC)):
            for record in one.page.records if one.page else ():
                for scheme, value in record.aliases:
                    found[f"{scheme}:{value}", _digest(" ".join(record.abstract.split()))] = record.abstract
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def samples() -> Path | None:
    """The recorded answers, or None where they are not."""
    root = os.environ.get("PAPERROUND_SAMPLES", "")
    return Path(root) if root and (Path(root) / "hf").is_dir() else None
