"""A fresh process has read no paper and answered no topic: it does so by itself, so that no visitor waits for it."""

from __future__ import annotations

import logging
from threading import Thread

from django.db import DatabaseError, connections

from newsletter import editions
from newsletter.web import answers, kept, listing

logger = logging.getLogger(__name__)


def begin() -> Thread:
    """In a thread; whoever asks meanwhile waits for what is being read, as it would have to be read anyway."""
    thread = Thread(target=_begin, name="warm", daemon=True)
    thread.start()
    return thread


def read_ahead() -> None:
    """The papers of the last days, and what every topic finds there. Changes nothing."""
    topics = [row.query for row in listing.topic_rows()]
    editions.preview(queries=topics, now=answers.clock(), carded=0, keep=kept.recent(kept.version()))


def _begin() -> None:
    try:
        read_ahead()
    except DatabaseError as error:  # not yet migrated, or not there: the first visitor will be told
        logger.info("The papers of the last days were not read ahead: %s.", type(error).__name__)
    finally:
        connections.close_all()
