"""One foreground process that holds the whole installation: broker, web, worker, beat.

`supervise` returns the exit code: 0 when it was asked to end or is running already, 1 with one sentence when it cannot
start. It reads no database itself; what touches the database runs in a child (`manage.py prepare`), so that a signal
never cuts it in the middle of a transaction of its own.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

from newsletter.management.supervision import broker, lock, screen, site
from newsletter.management.supervision.crew import Crew, Stopped
from newsletter.management.supervision.site import CannotStart, Site

__all__ = ["CannotStart", "Site", "supervise"]

WEB = ("granian", "--interface", "wsgi", "--workers", "1", "--blocking-threads", "4", "--no-ws", "--workers-kill-timeout", "5")
WORKER = (
    "celery",
    "-A",
    "config",
    "worker",
    "-c",
    "2",
    "-n",
    "paperround@%h",
    "-l",
    "INFO",
    "--without-gossip",
    "--without-mingle",
)
BEAT = ("celery", "-A", "config", "beat", "-l", "INFO", "--pidfile=")


class Stop:
    """What INT, TERM and HUP leave behind. The second one hurries the end."""

    def __init__(self) -> None:
        self.signals = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup's wish is kept
            signal.signal(signal.SIGHUP, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signals += 1

    def asked(self) -> int:
        return self.signals


def supervise(here: Site) -> int:
    """Runs until a signal asks it to end, then ends every child."""
    stop = Stop()
    os.umask(0o077)  # the data folder holds readers' addresses
    screen.keep_standard_streams()
    try:
        held = lock.take(here)
    except CannotStart as error:
        screen.complain(str(error))
        return 1
    if held is None:
        screen.say(lock.where_the_first_is(here))
        return 0
    crew = Crew(here, stop.asked, held.token)
    try:
        begin(here, crew)
        while True:
            crew.tend()
    except Stopped:
        return 0
    except CannotStart as error:
        screen.complain(str(error))
        return 1
    finally:
        crew.end()
        held.release()


def begin(here: Site, crew: Crew) -> None:
    """Everything up, in order, then the screen. Raises CannotStart, Stopped."""
    lock.end_left_overs(here)
    site.need_free_port(here)
    broker.begin(here, crew)
    facts = crew.prepare([sys.executable, str(here.root / "manage.py"), "run", "--prepare"])
    crew.start("web", [sys.executable, "-m", *WEB, "--host", here.host, "--port", str(here.port), "config.wsgi:application"])
    crew.start("worker", [sys.executable, "-m", *WORKER])
    crew.start("beat", [sys.executable, "-m", *BEAT])
    web_answers = crew.until(lambda: site.status(here, "/livez") == 200, seconds=30)
    all_well = web_answers and crew.until(lambda: site.status(here, "/healthz") == 200, seconds=15)
    screen.say(screen.screen(here, facts, web_answers=web_answers, all_well=all_well))
