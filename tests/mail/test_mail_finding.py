"""The sentences picked from an abstract, judged by labels that were written before any pick was seen."""

import pytest
from findings import acceptable, labelled, pieces, samples

from newsletter.mail._finding import finding
from newsletter.mail._words import count

DEMANDED = 0.80  # of the picks on the third that is kept apart
needed = pytest.mark.skipif(samples() is None, reason="PAPERROUND_SAMPLES names no folder of recorded answers")


@pytest.fixture(scope="module")
def labels():
    return labelled(samples())


def _share(labels, pick):
    return sum(acceptable(pick(label.abstract), label) for label in labels) / len(labels)


@needed
def test_there_are_a_hundred_labels_and_a_third_is_kept_apart(labels):
    assert len({label.id for label in labels}) == 100
    assert 30 <= sum(label.kept for label in labels) <= 37


@needed
def test_four_picks_in_five_tell_the_finding_on_the_third_that_was_kept_apart(labels):
    assert _share([label for label in labels if label.kept], finding) >= DEMANDED


@needed
def test_the_judge_refuses_what_any_picker_without_a_rule_would_pick(labels):
    for pick in (lambda text: pieces(text)[0], lambda text: pieces(text)[-1], lambda text: " ".join(pieces(text)[:2])):
        assert _share(labels, pick) < 0.6


@needed
def test_the_judge_takes_each_acceptable_sentence_alone_and_none_that_is_not(labels):
    for label in labels:
        for number, sentence in enumerate(pieces(label.abstract)):
            assert acceptable(sentence, label) == (number in label.acceptable), (label.id, number)


@needed
def test_a_pick_of_a_recorded_abstract_is_its_own_words_in_its_own_order(labels):
    for label in labels:
        words, text = " ".join(label.abstract.split()), finding(label.abstract)
        assert 0 < count(text) <= 40
        for part in text.removesuffix("…").split(". "):
            assert part in words, label.id
            words = words[words.index(part) + len(part) :]


MADE = "We present Osier, a parser of tables that learns from ten examples."
FOUND = "Osier reads 93.5% of the cells of 2,000 scanned tables, 12 points more than the best parser before it."


@pytest.mark.parametrize(
    ("abstract", "picked"),
    [
        (f"Tables are everywhere. {MADE} {FOUND} Code is available at https://a.example/osier.", f"{MADE} {FOUND}"),
        (f"{FOUND} This opens new avenues for future work.", FOUND),
        (f"Can tables be read? {MADE}", MADE),
        (f"{MADE} Our code and data are publicly available.", MADE),
        (
            "BACKGROUND: Sleep is short. METHODS: We asked 90 nurses. RESULTS: Naps reduced errors by 30%.",
            "RESULTS: Naps reduced errors by 30%.",
        ),
        (
            "We study how moss lives on roofs. We report two findings. First, moss lives through nine dry years. Second, it is blue.",
            "First, moss lives through nine dry years.",
        ),
        (
            "Roofs are dry. It grows 30% faster in rain than in sun. Roofs are high. We show that moss lives through dry years.",
            "We show that moss lives through dry years.",
        ),
    ],
    ids=[
        "made and found",
        "no outlook",
        "no question",
        "no address",
        "under its heading",
        "parts of a list",
        "no lost beginning",
    ],
)
def test_the_pick_is_the_finding(abstract, picked):
    assert finding(abstract) == picked


def test_a_finding_longer_than_there_is_room_for_is_cut_after_a_clause():
    long = (
        "Recent pumps leak. We find that the pump runs 1,400 hours on one charge, that it does so at −20 °C, "
        "and that none of the forty that we built for the trial in the north and in the south of the country and on the two "
        "ships of the survey had to be opened before its third year."
    )
    assert finding(long) == "We find that the pump runs 1,400 hours on one charge, that it does so at −20 °C…"


@pytest.mark.parametrize(
    ("abstract", "picked"),
    [
        (
            "本文提出一种新的方法。实验表明准确率达到95.3%。代码已公开。",
            "本文提出一种新的方法。实验表明准确率达到95.3%。",
        ),
        (
            "Мы предлагаем новый метод. Точность равна 95,3 %. Код открыт.",
            "Мы предлагаем новый метод. Точность равна 95,3 %.",
        ),
        ("نقترح طريقة جديدة. هل تعمل؟ نعم، بدقة 95٪.", "نقترح طريقة جديدة. هل تعمل؟"),
        ("हम एक नई विधि देते हैं। यह 95% सही है। कोड खुला है।", "हम एक नई विधि देते हैं। यह 95% सही है।"),
        ("Wir zeigen ein Verfahren. Es irrt selten. Der Code ist offen.", "Wir zeigen ein Verfahren. Es irrt selten."),
    ],
    ids=["Chinese", "Russian", "Arabic", "Hindi", "German"],
)
def test_of_an_abstract_in_another_language_the_first_two_sentences_are_shown(abstract, picked):
    assert finding(abstract) == picked


def test_nothing_comes_of_nothing():
    assert finding("") == finding("   ") == ""
