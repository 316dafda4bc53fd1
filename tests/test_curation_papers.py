"""Merge and split by a curator: what they leave in the tables, and who gets which paper after them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from newsletter import acts, curation, editions, issues
from newsletter.delivery.audit import audit
from newsletter.issues.sums import edition_key
from newsletter.models import (
    Act,
    AgainReason,
    Alias,
    Candidate,
    CandidateKind,
    Delivery,
    Edition,
    Interest,
    Issue,
    IssueState,
    Paper,
    Sighting,
    Subscriber,
    SubscriberInterest,
    SubscriberStatus,
)
from newsletter.sources.identity import store
from tests.sources.making import page, record, source

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 12, 5, tzinfo=UTC)
BY = "mara"
LONG = "Robots That Fold Laundry at Home"
OTHER = "A Robot for Folding the Laundry"


class Days:
    """A clock that moves a day at a time: gather, close, plan, all copies accepted."""

    def __init__(self) -> None:
        self.now = START
        self.interest = Interest.objects.create(query=editions.window.query_of("robot").canonical)
        issues.close(now=START - timedelta(hours=2))

    def reader(self, name: str) -> Subscriber:
        reader = Subscriber.objects.create(
            address=f"{name}@example.org", address_key=name, status=SubscriberStatus.ACTIVE, created_at=self.now,
            confirmed_at=self.now, zone="UTC", hour=8, days=127, next_slot_at=self.now.replace(hour=8), max_papers=10,
        )  # fmt: skip
        SubscriberInterest.objects.create(subscriber=reader, interest=self.interest, added_at=self.now)
        return reader

    def shows(self, place, *records) -> None:
        store(page(*records), place, seen_at=self.now, day=self.now.date())

    def end(self, *, but: tuple[Subscriber, ...] = ()) -> None:
        """The day's issue closes and its copies leave; those of the readers in `but` fail."""
        issues.close(now=self.now + timedelta(hours=1))
        editions.plan(now=self.now.replace(hour=8) - timedelta(minutes=5))
        pending = Delivery.objects.filter(state="PENDING")
        pending.filter(subscriber__in=but).update(state="FAILED", as_of=self.now, attempts=1, reason="SMTP 550")
        pending.update(state="SENT", as_of=self.now, settled_at=self.now)
        self.now += timedelta(days=1)


def had(reader: Subscriber) -> list[str]:
    """Titles of every card this reader's accepted copies hold, in order."""
    copies = Delivery.objects.filter(subscriber=reader, state="SENT").order_by("upto")
    picks = [pick for copy in copies for pick in Edition.objects.get(pk=copy.edition_id).picks]
    titles = dict(Paper.objects.values_list("id", "title"))
    return [titles[pick[1]] for pick in picks]


@pytest.fixture
def days() -> Days:
    return Days()


@pytest.fixture
def place():
    return source("arxiv", kind="arxiv")


def two(days: Days, place) -> tuple[Paper, Paper]:
    """Two papers of the same work, as two places name it."""
    days.shows(place, record(LONG, arxiv="2603.00001"), record(OTHER, doi="10.1000/x", authors=("Bo Li",)))
    return Paper.objects.get(title=LONG), Paper.objects.get(title=OTHER)


def test_a_merge_moves_and_locks_every_alias_and_deletes_nothing(days, place):
    survivor, other = two(days, place)
    assert curation.merge(other, survivor, by=BY, now=days.now) == survivor
    assert curation.merge(other, survivor, by=BY, now=days.now) == survivor
    other.refresh_from_db()
    assert (other.merged_into, other.merged_at) == (survivor, days.now)
    assert survivor.aliases.filter(locked=True).count() == Alias.objects.count() == 4
    assert set(Alias.objects.filter(home=other).values_list("scheme", flat=True)) == {"doi", "title"}
    assert (Paper.objects.count(), Candidate.objects.filter(paper=other).count()) == (2, 0)
    (act,) = Act.objects.all()
    assert (act.verb, act.target, act.details) == ("merge", f"paper {other.public_id}", {"into": survivor.public_id})
    assert acts.verify() is None


def test_a_merge_with_itself_is_refused(days, place):
    survivor, _ = two(days, place)
    with pytest.raises(curation.Refused, match="same paper"):
        curation.merge(survivor, survivor, by=BY, now=days.now)


