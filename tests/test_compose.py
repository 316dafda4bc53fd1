"""docker-compose.yml without an engine: its schema, and each of our services' command run as a plain process."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import psycopg
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
POSTGRES = os.environ.get("PAPERROUND_TEST_POSTGRES", "postgresql://root@127.0.0.1:5432/postgres")


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _default(value: str) -> str:
    """${NAME:-default} without an .env is its default."""
    return value[value.index(":-") + 2 : -1] if value.startswith("${") else value


@pytest.fixture
def database():
    if not (_listens(5432) and _listens(6379)):
        pytest.skip("needs PostgreSQL on 5432 and Redis on 6379")
    name = f"pr_compose_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield POSTGRES.rsplit("/", 1)[0] + f"/{name}"
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_the_file_keeps_the_compose_schema():
    checker = Path(sys.executable).parent / "check-jsonschema"
    if not checker.exists():
        pytest.skip("check-jsonschema is not installed (bin/test installs it)")
    done = subprocess.run([checker, "--builtin-schema", "vendor.compose-spec", ROOT / "docker-compose.yml"], capture_output=True)
    assert done.returncode == 0, done.stdout.decode()


def test_every_service_has_a_health_check_or_ends_by_itself():
    for name, service in COMPOSE["services"].items():
        assert "healthcheck" in service or service["restart"] == "no", name


@pytest.mark.worker
def test_each_service_runs_as_a_plain_process_with_its_own_environment(database, tmp_path):
    port = _free_port()
    prefix = f"pr-compose-{uuid.uuid4().hex[:8]}"
    processes: list[subprocess.Popen[bytes]] = []

    def environment(name: str) -> dict[str, str]:
        values = {key: _default(str(value)) for key, value in COMPOSE["services"][name]["environment"].items()}
        assert values["DATABASE_URL"].startswith("postgresql://") and values["REDIS_URL"].startswith("redis://redis:")
        values.update(DATABASE_URL=database, REDIS_URL="redis://127.0.0.1:6379/0", PAPERROUND_DATA=str(tmp_path))
        values.update(KEY_PREFIX=prefix, PORT=str(port), PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        return values

    def command(words: list[str]) -> list[str]:
        return [word.replace("8000", str(port)) for word in words]

    def health(name: str) -> int:
        test = COMPOSE["services"][name]["healthcheck"]["test"]
        assert test[0] == "CMD"
        words = command(test[1:])
        return subprocess.run(words, env=environment(name), cwd=ROOT, capture_output=True, timeout=150).returncode

    def wait(name: str, seconds: float = 60) -> None:
        until = time.monotonic() + seconds
        while health(name) != 0:
            assert time.monotonic() < until, f"{name} did not become healthy"
            time.sleep(1)

    try:
        migrate = command(COMPOSE["services"]["migrate"]["command"])
        subprocess.run(migrate, env=environment("migrate"), cwd=ROOT, check=True, capture_output=True, timeout=120)
        for name in ("web", "worker", "beat"):
            words = command(COMPOSE["services"][name]["command"])
            log = (tmp_path / f"{name}.log").open("wb")
            started = subprocess.Popen(words, env=environment(name), cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
            processes.append(started)
        wait("web")
        wait("worker")
        wait("beat")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            assert answer.status == 200
    finally:
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(tmp_path, ignore_errors=True)
