"""`file:` - every mail is a file: for development, for the demo, for `bin/run --once`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from newsletter.delivery.transport import Accepted, Begin, Configuration, Done, Mail, one_by_one


class Outbox:
    """Files named like 20261122-063005_<public id>.eml, whole or not there at all."""

    signs = together = False
    at_once = 1

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(folder, error) from None
        self._folder = folder

    def send(self, mail: Mail, begin: Callable[[], None]) -> Accepted:
        path = self._folder / f"{mail.as_of:%Y%m%d-%H%M%S}_{mail.ref}.eml"
        part = path.with_suffix(".part")
        try:
            part.write_bytes(mail.wire)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise _unwritable(self._folder, error) from error
        try:
            begin()
        except BaseException:
            part.unlink()
            raise
        part.replace(path)
        return Accepted(where=str(path))

    def send_together(self, mails: Iterator[Mail], begin: Begin, done: Done) -> None:
        one_by_one(self, mails, begin, done)

    def close(self) -> None:
        """Nothing is open between two mails."""


def _unwritable(folder: Path, error: OSError) -> Configuration:
    return Configuration(f"MAIL_URL: cannot write in {folder} ({error.strerror}); make room there or name another folder")
