"""Claim, send, settle: nothing lost, nothing twice, and no mail to anybody who does not want it any more."""

import re
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default as policy
from pathlib import Path

import pytest
from delivery_rows import NOW, digests, edition, readers, service
from delivery_smtp import smtp_server
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from threads import threads_share_the_database

from newsletter import delivery, editions, subscribers
from newsletter.delivery import ledger
from newsletter.delivery.ledger import Outcome
from newsletter.delivery.transport import Accepted, Configuration, Permanent, Transient
from newsletter.models import (
    Candidate,
    Delivery,
    DeliveryState,
    Issue,
    Kind,
    SubscriberStatus,
    Suppression,
    SuppressionReason,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def data(settings, tmp_path):
    settings.PAPERROUND_DATA = tmp_path
    settings.MAIL_URL = "file:"
    return tmp_path


class Wire:
    """A transport in memory. `before(mail)` runs before each begin, `after(mail)` once the mail has left."""

    signs = together = False

    def __init__(self, before=lambda mail: None, after=lambda mail: None):
        self.mails, self.before, self.after = [], before, after

    def send(self, mail, begin):
        self.before(mail)
        begin()
        self.after(mail)
        self.mails.append(mail)
        return Accepted()

    def close(self):
        pass


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def wire(monkeypatch):
    made = Wire()
    monkeypatch.setattr(delivery, "transport_of", lambda url: made)
    return made


def states() -> dict[str, int]:
    counts: dict[str, int] = {}
    for state in Delivery.objects.values_list("state", flat=True):
        counts[state] = counts.get(state, 0) + 1
    return counts


def test_a_digest_becomes_a_whole_file_in_the_outbox_and_its_row_is_sent(data):
    [row] = digests(readers(1), edition())
    report = delivery.send(now=NOW, clock=Clock())
    [path] = report.files
    assert Path(path) == data / "outbox" / f"20261122-063005_{row.public_id}.eml"
    message = message_from_bytes(Path(path).read_bytes(), policy=policy)
    assert message["Message-ID"] == f"<{row.public_id}@paperround.example.org>"
    assert message["To"] == row.subscriber.address
    assert re.match(r"<https?://\S+/u/\S+>", message["List-Unsubscribe"])
    assert message["List-Id"] == "Paper Round <digest.paperround.example.org>"
    assert message["From"] == "Paper Round <digest@paperround.example.org>"
    assert message["Date"].datetime == NOW
    assert "A paper of issue 1" in message.get_body(("plain",)).get_content()
    row.refresh_from_db()
    assert (row.state, row.as_of, row.attempts) == (DeliveryState.SENT, NOW, 0)
    assert row.settled_at is not None
    assert (report.sent, report.waiting, report.stopped) == (1, 0, "")
    assert not list((data / "journals").iterdir())


def test_sending_twice_sends_once():
    digests(readers(3), edition())
    assert delivery.send(now=NOW).sent == 3
    assert delivery.send(now=NOW).sent == 0


def test_a_copy_that_is_not_due_stays():
    digests(readers(1), edition(), due_at=NOW + timedelta(seconds=1))
    assert delivery.send(now=NOW).sent == 0
    assert states() == {"PENDING": 1}


def test_a_service_mail_comes_from_the_service_address_without_list_headers_and_its_address_is_forgotten():
    [reader] = readers(1)
    row = service(reader, Kind.LINK)
    [path] = delivery.send(now=NOW).files
    message = message_from_bytes(Path(path).read_bytes(), policy=policy)
    assert message["From"] == "Paper Round <service@paperround.example.org>"
    assert message["List-Unsubscribe"] is None
    row.refresh_from_db()
    assert (row.state, row.to_address) == (DeliveryState.SENT, "")


def test_a_confirmation_overtakes_two_thousand_due_digests(wire):
    digests(readers(2000), edition())
    delivery.send(now=NOW, limit=64)
    row = service(readers(1, status=SubscriberStatus.PENDING)[0], Kind.LINK)
    row.subscriber.status = SubscriberStatus.ACTIVE
    row.subscriber.save()
    delivery.send(now=NOW, limit=64)
    assert [mail.ref for mail in wire.mails].index(row.public_id) == 64
    assert states() == {"SENT": 128, "PENDING": 1873}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"status": SubscriberStatus.LEFT}, "left"),
        ({"status": SubscriberStatus.BOUNCED}, "bounced"),
        ({"paused_until": NOW.date() + timedelta(days=9)}, "paused"),
    ],
)
def test_send_skips_a_reader_who_changed_after_the_plan(change, reason, wire):
    [row] = digests(readers(1), edition())
    for name, value in change.items():
        setattr(row.subscriber, name, value)
    row.subscriber.save()
    assert delivery.send(now=NOW).cancelled == 1
    row.refresh_from_db()
    assert (row.state, row.reason) == (DeliveryState.CANCELLED, reason)
    assert not wire.mails


