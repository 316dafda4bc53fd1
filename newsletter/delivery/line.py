"""One SMTP connection: made when it is needed, made anew when it broke or has carried enough."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from newsletter.delivery.transport import Accepted, Configuration, Mail, Permanent, Transient, Uncertain, Unreachable

_PLAIN = re.compile(r"[A-Za-z0-9_%+=-]+(?:\.[A-Za-z0-9_%+=-]+)*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where to, how, and as whom. messages: mails offered over one connection at most; 0 is no limit."""

    host: str
    port: int
    tls: bool
    starttls: bool
    user: str
    password: str
    timeout_s: float
    messages: int
    ca: str

    def context(self) -> ssl.SSLContext:
        """Checks the certificate and the name. Raises OSError when `ca` cannot be read."""
        context = ssl.create_default_context()
        if self.ca:
            context.load_verify_locations(self.ca)
        return context


class Line:
    """Used by one thread at a time. Raises what `Smtp` says."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection: smtplib.SMTP | None = None
        self._carried = 0

    def send(self, mail: Mail, begin: Callable[[], None]) -> Accepted:
        recipient = _ascii(mail.to)
        if self._server.messages and self._carried >= self._server.messages:
            self.close()
        self._carried += 1
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
        code, text = connection.docmd(f"MAIL FROM:{_path(sender)}")
        if code >= 500 and code != 552:
            self._reset(code)
            raise Configuration(f"The mail server does not take the sender of MAIL_FROM ({_reason(code, text)}); check the two")
        self._check(code, text)
        self._check(*connection.docmd(f"RCPT TO:{_path(recipient)}"))
        return connection

    def _data(self, connection: smtplib.SMTP, wire: bytes) -> Accepted:
        try:  # not smtplib's `data`, which spends half its time in a search for dots to double; ours begin no line with one
            code, text = connection.docmd("DATA")
            if code == 354:
                connection.send((wire.replace(b"\r\n.", b"\r\n..") if b"\r\n." in wire else wire) + b".\r\n")
                code, text = connection.getreply()
            elif 200 <= code < 400:
                raise smtplib.SMTPServerDisconnected("an answer to DATA that no server gives")
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
        server = self._server
        try:
            if server.tls:
                made: smtplib.SMTP = smtplib.SMTP_SSL(
                    server.host, server.port, timeout=server.timeout_s, context=server.context()
                )
            else:
                made = smtplib.SMTP(server.host, server.port, timeout=server.timeout_s)
            self._connection, self._carried = made, 1
            if server.starttls:
                made.starttls(context=server.context())
            if server.user:
                made.login(server.user, server.password)
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


def _path(address: str) -> str:
    """The address in angle brackets; smtplib's way, which parses every one anew, only where it makes a difference."""
    return f"<{address}>" if _PLAIN.fullmatch(address) else smtplib.quoteaddr(address)


def _reason(code: int, text: bytes) -> str:
    """Code and enhanced code alone: the server's words may hold an address."""
    enhanced = re.match(rb"\s*([245]\.\d{1,3}\.\d{1,3})\b", text)
    return f"SMTP {code}{' ' + enhanced[1].decode() if enhanced else ''}"
