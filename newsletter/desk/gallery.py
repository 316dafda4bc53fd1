"""Every kind and variant of mail side by side: invented papers in this installation's own dress, and its newest issues."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from newsletter import editions, mail
from newsletter.delivery import copies
from newsletter.desk.door import curator, page
from newsletter.desk.preview import framed
from newsletter.mail.examples import Example, examples
from newsletter.mail.lint import Figures, figures, findings, source
from newsletter.models import Delivery, Issue, IssueState, Subscriber

logger = logging.getLogger(__name__)

_TO = "reader@example.org"
_CATALOGUES = Path(__file__).resolve().parents[1] / "locale"


@dataclass(frozen=True, slots=True)
class Shown:
    """A mail as it would leave. findings: what the lint says, or why it cannot be written; then message is None."""

    name: str
    kind: str
    message: mail.Message | None = None
    wire: bytes = b""
    figures: Figures | None = None
    findings: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        return source(self.wire)


@curator
@require_safe
def sheet(request: HttpRequest) -> HttpResponse:
    """All of them at 360 px, light or dark, with size and findings."""
    locale = _locale(request)
    mails = [_shown(name, example) for name, example in _all(locale).items()]
    return _page(request, "mail/sheet.html", title=_("Every mail"), mails=mails, faulty=sum(bool(m.findings) for m in mails))


@curator
@require_safe
def one(request: HttpRequest, name: str) -> HttpResponse:
    """One at 600 and 360 px, light and dark; its text and its source."""
    every = _all(_locale(request))
    return _page(request, "mail/one.html", title=name, mail=_shown(name, _known(every, name)), names=list(every))


@curator
@require_safe
@xframe_options_sameorigin
def frame(request: HttpRequest, name: str) -> HttpResponse:
    """The HTML alone, for the frames. ?dark=1: as a mail program in dark mode shows it."""
    shown = _shown(name, _known(_all(_locale(request)), name))
    if shown.message is None:
        raise Http404
    return framed(shown.message.html, is_dark=bool(request.GET.get("dark")))


def _page(request: HttpRequest, template: str, **context: object) -> HttpResponse:
    locale, is_dark = _locale(request), bool(request.GET.get("dark"))
    return page(
        request,
        template,
        is_nav_sidebar_enabled=False,
        locale=locale,
        locales=[(code, get_language_info(code)["name_local"]) for code in _locales()],
        is_dark=is_dark,
        **context,
    )


def _locale(request: HttpRequest) -> str:
    asked = request.GET.get("locale", "")
    return asked if asked in _locales() else settings.LANGUAGE_CODE


def _locales() -> list[str]:
    """Those that mails can speak; the pages may know fewer."""
    return [settings.LANGUAGE_CODE, *sorted(path.name for path in _CATALOGUES.iterdir() if path.is_dir())]


def _known(every: Mapping[str, Example], name: str) -> Example:
    if name not in every:
        raise Http404
    return every[name]


def _all(locale: str) -> dict[str, Example]:
    found = {name: _dressed(example) for name, example in examples(locale, base_url=settings.PUBLIC_URL).items()}
    return _own(found["digest-5"], locale) | found


def _dressed(example: Example) -> Example:
    """The example under this installation's name and postal address."""
    name, address = settings.NEWSLETTER_NAME, settings.POSTAL_ADDRESS
    if isinstance(example.says, mail.Digest):
        return replace(example, says=replace(example.says, newsletter=name, postal_address=address))
    return replace(example, says={**example.says, "newsletter": name, "postal_address": address})


def _own(model: Example, locale: str) -> dict[str, Example]:
    """What a reader of what is trending gets of the newest closed and of the open issue; addresses are the model's."""
    like = model.says
    if not isinstance(like, mail.Digest):
        raise TypeError("the model of a digest is a digest")
    found = {}
    for name, state in (("newest-issue", IssueState.CLOSED), ("open-issue", IssueState.OPEN)):
        issue = Issue.objects.filter(state=state).order_by("-number").first()
        if issue is not None:
            says = replace(
                editions.preview_issue(issue=issue),
                locale=locale,
                since_on=like.since_on,
                webcopy_url=like.webcopy_url,
                view_url=like.view_url,
                preferences_url=like.preferences_url,
                unsubscribe_url=like.unsubscribe_url,
            )
            found[name] = replace(model, says=says)
    return found


def _shown(name: str, example: Example) -> Shown:
    """The very bytes that delivery would send to a reader who does not exist."""
    row = Delivery(kind=example.kind, lane=0, to_address=_TO, subscriber=Subscriber(address=_TO), upto=0)
    try:
        message = example.message()
        wire = copies.compose(row, message, as_of=timezone.now()).wire
    except Exception as error:
        logger.exception("the example %s cannot be written", name)
        return Shown(name, example.kind, findings=(_("It cannot be written: %(why)s") % {"why": type(error).__name__},))
    return Shown(name, example.kind, message, wire, figures(wire), findings(wire))
