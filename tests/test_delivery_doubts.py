"""UNCERTAIN copies, and the two things that a person may do about them."""

from datetime import date, timedelta

import pytest
from delivery_rows import NOW, digests, edition, readers, service

from newsletter import delivery, issues
from newsletter.delivery import doubts
from newsletter.delivery.audit import audit
from newsletter.issues.sums import edition_key
from newsletter.models import Act, Delivery, Edition, Issue, IssueState, Kind, Run, SubscriberStatus

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def outbox(settings, tmp_path):
    settings.PAPERROUND_DATA, settings.MAIL_URL = tmp_path, "file:"
    return tmp_path / "outbox"


def uncertain(number: int = 1, **fields) -> list[Delivery]:
    """Copies of issue 1 with their wave, so that the sums hold, and issue 2 closed after it."""
    shown = edition()
    Edition.objects.update(key=edition_key(shown.picks))
    Issue.objects.filter(number=1).update(prepared=number)
    Issue.objects.create(
        number=2, state=IssueState.CLOSED, opened_at=NOW, closed_at=NOW - timedelta(hours=1), closed_on=date(2026, 11, 22)
    )
    run = Run.objects.create(
        stage="plan", as_of=NOW - timedelta(minutes=20), started_at=NOW, ended_at=NOW, state="DONE", due=number, prepared=number,
        report={"upto": 1},
    )  # fmt: skip
    values = {"state": "UNCERTAIN", "reason": "IN_FLIGHT", "as_of": NOW, "claimed_at": NOW, "claim_token": "t", "attempts": 1}
    rows = digests(readers(number, confirmed_at=NOW - timedelta(days=1)), shown, **{**values, "run": run, **fields})
    for place, row in enumerate(rows, 1):
        Delivery.objects.filter(pk=row.pk).update(run_seq=place)
    assert issues.finish(now=NOW) == [1] and not audit().findings
    return rows


def test_mark_sent_settles_the_copy_and_the_sums_hold():
    [row] = uncertain()
    doubts.mark_sent(row, by="ed", now=NOW)
    row.refresh_from_db()
    assert (row.state, row.reason, row.settled_at, row.to_address) == ("SENT", "", NOW, "")
    assert not audit().findings and Issue.objects.get(number=1).done_at
    act = Act.objects.get()
    assert (act.actor, act.verb, act.target) == ("ed", "mark sent", f"delivery {row.public_id}")


def test_send_again_leaves_with_the_same_message_id_and_the_issue_is_done_anew(outbox):
    [row] = uncertain()
    later = NOW + timedelta(days=1)  # long after its late window
    doubts.send_again(row, by="ed", now=later)
    row.refresh_from_db()
    assert (row.state, row.settled_at, row.as_of, row.claim_token) == ("PENDING", None, None, "")
    assert Issue.objects.get(number=1).done_at is None and not audit().findings
    assert delivery.send(now=later).sent == 1
    [file] = outbox.iterdir()
    assert f"<{row.public_id}@paperround.example.org>" in file.read_text()
    assert issues.finish(now=later) == [1] and not audit().findings
    assert Act.objects.get().verb == "send again"


@pytest.mark.parametrize("verb", [doubts.mark_sent, doubts.send_again])
def test_pressed_twice_the_second_press_is_refused_and_books_nothing(verb):
    [row] = uncertain()
    verb(row, by="ed", now=NOW)
    with pytest.raises(doubts.Refused, match="no longer uncertain"):
        verb(row, by="ed", now=NOW)
    assert Act.objects.count() == 1


def test_who_left_or_was_erased_gets_nothing_again():
    left, erased = uncertain(2)
    left.subscriber.status = SubscriberStatus.LEFT
    left.subscriber.save()
    Delivery.objects.filter(pk=erased.pk).update(subscriber=None)
    for row, why in ((left, "left"), (erased, "erased")):
        with pytest.raises(doubts.Refused, match=why):
            doubts.send_again(row, by="ed", now=NOW)
    assert set(Delivery.objects.values_list("state", flat=True)) == {"UNCERTAIN"} and not Act.objects.exists()
    doubts.mark_sent(erased, by="ed", now=NOW)


@pytest.mark.parametrize("state", ["PENDING", "SENT"])
def test_a_reader_with_a_newer_digest_gets_no_older_one_again(state):
    """Were it refused the second time, nobody would ever bring its papers: the newer one begins where it ends."""
    [row] = uncertain()
    digests([row.subscriber], row.edition, upto=2, slot_on=date(2026, 11, 23), state=state)
    with pytest.raises(doubts.Refused, match="newer digest"):
        doubts.send_again(row, by="ed", now=NOW)
    row.refresh_from_db()
    assert row.state == "UNCERTAIN" and Issue.objects.get(number=1).done_at


def test_a_refusal_after_send_again_brings_the_papers_with_the_next_digest():
    [row] = uncertain()
    doubts.send_again(row, by="ed", now=NOW)
    Delivery.objects.filter(pk=row.pk).update(state="FAILED", reason="REFUSED")
    assert not audit().findings


def test_a_service_mail_is_sent_again_to_the_address_it_still_has(outbox):
    reader = readers(1, status=SubscriberStatus.PENDING)[0]
    row = service(reader, Kind.CONFIRM, state="UNCERTAIN", reason="IN_FLIGHT", as_of=NOW, claimed_at=NOW, claim_token="t")
    doubts.send_again(row, by="ed", now=NOW)
    assert delivery.send(now=NOW).sent == 1 and len(list(outbox.iterdir())) == 1
