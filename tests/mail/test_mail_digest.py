"""A digest: what it says, to whom, in which size."""

import re
from datetime import date
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from mail_values import ADDRESS, BASE, Read, card, copy, distinct, envelope, links_of_text

from newsletter.mail import Card, Pick, _templates, digest, to_wire

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
    message = digest(copy([bare], view_url="", webcopy_url="", home_url="", privacy_url="", preferences_url="", tune_url=""))
    assert "vote" not in message.html and "None" not in message.html + message.text and 'href=""' not in message.html
    assert Read(message.html).links == [f"{BASE}/u/k3J9"]


def test_ten_papers_in_full_and_the_rest_in_brief():
    message = digest(copy(short(12)))
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
    assert f"{BASE}/u/k3J9" in Read(message.html).links


def test_a_web_copy_holds_no_personal_link():
    public = copy(3, view_url="", preferences_url="", unsubscribe_url="", tune_url="", interests=(), since_on=None)
    message = digest(public)
    assert "3 papers in this edition" in message.text and "You get" not in message.text + message.html
    assert not [link for link in Read(message.html).links if re.search(r"/(view|preferences|u|tune)/", link)]


def test_two_readers_of_one_edition_get_their_own_links_and_nothing_of_each_other():
    first, second = (
        digest(copy(5)),
        digest(copy(5, unsubscribe_url=f"{BASE}/u/OTHER", preferences_url=f"{BASE}/preferences/OTHER")),
    )
    assert "/u/k3J9" in first.html and "OTHER" not in first.html + first.text
    assert "/u/OTHER" in second.html and "/u/k3J9" not in second.html + second.text


def test_a_copy_of_several_issues_names_them():
    assert "Nos. 126 to 128" in digest(copy(2, numbers=(128, 126, 127))).text


def test_a_copy_over_many_issues_says_since_when_and_how_much_is_left_out():
    late = digest(copy(2, numbers=(125, 126, 128), back_to=date(2026, 11, 19), more=31))
    none_left = digest(copy(2, numbers=(125, 126, 128), back_to=date(2026, 11, 19)))
    for part in (Read(late.html).text, re.sub(r"\s+", " ", late.text)):
        assert "This copy covers everything since 19 November 2026. 31 papers that matched are left out." in part
    for part in (Read(none_left.html).text, re.sub(r"\s+", " ", none_left.text)):
        assert "since 19 November 2026. About" in part and "left out" not in part


def test_the_best_of_the_week_says_that_nothing_of_it_is_new():
    message = digest(copy(3, best_of_week=True))
    for part in (Read(message.html).text, re.sub(r"\s+", " ", message.text)):
        assert "The best of your week: 3 papers" in part and "Nothing new matched today." in part


@pytest.mark.parametrize("papers", [[Card(ref="a", title="Untold")], [card(1), Card(ref="b", title="Short")], 1, 2, 3, 25])
def test_the_preheader_is_never_so_short_that_an_inbox_fills_it_up(papers):
    hidden = re.search(r'<div class="pre"[^>]*>(.*?)</div>', digest(copy(papers)).html)[1].split("\u034f")[0]
    assert 40 <= len(hidden) <= 135


def test_the_footer_leads_to_fewer_papers_a_pause_and_the_way_out():
    seen = Read(digest(copy(2)).html)
    own = f"{BASE}/preferences/k3J9.c3d4"
    assert {own, f"{own}#paused_until", f"{BASE}/u/k3J9", f"{BASE}/privacy"} <= set(seen.links)
    for said in ("Fewer papers, other topics, mutes", "Pause", "Unsubscribe", "Privacy"):
        assert said in seen.text


def test_the_preferences_page_has_the_field_that_the_footer_leads_to():
    page = (Path(_templates.__file__).parents[2] / "templates" / "web" / "preferences.html").read_text()
    assert 'id="paused_until"' in page


def test_a_number_stays_on_the_line_of_what_it_counts():
    html = digest(copy([card(upvotes=1830, stars=12)])).html
    assert "1,830\u00a0votes" in html and "12\u00a0stars" in html and "and 4\u00a0others" in html


def test_the_newest_notes_are_shown_and_cut_at_a_paragraph():
    notes = tuple(f"Note {n}.\n\n" + "word " * 300 + "\n\n" + "more " * 900 for n in range(1, 10))
    text = digest(copy(1, notes=notes)).text
    assert "Note 2." not in text and text.count("From the editor") == 7 and "Note 9." in text
    assert "word word" in text and "more more" not in text and text.count("\n…\n") == 7


def test_long_notes_give_way_to_papers_and_no_mail_is_over_100_kb():
    notes = tuple(f"第{n}期。" + "每天的新论文列表。" * 300 for n in range(1, 8))
    whole = copy(15, notes=notes)
    message = digest(whole)
    assert len(to_wire(message, envelope())) <= 100_000
    assert "第7期" in message.text and "第1期" not in message.text
    assert "15. " in message.text and "more papers matched" not in message.text


def test_a_comment_in_a_note_does_not_cut_the_mail():
    message = digest(copy(3, notes=('See [this](https://a.example/x "<!--card 0-->").',)))
    assert ">this</a>" in message.html and " 3. " in message.text


