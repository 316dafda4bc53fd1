"""The bench of planning asks all its questions and leaves no database behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).parents[1]


@pytest.mark.django_db
def test_every_question_is_answered_and_the_naive_evaluator_agrees(tmp_path):
    url = os.environ.get("DATABASE_URL", f"sqlite:///{tmp_path / 'beside.sqlite3'}")
    env = {**os.environ, "DATABASE_URL": url, "PAPERROUND_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    code = "from bench import match; match.NAIVE_READERS, match.COMPARED, match.ROUNDS = 5, 40, 1; "
    code += "import sys; from django.core.management import execute_from_command_line as go; go(sys.argv)"
    args = [sys.executable, "-c", code, "bench", "match", "--readers", "120", "--json"]
    done = subprocess.run(args, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    first, planned, copies, many, again = found["rows"]
    assert (first["readers"], first["papers"], many["papers"]) == (120, 150, 800)
    assert 0 < first["editions"] <= first["copies"] <= 120 and planned["edition_rows"] == first["editions"]
    assert planned["copies"] == first["copies"] and copies["copies"] == 120
    assert (first["compared_interests"], first["disagreements"]) == (40, 0)
    assert again["question"].startswith("20 papers come again, 1560 copies")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'paperround_bench_%%'")
            assert cursor.fetchone() == (0,)
