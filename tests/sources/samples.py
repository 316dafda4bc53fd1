"""The recorded answers, found by PAPERROUND_SAMPLES; without it the tests that need them are skipped."""

import json
import os
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("PAPERROUND_SAMPLES", ""))
PRESENT = bool(os.environ.get("PAPERROUND_SAMPLES")) and (ROOT / "expected.json").is_file()
needed = pytest.mark.skipif(not PRESENT, reason="PAPERROUND_SAMPLES names no folder of recorded answers")


def expected(prefix: str) -> list[tuple[str, dict]]:
    """(file, what a correct parser gets) of the files whose path begins so; [] without the recordings."""
    if not PRESENT:
        return []
    oracle = json.loads((ROOT / "expected.json").read_text(encoding="utf-8"))
    return [(name, entry["expect"]) for name, entry in oracle.items() if name.startswith(prefix) and entry["expect"]]


def data(name: str) -> bytes:
    return (ROOT / name).read_bytes()
