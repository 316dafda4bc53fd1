"""A digest: what it says, to whom, in which size."""

import re

import pytest
from jinja2 import UndefinedError
from mail_values import ADDRESS, BASE, Read, card, copy, distinct, links_of_text

from newsletter.mail import Pick, _templates, digest

NASTY = '<script>alert("1")</script> & <img src=x onerror=y> <!--card 0--> {{ 7*7 }} {% raw %} “q”'


@pytest.mark.parametrize("papers", [1, 2, 5, 12, 15, 25])
@pytest.mark.parametrize("length", ["TITLE", "SUMMARY", "ABSTRACT"])
def test_text_and_html_have_the_same_papers_order_and_links(papers, length):
    message = digest(
        copy(papers, card_length=length, more=4, more_url=f"{BASE}/today", notes=("See [this](https://a.example/x).",))
    )
    seen = Read(message.html)
    assert distinct(seen.links) == distinct(links_of_text(message.text))
    assert list(re.findall(r"^ ?(\d+)\. ", message.text, re.M)) == [str(n) for n in range(1, papers + 1)]
    for heading in seen.headings:
        assert re.sub(r"\s+", "", heading) in re.sub(r"\s+", "", message.text)


def test_the_subject_names_the_top_paper_the_count_and_the_day_in_60_characters():
    assert digest(copy(12)).subject == "Sparse Attention That Never Forgets + 11 more — 22 Nov"
    assert digest(copy(1)).subject == "Sparse Attention That Never Forgets — 22 Nov"
    assert digest(copy(3, test=True)).subject.startswith("Test: ")
    for title in ("x", "word " * 60, "無" * 200, "a" * 500, "Short: " + "long " * 50):
        assert len(digest(copy([card(title=title), card(2)])).subject) <= 60


def test_a_subject_is_cut_between_words_and_never_inside_a_number():
    subject = digest(
        copy([card(title="Training at scale with precision and a learning rate of 0.00123456 throughout the run")])
    ).subject
    assert re.search(r"of… — 22 Nov$|rate… — 22 Nov$|learning… — 22 Nov$", subject), subject


def test_the_hidden_preheader_holds_papers_two_and_three():
    hidden = re.search(r'<div class="pre"[^>]*>(.*?)</div>', digest(copy(12)).html)[1]
    assert "Do Reward Models Read?" in hidden and "Tiny Vision Encoders" in hidden and "9 more" in hidden
    assert 40 <= len(hidden.replace("͏‌\u00a0", "")) <= 150


def test_a_card_says_who_what_when_why_and_where():
    one = card(
        organizations=("Delft University of Technology", "Kyoto Lab"),
        has_code=True,
        code_url="https://code.example.org/x",
        stars=1,
        pinned=True,
        summary="An index of keys reads 64 tokens.",
        summary_by="Hugging Face",
    )
    message = digest(copy([one]))
    for told in (Read(message.html).text, re.sub(r"\s+", " ", message.text)):
        for said in (
            "1. Sparse Attention",
            "Adaeze Okafor, Lena Lindqvist, Mai Tanaka and 4 others",
            "Delft University of Technology and Kyoto Lab (as listed)",
            "cs.CL",
            "20 Nov 2026 · with code · 199 votes · 1 star",
            "Editor’s choice",
            "An index of keys reads 64 tokens. (summary: Hugging Face)",
            "Why: matches “long context” (title)",
        ):
            assert said in told
    assert Read(message.html).links.count(one.url) == 2  # title and Abstract


@pytest.mark.parametrize(
    ("authors", "total", "byline"),
    [
        (("A. One",), 1, "A. One"),
        (("A. One", "B. Two"), 2, "A. One and B. Two"),
        (("A. One", "B. Two", "C. Three", "D. Four"), 4, "A. One, B. Two, C. Three and 1 other"),
        (("A. One",), None, "A. One et al."),
        (("A. One", "B. Two", "C. Three", "D. Four"), None, "A. One, B. Two, C. Three et al."),
        (tuple(f"N. {n}" for n in range(500)), 500, "N. 0, N. 1, N. 2 and 497 others"),
    ],
)
def test_authors_are_three_then_a_number_only_where_the_source_says_it(authors, total, byline):
    assert f"\n    {byline}\n" in digest(copy([card(authors=authors, authors_total=total)])).text


def test_unknown_facts_leave_no_trace():
    bare = card(
        url="",
        pdf_url="",
        page_url="",
        authors=(),
        authors_total=None,
        categories=(),
        published_on=None,
        upvotes=None,
        abstract="",
    )
    message = digest(copy([bare], view_url="", webcopy_url="", home_url=""))
    assert "vote" not in message.html and "None" not in message.html + message.text and 'href=""' not in message.html
    assert Read(message.html).links == [f"{BASE}/preferences/k3J9.c3d4", f"{BASE}/unsubscribe/k3J9"]


def test_ten_papers_in_full_and_the_rest_in_brief():
    message = digest(copy(12))
    seen = Read(message.html)
    assert len([h for h in seen.headings if re.match(r"\d+\.", h)]) == 10 and "In brief" in seen.headings
    assert "11. " in seen.text and message.text.count("Abstract: ") == 10
    assert seen.text.count("matches “long context” (title)") == 12  # a reason on every card


def test_at_most_forty_words_stand_under_a_title():
    long = " ".join(f"word{n}" for n in range(90)) + "."
    text = digest(copy([card(abstract=long)])).text
    assert "word39…" in text and "word40" not in text


