"""What a reader says of one paper: more or less like it, keep it, follow who wrote it, never again what it is about.

Each verb says what is to hold from now on, so that pressing a button twice is as once. Doors pass rows that they read; all
that is changed belongs to that reader alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from newsletter.matching import compiled, query
from newsletter.models import Interest, MutedInterest, Paper, Saved, Subscriber, SubscriberInterest, Vote, Way
from newsletter.subscribers import preferences
from newsletter.subscribers.preferences import MOST_INTERESTS, BadWish

MOST_MUTED_INTERESTS = 100
MOST_SAVED = 2_000
DEFAULT_QUERY = "is:trending"  # what a reader without an interest gets


def vote(reader: Subscriber, paper: Paper, way: Way | None, *, now: datetime) -> None:
    """The reader's last word on a paper; None takes it back."""
    if way is None:
        Vote.objects.filter(subscriber=reader, paper=paper).delete()
    else:
        Vote.objects.update_or_create(subscriber=reader, paper=paper, defaults={"way": way, "voted_at": now})


def save(reader: Subscriber, paper: Paper, *, now: datetime) -> None:
    """Keep a paper. Raises BadWish beyond MOST_SAVED."""
    if Saved.objects.filter(subscriber=reader).count() >= MOST_SAVED:
        raise BadWish(_("You have saved %(n)d papers, which is the most. Drop one first.") % {"n": MOST_SAVED})
    Saved.objects.get_or_create(subscriber=reader, paper=paper, defaults={"saved_at": now})


def drop(reader: Subscriber, paper: Paper) -> None:
    Saved.objects.filter(subscriber=reader, paper=paper).delete()


def saved_papers(reader: Subscriber) -> list[Paper]:
    """The newest first; of papers that were merged the one they live on in, once."""
    rows = Saved.objects.filter(subscriber=reader).select_related("paper__merged_into").order_by("-saved_at", "-id")
    return list(dict.fromkeys(row.paper.survivor() for row in rows))


def follow(reader: Subscriber, field: str, name: str, *, now: datetime) -> None:
    """Add the interest in one author (field `author`) or lab (`org`).

    Who had no interest got what is trending, and keeps it as one. Raises BadWish, also for a name that nothing can match.
    """
    form = _named(field, name)
    with transaction.atomic():
        Subscriber.objects.select_for_update().get(pk=reader.pk)
        held = set(reader.interests.values_list("query", flat=True))
        if len(held | {form}) > MOST_INTERESTS:
            raise BadWish(_("Choose at most %(n)d interests.") % {"n": MOST_INTERESTS})
        wanted = (form,) if held else (DEFAULT_QUERY, form)
        rows = [
            SubscriberInterest(subscriber=reader, interest_id=each, added_at=now) for each in preferences.interest_ids(wanted, ())
        ]
        SubscriberInterest.objects.bulk_create(rows, ignore_conflicts=True)


def unfollow(reader: Subscriber, field: str, name: str) -> None:
    SubscriberInterest.objects.filter(subscriber=reader, interest__query=_named(field, name)).delete()


def follows(reader: Subscriber, field: str, names: Sequence[str]) -> list[str]:
    """Those of the names that the reader follows."""
    held = set(reader.interests.values_list("query", flat=True))
    return [name for name in names if _form(field, name) in held]


def mute_interest(reader: Subscriber, interest: Interest, *, now: datetime) -> None:
    """From the next plan on no paper comes that the interest matches, whatever else matches it. Raises BadWish."""
    if MutedInterest.objects.filter(subscriber=reader).count() >= MOST_MUTED_INTERESTS:
        raise BadWish(_("Mute at most %(n)d interests.") % {"n": MOST_MUTED_INTERESTS})
    MutedInterest.objects.get_or_create(subscriber=reader, interest=interest, defaults={"muted_at": now})


def unmute_interest(reader: Subscriber, interest: Interest) -> None:
    MutedInterest.objects.filter(subscriber=reader, interest=interest).delete()


def mute_word(reader: Subscriber, word: str, *, now: datetime) -> Subscriber:
    """A word or an author's name that keeps papers out from the next plan on. Returns the row as stored. Raises BadWish."""
    return preferences.change(reader, now=now, muted=[*_fresh(reader).muted, word])


def unmute_word(reader: Subscriber, word: str, *, now: datetime) -> Subscriber:
    wanted = preferences.muted_form(word)
    return preferences.change(reader, now=now, muted=[each for each in _fresh(reader).muted if each != wanted])


def _fresh(reader: Subscriber) -> Subscriber:
    return Subscriber.objects.get(pk=reader.pk)


def _named(field: str, name: str) -> str:
    form = _form(field, name)
    if not form or not compiled.compiled(query.parse(form)):
        raise BadWish(_("This name cannot be followed. Write a query of your own on the preferences page."))
    return form


def _form(field: str, name: str) -> str:
    """The canonical query for a name as a source wrote it; "" where no query can be made of it."""
    if field not in ("author", "org"):
        raise BadWish(_("Authors and labs can be followed, nothing else."))
    words = " ".join(name.replace('"', " ").replace("*", " ").split())
    try:
        return query.parse(f'{field}:"{words}"').canonical if words else ""
    except query.BadQuery:
        return ""
