"""The note's Markdown, and the picking, cutting and wrapping of words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.mail import markdown, plain
from newsletter.mail._finding import finding
from newsletter.mail._words import READ_AT_MOST, count, excerpt, headline, sentences, shorten, wrap


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
    assert excerpt("第一文です。第二文です。", 20) == "第一文です。第二文です。"


@pytest.mark.parametrize(
    ("text", "limit", "kept"),
    [("short", 10, "short"), ("cut between words", 12, "cut between…"), ("gain of 12.5 percent", 15, "gain…")],
)
def test_a_cut_falls_between_words(text, limit, kept):
    assert shorten(text, limit) == kept


WHOLE = [
    "3.5 × 10⁻³",
    "2.1 × 10^-6 m/s",
    "1,000,000",
    "1 000 000",
    "$O(n^2)$",
    "$O(n \\log n)$",
    "O(n log n)",
    "p < 0.05",
    "r = −0.31",
    "10 %",
    "−20 °C",
    "Fig. 3",
    "Table 12",
    "GPT 4.5",
    "10⁶",
    "H₂O",
    "12 ± 3 mm",
    "10 to 20 percent",
    "3.5 million",
    "1.4 GHz",
    "40 km/h",
    "~5x",
    "5 × 5",
    "≥ 18 years",
    "10–20 mg/kg",
    "k = 5",
    "$f g h$",
    r"\(f g h\)",
    "δ≤ π/4",
    "I = 0.3 A",
    "2 × 10⁴ cells/mL",
    "0.27 to 0.49",
    "Fig. 3a",
    "Eq. (4)",
    "5 h",
    "$1.2 billion",
    "χ² = 4.1",
    "第3章",
    "95.3%",
    "3万人",
]
FILLERS = st.sampled_from(["the", "pump", "of", "water", "(as", "seen)", "runs", "and", "slowly,", "則", "これは", "well", "—"])


@pytest.mark.parametrize("whole", WHOLE)
@settings(max_examples=50, deadline=None)
@given(before=st.lists(FILLERS, min_size=1, max_size=6), after=st.lists(FILLERS, min_size=1, max_size=6))
def test_no_cut_parts_a_number_its_unit_or_a_formula(whole, before, after):
    text = " ".join(["Most", *before, whole, *after, "end"])
    start = len(" ".join(["Most", *before])) + 1
    cuts = [shorten(text, limit) for limit in range(2, len(text))] + [excerpt(text, words) for words in range(1, count(text))]
    for head in [*cuts, *(finding(text, words) for words in range(1, count(text)))]:
        kept = head.removesuffix("…")
        assert text.startswith(kept)
        assert len(kept) <= start or len(kept) >= start + len(whole), head


@settings(deadline=None)
@given(st.text("ab1.,·² %×^$()<=第万。", max_size=60), st.integers(1, 40))
def test_a_cut_is_a_beginning_within_its_limit_and_never_between_two_digits(text, limit):
    head = shorten(text, limit)
    kept, whole = head.removesuffix("…"), " ".join(text.split())
    assert len(head) <= limit and whole.startswith(kept)
    if kept and len(kept) < len(whole):
        assert not (kept[-1].isdigit() and whole[len(kept)].isdigit())


@pytest.mark.parametrize(
    "sentence",
    [
        "It scores 41.5 on three tasks (e.g. Alpha et al. 2024), i.e. Version 2.5 of GPT-4.5 wins.",
        "See Fig. 3, Eq. (4), Sec. 2, No. 7, vol. 12 and pp. 3-9.",
        "The bound of J. S. Bach et al. (1999) vs. Ours is tight.",
        "We use parts, sizes, etc. and others.",
        "It is at https://a.example/x.html?Q=A.B&c=1. and stays there.",
        "We state: 1. Water is wet.",
        "A map $f. G(x) = y$ is smooth.",
        "第3.5節では、精度が95.3%であることを示す。",
    ],
)
def test_this_is_one_sentence(sentence):
    assert sentences(f"Before it. {sentence} After it.")[1] == sentence or sentences(f"これは前。{sentence}")[1] == sentence


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("It depends on T. We avoid it.", ["It depends on T.", "We avoid it."]),
        ("Is it? Yes! It is.", ["Is it?", "Yes!", "It is."]),
        ('He said "no." She left.', ['He said "no."', "She left."]),
        ("It works. vLLM is fast. β-OPSD too.", ["It works.", "vLLM is fast.", "β-OPSD too."]),
        ("Было 3.5 года. Стало 4.", ["Было 3.5 года.", "Стало 4."]),
        ("هل تعمل؟ نعم.", ["هل تعمل؟", "نعم."]),
        ("第一文です。第二文です。", ["第一文です。", "第二文です。"]),
        ("1. Water is wet. 2. Fire is hot.", ["1. Water is wet.", "2. Fire is hot."]),
        ("It uses both hands motions.In this work we use one.", ["It uses both hands motions.", "In this work we use one."]),
    ],
)
def test_these_are_sentences(text, parts):
    assert sentences(text) == parts


@settings(deadline=None)
@given(st.text('aB1 .!?。؟()"$e.g.', max_size=200))
def test_no_letter_is_lost_between_sentences(text):
    assert "".join("".join(sentences(text)).split()) == "".join(text.split())


@pytest.mark.parametrize("text", ["a. ", "1 ", "of ", "$x ", "x(", ".", "1", "第", "A. ", "= "])
def test_ten_million_characters_cost_no_more_than_what_is_read_of_them(text):
    long = text * (10_000_000 // len(text))
    assert len(sentences(long)) <= READ_AT_MOST and len(shorten(long, 160)) <= 160
    assert count(finding(long)) <= 40 and count(excerpt(long, 120)) <= 120


def test_wrapping_counts_wide_characters_twice_and_spares_addresses():
    assert all(len(row) <= 36 for row in wrap("長" * 100).split("\n"))
    address = "https://a.example/" + "x" * 90
    assert address in wrap(f"see {address} now", 4).split("\n    ") or f"    {address}" in wrap(f"see {address} now", 4).split(
        "\n"
    )


def test_a_headline_is_never_cut_to_nothing():
    unkind = "<script> location.href = '" + "a1" * 200 + "'"
    assert shorten(unkind, 60) == ""
    assert headline(unkind, 60) == "<script> location.href =…"
    assert headline("9" * 400, 60) == "9" * 59 + "…"
    assert headline("A short one", 60) == "A short one" and headline("  ", 60) == ""
