"""References for other programs: every paper once, ids as known, and no title that a program would read as a command."""

from __future__ import annotations

import re

import pytest
import web_rows as rows
from django.db import connection
from django.test.utils import CaptureQueriesContext

from newsletter.models import Alias, Issue, Paper
from newsletter.web import citing

pytestmark = pytest.mark.django_db
HOSTILE = "100% of $x_1$ & {more}\\input{/etc/passwd} \u202e\r\nER  - \r\n@misc{x}"


def paper(**fields: object) -> Paper:
    values = {"title": "On machines", "authors": ["Ada van der Berg", "Bob"], "authors_total": 2,
              "published_on": rows.datetime(2026, 11, 3).date(), **fields}  # fmt: skip
    day = Issue.objects.first() or rows.issue()
    [row] = rows.papers(day, 1, **values)
    return row


def test_an_entry_names_authors_year_ids_and_says_when_the_list_was_cut():
    row = paper(authors_total=None, categories=["cs.RO"])
    Alias.objects.create(scheme="arxiv", value="2611.00001", paper=row)
    Alias.objects.create(scheme="doi", value="10.1000/a_b", paper=row)
    text = citing.bibtex([row])
    assert text.startswith("@misc{vanderberg2026machines-")
    assert "author = {Ada van der Berg and Bob and others}," in text
    for line in ("year = {2026},", "month = nov,", r"doi = {10.1000/a\_b},", "eprint = {2611.00001},", "primaryclass = {cs.RO},"):
        assert line in text


def test_a_record_has_a_line_a_field_and_family_names_first():
    lines = citing.ris([paper()]).split("\r\n")
    assert lines[0] == "TY  - GEN"
    assert "AU  - van der Berg, Ada" in lines and "AU  - Bob" in lines and "DA  - 2026/11/03" in lines
    assert [line for line in lines if line][-1] == "ER  - "


def test_no_title_ends_its_entry_or_commands_tex():
    row = paper(title=HOSTILE)
    text = citing.bibtex([row])
    assert text.count("@misc{") == 1 and text.splitlines()[0].startswith("@misc{vanderberg")
    assert r"\textbackslash{}input\{/etc/passwd\}" in text and r"\$x\_1\$" in text and r"100\%" in text
    assert "\u202e" not in text
    depth = [len(re.findall(r"(?<!\\)[{]", line)) - len(re.findall(r"(?<!\\)[}]", line)) for line in text.splitlines()]
    assert depth[0] == 1 and sum(depth) == 0 and not any(depth[1:-1])
    assert citing.ris([row]).count("\r\nER  - ") == 1


def test_a_joined_paper_stands_once_and_a_withdrawn_one_without_its_abstract():
    kept, joined = paper(), paper()
    Paper.objects.filter(pk=joined.pk).update(merged_into=kept)
    Paper.objects.filter(pk=kept.pk).update(withdrawn_at=rows.now())
    found = list(Paper.objects.select_related("merged_into").filter(pk__in=[kept.pk, joined.pk]))
    text = citing.bibtex(found)
    assert text.count("@misc{") == 1 and "note = {withdrawn}" in text and kept.abstract not in text


def test_a_thousand_papers_take_as_many_queries_as_ten():
    found = rows.papers(rows.issue(), 100)
    with CaptureQueriesContext(connection) as few:
        citing.bibtex(found[:10])
    with CaptureQueriesContext(connection) as many:
        citing.bibtex(found)
    assert len(few) == len(many) == 1