def test_later_readings_of_either_join_the_survivor(days, place):
    survivor, other = two(days, place)
    curation.merge(other, survivor, by=BY, now=days.now)
    days.shows(source("two"), record(OTHER, doi="10.1000/x", upvotes=8, authors=("Bo Li",)), record(OTHER, authors=()))
    survivor.refresh_from_db()
    assert survivor.upvotes == 8
    assert not Paper.objects.get(pk=other.pk).sightings.filter(source__slug="two").exists()
    assert Paper.objects.filter(merged_into=None).count() == 1


def test_readers_who_had_either_do_not_get_the_survivor_again(days, place):
    first, second = days.reader("first"), days.reader("second")
    days.shows(place, record(OTHER, doi="10.1000/x"))
    days.end(but=(second,))
    other = Paper.objects.get()
    days.shows(place, record(LONG, arxiv="2603.00001"))
    curation.merge(other, Paper.objects.get(title=LONG), by=BY, now=days.now)
    days.end()
    assert (had(first), had(second)) == ([OTHER], [LONG])
    days.end()
    assert (had(first), had(second)) == ([OTHER], [LONG])
    assert audit().findings == []


def test_who_had_both_before_is_no_finding_and_who_gets_one_again_is(days, place):
    reader = days.reader("reader")
    survivor, other = two(days, place)
    days.end()
    curation.merge(other, survivor, by=BY, now=days.now)
    assert sorted(had(reader)) == sorted([LONG, OTHER])
    assert audit().findings == []
    days.shows(place, record("Yet Another Robot to Think of", arxiv="2603.00002"))
    days.end()
    copy = Delivery.objects.filter(subscriber=reader).latest("upto")
    candidate = Candidate.objects.filter(paper=other).latest("id")
    picks = [[candidate.pk, other.pk, days.interest.pk, ""]]
    again = Edition.objects.create(key=edition_key(picks), picks=picks, created_at=days.now)
    Delivery.objects.filter(pk=copy.pk).update(edition=again)
    assert {finding.invariant for finding in audit().findings} == {1}


def test_a_split_makes_a_paper_that_readers_are_offered_once(days, place):
    """A blog's post was taken for the paper that it links to; it is about another one."""
    reader = days.reader("reader")
    days.shows(place, record(LONG, arxiv="2603.00001"))
    days.shows(source("blog"), record(OTHER, arxiv="2603.00001", url="https://blog.example.org/robot", authors=("Bo Li",)))
    days.end()
    whole = Paper.objects.get()
    chosen = whole.aliases.filter(value__startswith="https") | whole.aliases.filter(scheme="title", value__endswith=":li")
    own = curation.split(whole, list(chosen), by=BY, now=days.now)
    assert curation.split(whole, list(Alias.objects.filter(paper=own)), by=BY, now=days.now) == own
    row = Candidate.objects.get(paper=own)
    assert (row.kind, row.reasons, row.issue.state) == (CandidateKind.AGAIN, [AgainReason.SPLIT], IssueState.OPEN)
    assert Candidate.objects.filter(paper=whole).count() == 1
    assert not Alias.objects.filter(locked=False).exists()
    assert list(Act.objects.values_list("verb", flat=True)) == ["split"]
    for _ in range(3):
        days.end()
    picks = [pick[1] for edition in Edition.objects.all() for pick in edition.picks]
    assert sorted(picks) == [whole.pk, own.pk] and len(had(reader)) == 2
    assert not Candidate.objects.filter(paper=own, kind=CandidateKind.NEW).exists()
    assert audit().findings == []


def test_what_a_split_left_unknown_is_read_again_from_the_next_source(days, place):
    days.shows(place, record(LONG, arxiv="2603.00001", abstract="Laundry."))
    days.shows(source("mail"), record(OTHER, arxiv="2603.00001", doi="10.1000/x", authors=("Bo Li",)))
    whole = Paper.objects.get()
    own = curation.split(whole, [whole.aliases.get(scheme="doi")], by=BY, now=days.now)
    assert (own.url, own.public_id != whole.public_id) == ("https://doi.org/10.1000/x", True)
    days.shows(source("feed"), record("Short Title of It", doi="10.1000/x", abstract="Another.", authors=("Cy Wu",)))
    own.refresh_from_db()
    whole.refresh_from_db()
    assert (own.title, own.abstract, own.authors) == ("Short Title of It", "Another.", ["Cy Wu"])
    assert (whole.title, whole.abstract) == (LONG, "Laundry.")


