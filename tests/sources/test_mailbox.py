"""Mails of arXiv and Google Scholar, dropped into a folder."""

from datetime import UTC, date, datetime

import pytest

from newsletter.models import Outcome, Paper, Sighting
from newsletter.sources import ingest, mailbox, polite
from newsletter.sources._outcome import of_page
from newsletter.sources.mailbox import _scholar
from newsletter.sources.page import Malformed
from tests.sources import making, samples

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
RECORD = r"""\\
arXiv:2601.0000%d
Date: Thu, 16 Mar 2023 09:38:40 GMT   (1633kb)

Title: A Study of Careful Readers, Part
  number %d
Authors: Ann Example (University, (Dept.) X), Bo M\"uller and Cy Test
Categories: cs.CL cs.LG
Comments: code at https://github.com/some/thing
\\
  We read. The data is at https://zenodo.org/records/12345.
\\ ( https://arxiv.org/abs/2601.0000%d ,  1633kb)
"""
HEAD = "Date: Fri, 17 Mar 23 00:51:30 GMT\nSubject: cs.CL daily Subj-class mailing\n\n"


def listing(*numbers):
    return (HEAD + ("-" * 78 + "\n").join(RECORD % ((number,) * 3) for number in numbers)).encode()


@samples.needed
@pytest.mark.parametrize(("name", "want"), samples.expected("arxiv/listing-mail/"))
@pytest.mark.parametrize("dressed", [False, True])
def test_every_listing_mail_bare_and_as_a_mail(name, want, dressed):
    data = samples.data(name)
    if dressed:
        head = b"From: arXiv <no-reply@arxiv.org>\nDate: Fri, 17 Mar 2023 00:51:30 +0000\nSubject: x\n"
        data = head + b"Content-Type: text/plain\n\n" + data
    assert mailbox.recognises(data)
    page = mailbox.parse(data)
    announced = [record.announce for record in page.records]
    assert len(page.records) == want["entries"] and not page.rejected and page.declared is None
    assert dict(page.records[0].aliases)["arxiv"] == want["first_id"]
    assert page.records[0].title == want["first_title"]
    assert announced.count("replace") == want["replacements"]
    assert announced.count("cross") == want["cross_listings"]
    assert len(announced) - announced.count("replace") == want["before_separator"]
    assert all(record.authors and record.authors_total == len(record.authors) for record in page.records)
    assert not any("@" in name for record in page.records for name in record.authors)


@samples.needed
@pytest.mark.parametrize(("name", "want"), samples.expected("scholar-alerts/"))
def test_every_scholar_alert(name, want):
    data = samples.data(name)
    assert mailbox.recognises(data)
    page = mailbox.parse(data)
    assert len(page.records) == want["papers"] and not page.rejected
    first, second, third = page.records
    assert first.title == "Using Sequence-to-Sequence Learning for Repairing C Vulnerabilities"
    assert dict(first.aliases)["arxiv"] == "1912.02015"
    assert first.authors == ("Z Chen", "S Kommrusch", "M Monperrus") and first.authors_total == 3
    assert second.url == dict(second.aliases)["url"] == "https://ieeexplore.ieee.org/abstract/document/8919471/"
    assert third.summary.startswith("The current state-of-the-art methods in code recommendation mostly take the crowd-based")
    assert (third.summary_by, third.abstract) == ("Google Scholar", "")
    assert page.listed_on == date(2019, 12, 10)


def test_a_redirect_is_resolved_without_asking():
    assert _scholar.target("https://scholar.google.de/scholar_url?url=https://a.org/x%3Fb%3D1&hl=en") == "https://a.org/x?b=1"
    assert _scholar.target("https://scholar.google.com/scholar_url?url=javascript:alert(1)") == ""
    assert _scholar.target("https://a.org/x") == "https://a.org/x"
    assert _scholar.target("http://[") == ""


