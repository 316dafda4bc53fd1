"""The bench of pages asks all of them, on the server that Compose starts, and leaves nothing running."""

import json
import os
import subprocess
import sys

import pytest
import yaml

from bench import load, pages


def test_it_measures_the_server_that_compose_starts():
    command = yaml.safe_load((pages.ROOT / "docker-compose.yml").read_text())["services"]["web"]["command"]
    options = {name: command[command.index(name) + 1] for name in pages.SERVER if name.startswith("--")}
    assert options == {name: pages.SERVER[pages.SERVER.index(name) + 1] for name in options}
    assert set(options) == {"--interface", "--workers", "--blocking-threads"}


def test_what_nobody_answers_is_an_error_with_a_time():
    [answer] = load.fire(1, [load.Shot(0.0, "/", "/")])
    assert answer.status == 0 and answer.ms > 0


@pytest.mark.worker
def test_every_page_is_asked_alone_and_among_all(tmp_path):
    url = os.environ.get("DATABASE_URL", f"sqlite:///{tmp_path / 'beside.sqlite3'}")
    env = {**os.environ, "DATABASE_URL": url, "PAPERROUND_DATA": str(tmp_path), "DJANGO_SETTINGS_MODULE": "config.settings"}
    code = "import django; django.setup(); import json; from bench import pages; print(json.dumps(pages.measure(papers=300, seconds=0.5)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=pages.ROOT, env=env, capture_output=True, text=True, timeout=170)
    assert done.returncode == 0, done.stderr[-2000:]
    first, *rows = json.loads(done.stdout.splitlines()[-1])
    assert first["papers"] == 300
    assert [row["pages"] for row in rows] == [*pages.PAGES, " ".join(pages.PAGES)]
    assert [row["errors"] for row in rows] == [0] * 5
    assert all(row["p99_ms"] >= row["p50_ms"] > 0 for row in rows)
    assert set(rows[-1]["p99_ms_of"]) == set(pages.PAGES)
