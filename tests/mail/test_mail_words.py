"""The note's Markdown, and the picking, cutting and wrapping of words."""

import pytest

from newsletter.mail import markdown, plain
from newsletter.mail._words import count, excerpt, finding, sentences, shorten, wrap


def test_markdown_makes_emphasis_lists_and_links():
    html = markdown("Read **1**, *then* [ours](https://a.example/x):\n\n- one\n- two")
    assert "<strong>1</strong>" in html and '<a href="https://a.example/x">ours</a>' in html and html.count("<li>") == 2


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "a <img src=x onerror=y> b",
        "![i](https://a.example/p.png)",
        "[x](javascript:alert(1))",
        "[x](data:text/html,1)",
        "[x](/local)",
    ],
)
def test_markdown_makes_no_live_markup_of_typed_html_images_or_other_schemes(text):
    html = markdown(text)
    assert (
        "<script" not in html
        and "<img" not in html
        and 'href="javascript' not in html
        and 'href="data' not in html
        and 'href="/' not in html
    )


def test_broken_markdown_is_shown_as_it_is():
    assert "**bold [link](" in markdown("**bold [link](")


def test_the_plain_form_keeps_the_links_and_drops_the_marks():
    assert plain("Read **1** and [ours](https://a.example/x)\n\n- one") == "Read 1 and ours <https://a.example/x>\n\none"


ABSTRACT = (
    "Recent models are large. However, they are slow. We propose Quill, a decoder that skips layers. "
    "It reaches 41.5 BLEU on three tasks and is 2.3 times faster than the baseline (e.g. Alpha et al. 2024). Code is available."
)


def test_the_pick_is_what_was_done_and_what_was_found():
    assert finding(ABSTRACT) == (
        "We propose Quill, a decoder that skips layers. "
        "It reaches 41.5 BLEU on three tasks and is 2.3 times faster than the baseline (e.g. Alpha et al. 2024)."
    )


def test_decimals_and_abbreviations_do_not_end_a_sentence():
    assert len(sentences(ABSTRACT)) == 5
    assert sentences("第一文です。第二文です。") == ["第一文です。", "第二文です。"]


def test_a_pick_never_passes_forty_words_and_never_ends_in_a_bare_number():
    endless = (
        "We show that "
        + "this and that and " * 9
        + "a gain of 12.75 percent over everything else that was tried so far by anybody"
    )
    for words in range(3, 60):
        picked = finding(endless, words)
        assert count(picked) <= words and not picked.rstrip("…").endswith(("12", "12.", "12.75"))
    assert finding("") == "" and finding("   ") == ""


def test_an_excerpt_keeps_whole_sentences():
    assert excerpt("One two three. Four five six. Seven.", 6) == "One two three. Four five six."


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [("short", 10, "short"), ("cut between words", 12, "cut between…"), ("gain of 12.5 percent", 15, "gain…")],
)
def test_a_cut_falls_between_words(text, limit, kept):
    assert shorten(text, limit) == kept


def test_wrapping_counts_wide_characters_twice_and_spares_addresses():
    assert all(len(row) <= 36 for row in wrap("長" * 100).split("\n"))
    address = "https://a.example/" + "x" * 90
    assert address in wrap(f"see {address} now", 4).split("\n    ") or f"    {address}" in wrap(f"see {address} now", 4).split(
        "\n"
    )
