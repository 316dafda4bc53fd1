"""Whatever the order of arrival, and however many workers meet at once: the same papers, aliases, sightings and fields."""

import itertools
import multiprocessing
from datetime import date, timedelta

import pytest
from django.db import connection, connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.models import Alias, Paper, Sighting, Source
from newsletter.sources import ingest_files
from newsletter.sources.identity import store
from tests.sources import samples
from tests.sources.making import DAY, NOW, page, record, source
from tests.threads import threads_share_the_database

KINDS = ("arxiv", "huggingface", "feed", "snapshot", "biorxiv", "mailbox")
FIELDS = ("title", "raw_title", "abstract", "summary", "summary_by", "authors", "authors_total", "organizations", "categories",
          "keywords", "url", "pdf_url", "code_url", "license", "published_on", "has_code", "upvotes", "comments", "stars", "listed_on",
          "seen_at", "withdrawn_at", "is_sample")  # fmt: skip


def put(place, record_, day=DAY, at=NOW):
    return store(page(record_), place, seen_at=at, day=day)


def world():
    """All that identity decides, without row numbers: papers by their ids."""
    named = {paper.pk: paper for paper in Paper.objects.filter(merged_into=None)}
    ids = {pk: frozenset(Alias.objects.filter(paper=pk).values_list("scheme", "value")) for pk in named}
    papers = {ids[pk]: {name: getattr(paper, name) for name in FIELDS} for pk, paper in named.items()}
    seen = Sighting.objects.values_list(
        "paper", "source__slug", "listed_on", "seen_at", "upvotes", "alias__scheme", "alias__value"
    )
    return papers, sorted((sorted(ids[pk]), *map(str, rest)) for pk, *rest in seen)


def emptied():
    Sighting.objects.all().delete()
    Alias.objects.all().delete()
    Paper.objects.update(merged_into=None)
    Paper.objects.all().delete()
    Source.objects.all().delete()


def arrive(arrivals):
    places = {}
    for kind, shown, day in arrivals:
        if kind not in places:
            places[kind] = source(kind, kind=kind, is_sample=kind == "sample")
        put(places[kind], shown, day=day)
    return world()


TEXTS = st.sampled_from(["", "Short.", "Some longer words.", "Some other words!!"])


@st.composite
def arrivals(draw):
    """Two or three works, each shown by some places under some of its ids; each place shows a work once."""
    shown = []
    for number in range(draw(st.integers(1, 3))):
        title = f"Careful Reading of Papers by {'ABC'[number]}"
        forms = [
            {"arxiv": f"2601.0000{number}"},
            {"arxiv": f"2601.0000{number}", "doi": f"10.1000/{number}"},
            {"doi": f"10.1000/{number}", "url": f"https://journal.example.org/{number}"},
            {"url": f"https://journal.example.org/{number}"},
            {},
        ]
        for kind in draw(st.lists(st.sampled_from((*KINDS, "sample")), min_size=1, max_size=4, unique=True)):
            named = draw(st.sampled_from([title, title.upper(), f"{title}."]))
            authors = draw(st.sampled_from([("Ann Example",), ("A. Example", "Bo Li"), ("Ann Example", "Bo Li"), ()]))
            votes = draw(st.sampled_from([None, 0, 3, 7]))
            values = {
                "abstract": draw(TEXTS), "summary": draw(TEXTS), "summary_by": draw(st.sampled_from(["", "A", "B"])),
                "categories": draw(st.sampled_from([(), ("cs.CL",), ("cs.LG", "cs.CL"), ("cs.AI", "cs.CL")])),
                "published_on": draw(st.sampled_from([None, date(2026, 1, 1), date(2026, 1, 2)])),
                "license": draw(st.sampled_from(["", "cc_by", "cc_no"])), "has_code": draw(st.booleans()),
                "withdrawn": draw(st.booleans()),
            }  # fmt: skip
            one = record(named, authors=authors, upvotes=votes, **draw(st.sampled_from(forms)), **values)
            shown.append((kind, one, DAY - timedelta(days=draw(st.integers(0, 2)))))
    return shown, draw(st.permutations(shown))


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(arrivals())
def test_any_order_of_arrival_gives_the_same_world(both):
    first, second = both
    emptied()
    one = arrive(first)
    emptied()
    assert arrive(second) == one