def test_send_skips_an_address_that_is_suppressed(wire):
    [row] = digests(readers(1), edition())
    Suppression.objects.create(address_key=row.subscriber.address_key, reason=SuppressionReason.COMPLAINT, created_at=NOW)
    assert delivery.send(now=NOW).cancelled == 1
    assert not wire.mails


def test_a_reader_who_was_erased_gets_nothing(wire):
    [row] = digests(readers(1), edition())
    row.subscriber.delete()
    assert delivery.send(now=NOW).cancelled == 1
    assert not wire.mails


def test_a_reader_who_leaves_while_the_slice_is_being_sent_is_passed_over_within_a_second(wire):
    first, second = digests(readers(2), edition())
    clock = Clock()

    def leave(mail):
        subscribers.unsubscribe(second.subscriber.public_id, now=NOW)
        clock.seconds += 1.01

    wire.after = leave
    delivery.send(now=NOW, limit=2, clock=clock)
    assert [mail.ref for mail in wire.mails] == [first.public_id]
    second.refresh_from_db()
    assert (second.state, second.reason) == (DeliveryState.CANCELLED, "left")


def test_copies_of_a_held_issue_wait_untouched_and_leave_once_it_is_approved(wire):
    digests(readers(2), edition(1), upto=1)
    others = digests(readers(1), edition(2), upto=2, after=1)
    Issue.objects.filter(number=1).update(held_at=NOW)
    delivery.send(now=NOW)
    assert [mail.ref for mail in wire.mails] == [others[0].public_id]
    assert set(Delivery.objects.filter(upto=1).values_list("state", "reason", "attempts")) == {("PENDING", "", 0)}
    Issue.objects.update(held_at=None)
    assert delivery.send(now=NOW + timedelta(hours=1)).sent == 2


def test_a_hold_while_the_slice_is_being_sent_sends_the_rest_back(wire):
    digests(readers(3), edition())
    clock = Clock()

    def hold(mail):
        Issue.objects.update(held_at=NOW)
        clock.seconds += 2

    wire.after = hold
    report = delivery.send(now=NOW, clock=clock)
    assert (report.sent, report.waiting) == (1, 2)
    assert set(Delivery.objects.filter(state="PENDING").values_list("reason", "attempts", "claim_token")) == {("HELD", 0, "")}


@pytest.mark.parametrize(("held_at", "reason"), [(NOW, "HELD"), (None, "LATE")])
def test_a_digest_past_its_late_window_is_cancelled_with_the_reason(held_at, reason, wire):
    [row] = digests(readers(1), edition())
    Issue.objects.update(held_at=held_at)
    delivery.send(now=row.due_at + timedelta(hours=6, seconds=-1))
    if held_at is None:
        assert states() == {"SENT": 1}
        Delivery.objects.update(state="PENDING")
    delivery.send(now=row.due_at + timedelta(hours=6))
    row.refresh_from_db()
    assert (row.state, row.reason) == (DeliveryState.CANCELLED, reason)


def test_a_copy_whose_only_pick_was_hidden_is_cancelled_as_empty(wire):
    [row] = digests(readers(1), edition())
    Candidate.objects.update(hidden_at=NOW - timedelta(minutes=1))
    delivery.send(now=NOW)
    row.refresh_from_db()
    assert (row.state, row.reason) == (DeliveryState.CANCELLED, "EMPTY")
    assert not wire.mails


def test_one_row_that_cannot_be_written_spoils_no_other(wire, monkeypatch):
    broken, *_ = digests(readers(3), edition())
    copies_of = editions.copies_of

    def breaking(rows, **options):
        if broken in rows:
            raise KeyError("template")
        return copies_of(rows, **options)

    monkeypatch.setattr(editions, "copies_of", breaking)
    report = delivery.send(now=NOW)
    assert (report.sent, report.waiting) == (2, 1)
    broken.refresh_from_db()
    assert (broken.state, broken.reason, broken.attempts) == (DeliveryState.PENDING, "WRITE KeyError", 1)


