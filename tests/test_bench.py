"""The measurements beside the product run and say what they compared."""

import sys

import pytest

from bench import mail as bench_mail

FEW = {"naive": 1, "post_office": 2, "ours": 24, "unmet": 24, "copies": 24, "tokens": 24, "floor": 24}


@pytest.mark.parametrize("installed", [True, False])
def test_the_mail_bench_measures_every_way_with_or_without_html2text(monkeypatch, installed):
    class Fake:
        html2text = staticmethod(lambda html: "text")

    monkeypatch.setitem(sys.modules, "html2text", Fake if installed else None)
    rows = {row["case"]: row for row in bench_mail.measure(rounds=1, mails=FEW)}
    assert list(rows) == list(FEW)
    assert ("pip install" in rows["naive"].get("note", "")) is not installed
    assert all(row["cpu_us"] > 0 and row["naive_is_times"] > 0 for row in rows.values())
    assert min(rows[name]["bytes"] for name in ("naive", "post_office", "ours", "copies", "floor")) > 20_000


def test_the_ways_make_the_same_mail():
    [whole] = bench_mail.editions(1)
    own = bench_mail._own(7)
    around = bench_mail.envelope(7, own)
    made = [make(whole, own, around) for make in (bench_mail.naive(), bench_mail.post_office())]
    made.append(bench_mail.mail.Copy(bench_mail.mail.Plate(whole), own).wire(around))
    for wire in made:
        html = bench_mail_html(wire)
        assert html.count("<h2") == bench_mail_html(made[-1]).count("<h2") > 5
        assert all(token in html for token in (own.view, own.preferences, own.unsubscribe))
        assert all(pick.card.title in html for pick in whole.picks)


def bench_mail_html(wire):
    from email import message_from_bytes, policy

    return message_from_bytes(wire, policy=policy.default).get_body(("html",)).get_content()
