"""Confirm, already, link, goodbye, alert."""

import re

import pytest
from jinja2 import UndefinedError
from mail_values import ADDRESS, SERVICE, Read, distinct, links_of_text, service_context

from newsletter.mail import service


@pytest.mark.parametrize("kind", SERVICE)
def test_every_kind_has_subject_text_and_html_with_the_same_links(kind):
    message = service(kind, service_context(kind))
    seen = Read(message.html)
    assert message.subject and "\n" not in message.subject
    assert sorted(distinct(seen.links)) == sorted(distinct(links_of_text(message.text)))
    assert len(seen.headings) == 1 and seen.headings[0] in re.sub(r"\s+", " ", message.text)
    assert ADDRESS in message.text and ADDRESS in seen.text
    assert {SERVICE[kind].get(name) for name in SERVICE[kind] if name.endswith("_url")} <= set(seen.links)


@pytest.mark.parametrize("kind", SERVICE)
def test_an_inbox_shows_the_first_sentence_after_the_subject(kind):
    message = service(kind, service_context(kind))
    hidden = re.search(r'<div class="pre"[^>]*>(.*?)</div>', message.html)[1].split("\u034f")[0]
    said = hidden.removesuffix("…")
    assert said and said in Read(message.html).text and not message.subject.startswith(said) and len(hidden) <= 120


@pytest.mark.parametrize("kind", SERVICE)
def test_links_stand_alone_on_their_lines_of_the_text_part(kind):
    for row in service(kind, service_context(kind)).text.split("\n"):
        assert "://" not in row or row.startswith("https://")


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, wants in SERVICE.items() for name in wants])
def test_a_missing_value_is_an_error_not_a_gap(kind, name):
    context = service_context(kind)
    del context[name]
    with pytest.raises(UndefinedError):
        service(kind, context)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="CONFIRM"):
        service("../digest", {})


def test_a_confirmation_shows_nothing_but_its_own_words():
    context = service_context("CONFIRM")
    assert service("CONFIRM", context | {"address": "BUY NOW", "query": "BUY NOW"}) == service("CONFIRM", context)


def test_hostile_alert_lines_are_shown_literally():
    message = service(
        "ALERT", service_context("ALERT") | {"lines": ["<script>x</script>\r\nBcc: a"], "subject_line": "<b>\r\nBcc: x"}
    )
    assert "script" not in Read(message.html).tags and "<script>x</script> Bcc: a" in Read(message.html).text
    assert message.subject == "<b> Bcc: x"


def test_two_readers_share_the_inlined_letter_and_not_the_link():
    first = service("CONFIRM", service_context("CONFIRM"))
    second = service("CONFIRM", service_context("CONFIRM") | {"confirm_url": "https://papers.example.org/confirm/other"})
    assert "/confirm/abc" in first.html and "/confirm/abc" not in second.html and "/confirm/other" in second.html