def test_no_mail_begins_after_the_lease_and_the_rest_of_the_slice_goes_back(wire):
    digests(readers(5), edition())
    clock = Clock()
    seen = []

    def slow(mail):
        seen.append(dict(Delivery.objects.values_list("public_id", "claim_token")))
        clock.seconds += 25

    wire.after = slow
    report = delivery.send(now=NOW, clock=clock)
    tokens = {token for rows in seen for token in rows.values() if token}
    assert (report.sent, report.waiting) == (5, 2)
    assert len(tokens) == 2, "three mails under the first claim, two under a second one"
    assert len({mail.ref for mail in wire.mails}) == 5


def test_a_refusal_for_now_comes_back_with_growing_distance_and_the_fifth_is_the_last(wire):
    [row] = digests(readers(1), edition(), kind=Kind.TEST)

    def busy(mail):
        raise Transient("SMTP 451 4.7.1")

    wire.before = busy
    now, waits = NOW, []
    for _ in range(5):
        delivery.send(now=now)
        row.refresh_from_db()
        waits.append((row.due_at - now).total_seconds() / 60)
        now = max(now, row.due_at)
    assert [round(wait) for wait in waits[:4]] == [1, 5, 15, 60]
    assert (row.state, row.attempts, row.reason) == (DeliveryState.FAILED, 5, "SMTP 451 4.7.1")


def test_a_wrong_configuration_stops_the_run_and_costs_no_copy_an_attempt(wire):
    digests(readers(3), edition())

    def refuse(mail):
        raise Configuration("MAIL_URL: check the key")

    wire.before = refuse
    report = delivery.send(now=NOW)
    assert (report.stopped, report.waiting) == ("MAIL_URL: check the key", 3)
    assert set(Delivery.objects.values_list("state", "attempts", "due_at")) == {("PENDING", 0, NOW - timedelta(minutes=1))}


def test_an_exception_nobody_foresaw_leaves_the_begun_mail_uncertain_and_the_others_go_on(wire):
    first, *_ = digests(readers(3), edition())

    def fail(mail):
        if mail.ref == first.public_id:
            raise ZeroDivisionError

    wire.after = fail
    report = delivery.send(now=NOW)
    assert (report.sent, report.uncertain) == (2, 1)


def test_an_interrupt_settles_what_is_known_before_it_goes_on(wire, data):
    digests(readers(3), edition())

    def interrupt(mail):
        if wire.mails:
            raise KeyboardInterrupt

    wire.after = interrupt
    with pytest.raises(KeyboardInterrupt):
        delivery.send(now=NOW)
    assert states() == {"SENT": 1, "UNCERTAIN": 1, "PENDING": 1}
    assert delivery.recover(now=NOW).journals == 1
    assert states() == {"SENT": 1, "UNCERTAIN": 1, "PENDING": 1}


def test_only_the_claim_token_settles_and_an_acknowledgement_beats_uncertain():
    [row] = digests(readers(1), edition())
    [pk] = ledger.claim(token="mine", limit=64, at=NOW)
    sent = {pk: Outcome(state=DeliveryState.SENT, provider_id="p1")}
    ledger.settle("other", sent, at=NOW)
    row.refresh_from_db()
    assert row.state == DeliveryState.SENDING
    ledger.sweep(now=NOW + timedelta(minutes=16))
    ledger.settle("mine", {pk: Outcome(state=DeliveryState.PENDING)}, at=NOW)
    row.refresh_from_db()
    assert (row.state, row.reason) == (DeliveryState.UNCERTAIN, "ABANDONED")
    ledger.settle("mine", sent, at=NOW)
    row.refresh_from_db()
    assert (row.state, row.provider_id, row.reason) == (DeliveryState.SENT, "p1", "")


@pytest.mark.django_db(transaction=True)
def test_while_the_database_is_away_settling_is_tried_again(wire, monkeypatch):
    digests(readers(2), edition())
    settle, away = ledger.settle, iter([OperationalError("gone"), OperationalError("gone")])

    def flaky(*args, **kwargs):
        for error in away:
            raise error
        return settle(*args, **kwargs)

    monkeypatch.setattr(ledger, "settle", flaky)
    monkeypatch.setattr(delivery, "_SETTLE_WAITS_S", (0, 0, 0))
    assert delivery.send(now=NOW).sent == 2
    assert states() == {"SENT": 2}


@pytest.mark.django_db(transaction=True)
def test_what_could_not_be_settled_is_in_the_journal_and_recovery_brings_it_home(wire, monkeypatch):
    digests(readers(2), edition())

    def gone(*args, **kwargs):
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(ledger, "settle", gone)
        patch.setattr(delivery, "_SETTLE_WAITS_S", (0,))
        with pytest.raises(OperationalError):
            delivery.send(now=NOW)
    assert states() == {"SENDING": 2}
    assert delivery.recover(now=NOW).sent == 2
    assert states() == {"SENT": 2}


