"""Every reader gets a way out of 128 random bits, in one statement however many there are."""

import secrets

from django.db import migrations

# The first 48 bits of a random UUID are all random; the server draws them from its strong generator.
_POSTGRESQL = """
    UPDATE newsletter_subscriber SET leave_id = translate(rtrim(encode(
        substring(uuid_send(gen_random_uuid()) FOR 6) || substring(uuid_send(gen_random_uuid()) FOR 6)
        || substring(uuid_send(gen_random_uuid()) FOR 4), 'base64'), '='), '+/', '-_')
    WHERE leave_id IS NULL
"""


def fill(apps, schema_editor):
    connection = schema_editor.connection
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(_POSTGRESQL)
        else:
            connection.connection.create_function("new_leave_id", 0, lambda: secrets.token_urlsafe(16))
            cursor.execute("UPDATE newsletter_subscriber SET leave_id = new_leave_id() WHERE leave_id IS NULL")


class Migration(migrations.Migration):
    dependencies = [("newsletter", "0011_leave_id")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