@pytest.mark.django_db
def test_hugging_face_arxiv_a_blog_and_a_snapshot_are_one_paper_in_all_24_orders():
    title = "A Study of Careful Readers"
    places = [
        ("huggingface", record(title, arxiv="2601.00001", upvotes=12, summary="Reads.", summary_by="HF"), DAY),
        ("arxiv", record(title, arxiv="2601.00001", doi="10.48550/arxiv.2601.00001", abstract="We read."), DAY - timedelta(1)),
        ("feed", record("What we Learned about Reading", arxiv="2601.00001", authors=("Blog Er",)), DAY),
        ("snapshot", record(title.upper(), authors=()), DAY),
    ]
    worlds = []
    for order in itertools.permutations(places):
        emptied()
        worlds.append(arrive(order))
    assert all(one == worlds[0] for one in worlds)
    (ids,) = worlds[0][0]
    assert {scheme for scheme, _ in ids} == {"arxiv", "title"} and len(worlds[0][1]) == 4
    (paper,) = worlds[0][0].values()
    assert (paper["title"], paper["upvotes"], paper["abstract"], paper["listed_on"]) == (
        title,
        12,
        "We read.",
        DAY - timedelta(1),
    )


def _many(number):
    """What worker `number` shows: 30 papers, by different ids each time."""
    shown = []
    for n in range(1, 31):
        ids = [{"arxiv": f"2601.{n:05d}"}, {"arxiv": f"2601.{n:05d}", "doi": f"10.1/{n}"}, {"doi": f"10.1/{n}"}, {}][
            (n + number) % 4
        ]
        shown.append(record(f"Paper Number {n} of so Many", authors=() if number % 2 else ("Ann Example",), **ids))
    return page(*(shown if number % 2 else reversed(shown)))


def _work(number):
    place = Source.objects.get_or_create(slug=f"w{number}", defaults={"name": "w", "kind": "feed"})[0]
    store(_many(number), place, seen_at=NOW, day=DAY)


def _counts():
    alive = Paper.objects.filter(merged_into=None)
    stray = Alias.objects.exclude(paper__in=alive).count() + Sighting.objects.exclude(paper__in=alive).count()
    return alive.count(), Alias.objects.count(), Sighting.objects.count(), stray


@pytest.mark.django_db(transaction=True)
def test_threads_that_meet_the_same_papers_leave_one_of_each(tmp_path):
    with threads_share_the_database(tmp_path) as shared:
        shared.all_at_once(_work, times=4)
        assert shared.ask(_counts) == (30, 120, 120, 0)


def _process(number, gate, database):
    connections["default"].settings_dict["NAME"] = database
    gate.wait(30)
    _work(number)
    connections.close_all()


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql
def test_processes_that_meet_the_same_papers_leave_one_of_each():
    connections.close_all()
    context = multiprocessing.get_context("fork")
    gate, name = context.Barrier(4), connection.settings_dict["NAME"]
    workers = [context.Process(target=_process, args=(number, gate, name)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert _counts() == (30, 120, 120, 0)


@samples.needed
@pytest.mark.django_db
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=lambda order: "".join(map(str, order)))
def test_the_seeds_are_27_cards_and_25_papers_in_any_order(order):
    files = sorted((samples.ROOT / "seeds").iterdir())
    cards = 0
    for number in order:
        (one,) = ingest_files(files[number], now=NOW).files
        cards += one.new + one.merged
    assert (len(files), cards, Paper.objects.count(), Paper.objects.filter(merged_into=None).count()) == (3, 27, 25, 25)
