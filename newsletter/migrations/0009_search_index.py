from django.db import migrations


def install(apps, schema_editor):
    from newsletter.search import install

    install(schema_editor.connection)


def remove(apps, schema_editor):
    from newsletter.search import remove

    remove(schema_editor.connection)


class Migration(migrations.Migration):
    """The index and its triggers, in the database's own kind; `manage.py prepare` puts them back where they are missing."""

    dependencies = [("newsletter", "0008_search_terms")]

    operations = [migrations.RunPython(install, remove)]
