"""What holds sending back, and copies of which nobody knows whether they arrived. GET shows; each button is a POST."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from newsletter import tasks
from newsletter.delivery import alarm, doubts, quota
from newsletter.desk.door import actor, attempt, curator, page
from newsletter.models import Delivery, Mark

PAGE_ROWS = 50


@curator
@require_safe
def screen(request: HttpRequest) -> HttpResponse:
    now = timezone.now()
    figures = alarm.figures(now=now)
    listed = Paginator(doubts.uncertain(), PAGE_ROWS).get_page(request.GET.get("page"))
    return page(
        request,
        "sending/screen.html",
        title=_("Sending"),
        now=now,
        paused_at=alarm.paused_at(),
        figures=figures,
        delivered=f"{figures.delivered:,}",
        complaint_share=f"{figures.complaint_rate:.2%}".replace("%", " %"),
        bounce_share=f"{figures.bounce_rate:.2%}".replace("%", " %"),
        waits=_waits(now),
        closed_until=Mark.objects.filter(name__startswith="mail.closed.", at__gt=now)
        .order_by("-at")
        .values_list("at", flat=True),
        rules=_rules(now),
        listed=listed,
    )


@curator
@require_POST
def go_on(request: HttpRequest) -> HttpResponse:
    def gone_on() -> str:
        went = alarm.go_on(by=actor(request), now=timezone.now())
        tasks.ring("send")
        return _("Digests go on; complaints and bounces are counted anew.") if went else _("They were not stopped.")

    attempt(request, gone_on)
    return HttpResponseRedirect(reverse("admin:sending"))


@curator
@require_POST
def mark_sent(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Delivery, pk=pk)

    def marked() -> str:
        doubts.mark_sent(row, by=actor(request), now=timezone.now())
        return _("Copy %(name)s counts as sent.") % {"name": row.public_id}

    attempt(request, marked)
    return _back(request)


@curator
@require_POST
def send_again(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Delivery, pk=pk)

    def sent_again() -> str:
        doubts.send_again(row, by=actor(request), now=timezone.now())
        tasks.ring("send")
        return _("Copy %(name)s leaves again, under the Message-ID it had.") % {"name": row.public_id}

    attempt(request, sent_again)
    return _back(request)


def _back(request: HttpRequest) -> HttpResponseRedirect:
    number = request.POST.get("page", "")
    return HttpResponseRedirect(reverse("admin:sending") + (f"?page={number}" if number.isdecimal() else ""))


def _waits(now: datetime) -> dict[str, int]:
    """Copies that are due: digests, service mails, and digests of recipient domains over their rate."""
    pending = Delivery.objects.filter(state="PENDING")
    due = pending.filter(due_at__lte=now)
    return {
        "digests": due.filter(lane=1).count(),
        "service": due.filter(lane=0).count(),
        "put_off": pending.filter(Q(reason="DOMAIN_RATE") | Q(reason=quota.WARM_UP), due_at__gt=now).count(),
    }


def _rules(now: datetime) -> list[tuple[str, str]]:
    """The bounds in force, each with how much of it is used."""
    rules = []
    if settings.MAIL_RATE:
        rules.append((_("Mails a second"), f"{settings.MAIL_RATE:g}"))
    if settings.MAIL_DOMAIN_RATE:
        rules.append((_("Digests a minute to one domain"), f"{settings.MAIL_DOMAIN_RATE:,}"))
    if settings.MAIL_DAILY_QUOTA:
        used = quota.begun(now - timedelta(days=1))
        rules.append(
            (_("Mails in 24 hours"), _("%(used)s of %(all)s") % {"used": f"{used:,}", "all": f"{settings.MAIL_DAILY_QUOTA:,}"})
        )
    if bound := quota.bound_on(now.date()):
        used = quota.begun(now.replace(hour=0, minute=0, second=0, microsecond=0), only_digests=True)
        rules.append((_("Warm-up, digests today"), _("%(used)s of %(all)s") % {"used": f"{used:,}", "all": f"{bound:,}"}))
    return rules
