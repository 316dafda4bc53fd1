"""The first page: promise, field, choices, preview. POST /subscribe is the one way in, for browsers and for curl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from newsletter import editions, issues, mail, subscribers, tasks
from newsletter.matching import query
from newsletter.models import Interest
from newsletter.web import answers, clients, gate, listing, outbox, zones
from newsletter.web import errors as web_errors
from newsletter.web.feeds import today_feeds

DAYS = 14
FULL_CARDS = 3
FOLDED_DAYS = 3
BAR_FULL = 100
MOST_CHOICES = 60
FIELDS = ("email", "q", "topic", "hour", "zone")


@dataclass(frozen=True, slots=True)
class Choices:
    """What stands in the form. hour 0-23; zone an IANA name; `guess`: no zone was chosen, so a browser may propose one."""

    email: str = ""
    q: str = ""
    topics: tuple[str, ...] = ()
    hour: int = 7
    zone: str = "UTC"
    guess: bool = True


@dataclass(frozen=True, slots=True)
class Bar:
    on: date
    count: int
    height: int


@dataclass(frozen=True, slots=True)
class Day:
    on: date
    count: int
    full: tuple[listing.Story, ...]
    rest: tuple[listing.Story, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What the last days would have brought, or why the query cannot be read."""

    words: str = ""
    error: str = ""
    bars: tuple[Bar, ...] = ()
    newest: tuple[Day, ...] = ()
    tally: str = ""


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The sign-up page; `?q=` and `?topic=` fill the choices in, so that any page can offer "mail me this"."""
    return _form(request, _read(request.GET))


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def preview(request: HttpRequest) -> HttpResponse:
    """The preview: a fragment for a script that asks with HX-Request, else the whole page.

    Changes nothing by any method, hence no CSRF token. A form posts here so that an address already typed stays out of
    the address bar and of logs.
    """
    choices = _read(request.POST if request.method == "POST" else request.GET)
    if "HX-Request" in request.headers:
        shown = _preview(choices, listing.topic_rows(), answers.clock())
        response = answers.page(request, "_preview.html", {"preview": shown}, status=422 if shown.error else 200)
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
    rows = listing.topic_rows()
    shown = _preview(choices, rows, answers.clock())
    found = {**(errors or {}), **({"q": shown.error} if shown.error else {})}
    safe = choices if choices.zone in subscribers.zones() else replace(choices, zone="UTC")
    context = {
        "gate": gate.fields(now=answers.clock()),
        "typed": replace(choices, q=choices.q[: query.MAX_CHARACTERS]),
        "errors": dict.fromkeys(FIELDS, "") | found,
        "consent": subscribers.consent_text(),
        "groups": listing.grouped(rows, choices.topics),
        "when": {"hour": safe.hour, "zone": safe.zone, "zones": zones.shown(safe.zone), "guess": safe.guess},
        "preview": shown,
        "feeds": today_feeds(),
    }
    return answers.page(request, "home.html", context, status=422 if found else 200)


def _read(data: QueryDict) -> Choices:
    hour = data.get("hour", "7")
    return Choices(
        email=data.get("email", "").strip()[:400],
        q=data.get("q", "").strip(),
        topics=tuple(dict.fromkeys(data.getlist("topic"))),
        hour=int(hour) if hour.isascii() and hour.isdigit() and len(hour) <= 2 else -1,
        zone=data.get("zone", "UTC"),
        guess="zone" not in data,
    )


def sentence(error: query.BadQuery) -> str:
    """What is wrong with a query, where, and what would mend it: one line."""
    where = _("Column %(n)d.") % {"n": error.column}
    remedy = _("Expected here: %(what)s.") % {"what": error.expected} if error.expected and not error.suggestion else ""
    return " ".join(part for part in (str(error), where, remedy) if part)


def _preview(choices: Choices, rows: Sequence[Interest], now: datetime) -> Preview:
    ticked = [row for row in rows if row.slug in choices.topics]
    try:
        typed = query.parse(choices.q).words() if choices.q else ""
        wanted = [*(row.query for row in ticked), *([choices.q] if choices.q else [])]
        days = editions.preview(queries=wanted, days=DAYS, now=now, carded=2 + FOLDED_DAYS)
    except query.BadQuery as error:
        return Preview(error=sentence(error))
    words = " · ".join([*(row.name for row in ticked), *([typed] if typed else [])])
    return _shown(days, words, issues.local_date(now))


def _shown(days: Sequence[editions.PreviewDay], words: str, today: date) -> Preview:
    """Bars for every day, also those without an issue. The issue that still gathers counts where today has no other."""
    picks: dict[date, list[mail.Pick]] = {}
    counts: dict[date, int] = {}
    for day in sorted(days, key=lambda day: day.open):
        if not (day.open and day.on in picks):
            picks.setdefault(day.on, []).extend(day.picks)
            counts[day.on] = counts.get(day.on, 0) + day.count
    span = [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]
    most = max(counts.values(), default=0) or 1
    bars = tuple(Bar(on, counts.get(on, 0), round(BAR_FULL * counts.get(on, 0) / most)) for on in span)
    with_papers = [on for on in reversed(span) if counts.get(on)]
    newest = enumerate([on for on in with_papers if picks[on]][: 1 + FOLDED_DAYS])
    return Preview(
        words=words,
        bars=bars,
        newest=tuple(_day(on, picks[on], full=FULL_CARDS if place == 0 else 0) for place, on in newest),
        tally=_tally(sum(bar.count for bar in bars), len(with_papers)),
    )


def _tally(papers: int, days: int) -> str:
    """The preview in one sentence, also for who cannot see the bars."""
    if not papers:
        return _("Nothing in 14 days. A wider query or one more topic will bring papers.")
    return ngettext(
        "%(papers)d paper in 14 days. On a day without, no mail comes.",
        "%(papers)d papers in 14 days, on %(days)d of them. On a day without, no mail comes.",
        papers,
    ) % {"papers": papers, "days": days}


def _day(on: date, picks: Sequence[mail.Pick], *, full: int) -> Day:
    found = tuple(listing.story(pick.card, pick.reason) for pick in picks)
    return Day(on, len(found), found[:full], found[full:])