def test_hostile_words_are_shown_literally():
    one = card(title=NASTY, authors=(NASTY,), organizations=(NASTY,), categories=(NASTY,), summary=NASTY, summary_by=NASTY)
    message = digest(copy([one, card(2)], newsletter=NASTY, interests=(NASTY,), postal_address=NASTY, notes=(NASTY,)))
    seen = Read(message.html)
    assert not set(seen.tags) & {"script", "img"}
    assert NASTY in Read(message.html).headings[1] and NASTY[:40] in re.sub(r"\s+", " ", message.text)
    assert "<!--card" not in message.html and "2. Do Reward Models Read?" in seen.text


@pytest.mark.parametrize("title", ["a\r\nBcc: x@example.org", "nul\0and\x1bescape", "lone \ud800 half", " \t "])
def test_control_characters_and_half_characters_do_not_reach_the_mail(title):
    message = digest(copy([card(title=title), card(2)], notes=(title, f"- a{title}"), newsletter=title, interests=(title,)))
    for part in (message.subject, message.text, message.html):
        part.encode()
        assert not re.search(r"[\0\x1b\r]", part)
    assert "\n" not in message.subject and "2. Do Reward Models Read?" in Read(message.html).text


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "ftp://a.example/", "https://", "//a.example", "http://[::1"]
)
def test_only_web_addresses_become_links(url):
    message = digest(copy([card(url=url, pdf_url=url, page_url="")]))
    assert message == digest(copy([card(url="", pdf_url="", page_url="")]))


def test_an_address_with_quotes_and_letters_beyond_ascii_is_encoded_once_and_alike():
    message = digest(copy([card(url='https://a.example/論"文?a=1&b=%20')]))
    assert "https://a.example/%E8%AB%96%22%E6%96%87?a=1&b=%20" in Read(message.html).links
    assert distinct(Read(message.html).links) == distinct(links_of_text(message.text))


def test_a_right_to_left_title_keeps_its_own_direction():
    assert re.search(r'<h2 [^>]*dir="auto"[^>]*>', digest(copy([card(title="تعلّم التمثيلات")])).html)


def test_samples_and_test_copies_are_marked():
    marked = digest(copy([card(is_sample=True)], test=True))
    for part in (Read(marked.html).text, marked.text):
        assert "Sample edition" in part and "Test copy" in part
    assert "Sample edition" not in digest(copy(1)).text


def test_the_empty_day_note_says_so_and_still_lets_go():
    message = digest(copy(0, more_url=f"{BASE}/today"))
    assert message.subject == "Nothing new for you today — 22 Nov"
    for part in (Read(message.html).text, message.text):
        assert "Nothing new for you today" in part and "Unsubscribe" in part and "minute" not in part
    assert f"{BASE}/today" in Read(message.html).links


def test_the_footer_says_why_since_when_and_how_to_leave():
    message = digest(copy(2))
    for part in (Read(message.html).text, re.sub(r"\s+", " ", message.text)):
        assert "because you asked for “long context” and “RLHF, with code”, and confirmed it on 3 March 2026." in part
        assert ADDRESS in part and "Get your own" in part
    assert f"{BASE}/unsubscribe/k3J9" in Read(message.html).links


def test_a_web_copy_holds_no_personal_link():
    public = copy(3, view_url="", preferences_url="", unsubscribe_url="", interests=(), since_on=None)
    message = digest(public)
    assert "3 papers in this edition" in message.text and "You get" not in message.text + message.html
    assert not [link for link in Read(message.html).links if re.search(r"/(view|preferences|unsubscribe)/", link)]


def test_two_readers_of_one_edition_get_their_own_links_and_nothing_of_each_other():
    first, second = (
        digest(copy(5)),
        digest(copy(5, unsubscribe_url=f"{BASE}/unsubscribe/OTHER", preferences_url=f"{BASE}/preferences/OTHER")),
    )
    assert "/unsubscribe/k3J9" in first.html and "OTHER" not in first.html + first.text
    assert "/unsubscribe/OTHER" in second.html and "/unsubscribe/k3J9" not in second.html + second.text


def test_a_copy_of_several_issues_names_them():
    assert "Nos. 126 to 128" in digest(copy(2, numbers=(128, 126, 127))).text


def test_fifteen_papers_stay_under_60_kb_and_no_copy_passes_100_kb():
    whole = "An abstract sentence with quite a few words in it. " * 60
    rich = [card(n, abstract=whole, organizations=("Org " * 12, "Lab " * 12)) for n in range(1, 16)]
    for length in ("TITLE", "SUMMARY", "ABSTRACT"):
        assert len(digest(copy(rich, card_length=length)).html.encode()) <= 60_000
    many = digest(copy([card(n, title="長" * 300, authors=("名" * 60,) * 3) for n in range(1, 501)]))
    assert len(many.html.encode()) <= 100_000
    left = int(re.search(r"(\d+) more papers matched", many.text)[1])
    assert left + len(re.findall(r"^ {0,1}\d+\. ", many.text, re.M)) == 500


def test_a_ten_megabyte_abstract_does_not_stop_the_others():
    message = digest(copy([card(1, abstract="word " * 2_000_000), card(2)]))
    assert len(message.html) < 30_000 and "2. Do Reward Models Read?" in Read(message.html).text


def test_lines_of_the_text_part_end_at_72_columns():
    message = digest(copy([card(title="長" * 120), card(2, title="x" * 200), card(3)]))
    assert all(len(row) <= 72 for row in message.text.split("\n") if "://" not in row)
    assert "\n\n\n\n" not in message.text


def test_the_default_digest_reads_in_three_minutes():
    assert len(Read(digest(copy(10)).html).text.split()) <= 750


def test_an_undefined_name_in_a_template_is_an_error():
    with pytest.raises(UndefinedError):
        _templates.html("en").get_template("digest/foot.html").render(more="")


def test_an_empty_reason_leaves_no_dangling_why():
    message = digest(copy([card()], picks=(Pick(card(), ""),)))
    assert "Why" not in message.text and "Why" not in message.html
