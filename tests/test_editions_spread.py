"""Copies leave spread over the first minutes of their reader's hour, an edition's together."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from delivery_rows import NOW, edition, readers

from newsletter import editions
from newsletter.editions._press import spread
from newsletter.models import Delivery, Issue, Subscriber

HOUR = int(datetime(2026, 11, 22, 7, tzinfo=UTC).timestamp() * 1e6)


def of(names, at=HOUR):
    return spread(np.full(len(names), at, np.int64), np.array(names, np.int64))


def test_without_the_setting_a_copy_is_due_at_its_hour(settings):
    settings.MAIL_SPREAD = timedelta()
    assert not of([1, 2, 3]).any()


def test_an_edition_has_one_moment_always_the_same_and_editions_lie_all_over_the_minutes(settings):
    settings.MAIL_SPREAD = timedelta(minutes=20)
    shifts = of([7, 9, 7, 8])
    assert shifts[0] == shifts[2] and len(set(shifts)) == 3 and (of([7, 9, 7, 8]) == shifts).all()
    many = of(range(1, 5001))
    assert many.min() >= 0 and many.max() < 20 * 60 * 10**6 and not (many % 10**6).any()
    counts = np.histogram(many, bins=20, range=(0, 20 * 60 * 10**6))[0]
    assert counts.min() > 150 and counts.max() < 350


def test_a_great_edition_leaves_in_parts_of_ten_slices(settings):
    settings.MAIL_SPREAD = timedelta(minutes=20)
    shifts = of([5] * 1300)
    assert len(set(shifts)) == 3 and len(set(shifts[:640])) == 1


def test_the_last_second_of_a_day_and_a_copy_due_at_once_are_not_moved(settings):
    settings.MAIL_SPREAD = timedelta(minutes=59)
    assert not of([1, 2, 3], HOUR - 1_000_000).any()


@pytest.mark.django_db
def test_a_planned_copy_is_due_inside_its_readers_hour_and_its_late_window_stays(settings):
    settings.MAIL_SPREAD = timedelta(minutes=59)
    edition()
    Issue.objects.update(closed_at=NOW - timedelta(hours=1))
    slot = NOW.replace(hour=7, minute=0, second=0)
    readers(3, hour=7, zone="UTC", next_slot_at=slot, empty_day="NOTE")
    Subscriber.objects.update(confirmed_at=NOW - timedelta(days=9))
    assert editions.plan(now=NOW).prepared == 3
    for copy in Delivery.objects.all():
        assert slot < copy.due_at < slot + timedelta(hours=1)
        assert copy.late_at == slot + settings.LATE_WINDOW and copy.slot_on == slot.date()
