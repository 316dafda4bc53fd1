"""A real SMTP server in a thread that behaves as a test wants it to."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiosmtpd.controller import Controller


@dataclass
class Server:
    """mails: (recipient, content) as taken. rcpt, data: replies for an address; None is 250; "CUT" breaks the line."""

    port: int
    rcpt: Callable[[str], str | None] = lambda _: None
    data: Callable[[str], str | None] = lambda _: None
    slow_s: float = 0.0
    mails: list[tuple[str, bytes]] = field(default_factory=list)
    connections: int = 0
    began: int = 0
    tls: bool = False
    secure: list[bool] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    @property
    def url(self) -> str:
        return f"smtp{'s' if self.tls else ''}://127.0.0.1:{self.port}?timeout=5"

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):
        refused = self.rcpt(address)
        if refused:
            return refused
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        recipient = envelope.rcpt_tos[0]
        self.began += 1
        self.secure.append(session.ssl is not None or self.tls)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.slow_s)
        self.at_once -= 1
        reply = self.data(recipient)
        if reply == "CUT":
            server.transport.abort()
            return "250 never seen"
        if reply is None:
            self.mails.append((recipient, envelope.content))
        return reply or "250 2.0.0 ok"


@contextmanager
def smtp_server(*, smtps: ssl.SSLContext | None = None, options: dict | None = None, **behaviour: object) -> Iterator[Server]:
    """smtps: TLS from the first octet. options: aiosmtpd's own, such as tls_context for STARTTLS or an authenticator."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Server(port, tls=smtps is not None, **behaviour)
    controller = Controller(server, hostname="127.0.0.1", port=port, ssl_context=smtps, **(options or {}))
    controller.start()
    try:
        yield server
    finally:
        controller.stop()
