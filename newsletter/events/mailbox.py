"""Where the answers of machines wait: a Maildir folder or an IMAP mailbox. Each mail is read once and then put aside."""

from __future__ import annotations

import imaplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

TIMEOUT_S = 30.0
MOST_BYTES = 2 * 1024 * 1024


class Misplaced(Exception):
    """The mailbox cannot be read; the message is the remedy, one sentence without a password."""


class Box(Protocol):
    """Mails that wait, by name. One that was read is done with: it never comes again."""

    def waiting(self, most: int) -> Iterator[tuple[str, bytes]]: ...

    def done(self, name: str) -> None: ...


@contextmanager
def box_of(url: str) -> Iterator[Box]:
    """The mailbox of BOUNCE_MAILBOX: maildir:/PATH, imaps://USER:PASSWORD@HOST/FOLDER or imap://... Raises Misplaced."""
    parts = urlsplit(url)
    if parts.scheme == "maildir":
        yield _Maildir(Path(unquote(parts.path)))
        return
    line = _logged_in(parts)
    try:
        yield _Imap(line)
    finally:
        with suppress(OSError, imaplib.IMAP4.error):
            line.logout()


class _Maildir:
    """New mails lie in `new`; a mail that was read is moved to `cur` with the flag S. Deleting them is the operator's."""

    def __init__(self, folder: Path) -> None:
        if not all((folder / name).is_dir() for name in ("new", "cur", "tmp")):
            raise Misplaced(f"BOUNCE_MAILBOX: {folder} is no Maildir; make it with the folders new, cur and tmp in it")
        self._folder = folder

    def waiting(self, most: int) -> Iterator[tuple[str, bytes]]:
        for path in sorted((self._folder / "new").iterdir())[:most]:
            with suppress(FileNotFoundError), path.open("rb") as file:  # another process may have taken it
                yield path.name, file.read(MOST_BYTES)

    def done(self, name: str) -> None:
        with suppress(FileNotFoundError):
            (self._folder / "new" / name).replace(self._folder / "cur" / f"{name.partition(':')[0]}:2,S")


class _Imap:
    """Unseen mails of the selected folder; a mail that was read gets the flag Seen. Nothing is deleted."""

    def __init__(self, line: imaplib.IMAP4) -> None:
        self._line = line

    def waiting(self, most: int) -> Iterator[tuple[str, bytes]]:
        _, found = self._line.uid("SEARCH", "UNSEEN")
        for name in (found[0] or b"").split()[:most]:
            _, answer = self._line.uid("FETCH", name.decode(), f"(BODY.PEEK[]<0.{MOST_BYTES}>)")
            for item in answer:
                if isinstance(item, tuple):
                    yield name.decode(), item[1]

    def done(self, name: str) -> None:
        self._line.uid("STORE", name, "+FLAGS.SILENT", r"(\Seen)")


def _logged_in(parts: SplitResult) -> imaplib.IMAP4:
    host, tls = parts.hostname or "", parts.scheme == "imaps"
    try:
        line: imaplib.IMAP4
        if tls:
            line = imaplib.IMAP4_SSL(host, parts.port or 993, ssl_context=ssl.create_default_context(), timeout=TIMEOUT_S)
        else:
            line = imaplib.IMAP4(host, parts.port or 143, timeout=TIMEOUT_S)
        line.login(unquote(parts.username or ""), unquote(parts.password or ""))
        folder = unquote(parts.path.strip("/")) or "INBOX"
        status, _ = line.select(f'"{folder}"')
    except imaplib.IMAP4.abort as error:
        raise _silent(host, error) from None
    except imaplib.IMAP4.error:
        raise Misplaced(f"BOUNCE_MAILBOX: {host} refuses user or password; write imaps://USER:PASSWORD@HOST/FOLDER") from None
    except OSError as error:
        raise _silent(host, error) from None
    if status != "OK":
        raise Misplaced(f"BOUNCE_MAILBOX: {host} has no folder {folder}; name one that it has")
    return line


def _silent(host: str, error: Exception) -> Misplaced:
    return Misplaced(f"BOUNCE_MAILBOX: {host} does not answer ({type(error).__name__}); check host and port")
