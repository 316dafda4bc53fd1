"""The bench of the query language asks what it says it asks."""

import pytest

from bench import query


def test_the_hostile_queries_fill_the_limit_or_nearly() -> None:
    lengths = {name: len(text[: query.CHARACTERS]) for name, text in query.HOSTILE.items()}
    assert {name: length for name, length in lengths.items() if length < 300} == {}


def test_a_row_each_and_one_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("RANDOM", 8), ("ROUNDS", 1), ("PAPERS", 3)):
        monkeypatch.setattr(query, name, value)
    *hostile, random, everything = query.measure()
    assert [row["query"] for row in hostile] == list(query.HOSTILE)
    assert {row["refused"] for row in hostile} == {True, False}
    assert all(("papers_3_ms" in row) != row["refused"] for row in hostile)
    assert 0 < random["refused"] < random["asked"] == 8
    assert everything["asked"] == len(query.HOSTILE) + 8