def test_a_listed_paper_has_its_names_links_and_days():
    (record,) = mailbox.parse(listing(1)).records
    assert record.title == "A Study of Careful Readers, Part number 1"
    assert record.authors == ("Ann Example", "Bo Müller", "Cy Test")
    assert (record.code_url, record.project_url) == ("https://github.com/some/thing", "https://zenodo.org/records/12345")
    assert (record.published_on, record.listed_on) == (date(2023, 3, 16), date(2023, 3, 17))


def test_a_mail_cut_in_the_middle_declares_more_than_it_shows():
    whole = listing(1, 2)
    page = mailbox.parse(whole[: whole.index(b"number 2") + 20])
    assert len(page.records) < page.declared


@samples.needed
def test_an_alert_cut_in_the_middle_is_partial():
    data = samples.data("scholar-alerts/alert-0.eml")
    page = mailbox.parse(data[:6000])
    assert len(page.records) == 2 and "ends in the middle" in of_page(page)[1]
    assert [of_page(one)[0] for one in (page, mailbox.parse(data))] == [Outcome.PARTIAL, Outcome.FRESH]


def test_a_mail_of_parts_without_its_last_boundary_is_partial():
    head = b"From: a\nDate: Fri, 17 Mar 2023 00:51:30 +0000\nContent-Type: multipart/mixed; boundary=xx\n\n--xx\n"
    whole = head + b"Content-Type: text/plain\n\n" + listing(1, 2) + b"\n--xx--\n"
    assert of_page(mailbox.parse(whole))[0] == Outcome.FRESH
    assert of_page(mailbox.parse(whole[:-8]))[0] == Outcome.PARTIAL


@pytest.mark.parametrize("data", [b"", b"From: a\nSubject: b\nDate: x\n\nhello", b"\\\\\narXiv:\n\\\\\n", b"\xff\xfe\\\\"])
def test_any_other_mail_is_refused(data):
    with pytest.raises(Malformed):
        mailbox.parse(data)


# -- the folder --------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(settings, tmp_path):
    settings.PAPERROUND_DATA = tmp_path
    (tmp_path / "mailbox").mkdir()
    return tmp_path / "mailbox"


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.django_db
def test_a_mail_is_read_stored_and_put_away_and_a_rerun_changes_nothing(folder):
    source = making.source("mailbox", kind="mailbox")
    (folder / "a.eml").write_bytes(listing(1, 2))
    (folder / "b.eml").write_bytes(b"From: x\nSubject: y\nDate: z\n\nnothing")
    report = ingest(source, now=NOW)
    assert (report.outcome, report.new) == (Outcome.PARTIAL, 2) and "neither a listing mail" in report.reason
    assert [name.split("/")[0] for name in files(folder)] == ["done", "unread"]
    again = ingest(source, now=NOW)
    assert (again.outcome, again.new) == (Outcome.QUIET, 0)
    (folder / "a.eml").write_bytes(listing(1, 2))
    assert ingest(source, now=NOW).new == 0
    assert (Paper.objects.count(), Sighting.objects.count()) == (2, 2)


@pytest.mark.django_db
def test_a_crash_before_the_mail_is_stored_leaves_it_where_it_was(folder, monkeypatch):
    source = making.source("mailbox", kind="mailbox")
    (folder / "a.eml").write_bytes(listing(1))
    monkeypatch.setattr("newsletter.sources.store", lambda *a, **k: (_ for _ in ()).throw(RuntimeError))
    with pytest.raises(RuntimeError):
        ingest(source, now=NOW)
    monkeypatch.undo()
    assert files(folder) == ["a.eml"] and not Paper.objects.exists()


def test_a_mail_that_is_still_being_written_stays(folder):
    (folder / "a.eml").write_bytes(listing(1))
    got = mailbox.fetch({}, now=NOW)
    (folder / "a.eml").write_bytes(listing(1, 2))
    mailbox.settle({}, got)
    assert files(folder) == ["a.eml"]


def test_the_folder_lies_in_the_data_folder(folder):
    with pytest.raises(polite.Refused):
        mailbox.fetch({"folder": "../.."}, now=NOW)
    (folder / "link").symlink_to(folder.parent)
    assert mailbox.fetch({}, now=NOW).unchanged
