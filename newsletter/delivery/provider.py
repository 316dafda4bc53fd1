"""`anymail:PROVIDER?api_key=...`: a provider's API through django-anymail, one session a run.

Source: django-anymail 15.2. Its `send_messages` stops at the first error and loses the count, so every request is made by
itself, with our connection. The copies of an edition go in one request where the provider keeps them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any
from urllib.parse import SplitResult, parse_qs

from anymail.exceptions import AnymailConfigurationError, AnymailError, AnymailImproperlyInstalled
from django.core.mail import get_connection

from newsletter.delivery import answers
from newsletter.delivery.batches import Sheet, Ways, batches, message_of
from newsletter.delivery.ledger import SLICE
from newsletter.delivery.transport import Accepted, Begin, Configuration, Done, Mail, Permanent, Result

TIMEOUT_S = 30.0  # for connecting and for each answer; requests' own default is for ever


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """A provider that carries our own List-Unsubscribe unchanged. needs, may: the options of its MAIL_URL."""

    backend: str
    needs: frozenset[str] = frozenset({"api_key"})
    may: frozenset[str] = frozenset({"api_url"})
    ways: Ways


_OURS = "newsletter.delivery.backends."
_PROVIDERS = {
    "amazon_ses": _Known(
        backend="anymail.backends.amazon_ses.EmailBackend",
        needs=frozenset(),
        may=frozenset({"api_url", "configuration_set_name", "region"}),
        ways=Ways(raw=True),
    ),
    "brevo": _Known(backend=f"{_OURS}BrevoBackend", ways=Ways(batch=1000)),
    "mailgun": _Known(
        backend="anymail.backends.mailgun.EmailBackend",
        may=frozenset({"api_url", "sender_domain"}),
        ways=Ways(batch=1000, slot="%recipient.{}%", tracks=True),
    ),
    "mailjet": _Known(
        backend=f"{_OURS}MailjetBackend",
        needs=frozenset({"api_key", "secret_key"}),
        # Both headers are its own: it refuses a mail that brings them (error send-0011).
        ways=Ways(batch=50, tracks=True, omits=frozenset({"list-id", "message-id"})),
    ),
    "postmark": _Known(
        backend=f"{_OURS}PostmarkBackend",
        needs=frozenset({"server_token"}),
        may=frozenset({"api_url", "message_stream"}),
        ways=Ways(batch=500, tracks=True),
    ),
    "resend": _Known(backend=f"{_OURS}ResendBackend", ways=Ways(batch=100)),
    "sendgrid": _Known(
        backend="anymail.backends.sendgrid.EmailBackend",
        ways=Ways(
            batch=1000,
            slot="-pr:{}-",
            tracks=True,
            # Its own subscription tracking, where an account has it on, replaces our List-Unsubscribe.
            extra={"merge_field_format": "-pr:{}-", "tracking_settings": {"subscription_tracking": {"enable": False}}},
        ),
    ),
    "test": _Known(backend="anymail.backends.test.EmailBackend", needs=frozenset(), may=frozenset(), ways=Ways()),
}
# Why some of Anymail's providers are none of ours. Source: Anymail's pages about each.
_REFUSED = {
    "mailersend": "MailerSend carries no headers of ours but for its largest customers",
    "mandrill": "Mandrill cannot carry a List-Unsubscribe for each reader",
    "scaleway": "Scaleway cannot carry metadata and reports no bounces",
    "sparkpost": "SparkPost replaces our List-Unsubscribe by its own, and none of its options stops that",
}


class Provider:
    """Raises Configuration at once for an unknown provider or a missing key."""

    signs = True

    def __init__(self, url: SplitResult) -> None:
        self._name = url.path
        options = {name: values[-1] for name, values in parse_qs(url.query).items()}
        known = _known(self._name)
        self._ways = known.ways
        self.together = self._ways.batch > 1
        self.at_once = min(self._ways.batch, SLICE)
        try:
            self._connection = get_connection(known.backend, **_arguments(self._name, known, options))
        except AnymailImproperlyInstalled as error:
            raise Configuration(f'MAIL_URL: {self._name} needs another package; pip install "boto3>=1.44,<2"') from error
        except AnymailConfigurationError as error:
            raise Configuration(
                f"MAIL_URL: {self._name} is not set up ({type(error).__name__}); see docs/configure.md"
            ) from error
        self._opened = False

    def send(self, mail: Mail, begin: Callable[[], None]) -> Accepted:
        sheet = Sheet.of(mail, self._ways)
        self._open()
        begin()
        results = self._request([sheet])
        result = results if isinstance(results, Permanent) else results[0]
        if isinstance(result, Exception):
            raise result
        return result

    def send_together(self, mails: Iterator[Mail], begin: Begin, done: Done) -> None:
        while taken := list(islice(mails, self._ways.batch)):
            for group in batches([Sheet.of(mail, self._ways) for mail in taken], self._ways):
                self._send_group(group, begin, done)

    def _send_group(self, group: Sequence[Sheet], begin: Begin, done: Done) -> None:
        """A request that is refused as a whole is taken apart: what one mail has wrong shall not stop the others."""
        leaving = self._begun(group, begin, done)
        results = self._request(leaving) if leaving else []
        if isinstance(results, Permanent) and len(leaving) > 1:
            for sheet in leaving:
                self._send_group([sheet], begin, done)
            return
        for sheet, result in zip(leaving, [results] if isinstance(results, Permanent) else results, strict=True):
            done(sheet.mail, result)

    def _begun(self, group: Sequence[Sheet], begin: Begin, done: Done) -> list[Sheet]:
        leaving = []
        for sheet in group:
            try:
                self._open()
                begin(sheet.mail)
            except Exception as error:
                done(sheet.mail, error)
            else:
                leaving.append(sheet)
        return leaving

    def _request(self, sheets: Sequence[Sheet]) -> list[Result] | Permanent:
        mails = [sheet.mail for sheet in sheets]
        try:
            message = message_of(sheets, self._ways)
            message.connection = self._connection
            message.send()
        except AnymailError as error:
            with suppress(Exception):  # a session that failed once is not worth keeping, nor is its farewell
                self.close()
            return answers.of_error(self._name, error, mails)
        except Exception as error:
            return [error for _ in mails]
        return answers.of_answer(self._name, message, mails)

    def close(self) -> None:
        if self._opened:
            self._opened = False
            self._connection.close()

    def _open(self) -> None:
        if self._opened:
            return
        try:
            self._opened = bool(self._connection.open())
        except Exception as error:  # boto3 has no common class for what its set-up raises
            raise Configuration(f"MAIL_URL: the provider's session does not open ({type(error).__name__})") from error


def _known(name: str) -> _Known:
    if why := _REFUSED.get(name):
        raise Configuration(f"MAIL_URL: {why}; {_one_of()}")
    if name not in _PROVIDERS:
        raise Configuration(f"MAIL_URL: {name or 'no provider'} is not known here; {_one_of()}")
    return _PROVIDERS[name]


def _one_of() -> str:
    return f"write anymail: and one of {', '.join(sorted(_PROVIDERS.keys() - {'test'}))}"


def _arguments(name: str, known: _Known, options: dict[str, str]) -> dict[str, Any]:
    """What Anymail wants to be told. Postmark calls its key server_token; api_key is taken for it."""
    if "server_token" in known.needs and "api_key" in options:
        options["server_token"] = options.pop("api_key")
    if missing := known.needs - options.keys():
        raise Configuration(f"MAIL_URL: {name} needs {min(missing)}; write anymail:{name}?{min(missing)}=...")
    if unknown := options.keys() - known.needs - known.may:
        listed = ", ".join(sorted(known.needs | known.may)) or "none"
        raise Configuration(f"MAIL_URL: {min(unknown)} is no option of {name}; known are {listed}")
    if name == "amazon_ses":
        return _ses_arguments(options)
    return {**options, **({} if name == "test" else {"timeout": TIMEOUT_S})}


def _ses_arguments(options: dict[str, str]) -> dict[str, Any]:
    """boto3 sends again by itself after a time-out or a 5xx, which may be twice: told not to."""
    config = {"retries": {"total_max_attempts": 1}, "connect_timeout": TIMEOUT_S, "read_timeout": TIMEOUT_S}
    names = {"region_name": options.pop("region", None), "endpoint_url": options.pop("api_url", None)}
    return {**options, "client_params": {"config": config, **{name: value for name, value in names.items() if value}}}
