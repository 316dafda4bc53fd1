"""Which mails share a request, and that the variables cut out of them put each copy together again."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from newsletter.delivery.batches import Sheet, Ways, batches, message_of
from newsletter.delivery.transport import Mail

_WAYS = Ways(batch=5, slot="-pr:{}-")
_words = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=6)
_copies = st.integers(1, 4).flatmap(
    lambda lines: st.lists(
        st.lists(st.sampled_from(["same", "seam", "", "sam"]) | _words, min_size=lines, max_size=lines), max_size=9
    )
)


def sheet(number: int, lines: list[str], *, to: str = "", subject: str = "s") -> Sheet:
    text = "\n".join(lines)
    mail = Mail(
        ref=f"r{number}", sender="a@b.org", to=to or f"to{number}@c.org", wire=b"", as_of=datetime(2026, 11, 22, tzinfo=UTC)
    )
    return Sheet(mail, subject, "a@b.org", "", {"List-Unsubscribe": f"<https://b.org/u/{number}>"}, (text, f"<p>{text}</p>"))


@given(_copies)
def test_a_batch_filled_in_is_every_copy_as_it_was_written(copies):
    sheets = [sheet(number, lines) for number, lines in enumerate(copies)]
    made = list(batches(sheets, _WAYS))
    assert sorted(one.mail.ref for group in made for one in group) == sorted(one.mail.ref for one in sheets)
    for group in made:
        assert len(group) <= 5
        message = message_of(group, _WAYS)
        for one in group:
            text, (html, _) = message.body, message.alternatives[0]
            if len(group) > 1:
                for name, value in message.merge_data[one.mail.to].items():
                    text, html = text.replace(f"-pr:{name}-", value), html.replace(f"-pr:{name}-", value)
                assert message.merge_headers[one.mail.to] == one.headers
                assert message.merge_metadata[one.mail.to] == {"delivery": one.mail.ref}
            assert (text, html) == one.parts


def test_two_copies_to_one_address_never_share_a_request():
    sheets = [sheet(1, ["a"], to="ann@c.org"), sheet(2, ["a"], to="ann@C.org"), sheet(3, ["a"], to="ann@c.org")]
    assert [len(group) for group in batches(sheets, Ways(batch=5))] == [1, 1, 1]


def test_an_address_that_parsers_write_in_several_ways_goes_alone():
    sheets = [sheet(1, ["a"], to='"a b"@c.org'), sheet(2, ["a"]), sheet(3, ["a"])]
    assert [[one.mail.ref for one in group] for group in batches(sheets, Ways(batch=5))] == [["r1"], ["r2", "r3"]]


def test_copies_that_differ_in_too_much_are_no_batch():
    long = [sheet(number, [f"{number}" * 9000]) for number in range(2)]
    assert [len(group) for group in batches(long, _WAYS)] == [1, 1]
    assert [len(group) for group in batches(long, Ways(batch=5))] == [2]


def test_another_subject_is_another_request():
    sheets = [sheet(1, ["a"]), sheet(2, ["a"], subject="t"), sheet(3, ["a"])]
    assert sorted(len(group) for group in batches(sheets, Ways(batch=5))) == [1, 2]
