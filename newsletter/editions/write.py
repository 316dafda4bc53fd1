"""Edition -> what a reader sees. The only maker: mail, web view, feeds and the desk's preview show the same picks."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from datetime import date, datetime

from django.conf import settings

from newsletter import links, mail
from newsletter.editions import window
from newsletter.editions.kept import Kept, interests_of
from newsletter.models import Candidate, CardLength, Delivery, Edition, Kind, Paper, Subscriber

ISSUES_TAKEN_FOR_GRANTED = 2  # a copy over more of them that have papers says since when


def write(delivery: Delivery, *, as_of: datetime) -> mail.Message | None:
    """The digest of one copy as claimed at as_of; None: every pick was hidden, nothing is left to send."""
    return write_many([delivery], as_of=as_of)[delivery.pk]


def write_many(deliveries: Sequence[Delivery], *, as_of: datetime) -> dict[int, mail.Message | None]:
    """Delivery id -> Message or None, in a constant number of queries however many copies."""
    copies = copies_of(deliveries, as_of=as_of)
    return {pk: mail.digest(copy.digest()) if copy else None for pk, copy in copies.items()}


def copies_of(deliveries: Sequence[Delivery], *, as_of: datetime, kept: Kept | None = None) -> dict[int, mail.Copy | None]:
    """Delivery id -> the copy as a value, or None where every pick was hidden; in a constant number of queries.

    Copies that differ in their reader's own words and tokens alone share one plate, so that pressing them costs little.
    kept: what earlier batches of the same run read, for the next ones.
    """
    desk = _Desk(deliveries, as_of, kept)
    return {delivery.pk: desk.copy(delivery) for delivery in deliveries}


def digest_of(delivery: Delivery, *, as_of: datetime) -> mail.Digest | None:
    """The copy as a value: for the web view, explain and tests."""
    copy = _Desk([delivery], as_of).copy(delivery)
    return copy.digest() if copy else None


def write_again(delivery: Delivery, *, now: datetime) -> mail.Message | None:
    """A copy as it was mailed; of a paper that was hidden or withdrawn since, its title alone, which says so.

    Whoever may read a copy may not change what its reader gets: for the preferences, the way out mails a link.
    """
    desk = _Desk([delivery], delivery.as_of or now)
    copy = desk.copy(delivery)
    if copy is None:
        return None
    gone = desk.gone(desk.editions[delivery.edition_id or 0].picks, now)
    digest = copy.digest()
    picks = [replace(pick, card=_title_of(pick.card)) if pick.card.ref in gone else pick for pick in digest.picks]
    safe = digest.unsubscribe_url and f"{digest.unsubscribe_url}/preferences"
    return mail.digest(replace(digest, picks=tuple(picks), preferences_url=safe, tune_url="", view_url=""))


def _title_of(card: mail.Card) -> mail.Card:
    return mail.Card(ref=card.ref, title=card.title, page_url=card.page_url, is_sample=card.is_sample, withdrawn=True)


def web_copy(edition: Edition, *, as_of: datetime) -> mail.Digest:
    """The token-free copy for a friend: same picks, order and reasons, no personal link."""
    desk = _Desk([Delivery(edition=edition, edition_id=edition.pk)], as_of)
    picks = desk.picks(edition.picks)
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
    """The rows behind a batch of copies, all claimed at as_of."""

    def __init__(self, deliveries: Sequence[Delivery], as_of: datetime, kept: Kept | None = None) -> None:
        self.as_of = as_of
        kept = kept or Kept()
        kept.fetch(deliveries, as_of=as_of)
        self.editions, self.papers, self.candidates = kept.editions, kept.papers, kept.candidates
        self.unseen = kept.gone(as_of=as_of)
        self.readers = _readers_of(deliveries)
        self.interests = interests_of(self.readers) if self.readers else {}
        low = min((d.after for d in deliveries if d.after is not None), default=0)
        high = max((d.upto for d in deliveries if d.upto is not None), default=-1)
        window = kept.window(low, high)
        self.notes, self.days = window.notes, window.days
        self.cards = kept.cards
        self.plates: dict[Hashable, mail.Plate | None] = {}

    def copy(self, delivery: Delivery) -> mail.Copy | None:
        reader = self.readers.get(delivery.subscriber_id or 0)
        own = _own(reader, self.names(reader), delivery.public_id, self.as_of)
        shape = (delivery.edition_id, delivery.after, delivery.upto, delivery.slot_on, delivery.kind, _more(delivery))
        key = (*shape, reader and (reader.locale, reader.card_length), bool(own.interests), bool(own.since_on))
        if key not in self.plates:
            self.plates[key] = self.plate(delivery, reader)
        plate = self.plates[key]
        return mail.Copy(plate, own) if plate else None

    def names(self, reader: Subscriber | None) -> tuple[str, ...]:
        """Of the reader's interests: a topic's name, else the query in plain words."""
        wanted = self.interests.get(reader.pk, ()) if reader else ()
        return tuple(name or window.query_of(query).words() for name, query in wanted)

    def plate(self, delivery: Delivery, reader: Subscriber | None) -> mail.Plate | None:
        edition = self.editions[delivery.edition_id or 0]
        picks = self.picks(edition.picks)
        if edition.picks and not picks:
            return None
        mark = delivery.after
        looks_back = mark is not None and all(
            self.candidates[row[0]].issue.number <= mark for row in edition.picks if row[0] in self.candidates
        )
        window_numbers = range((delivery.after or 0) + 1, (delivery.upto or 0) + 1)
        shared = digest_value(
            picks,
            numbers=tuple(number for number in window_numbers if number in self.notes),
            slot_on=delivery.slot_on or self.as_of.date(),
            notes=tuple(self.notes[number] for number in window_numbers if self.notes.get(number)),
            more=_more(delivery),
            back_to=self.back_to(window_numbers),
            best_of_week=bool(picks) and looks_back,
            reader=reader,
            interested=bool(reader and reader.pk in self.interests),
            webcopy_url=_edition_url(edition),
            test=delivery.kind == Kind.TEST,
        )
        return mail.plate(shared)

    def back_to(self, numbers: range) -> date | None:
        days = [self.days[number] for number in numbers if number in self.days]
        return days[0] if len(days) > ISSUES_TAKEN_FOR_GRANTED else None

    def picks(self, rows: Sequence[Sequence[object]]) -> tuple[mail.Pick, ...]:
        shown = []
        for candidate_id, paper_id, _, reason in rows:
            candidate, paper = self.candidates.get(candidate_id), self.papers.get(paper_id)  # type: ignore[call-overload]
            if candidate is None or paper is None or candidate.pk in self.unseen:
                continue
            if candidate.pk not in self.cards:
                self.cards[candidate.pk] = card(paper, candidate)
            shown.append(mail.Pick(card=self.cards[candidate.pk], reason=str(reason)))
        return tuple(shown)

    def gone(self, rows: Sequence[Sequence[object]], now: datetime) -> set[str]:
        """The public ids of the picks that nobody sees any more."""
        found = [(self.candidates.get(row[0]), self.papers.get(row[1])) for row in rows]  # type: ignore[call-overload]
        return {paper.public_id for candidate, paper in found if candidate and paper and _gone(candidate, paper, now)}

    def numbers_of(self, rows: Sequence[Sequence[object]]) -> tuple[int, ...]:
        return tuple(sorted({self.candidates[row[0]].issue.number for row in rows if row[0] in self.candidates}))  # type: ignore[index]


def _gone(candidate: Candidate, paper: Paper, as_of: datetime) -> bool:
    hidden = candidate.hidden_at is not None and candidate.hidden_at <= as_of
    return hidden or (paper.withdrawn_at is not None and paper.withdrawn_at <= as_of)


def _more(delivery: Delivery) -> int:
    return int(delivery.params.get("more", 0))


def _edition_url(edition: Edition) -> str:
    return links.absolute(f"/editions/{edition.public_id}")


def digest_value(
    picks: tuple[mail.Pick, ...],
    *,
    numbers: tuple[int, ...],
    slot_on: date,
    notes: tuple[str, ...] = (),
    more: int = 0,
    back_to: date | None = None,
    best_of_week: bool = False,
    reader: Subscriber | None = None,
    interested: bool = False,
    webcopy_url: str = "",
    test: bool = False,
) -> mail.Digest:
    """One place where a digest is put together; without a reader it holds no personal link.

    With one it is a plate's: addresses end where the token goes, and interests and since_on only say that there are any.
    """
    return mail.Digest(
        newsletter=settings.NEWSLETTER_NAME,
        numbers=numbers,
        slot_on=slot_on,
        picks=picks,
        notes=notes,
        more=more,
        more_url=links.absolute("/today"),
        back_to=back_to,
        best_of_week=best_of_week,
        card_length=reader.card_length if reader else CardLength.SUMMARY.value,
        locale=reader.locale if reader else "en",
        since_on=date.min if reader and reader.confirmed_at else None,
        interests=("",) if interested else (),
        home_url=links.absolute("/"),
        privacy_url=links.absolute("/privacy"),
        webcopy_url=webcopy_url,
        view_url=links.absolute("/view/") if reader else "",
        preferences_url=links.absolute("/preferences/") if reader else "",
        unsubscribe_url=links.absolute(links.leave_path()) if reader else "",
        tune_url=links.absolute("/tune/") if reader else "",
        postal_address=settings.POSTAL_ADDRESS,
        is_sample=any(pick.card.is_sample for pick in picks),
        test=test,
    )


def _own(reader: Subscriber | None, interests: tuple[str, ...], view_ref: str, now: datetime) -> mail.Personal:
    if reader is None:
        return mail.Personal()
    return mail.Personal(
        interests=interests,
        since_on=reader.confirmed_at.date() if reader.confirmed_at else None,
        view=links.token(links.Purpose.VIEW, view_ref, now=now),
        preferences=links.token(links.Purpose.PREFERENCES, reader.public_id, now=now),
        unsubscribe=reader.leave_id,
        tune=links.token(links.Purpose.TUNE, view_ref, now=now),
    )


def _readers_of(deliveries: Sequence[Delivery]) -> dict[int, Subscriber]:
    """Those that the rows hold already, as `delivery` read them; the others are read now."""
    found = {row.subscriber_id: row.subscriber for row in deliveries if row.subscriber_id and _has_reader(row)}
    missing = {row.subscriber_id for row in deliveries if row.subscriber_id} - found.keys()
    read = Subscriber.objects.in_bulk(missing) if missing else {}
    return {pk: reader for pk, reader in found.items() if reader} | read


def _has_reader(row: Delivery) -> bool:
    return bool(Delivery.subscriber.is_cached(row))
