"""Installs a locked requirement file into .venv, then becomes the program asked for. Standard library only.

    install.py --check FILE             exit 0 when .venv holds what FILE asks for
    install.py FILE ARGUMENTS...        make it so, then exec .venv/bin/python ARGUMENTS

`.venv` is complete when a stamp in it holds the hash of the requirement file. The developers' set is a superset with
the same pins, so its stamp (over both files) also serves bin/run. A mark laid before pip starts and taken away when it
is done tells of an interrupted install: that `.venv` is made anew. Two at once: the second waits, then finds it done.
"""
# ruff: noqa: INP001, S606, T201

import contextlib
import fcntl
import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "install.log"
UNFINISHED = VENV / "paperround-unfinished"
STAMPS = {"requirements.txt": ("requirements.txt",), "requirements-dev.txt": ("requirements.txt", "requirements-dev.txt")}
EVERY_S = 3.0


def main(arguments: list[str]) -> int:
    if arguments[0] == "--check":
        return 0 if complete(arguments[1]) else 1
    try:
        trouble = install(arguments[0])
    except OSError as error:
        trouble = (
            f"Paper Round keeps its packages in {VENV}, which cannot be written ({error.strerror}): "
            "make the project folder writable, or copy it to a folder of your own."
        )
    if trouble:
        print(trouble, file=sys.stderr)
        return 1
    os.execv(PYTHON, [str(PYTHON), *arguments[1:]])


def complete(requirements: str) -> bool:
    """Also true for requirements.txt when the developers' set, which contains it, is there."""
    wanted = ["requirements-dev.txt"] if requirements == "requirements-dev.txt" else ["requirements.txt", "requirements-dev.txt"]
    return not UNFINISHED.exists() and any(stamped(name) for name in wanted)


def stamped(name: str) -> bool:
    try:
        return stamp_of(name).read_text() == digest(name)
    except OSError:
        return False


def stamp_of(name: str) -> Path:
    return VENV / f"paperround-{name}.sha256"


def digest(name: str) -> str:
    """The Python version counts: a wheel for 3.11 does not serve 3.12."""
    parts = [f"{sys.version_info[0]}.{sys.version_info[1]}".encode(), *((ROOT / file).read_bytes() for file in STAMPS[name])]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def install(requirements: str) -> str:
    """Returns "" when .venv is complete, else a sentence for the person. Raises OSError when it cannot be written."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    lock = os.open(ROOT, os.O_RDONLY)  # the folder itself: nothing to write, and held until this process becomes another
    wait_for(lock)
    if healthy() and complete(requirements):
        return ""
    VENV.mkdir(exist_ok=True)
    if not os.access(VENV, os.W_OK | os.X_OK):
        raise PermissionError(13, "Permission denied")
    if not healthy() or UNFINISHED.exists():
        with tempfile.TemporaryFile() as log:
            code = step(f"Making {VENV}", [sys.executable, "-m", "venv", "--clear", str(VENV)], log)
            if code:
                return f"Python's venv module could not make {VENV} (it ended with {code}: {last_words(log)})."
    return install_into(requirements)


def wait_for(lock: int) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("Another start is installing; waiting for it ...")
        fcntl.flock(lock, fcntl.LOCK_EX)


def healthy() -> bool:
    """The venv's Python starts, is the version that runs this, and has pip."""
    code = f"import sys, pip; sys.exit(sys.version_info[:2] != {tuple(sys.version_info[:2])})"
    try:
        return subprocess.run([PYTHON, "-I", "-c", code], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def install_into(requirements: str) -> str:
    UNFINISHED.touch()
    count = sum(1 for line in (ROOT / requirements).read_text().splitlines() if line[:1].isalnum())
    wheels = ["--only-binary", ":all:", "--no-binary", "dkimpy"]  # plain Python, which its authors publish as source only
    options = ["--require-hashes", *wheels, "--no-input", "--progress-bar", "off", "--disable-pip-version-check"]
    with LOG.open("wb+") as log:
        command = [str(PYTHON), "-m", "pip", "install", *options, "-r", str(ROOT / requirements)]
        code = step(f"Installing {count} packages", command, log)
        if code:
            return (
                f"The packages could not be installed (pip ended with {code}: {last_words(log)}); {LOG} has the whole story. "
                "Check the network and pip's index settings, then start again."
            )
    stamp_of(requirements).write_text(digest(requirements))
    UNFINISHED.unlink()
    return ""


def step(what: str, command: list[str], log: IO[bytes]) -> int:
    """Runs command with its output in the log and a line of progress every few seconds. Ends with this process."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, process_group=0)
    try:
        say(f"{what} ...")
        while True:
            try:
                return process.wait(timeout=EVERY_S)
            except subprocess.TimeoutExpired:
                say(f"{what} ... {time.monotonic() - begun:.0f} s")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()


def last_words(log: IO[bytes]) -> str:
    log.seek(0)
    lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return (errors or lines or ["it said nothing"])[-1][:300]


def say(line: str) -> None:
    """On stderr: stdout belongs to the program that follows."""
    with contextlib.suppress(OSError, ValueError):  # the terminal is gone; the install goes on
        print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
