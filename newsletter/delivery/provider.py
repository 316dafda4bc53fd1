"""`anymail:PROVIDER?api_key=...`: a provider's API through django-anymail, one session a run.

Source: django-anymail 15.2. Its `send_messages` stops at the first error and loses the count, so every mail is sent by
itself, with our connection. Errors are mapped by what they say about acceptance, not by their class alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from email import message_from_bytes
from email.policy import default as default_policy
from typing import Any
from urllib.parse import SplitResult, parse_qs

import requests
from anymail.exceptions import AnymailAPIError, AnymailConfigurationError, AnymailError, AnymailRecipientsRefused
from django.core.mail import EmailMultiAlternatives, get_connection

from newsletter.delivery.transport import Accepted, Configuration, Mail, Permanent, Uncertain, Unreachable

TIMEOUT_S = 30.0  # for connecting and for each answer; requests' own default is for ever

# Provider -> the options it cannot do without, and those it may have. Only providers that carry our own
# List-Unsubscribe unchanged: without it the big receivers take no newsletter.
_PROVIDERS: dict[str, tuple[set[str], set[str]]] = {
    "amazon_ses": (set(), {"configuration_set_name", "region"}),
    "brevo": ({"api_key"}, {"api_url"}),
    "mailgun": ({"api_key"}, {"sender_domain", "api_url"}),
    "mailjet": ({"api_key", "secret_key"}, {"api_url"}),
    "postmark": ({"server_token"}, {"message_stream", "api_url"}),
    "resend": ({"api_key"}, {"api_url"}),
    "sendgrid": ({"api_key"}, {"api_url"}),
    "test": (set(), set()),
}
_CARRIED = {
    "auto-submitted",
    "feedback-id",
    "list-help",
    "list-id",
    "list-unsubscribe",
    "list-unsubscribe-post",
    "message-id",
    "x-auto-response-suppress",
}
_SES_RETRY = {"Throttling", "ThrottlingException", "TooManyRequestsException", "LimitExceededException"}
_SES_KEYS = {"AccessDeniedException", "InvalidClientTokenId", "SignatureDoesNotMatch", "UnrecognizedClientException"}


class Provider:
    """Raises Configuration at once for an unknown provider or a missing key."""

    def __init__(self, url: SplitResult) -> None:
        options = {name: values[-1] for name, values in parse_qs(url.query).items()}
        backend, arguments = _checked(url.path, options)
        try:
            self._connection = get_connection(backend, **arguments)
        except AnymailConfigurationError as error:
            raise Configuration(f"MAIL_URL: {url.path} is not set up ({type(error).__name__}); see docs/configure.md") from error
        self._opened = False

    def send(self, mail: Mail, begin: Callable[[], None]) -> Accepted:
        message = _message(mail)
        message.connection = self._open()
        begin()
        try:
            message.send()
        except AnymailError as error:
            raise self._meaning(error) from error
        status = message.anymail_status  # type: ignore[attr-defined]
        return Accepted(provider_id="" if status.message_id is None else str(status.message_id))

    def close(self) -> None:
        if self._opened:
            self._opened = False
            self._connection.close()

    def _open(self) -> Any:
        if not self._opened:
            try:
                self._opened = bool(self._connection.open())
            except Exception as error:  # boto3 has no common class for what its set-up raises
                raise Configuration(f"MAIL_URL: the provider's session does not open ({type(error).__name__})") from error
        return self._connection

    def _meaning(self, error: AnymailError) -> Exception:
        if isinstance(error, AnymailRecipientsRefused):
            return Permanent("REFUSED")
        if not isinstance(error, AnymailAPIError):
            return Permanent(type(error).__name__)  # refused on this side: nothing was sent
        with suppress(Exception):  # a session that failed once is not worth keeping, nor is its farewell
            self.close()
        return _meaning_of_answer(error)


def _meaning_of_answer(error: AnymailAPIError) -> Exception:
    if isinstance(error, requests.ConnectionError) and _never_sent(error):
        return Unreachable("NO CONNECTION")
    if error.response is None:
        return Uncertain(f"CUT {type(error.__cause__ or error).__name__}")
    if isinstance(error.response, Mapping):
        return _meaning_of_ses(str(error.response.get("Error", {}).get("Code", "")))
    status: int | None = error.status_code
    if status == 429:
        return Unreachable("HTTP 429", _retry_after_s(error.response))
    if status in {401, 402, 403}:
        return Configuration(f"MAIL_URL: the provider refuses the key or the quota is used up (HTTP {status}); check the account")
    if status is not None and 400 <= status < 500 and status != 408:
        return Permanent(f"HTTP {status}")
    return Uncertain(f"HTTP {status}" if status and status >= 400 else "UNREADABLE")


def _never_sent(error: requests.ConnectionError) -> bool:
    """True when the connection itself failed. A connection that broke later may have carried the request."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.SSLError | requests.exceptions.ProxyError):
        return True
    return bool(re.search(r"NewConnectionError|NameResolutionError|ConnectTimeoutError", repr(error.__cause__)))


