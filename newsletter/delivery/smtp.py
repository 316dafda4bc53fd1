"""`smtp://USER:PASSWORD@HOST:PORT?starttls=1` and `smtps://...`: one connection a run, a broken one replaced."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import SplitResult, parse_qs, unquote

from newsletter.delivery.transport import Accepted, Configuration, Mail, Permanent, Transient, Uncertain, Unreachable

_DEFAULT_TIMEOUT_S = 30.0


class Smtp:
    """Plain SMTP by smtplib; the bytes leave as they were built.

    4xx -> Transient, 5xx -> Permanent, cut after DATA began -> Uncertain, nobody there -> Unreachable. A refused
    log-in, or a sender that the server does not take, is Configuration: it would be the same for every mail.
    Query: starttls=1, timeout=SECONDS for each answer of the server.
    """

    def __init__(self, url: SplitResult) -> None:
        options = {name: values[-1] for name, values in parse_qs(url.query).items()}
        if unknown := options.keys() - {"starttls", "timeout"}:
            raise Configuration(f"MAIL_URL: {min(unknown)} is no option of smtp; starttls=1 and timeout=SECONDS are")
        self._host = url.hostname or ""
        self._tls = url.scheme == "smtps"
        self._port = url.port or (465 if self._tls else 587 if options.get("starttls") == "1" else 25)
        self._starttls = options.get("starttls") == "1"
        self._user, self._password = unquote(url.username or ""), unquote(url.password or "")
        try:
            self._timeout_s = float(options.get("timeout", _DEFAULT_TIMEOUT_S))
        except ValueError:
            raise Configuration("MAIL_URL: timeout is a number of seconds, as in timeout=30") from None
        self._connection: smtplib.SMTP | None = None

    def send(self, mail: Mail, begin: Callable[[], None]) -> Accepted:
        recipient = _ascii(mail.to)
        connection = self._addressed(mail.sender, recipient)
        try:
            begin()
        except BaseException:
            self._reset(0)
            raise
        return self._data(connection, mail.wire)

    def close(self) -> None:
        if self._connection:
            with suppress(OSError):
                self._connection.quit()
            self._drop()

    def _addressed(self, sender: str, recipient: str) -> smtplib.SMTP:
        """A connection that has taken sender and recipient. An idle one may have died: then once more with a new one."""
        reused = self._connection is not None
        try:
            return self._address(self._connection or self._connect(), sender, recipient)
        except OSError as error:  # smtplib's own errors are OSErrors too
            self._drop()
            if not reused:
                raise Unreachable(f"SMTP {type(error).__name__}") from error
        return self._addressed(sender, recipient)

    def _address(self, connection: smtplib.SMTP, sender: str, recipient: str) -> smtplib.SMTP:
        code, text = connection.mail(sender)
        if code >= 500 and code != 552:
            self._reset(code)
            raise Configuration(f"The mail server does not take the sender of MAIL_FROM ({_reason(code, text)}); check the two")
        self._check(code, text)
        self._check(*connection.rcpt(recipient))
        return connection

    def _data(self, connection: smtplib.SMTP, wire: bytes) -> Accepted:
        try:
            code, text = connection.data(wire)
        except smtplib.SMTPDataError as error:  # refused before the content
            code, text = error.smtp_code, _bytes(error.smtp_error)
        except OSError as error:
            self._drop()
            raise Uncertain(f"CUT {type(error).__name__}") from error
        self._check(code, text)
        return Accepted()

    def _check(self, code: int, text: bytes) -> None:
        """Raises what an answer outside 2xx means, with the connection ready for the next mail."""
        if 200 <= code < 300:
            return
        self._reset(code)
        if code < 0:
            raise smtplib.SMTPServerDisconnected("no answer")
        raise (Permanent if code >= 500 else Transient)(_reason(code, text))

    def _reset(self, code: int) -> None:
        if code == 421 or code < 0:
            self._drop()
        elif self._connection:
            try:
                self._connection.rset()
            except OSError:
                self._drop()

    def _drop(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    def _connect(self) -> smtplib.SMTP:
        try:
            if self._tls:
                made: smtplib.SMTP = smtplib.SMTP_SSL(
                    self._host, self._port, timeout=self._timeout_s, context=ssl.create_default_context()
                )
            else:
                made = smtplib.SMTP(self._host, self._port, timeout=self._timeout_s)
            self._connection = made
            if self._starttls:
                made.starttls(context=ssl.create_default_context())
            if self._user:
                made.login(self._user, self._password)
            made.ehlo_or_helo_if_needed()
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError, ssl.SSLCertVerificationError) as error:
            self._drop()
            raise _misconfigured(error) from error
        except smtplib.SMTPException as error:
            self._drop()
            code = f" {error.smtp_code}" if isinstance(error, smtplib.SMTPResponseException) else f" {type(error).__name__}"
            raise Unreachable(f"SMTP{code}") from error
        return made


def _misconfigured(error: Exception) -> Exception:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        if 400 <= error.smtp_code < 500:
            return Unreachable(f"SMTP {error.smtp_code}")
        return Configuration("MAIL_URL: the mail server refuses user or password; write them as in smtp://USER:PASSWORD@HOST")
    if isinstance(error, ssl.SSLError):
        return Configuration("MAIL_URL: the mail server's certificate is not valid for its name; check the host")
    return Configuration("MAIL_URL: the mail server offers no STARTTLS or no log-in; drop starttls=1 or user")


def _ascii(address: str) -> str:
    """The address as the envelope takes it: the domain in its ASCII form. Raises Permanent where that is not enough."""
    local, _, domain = address.rpartition("@")
    try:
        local.encode("ascii")
        return f"{local}@{domain.encode('idna').decode('ascii')}"
    except UnicodeError:
        raise Permanent("SMTPUTF8") from None


def _reason(code: int, text: bytes) -> str:
    """Code and enhanced code alone: the server's words may hold an address."""
    enhanced = re.match(rb"\s*([245]\.\d{1,3}\.\d{1,3})\b", text)
    return f"SMTP {code}{' ' + enhanced[1].decode() if enhanced else ''}"


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("ascii", "replace")
