from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("newsletter", "0010_leaner_ledger")]

    operations = [
        migrations.AddField("subscriber", "leave_id", models.CharField(max_length=22, null=True, editable=False)),
    ]