def test_the_number_of_statements_does_not_grow_with_the_slice(wire):
    shown = edition()
    counts = []
    for size in (2, 60):
        digests(readers(size), shown)
        with CaptureQueriesContext(connection) as queries:
            assert delivery.send(now=NOW, limit=size, clock=Clock()).sent == size
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 20


def test_the_second_slice_of_a_run_costs_at_most_nine_statements(transactional_db, wire):
    """0.2 statements a mail would be twelve. On PostgreSQL two more go past Django's cursor, where nothing counts them."""
    shown, counts = edition(), []
    for slices in (1, 2, 3):
        digests(readers(64 * slices), shown)
        with CaptureQueriesContext(connection) as queries:
            assert delivery.send(now=NOW, clock=Clock()).sent == 64 * slices
        counts.append(len(queries))
    assert counts[2] - counts[1] == counts[1] - counts[0] <= (9 if connection.vendor == "sqlite" else 7)


def test_a_run_finds_what_came_back_behind_it(wire):
    rows = digests(readers(130), edition())

    def bring_back(mail):
        if len(wire.mails) == 100:
            Delivery.objects.filter(pk=rows[0].pk).update(state="PENDING", claim_token="", settled_at=None)

    wire.after = bring_back
    assert delivery.send(now=NOW).sent == 131
    assert states() == {"SENT": 130}
    assert [mail.ref for mail in wire.mails].count(rows[0].public_id) == 2


def test_a_confirmation_is_in_the_next_slice_of_a_run_that_is_under_way(wire):
    digests(readers(200), edition())
    [newcomer] = readers(1)

    def ask(mail):
        if len(wire.mails) == 30:
            service(newcomer, Kind.LINK)

    wire.after = ask
    assert delivery.send(now=NOW).sent == 201
    assert [mail.to for mail in wire.mails].index(newcomer.address) == 64


def test_a_pick_hidden_between_two_slices_of_a_run_is_in_none_of_the_second(wire):
    digests(readers(70), edition())
    clock = Clock()

    def hide(mail):
        if len(wire.mails) == 10:
            clock.seconds += 0.5
            Candidate.objects.update(hidden_at=NOW + timedelta(seconds=0.5))

    wire.after = hide
    report = delivery.send(now=NOW, clock=clock)
    assert (report.sent, report.cancelled) == (64, 6)
    assert set(Delivery.objects.filter(state="CANCELLED").values_list("reason", flat=True)) == {"EMPTY"}


