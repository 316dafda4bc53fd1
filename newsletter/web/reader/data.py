"""The reader's data: a link to all of it, a link to be forgotten, each mailed afresh; saved papers as files."""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from newsletter import links, subscribers, tasks
from newsletter.links import Purpose
from newsletter.models import Subscriber
from newsletter.subscribers import tastes
from newsletter.web import answers, citing
from newsletter.web.reader.guard import leaving, masked, reader_of, signed


@signed
def mail_export(request: HttpRequest, token: str) -> HttpResponse:
    return _mail(request, token, "export")


@signed
def mail_erase(request: HttpRequest, token: str) -> HttpResponse:
    return _mail(request, token, "erase")


def _mail(request: HttpRequest, token: str, what: str) -> HttpResponse:
    """POST mails the link to the reader's own address; GET shows the button. The page a token belongs to is in its path.

    Behind a way out, which may have been forwarded, an unknown reader gets the same answer.
    """
    now = answers.clock()
    by_way_out = request.path.startswith(reverse("web:unsubscribe", args=[token]))
    reader = leaving(token, now) if by_way_out else reader_of(Purpose.PREFERENCES, token, now)
    if request.method == "POST" and reader is not None:
        send = subscribers.send_export_link if what == "export" else subscribers.send_erase_link
        send(reader, now=now)
        tasks.ring("send")
    context = {"masked": masked(reader), "what": what, "mailed": request.method == "POST"}
    return answers.private_page(request, "data.html", context)


@signed
def export(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows two buttons and a masked address, so that a scanner reads nothing; POST gives the data, page or JSON."""
    reader = reader_of(Purpose.EXPORT, token, answers.clock())
    if request.method != "POST":
        return answers.private_page(request, "export.html", {"masked": masked(reader), "sections": None})
    if request.POST.get("form") == "json":
        text = json.dumps(subscribers.export(reader), ensure_ascii=False, indent=1)
        return _file(text, "application/json; charset=utf-8", "paper-round.json")
    return answers.private_page(request, "export.html", {"masked": masked(reader), "sections": subscribers.told(reader)})


@signed
def erase(request: HttpRequest, token: str) -> HttpResponse:
    """One button, after which nothing is left but a fingerprint. Pressed again it says the same."""
    now = answers.clock()
    ref = links.read(Purpose.ERASE, token, now=now)
    reader = Subscriber.objects.filter(public_id=ref).first()
    if request.method != "POST" and reader is not None:
        return answers.private_page(request, "erase.html", {"masked": masked(reader), "erased": False})
    if request.method == "POST":
        subscribers.erase(ref, now=now)
    return answers.private_page(request, "erase.html", {"masked": "", "erased": True})


@signed
def saved_file(request: HttpRequest, token: str, form: str) -> HttpResponse:
    """The saved papers for a reference manager."""
    papers = tastes.saved_papers(reader_of(Purpose.PREFERENCES, token, answers.clock()))
    text = citing.bibtex(papers) if form == "bib" else citing.ris(papers)
    return _file(text, f"{citing.TYPES[form]}; charset=utf-8", f"saved-papers.{form}")


def _file(text: str, content_type: str, name: str) -> HttpResponse:
    response = answers.sealed(HttpResponse(text, content_type=content_type))
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
