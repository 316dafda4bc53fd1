"""Precision and recall of topics, on examples small enough to count by hand."""

import json

import pytest

from newsletter.matching import Document, Topic
from newsletter.matching.measure import BadLabels, Counts, Label, Library, Macro, measure, read_labels

ROBOTS = Topic(
    slug="robots", name="Robots", line="", group="", query="robot OR cat:cs.RO", categories=("cs.RO",), keywords=("robot",)
)
TEA = Topic(slug="tea", name="Tea", line="", group="", query="tea")


def _label(title: str, *, relevant: bool, kept: bool = False, topic: str = "robots", id: str = "") -> Label:
    return Label(topic=topic, id=id, title=title, relevant=relevant, kept=kept)


def _line(**changes: object) -> str:
    return json.dumps({"topic": "robots", "id": "", "title": "A robot", "relevant": True, "kept": False, **changes})


def test_precision_and_recall_are_counted_apart_for_the_tuning_and_the_kept_part():
    labels = [
        _label("A robot", relevant=True),
        _label("Another robot", relevant=True),
        _label("A hand that grips", relevant=True),
        _label("The word robot", relevant=False),
        _label("Laundry", relevant=False),
        _label("Robots again", relevant=True, kept=True),
        _label("A machine", relevant=True, kept=True),
    ]
    row = measure([ROBOTS], labels, Library()).rows[0]
    assert (row.by, row.tuning, row.kept) == ("labels", Counts(2, 1, 1, 1), Counts(1, 0, 1, 0))
    assert (row.tuning.precision, row.tuning.recall) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert (row.kept.precision, row.kept.recall) == (1.0, 0.5)


def test_failures_name_papers_of_the_tuning_part_alone():
    labels = [
        _label("The word robot", relevant=False),
        _label("A hand", relevant=True),
        _label("Robots of the kept part", relevant=False, kept=True),
        _label("A kept hand", relevant=True, kept=True),
    ]
    row = measure([ROBOTS], labels, Library()).rows[0]
    assert (row.wrong, row.missed) == (("The word robot",), ("A hand",))


def test_a_topic_that_finds_nothing_has_precision_zero_and_counts():
    report = measure([ROBOTS], [_label("Laundry", relevant=True)], Library())
    assert (report.rows[0].tuning.precision, report.rows[0].tuning.recall) == (0.0, 0.0)
    assert report.macro(kept=False) == Macro(0.0, 0.0, 1)
    assert report.macro(kept=True) == Macro(None, None, 0)


def test_macro_figures_are_means_over_topics_not_over_papers():
    labels = [_label(f"Robot {n}", relevant=True) for n in range(9)] + [_label("Coffee", relevant=True, topic="tea")]
    assert measure([ROBOTS, TEA], labels, Library()).macro(kept=False) == Macro(0.5, 0.5, 2)


def test_a_paper_is_found_by_its_id_then_by_its_title_and_else_judged_by_the_title_alone():
    by_id = Document(title="Renamed since", abstract="A robot walks.")
    by_title = Document(title="On  walking", abstract="A robot walks.")
    library = Library(by_id={"arxiv:2405.00001": by_id}, by_title={"on walking": by_title})
    labels = [
        _label("Walking", relevant=True, id="arxiv:2405.00001"),
        _label("On Walking", relevant=True, id="arxiv:2405.00002"),
        _label("Walking on", relevant=True, id="doi:10.1000/1"),
    ]
    report = measure([ROBOTS], labels, library)
    assert report.rows[0].missed == ("Walking on",)
    assert (report.papers, report.by_title) == (3, 1)
    alone = measure([ROBOTS], labels, library, titles_only=True)
    assert (len(alone.rows[0].missed), alone.by_title) == (3, 3)