@pytest.mark.postgresql
def test_the_claim_begins_in_the_index_where_the_run_has_come_to():
    rows = digests(readers(200), edition())
    with CaptureQueriesContext(connection) as queries:
        claimed = ledger.claim(token="t", limit=5, at=NOW, beyond=(rows[99].due_at, rows[99].pk))
    assert sorted(claimed) == [row.pk for row in rows[100:105]]
    [statement] = [query["sql"] for query in queries if "RETURNING" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
        cursor.execute("EXPLAIN " + statement)
        plan = [row[0] for row in cursor.fetchall()]
    assert any("delivery_due" in line for line in plan)
    assert any("Index Cond" in line and "ROW(due_at, id) >" in line for line in plan), plan


@pytest.mark.sqlite
def test_the_claim_reads_the_index_of_due_rows():
    digests(readers(200), edition())
    with CaptureQueriesContext(connection) as queries:
        ledger.claim(token="t", limit=5, at=NOW)
    [statement] = [query["sql"] for query in queries if "RETURNING" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + statement)
        assert any("delivery_due" in row[-1] for row in cursor.fetchall())


def test_two_senders_at_once_split_the_rows_without_overlap(transactional_db, tmp_path):
    with threads_share_the_database(tmp_path) as shared:
        shared.ask(lambda: digests(readers(300), edition()))
        reports = shared.all_at_once(lambda _: delivery.send(now=NOW), times=2)
        assert sum(report.sent for report in reports) == 300
        files = [file for report in reports for file in report.files]
        assert len(set(files)) == len(files) == 300 == len(list((tmp_path / "outbox").glob("*.eml")))
        assert shared.ask(states) == {"SENT": 300}


def test_the_server_gets_the_bytes_as_they_were_built(settings):
    digests(readers(3), edition())
    with smtp_server() as server:
        settings.MAIL_URL = server.url
        assert delivery.send(now=NOW).sent == 3
    assert server.connections == 1, "one connection carries the slice"
    for row in Delivery.objects.select_related("subscriber"):
        [content] = [content for recipient, content in server.mails if recipient == row.subscriber.address]
        copy = delivery.copies.write([row], as_of=NOW)[row.pk]
        assert content == delivery.copies.compose(row, copy, as_of=NOW).wire


def test_a_line_that_begins_with_a_dot_arrives_as_it_left():
    [row] = digests(readers(1), edition())
    written = delivery.copies.compose(row, editions.write(row, as_of=NOW), as_of=NOW)
    dotted = replace(written, wire=b"Subject: dots\r\n\r\n.\r\n..two\r\nend\r\n")
    with smtp_server() as server:
        transport = delivery.transport_of(server.url)
        assert transport.send(dotted, lambda: None) == Accepted()
        transport.close()
    assert [content for _, content in server.mails] == [dotted.wire]


def test_answers_of_the_server_decide_and_no_address_stays_in_a_reason(settings):
    rows = digests(readers(4), edition())
    answers = dict(
        zip((row.subscriber.address for row in rows), ["451 4.7.1 <{}> later", "550 5.1.1 <{}> unknown", None, None], strict=True)
    )
    with smtp_server(rcpt=lambda to: answers[to] and answers[to].format(to)) as server:
        settings.MAIL_URL = server.url
        report = delivery.send(now=NOW)
    assert (report.sent, report.failed, report.waiting) == (2, 1, 1)
    for row in rows:
        row.refresh_from_db()
    assert [(row.state, row.reason) for row in rows[:2]] == [("PENDING", "SMTP 451 4.7.1"), ("FAILED", "SMTP 550 5.1.1")]


def test_a_line_cut_after_data_began_is_uncertain_and_the_others_leave_by_a_new_connection(settings):
    rows = digests(readers(4), edition())
    unlucky = rows[1].subscriber.address
    with smtp_server(data=lambda to: "CUT" if to == unlucky else None) as server:
        settings.MAIL_URL = server.url
        report = delivery.send(now=NOW)
    assert (report.sent, report.uncertain) == (3, 1)
    assert server.connections == 2
    rows[1].refresh_from_db()
    assert rows[1].state == DeliveryState.UNCERTAIN
    assert delivery.send(now=NOW + timedelta(days=1)).sent == 0, "never sent again by itself"


def test_a_content_refused_after_data_is_final(settings):
    digests(readers(1), edition())
    with smtp_server(data=lambda to: "554 5.7.1 refused") as server:
        settings.MAIL_URL = server.url
        assert delivery.send(now=NOW).failed == 1
    assert Delivery.objects.get().reason == "SMTP 554 5.7.1"


def test_when_nobody_answers_the_run_ends_and_no_attempt_is_counted(settings):
    digests(readers(3), edition())
    settings.MAIL_URL = "smtp://127.0.0.1:1?timeout=1"
    report = delivery.send(now=NOW)
    assert (report.waiting, report.stopped) == (3, "SMTP ConnectionRefusedError")
    assert set(Delivery.objects.values_list("state", "attempts")) == {("PENDING", 0)}


def test_a_server_without_log_in_is_a_configuration_with_a_remedy(settings):
    digests(readers(1), edition())
    with smtp_server() as server:
        settings.MAIL_URL = server.url.replace("//", "//user:secret@")
        report = delivery.send(now=NOW)
    assert report.stopped.startswith("MAIL_URL: ")
    assert "secret" not in report.stopped
    assert states() == {"PENDING": 1}


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("anymail:pigeon?api_key=k", "MAIL_URL: pigeon is not known here; write anymail: and one of "),
        ("anymail:mailjet?api_key=k", "MAIL_URL: mailjet needs secret_key; write anymail:mailjet?secret_key=..."),
        ("anymail:resend?api_key=k&colour=red", "MAIL_URL: colour is no option of resend"),
        ("smtp://host?tls=1", "MAIL_URL: tls is no option of smtp"),
    ],
)
def test_a_mail_url_that_cannot_work_names_the_remedy(url, remedy, settings):
    settings.MAIL_URL = url
    digests(readers(1), edition())
    assert delivery.send(now=NOW).stopped.startswith(remedy)
    assert states() == {"PENDING": 1}


def test_a_permanent_refusal_is_final(wire):
    digests(readers(1), edition())

    def refuse(mail):
        raise Permanent("REFUSED")

    wire.before = refuse
    assert delivery.send(now=NOW).failed == 1
    assert Delivery.objects.get().settled_at is not None
