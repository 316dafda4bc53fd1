"""How this door answers: pages, pages of one reader, mails shown in the browser, problems for programs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from newsletter import links

PERMISSIONS = "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()"
# A mail brings its own inline style and nothing else: no script, no form, no image but its own, an origin of its own.
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"


def clock() -> datetime:
    """The one place where this door reads the clock."""
    return datetime.now(UTC)


def page(request: HttpRequest, name: str, context: Mapping[str, Any] | None = None, *, status: int = 200) -> HttpResponse:
    """A public page from templates/web/<name>.

    canonical: its absolute address; indexed: whether robots may keep it; ld: what JSON-LD says of it, None for nothing.
    """
    values = {
        "today": clock().astimezone(settings.ISSUE_ZONE).date(),
        "private": False,
        "indexed": status == 200,
        "canonical": links.absolute(request.path),
        "ld": None,
        "feeds": (),
        **(context or {}),
    }
    response = render(request, f"web/{name}", values, status=status)
    response["Permissions-Policy"] = PERMISSIONS
    return response


def private_page(request: HttpRequest, name: str, context: Mapping[str, Any] | None = None, *, status: int = 200) -> HttpResponse:
    """A page behind a signed link: kept by no cache, found by no robot, its address told to nobody."""
    return sealed(page(request, name, {**(context or {}), "private": True}, status=status))


def sealed(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "private, no-store"
    response["X-Robots-Tag"] = "noindex, nofollow"
    response["Referrer-Policy"] = "no-referrer"
    return response


def mail(html: str, *, policy: str = MAIL_POLICY) -> HttpResponse:
    """A mail's HTML as a response of its own. Under the site's policy its style attributes would be dropped."""
    response = sealed(HttpResponse(html, content_type="text/html; charset=utf-8"))
    response["Content-Security-Policy"] = policy
    response["X-Frame-Options"] = "SAMEORIGIN"
    return response


def wants_json(request: HttpRequest) -> bool:
    """True for a program that asks for JSON; a browser and a plain curl get the page."""
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def problem(status: int, detail: str, **members: object) -> JsonResponse:
    """Source: RFC 9457."""
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, **members}
    response = JsonResponse(body, status=status, content_type="application/problem+json")
    patch_vary_headers(response, ["Accept"])
    return response


def file(text: str, kind: str, name: str) -> HttpResponse:
    """A public file to be kept by the reader. name: its own, of ASCII letters, digits, dashes and dots."""
    response = HttpResponse(text, content_type=f"{kind}; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Robots-Tag"] = "noindex"
    return response


def page_number(request: HttpRequest) -> int:
    """`?page=`, from 1; what is no number is the first."""
    text = request.GET.get("page", "1")
    return max(int(text), 1) if text.isascii() and text.isdigit() and len(text) <= 5 else 1
