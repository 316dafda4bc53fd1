"""The first page: promise, field, choices, preview. POST /subscribe is the one way in, for browsers and for curl."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from markupsafe import Markup

from newsletter import editions, issues, links, mail, subscribers, tasks
from newsletter.matching import query
from newsletter.models import Interest
from newsletter.web import answers, clients, gate, kept, listing, outbox, zones
from newsletter.web import errors as web_errors
from newsletter.web.feeds import today_feeds

DAYS = 14
FULL_CARDS = 3
NEWEST = 2  # the issue that gathers, and the newest closed one
BAR_FULL = 100
MOST_CHOICES = 60
LONGEST_KEPT = 2_000  # characters of a choice that is worth remembering
FIELDS = ("email", "q", "topic", "hour", "zone")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Choices:
    """What stands in the form. hour 0-23; zone an IANA name; `guess`: no zone was chosen, so a browser may propose one."""

    email: str = ""
    q: str = ""
    topics: tuple[str, ...] = ()
    hour: int = 7
    zone: str = "UTC"
    guess: bool = True
    day: date | None = None

    @property
    def wish(self) -> tuple[object, ...]:
        """What the preview depends on."""
        return self.q, self.topics, self.day


@dataclass(frozen=True, slots=True)
class Bar:
    """One day of the preview. height: percent of the fullest day's; chosen: its cards are shown."""

    on: date
    count: int
    height: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Day:
    on: date
    count: int
    full: tuple[listing.Story, ...]
    rest: tuple[listing.Story, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What the last days would have brought, or why the query cannot be read. echo: the typed query in plain words."""

    words: str = ""
    echo: str = ""
    error: str = ""
    bars: tuple[Bar, ...] = ()
    shown: Day | None = None
    papers: int = 0
    tally: str = ""


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The sign-up page; `?q=` and `?topic=` fill the choices in, so that any page can offer "mail me this"."""
    return kept.packed(request, _form(request, _read(request.GET)))


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def preview(request: HttpRequest) -> HttpResponse:
    """The preview: a fragment for a script that asks with HX-Request, else the whole page.

    Changes nothing by any method, hence no CSRF token. A form posts here so that an address already typed stays out of
    the address bar and of logs.
    """
    choices = _read(request.POST if request.method == "POST" else request.GET)
    if "HX-Request" in request.headers:
        now = kept.version()
        shown = _kept_preview(choices, now)
        html = _kept("answer", choices, now, lambda: _html("_answer.html", {"preview": shown}))
        response = HttpResponse(html, status=422 if shown.error else 200)
        response["Permissions-Policy"] = answers.PERMISSIONS
    else:
        response = _form(request, choices)
    patch_vary_headers(response, ["HX-Request"])
    return response


@csrf_exempt
@require_POST
def subscribe(request: HttpRequest) -> HttpResponse:
    """Take a wish to subscribe. The answer is the same for every well-formed address, known or not.

    No CSRF token: the request carries no session and no authority, and all it can cause is one confirmation mail,
    limited per address, which a forger could cause from his own machine just as well. So a plain curl may sign up.
    """
    choices, now = _read(request.POST), answers.clock()
    if errors := _refused(choices):
        return _errors(request, choices, errors)
    verdict = gate.judge(request, now=now)
    if not verdict.passed:
        return _once_more(request, choices, verdict, now)
    try:
        errors = _subscribe(request, choices, now)
    except subscribers.TooMany as refused:
        return web_errors.too_many(request, refused.seconds)
    if errors:
        return _errors(request, choices, errors)
    if answers.wants_json(request):
        text = _("If the address can receive mail, a confirmation is on its way. Open it within 7 days.")
        return JsonResponse({"status": "ok", "detail": text})
    return answers.sealed(answers.page(request, "sent.html", {"address": choices.email, "outbox": outbox.is_on()}))


def _once_more(request: HttpRequest, choices: Choices, verdict: gate.Verdict, now: datetime) -> HttpResponse:
    """The same wish with one more button: for forms filled in too fast, or where only robots write."""
    fields = gate.fields(gate.Shown.BUTTON, now=now)
    wait = round(verdict.wait.total_seconds())
    if answers.wants_json(request):
        text = _("That looked like a robot. Send the same again with these fields added; nothing has been stored yet.")
        return answers.problem(422, text, again={gate.STAMP: fields["stamp"], "challenge": fields["challenge"], "wait": wait})
    names = tuple(name for name in FIELDS if name != "email") if verdict.meant else FIELDS
    context = {
        "address": choices.email,
        "kept": gate.kept(request.POST, names),
        "gate": fields,
        "wait": wait,
        "meant": verdict.meant,
    }
    return answers.sealed(answers.page(request, "again.html", context))


def _subscribe(request: HttpRequest, choices: Choices, now: datetime) -> dict[str, str]:
    wish = subscribers.Wish(
        queries=(choices.q,) if choices.q else (), topics=choices.topics, zone=choices.zone, hour=choices.hour
    )
    try:
        subscribers.subscribe(address=choices.email, wish=wish, network=clients.address_of(request), now=now)
    except subscribers.BadAddress as error:
        return {"email": str(error)}
    except query.BadQuery as error:
        return {"q": sentence(error)}
    except subscribers.BadWish as error:
        return {"topic": str(error)}
    tasks.ring("send")
    return {}


def _refused(choices: Choices) -> dict[str, str]:
    """What can be told before anything is stored; `subscribers` judges once more."""
    errors = {}
    try:
        subscribers.read_address(choices.email)
    except subscribers.BadAddress as error:
        errors["email"] = str(error)
    try:
        query.parse(choices.q or "a")
    except query.BadQuery as bad:
        errors["q"] = sentence(bad)
    if choices.zone not in subscribers.zones():
        errors["zone"] = _("Choose a time zone of the list, like Europe/Amsterdam.")
    if not 0 <= choices.hour <= 23:
        errors["hour"] = _("Choose an hour from 0 to 23.")
    known = {row.slug for row in listing.topic_rows()}
    if any(topic not in known for topic in choices.topics) or len(choices.topics) > MOST_CHOICES:
        errors["topic"] = _("Choose topics of the list; one of yours is not there.")
    return errors


def _errors(request: HttpRequest, choices: Choices, errors: dict[str, str]) -> HttpResponse:
    if answers.wants_json(request):
        return answers.problem(422, " ".join(errors.values()), errors=errors)
    return answers.sealed(_form(request, choices, errors))


def _form(request: HttpRequest, choices: Choices, errors: dict[str, str] | None = None) -> HttpResponse:
    """The page: what is the same for all who chose the same is made once (`kept`), the fields are theirs."""
    now = kept.version()
    shown = _kept_preview(choices, now)
    found = {**(errors or {}), **({"q": shown.error} if shown.error else {})}
    safe = choices if choices.zone in subscribers.zones() else replace(choices, zone="UTC")
    when = {"hour": safe.hour, "zone": safe.zone, "zones": zones.shown(safe.zone), "guess": safe.guess}
    context = {
        "gate": gate.fields(now=answers.clock()),
        "typed": replace(choices, q=choices.q[: query.MAX_CHARACTERS]),
        "errors": dict.fromkeys(FIELDS, "") | found,
        "consent": subscribers.consent_text(),
        "preview": shown,
        "preview_html": _kept("preview", choices, now, lambda: _html("_preview.html", {"preview": shown})),
        "topics_html": _kept("topics", choices, now, lambda: _topics_html(choices, now)),
        "when_html": kept.part(("when", safe.hour, safe.zone, safe.guess), now, lambda: _html("_when.html", {"when": when})),
        "canonical": links.absolute("/"),
        "ld": _described(),
        "feeds": today_feeds(),
    }
    return answers.page(request, "home.html", context, status=422 if found else 200)


def _described() -> dict[str, object]:
    """Source: schema.org/WebSite."""
    found = links.absolute(reverse("web:search")) + "?q={q}"
    action = {"@type": "SearchAction", "target": {"@type": "EntryPoint", "urlTemplate": found}, "query-input": "required name=q"}
    return {"@context": "https://schema.org", "@type": "WebSite", "name": settings.NEWSLETTER_NAME,
            "url": links.absolute("/"), "potentialAction": action}  # fmt: skip


def _html(name: str, context: dict[str, object]) -> Markup:
    """A part of the page; the template has escaped it."""
    return Markup(render_to_string(f"web/{name}", context))  # noqa: S704


def _topics_html(choices: Choices, now: kept.Version) -> Markup:
    groups = listing.grouped(_topic_rows(now), choices.topics)
    return _html("_topics.html", {"groups": groups}) if groups else Markup("")


def _topic_rows(now: kept.Version) -> list[Interest]:
    return kept.part(("topic rows",), now, listing.topic_rows)


def _read(data: QueryDict) -> Choices:
    hour = data.get("hour", "7")
    return Choices(
        email=data.get("email", "").strip()[:400],
        q=data.get("q", "").strip(),
        topics=tuple(dict.fromkeys(data.getlist("topic"))),
        hour=int(hour) if hour.isascii() and hour.isdigit() and len(hour) <= 2 else -1,
        zone=data.get("zone", "UTC"),
        guess="zone" not in data,
        day=_day_of(data.get("day", "")),
    )


def _day_of(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None


def sentence(error: query.BadQuery) -> str:
    """What is wrong with a query, where, and what would mend it: one line."""
    where = _("Column %(n)d.") % {"n": error.column}
    remedy = _("Expected here: %(what)s.") % {"what": error.expected} if error.expected and not error.suggestion else ""
    return " ".join(part for part in (str(error), where, remedy) if part)


def _kept_preview(choices: Choices, now: kept.Version) -> Preview:
    return _kept("shown", choices, now, lambda: _preview(choices, _topic_rows(now), answers.clock()))


def _kept(name: str, choices: Choices, now: kept.Version, make: Callable[[], T]) -> T:
    """Whoever types a megabyte has it read, and not remembered."""
    key = repr(choices.wish)
    return kept.part((name, key), now, make) if len(key) <= LONGEST_KEPT else make()


def _preview(choices: Choices, rows: Sequence[Interest], now: datetime) -> Preview:
    ticked = [row for row in rows if row.slug in choices.topics]
    return preview_of(ticked, [choices.q] if choices.q else [], now=now, day=choices.day)


def preview_of(
    ticked: Sequence[Interest], queries: Sequence[str], *, now: datetime, day: date | None = None, **wish: Any
) -> Preview:
    """What these topics and typed queries would have brought. wish: `limit` and `without`, as `editions.preview` takes them."""
    try:
        typed = " · ".join(query.parse(text).words() for text in queries)
        wanted = [*(row.query for row in ticked), *queries]
        keep, carded = kept.recent(kept.version()), DAYS * NEWEST if day else NEWEST
        days = editions.preview(queries=wanted, days=DAYS, now=now, carded=carded, keep=keep, **wish)
    except query.BadQuery as error:
        return Preview(error=sentence(error))
    words = " · ".join([*(row.name for row in ticked), *([typed] if typed else [])])
    return replace(_shown(days, day, issues.local_date(now)), words=words, echo=typed)


def _shown(days: Sequence[editions.PreviewDay], chosen: date | None, today: date) -> Preview:
    """Bars for every day, also those without an issue. The issue that still gathers counts where today has no other.

    The cards are those of the chosen day, else of the newest that has papers.
    """
    picks: dict[date, list[mail.Pick]] = {}
    counts: dict[date, int] = {}
    for day in sorted(days, key=lambda day: day.open):
        if not (day.open and day.on in picks):
            picks.setdefault(day.on, []).extend(day.picks)
            counts[day.on] = counts.get(day.on, 0) + day.count
    span = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    filled = [on for on in span if counts.get(on)]
    on = chosen if chosen in filled else next((on for on in reversed(filled) if picks[on]), None)
    most = max(counts.values(), default=0) or 1
    bars = tuple(Bar(each, counts.get(each, 0), round(BAR_FULL * counts.get(each, 0) / most), each == on) for each in span)
    papers = sum(bar.count for bar in bars)
    return Preview(bars=bars, shown=_day(on, picks[on]) if on else None, papers=papers, tally=_tally(papers, len(filled)))


def _tally(papers: int, days: int) -> str:
    """The preview in one sentence, also for who cannot see the bars."""
    if not papers:
        return _("Nothing in 14 days. A wider query or one more topic will bring papers.")
    return ngettext(
        "%(papers)d paper in 14 days. On a day without, no mail comes.",
        "%(papers)d papers in 14 days, on %(days)d of them. On a day without, no mail comes.",
        papers,
    ) % {"papers": papers, "days": days}


def _day(on: date, picks: Sequence[mail.Pick]) -> Day:
    found = tuple(listing.story(pick.card, pick.reason) for pick in picks)
    return Day(on, len(found), found[:FULL_CARDS], found[FULL_CARDS:])
