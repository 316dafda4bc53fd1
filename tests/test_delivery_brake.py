"""What holds digests back: the day's bounds, complaints and bounces, a recipient domain over its rate, Redis away."""

import logging
from datetime import timedelta

import pytest
from delivery_redis import own_redis
from delivery_rows import NOW, digests, edition, readers, service
from threads import threads_share_the_database

from newsletter import delivery
from newsletter.delivery import alarm, domains, quota
from newsletter.delivery.transport import Accepted
from newsletter.models import Act, Delivery, Event, Kind, Mark, SubscriberStatus

pytestmark = pytest.mark.django_db


class Wire:
    """A transport in memory that takes everything."""

    signs = together = False
    at_once = 1

    def __init__(self):
        self.mails = []

    def send(self, mail, begin):
        begin()
        self.mails.append(mail)
        return Accepted()

    def close(self):
        pass


@pytest.fixture(autouse=True)
def data(settings, tmp_path):
    settings.PAPERROUND_DATA, settings.MAIL_URL = tmp_path, "file:"


@pytest.fixture
def wire(monkeypatch):
    made = Wire()
    monkeypatch.setattr(delivery, "transport_of", lambda url: made)
    return made


@pytest.fixture
def server(settings):
    with own_redis(settings) as client:
        yield client


def left(number: int, *, ago: timedelta = timedelta(hours=1)) -> list[Delivery]:
    """Mails that left a while ago: test copies, which are no digests of anybody's day."""
    at = NOW - ago
    rows = [
        Delivery(
            kind=Kind.TEST,
            lane=0,
            state="SENT",
            due_at=at,
            created_at=at,
            claimed_at=at,
            as_of=at,
            settled_at=at,
            claim_token="t",
        )
        for _ in range(number)
    ]
    return Delivery.objects.bulk_create(rows)


def told(rows: list[Delivery], kind: str, reason: str = "") -> None:
    Event.objects.bulk_create(
        Event(
            provider="test", key=f"{kind}{row.pk}", type=kind, reject_reason=reason, recipient_key=f"k{row.pk}", delivery=row,
            received_at=NOW - timedelta(minutes=5),
        )
        for row in rows
    )  # fmt: skip


def confirm() -> Delivery:
    return service(readers(1, status=SubscriberStatus.PENDING)[0], Kind.CONFIRM)


# The day's bounds


def test_the_quota_of_24_hours_is_counted_from_the_ledger_and_service_mails_go_on(wire, settings):
    settings.MAIL_DAILY_QUOTA = 10
    left(4), left(50, ago=timedelta(hours=25))
    digests(readers(20), edition())
    report = delivery.send(now=NOW)
    assert report.sent == 6 and report.digests_wait.startswith("QUOTA")
    confirm()
    assert delivery.send(now=NOW).sent == 1
    Delivery.objects.filter(kind=Kind.TEST, claimed_at__gt=NOW - timedelta(hours=2)).update(claimed_at=NOW - timedelta(hours=25))
    assert delivery.send(now=NOW).sent == 3  # ten, less six and one


def test_a_digest_that_the_quota_keeps_is_cancelled_at_the_end_of_its_late_window(wire, settings):
    settings.MAIL_DAILY_QUOTA = 1
    left(1)
    digests(readers(2), edition())
    assert delivery.send(now=NOW).sent == 0 and Delivery.objects.filter(state="PENDING").count() == 2
    left(1, ago=-timedelta(hours=1))
    assert delivery.send(now=NOW + timedelta(hours=7)).cancelled == 2
    assert {row.reason for row in Delivery.objects.filter(kind=Kind.DIGEST)} == {"LATE"}


def test_two_senders_at_once_keep_the_quota_together(transactional_db, tmp_path, settings):
    settings.MAIL_DAILY_QUOTA = 50
    with threads_share_the_database(tmp_path) as shared:
        shared.ask(lambda: digests(readers(300), edition()))
        reports = shared.all_at_once(lambda _: delivery.send(now=NOW), times=2)
        assert 0 < sum(report.sent for report in reports) <= 50


