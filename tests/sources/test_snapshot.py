"""Saved and pasted pages: text and HTML of one listing say the same."""

import html
import json
from datetime import date

import pytest

from newsletter.models import Paper
from newsletter.sources import KINDS, _files, identity, snapshot
from newsletter.sources.page import Malformed, ids, labs
from tests.sources import making, samples

DAY = date(2026, 11, 22)
ABSTRACT = "We read <b>many</b> papers and report what careful readers do with them, in a long sentence of some length."
JOINED = (
    "<!DOCTYPE html><html><head><title>x</title></head><body><nav>Home</nav><div class=card><div><span>CL</span><span>Jan 5</span>"
    "<span>Code</span></div><h3>A Study of <i>Careful</i> Readers</h3><p>Ann Example, Bo Miller et al. · pku, mit</p>"
    f"<p>{ABSTRACT}</p></div><footer>About</footer></body></html>"
)
APART = (
    "<html><body><article><span>CLJan 5Code</span><a>A Study of Careful Readers</a><ul><li>Ann Example</li><li>Bo Miller</li>"
    f"<li>et al.</li></ul><p>· pku, mit</p><p>{ABSTRACT}</p><a>PDF</a></article></body></html>"
)
ONE_LINE = (
    "<html><body><p>CLJan 5Code</p><p>A Study of Careful ReadersAnn Example, Bo Miller, Cy Test et al. · pku, mit</p>"
    f"<p>{ABSTRACT}</p></body></html>"
)


@pytest.mark.parametrize("page", [JOINED, APART, ONE_LINE])
def test_a_saved_web_page_of_the_listing_is_read(page):
    assert snapshot.recognises(page.encode())
    (record,) = snapshot.parse(page.encode(), day=DAY).records
    assert record.title == "A Study of Careful Readers"
    assert record.authors[:2] == ("Ann Example", "Bo Miller") and record.authors_total is None
    assert record.organizations == ("pku", "mit")
    assert record.has_code and record.categories == ("cs.CL",) and record.published_on == date(2026, 1, 5)
    assert record.abstract.startswith("We read many papers") and "PDF" not in record.abstract


@samples.needed
@pytest.mark.parametrize(("name", "want"), samples.expected("text-snapshots/other") + samples.expected("seeds/002"))
def test_the_listing_as_a_web_page_says_what_its_text_says(name, want):
    text = samples.data(name).decode()
    page = "<html><body>" + "".join(f"<p>{html.escape(line)}</p>" for line in text.splitlines()) + "</body></html>"
    assert [
        (one.title, one.authors, one.organizations, one.abstract) for one in snapshot.parse(page.encode(), day=DAY).records
    ] == [(one.title, one.authors, one.organizations, one.abstract) for one in snapshot.parse(text.encode(), day=DAY).records]


@samples.needed
@pytest.mark.parametrize("name", [name for name, _ in samples.expected("hf/html/daily")])
def test_a_saved_page_of_hugging_face_goes_to_its_own_kind(name):
    assert _files._kind(samples.data(name), "saved.html", KINDS) == "huggingface"


@pytest.mark.parametrize(
    "page", [b"<html><body>hello</body></html>", b"<!DOCTYPE html><html><p>CLJan 5</p></html>", b"<html><p>x"]
)
def test_any_other_web_page_is_refused(page):
    assert not snapshot.recognises(page)
    with pytest.raises(Malformed):
        snapshot.parse(page, day=DAY)


@pytest.mark.parametrize(
    ("said", "meant"),
    [("Nov 22", "2026-11-22"), ("Nov 23", "2025-11-23"), ("Feb 29", "2024-02-29"), ("Dec 31", "2025-12-31"), ("Feb 30", "None")],
)
def test_a_day_without_year_is_the_latest_one_not_after_the_snapshot(said, meant):
    page = f"CL{said}\nA Study of Careful ReadersAnn Example, Bo Miller\n{ABSTRACT}"
    assert str(snapshot.parse(page.encode(), day=DAY).records[0].published_on) == meant


@pytest.mark.django_db
def test_short_names_of_labs_are_kept_as_full_ones():
    assert labs.names(["pku", "PKU", "Tsinghua", "some-lab"]) == ("Peking University", "Tsinghua University", "some-lab")
    record = making.record(organizations=("pku", "some-lab"))
    identity.store(making.page(record), making.source(), seen_at=making.NOW, day=making.DAY)
    assert Paper.objects.get().organizations == ["Peking University", "some-lab"]


@samples.needed
def test_every_class_of_arxivs_table_gets_its_archive_or_stays_as_listed():
    rows = [
        row
        for row in json.loads(samples.data("arxiv/categories.json"))
        if row["active"] and row["subject_class"] and row["archive"] != "test"
    ]
    by_class = {}
    for row in rows:
        by_class.setdefault(row["subject_class"], set()).add(f"{row['archive']}.{row['subject_class']}")
    assert (
        len(json.loads(samples.data("arxiv/categories.json")))
        == dict(samples.expected("arxiv/categories"))["arxiv/categories.json"]["rows"]
    )
    wrong = {
        code: (ids.category(code), full)
        for code, full in by_class.items()
        if ids.category(code) != (next(iter(full)) if len(full) == 1 else code)
    }
    assert wrong == {}


@pytest.mark.django_db
def test_a_data_set_linked_in_the_abstract_becomes_the_papers_link_whatever_the_source():
    record = making.record(abstract="We read. The data: https://huggingface.co/datasets/some/thing.")
    identity.store(making.page(record), making.source(), seen_at=making.NOW, day=making.DAY)
    assert Paper.objects.get().project_url == "https://huggingface.co/datasets/some/thing"
