"""Mails as an SMTP server took them from our own delivery: every example, and one of each kind written from rows."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from unittest.mock import patch

from delivery_rows import NOW, digests, edition, readers, service
from delivery_smtp import smtp_server
from django.contrib.auth.models import User
from django.db import transaction
from django.test import override_settings

from newsletter import delivery, links, mail, subscribers
from newsletter.delivery import alerts, copies
from newsletter.mail.examples import BASE_URL, examples
from newsletter.models import Candidate, Delivery, Issue, Kind, Paper, Source, Subscriber, SubscriberStatus
from newsletter.subscribers import Wish

LOCALES = ("en", "de")
LISTED = {Kind.DIGEST, Kind.TEST}


def captured(folder, *, dkim_key=""):
    """name -> the file that holds what arrived. Leaves no row behind."""
    with (
        smtp_server() as server,
        override_settings(
            PAPERROUND_DATA=folder,
            MAIL_URL=server.url,
            PUBLIC_URL=BASE_URL,
            MAIL_FROM="Paper Round <digest@papers.example.org>",
            SERVICE_FROM="Paper Round <service@papers.example.org>",
            REPLY_TO="desk@papers.example.org",
            DKIM_KEY=dkim_key,
            DKIM_SELECTOR="round1",
            DKIM_DOMAIN="papers.example.org",
        ),
        _rolled_back(),
    ):
        names = {**_send_written(), **_send_examples()}
    return {names[to]: _kept(folder / f"{names[to]}.eml", wire) for to, wire in server.mails}


def kind_of(name):
    """The Kind of a captured mail."""
    return name.partition(".")[0]


def html_of(file):
    """The HTML part in a file of its own, beside the mail; None where a mail has none."""
    part = message_from_bytes(file.read_bytes(), policy=default).get_body(("html",))
    return _kept(file.with_suffix(".html"), part.get_content().encode()) if part else None


@contextmanager
def _rolled_back():
    """As a TestCase does it, so that the durable commits of a claim may run inside."""
    outer = transaction.atomic()
    outer._from_testcase = True
    with outer:
        yield
        transaction.set_rollback(True)


def _kept(path, data):
    path.write_bytes(data)
    return path


def _send_examples():
    """Each example in place of what its row would say; the rest of delivery is the product's."""
    names, said = {}, {}
    for locale in LOCALES:
        for name, example in _mailed(locale):
            row = _row(Kind(example.kind))
            said[row.pk] = _content(example, row)
            names[copies.recipient(row)] = f"{example.kind}.{name}.{locale}"
    with patch.object(copies, "write", lambda rows, *, as_of, kept: {row.pk: said[row.pk] for row in rows}):
        report = delivery.send(now=NOW)
    assert report.sent == len(said), report
    return names


def _mailed(locale):
    """A copy that nobody can leave is a page for everybody to read, and never in a mail."""
    return [(name, one) for name, one in examples(locale).items() if getattr(one.says, "unsubscribe_url", True)]


def _row(kind):
    if kind == Kind.ALERT:
        return Delivery.objects.create(kind=kind, lane=0, due_at=NOW, created_at=NOW, to_address="desk@example.org")
    status = next(s for s in SubscriberStatus if not subscribers.refusal(kind, Subscriber(status=s), (), today_local=NOW.date()))
    (reader,) = readers(1, status=status)
    if kind in LISTED:
        return digests([reader], edition(1000 + reader.pk), upto=1000 + reader.pk, kind=kind)[0]
    return service(reader, kind)


def _content(example, row):
    """A digest as the press makes it: the reader's tokens and words put into a shared plate."""
    if not isinstance(example.says, mail.Digest):
        return example.message()
    says = replace(example.says, unsubscribe_url=links.absolute(links.leave_path(row.subscriber.leave_id)))
    urls = {name: getattr(says, f"{name}_url").rpartition("/") for name in ("view", "preferences", "unsubscribe", "tune")}
    shared = replace(says, **{f"{name}_url": start + slash for name, (start, slash, _) in urls.items()})
    tokens = {name: token for name, (_, _, token) in urls.items()}
    copy = mail.Copy(mail.plate(shared), mail.Personal(interests=says.interests, since_on=says.since_on, **tokens))
    assert copy.digest() == says
    return copy


def _send_written():
    """One mail of each kind as a reader causes it: the verbs of the rooms, real tokens."""
    wish = Wish(queries=("long context",))
    subscribers.subscribe(address="new@example.org", wish=wish, network="192.0.2.1", now=NOW)
    here, asks, leaves, reads, reads_text = readers(5)
    subscribers.subscribe(address=here.address, wish=wish, network="192.0.2.1", now=NOW)
    subscribers.send_preferences_link(asks.address, network="192.0.2.1", now=NOW)
    subscribers.unsubscribe(leaves.public_id, now=NOW)
    Subscriber.objects.filter(pk=reads_text.pk).update(text_only=True)
    digests([reads, reads_text], _edition())
    User.objects.create_superuser("mara", email="mara@example.org")
    Source.objects.create(
        slug="listing", name="arXiv cs.CL", kind="arxiv", outcome="BROKEN", outcome_reason="It answered 403 three times."
    )
    alerts.plan_alerts(now=NOW)
    kinds = {copies.recipient(row): f"{row.kind}.written" for row in Delivery.objects.select_related("subscriber")}
    report = delivery.send(now=NOW + timedelta(seconds=1))
    assert report.sent == len(kinds) == 7, report
    return kinds | {reads_text.address: "DIGEST.written-text-only"}


def _edition():
    """The papers of an example, as rows of one closed issue."""
    shown = edition(1)
    cards = [pick.card for pick in examples()["digest-5"].says.picks]
    papers = [Paper(title=card.title, abstract=card.abstract, listed_on=NOW.date(), seen_at=NOW) for card in cards]
    issue = Issue.objects.get(number=1)
    rows = Candidate.objects.bulk_create(Candidate(issue=issue, paper=paper) for paper in Paper.objects.bulk_create(papers))
    shown.picks = [[row.pk, row.paper_id, None, "trending"] for row in rows]
    shown.save()
    return shown