def _meaning_of_ses(code: str) -> Exception:
    if code in _SES_RETRY:
        return Unreachable(f"SES {code}")
    if code in _SES_KEYS or code in {"AccountSuspendedException", "SendingPausedException", "MailFromDomainNotVerifiedException"}:
        return Configuration(f"MAIL_URL: Amazon SES refuses the account ({code}); check keys, region and sending status")
    if code in {"MessageRejected", "BadRequestException", "NotFoundException"}:
        return Permanent(f"SES {code}")
    return Uncertain(f"SES {code or 'UNREADABLE'}")


def _retry_after_s(response: Any) -> float | None:
    try:
        return max(0.0, float(response.headers["retry-after"]))
    except (AttributeError, KeyError, ValueError):
        return None


def _checked(name: str, options: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """The backend's path and arguments. Postmark calls its key server_token; api_key is taken for it."""
    if name not in _PROVIDERS:
        known = ", ".join(sorted(_PROVIDERS.keys() - {"test"}))
        raise Configuration(f"MAIL_URL: {name or 'no provider'} is not known here; write anymail: and one of {known}")
    needed, allowed = _PROVIDERS[name]
    if "server_token" in needed and "api_key" in options:
        options["server_token"] = options.pop("api_key")
    if missing := needed - options.keys():
        raise Configuration(f"MAIL_URL: {name} needs {min(missing)}; write anymail:{name}?{min(missing)}=...")
    if unknown := options.keys() - needed - allowed:
        raise Configuration(f"MAIL_URL: {min(unknown)} is no option of {name}; known are {', '.join(sorted(needed | allowed))}")
    arguments: dict[str, Any] = dict(options)
    if region := arguments.pop("region", None):
        arguments["client_params"] = {"region_name": region}
    if name not in {"amazon_ses", "test"}:
        arguments["timeout"] = TIMEOUT_S
    return f"anymail.backends.{name}.EmailBackend", arguments


def _message(mail: Mail) -> EmailMultiAlternatives:
    """The same mail for an API: the headers come from the wire form, so that both say the same."""
    wire = message_from_bytes(mail.wire.split(b"\r\n\r\n", 1)[0] + b"\r\n\r\n", policy=default_policy)
    message = EmailMultiAlternatives(
        subject=mail.message.subject,
        body=mail.message.text,
        from_email=str(wire["From"]),
        to=[mail.to],
        reply_to=[str(wire["Reply-To"])] if wire["Reply-To"] else None,
        headers={name: str(value) for name, value in wire.items() if name.lower() in _CARRIED},
    )
    if not mail.text_only:
        message.attach_alternative(mail.message.html, "text/html")
    message.metadata = {"delivery": mail.ref}  # type: ignore[attr-defined]
    return message
