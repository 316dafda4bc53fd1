"""What readers have had: the ledger asked for a whole wave, each edition read once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.db import connection

from newsletter.editions._rows import NONE, Ints, among, micros, read
from newsletter.editions.ragged import spans
from newsletter.models import Candidate, Paper
from newsletter.models.ledger import ACCEPTED_STATES


@dataclass
class Ledger:
    """The picks of editions that hold one of the papers asked about, kept while the same papers are asked about.

    Editions never change, so what was read once is right as long as this object lives.
    """

    survivors: dict[int, int] = field(default_factory=dict)
    read: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # editions, sorted
    holding: Ints = field(default_factory=lambda: np.zeros((3, 0), np.int64))  # edition (sorted), candidate, surviving paper

    def had(self, subscribers: Ints, papers: Collection[int]) -> tuple[Ints, Ints]:
        """Pairs (subscriber, paper) of what accepted copies hold, less what was hidden at the claim, merges followed.

        Only copies are read whose window could hold one: `upto` from the first issue that had the paper.
        """
        nothing = np.zeros(0, np.int64)
        if not len(subscribers) or not papers:
            return nothing, nothing
        survivors = _survivors(papers)
        if survivors != self.survivors:
            self.survivors, self.read, self.holding = survivors, nothing, np.zeros((3, 0), np.int64)
        rows = Candidate.objects.filter(paper_id__in=survivors)
        first = rows.order_by("issue__number").filter(issue__number__gt=0).values_list("issue__number", flat=True).first()
        condition, ids = among("subscriber_id", subscribers)
        accepted = ", ".join(f"'{state}'" for state in ACCEPTED_STATES)
        copies = f"""SELECT subscriber_id, edition_id, as_of FROM newsletter_delivery
            WHERE {condition} AND kind = 'DIGEST' AND state IN ({accepted}) AND upto >= %s"""  # noqa: S608 (our own names)
        subscriber, edition, as_of = read("iit", copies, [ids, first or 0])
        self._learn(np.unique(edition))
        starts = np.searchsorted(self.holding[0], edition)
        lengths = np.searchsorted(self.holding[0], edition, side="right") - starts
        held, copy = spans(starts, lengths), np.repeat(np.arange(len(edition)), lengths)
        shown = self._shown(held, as_of[copy], {pk: at for pk, at in rows.values_list("id", "hidden_at") if at is not None})
        return subscriber[copy[shown]], self.holding[2][held[shown]]

    def _learn(self, editions: Ints) -> None:
        fresh = np.setdiff1d(editions, self.read, assume_unique=True)
        if not len(fresh):
            return
        found = np.array(_holding(fresh, np.array(sorted(self.survivors), np.int64)))
        found[2] = [self.survivors[paper] for paper in found[2].tolist()]
        holding = np.concatenate((self.holding, found), axis=1)
        self.holding = holding[:, np.argsort(holding[0], kind="stable")]
        self.read = np.union1d(self.read, fresh)

    def _shown(self, held: Ints, as_of: Ints, hidden: dict[int, Any]) -> Any:
        """Which picks their readers saw: those not hidden when the copy was claimed."""
        ids = np.array(sorted(hidden), np.int64)
        if not len(ids):
            return slice(None)
        hidden_at = np.array([micros(hidden[pk]) for pk in ids.tolist()], np.int64)
        candidate = self.holding[1][held]
        place = np.minimum(np.searchsorted(ids, candidate), len(ids) - 1)
        return np.flatnonzero((ids[place] != candidate) | (as_of == NONE) | (hidden_at[place] > as_of))


def _holding(editions: Ints, papers: Ints) -> list[Ints]:
    """(edition, candidate, paper) of every pick of these papers in these editions. The database takes the picks apart."""
    among_editions, ids = among("e.id", editions)
    if connection.vendor == "postgresql":
        among_papers, wanted = among("(pick->>1)::bigint", papers)
        picks = (
            "SELECT e.id, (pick->>0)::bigint, (pick->>1)::bigint FROM newsletter_edition e, jsonb_array_elements(e.picks) pick"
        )
    else:
        among_papers, wanted = among("json_extract(pick.value, '$[1]')", papers)
        picks = """SELECT e.id, json_extract(pick.value, '$[0]'), json_extract(pick.value, '$[1]')
            FROM newsletter_edition e, json_each(e.picks) pick"""
    return read("iii", f"{picks} WHERE {among_editions} AND {among_papers}", [ids, wanted])


def _survivors(papers: Collection[int]) -> dict[int, int]:
    """Paper id -> the paper it lives on in, for these papers and all that were merged into them."""
    result = {paper: paper for paper in papers}
    layer = set(papers)
    while layer:
        merged = dict(Paper.objects.filter(merged_into_id__in=layer).values_list("id", "merged_into_id"))
        layer = set(merged) - set(result)
        result.update({child: result[parent] for child, parent in merged.items()})
    return result
