"""Feeds of all makes, broken ones too, and lists of feeds."""

import base64
import json

import pytest
from django.core.management import CommandError, call_command

from newsletter.models import Source
from newsletter.sources import feed
from newsletter.sources.page import Malformed
from tests.sources import making, samples

OPML = (
    '<opml version="2.0"><body>%s<outline text="Lab" type="rss" xmlUrl="https://lab.example.org/feed.xml?a=1&b=2"/></body></opml>'
)


def lines(name):
    for line in samples.data(name).decode().splitlines():
        row = json.loads(line)
        yield row, base64.b64decode(row["b64"]) if "b64" in row else row["text"].encode("utf-8", "surrogatepass")


@samples.needed
@pytest.mark.parametrize(("name", "want"), samples.expected("feeds/feedparser/"))
def test_every_odd_feed_is_read_or_refused_with_a_reason(name, want):
    rows = list(lines(name))
    assert len(rows) == want["feeds"]
    for row, data in rows:
        try:
            page = feed.parse(data)
        except Malformed as error:
            assert str(error), row["path"]
            continue
        for record in page.records:
            assert record.title.isprintable() and record.aliases, row["path"]
            assert not any("@" in name for name in record.authors), row["path"]
            assert not record.url or record.url.startswith(("http://", "https://")), row["path"]


@samples.needed
def test_the_test_feeds_that_hold_a_titled_entry_give_it():
    """wellformed entries whose oracle states entries[0]['title'] as plain text."""
    compared = 0
    for name in ("feeds/feedparser/wellformed-rss.jsonl", "feeds/feedparser/wellformed-atom10.jsonl"):
        for row, data in lines(name):
            oracle = row["expect"].partition("entries[0]['title'] == ")[2]
            if oracle.startswith(("'", "u'")) and "<" not in oracle:
                shown = feed.parse(data).records[0].title
                assert shown == oracle.strip("u'"), row["path"]
                compared += 1
    assert compared


# -- lists of feeds ----------------------------------------------------------------------------------------------------


@samples.needed
@pytest.mark.parametrize(("name", "want"), samples.expected("feeds/reading-list.opml"))
def test_the_reading_list(name, want):
    accepted, refused = feed.outlines(samples.data(name))
    reasons = [one.reason for one in refused]
    assert len(accepted) == want["feeds_valid"]
    assert reasons.count("listed twice") == want["duplicates"]
    assert len(reasons) - want["duplicates"] == want["refuse"]
    assert [one.name for one in accepted] == ["cs.CL", "cs.AI & cs.LG", "BAIR"]


@samples.needed
@pytest.mark.parametrize(("name", "want"), samples.expected("feeds/opml-and-lists"))
def test_every_list_is_read_or_refused(name, want):
    rows = list(lines(name))
    assert len(rows) == want["files"]
    found = {}
    for row, data in rows:
        try:
            found[row["path"].rpartition("/")[2]] = [outline.url for outline in feed.outlines(data)[0]]
        except Malformed as error:
            assert "OPML" in str(error) and "/rdf/" in row["path"], row["path"]
    assert found["outline-duplication-2.xml"] == ["http://domain/feed"]
    assert found["outline_title-text_missing.xml"] == ["http://domain.com/feed"]
    assert found["outline_type-source.xml"] == found["outline_url.xml"] == found["opml-htmlUrl-empty.xml"] == []


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "http://169.254.169.254/latest",
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://localhost:8000/",
        "http://db.internal/",
        "file:///etc/passwd",
        "http://u:p@example.org/",
    ],
)
def test_an_address_that_must_not_be_read_is_refused(address):
    accepted, refused = feed.outlines((OPML % f'<outline text="X" xmlUrl="{address}"/>').encode())
    assert [one.name for one in accepted] == ["Lab"] and refused[0].where.startswith("X: ")


@pytest.mark.parametrize("data", [b"", b"<rss/>", b"hello", b'<!DOCTYPE opml [<!ENTITY a "b">]><opml/>', b"{}"])
def test_what_is_no_list_is_refused(data):
    with pytest.raises(Malformed):
        feed.outlines(data)


@pytest.mark.django_db
def test_the_command_makes_sources_once_and_says_what_it_refuses(tmp_path, capsys):
    known = making.source("lab", kind="feed", params={"url": "https://lab.example.org/feed.xml?a=1&b=2"})
    more = '<outline text="Lab" xmlUrl="https://rss.arxiv.org/rss/cs.CL"/><outline text="Bad" xmlUrl="javascript:alert(1)"/>'
    (tmp_path / "list.opml").write_text((OPML % more).replace("&b", "&amp;b"))
    call_command("import_opml", str(tmp_path / "list.opml"), "--dry-run")
    assert Source.objects.get() == known
    call_command("import_opml", str(tmp_path / "list.opml"))
    call_command("import_opml", str(tmp_path / "list.opml"))
    said = capsys.readouterr().out
    assert "1 new, 1 known, 1 refused." in said and "0 new, 2 known, 1 refused." in said and "Bad: javascript" in said
    made = Source.objects.exclude(pk=known.pk).get()
    assert (made.slug, made.kind, made.params) == ("lab-2", "arxiv", {"url": "https://rss.arxiv.org/rss/cs.CL"})
    (tmp_path / "no.opml").write_text("hello")
    with pytest.raises(CommandError, match="no OPML"):
        call_command("import_opml", str(tmp_path / "no.opml"))
