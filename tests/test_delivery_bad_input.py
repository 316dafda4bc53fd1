"""What cannot be written is refused with its reason, what is hostile is shown literally, and the rest goes out."""

import re
import shutil
from datetime import timedelta
from email import message_from_bytes
from email.policy import default as policy

import pytest
from delivery_rows import NOW, digests, edition, readers, service
from django.contrib.auth.models import User
from django.test import Client

from newsletter import delivery, subscribers
from newsletter.mail import _templates
from newsletter.models import Delivery, DeliveryState, Issue, Kind, Paper, SubscriberStatus, Suppression

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def outbox(settings, tmp_path):
    settings.PAPERROUND_DATA = tmp_path
    settings.MAIL_URL = "file:"
    return tmp_path / "outbox"


@pytest.fixture
def templates(monkeypatch, tmp_path):
    """A copy of the templates that a test may break."""
    folder = tmp_path / "email"
    shutil.copytree(_templates._TEMPLATES, folder)
    monkeypatch.setattr(_templates, "_TEMPLATES", folder)
    _forget()
    yield folder
    _forget()


def _forget():
    _templates.html.cache_clear()
    _templates.text.cache_clear()


def _sent(outbox):
    return [message_from_bytes(path.read_bytes(), policy=policy) for path in sorted(outbox.glob("*.eml"))]


def _said(row):
    row.refresh_from_db()
    return row.state, row.reason


def test_a_template_with_an_undefined_name_is_refused_with_that_name_and_other_kinds_go_on(templates, outbox):
    (templates / "link" / "body.txt").write_text("{{ preferences_adress }}")
    [reader] = readers(1)
    broken, whole = service(reader, Kind.LINK), service(reader, Kind.ALREADY)
    [copy] = digests(readers(1), edition())
    assert delivery.send(now=NOW).sent == 2
    assert _said(broken) == (DeliveryState.PENDING, "WRITE UndefinedError: 'preferences_adress' is undefined")
    assert _said(whole)[0] == _said(copy)[0] == DeliveryState.SENT


def test_a_card_that_cannot_be_rendered_stops_its_own_edition_alone(templates, outbox):
    card = templates / "digest" / "card.html"
    card.write_text('{% if "issue 1" in card.title %}{{ card.tilte }}{% endif %}' + card.read_text())
    [first] = digests(readers(1), edition(1))
    [second] = digests(readers(1), edition(2), upto=2)
    assert delivery.send(now=NOW).sent == 1
    assert _said(first) == (
        DeliveryState.PENDING,
        "WRITE UndefinedError: 'newsletter.mail._card.CardView object' has no attribute 'tilte'",
    )
    assert _said(second)[0] == DeliveryState.SENT
    assert "A paper of issue 2" in _sent(outbox)[0].get_body(("plain",)).get_content()


def test_what_cannot_be_written_fails_in_the_end_and_the_desk_says_why(templates):
    (templates / "link" / "body.html").write_text("{% if %}")
    row = service(readers(1)[0], Kind.LINK, attempts=4)
    delivery.send(now=NOW)
    state, reason = _said(row)
    assert state == DeliveryState.FAILED and reason.startswith("WRITE TemplateSyntaxError: ")
    staff = Client()
    staff.force_login(User.objects.create_superuser("ada", password="x"))
    for page in ("/desk/newsletter/delivery/", f"/desk/newsletter/delivery/{row.pk}/change/"):
        assert "WRITE TemplateSyntaxError" in staff.get(page).content.decode()


NASTY = {
    "line break": ("Folding\r\nBcc: x@example.org", "Folding Bcc: x@example.org"),
    "markup": ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    "override": ("Safe \u202egnp.exe", "Safe gnp.exe"),
    "isolate": ("Safe \u2067gnp.exe", "Safe gnp.exe"),
    "zero width": ("In\u200bvis\ufeffible", "Invisible"),
    "template": ("{{ 7*7 }} {% raw %}", "{{ 7*7 }} {% raw %}"),
}


@pytest.mark.parametrize("name", NASTY)
def test_a_hostile_title_is_shown_literally_and_goes_out(name, outbox):
    typed, shown = NASTY[name]
    copies = edition()
    Paper.objects.update(title=typed)
    digests(readers(1), copies)
    assert delivery.send(now=NOW).sent == 1
    [message] = _sent(outbox)
    text = message.get_body(("plain",)).get_content()
    html = message.get_body(("html",)).get_content()
    assert message["Subject"].startswith(shown) and message["Bcc"] is None
    assert shown in re.sub(r"\s+", " ", text)
    assert "<script" not in html and not re.search("[\u202e\u2067\u200b\ufeff]", message["Subject"] + text + html)


def test_a_ten_megabyte_abstract_goes_out_short(outbox):
    copies = edition()
    Paper.objects.update(abstract="word " * 2_000_000, summary="")
    digests(readers(1, card_length="ABSTRACT"), copies)
    assert delivery.send(now=NOW).sent == 1
    assert len(next(outbox.glob("*.eml")).read_bytes()) < 60_000


@pytest.mark.parametrize("note", ["**bold [link](", "<script>x</script>", "> " * 5000 + "deep", "[" * 20_000, "a\n\n" * 200_000])
def test_a_broken_note_is_shown_as_typed_and_bounded(note, outbox):
    copies = edition()
    Issue.objects.update(note=note)
    digests(readers(1), copies)
    assert delivery.send(now=NOW).sent == 1
    [message] = _sent(outbox)
    html = message.get_body(("html",)).get_content()
    assert len(html.encode()) < 100_000 and "<script" not in html and "A paper of issue 1" in html
    if len(note) < 100:
        assert note in re.sub(r"\s+", " ", message.get_body(("plain",)).get_content())


def test_a_move_is_stopped_by_what_is_known_of_the_address_it_goes_to(outbox):
    [reader] = readers(1)
    barred, free = "barred@example.net", "free@example.net"
    Suppression.objects.create(address_key=subscribers.address_key(barred), reason="NEVER", created_at=NOW - timedelta(days=1))
    Suppression.objects.create(address_key=reader.address_key, reason="HARD_BOUNCE", created_at=NOW - timedelta(days=1))
    stopped = [service(reader, kind, to_address=barred) for kind in (Kind.MOVE_NEW, Kind.MOVE_OLD)]
    sent = [service(reader, kind, to_address=free) for kind in (Kind.MOVE_NEW, Kind.MOVE_OLD)]
    assert delivery.send(now=NOW).sent == 2
    assert {_said(row) for row in stopped} == {(DeliveryState.CANCELLED, "asked never to be mailed")}
    assert {_said(row)[0] for row in sent} == {DeliveryState.SENT}
    assert {message["To"] for message in _sent(outbox)} == {free}


def test_who_left_may_still_fetch_erase_and_learn_of_a_move_but_not_move(outbox):
    [reader] = readers(1, status=SubscriberStatus.LEFT)
    rows = [service(reader, kind) for kind in (Kind.EXPORT, Kind.ERASE, Kind.MOVE_NEW, Kind.MOVE_OLD)]
    delivery.send(now=NOW)
    assert [_said(row)[0] for row in rows] == ["SENT", "SENT", "CANCELLED", "SENT"]
    assert not Delivery.objects.exclude(to_address="").exists()
