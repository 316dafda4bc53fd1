"""A morning: a hundred thousand digests are due, and somebody signs up."""

import pytest
from delivery_rows import NOW, digests, edition, readers, service
from django.db import connection

from newsletter import delivery
from newsletter.delivery import ledger
from newsletter.models import Delivery, Kind, SubscriberStatus

CROWD = 100_000


@pytest.fixture
def morning(db, settings, tmp_path):
    """Due digests of as many readers; the readers of all but the first are not looked at here, and so not made."""
    settings.PAPERROUND_DATA, settings.MAIL_URL = tmp_path, "file:"
    digests(readers(1), edition())
    own = {"public_id": "'d' || i", "subscriber_id": "1000000000 + i"}
    names = [field.column for field in Delivery._meta.concrete_fields if field.column != "id"]
    columns, values = (
        ", ".join(map(connection.ops.quote_name, names)),
        ", ".join(own.get(name, f'd."{name}"') for name in names),
    )
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {CROWD - 1})"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO newsletter_delivery ({columns}) {numbers} SELECT {values} FROM newsletter_delivery d CROSS JOIN n"
        )


def test_a_confirmation_is_in_the_next_slice_and_nothing_else_is_touched(morning):
    confirm = service(readers(1, status=SubscriberStatus.PENDING)[0], Kind.CONFIRM)
    assert Delivery.objects.filter(state="PENDING", due_at__lt=confirm.due_at).count() == CROWD
    assert ledger.claim(token="held", limit=64, at=NOW, digests=False) == [confirm.pk]
    Delivery.objects.filter(pk=confirm.pk).update(state="PENDING", claim_token="", claimed_at=None, as_of=None)

    report = delivery.send(now=NOW, limit=ledger.SLICE)
    confirm.refresh_from_db()
    assert confirm.state == "SENT" and report.sent == 2  # it, and the one digest that has a reader
    assert report.files[0].endswith(f"_{confirm.public_id}.eml")
    assert Delivery.objects.filter(state="PENDING").count() == CROWD + 1 - ledger.SLICE
