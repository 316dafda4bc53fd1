"""The NinjaAPI object: its document, its errors, its routes."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError
from ninja.openapi.schema import OpenAPISchema

from newsletter.matching.query import BadQuery
from newsletter.web import answers
from newsletter.web.api import asking, curating, rates, reading
from newsletter.web.signup import sentence

_PROBLEMS = "application/problem+json"
_RETRY = {"description": "seconds", "schema": {"type": "integer"}}


class _Api(NinjaAPI):
    """Its document says what it does: errors are problem+json, and 429 says when to come back."""

    def get_openapi_schema(self, **arguments: Any) -> OpenAPISchema:
        document = super().get_openapi_schema(**arguments)
        for methods in document["paths"].values():
            for operation in methods.values():
                for status, told in operation["responses"].items():
                    if status >= 400 and "content" in told:
                        told["content"] = {_PROBLEMS: next(iter(told["content"].values()))}
                    if status == 429:
                        told["headers"] = {"Retry-After": _RETRY}
        return document


api = _Api(
    title=settings.NEWSLETTER_NAME,
    version="1",
    description="Trending research papers: issues, topics, search, a preview of any query, and sign-up. Open to all; "
    "a curator's key raises the rate and opens the desk. Errors are problem+json (RFC 9457).",
    urls_namespace="api",
    docs_url=None,
    docs_decorator=require_safe,
    servers=[{"url": settings.PUBLIC_URL}],
    openapi_extra={
        "info": {
            "contact": {"name": settings.NEWSLETTER_NAME, "url": settings.PUBLIC_URL},
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "tags": [
            {"name": "papers", "description": "What was read and printed."},
            {"name": "readers", "description": "Previews and sign-up."},
            {"name": "desk", "description": "For curators, with a key."},
        ],
    },
)
api.add_router("", reading.router)
api.add_router("", asking.router)
api.add_router("", curating.router)


@api.exception_handler(ValidationError)
def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = {str(each["loc"][-1]): str(each["msg"]) for each in error.errors}
    return answers.problem(422, "Some of what was sent cannot be used; errors says which.", errors=errors)


@api.exception_handler(BadQuery)
def _bad_query(request: HttpRequest, error: BadQuery) -> HttpResponse:
    return answers.problem(422, sentence(error), errors={"q": sentence(error)})


@api.exception_handler(HttpError)
def _refused(request: HttpRequest, error: HttpError) -> HttpResponse:
    return answers.problem(error.status_code, error.message)


@api.exception_handler(Throttled)
def _throttled(request: HttpRequest, error: Throttled) -> HttpResponse:
    return rates.too_many(error.wait or rates.WINDOW_SECONDS)


@api.exception_handler(AuthenticationError)
def _unknown(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    return rates.no_key("This needs a curator's key: Authorization: Bearer KEY.")


@api.exception_handler(Http404)
def _missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return answers.problem(404, str(error) or "There is nothing at this address.")
