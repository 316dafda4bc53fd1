"""Copies in the browser: the reader's own, and the one for a friend."""

from __future__ import annotations

from dataclasses import replace

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from newsletter import editions, links, mail
from newsletter.links import Purpose, Refused
from newsletter.models import Delivery, Edition, Kind
from newsletter.web import answers, errors
from newsletter.web.reader.guard import refusal


@require_safe
def view(request: HttpRequest, token: str) -> HttpResponse:
    """The reader's own copy as it was mailed; what was hidden or withdrawn since is marked."""
    now = answers.clock()
    try:
        ref = links.read(Purpose.VIEW, token, now=now)
    except Refused as refused:
        return refusal(request, refused)
    copy = Delivery.objects.filter(public_id=ref, kind__in=(Kind.DIGEST, Kind.TEST), edition__isnull=False).first()
    message = editions.write_again(copy, now=now) if copy else None
    return answers.mail(message.html) if message else errors.not_found(request)


@require_safe
def edition(request: HttpRequest, ref: str) -> HttpResponse:
    """The copy for a friend: the same papers, no personal link."""
    found = Edition.objects.filter(public_id=ref).first()
    if found is None:
        return errors.not_found(request)
    digest = editions.web_copy(found, as_of=answers.clock())
    return answers.mail(mail.digest(replace(digest, more_url=digest.more_url or links.absolute("/today"))).html)
