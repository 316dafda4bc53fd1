"""What becomes of readers when a curator rewrites a topic."""

from __future__ import annotations

from datetime import datetime

from newsletter.matching import compiled, query
from newsletter.models import Act, Interest, SubscriberInterest

PUBLISH = "publish topic"  # the act by which readers' own query becomes a topic


def keep_own_query(topic: Interest, before: str) -> int:
    """After a topic's query was rewritten: who had typed the old one before it was a topic keeps it. Readers moved.

    They share the topic's row, because an interest is one distinct query. Everybody who joined since the row was made a
    topic sees it as one on their page and follows it. Call in the transaction of the rewriting; twice is as once.
    """
    published_at = _published_at(topic)
    if published_at is None:
        return 0
    own = SubscriberInterest.objects.filter(interest=topic, added_at__lt=published_at)
    if not own.exists():
        return 0
    kept, _ = Interest.objects.get_or_create(query=before, defaults={"compiled": compiled.compiled(query.parse(before))})
    return own.update(interest=kept)


def _published_at(topic: Interest) -> datetime | None:
    """When readers' own query was last made a topic, by the log of acts; None: it was born as one."""
    act = Act.objects.filter(verb=PUBLISH, target=f"interest {topic.pk}").order_by("-seq").first()
    return act.at if act else None
