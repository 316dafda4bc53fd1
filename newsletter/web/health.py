"""Is the house alive? `/healthz` asks every part, `/livez` only what a restart of the web server could mend."""

from __future__ import annotations

from datetime import datetime

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from newsletter import tasks
from newsletter.models import Mark
from newsletter.tasks import PULSE_SECONDS
from newsletter.web import answers

PULSE = "pulse"
MISSED_PULSES = 3
ALIVE = tasks.ALIVE


@require_safe
@never_cache
def healthz(request: HttpRequest) -> HttpResponse:
    """200 when all parts are alive, else 503; the body names each part and what ails it."""
    database = _database()
    pulse = _pulse(answers.clock()) if database == ALIVE else "unknown: the database does not answer"
    return _report({"web": ALIVE, "database": database, "broker": tasks.broker(), "worker": pulse, "beat": pulse})


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
