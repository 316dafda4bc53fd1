"""`smtp://USER:PASSWORD@HOST:PORT?starttls=1` and `smtps://...`: kept connections, a broken one replaced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TypeAlias
from urllib.parse import SplitResult, parse_qs, unquote

from newsletter.delivery.line import Line, Server
from newsletter.delivery.transport import (
    Accepted,
    Begin,
    Configuration,
    Done,
    Mail,
    Result,
)

_CONNECTIONS_AT_MOST = 20  # what a big receiver takes from one sender at once; most relays allow fewer


class Smtp:
    """Plain SMTP by smtplib; the bytes leave as they were built.

    4xx -> Transient, 5xx -> Permanent, cut after DATA began -> Uncertain, nobody there -> Unreachable. A refused
    log-in, or a sender that the server does not take, is Configuration: it would be the same for every mail.
    Query: starttls=1, ca=FILE to trust besides the system's, timeout=SECONDS for each answer of the server,
    connections=NUMBER used side by side, messages=NUMBER after which a connection is made anew.
    """

    signs = False
    at_once = 1

    def __init__(self, url: SplitResult) -> None:
        server, connections = _server(url)
        self._lines = [Line(server) for _ in range(connections)]
        self.together = connections > 1

    def send(self, mail: Mail, begin: Callable[[], None]) -> Accepted:
        return self._lines[0].send(mail, begin)

    def send_together(self, mails: Iterator[Mail], begin: Begin, done: Done) -> None:
        """A thread for each connection does nothing but talk to the server; before DATA it asks for `begin` and waits."""
        news: SimpleQueue[_Asked | _Ended] = SimpleQueue()
        free, busy = list(self._lines), 0
        with ThreadPoolExecutor(len(free), "smtp") as threads:
            try:
                while True:
                    while free and (mail := next(mails, None)) is not None:
                        threads.submit(_carry, free.pop(), mail, news)
                        busy += 1
                    if not busy:
                        return
                    match news.get():
                        case _Asked(mail, answer):
                            _ask(begin, mail, answer)
                        case _Ended(line, mail, result):
                            free.append(line)
                            busy -= 1
                            done(mail, result)
            finally:
                _dismiss(busy, news)

    def close(self) -> None:
        for line in self._lines:
            line.close()


@dataclass(frozen=True, slots=True)
class _Asked:
    """A thread waits for the answer: its server has taken the recipient, the next act is DATA."""

    mail: Mail
    answer: Future[None]


@dataclass(frozen=True, slots=True)
class _Ended:
    line: Line
    mail: Mail
    result: Result


_News: TypeAlias = "SimpleQueue[_Asked | _Ended]"


def _carry(line: Line, mail: Mail, news: _News) -> None:
    def ask() -> None:
        answer: Future[None] = Future()
        news.put(_Asked(mail, answer))
        answer.result()

    try:
        result: Result = line.send(mail, ask)
    except Exception as error:
        result = error
    news.put(_Ended(line, mail, result))


def _ask(begin: Begin, mail: Mail, answer: Future[None]) -> None:
    try:
        begin(mail)
    except Exception as error:
        answer.set_exception(error)
    except BaseException:
        answer.set_exception(InterruptedError())
        raise
    else:
        answer.set_result(None)


def _dismiss(busy: int, news: _News) -> None:
    """Lets the threads end when the caller cannot go on: those that ask are told no, those in DATA get their answer."""
    while busy:
        match news.get():
            case _Asked(_, answer):
                answer.set_exception(InterruptedError())
            case _Ended():
                busy -= 1


def _server(url: SplitResult) -> tuple[Server, int]:
    """The server and how many connections. Raises Configuration."""
    options = {name: values[-1] for name, values in parse_qs(url.query).items()}
    known = {"starttls": "0", "timeout": "30", "connections": "1", "messages": "100", "ca": ""}
    if unknown := options.keys() - known.keys():
        raise Configuration(f"MAIL_URL: {min(unknown)} is no option of smtp; known are {', '.join(known)}")
    options = known | options
    numbers = [options[name].isdecimal() for name in ("timeout", "connections", "messages")]
    if not all(numbers) or not 1 <= int(options["connections"]) <= _CONNECTIONS_AT_MOST or int(options["timeout"]) < 1:
        raise Configuration(
            "MAIL_URL: timeout is a number of seconds, as in timeout=30, messages one of mails, "
            f"connections one from 1 to {_CONNECTIONS_AT_MOST}"
        )
    tls, starttls = url.scheme == "smtps", options["starttls"] == "1"
    server = Server(
        host=url.hostname or "",
        port=url.port or (465 if tls else 587 if starttls else 25),
        tls=tls,
        starttls=starttls,
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
        timeout_s=float(options["timeout"]),
        messages=int(options["messages"]),
        ca=options["ca"],
    )
    try:
        server.context()
    except OSError:
        raise Configuration("MAIL_URL: ca names no readable file of certificates in PEM") from None
    return server, int(options["connections"])
