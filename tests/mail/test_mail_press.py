"""The quick way to the wire: what it sends, once parsed, is what the slow way says."""

from dataclasses import replace
from datetime import date
from email import message_from_bytes, policy

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mail_values import BASE, card, copy, envelope
from test_mail_inline import VARIANTS

from newsletter.mail import Card, Copy, Personal, Pick, Plate, _digest, _fragments, _inline, _press, digest, to_wire
from newsletter.mail._inline import Shelf

OWN = Personal(
    interests=("long context", "RLHF, with code"),
    since_on=date(2026, 3, 3),
    view="k3J9s0aQ1xTtR8m2.1uABCD." + "x" * 43,
    preferences="aB3-_x9Kq0Zz12fG.1uABCD." + "y" * 43,
    unsubscribe="Zz12fGaB3-_x9Kq0Zz12fG",
    tune="k3J9s0aQ1xTtR8m2.1uABCD." + "z" * 43,
)
HUGE = "An abstract sentence with quite a few words in it, and 長い名前 too. " * 60


def shared(whole):
    """The digest that a plate is made of: addresses open at their end, no word of one reader."""
    return replace(
        whole,
        interests=whole.interests and ("someone else's",),
        since_on=whole.since_on and date(2020, 1, 1),
        view_url=whole.view_url and f"{BASE}/view/",
        preferences_url=whole.preferences_url and f"{BASE}/preferences/",
        unsubscribe_url=whole.unsubscribe_url and f"{BASE}/u/",
        tune_url=whole.tune_url and f"{BASE}/tune/",
    )


def own_of(whole, own=OWN):
    return replace(own, interests=whole.interests, since_on=whole.since_on)


def pressed(whole, own=OWN):
    return Copy(Plate(shared(whole)), own_of(whole, own))


def told(wire):
    """Headers but the boundary's, and the decoded parts."""
    mail = message_from_bytes(wire, policy=policy.default)
    headers = [(name, str(value)) for name, value in mail.items()]
    parts = list(mail.iter_parts()) if mail.is_multipart() else [mail]
    return headers, [(part.get_content_type(), part.get_content()) for part in parts]


def assert_alike(made):
    for text_only in (False, True):
        around = envelope(text_only=text_only)
        quick, message = made.wire(around), digest(made.digest())
        assert told(quick) == told(to_wire(message, around))
        said = [content.replace("\r\n", "\n") for _, content in told(quick)[1]]
        wanted = [message.text] if text_only else [message.text, message.html]
        assert [part.rstrip("\n") for part in said] == [part.rstrip("\n") for part in wanted]
        for line in quick.split(b"\r\n"):
            assert len(line) <= 78 and not line.startswith((b".", b"From ")) and not line.endswith((b" ", b"\t"))
        assert b"\n" not in quick.replace(b"\r\n", b"") and quick.isascii()


@pytest.mark.parametrize("name", VARIANTS)
def test_a_pressed_copy_parses_to_the_reference(name):
    assert_alike(pressed(VARIANTS[name]))


