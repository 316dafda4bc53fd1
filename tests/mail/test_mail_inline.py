"""CSS is inlined once per piece: what that gives must be what inlining the whole mail gives."""

import re
from pathlib import Path

import pytest
from mail_values import BASE, SERVICE, card, copy, service_context

from newsletter.mail import Card, _digest, _inline, _service, digest, service
from newsletter.mail._inline import Shelf

NOTE = "Read **1** & 2, then [ours](https://a.example/?a=1&b=2):\n\n- one\n- *two*\n\n> quoted `code`"
VARIANTS = {
    "twelve": copy(12, notes=(NOTE,), more=3, more_url=f"{BASE}/today"),
    "five": copy(5, test=True),
    "one": copy(1),
    "none": copy(0, more_url=f"{BASE}/today"),
    "abstracts": copy(15, card_length="ABSTRACT", notes=(NOTE, "Second.")),
    "titles": copy(25, card_length="TITLE", more=2),
    "public": copy(4, preferences_url="", unsubscribe_url="", tune_url="", view_url="", interests=(), since_on=None),
    "bare": copy([Card(ref="a", title="Alone"), card(2, pinned=True, organizations=("Lab",), code_url="https://c.example/")]),
    "quotes": copy(
        [card(title='"Quoted" & <b>bold</b> it\'s', summary='a "b" c', summary_by="X & Y")], interests=('a "b" & <c>',)
    ),
    "scripts": copy([card(title="長文脈における記憶"), card(2, title="تعلّم")]),
}


@pytest.fixture
def fresh(monkeypatch):
    """A new shelf on each call, so that nothing is known from before."""

    def renew():
        shelf = Shelf()
        monkeypatch.setattr(_digest, "shelf", shelf)
        monkeypatch.setattr(_service, "shelf", shelf)
        return shelf

    renew()
    return renew


def whole(make, monkeypatch, fresh):
    """The mail joined before any inlining, then inlined in one piece."""
    with monkeypatch.context() as patch:
        patch.setattr(_inline, "inline", lambda document: document)
        fresh()
        plain = make().html
    assert "style=" not in plain
    fresh()
    return _inline.inline(plain)


@pytest.mark.parametrize("name", VARIANTS)
def test_joining_pieces_equals_inlining_the_whole_digest(name, monkeypatch, fresh):
    expected = whole(lambda: digest(VARIANTS[name]), monkeypatch, fresh)
    assert digest(VARIANTS[name]).html == expected


@pytest.mark.parametrize("kind", SERVICE)
def test_joining_pieces_equals_inlining_the_whole_service_mail(kind, monkeypatch, fresh):
    expected = whole(lambda: service(kind, service_context(kind)), monkeypatch, fresh)
    assert service(kind, service_context(kind)).html == expected


def test_pieces_of_other_batches_join_to_the_same_mail(fresh):
    alone = digest(VARIANTS["twelve"]).html
    fresh()
    for name in ("titles", "five", "none", "bare"):
        digest(VARIANTS[name])
    assert digest(VARIANTS["twelve"]).html == alone


def test_a_second_reader_of_known_cards_costs_no_run_of_the_inliner(fresh):
    shelf = fresh()
    digest(copy(12))
    assert shelf.runs == 1
    digest(copy(12, unsubscribe_url=f"{BASE}/u/other", interests=("something", "else"), numbers=(129,)))
    digest(copy([card(n) for n in (7, 3, 5)]))
    assert shelf.runs == 1


def test_a_card_is_rendered_again_when_its_words_change(fresh):
    shelf = fresh()
    digest(copy([card()]))
    assert "Edited by hand" in digest(copy([card(summary="Edited by hand.")])).html
    assert shelf.runs == 2


def test_the_shelf_forgets_the_oldest_pieces(monkeypatch):
    shelf = Shelf(room=6)
    monkeypatch.setattr(_digest, "shelf", shelf)
    for n in range(1, 9):
        assert f"2611.{n:05}" in digest(copy([card(n)])).html
    assert len(shelf._pieces) <= 6
    assert "2611.00001" in digest(copy([card(1)])).html


def test_the_style_sheet_has_no_selector_that_looks_beyond_its_piece():
    sheet = Path(_inline.__file__).parents[2] / "templates" / "email" / "inline.css"
    selectors = re.findall(r"^([^{]+)\{", sheet.read_text(), re.M)
    assert selectors and all(re.fullmatch(r"\.[a-z0-9]+ ", selector) for selector in selectors)


def test_media_queries_stay_in_the_head_and_classes_on_their_elements():
    html = digest(copy(1)).html
    assert "@media (prefers-color-scheme:dark)" in html and 'class="title ink"' in html and "!important" in html


def test_no_slot_is_left_open():
    for message in (digest(VARIANTS["twelve"]), *(service(kind, service_context(kind)) for kind in SERVICE)):
        assert _inline._MARK not in message.html + message.text + message.subject


def test_a_value_cannot_leave_the_attribute_it_fills():
    piece = _inline.cut(f'<a href="{_inline.slot("url")}">{_inline.slot("text")}</a>', markup=True)
    filled = piece.fill({"url": '"><script>', "text": '"<b>"'})
    assert filled == '<a href="&quot;&gt;&lt;script&gt;">"&lt;b&gt;"</a>'
    with pytest.raises(KeyError):
        piece.fill({"url": "x"})
