"""The append-only log of what people did in desk and API, chained by hash so that a changed row is named.

Holds no address (invariant 9). Pruning from the old end keeps the chain; a gap or a change inside it breaks it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from django.db import IntegrityError, transaction

from newsletter.models import Act

_ADDRESS = re.compile(r"[^\s@<>\"]+@[^\s@<>\"]+\.[^\s@<>\".]+")
_TRIES = 25


class HoldsAddress(ValueError):
    """The act names an e-mail address. Nothing was recorded; pass a public id instead."""


def record(*, actor: str, verb: str, target: str = "", details: Mapping[str, object] | None = None, now: datetime) -> Act:
    """Append one act. actor: a login name; of one that is an address only the part before the @ is kept.

    details: JSON values (numbers with a fraction are kept as text, because databases rewrite them). Raises HoldsAddress,
    and ValueError or TypeError for what is no JSON. Two processes never fork the chain: the newest row is locked, and
    whoever lost the race for a place takes the next one.
    """
    kept = _plain(details or {})
    if _ADDRESS.search(target) or _ADDRESS.search(json.dumps(kept, ensure_ascii=False)):
        raise HoldsAddress("An act holds no e-mail address: pass the reader's public id.")
    values = {"at": now, "actor": nameless(actor), "verb": verb, "target": target, "details": kept}
    for _ in range(_TRIES):
        try:
            with transaction.atomic():
                return _append(values)
        except IntegrityError:
            continue
    raise RuntimeError(f"no place in the log after {_TRIES} tries: too many writers at once")


def nameless(actor: str) -> str:
    """A login name; of one that is an address only the part before the @."""
    return actor.partition("@")[0] + "@…" if _ADDRESS.search(actor) else actor


def verify() -> int | None:
    """The seq of the first act that is changed, misplaced or follows a gap; None when the chain is whole.

    The oldest row left is trusted to follow what was pruned; rows cut off the newest end cannot be seen.
    """
    previous: Act | None = None
    for act in Act.objects.order_by("seq").iterator(chunk_size=1000):
        if act.hash != digest(act) or not _follows(act, previous):
            return act.seq
        previous = act
    return None


def digest(act: Act) -> str:
    """sha256 hex of the previous hash and the row's canonical JSON (sorted keys, UTC microseconds)."""
    row = {
        "seq": act.seq,
        "at": act.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": act.actor,
        "verb": act.verb,
        "target": act.target,
        "details": act.details,
    }
    text = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(f"{act.prev_hash}\n{text}".encode()).hexdigest()


def _append(values: Mapping[str, Any]) -> Act:
    newest = Act.objects.select_for_update().order_by("-seq").first()
    act = Act(seq=newest.seq + 1 if newest else 1, prev_hash=newest.hash if newest else "", **values)
    act.hash = digest(act)
    act.save(force_insert=True)
    return act


def _follows(act: Act, previous: Act | None) -> bool:
    if previous is None:
        return act.seq > 1 or act.prev_hash == ""
    return act.seq == previous.seq + 1 and act.prev_hash == previous.hash


def _plain(details: Mapping[str, object]) -> dict[str, Any]:
    text = json.dumps(details, allow_nan=False)
    if "\\u0000" in text:
        raise ValueError("An act holds no NUL character.")
    plain: dict[str, Any] = json.loads(text, parse_float=str)
    return plain
