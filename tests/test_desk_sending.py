"""The desk's page Sending: why digests are stopped, one button to go on, and copies nobody knows about."""

from datetime import timedelta

import pytest
from delivery_rows import digests, edition, readers
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from newsletter import tasks
from newsletter.delivery import alarm
from newsletter.models import Act, Delivery, Event, Kind, Mark

pytestmark = pytest.mark.django_db


@pytest.fixture
def rung(monkeypatch):
    bells = []
    monkeypatch.setattr(tasks, "ring", bells.append)
    return bells


@pytest.fixture
def desk(rung) -> Client:
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("ed", password="a long password"))
    return client


@pytest.fixture
def doubtful() -> Delivery:
    now = timezone.now()
    values = {"state": "UNCERTAIN", "reason": "IN_FLIGHT", "as_of": now, "claimed_at": now, "claim_token": "t", "attempts": 1}
    return digests(readers(1), edition(), **values)[0]


def stopped() -> None:
    now = timezone.now()
    made = [
        Delivery(kind=Kind.TEST, lane=0, state="SENT", due_at=now, created_at=now, claimed_at=now, as_of=now, settled_at=now)
        for _ in range(1000)
    ]
    for number, row in enumerate(Delivery.objects.bulk_create(made)[:4]):
        Event.objects.create(
            provider="test", key=f"{number}", type="complained", recipient_key=f"k{number}", delivery=row, received_at=now
        )
    assert alarm.watch(now=now)


def words(response) -> str:
    return " ".join(response.content.decode().split())


def test_while_all_is_well_it_says_so_and_offers_no_button(desk):
    page = words(desk.get(reverse("admin:sending")))
    assert "Digests go" in page and "every copy that left has its answer" in page and "Go on sending" not in page
    assert "No bound is set" in page


def test_a_stop_is_shown_with_its_figures_here_and_on_the_desk_and_one_button_goes_on(desk, rung):
    stopped()
    page = words(desk.get(reverse("admin:sending")))
    assert "Digests are stopped" in page and "0.40 %" in page and "Of 1,000 mails" in page
    assert "Digests are stopped since" in words(desk.get(reverse("admin:index")))
    answer = words(desk.post(reverse("admin:sending_go_on"), follow=True))
    assert "Digests go on" in answer and alarm.paused_at() is None and rung == ["send"]
    assert Act.objects.get().verb == "go on sending"
    assert "They were not stopped" in words(desk.post(reverse("admin:sending_go_on"), follow=True))
    assert Act.objects.count() == 1


def test_an_uncertain_copy_is_listed_without_an_address_and_settled_by_a_button(desk, doubtful):
    page = words(desk.get(reverse("admin:sending")))
    assert doubtful.public_id in page and "IN_FLIGHT" in page and doubtful.subscriber.address not in page
    answer = words(desk.post(reverse("admin:sending_mark_sent", args=[doubtful.pk]), follow=True))
    assert f"Copy {doubtful.public_id} counts as sent" in answer
    assert Delivery.objects.get().state == "SENT" and Act.objects.get().actor == "ed"


def test_an_uncertain_copy_is_sent_again_by_a_button(desk, doubtful, rung):
    answer = words(desk.post(reverse("admin:sending_send_again", args=[doubtful.pk]), follow=True))
    assert "leaves again" in answer and Delivery.objects.get().state == "PENDING" and rung == ["send"]
    assert "no longer uncertain" in words(desk.post(reverse("admin:sending_send_again", args=[doubtful.pk]), follow=True))


def test_the_bounds_in_force_are_shown_with_what_is_used(desk, settings):
    settings.MAIL_RATE, settings.MAIL_DAILY_QUOTA, settings.WARM_UP, settings.MAIL_DOMAIN_RATE = 14.0, 50_000, "1", 300
    Mark.objects.create(name="mail.closed.x", at=timezone.now() + timedelta(hours=1))
    page = words(desk.get(reverse("admin:sending")))
    for shown in ("Mails a second", ">14<", "0 of 50,000", "0 of 1,000", ">300<", "asked for patience"):
        assert shown in page


@pytest.mark.parametrize("name", ["sending_go_on", "sending_mark_sent", "sending_send_again"])
def test_the_buttons_refuse_get_forgery_and_strangers(name, desk, doubtful):
    address = reverse(f"admin:{name}", args=[doubtful.pk] if name != "sending_go_on" else [])
    Mark.objects.create(name=alarm.PAUSED, at=timezone.now())
    assert desk.get(address).status_code == 405
    forger = Client(enforce_csrf_checks=True)
    forger.force_login(get_user_model().objects.get())
    assert forger.post(address).status_code == 403
    assert Client().post(address).status_code == 302
    clerk = Client()
    clerk.force_login(get_user_model().objects.create_user("clerk", password="a long password", is_staff=True))
    assert clerk.post(address).status_code == 403 and clerk.get(reverse("admin:sending")).status_code == 403
    assert Delivery.objects.get().state == "UNCERTAIN" and alarm.paused_at() and not Act.objects.exists()


def test_looking_at_it_changes_nothing_and_takes_few_queries(desk, doubtful, django_assert_max_num_queries):
    stopped()
    counts = [Delivery.objects.count(), Mark.objects.count(), Act.objects.count()]
    with django_assert_max_num_queries(45):
        assert desk.get(reverse("admin:sending")).status_code == 200
    assert counts == [Delivery.objects.count(), Mark.objects.count(), Act.objects.count()]
