"""Candidates of before learn what their papers had: a project page, and the sources that had shown them by the close.

Without it every paper with a project page would seem to have just got one.
"""

from django.db import migrations
from django.db.models import Exists, OuterRef

_CHUNK = 2_000


def fill(apps, schema_editor):
    Candidate, Paper, Sighting = (apps.get_model("newsletter", name) for name in ("Candidate", "Paper", "Sighting"))
    with_page = Paper.objects.filter(pk=OuterRef("paper_id")).exclude(project_url="")
    Candidate.objects.filter(Exists(with_page)).update(has_project=True)
    rows = []
    for row in Candidate.objects.select_related("issue").order_by("id").iterator(chunk_size=_CHUNK):
        rows.append(row)
        if len(rows) == _CHUNK:
            _list(Candidate, Sighting, rows)
            rows = []
    _list(Candidate, Sighting, rows)


def _list(Candidate, Sighting, rows):
    shown = {}
    seen = Sighting.objects.filter(paper_id__in={row.paper_id for row in rows}).exclude(source__kind="github")
    for paper, name, slug, seen_at in seen.values_list("paper_id", "source__name", "source__slug", "seen_at"):
        shown.setdefault(paper, []).append((name, slug, seen_at))
    for row in rows:
        by = [each for each in shown.get(row.paper_id, ()) if row.issue.state != "CLOSED" or each[2] <= row.issue.closed_at]
        row.listed_by = sorted({name for name, _, _ in by}) + sorted({slug for _, slug, _ in by})
    Candidate.objects.bulk_update(rows, ["listed_by"], batch_size=500)


class Migration(migrations.Migration):
    dependencies = [("newsletter", "0005_why_it_comes_again")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
