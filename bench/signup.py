"""Signing up under attack, and what an answer gives away.

In a database of its own. First the time of an answer, whatever is known of the address: medians of POST /subscribe in this
process, the kinds in turn, each address asked for once; wall time, and CPU time, which a busy machine does not stretch.
Then two floods from several processes: 10,000 requests for one victim from 1,000 networks by form and API, and 50,000
victims within an hour (`--readers` makes both smaller or larger).
"""

from __future__ import annotations

import gc
import itertools
import json
import statistics
import time
from collections.abc import Callable
from multiprocessing import get_context
from typing import Any
from unittest.mock import patch

from django.conf import settings
from django.db import connection, connections
from django.test import Client

from bench.temporary import database
from newsletter import subscribers, tasks
from newsletter.models import Allowance, Delivery, Kind, Subscriber, SubscriberStatus, Suppression, SuppressionReason
from newsletter.web import answers
from newsletter.web.api import rates

TIMED = 300  # addresses of a kind
WARM = 30
DEMANDED_MS = 2.0
VICTIMS = 50_000
ASKED_FOR_ONE = 10_000
NETWORKS = 1_000
PROCESSES = 4
KINDS = ("new", "pending", "active", "barred", "unreachable")
_names = itertools.count()


def measure(readers: int = VICTIMS) -> list[dict[str, Any]]:
    """A row for the times, one for each flood. readers: victims of the second; the first asks a fifth as often."""
    unlimited = patch.multiple(settings, SIGN_UPS_A_NETWORK=10**9, ALLOWED_HOSTS=["*"])
    with database(), unlimited, patch.object(tasks, "ring"), patch.object(rates, "_count", return_value=0):
        with patch.object(settings, "CONFIRMATIONS_AN_HOUR", 10**9):
            times = _times()
        Allowance.objects.all().delete()
        return [times, _one_victim(min(ASKED_FOR_ONE, max(1, readers // 5))), _many_victims(readers)]


def _times() -> dict[str, Any]:
    wall: dict[str, list[float]] = {kind: [] for kind in KINDS}
    cpu: dict[str, list[float]] = {kind: [] for kind in KINDS}
    client = Client()
    for number in range(WARM + TIMED):
        order = KINDS[number % len(KINDS) :] + KINDS[: number % len(KINDS)]
        for kind in order:
            address = _address(kind)
            begun, cpu_begun = time.perf_counter(), time.process_time()
            status = client.post("/subscribe", {"email": address}).status_code
            spent, cpu_spent = time.perf_counter() - begun, time.process_time() - cpu_begun
            assert status == 200
            if number >= WARM:
                wall[kind].append(spent * 1_000)
                cpu[kind].append(cpu_spent * 1_000)
        if number % 50 == 0:
            gc.collect()
    medians = {kind: statistics.median(times) for kind, times in wall.items()}
    work = {kind: statistics.median(times) for kind, times in cpu.items()}
    rounded = {f"{kind}_ms": round(median, 2) for kind, median in medians.items()}
    return {"what": "median of an answer", **rounded, "apart_ms": _apart(medians), "cpu_ms": round(statistics.mean(work.values()), 2),
            "cpu_apart_ms": _apart(work), "demanded_ms": DEMANDED_MS}  # fmt: skip


def _apart(medians: dict[str, float]) -> float:
    return round(max(medians.values()) - min(medians.values()), 2)


def _address(kind: str) -> str:
    """One of its kind, never asked for before."""
    address = f"{kind}{next(_names)}@{'there.invalid' if kind == 'unreachable' else 'example.org'}"
    key, now = subscribers.address_key(address), answers.clock()
    if kind == "barred":
        Suppression.objects.create(address_key=key, reason=SuppressionReason.COMPLAINT, created_at=now)
    elif kind in ("pending", "active"):
        slot = {"confirmed_at": now, "next_slot_at": now} if kind == "active" else {}
        status = SubscriberStatus.ACTIVE if kind == "active" else SubscriberStatus.PENDING
        Subscriber.objects.create(address=address, address_key=key, status=status, created_at=now, **slot)
    return address


def _one_victim(times: int) -> dict[str, Any]:
    seconds = _flood(_ask_for_one, times)
    victim = Subscriber.objects.filter(address_key=subscribers.address_key("victim@gmail.com"))
    mails = Delivery.objects.filter(kind=Kind.CONFIRM, subscriber__in=victim).count()
    return {"what": "one victim", "asked": times, "networks": NETWORKS, "processes": PROCESSES, "mails": mails, "demanded": 1,
            "seconds": round(seconds, 1)}  # fmt: skip


def _many_victims(victims: int) -> dict[str, Any]:
    before, begun = subscribers.breaker_state(now=answers.clock()), answers.clock()
    seconds = _flood(_ask_for_another, victims)
    after = subscribers.breaker_state(now=answers.clock())
    mails = Delivery.objects.filter(created_at__gte=begun).count()
    return {"what": "many victims", "asked": victims, "processes": PROCESSES, "mails": mails, "left_before": before.most - before.mailed,
            "refused": after.refused - before.refused, "most": after.most, "seconds": round(seconds, 1)}  # fmt: skip


def _flood(ask: Callable[[Client, int], None], times: int) -> float:
    """So many requests from several processes, each with connections of its own."""
    begun = time.perf_counter()
    name = str(connection.settings_dict["NAME"])
    connections.close_all()
    with get_context("fork").Pool(PROCESSES, initializer=_own_connection, initargs=(name,)) as pool:
        parts = [(ask, range(part, times, PROCESSES)) for part in range(PROCESSES)]
        pool.starmap(_ask_all, parts)
    return time.perf_counter() - begun


def _own_connection(name: str) -> None:
    connections.close_all()
    connection.settings_dict["NAME"] = name


def _ask_all(ask: Callable[[Client, int], None], numbers: range) -> None:
    client = Client()
    for number in numbers:
        ask(client, number)


def _ask_for_one(client: Client, number: int) -> None:
    """Every other one by the API, and in another spelling of the address."""
    address = ("victim@gmail.com", "v.ictim@gmail.com", "Victim+a@googlemail.com")[number % 3]
    place = number % NETWORKS
    network = f"10.{place // 250}.{place % 250}.9"
    if number % 2:
        answer = client.post("/subscribe", {"email": address}, REMOTE_ADDR=network)
    else:
        body = json.dumps({"email": address})
        answer = client.post("/api/v1/sign-up", body, content_type="application/json", REMOTE_ADDR=network)
    assert answer.status_code in (200, 202), answer.status_code


def _ask_for_another(client: Client, number: int) -> None:
    place = number % 60_000
    network = f"11.{place // 250}.{place % 250}.9"
    answer = client.post("/subscribe", {"email": f"stranger{number}@example.org"}, REMOTE_ADDR=network)
    assert answer.status_code == 200, answer.status_code
