"""What the models promise stands in the database, after all migrations."""

import pytest
from django.apps import apps
from django.db import connection

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", list(apps.get_app_config("newsletter").get_models()), ids=lambda model: model.__name__)
def test_every_constraint_and_index_by_name_is_there(model):
    with connection.cursor() as cursor:
        there = connection.introspection.get_constraints(cursor, model._meta.db_table)
    promised = {each.name for each in (*model._meta.constraints, *model._meta.indexes)}
    assert promised - set(there) == set()
