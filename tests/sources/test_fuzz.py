"""Real bytes, damaged in every way: `Malformed` with a reason is the only failure. 2,000 examples where CI asks for all."""

import logging
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.sources import KINDS
from newsletter.sources.page import Malformed, Page
from tests.sources import samples

pytestmark = [samples.needed, pytest.mark.long, pytest.mark.timeout(1500)]

EXAMPLES = 2000 if os.environ.get("PAPERROUND_NO_SKIPS") == "1" else 100
SEEDS = [
    ("huggingface", "hf/api/2026-08-20.json"), ("huggingface", "hf/html/daily-2024-08-01.html"),
    ("huggingface", "hf/html/trending-svelte5.rebuilt.html"), ("arxiv", "arxiv/feed/rss-cs.AI-2026-04-27.xml"),
    ("arxiv", "arxiv/feed/atom-cs.AI-2025-08-20.part.xml"), ("arxiv", "arxiv/api/q_testing_s0_m10.xml"),
    ("arxiv", "arxiv/list/cs.AI-new-2026-08-12.html"), ("arxiv", "arxiv/oai/arxiv_oai_sample_response.xml"),
    ("biorxiv", "biorxiv/details-2026-07-15_18.json"), ("pubmed", "pubmed/efetch-biopython-pubmed1.xml"),
    ("feed", "feeds/blogs/bair_blog.xml"), ("feed", "feeds/blogs/reader_full.json"), ("feed", "feeds/blogs/miniflux_rdf.xml"),
    ("mailbox", "arxiv/listing-mail/q-fin-new.CP.txt"), ("mailbox", "scholar-alerts/alert-0.eml"),
    ("snapshot", "text-snapshots/hf-2025-03-11.rebuilt.txt"), ("snapshot", "seeds/002_e95702871488c133.txt"),
]  # fmt: skip
PIECES = [b"", b"<a-b>" * 600, b"<x:y>" * 600, b"<a,b>" * 600, b"\x00", b"<", b">", b"&", b"]]>", b"<!DOCTYPE a>",
          b"<![CDATA[", b'"', b"\\", b"{", b"}", b"[", b"null", b"1e999",
          b"-1", b"\xff\xfe", b"\xed\xa0\x80", "\u202e\u0301".encode(), b"$\\frac{", b"9999-99-99", b"\r\n\r\n", b"=?utf-8?q?=ff?="]  # fmt: skip
_bytes: dict[str, bytes] = {}


def seed(name: str) -> bytes:
    """Its first 60,000 bytes: a large file would cost the examples their number."""
    if name not in _bytes:
        _bytes[name] = samples.data(name)[:60_000]
    return _bytes[name]


@st.composite
def damaged(draw):
    kind, name = draw(st.sampled_from(SEEDS))
    data = bytearray(seed(name))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(["cut", "put", "swap", "drop", "twice", "flip"])):
            case "cut":
                del data[at:]
            case "put":
                data[at:at] = draw(st.sampled_from(PIECES))
            case "swap":
                piece = draw(st.sampled_from(PIECES))
                data[at : at + len(piece)] = piece
            case "drop":
                del data[at : at + draw(st.integers(1, 3000))]
            case "twice":
                data[at:at] = data[at : at + draw(st.integers(1, 3000))]
            case "flip" if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
    return kind, bytes(data)


@given(damaged())
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None)
def test_damaged_answers_are_read_or_malformed_and_nothing_else(one):
    kind, data = one
    logging.disable(logging.CRITICAL)
    try:
        KINDS[kind].recognises(data)
        page = KINDS[kind].parse(data)
    except Malformed as error:
        assert str(error).strip()
        return
    finally:
        logging.disable(logging.NOTSET)
    assert isinstance(page, Page)
    for record in page.records:
        assert record.title and record.aliases and "\x00" not in record.title + record.abstract
        assert all(len(value) <= 300 for _, value in record.aliases)
    assert all(refused.reason for refused in page.rejected)
