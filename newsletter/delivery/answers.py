"""What a provider's answer, or the lack of one, says about each mail of a request: accepted, refused, later, unknown.

Unknown (read time-out, 5xx, a reply nobody can read) is Uncertain and never sent again by itself.
Source: django-anymail 15.2; each provider's list of error codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused

from newsletter.delivery.transport import Accepted, Configuration, Mail, Permanent, Result, Throttled, Uncertain, Unreachable

_LONGEST_WAIT_S = 86_400.0  # no calendar holds what a broken Retry-After may ask for
_SES_RETRY = {"Throttling", "ThrottlingException", "TooManyRequestsException", "LimitExceededException"}
_SES_ACCOUNT = {
    "AccessDeniedException",
    "AccountSuspendedException",
    "InvalidClientTokenId",
    "MailFromDomainNotVerifiedException",
    "SendingPausedException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_SES_REFUSED = {"BadRequestException", "MessageRejected", "NotFoundException"}
_BOTO_ACCOUNT = {"CredentialRetrievalError", "NoCredentialsError", "NoRegionError", "PartialCredentialsError"}
_BOTO_NEVER_SENT = {"ConnectTimeoutError", "EndpointConnectionError", "ProxyConnectionError"}
# What goes wrong before a TLS line stands. Any other fault of TLS may come after the request has left.
_HANDSHAKE = re.compile(r"CERTIFICATE|HANDSHAKE|PROTOCOL_VERSION|UNRECOGNIZED_NAME|UNSUPPORTED_PROTOCOL|WRONG_VERSION")
_POSTMARK_ACCOUNT = {10, 400, 401, 405, 412}  # token, sender unknown or unconfirmed, no credit, approval pending
_POSTMARK_RECIPIENT = {300, 406}


def of_answer(name: str, message: Any, mails: Sequence[Mail]) -> list[Result] | Permanent:
    """Of a request that the provider took: one result for each mail. Permanent: it took none of them after all."""
    each = _one_for_each(name, message.anymail_status.esp_response, len(mails))
    return each or [_of_status(message.anymail_status.recipients.get(to)) for to in message.to]


def of_error(name: str, error: AnymailError, mails: Sequence[Mail]) -> list[Result] | Permanent:
    """Of a request that ended in an error: one result for each mail. Permanent: refused as a whole, nothing was taken."""
    each = _one_for_each(name, getattr(error, "response", None), len(mails))
    if each:
        return each
    meaning = _meaning(error)
    return meaning if isinstance(meaning, Permanent) else [meaning for _ in mails]


def _of_status(status: Any) -> Result:
    if status is None or status.status in {None, "unknown"}:
        return Uncertain("NO WORD OF IT")
    if status.status in {"sent", "queued"}:
        return Accepted(provider_id="" if status.message_id is None else str(status.message_id))
    return Permanent("REFUSED")


def _one_for_each(name: str, response: Any, number: int) -> list[Result] | Permanent | None:
    """By the providers whose answer has an entry for each mail, in the order of the request; None for any other answer."""
    reader = {"mailjet": _mailjet, "postmark": _postmark}.get(name)
    if reader is None or not isinstance(response, requests.Response):
        return None
    with suppress(ValueError, TypeError, KeyError, IndexError, AttributeError):
        return reader(response, number)
    return None


def _postmark(response: requests.Response, number: int) -> list[Result] | Permanent | None:
    if response.status_code == 422 and number > 1:
        return Permanent("HTTP 422")
    if response.status_code not in {200, 422}:
        return None
    found = response.json()
    entries = found if isinstance(found, list) else [found]
    return [_postmark_one(entry) for entry in entries] if len(entries) == number else None


def _postmark_one(entry: dict[str, Any]) -> Result:
    code = entry["ErrorCode"] if "MessageID" not in entry else entry.get("ErrorCode", 0)
    if code == 0:
        return Accepted(provider_id=str(entry["MessageID"]))
    if code in _POSTMARK_ACCOUNT:
        return Configuration(f"MAIL_URL: Postmark refuses the account or the sender (error {int(code)}); check both there")
    return Permanent("REFUSED" if code in _POSTMARK_RECIPIENT else f"POSTMARK {int(code)}")


def _mailjet(response: requests.Response, number: int) -> list[Result] | None:
    entries = response.json()["Messages"]
    return [_mailjet_one(entry) for entry in entries] if len(entries) == number else None


def _mailjet_one(entry: dict[str, Any]) -> Result:
    if entry["Status"] == "success":
        return Accepted(provider_id=str(entry["To"][0]["MessageID"]))
    fault = entry["Errors"][0]
    status = int(fault["StatusCode"])
    if 400 <= status < 500 and status not in {401, 402, 403, 408, 429}:
        return Permanent(f"MAILJET {fault['ErrorCode']}"[:40])
    return _meaning_of_status(status, None)


def _meaning(error: AnymailError) -> Exception:
    if isinstance(error, AnymailRecipientsRefused):
        return Permanent("REFUSED")
    if not isinstance(error, AnymailAPIError):
        return Permanent(type(error).__name__)  # refused on this side: nothing was sent
    if isinstance(error, requests.ConnectionError) and _never_sent(error):
        return Unreachable("NO CONNECTION")
    if isinstance(error.response, Mapping):
        return _meaning_of_ses(str(error.response.get("Error", {}).get("Code", "")))
    if error.response is None:
        return _meaning_of_silence(error.__cause__) if error.__cause__ else Uncertain("UNREADABLE")
    if "Mailgun Magnificent API" in error.response.text:
        return Configuration("MAIL_URL: the provider has nothing at that address; check sender_domain and api_url")
    return _meaning_of_status(error.status_code, error.response)


def _meaning_of_status(status: int | None, response: Any) -> Exception:
    if status in {420, 429}:
        return Throttled(f"HTTP {status}", _retry_after_s(response))
    if status in {401, 402, 403}:
        return Configuration(f"MAIL_URL: the provider refuses the key or the quota is used up (HTTP {status}); check the account")
    if status in {404, 405}:
        return Configuration(f"MAIL_URL: the provider has nothing at that address (HTTP {status}); check domain and api_url")
    if status is not None and 400 <= status < 500 and status != 408:
        return Permanent(f"HTTP {status}")
    return Uncertain(f"HTTP {status}" if status and status >= 400 else "UNREADABLE")


def _meaning_of_silence(broke: BaseException) -> Exception:
    """No answer at all. broke: an exception of requests or of boto3."""
    cause = type(broke).__name__
    if cause in _BOTO_ACCOUNT:
        return Configuration(f"MAIL_URL: Amazon SES finds no key or region ({cause}); set AWS_ACCESS_KEY_ID and region=")
    if cause in _BOTO_NEVER_SENT or (cause == "SSLError" and _HANDSHAKE.search(repr(broke))):
        return Unreachable("NO CONNECTION")
    return Uncertain(f"CUT {cause}")


def _meaning_of_ses(code: str) -> Exception:
    if code in _SES_RETRY:
        return Throttled(f"SES {code}")
    if code in _SES_ACCOUNT:
        return Configuration(f"MAIL_URL: Amazon SES refuses the account ({code}); check keys, region and sending status")
    if code in _SES_REFUSED:
        return Permanent(f"SES {code}")
    return Uncertain(f"SES {code or 'UNREADABLE'}"[:60])


def _never_sent(error: requests.ConnectionError) -> bool:
    """True when the connection itself failed. A connection that broke later may have carried the request."""
    if isinstance(error, requests.exceptions.SSLError):
        return bool(_HANDSHAKE.search(repr(error.__cause__)))
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    return bool(re.search(r"NewConnectionError|NameResolutionError|ConnectTimeoutError", repr(error.__cause__)))


def _retry_after_s(response: Any) -> float | None:
    """Seconds, or a date (RFC 9110, 10.2.3), which counts from the answer's own Date: whose clock is right does not matter."""
    try:
        asked = response.headers["retry-after"].strip()
        wait_s = float(asked) if not asked[:1].isalpha() else _seconds_between(response.headers["date"], asked)
    except (AttributeError, KeyError, ValueError, TypeError):
        return None
    return min(max(0.0, wait_s), _LONGEST_WAIT_S)


def _seconds_between(said: str, until: str) -> float:
    """Raises ValueError or TypeError for what is no date."""
    return (parsedate_to_datetime(until) - parsedate_to_datetime(said)).total_seconds()
