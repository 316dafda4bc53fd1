"""docs/sources.md is true: its example is run, its table names the kinds."""

import json
import re
import textwrap
from datetime import date
from pathlib import Path

import pytest

from newsletter.models import Outcome, Paper
from newsletter.sources import KINDS, _sample, ingest_files, page, polite
from tests.sources.making import NOW

TEXT = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")


def test_the_kinds_and_outcomes_of_the_document_are_those_of_the_code():
    assert re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE) == list(KINDS)
    assert set(re.findall(r"^\| ([A-Z]+) \| .* \| (?:moves|stays) \|$", TEXT, re.MULTILINE)) == set(Outcome) - {Outcome.NEVER}


@pytest.mark.django_db
def test_the_example_of_a_new_kind_works(tmp_path, monkeypatch):
    code = textwrap.dedent(re.search(r"```python\n(.*?)```", TEXT, re.DOTALL)[1])
    names = {name: getattr(page, name) for name in ("Malformed", "Page", "Record", "ids", "markup", "text")} | {"polite": polite}
    kind = type("MyKind", (), {})()
    exec(code, names)
    for name in ("HOME", "NAME", "GROWS", "fetch", "parse", "recognises"):
        setattr(kind, name, names[name])
    monkeypatch.setitem(KINDS, "mykind", kind)
    item = {"mykind": 1, "title": "A Study of Careful Readers", "authors": ["Ann Example"], "doi": "10.1000/X"}
    (tmp_path / "a.json").write_text(json.dumps([item]))
    (tmp_path / "b.json").write_text('[{"mykind": 1')
    report = ingest_files(tmp_path, now=NOW)
    assert [(one.kind, one.outcome) for one in report.files] == [("mykind", "FRESH"), ("mykind", "BROKEN")]
    assert Paper.objects.get(aliases__value="10.1000/x").authors == ["Ann Example"]


def test_the_samples_placeholders_become_dates():
    written = '"@-2T00:00:00.000Z" <pubDate>@-2</pubDate> a @-2 b\nCL@-2Code\nCV@-0'
    shown = _sample._dated(written, date(2026, 11, 22))
    assert shown.splitlines() == [
        '"2026-11-20T00:00:00.000Z" <pubDate>Fri, 20 Nov 2026 04:00:00 +0000</pubDate> a @-2 b',
        "CLNov 20, 2026Code",
        "CVNov 22, 2026",
    ]
