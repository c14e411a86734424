from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [  # noqa: RUF012 - as Django makes them
        migrations.CreateModel(
            "Tea", [("id", models.BigAutoField(primary_key=True)), ("name", models.CharField(max_length=20))]
        )
    ]
