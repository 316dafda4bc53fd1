"""Is the house alive? `/healthz` asks every part, `/livez` only what a restart of the web server could mend."""

from __future__ import annotations

import socket
import ssl
from contextlib import closing
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from newsletter.models import Mark
from newsletter.tasks import PULSE_SECONDS
from newsletter.web import answers

PULSE = "pulse"
MISSED_PULSES = 3
PROBE_SECONDS = 1.0
ALIVE = "ok"


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """200 when all parts are alive, else 503; the body names each part and what ails it."""
    database = _database()
    pulse = _pulse(answers.clock()) if database == ALIVE else "unknown: the database does not answer"
    return _report({"web": ALIVE, "database": database, "broker": _broker(settings.REDIS_URL), "worker": pulse, "beat": pulse})


@require_safe
@never_cache
def livez(request: HttpRequest) -> HttpResponse:
    return _report({"web": ALIVE, "database": _database()})


def _report(parts: dict[str, str]) -> HttpResponse:
    alive = all(state == ALIVE for state in parts.values())
    return JsonResponse({"status": ALIVE if alive else "red", "parts": parts}, status=200 if alive else 503)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return f"no answer ({type(error).__name__})"
    return ALIVE


def _pulse(now: datetime) -> str:
    """Beat schedules the pulse and a worker writes it, so one young mark proves both; an old one cannot say which is dead."""
    try:
        at = Mark.objects.filter(name=PULSE).values_list("at", flat=True).first()
    except DatabaseError as error:
        return f"unknown: no marks to read ({type(error).__name__})"
    if at is None:
        return "no pulse yet"
    age_seconds = (now - at).total_seconds()
    return ALIVE if age_seconds <= PULSE_SECONDS * MISSED_PULSES else f"last pulse {age_seconds:.0f} s ago"


def _broker(url: str) -> str:
    """A raw PING: a client library would retry a dead socket for seconds. An answer of any kind is a living server."""
    try:
        with closing(_dial(url)) as line:
            line.sendall(b"PING\r\n")
            answer = line.recv(64)
    except OSError as error:
        return f"no answer ({type(error).__name__})"
    return ALIVE if answer.startswith((b"+PONG", b"-NOAUTH")) else "not a Redis server"


def _dial(url: str) -> socket.socket:
    parts = urlsplit(url)
    if parts.scheme == "unix":
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        line.settimeout(PROBE_SECONDS)
        try:
            line.connect(url.removeprefix("unix://").split("?", 1)[0])
        except OSError:
            line.close()
            raise
        return line
    host = parts.hostname or "127.0.0.1"
    line = socket.create_connection((host, parts.port or 6379), timeout=PROBE_SECONDS)
    return ssl.create_default_context().wrap_socket(line, server_hostname=host) if parts.scheme == "rediss" else line