def test_a_split_holds_against_a_record_that_proves_both_one(days, place):
    days.shows(place, record(LONG, arxiv="2603.00001", doi="10.1000/x"))
    whole = Paper.objects.get()
    own = curation.split(whole, [whole.aliases.get(scheme="doi")], by=BY, now=days.now)
    blog = "https://blog.example.org/robot"
    days.shows(source("a"), record("A Fresh Name for the First", arxiv="2603.00001", url=blog, authors=("Cy Wu",)))
    days.shows(source("b"), record("A Fresh Name for the Second", doi="10.1000/x", url=f"{blog}/2", authors=("Di Ma",)))
    days.shows(source("c"), record(LONG, arxiv="2603.00001", doi="10.1000/x"), record(LONG, doi="10.1000/x", url=blog))
    days.shows(source("d"), record("A Fresh Name for the First", url=f"{blog}/2", authors=("Cy Wu",)))
    assert Paper.objects.filter(merged_into=None).count() == 2
    assert Alias.objects.get(scheme="doi").paper == own and Alias.objects.get(scheme="arxiv").paper == whole
    assert Alias.objects.get(value=blog).paper == whole and Alias.objects.get(value=f"{blog}/2").paper == own


def test_the_sightings_an_alias_brought_go_with_it(days, place):
    survivor, other = two(days, place)
    curation.merge(other, survivor, by=BY, now=days.now)
    days.now += timedelta(hours=1)
    days.shows(source("two"), record(OTHER, doi="10.1000/x", upvotes=8, authors=("Bo Li",)))
    own = curation.split(survivor, list(Alias.objects.filter(home=other)), by=BY, now=days.now)
    assert own == other and own.merged_into is None
    assert set(own.sightings.values_list("source__slug", flat=True)) == {"arxiv", "two"}
    assert set(survivor.sightings.values_list("source__slug", flat=True)) == {"arxiv"}
    own.refresh_from_db()
    assert own.upvotes == 8


@pytest.mark.parametrize("which", ["none", "all", "another's"])
def test_a_split_that_makes_no_sense_is_refused(days, place, which):
    survivor, other = two(days, place)
    both = [*survivor.aliases.all(), *other.aliases.all()]
    chosen = {"none": [], "all": list(survivor.aliases.all()), "another's": both}[which]
    with pytest.raises(curation.Refused):
        curation.split(survivor, chosen, by=BY, now=days.now)
    assert not Act.objects.exists() and not Alias.objects.filter(locked=True).exists()


def test_a_split_of_an_old_or_withdrawn_paper_offers_nothing(days, place):
    survivor, other = two(days, place)
    curation.merge(other, survivor, by=BY, now=days.now)
    Paper.objects.update(listed_on=days.now.date() - timedelta(days=31))
    curation.split(survivor, list(Alias.objects.filter(home=other)), by=BY, now=days.now)
    assert not Candidate.objects.exists()


def test_merging_back_and_forth_never_repeats_and_loses_nothing(days, place):
    either, neither, late = days.reader("either"), days.reader("neither"), days.reader("late")
    days.shows(place, record(OTHER, doi="10.1000/x"))
    days.end(but=(neither, late))
    other = Paper.objects.get()
    days.shows(place, record(LONG, arxiv="2603.00001"))
    survivor = Paper.objects.get(title=LONG)
    for turn in range(3):
        curation.merge(other, survivor, by=BY, now=days.now)
        days.end(but=(late,) if turn == 0 else ())
        curation.split(survivor, list(Alias.objects.filter(home=other)), by=BY, now=days.now)
        days.end()
        days.end()
    for reader in (either, neither, late):
        assert sorted(had(reader)) == sorted([LONG, OTHER]), reader.address
    assert audit().findings == []


def test_a_withdrawn_survivor_is_offered_by_no_candidate_of_what_was_merged_into_it(days, place):
    reader = days.reader("reader")
    survivor, other = two(days, place)
    issues.gather(now=days.now)
    curation.merge(other, survivor, by=BY, now=days.now)
    Paper.objects.filter(pk=survivor.pk).update(withdrawn_at=days.now)
    days.end()
    assert had(reader) == []


def test_two_candidates_of_a_merged_paper_are_one_card(days, place):
    reader = days.reader("reader")
    survivor, other = two(days, place)
    issues.gather(now=days.now)
    assert Issue.objects.get(state=IssueState.OPEN).candidates.count() == 2
    curation.merge(other, survivor, by=BY, now=days.now)
    days.end()
    assert had(reader) == [LONG]
    assert Sighting.objects.count() == 2
