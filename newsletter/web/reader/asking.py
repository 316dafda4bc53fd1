"""A fresh link to the preferences, for who has none at hand: the one page here that needs no token."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from newsletter import subscribers, tasks
from newsletter.web import answers, clients, errors


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest) -> HttpResponse:
    """POST mails the link, three a day at most; what is answered is the same for every well-formed address.

    No CSRF token, as for signing up: all that a forger could cause is a mail that he could ask for himself.
    """
    if request.method != "POST":
        return answers.private_page(request, "ask.html", {"typed": "", "error": ""})
    typed = request.POST.get("email", "").replace("\x00", "").strip()[:400]
    try:
        subscribers.send_preferences_link(typed, network=clients.address_of(request), now=answers.clock())
    except subscribers.BadAddress as bad:
        return answers.private_page(request, "ask.html", {"typed": typed, "error": str(bad)}, status=422)
    except subscribers.TooMany as refused:
        return errors.too_many(request, refused.seconds)
    tasks.ring("send")
    return answers.private_page(request, "linked.html", {"masked": ""})
