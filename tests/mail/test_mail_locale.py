"""Strings, plurals, dates and lists by locale; English and German are complete."""

import re
from datetime import UTC, date, datetime

import pytest
from catalogue import LOCALE, mo, po, wanted
from mail_values import Read, card, copy
from markupsafe import escape

from newsletter.mail import digest, moment
from newsletter.mail._reasons import told
from newsletter.mail._templates import listing, long_day, plain_day, short_day, whole
from newsletter.mail.examples import examples
from newsletter.matching.score import Match, reason

DAY = date(2026, 3, 3)
LOCALES = sorted(folder.name for folder in LOCALE.iterdir() if folder.is_dir())
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")


def test_german_is_there():
    assert "de" in LOCALES


@pytest.mark.parametrize("locale", LOCALES)
def test_a_catalogue_holds_every_text_of_the_mails_and_no_other(locale):
    said = {key for key in po(locale) if key[1]}
    assert wanted() - said == set() and said - wanted() == set()


@pytest.mark.parametrize("locale", LOCALES)
def test_every_text_is_translated_with_the_same_places_for_values(locale):
    for (_, msgid, plural), texts in po(locale).items():
        assert len(texts) == (2 if plural else 1) and all(texts), msgid
        for text in texts if msgid else []:
            assert set(PLACEHOLDER.findall(text)) == set(PLACEHOLDER.findall(plural or msgid)), text


@pytest.mark.parametrize("locale", LOCALES)
def test_the_compiled_catalogue_is_that_of_the_source(locale):
    source = {(context, msgid): texts for (context, msgid, _), texts in po(locale).items()}
    assert mo(locale) == source, f"in newsletter/locale/{locale}/LC_MESSAGES: msgfmt -o django.mo django.po"


def test_days_are_written_as_each_locale_writes_them():
    assert [long_day(DAY, "en"), plain_day(DAY, "en"), short_day(DAY, "en")] == [
        "Tuesday, 3 March 2026",
        "3 March 2026",
        "3 Mar",
    ]
    assert [long_day(DAY, "de"), plain_day(DAY, "de"), short_day(DAY, "de", year=True)] == [
        "Dienstag, 3. März 2026",
        "3. März 2026",
        "3. März 2026",
    ]
    at = datetime(2026, 11, 22, 6, 41, tzinfo=UTC)
    assert moment(at, "en") == "22 November 2026, 06:41 UTC" and moment(at, "de") == "22. November 2026, 06:41 Uhr UTC"


def test_numbers_and_lists_are_written_as_each_locale_writes_them():
    assert [whole(1830, "en"), whole(1830, "de"), whole(1234567, "de"), whole(7, "de")] == ["1,830", "1.830", "1.234.567", "7"]
    assert listing(["a", "b", "c"], "en") == "a, b and c" and listing(["a", "b", "c"], "de") == "a, b und c"


@pytest.mark.parametrize(("papers", "said"), [(1, "1 paper for you"), (2, "2 papers for you")])
def test_english_counts_one_and_many(papers, said):
    assert said in digest(copy(papers)).text


@pytest.mark.parametrize(("votes", "said"), [(1, "1 Stimme"), (2, "2 Stimmen"), (1200, "1.200 Stimmen")])
def test_german_counts_one_and_many(votes, said):
    assert re.search(rf"· {said}$", digest(copy([card(upvotes=votes)], locale="de")).text, re.M)


@pytest.mark.parametrize(("papers", "said"), [(2, "+ 1 weiterer — "), (3, "+ 2 weitere — ")])
def test_a_german_subject_counts_one_and_many(papers, said):
    assert said in digest(copy(papers, locale="de")).subject


def test_a_german_digest_is_german_from_subject_to_footer():
    message = digest(copy(12, locale="de"))
    assert message.subject.endswith("+ 11 weitere — 22. Nov.") and len(message.subject) <= 60
    for part in (Read(message.html).text, re.sub(r"\s+", " ", message.text)):
        for said in (
            "Sonntag, 22. November 2026",
            "12 Artikel für Sie",
            "Adaeze Okafor, Lena Lindqvist, Mai Tanaka und 4 weitere",
            "Warum: passt zu „long context“ (Titel)",
            "Kurz gemeldet",
            "weil Sie „long context“ und „RLHF, with code“ gewählt haben. Bestätigt am 3. März 2026.",
            "Abmelden",
        ):
            assert said in part
    assert '<html lang="de"' in message.html


@pytest.mark.parametrize("name", examples("de"))
def test_no_english_sentence_is_left_in_a_german_mail(name):
    message = examples("de")[name].message()
    shown = re.sub(r"\s+", " ", f"{message.subject} {Read(message.html).text} {message.text}")
    english = {msgid for (_, msgid, _), texts in po("de").items() if " " in msgid and msgid not in texts}
    for msgid in english:
        bare = [piece.strip() for piece in PLACEHOLDER.split(msgid) if len(piece.split()) > 1]
        assert not [piece for piece in bare if piece in shown or str(escape(piece)) in message.html], msgid


def test_a_locale_without_a_catalogue_is_english_and_says_so():
    message = digest(copy(2, locale="tlh"))
    assert '<html lang="en"' in message.html and message == digest(copy(2))


def test_a_region_is_read_in_its_language():
    assert "2 Artikel für Sie" in digest(copy(2, locale="de-at")).text


MATCHES = (
    (Match(1.0, ("mixture of experts", "routing"), "title"), "passt zu „mixture of experts“, „routing“ (Titel)"),
    (Match(1.0, ("1200",), "upvotes"), "1.200 Stimmen"),
    (Match(1.0, ("1",), "stars"), "1 Stern"),
    (Match(1.0, ("Ada Lovelace",), "author"), "von Ada Lovelace"),
    (Match(1.0, ("Delta Works",), "org"), "aus Delta Works"),
    (Match(1.0, ("Hugging Face",), "source"), "gelistet von Hugging Face"),
    (Match(1.0, ("cs.CL",), "category"), "in cs.CL"),
    (Match(1.0, (), "code"), "mit Code"),
    (Match(1.0, (), "trending"), "gerade gefragt"),
    (Match(1.0, ("0",), "age"), "heute gelistet"),
    (Match(1.0, ("3",), "age"), "vor 3 Tagen gelistet"),
)


@pytest.mark.parametrize(("match", "german"), MATCHES)
def test_each_reason_that_matching_gives_is_said_in_german(match, german):
    english = reason(match)
    assert told(english, "en") == english and told(english, "de") == german
    assert told(reason(match, "A topic"), "de") == f"A topic: {german}"


def test_a_reason_of_another_form_stays_as_it_is():
    assert told("Because it rains", "de") == "Because it rains" and told("", "de") == ""
