"""Edition -> what a reader sees. The only maker: mail, web view, feeds and the desk's preview show the same picks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime

from django.conf import settings

from newsletter import links, mail
from newsletter.editions import window
from newsletter.models import Candidate, CardLength, Delivery, Edition, Interest, Issue, Kind, Paper, Subscriber


def write(delivery: Delivery, *, as_of: datetime) -> mail.Message | None:
    """The digest of one copy as claimed at as_of; None: every pick was hidden, nothing is left to send."""
    return write_many([delivery], as_of=as_of)[delivery.pk]


def write_many(deliveries: Sequence[Delivery], *, as_of: datetime) -> dict[int, mail.Message | None]:
    """Delivery id -> Message or None, in a constant number of queries however many copies."""
    desk = _Desk(deliveries)
    result: dict[int, mail.Message | None] = {}
    for delivery in deliveries:
        digest = desk.digest(delivery, as_of)
        result[delivery.pk] = mail.digest(digest) if digest else None
    return result


def digest_of(delivery: Delivery, *, as_of: datetime) -> mail.Digest | None:
    """The copy as a value: for the web view, explain and tests."""
    return _Desk([delivery]).digest(delivery, as_of)


def web_copy(edition: Edition, *, as_of: datetime) -> mail.Digest:
    """The token-free copy for a friend: same picks, order and reasons, no personal link."""
    desk = _Desk([Delivery(edition=edition, edition_id=edition.pk)])
    picks = desk.picks(edition.picks, as_of)
    numbers = desk.numbers_of(edition.picks)
    return digest_value(picks, numbers=numbers, slot_on=edition.created_at.date(), webcopy_url=_edition_url(edition))


def card(paper: Paper, candidate: Candidate | None = None) -> mail.Card:
    """A paper as readers see it: the curator's summary before the source's; frozen signals where there are any."""
    signals = candidate or paper
    edited = candidate.summary_edit if candidate else ""
    return mail.Card(
        ref=paper.public_id,
        title=paper.title,
        url=paper.url,
        pdf_url=paper.pdf_url,
        code_url=paper.code_url,
        authors=tuple(paper.authors),
        authors_total=paper.authors_total,
        categories=tuple(paper.categories),
        organizations=tuple(paper.organizations),
        published_on=paper.published_on,
        has_code=signals.has_code,
        upvotes=signals.upvotes,
        stars=signals.stars,
        abstract=paper.abstract,
        summary=edited or paper.summary,
        summary_by=settings.NEWSLETTER_NAME if edited else paper.summary_by,
        pinned=bool(candidate and candidate.pin != "NONE"),
        is_sample=paper.is_sample,
        page_url=links.absolute(f"/papers/{paper.public_id}"),
    )


class _Desk:
    """The rows behind a batch of copies, loaded once."""

    def __init__(self, deliveries: Sequence[Delivery]) -> None:
        editions = {d.edition_id for d in deliveries if d.edition_id}
        self.editions = Edition.objects.in_bulk(editions)
        picks = [pick for edition in self.editions.values() for pick in edition.picks]
        self.papers = Paper.objects.in_bulk({pick[1] for pick in picks})
        self.candidates = Candidate.objects.select_related("issue").in_bulk({pick[0] for pick in picks})
        readers = {d.subscriber_id for d in deliveries if d.subscriber_id}
        self.readers = Subscriber.objects.prefetch_related("interests").in_bulk(readers)
        low = min((d.after for d in deliveries if d.after is not None), default=0)
        high = max((d.upto for d in deliveries if d.upto is not None), default=-1)
        noted = Issue.objects.filter(number__gt=low, number__lte=high).order_by("number")
        self.notes: Mapping[int, str] = dict(noted.values_list("number", "note"))
        self.cards: dict[int, mail.Card] = {}

    def digest(self, delivery: Delivery, as_of: datetime) -> mail.Digest | None:
        edition = self.editions[delivery.edition_id or 0]
        picks = self.picks(edition.picks, as_of)
        if edition.picks and not picks:
            return None
        reader = self.readers.get(delivery.subscriber_id or 0)
        window_numbers = range((delivery.after or 0) + 1, (delivery.upto or 0) + 1)
        return digest_value(
            picks,
            numbers=tuple(number for number in window_numbers if number in self.notes),
            slot_on=delivery.slot_on or as_of.date(),
            notes=tuple(self.notes[number] for number in window_numbers if self.notes.get(number)),
            more=int(delivery.params.get("more", 0)),
            reader=reader,
            now=as_of,
            view_ref=delivery.public_id,
            webcopy_url=_edition_url(edition),
            test=delivery.kind == Kind.TEST,
        )

    def picks(self, rows: Sequence[Sequence[object]], as_of: datetime) -> tuple[mail.Pick, ...]:
        shown = []
        for candidate_id, paper_id, _, reason in rows:
            candidate, paper = self.candidates.get(candidate_id), self.papers.get(paper_id)  # type: ignore[call-overload]
            if candidate is None or paper is None or _gone(candidate, paper, as_of):
                continue
            if candidate.pk not in self.cards:
                self.cards[candidate.pk] = card(paper, candidate)
            shown.append(mail.Pick(card=self.cards[candidate.pk], reason=str(reason)))
        return tuple(shown)

    def numbers_of(self, rows: Sequence[Sequence[object]]) -> tuple[int, ...]:
        return tuple(sorted({self.candidates[row[0]].issue.number for row in rows if row[0] in self.candidates}))  # type: ignore[index]


def _gone(candidate: Candidate, paper: Paper, as_of: datetime) -> bool:
    hidden = candidate.hidden_at is not None and candidate.hidden_at <= as_of
    return hidden or (paper.withdrawn_at is not None and paper.withdrawn_at <= as_of)


def _edition_url(edition: Edition) -> str:
    return links.absolute(f"/editions/{edition.public_id}")


def digest_value(
    picks: tuple[mail.Pick, ...],
    *,
    numbers: tuple[int, ...],
    slot_on: date,
    notes: tuple[str, ...] = (),
    more: int = 0,
    reader: Subscriber | None = None,
    now: datetime | None = None,
    view_ref: str = "",
    webcopy_url: str = "",
    test: bool = False,
) -> mail.Digest:
    """One place where a digest is put together; without a reader it holds no personal link."""
    ref = reader.public_id if reader else ""
    preferences = links.token(links.Purpose.PREFERENCES, ref, now=now) if reader else ""
    view = links.token(links.Purpose.VIEW, view_ref, now=now) if reader and view_ref else ""
    return mail.Digest(
        newsletter=settings.NEWSLETTER_NAME,
        numbers=numbers,
        slot_on=slot_on,
        picks=picks,
        notes=notes,
        more=more,
        more_url=links.absolute("/today"),
        card_length=reader.card_length if reader else CardLength.SUMMARY.value,
        locale=reader.locale if reader else "en",
        since_on=reader.confirmed_at.date() if reader and reader.confirmed_at else None,
        interests=_names(reader),
        home_url=links.absolute("/"),
        webcopy_url=webcopy_url,
        view_url=links.absolute(f"/view/{view}") if view else "",
        preferences_url=links.absolute(f"/preferences/{preferences}") if reader else "",
        unsubscribe_url=links.absolute(f"/unsubscribe/{links.token(links.Purpose.UNSUBSCRIBE, ref)}") if reader else "",
        postal_address=settings.POSTAL_ADDRESS,
        is_sample=any(pick.card.is_sample for pick in picks),
        test=test,
    )


def _names(reader: Subscriber | None) -> tuple[str, ...]:
    if reader is None:
        return ()
    return tuple(name_of(interest) for interest in reader.interests.all()) or ("trending papers",)


def name_of(interest: Interest) -> str:
    """The topic's name, else the query in plain words."""
    return interest.name or window.query_of(interest.query).words()
