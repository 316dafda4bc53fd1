from django.db import migrations


class Migration(migrations.Migration):
    """Joins two branches of work; goes when they are numbered one after the other."""

    dependencies = [("newsletter", "0018_bylines_and_suggestions"), ("newsletter", "0018_the_readers_own")]

    operations = []