def test_the_warm_up_begins_with_a_thousand_and_doubles_and_ends(settings):
    assert quota.bound_on(NOW.date()) is None
    settings.WARM_UP = "1"
    assert quota.bound_on(NOW.date()) == 1000 and quota.first_day() is None
    settings.WARM_UP = "2026-11-20"
    days = [NOW.date() + timedelta(days=number) for number in (-2, -1, 0, 11, 12)]
    assert [quota.bound_on(day) for day in days] == [1000, 2000, 4000, 8_192_000, None]


def test_the_warm_up_counts_from_the_oldest_digest_in_the_ledger(wire, settings):
    settings.WARM_UP = "1"
    digests(readers(1), edition(), state="SENT", claimed_at=NOW - timedelta(days=3), as_of=NOW)
    assert quota.bound_on(NOW.date()) == 8000


def test_what_the_warm_up_keeps_is_put_off_by_a_day_with_its_late_window_and_never_skipped(wire, settings, monkeypatch):
    monkeypatch.setattr(quota, "FIRST_DAY", 3)
    settings.WARM_UP = "1"
    rows = digests(readers(10), edition())
    confirm()
    report = delivery.send(now=NOW)
    assert (report.sent, report.cancelled) == (4, 0) and report.digests_wait
    waiting = Delivery.objects.filter(state="PENDING")
    assert waiting.count() == 7
    for row in waiting:
        assert row.due_at == rows[0].due_at + timedelta(days=1) and row.late_at == rows[0].late_at + timedelta(days=1)
        assert row.reason == "WARM_UP" and row.slot_on == rows[0].slot_on
    assert delivery.send(now=NOW + timedelta(days=1)).sent == 6  # twice as many
    assert delivery.send(now=NOW + timedelta(days=2)).sent == 1
    assert set(Delivery.objects.values_list("state", flat=True)) == {"SENT"}


# Complaints and bounces


@pytest.mark.parametrize(
    ("delivered", "kind", "number", "stops"),
    [
        (1000, "complained", 3, True),
        (999, "complained", 5, False),
        (1000, "complained", 2, False),
        (1001, "complained", 3, False),
        (500, "bounced", 25, True),
        (499, "bounced", 40, False),
        (500, "bounced", 24, False),
    ],
)
def test_digests_stop_at_the_published_figures_and_not_before(delivered, kind, number, stops, wire):
    told(left(delivered)[:number], kind, "bounced" if kind == "bounced" else "")
    assert bool(alarm.watch(now=NOW)) is stops
    digests(readers(1), edition()), confirm()
    report = delivery.send(now=NOW)
    assert report.sent == (1 if stops else 2)
    assert report.digests_wait.startswith("PAUSED since 2026-11-22 06:30 UTC") is stops


def test_soft_bounces_old_complaints_and_doubled_notices_stop_nothing(wire):
    rows = left(1000)
    told(rows[:100], "bounced", "soft")
    told(rows[:2], "complained")
    Event.objects.filter(type="complained").update(recipient_key="one address")
    told(rows[5:15], "complained")
    Event.objects.filter(type="complained", recipient_key__startswith="k").update(received_at=NOW - timedelta(days=8))
    assert alarm.watch(now=NOW) is None


def test_rising_complaints_are_warned_of(wire, caplog):
    told(left(2000)[:3], "complained")
    assert alarm.watch(now=NOW) is None
    assert "complaints rise: 3 complaints (0.15%)" in caplog.text


def test_the_stop_lasts_until_a_person_goes_on_and_figures_then_begin_anew(wire, caplog):
    rows = left(1000)
    told(rows[:4], "complained")
    digests(readers(2), edition())
    with caplog.at_level(logging.ERROR):
        delivery.send(now=NOW), delivery.send(now=NOW)
    assert caplog.text.count("digests are stopped") == 1
    assert delivery.send(now=NOW + timedelta(hours=1)).sent == 0 and alarm.paused_at() == NOW
    assert alarm.go_on(by="ed", now=NOW + timedelta(hours=2))
    assert not alarm.go_on(by="ed", now=NOW + timedelta(hours=2))
    told(rows[4:9], "complained")  # about mails from before: that was decided
    Event.objects.filter(key__in=[f"complained{row.pk}" for row in rows[4:9]]).update(received_at=NOW + timedelta(hours=3))
    assert delivery.send(now=NOW + timedelta(hours=3)).sent == 2
    act = Act.objects.get()
    assert (act.actor, act.verb) == ("ed", "go on sending")
    assert act.details == {"delivered": 1000, "complaints": 4, "bounces": 0}


