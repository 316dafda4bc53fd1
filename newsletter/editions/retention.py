"""Editions age out with the copies that show them."""

from __future__ import annotations

from datetime import datetime

import numpy as np

from newsletter.editions._rows import among, execute, tuples

_SLICE = 2_000
# No index leads from an edition to its copies: the ledger is read once, not once an edition. Both databases join so; in
# NOT IN PostgreSQL would go through a long list for each edition, in NOT EXISTS SQLite through the ledger.
_UNSHOWN = """
    SELECT e.id FROM newsletter_edition e
    LEFT JOIN (SELECT DISTINCT edition_id FROM newsletter_delivery WHERE edition_id IS NOT NULL {since}) shown
        ON shown.edition_id = e.id
    WHERE shown.edition_id IS NULL AND e.created_at < %s AND CAST(e.picks AS text) <> '[]'
"""


def prune(*, before: datetime, dry_run: bool = False) -> int:
    """Delete the editions made before then that no copy shows any more; the empty one, which notes share, stays. Editions.

    Safe to repeat, and beside planning: copies are kept for longer than windows reach back, so that none of these is planned
    again. dry_run: those that no copy made since then shows.
    """
    unshown = _UNSHOWN.format(since="AND created_at >= %s" if dry_run else "")
    ids = np.array(tuples(unshown, [before, before] if dry_run else [before]), np.int64).reshape(-1)
    for start in range(0, 0 if dry_run else len(ids), _SLICE):
        condition, some = among("id", ids[start : start + _SLICE])
        execute(f"DELETE FROM newsletter_edition WHERE {condition}", [some])  # noqa: S608 (our own names)
    return len(ids)
