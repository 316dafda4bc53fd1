"""What every answer below /api/ has in common, also where no view was found: errors are problem+json (RFC 9457), HEAD is GET
without a body, and pages of any site may ask (CORS; no cookie and no session is ever read here). Public feeds may be read
from any site too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from newsletter.web import answers
from newsletter.web.api import rates

API = "/api/"
_OPEN_FEEDS = re.compile(r"/(?:feeds/(?!own/)|editions/[^/]+\.)")
_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_KEPT = ("Allow", "Retry-After", "WWW-Authenticate")
_SAID = {
    400: "The request could not be read.",
    404: "There is nothing at this address. /api/v1/openapi.json lists what there is.",
    405: "This address does not take this method; Allow says which it takes.",
    500: "Something broke on our side. It has been written down.",
}


class Edge:
    """Django middleware; to stand outside of all that may answer with a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(API):
            response = self.get_response(request)
            return _readable(response) if _OPEN_FEEDS.match(request.path) and request.method in {"GET", "HEAD"} else response
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
            return _preflight()
        return _readable(_headed(_answered(request, self.get_response)))


def _answered(request: HttpRequest, get_response: Callable[[HttpRequest], HttpResponseBase]) -> HttpResponseBase:
    asked = request.method
    if asked == "HEAD":
        request.method = "GET"
    response = rates.refusal(request) or get_response(request)
    request.method = asked
    if response.status_code >= 400 and response.headers.get("Content-Type", "").split(";")[0] != "application/problem+json":
        response = _problem(response)
    if asked == "HEAD" and isinstance(response, HttpResponse):
        length = len(response.content)
        response.content = b""
        response["Content-Length"] = str(length)
    return response


def _problem(response: HttpResponseBase) -> HttpResponse:
    status = response.status_code
    made = answers.problem(status, _SAID.get(status, HTTPStatus(status).phrase))
    for name in _KEPT:
        if name in response.headers:
            made[name] = response.headers[name]
    if isinstance(response, HttpResponseNotAllowed):
        made["Allow"] = response.headers["Allow"]
    return made


def _headed(response: HttpResponseBase) -> HttpResponseBase:
    response.headers.setdefault("Permissions-Policy", answers.PERMISSIONS)
    response.headers.setdefault(
        "Content-Security-Policy", _NOTHING
    )  # of an answer made here; the site's middleware stands inside
    response.headers.setdefault("X-Frame-Options", "DENY")
    response.headers.setdefault("X-Robots-Tag", "noindex")
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def _readable(response: HttpResponseBase) -> HttpResponseBase:
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Expose-Headers"] = "ETag, Retry-After"
    return response


def _preflight() -> HttpResponse:
    response = HttpResponse(status=204)
    response["Access-Control-Allow-Methods"] = "GET, HEAD, POST"
    response["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
    response["Access-Control-Max-Age"] = "86400"
    patch_vary_headers(response, ["Access-Control-Request-Method", "Access-Control-Request-Headers"])
    return _headed_and_readable(response)


def _headed_and_readable(response: HttpResponse) -> HttpResponse:
    _headed(response)
    _readable(response)
    return response
