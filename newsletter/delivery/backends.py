"""Anymail's backends for providers whose batch is a list of whole messages: each gets its own reader's text and HTML.

Anymail gives every message of a batch the same body, to be filled by the provider's templates; ours are full of braces
and need no template. A message with `own_parts` (a tuple of text and HTML for each of `to`, in that order) is sent so.
Source: django-anymail 15.2; each provider's reference of its send call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from anymail.backends import brevo, mailjet, postmark, resend
from anymail.backends.base_requests import AnymailRequestsBackend, RequestsPayload

Parts: TypeAlias = Sequence[tuple[str, ...]]


def _sends(payload: type[RequestsPayload], fill: Callable[[Any, Parts], None]) -> Callable[..., RequestsPayload]:
    class Filled(payload):  # type: ignore[misc, valid-type]
        def serialize_data(self) -> Any:
            data = super().serialize_data()
            parts = getattr(self.message, "own_parts", None)
            if parts is None:
                return data
            filled = json.loads(data)
            fill(filled, parts)
            return self.serialize_json(filled)

    def build(backend: AnymailRequestsBackend, message: Any, defaults: Any) -> RequestsPayload:
        return Filled(message, defaults, backend)

    return build


def _put(items: Sequence[dict[str, Any]], parts: Parts, names: tuple[str, str]) -> None:
    for item, bodies in zip(items, parts, strict=True):
        item.update(zip(names, bodies, strict=False))


def _postmark(data: list[dict[str, Any]], parts: Parts) -> None:
    _put(data, parts, ("TextBody", "HtmlBody"))


def _resend(data: list[dict[str, Any]], parts: Parts) -> None:
    _put(data, parts, ("text", "html"))


def _mailjet(data: dict[str, Any], parts: Parts) -> None:
    _put(data["Messages"], parts, ("TextPart", "HTMLPart"))


def _brevo(data: dict[str, Any], parts: Parts) -> None:
    """Brevo asks for a body at the top too, which no version uses: a neutral one, never a reader's."""
    data["textContent"] = data["subject"]
    if any(len(bodies) > 1 for bodies in parts):
        data["htmlContent"] = "<html><body></body></html>"
    _put(data["messageVersions"], parts, ("textContent", "htmlContent"))


class BrevoBackend(brevo.EmailBackend):  # type: ignore[misc]
    build_message_payload = _sends(brevo.BrevoPayload, _brevo)


class MailjetBackend(mailjet.EmailBackend):  # type: ignore[misc]
    build_message_payload = _sends(mailjet.MailjetPayload, _mailjet)


class PostmarkBackend(postmark.EmailBackend):  # type: ignore[misc]
    build_message_payload = _sends(postmark.PostmarkPayload, _postmark)


class ResendBackend(resend.EmailBackend):  # type: ignore[misc]
    build_message_payload = _sends(resend.ResendPayload, _resend)
