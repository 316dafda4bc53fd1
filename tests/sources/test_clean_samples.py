"""Everything recorded comes out in plain Unicode; what does not is listed here with the reason."""

import json
import re

from newsletter.sources import KINDS, _files
from newsletter.sources.page import Malformed, text
from tests.sources import samples

pytestmark = samples.needed
LEFT = re.compile(r"\\.{0,20}|[{}].{0,20}|\bsim\d.{0,10}|\b[OC]_[A-Z]{2,}|&(?:amp|lt|gt|quot|#\d+);|[\u202a-\u202e\u2066-\u2069]")
KNOWN = {"{time}{place}": "prose of the abstract itself: 'What happened {time}{place}?'"}


def records():
    for file in sorted(samples.ROOT.rglob("*")):
        if not file.is_file() or "hostile" in file.parts:
            continue
        data = file.read_bytes()
        try:
            kind = _files._kind(data, file.name, KINDS)
            page = KINDS[kind].parse(data) if kind else None
        except Malformed:
            continue
        yield from ((file.name, record) for record in (page.records if page else ()))


def test_no_title_or_abstract_of_the_samples_keeps_tex_marks_or_entities():
    found, read = [], 0
    for name, record in records():
        read += 1
        for shown in (record.title, record.abstract, record.summary, *record.authors):
            bare = shown
            for known in KNOWN:
                bare = bare.replace(known, "")
            found += [(name, left) for left in LEFT.findall(bare)]
            assert text.clean(shown) == shown, (name, shown)
    assert read > 350
    assert found == []


def test_links_in_abstracts_become_links_of_the_paper():
    seen = 0
    for name, record in records():
        code = text.code_link(record.abstract)
        seen += bool(code)
        assert not code or (record.code_url and record.has_code), (name, record.title)
    assert seen > 5


def test_titles_and_names_written_in_tex():
    rows = [json.loads(line) for line in samples.data("arxiv/tex-titles.jsonl").decode().splitlines()]
    ((_, want),) = samples.expected("arxiv/tex-titles")
    assert len(rows) == want["rows"]
    assert sum(text.says_withdrawn(row["comments"] or "") for row in rows) == want["withdrawn"]
    for row in rows:
        assert text.says_withdrawn(row["comments"] or "") == row["withdrawn"]
        for shown in (text.clean(row["title"]), *text.people(row["authors"])):
            assert not re.search(r"[\\{}$()]", shown.replace("U(1)", "")), shown
    assert text.people(rows[3]["authors"]) == ("Peter Brommer", "Franz Gähler")
    assert text.people(rows[17]["authors"])[-1] == "A. Le Méhauté"