@pytest.mark.parametrize("trick", ["\u202e", "\u2066", "\u200b", "\ufeff", "\u00ad"])
def test_what_turns_or_hides_words_does_not_reach_the_mail(trick):
    message = digest(
        copy([card(title=f"a{trick}b", authors=(f"A{trick}",), abstract=f"We find{trick} it."), card(2)], notes=(trick + "x",))
    )
    assert trick not in message.subject + message.text + message.html and "ab" in message.subject


@pytest.mark.parametrize(
    ("typed", "set_"),
    [("A -- b", "A – b"), ("A---b", "A—b"), ("1990--2020", "1990–2020"), ("The --fast flag", "The --fast flag"), ("C--", "C--")],
)
def test_dashes_typed_for_tex_are_set_as_dashes(typed, set_):
    message = digest(copy([card(title=typed), card(2)]))
    assert message.subject.startswith(set_) and set_ in message.text and set_ in Read(message.html).text


def test_joiners_that_spelling_needs_stay():
    persian = "می\u200cخواهم"
    assert persian in digest(copy([card(title=persian)])).text


def test_fifteen_papers_stay_under_60_kb_and_no_copy_passes_100_kb():
    whole = "An abstract sentence with quite a few words in it. " * 60
    rich = [card(n, abstract=whole, organizations=("Org " * 12, "Lab " * 12)) for n in range(1, 16)]
    for length in ("TITLE", "SUMMARY", "ABSTRACT"):
        assert len(digest(copy(rich, card_length=length)).html.encode()) <= 60_000
    many = digest(copy([card(n, title="長" * 300, authors=("名" * 60,) * 3) for n in range(1, 501)]))
    assert len(to_wire(many, envelope())) <= 100_000
    left = int(re.search(r"(\d+) more papers matched", many.text)[1])
    assert left + len(re.findall(r"^ {0,1}\d+\. ", many.text, re.M)) == 500


def test_five_hundred_matches_keep_what_fits_and_lead_to_the_rest():
    matched = [card(n, abstract="An abstract sentence with quite a few words in it. " * 60) for n in range(1, 501)]
    for shown in (25, 500):
        whole = copy(matched[:shown], card_length="ABSTRACT", more=500 - shown, more_url=f"{BASE}/today")
        message = digest(whole)
        assert len(to_wire(message, envelope())) <= 100_000
        told = re.findall(r"^ {0,1}(\d+)\. ", message.text, re.M)
        assert told == [str(n) for n in range(1, len(told) + 1)] and len(told) >= 25
        for part in (Read(message.html).text, message.text):
            assert f"{500 - len(told)} more papers matched" in part
        assert f"{BASE}/today" in Read(message.html).links


def full(papers):
    """As much as a card can say: 38 words of an abstract, organisations, code."""
    words = " ".join(["An abstract with a finding of thirty more words than that, which says what was found and how much,"] * 6)
    return [
        card(n, abstract=f"We find this. {words}.", organizations=("Delft University", "Kyoto Lab"), has_code=True)
        for n in range(1, papers + 1)
    ]


@pytest.mark.parametrize("length", ["SUMMARY", "FINDING"])
@pytest.mark.parametrize("papers", [5, 10, 15])
def test_the_default_digest_has_at_most_750_visible_words(papers, length):
    message = digest(copy(full(papers), card_length=length, more=99, more_url=f"{BASE}/today"))
    assert len(Read(message.html).text.split()) <= 750
    assert len(re.findall(r"^ ?\d+\. ", message.text, re.M)) == papers


def test_what_would_be_too_long_has_fewer_whole_cards_and_none_with_less_to_say():
    shown = Read(digest(copy(full(10))).html)
    whole = [heading for heading in shown.headings if re.match(r"\d+\.", heading)]
    assert 5 <= len(whole) < 10 and "In brief" in shown.headings
    assert shown.text.count("Delft University") == len(whole)
    assert len(Read(digest(copy(full(25), card_length="ABSTRACT")).html).text.split()) > 1000  # asked for


def test_a_paper_in_brief_names_its_first_author():
    assert "Adaeze Okafor and 6 others" in digest(copy(short(11))).text


def short(papers):
    return [card(n, abstract="It reads 64 of 3,000 rows.") for n in range(1, papers + 1)]


def test_who_chose_the_authors_own_words_gets_no_summary_of_a_source():
    summed = card(abstract="We find that moss grows.", summary="Moss: it grows!", summary_by="Example Papers")
    theirs, own = (digest(copy([summed], card_length=length)) for length in ("SUMMARY", "FINDING"))
    for part in (theirs.text, Read(theirs.html).text):
        assert "Moss: it grows! (summary: Example Papers)" in part and "We find" not in part
    for part in (own.text, Read(own.html).text):
        assert "We find that moss grows." in part and "Moss: it grows!" not in part and "summary" not in part
    bare = digest(copy([card(abstract="", summary="Moss: it grows!", summary_by="Example Papers")], card_length="FINDING"))
    assert "it grows" not in bare.text + bare.html


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
