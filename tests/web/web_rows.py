"""Rows and tools for the tests of the reader's door."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import count

from django.apps import apps

from newsletter import links, search, subscribers
from newsletter.models import (
    Candidate,
    Delivery,
    Edition,
    Interest,
    Issue,
    IssueState,
    Kind,
    Lane,
    Move,
    Paper,
    Source,
    Subscriber,
    SubscriberStatus,
)
from newsletter.web import sitemap

HOSTILE = '<script>alert(1)</script> & "World Models" \u202e'
_names = count(1)


def now() -> datetime:
    return datetime.now(UTC)


def issue(number: int = 1, *, days_ago: int = 1, state: str = IssueState.CLOSED, note: str = "") -> Issue:
    """A closed issue of so many days ago, or an open one."""
    at = now() - timedelta(days=days_ago)
    closed = {} if state == IssueState.OPEN else {"closed_at": at, "closed_on": at.date()}
    return Issue.objects.create(number=number, state=state, opened_at=at - timedelta(days=1), note=note, **closed)


def papers(
    chosen: Issue, number: int, *, title: str = "A robot that learns", trend: float = 9.0, **fields: object
) -> list[Paper]:
    """So many papers on offer in that issue, each trending."""
    on = chosen.closed_on or now().date()
    values = {"abstract": "We show that robots learn.", "authors": ["Ada L."], "authors_total": 4, "categories": ["cs.RO"],
              "listed_on": on, "seen_at": now(), "upvotes": 12, "url": "https://arxiv.org/abs/2601.00001", **fields}  # fmt: skip
    rows = [Paper(title=f"{title} {next(_names)}", **values) for _ in range(number)]
    Paper.objects.bulk_create(rows)
    Candidate.objects.bulk_create([Candidate(issue=chosen, paper=row, upvotes=row.upvotes, trend=trend) for row in rows])
    return rows


def topic(slug: str = "robotics", query: str = "robot", group: str = "Machines") -> Interest:
    return Interest.objects.create(slug=slug, name=slug.title(), line="Robots that learn.", query=query, group=group)


def reader(address: str = "", **fields: object) -> Subscriber:
    """An active reader, unless told otherwise."""
    address = address or f"reader{next(_names)}@example.org"
    values = {"status": SubscriberStatus.ACTIVE, "created_at": now(), "confirmed_at": now(),
              "next_slot_at": now() + timedelta(days=1), **fields}  # fmt: skip
    return Subscriber.objects.create(address=address, address_key=subscribers.address_key(address), **values)


def asked(address: str) -> str:
    """The path of the confirmation page of someone who has just signed up."""
    subscribers.subscribe(address=address, wish=subscribers.Wish(), network="192.0.2.1", now=now())
    delivery = Delivery.objects.filter(kind=Kind.CONFIRM, subscriber__address=address).latest("id")
    return f"/confirm/{links.confirm_token(delivery.public_id)}"


def signed(name: str, ref: str, *, at: datetime | None = None) -> str:
    return f"/{name}/{links.token(links.Purpose(name), ref, now=at or now())}"


def copy_of(who: Subscriber, shown: list[Candidate]) -> Delivery:
    """A digest that was sent to that reader, with its edition."""
    picks = [[row.pk, row.paper_id, None, "matches “robot” (title)"] for row in shown]
    edition = Edition.objects.create(key=f"{next(_names):064d}", picks=picks, created_at=now())
    return Delivery.objects.create(
        subscriber=who, kind=Kind.DIGEST, lane=Lane.DIGEST, edition=edition, slot_on=now().date(), due_at=now(), after=0,
        upto=shown[0].issue.number, state="SENT", as_of=now(), created_at=now(),
    )  # fmt: skip


def whole() -> dict[str, str]:
    """A little world with a row of everything; the addresses of every page in it, by name."""
    source = Source.objects.create(slug="daily", name="Daily", kind="huggingface")
    closed, gathering = issue(1, days_ago=1, note="Look at *this*."), issue(2, days_ago=0, state=IssueState.OPEN)
    found = papers(closed, 3, organizations=["Moss Lab"])[0]
    papers(gathering, 2)
    found.sightings.create(source=source, seen_at=now(), listed_on=found.listed_on, rank=1, upvotes=12)
    topic()
    search.index_changed()
    who = reader("known@example.org")
    copy = copy_of(who, list(Candidate.objects.filter(issue=closed).select_related("issue")))
    assert copy.edition is not None
    return {
        "home": "/", "home_filled": "/?q=robot&topic=robotics", "preview": "/preview?q=robot", "today": "/today",
        "archive": "/archive/", "day": f"/archive/{closed.closed_on}",
        "week": f"/archive/{closed.closed_on:%G-W%V}", "month": f"/archive/{closed.closed_on:%Y-%m}",
        "day_bib": f"/archive/{closed.closed_on}.bib", "day_ris": f"/archive/{closed.closed_on}.ris",
        "trending": "/trending", "trending_month": "/trending?window=month", "author": "/authors/ada-l", "lab": "/labs/moss-lab",
        "paper_bib": f"/papers/{found.public_id}.bib", "paper_ris": f"/papers/{found.public_id}.ris", "suggest": "/suggest",
        "sitemap": "/sitemap.xml", "sitemap_pages": "/sitemaps/pages.xml",
        "sitemap_papers": f"/sitemaps/papers-{found.pk // sitemap.PAPERS}.xml",
        "preview_day": f"/preview?day={closed.closed_on}", "topics": "/topics/", "topic": "/topics/robotics",
        "paper": f"/papers/{found.public_id}", "search": "/search", "found": "/search?q=robot", "privacy": "/privacy",
        "rss": "/feeds/today.rss", "atom": "/feeds/today.atom", "json": "/feeds/today.json",
        "topic_rss": "/feeds/topics/robotics.rss", "robots": "/robots.txt", "security": "/.well-known/security.txt",
        "favicon": "/favicon.ico", "livez": "/livez", "outbox": "/outbox/", "confirm": asked("new@example.org"),
        "preferences": signed("preferences", who.public_id), "unsubscribe": f"/u/{who.leave_id}",
        "never": signed("never", who.public_id), "view": signed("view", copy.public_id),
        "ask": "/preferences", "own_preview": signed("preferences", who.public_id) + "/preview",
        "ask_move": signed("preferences", who.public_id) + "/move", "bib": signed("preferences", who.public_id) + "/saved.bib",
        "ris": signed("preferences", who.public_id) + "/saved.ris", "drop": signed("preferences", who.public_id) + f"/saved/{found.public_id}",
        "mail_export": signed("preferences", who.public_id) + "/export", "mail_erase": signed("preferences", who.public_id) + "/erase",
        "leave_erase": f"/u/{who.leave_id}/erase", "tune": f"{signed('tune', copy.public_id)}/{found.public_id}",
        "export": signed("export", who.public_id), "erase": signed("erase", who.public_id), **moving(who),
        "embed": "/embed?q=robot", "search_rss": "/feeds/search.rss?q=robot", "search_json": "/feeds/search.json?q=robot",
        "own_atom": f"/feeds/own/{subscribers.renew_feed(who.public_id, now=now())}.atom",
        "api_papers": "/api/v1/papers", "api_search": "/api/v1/search?q=robot", "api_preview": "/api/v1/preview?q=robot",
        "api_issue": "/api/v1/issues/1", "api_topic": "/api/v1/topics/robotics", "openapi": "/api/v1/openapi.json",
        "edition": f"/editions/{copy.edition.public_id}", "edition_rss": f"/editions/{copy.edition.public_id}.rss",
    }  # fmt: skip


def moving(who: Subscriber) -> dict[str, str]:
    """The pages of a change of address that waits, of one that was made, and of a goodbye; all of readers of their own."""
    subscribers.ask_move(who, f"next{next(_names)}@example.net", now=now())
    moved, gone = reader(), reader()
    subscribers.ask_move(moved, f"next{next(_names)}@example.net", now=now())
    done = subscribers.move(Move.objects.get(subscriber=moved).ask_ref, now=now())
    subscribers.unsubscribe(gone.public_id, now=now())
    goodbye = Delivery.objects.get(subscriber=gone, kind=Kind.GOODBYE)
    return {
        "move": signed("move", Move.objects.get(subscriber=who).ask_ref),
        "undo": signed("undo", done.undo_ref),
        "return": signed("return", goodbye.public_id),
    }


def counts() -> dict[str, str]:
    """Every row of every table, as one text a table: a page that changes anything changes this."""
    return {model._meta.label: repr(sorted(map(repr, model.objects.values_list()))) for model in apps.get_models()}


class Links(HTMLParser):
    """What a page fetches by itself, where its links and forms lead, and its inline code."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.followed: list[str] = []
        self.inline: list[str] = []
        self.ids: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        data = values.get("type") == "application/ld+json"  # a data block: no browser runs it
        self.inline += [f"{tag} {name}" for name in values if name == "style" or name.startswith("on")]
        self.inline += [tag] if tag == "style" or (tag == "script" and "src" not in values and not data) else []
        self.ids += [values["id"]] if "id" in values else []
        self.fetched += [values["src"]] if "src" in values else []
        if tag == "link" and values.get("rel") in {"stylesheet", "icon", "preload", "manifest"}:
            self.fetched.append(values["href"])
        elif tag in {"a", "link"} and "href" in values:
            self.followed.append(values["href"])

    def own(self) -> Iterator[str]:
        return (href for href in self.followed if href.startswith("/"))
