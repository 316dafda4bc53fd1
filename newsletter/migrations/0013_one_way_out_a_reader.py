from django.db import migrations, models

import newsletter.models.readers


class Migration(migrations.Migration):
    dependencies = [("newsletter", "0012_ways_out")]

    operations = [
        migrations.AlterField(
            "subscriber",
            "leave_id",
            models.CharField(
                default=newsletter.models.readers.leave_id,
                editable=False,
                help_text="whoever holds it may unsubscribe this reader, no more",
                max_length=22,
            ),
        ),
        migrations.AddConstraint(
            "subscriber", models.UniqueConstraint(fields=["leave_id"], name="one_way_out_a_reader")
        ),
    ]