def test_without_labels_a_topic_is_measured_by_the_words_that_find_its_categories():
    named = [Document(title="A robot", categories=("cs.RO",)) for _ in range(2)]
    unnamed = Document(title="Legs", categories=("cs.RO", "cs.LG"))
    other = Document(title="A robot of rhetoric", categories=("cs.CL",))
    unfiled = Document(title="A robot nobody filed")
    row = measure([ROBOTS], [], Library(documents=[*named, unnamed, other, unfiled])).rows[0]
    assert (row.by, row.tuning) == ("categories", Counts(found=2, wrong=1, missed=1, rest=0))


def test_where_too_few_papers_have_the_category_keywords_stand_in_hidden_from_the_query():
    docs = [
        Document(title="A robot", keywords=("robots", "legs")),
        Document(title="Arms", keywords=("soft robot",)),
        Document(title="Legs", keywords=("robot",)),
        Document(title="Tea", keywords=("kettle",)),
        Document(title="Joints", categories=("cs.RO",)),
    ]
    row = measure([ROBOTS], [], Library(documents=docs)).rows[0]
    assert (row.by, row.tuning) == ("keywords", Counts(found=1, wrong=0, missed=2, rest=1))


def test_a_topic_without_labels_categories_or_keywords_is_unmeasured():
    report = measure([TEA], [], Library(documents=[Document(title="Tea", categories=("cs.RO",), keywords=("tea",))]))
    assert (report.rows[0].by, report.rows[0].tuning) == ("unmeasured", Counts())
    assert report.macro(kept=False) == Macro(None, None, 0)


def test_labels_of_a_topic_that_is_not_here_are_counted_and_left_out():
    report = measure([TEA], [_label("A robot", relevant=True)], Library())
    assert report.strangers == 1 and report.rows[0].by == "unmeasured"


def test_empty_lines_between_labels_are_passed_over():
    assert [label.title for label in read_labels(f"\n{_line()}\n\n{_line(title='B')}\n")] == ["A robot", "B"]


def test_a_mark_at_the_files_beginning_and_rare_line_breaks_in_a_title_do_no_harm():
    line = _line(title="A\u2028robot").replace("\\u2028", "\u2028")
    assert [label.title for label in read_labels(f"\ufeff{line}\r\n{_line(title='B')}\r\n")] == ["A\u2028robot", "B"]


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        ("arxiv:2405.15738v2", "arxiv:2405.15738"),
        ("doi:10.1101/ABC.v2", "doi:10.1101/abc.v2"),
        ("arxiv:math/0309136v1", "arxiv:math/0309136"),
    ],
)
def test_an_id_is_read_as_sources_write_it(typed, known):
    assert read_labels(_line(id=typed))[0].id == known


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2: this is no JSON; write one object a line"),
        ("[" * 5000, "line 2: this is no JSON; write one object a line"),
        ("[]", "line 2: this is no JSON object"),
        (_line(relevant="yes"), "line 2: “relevant” must be true or false"),
        (_line(kept=None), "line 2: “kept” must be true or false"),
        (_line(title=7), "line 2: “title” must be a text in quotes"),
        (_line(title=" "), "line 2: a label names its topic and the paper's title"),
        (_line(topic=""), "line 2: a label names its topic and the paper's title"),
        (_line(id="2405.00001"), "line 2: “2405.00001” is no id; write arxiv:…, doi:… or nothing"),
        (_line(id="arxiv:"), "line 2: “arxiv:” is no id"),
        (_line(title="\ud800"), "line 2: half of a character"),
        (_line(title="a ROBOT", relevant=False), "line 2: “a ROBOT” has a label for robots already"),
    ],
)
def test_a_bad_line_is_named_with_its_remedy(line, said):
    with pytest.raises(BadLabels) as refused:
        read_labels(f"{_line()}\n{line}")
    assert str(refused.value).startswith(said) and refused.value.line == 2


def test_a_file_without_labels_is_refused():
    with pytest.raises(BadLabels, match="line 1: there is no label here"):
        read_labels("\n\n")
