"""The one-time login's page: `manage.py desk_link` prints a link, its page has one button, the button logs in."""

from __future__ import annotations

from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from newsletter.curators import holder, redeem


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def one_time_login(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    """GET shows one button, or says how to get another link; POST logs in."""
    now = timezone.now()
    if request.method == "POST":
        user = redeem(uid, token, now=now)
        if user is not None:
            auth.login(request, user, backend="django.contrib.auth.backends.ModelBackend")
            return redirect("admin:index")
    good = request.method != "POST" and holder(uid, token, now=now) is not None
    response = render(request, "one_time_login.html", {"good": good}, status=200 if good else 410)
    # no-referrer would make the browser say "Origin: null", which the CSRF check refuses; this keeps the token's path back.
    response["Referrer-Policy"] = "strict-origin"
    return response


urlpatterns = [path("enter/<str:uid>/<str:token>/", one_time_login, name="desk-enter")]
