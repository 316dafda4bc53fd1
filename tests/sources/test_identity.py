import itertools
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection

from newsletter.models import Alias, Paper, Sighting
from newsletter.sources import identity
from newsletter.sources.identity import store
from tests.sources.making import DAY, NOW, page, record, source
from tests.threads import threads_share_the_database

pytestmark = pytest.mark.django_db


def put(place, *records, at=NOW, day=DAY, **more):
    return store(page(*records), place, seen_at=at, day=day, **more)


def alive():
    return Paper.objects.filter(merged_into=None)


PLACES = [
    record(arxiv="2601.00001", upvotes=3),
    record(arxiv="2601.00001", doi="10.1000/x", title="A Study of Careful Readers (v1)"),
    record(doi="10.1000/x", url="https://journal.example.org/x"),
    record(authors=()),
    record("A study of careful readers", authors=("Anna Example", "Bo Li")),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(5))), ids=lambda order: "".join(map(str, order)))
def test_five_places_are_one_paper_in_any_order(order):
    places = [source(f"place-{number}") for number in range(5)]
    for number in order:
        put(places[number], PLACES[number])
    (paper,) = alive()
    assert set(Sighting.objects.values_list("source__slug", "paper")) == {(place.slug, paper.pk) for place in places}
    assert {alias for one in PLACES for alias in one.aliases} == set(Alias.objects.values_list("scheme", "value"))
    assert not Alias.objects.exclude(paper=paper).exists()
    assert (paper.upvotes, paper.authors) in [(3, ["Ann Example"]), (3, ["Anna Example", "Bo Li"])]


def test_an_unchanged_page_writes_nothing_and_asks_little(django_assert_max_num_queries):
    place = source()
    batch = [record(f"Paper Number {n} of the Day", arxiv=f"2601.{n:05d}", upvotes=n) for n in range(1, 120)]
    first = put(place, *batch)
    with django_assert_max_num_queries(5 if connection.vendor == "postgresql" else 4):  # there one more, to queue
        again = put(place, *batch, at=NOW + timedelta(hours=3))
    assert (first.new, first.merged, again.new, again.merged) == (119, 0, 0, 119)
    assert Sighting.objects.count() == 119


def test_changed_votes_make_a_sighting_and_the_newest_are_on_the_paper():
    place = source()
    for hours, votes in ((0, 3), (6, 9), (3, 5)):
        put(place, record(arxiv="2601.00001", upvotes=votes), at=NOW + timedelta(hours=hours))
    assert list(Sighting.objects.order_by("seen_at").values_list("upvotes", flat=True)) == [3, 5, 9]
    assert Paper.objects.get().upvotes == 9


def test_fields_are_filled_and_never_emptied():
    put(source(), record(arxiv="2601.00001", abstract="Words.", upvotes=4, categories=("cs.CL",)))
    put(source("two"), record(arxiv="2601.00001", code_url="https://github.com/a/b", has_code=True), day=DAY - timedelta(days=2))
    paper = Paper.objects.get()
    assert (paper.abstract, paper.upvotes, paper.categories) == ("Words.", 4, ["cs.CL"])
    assert paper.has_code and paper.code_url and paper.listed_on == DAY - timedelta(days=2)


def test_a_short_title_joins_nothing_but_itself():
    texts, other = source("texts"), source("other")
    for _ in range(2):
        put(texts, record("Technical Report", authors=()))
    put(other, record("Technical Report", authors=()))
    put(other, record("Technical Report", arxiv="2601.00009"))
    assert alive().count() == 3


def test_a_title_that_fits_two_papers_stays_apart():
    put(source(), record(arxiv="2601.00001", authors=("Ann One",)), record(arxiv="2601.00002", authors=("Bo Two",)))
    counts = put(source("texts"), record(authors=()))
    assert counts.new == 1
    assert alive().count() == 3


def test_two_arxiv_ids_are_two_papers_whatever_title_and_doi_say():
    put(source(), record(arxiv="2601.00001", doi="10.1000/x"), record(arxiv="2601.00002", doi="10.1000/x"))
    put(source("two"), record(arxiv="2601.00002", doi="10.1000/x"), record(arxiv="2601.00001"))
    assert alive().count() == 2


def test_a_paper_twice_on_a_page_is_one():
    counts = put(source(), record(arxiv="2601.00001", upvotes=1), record(arxiv="2601.00001", upvotes=2))
    assert (counts.new, counts.merged, Sighting.objects.count(), Paper.objects.get().upvotes) == (1, 1, 1, 2)


def test_a_merge_keeps_rows_and_moves_what_belongs_to_the_paper():
    put(source(), record(arxiv="2601.00001"))
    put(source("two"), record("Another Name for It All", doi="10.1000/x"))
    put(source("three"), record(arxiv="2601.00001", doi="10.1000/x"))
    old, young = Paper.objects.order_by("pk")
    assert young.merged_into == old
    assert not young.aliases.exists() and not young.sightings.exists()
    put(source("four"), record("Another Name for It All", doi="10.1000/x"))
    assert alive().count() == 1 and old.sightings.count() == 4


