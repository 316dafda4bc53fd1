"""The rows of a merge and of a split: aliases and sightings move, no row is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from newsletter import search
from newsletter.models import Alias, Paper, Sighting
from newsletter.models.papers import random_id
from newsletter.sources.identity import _fields

_LOCK = 0x70617065  # one place for all processes of this database


def one_at_a_time() -> None:
    """Who decides which paper is which waits for who is deciding, until the transaction ends.

    PostgreSQL's advisory lock; SQLite's write transaction is one already (transaction_mode IMMEDIATE).
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def merge_rows(young: Paper, old: Paper, at: datetime, *, locked: bool = False) -> None:
    """Aliases and sightings go over; the row stays and says where to. locked: locked aliases go too."""
    Paper.objects.filter(pk=young.pk).update(merged_into=old, merged_at=at)
    young.merged_into, young.merged_at = old, at
    aliases = Alias.objects.filter(paper=young)
    (aliases if locked else aliases.filter(locked=False)).update(paper=old, home=Coalesce("home", "paper"))
    _move_sightings(Sighting.objects.filter(paper=young), old)


def join(paper: Paper, into: Paper, *, now: datetime) -> None:
    """A curator's merge: `paper` lives on in `into`, whose aliases are all locked. Both are survivors, and two."""
    merge_rows(paper, into, now, locked=True)
    Alias.objects.filter(paper=into).update(locked=True)
    changed = _fields.absorb(into, paper) | _fields.newest_signals(into)
    if changed:
        into.save(update_fields=sorted(changed))
    search.index_changed()


def part(paper: Paper, aliases: Sequence[Alias], *, now: datetime) -> Paper:
    """A curator's split: these aliases of `paper`, with the sightings they brought, become a paper of their own.

    The row that they had before a merge lives again; where there was none, a row is made with the texts known so far,
    which give way to what any live source says. All aliases of both are locked.
    """
    own = _revived(paper, aliases) or _made(paper, aliases, now)
    moved = [alias.pk for alias in aliases]
    Alias.objects.filter(pk__in=moved).update(paper=own)
    _move_sightings(Sighting.objects.filter(paper=paper, alias__in=moved), own)
    Alias.objects.filter(paper__in=[paper, own]).update(locked=True)
    for one in (paper, own):
        changed = _fields.newest_signals(one)
        if changed:
            one.save(update_fields=sorted(changed))
    search.index_changed()
    return own


def _revived(paper: Paper, aliases: Sequence[Alias]) -> Paper | None:
    """The oldest row that these aliases had before it was merged into `paper`; others of theirs live on in it."""
    homes = {alias.home_id for alias in aliases if alias.home_id not in (None, paper.pk)}
    rows = [row for row in Paper.objects.filter(pk__in=homes).order_by("pk") if row.survivor().pk == paper.pk]
    if not rows:
        return None
    own, *others = rows
    Paper.objects.filter(pk__in=[row.pk for row in others]).update(merged_into=own)
    own.merged_into = own.merged_at = None
    own.save(update_fields=["merged_into", "merged_at"])
    return own


def _made(paper: Paper, aliases: Sequence[Alias], now: datetime) -> Paper:
    own = Paper.objects.get(pk=paper.pk)
    own.pk, own.public_id, own._state.adding = None, random_id(), True
    days = Sighting.objects.filter(paper=paper, alias__in=aliases).order_by("listed_on").values_list("listed_on", flat=True)
    own.listed_on, own.seen_at = days.first() or paper.listed_on, now
    own.trust = dict.fromkeys(paper.trust, 0)
    own.upvotes = own.comments = own.stars = None
    address = _address(aliases)
    if address:
        own.url, own.pdf_url = address, ""
    own.save()
    return own


def _address(aliases: Sequence[Alias]) -> str:
    """Where these ids lead; "" when none of them is an address."""
    known = {alias.scheme: alias.value for alias in aliases}
    if "arxiv" in known:
        return f"https://arxiv.org/abs/{known['arxiv']}"
    if "doi" in known:
        return f"https://doi.org/{known['doi']}"
    return known["url"] if known.get("url", "").startswith("http") else ""


def _move_sightings(rows: QuerySet[Sighting], to: Paper) -> None:
    """Those that `to` has already (same source, day and reading) stay where they are."""
    twin = Sighting.objects.filter(
        paper=to, source=OuterRef("source"), listed_on=OuterRef("listed_on"), seen_at=OuterRef("seen_at")
    )
    rows.filter(~Exists(twin)).update(paper=to)