# A recipient domain


@pytest.fixture
def slow_domains(server, settings):
    settings.MAIL_DOMAIN_RATE = 60
    server.set(f"{settings.KEY_PREFIX}:domain:since", "1.0")  # Redis has been there for long
    return server


def at_domain(number: int, domain: str):
    found = readers(number)
    for reader in found:
        reader.address = reader.address.replace("example.org", domain)
        reader.save()
    return found


def test_a_domain_over_its_rate_waits_by_the_row_and_others_go(wire, slow_domains):
    shown = edition()
    digests(at_domain(30, "big.example"), shown)
    digests(at_domain(3, "a.example") + at_domain(2, "b.example"), shown)
    report = delivery.send(now=NOW)
    to = [mail.to.rpartition("@")[2] for mail in wire.mails]
    assert to.count("big.example") == 1 and to.count("a.example") == 1 and to.count("b.example") == 1 and report.sent == 3
    waiting = Delivery.objects.filter(state="PENDING", subscriber__address__endswith="@big.example").order_by("due_at")
    times = [row.due_at for row in waiting]
    assert len(times) == 29 and {row.reason for row in waiting} == {"DOMAIN_RATE"}
    assert times[0] > NOW and timedelta(seconds=28) < times[-1] - times[0] < timedelta(seconds=35)  # 1.1 s apart


def test_a_domain_s_copies_are_moved_once_and_a_newcomer_stands_behind_them(wire, slow_domains, settings):
    settings.MAIL_DOMAIN_RATE = 6000
    shown = edition()
    rows = digests(at_domain(300, "big.example"), shown)
    first = domains.over(rows, at=NOW)
    assert 200 <= len(first) <= 215  # about 91 a second
    for row in rows:
        row.reason = first[row.pk].reason if row.pk in first else ""
    [newcomer] = digests(at_domain(1, "big.example"), shown)
    later = domains.over([newcomer], at=NOW)[newcomer.pk].due_at
    assert later >= max(outcome.due_at for outcome in first.values())


def test_a_domain_never_pushes_a_copy_past_its_late_window(slow_domains, settings):
    settings.MAIL_DOMAIN_RATE = 1
    rows = digests(at_domain(400, "big.example"), edition())
    outcomes = domains.over(rows, at=NOW)
    assert max(outcome.due_at for outcome in outcomes.values()) == rows[0].late_at


def test_after_redis_lost_everything_a_domain_starts_empty(server, settings):
    settings.MAIL_DOMAIN_RATE = 60
    rows = digests(at_domain(3, "big.example"), edition())
    assert len(domains.over(rows, at=NOW)) == 3


# Redis away


def test_while_redis_is_away_digests_wait_untouched_and_service_mails_go(wire, settings):
    settings.MAIL_URL, settings.MAIL_RATE, settings.REDIS_URL = "smtp://mail.example.org", 100, "unix:///nowhere/at.sock"
    digests(readers(3), edition()), confirm()
    report = delivery.send(now=NOW)
    assert report.sent == 1 and report.digests_wait.startswith("REDIS")
    assert list(Delivery.objects.filter(kind=Kind.DIGEST).values_list("state", "attempts", "claim_token").distinct()) == [
        ("PENDING", 0, "")
    ]


def test_a_copy_leaves_by_its_grant_and_nothing_due_asks_for_none(wire, server, settings):
    settings.MAIL_URL, settings.MAIL_RATE = "smtp://mail.example.org", 50
    assert delivery.send(now=NOW).sent == 0 and not list(server.scan_iter(f"{settings.KEY_PREFIX}:pace:*"))
    digests(readers(30), edition()), confirm()
    report = delivery.send(now=NOW)
    assert report.sent == 31 and report.digests_wait == "" and wire.mails[0].sender.startswith("service@")
    assert list(server.scan_iter(f"{settings.KEY_PREFIX}:pace:*"))
    assert not Mark.objects.filter(name__startswith="mail.closed").exists()