def test_a_curators_locked_alias_is_left_where_it_is():
    put(source(), record(arxiv="2601.00001"))
    put(source("two"), record("Another Name for It All", doi="10.1000/x"))
    Alias.objects.filter(scheme="doi").update(locked=True)
    put(source("three"), record(arxiv="2601.00001", doi="10.1000/x"))
    assert alive().count() == 2
    assert Alias.objects.get(scheme="doi").paper.title == "Another Name for It All"


def test_merged_into_is_followed_to_its_end():
    put(source(), *(record(f"Paper Number {n} of Three", arxiv=f"2601.0000{n}") for n in (1, 2, 3)))
    one, two, three = Paper.objects.order_by("pk")
    Paper.objects.filter(pk=three.pk).update(merged_into=two)
    Paper.objects.filter(pk=two.pk).update(merged_into=one)
    put(source("two"), record("Paper Number 3 of Three", arxiv="2601.00003", upvotes=8))
    one.refresh_from_db()
    assert one.upvotes == 8 and alive().count() == 1


def test_a_withdrawn_paper_is_marked_once():
    for hours in (0, 5):
        put(source(f"s{hours}"), record(arxiv="2601.00001", withdrawn=True), at=NOW + timedelta(hours=hours))
    assert Paper.objects.get().withdrawn_at == NOW


def test_the_sample_gives_way_to_a_live_source_and_never_the_other_way():
    sample, live = source("sample", is_sample=True), source("live")
    put(sample, record(arxiv="2601.00001", abstract="Our words."))
    assert Paper.objects.get().is_sample
    put(live, record(arxiv="2601.00001", abstract="Its words."))
    put(sample, record(arxiv="2601.00001", abstract="Our words."))
    paper = Paper.objects.get()
    assert (paper.abstract, paper.is_sample) == ("Its words.", False)


def test_a_revision_updates_and_makes_no_paper_unless_asked():
    counts = put(source(), record(arxiv="2601.00001", announce="replace"))
    assert (counts.new, counts.rejected, Paper.objects.count()) == (0, 1, 0)
    assert put(source("files"), record(arxiv="2601.00001", announce="replace"), revisions=True).new == 1


def test_who_loses_the_race_for_an_alias_reads_again_and_joins(monkeypatch):
    """The database refuses our alias; by then the other worker's paper is there."""
    first, second = source(), source("two")
    honest, calls = identity._store_once, []

    def racing(*args):
        calls.append(args)
        if len(calls) == 1:
            raise IntegrityError("alias_belongs_to_one_paper")
        if len(calls) == 2:
            put(second, record(arxiv="2601.00001", upvotes=7))
        return honest(*args)

    monkeypatch.setattr(identity, "_store_once", racing)
    counts = put(first, record(arxiv="2601.00001", upvotes=6))
    assert (counts.new, counts.merged) == (0, 1)
    assert Paper.objects.count() == 1 and Sighting.objects.count() == 2


def test_an_error_that_stays_is_not_hidden(monkeypatch):
    def broken(known, **_):
        raise IntegrityError("always")

    monkeypatch.setattr(identity.Known, "write", broken)
    with pytest.raises(IntegrityError):
        put(source(), record(arxiv="2601.00001"))
    assert not Paper.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_workers_meet_the_same_papers_at_once(tmp_path):
    batch = [record(f"Paper Number {n} of Many", arxiv=f"2601.{n:05d}") for n in range(1, 40)]
    with threads_share_the_database(tmp_path) as shared:
        shared.all_at_once(lambda number: put(source(f"w{number}"), *batch), times=4)
        assert shared.ask(lambda: (Paper.objects.count(), Alias.objects.count(), Sighting.objects.count())) == (39, 78, 156)


def test_a_text_that_fits_two_papers_of_one_title_and_author_stays_apart_for_good():
    """A work withdrawn and submitted anew: same title, same author, another id."""
    put(source(), record(arxiv="2601.00001"), record(arxiv="2601.00002"))
    put(source("again"), record(arxiv="2601.00002", upvotes=3), record(arxiv="2601.00001"))
    assert alive().count() == 2
    texts = source("texts")
    first = put(texts, record())
    again = put(texts, record())
    assert (first.new, again.new, alive().count()) == (1, 0, 3)
    assert Sighting.objects.filter(source=texts).count() == 1
    bare = put(source("bare"), record(authors=()))
    assert bare.new == 1


def test_a_thousand_titles_without_authors_are_asked_in_parts():
    texts = source("texts", kind="snapshot")
    batch = [record(f"Paper Number {n} of a Long List", authors=()) for n in range(1_200)]
    assert put(texts, *batch).new == 1_200
    assert put(texts, *batch).merged == 1_200