LETTERS = st.text(st.sampled_from("ab .,=<&\"'%{}\u00e9\u9577\u0627\u05d0-\t\n~Ff1"), max_size=90)
WEB = st.sampled_from(["", "https://a.example/abs/1", "https://a.example/?q=a&b=%20", "https://a.example/" + "x" * 120])
CARDS = st.builds(
    Card,
    ref=st.just("r"),
    title=LETTERS,
    url=WEB,
    pdf_url=WEB,
    code_url=WEB,
    authors=st.lists(LETTERS, max_size=4).map(tuple),
    authors_total=st.none() | st.integers(0, 500),
    categories=st.lists(LETTERS, max_size=1).map(tuple),
    organizations=st.lists(LETTERS, max_size=3).map(tuple),
    published_on=st.none() | st.just(date(2026, 11, 20)),
    upvotes=st.none() | st.integers(0, 9000),
    abstract=LETTERS | st.just(HUGE),
    summary=LETTERS,
    summary_by=LETTERS,
    pinned=st.booleans(),
    is_sample=st.booleans(),
)
DIGESTS = st.builds(
    copy,
    st.lists(CARDS, max_size=14),
    notes=st.lists(LETTERS, max_size=2).map(tuple),
    numbers=st.lists(st.integers(1, 999), max_size=3).map(tuple),
    more=st.integers(0, 999),
    more_url=WEB,
    card_length=st.sampled_from(["TITLE", "SUMMARY", "FINDING", "ABSTRACT"]),
    since_on=st.none() | st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    interests=st.lists(LETTERS, max_size=9).map(tuple),
    home_url=WEB,
    webcopy_url=WEB,
    view_url=WEB,
    preferences_url=WEB,
    unsubscribe_url=WEB,
    tune_url=WEB,
    newsletter=LETTERS,
    postal_address=LETTERS,
    test=st.booleans(),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(DIGESTS, st.lists(LETTERS, max_size=14))
def test_any_pressed_copy_parses_to_the_reference(whole, reasons):
    picks = [Pick(pick.card, reason) for pick, reason in zip(whole.picks, [*reasons, *[""] * 14], strict=False)]
    assert_alike(pressed(replace(whole, picks=tuple(picks))))


@pytest.mark.parametrize("length", ["TITLE", "SUMMARY", "FINDING", "ABSTRACT"])
def test_a_pressed_copy_sheds_what_the_reference_sheds(length):
    rich = [card(n, abstract=HUGE, organizations=("Org " * 12,)) for n in range(1, 16)]
    assert_alike(pressed(copy(rich, card_length=length)))
    many = [card(n, title="長" * 300, authors=("名" * 60,) * 3) for n in range(1, 301)]
    assert_alike(pressed(copy(many, card_length=length)))
    notes = tuple(f"第{n}期。" + "每天的新论文列表。" * 300 for n in range(1, 10))
    assert_alike(pressed(copy(rich, card_length=length, notes=notes)))


SCRIPTS = {
    "plain": "We find that 64 of 3,000 rows are enough for 9.4 times less memory. " * 40,
    "markup": 'A <b>&amp; "quoted" & more <i>x</i> = y. ' * 60,
    "cjk": "我们研究如何阅读长论文列表。" * 60,
    "rtl": "אנו חוקרים כיצד רשימות נקראות. " * 40,
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_fifteen_abstracts_are_at_most_60_kb_of_html_and_no_mail_is_over_100_kb(script):
    for papers in (15, 500):
        rich = [card(n, abstract=SCRIPTS[script], organizations=("Delft University",) * 2) for n in range(1, papers + 1)]
        wire = pressed(copy(rich, card_length="ABSTRACT", notes=("Look at *this*.",))).wire(envelope())
        html = dict(told(wire)[1])["text/html"]
        assert len(html.encode()) <= (60_000 if papers == 15 else 100_000)
        assert len(wire) <= 100_000
        assert papers == 500 or html.count('class="body') == 10, "fifteen keep their abstracts or summaries"


def test_editions_that_differ_in_picks_and_reasons_share_a_frame_and_stay_apart():
    first, second = (copy(short(range(start, start + 12))) for start in (1, 20))
    second = replace(
        second, webcopy_url=f"{BASE}/editions/another", picks=tuple(Pick(p.card, "for graphs") for p in second.picks)
    )
    _press._frames.clear()
    for whole in (first, second):
        assert_alike(pressed(whole))
    assert len(_press._frames) == 1
    assert_alike(pressed(replace(first, more=7)))
    assert len(_press._frames) == 2


def test_two_readers_on_both_sides_of_a_limit_get_different_sizes_as_in_the_reference(monkeypatch):
    whole = copy(3, card_length="ABSTRACT")
    plate = Plate(shared(whole))
    message = digest(Copy(plate, own_of(whole)).digest())
    size = _fragments.weight(message.text) + _fragments.weight(message.html)
    monkeypatch.setattr(_digest, "BYTES_WANTED", size)
    plate = Plate(shared(whole))
    fits, over = Copy(plate, own_of(whole)), Copy(plate, replace(own_of(whole), view=OWN.view + "x"))
    assert_alike(fits)
    assert_alike(over)
    assert len(over.wire(envelope())) < len(fits.wire(envelope())) - 200


def test_copies_of_one_plate_hold_their_own_tokens_and_words_alone():
    plate = Plate(shared(copy(5)))
    other = Personal(interests=("graphs",), since_on=date(2026, 5, 5), view="V", preferences="P", unsubscribe="U", tune="T")
    first, second = Copy(plate, OWN), Copy(plate, other)
    assert_alike(second)
    assert_alike(first)
    assert b"graphs" in second.wire(envelope()) and b"RLHF" not in second.wire(envelope())
    assert OWN.preferences.encode() not in second.wire(envelope())
    assert second.wire(envelope()).count(b"/tune/=\r\nT=\r\n") == 10 and OWN.tune.encode() not in second.wire(envelope())


@pytest.mark.parametrize("token", [".a", "a b", "a\r\nBcc: x", "é", "a=", "x" * 76, 'a"'])
def test_a_token_that_would_not_stand_on_a_line_is_refused(token):
    with pytest.raises(ValueError, match="token"):
        Copy(Plate(shared(copy(1))), replace(OWN, view=token)).wire(envelope())


@given(LETTERS, LETTERS)
def test_a_weight_is_the_encoded_size_without_soft_breaks_and_adds_up(first, second):
    encoded = _fragments.encode(first + second + "\n").replace(b"=\r\n", b"")
    assert 0 <= len(encoded) - _fragments.weight(first + second + "\n") <= 2 * (first + second).count("\n") + 60
    assert _fragments.weight(first) + _fragments.weight(second) == _fragments.weight(first + second)


@pytest.fixture
def counted(monkeypatch):
    """How often premailer ran, and how many literals of templates and cards were encoded, from nothing known."""
    shelf, count = Shelf(), {"encoded": 0}

    def counting(text):
        count["encoded"] += 1
        return _fragments.encode(text)

    monkeypatch.setattr(_digest, "shelf", shelf)
    monkeypatch.setattr(_inline, "encode", counting)
    for cache in (_digest._text_piece, _press._told_to, _press._framed):
        cache.cache_clear()
    _press._cards.clear()
    _press._frames.clear()
    return lambda: (shelf.runs, count["encoded"])


def short(numbers):
    return [card(n, abstract="It reads 64 of 3,000 rows.") for n in numbers]


def test_cards_are_made_again_for_another_paper_curation_length_or_locale_and_never_otherwise(counted):
    def send(whole, own=OWN):
        before = counted()
        pressed(whole, own).wire(envelope())
        return tuple(after - was for after, was in zip(counted(), before, strict=True))

    assert send(copy(short(range(1, 13))))[0] == 1
    assert send(copy(short(range(1, 13)))) == (0, 0)
    assert send(
        copy(short(range(1, 13))), replace(OWN, view="other", preferences="other", unsubscribe="other", tune="other")
    ) == (
        0,
        0,
    )
    assert send(copy(short(range(1, 13)), numbers=(129,), slot_on=date(2026, 11, 23), home_url=f"{BASE}/x")) == (0, 0)
    assert send(copy(short((*range(10, 0, -1), 12, 11)))) == (0, 0)
    assert send(copy(short(range(1, 13)), interests=("another", "reader"))) == (0, 0)
    edited = [card(1, summary="Edited by hand.", summary_by="Paper Round"), *short(range(2, 13))]
    assert send(copy(edited))[0] == 1 and send(copy(edited)) == (0, 0)
    assert send(copy(short(range(1, 13)), card_length="ABSTRACT"))[0] == 1 and send(
        copy(short(range(1, 13)), card_length="ABSTRACT")
    ) == (0, 0)
    assert send(copy(short(range(1, 13)), locale="de"))[0] == 1 and send(copy(short(range(1, 13)), locale="de")) == (0, 0)
