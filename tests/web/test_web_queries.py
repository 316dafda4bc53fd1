"""A page asks the database as often for a thousand papers as for ten: no query hangs on a row of a list."""

import pytest
import web_rows as rows
from django.db import connection
from django.test.utils import CaptureQueriesContext

from newsletter import search
from newsletter.models import Issue

pytestmark = pytest.mark.django_db
MANY = 1_000


def asked(client, pages):
    """name -> how many queries that page took."""
    counted = {}
    for name, path in pages.items():
        with CaptureQueriesContext(connection) as seen:
            answer = client.get(path)
        assert answer.status_code == 200, name
        counted[name] = len(seen)
    return counted


def test_a_thousand_papers_take_as_many_queries_as_ten(client):
    pages = rows.whole()
    for issue in Issue.objects.all():
        rows.papers(issue, 10, organizations=["Moss Lab"])
    search.index_changed()
    few = asked(client, pages)
    for issue in Issue.objects.all():
        rows.papers(issue, MANY // 2, organizations=["Moss Lab"])
    search.index_changed()
    assert asked(client, pages) == few
