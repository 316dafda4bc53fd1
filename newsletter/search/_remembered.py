"""Words that this process has read, for PostgreSQL: there a row's words lie in many places and are unpacked, its stamp is not.

A row that is written again has another stamp, which is asked for every time: what is remembered is never old.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock

from newsletter.search._kept import Words

MOST = 4_000  # papers, about 2.5 kB each; those that were asked for last


class Remembered:
    """Threads share it."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._words: OrderedDict[int, tuple[str, Words]] = OrderedDict()
        self._lock = Lock()

    def find(self, stamps: Mapping[int, str]) -> dict[int, Words]:
        """Of these papers, those that are known under the same stamp."""
        with self._lock:
            found = {
                paper: known[1] for paper, stamp in stamps.items() if (known := self._words.get(paper)) and known[0] == stamp
            }
            for paper in found:
                self._words.move_to_end(paper)
        return found

    def keep(self, words: Mapping[int, Words], stamps: Mapping[int, str]) -> None:
        with self._lock:
            self._words.update({paper: (stamps[paper], each) for paper, each in words.items()})
            while len(self._words) > self._most:
                self._words.popitem(last=False)

    def forget(self) -> None:
        with self._lock:
            self._words.clear()
