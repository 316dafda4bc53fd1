"""The archive's search: the index finds, `score` decides; what is found equals asking every paper."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from issue_rows import MONDAY
from search_rows import query_text, world

from newsletter import issues, search
from newsletter.matching import BadQuery, Document, query, score
from newsletter.models import Candidate, Issue, Paper, Sighting, Terms, Unindexed
from newsletter.search import _dialect, _holdings
from newsletter.search._kept import Words
from newsletter.search._remembered import Remembered
from newsletter.sources import identity, ingest_sample

pytestmark = pytest.mark.django_db
TODAY = MONDAY.date() + timedelta(days=7)
NAME = "World models"


def _documents() -> dict[int, Document]:
    """Candidate id -> Document with its text cut anew, for every paper that may be found."""
    newest: dict[int, Candidate] = {}
    for row in Candidate.objects.select_related("paper").order_by("id"):
        newest[row.paper_id] = row
    found = {}
    for row in newest.values():
        if not (row.hidden_at or row.paper.withdrawn_at or row.paper.merged_into_id):
            seen = Sighting.objects.filter(paper=row.paper).order_by("source_id").values_list("source__name", "source__slug")
            names = tuple(name for pair in dict.fromkeys(seen) for name in pair)
            found[row.pk] = replace(issues.document(row, row.paper, on=TODAY), sources=names)
    return found


def _naive(asked: query.Query, documents: dict[int, Document]) -> list[tuple[int, score.Match]]:
    """(candidate, match), best first, by asking one by one."""
    found = [(pk, doc, score.score(doc, asked)) for pk, doc in documents.items()]
    hits = [(-match.relevance * (1 + doc.trend), -pk, match) for pk, doc, match in found if match]
    return [(-pk, match) for _, pk, match in sorted(hits, key=lambda hit: hit[:2])]


def _parsed(dice: random.Random, number: int) -> list[query.Query]:
    asked = {}
    while len(asked) < number:
        try:
            one = query.parse(query_text(dice))
        except BadQuery:
            continue
        asked[one.canonical] = one
    return list(asked.values())


def _agree(asked: query.Query, documents: dict[int, Document]) -> int:
    found, wanted = search.find(asked, on=TODAY, most=1_000, name=NAME), _naive(asked, documents)
    assert [hit.candidate.pk for hit in found.hits] == [pk for pk, _ in wanted], asked.canonical
    assert [hit.relevance for hit in found.hits] == [match.relevance for _, match in wanted], asked.canonical
    assert [hit.reason for hit in found.hits] == [score.reason(match, NAME) for _, match in wanted], asked.canonical
    assert (found.total, found.over) == (len(wanted), False)
    return len(wanted)


@pytest.mark.parametrize(
    ("indexed", "few", "many"),
    [(True, 2_000, 1_000), (True, 20, 1), (False, 2_000, 1_000), (False, 20, 1)],
    ids=["indexed", "indexed, as of many papers", "not yet indexed", "not yet indexed, as of many papers"],
)
def test_a_search_finds_what_asking_every_paper_finds(indexed, few, many, monkeypatch):
    monkeypatch.setattr(_dialect, "FEW", few)
    monkeypatch.setattr(_holdings, "MANY", many)
    dice = random.Random(4)
    world(dice, 250)
    if indexed:
        assert search.index_changed() == 250
    documents = _documents()
    sizes = [_agree(asked, documents) for asked in _parsed(dice, 200 if indexed else 30)]
    assert sum(size > 0 for size in sizes) > len(sizes) / 2


def test_a_paper_that_changed_is_found_by_its_new_words_at_once_and_when_indexed():
    [row] = world(random.Random(1), 1)
    Candidate.objects.update(hidden_at=None, summary_edit="")
    search.index_changed()
    Paper.objects.filter(pk=row.pk).update(title="Zebras gallop", abstract="")
    for _ in range(2):
        assert search.find(query.parse("zebra"), on=TODAY).total == 1
        assert search.find(query.parse('"zebras gallop" -robot'), on=TODAY).total == 1
        assert Unindexed.objects.exists() == (search.index_changed() == 1)
    assert search.find(query.parse("title:robot"), on=TODAY).total == 0


def test_what_changed_is_noted_by_the_database_whoever_writes_and_votes_are_no_change():
    [row] = world(random.Random(1), 1)
    assert (search.index_changed(), search.index_changed()) == (1, 0)
    Paper.objects.filter(pk=row.pk).update(upvotes=77, title=row.title)
    assert not Unindexed.objects.exists()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE newsletter_paper SET keywords = %s", ['["zebras"]'])
    assert list(Unindexed.objects.values_list("paper_id", flat=True)) == [row.pk]


def test_a_curator_s_summary_is_searched_instead_of_the_source_s():
    [row] = world(random.Random(1), 1)
    search.index_changed()
    Paper.objects.filter(pk=row.pk).update(summary="walrus")
    search.index_changed()
    Candidate.objects.update(hidden_at=None, summary_edit="Zebras.")
    assert [search.find(query.parse(word), on=TODAY).total for word in ("zebra", "walrus", "-walrus")] == [1, 0, 1]


def test_joined_and_withdrawn_papers_are_found_under_the_one_that_lives():
    young, old = world(random.Random(3), 2)
    Candidate.objects.update(hidden_at=None, summary_edit="")
    Paper.objects.filter(pk__in=[young.pk, old.pk]).update(title="Zebras", withdrawn_at=None)
    identity.join(Paper.objects.get(pk=young.pk), Paper.objects.get(pk=old.pk), now=MONDAY)
    assert not Unindexed.objects.exists()
    assert [hit.candidate.paper_id for hit in search.find(query.parse("zebra"), on=TODAY).hits] == [old.pk]
    Paper.objects.filter(pk=old.pk).update(withdrawn_at=MONDAY)
    assert search.find(query.parse("zebra"), on=TODAY).total == 0


def test_healing_puts_back_what_is_missing_and_cuts_anew_what_older_rules_have_cut():
    world(random.Random(2), 6)
    search.index_changed()
    connection.check_constraints()  # PostgreSQL alters no table with checks outstanding
    search.remove(connection)
    Paper.objects.update(title="Zebras")
    assert search.heal() == 6
    assert search.find(query.parse("zebra"), on=TODAY, most=9).total == len(_naive(query.parse("zebra"), _documents()))
    Terms.objects.update(version="older")
    assert (search.heal(), search.heal()) == (6, 0)


def test_ingest_indexes_what_it_stores_in_its_own_transaction():
    ingest_sample(day=TODAY, offset=0, now=MONDAY)
    assert Paper.objects.exists() and not Unindexed.objects.exists()
    assert Terms.objects.count() == Paper.objects.count()


def test_pages_are_stable_and_leave_nothing_out():
    dice = random.Random(8)
    world(dice, 120)
    search.index_changed()
    asked = query.parse("robot OR model OR x OR has:code")
    whole = [hit.candidate.pk for hit in search.find(asked, on=TODAY, most=500).hits]
    paged = [hit.candidate.pk for start in range(0, 140, 7) for hit in search.find(asked, on=TODAY, start=start, most=7).hits]
    assert paged == whole and len(whole) > 50


def test_only_what_is_printed_where_that_is_asked():
    first, second = world(random.Random(1), 2)
    Paper.objects.update(title="Zebras", withdrawn_at=None)
    Candidate.objects.update(hidden_at=None, summary_edit="")
    growing = Issue.objects.create(number=99, opened_at=MONDAY)
    Candidate.objects.filter(paper=first).update(issue=growing)
    search.index_changed()
    assert search.find(query.parse("zebra"), on=TODAY).total == 2
    assert [hit.candidate.paper_id for hit in search.find(query.parse("zebra"), on=TODAY, printed=True).hits] == [second.pk]


def test_words_are_remembered_under_their_stamp_and_the_oldest_forgotten():
    one, two, three = (Words(paper, "2027-03-01", "zebra", "", "", "", "1 0 0 0") for paper in (1, 2, 3))
    remembered = Remembered(most=2)
    remembered.keep({1: one, 2: two}, {1: "a", 2: "b"})
    assert remembered.find({1: "a", 2: "later", 9: "x"}) == {1: one}
    remembered.keep({3: three}, {3: "c"})
    assert remembered.find({1: "a", 2: "b", 3: "c"}) == {1: one, 3: three}


def test_after_all_migrations_index_and_triggers_are_there():
    with connection.cursor() as cursor:
        assert search.is_complete(connection, cursor)
