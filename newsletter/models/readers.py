"""Who reads: Interest, Subscriber, Suppression, Allowance, and what a reader said of papers and of the address."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.db import models
from django.db.models import Q

from newsletter.models.papers import Paper, random_id


class Interest(models.Model):
    """One distinct canonical query, shared by all readers who have it. One with a slug and a name is a Topic."""

    query = models.CharField(max_length=500, unique=True, help_text="canonical form of newsletter.matching.query")
    compiled = models.TextField(
        blank=True, default="", help_text="newsletter.matching.compiled; empty or of another version: made anew by prepare"
    )
    slug = models.SlugField(max_length=60, unique=True, null=True, blank=True, help_text="set: a public topic")
    name = models.CharField(max_length=80, blank=True, default="")
    line = models.CharField(max_length=160, blank=True, default="", help_text="one line that says what the topic holds")
    group = models.CharField(max_length=60, blank=True, default="")
    position = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(slug__isnull=True) | ~Q(name=""), name="topic_has_a_name")]

    def __str__(self) -> str:
        return self.name or self.query


class SubscriberStatus(models.TextChoices):
    """PENDING until confirmed; ACTIVE reads; LEFT by own wish; BOUNCED and COMPLAINED by the provider's word."""

    PENDING = "PENDING", "pending"
    ACTIVE = "ACTIVE", "active"
    LEFT = "LEFT", "left"
    BOUNCED = "BOUNCED", "bounced"
    COMPLAINED = "COMPLAINED", "complained"


class EmptyDay(models.TextChoices):
    """What a reader wants on a day without papers."""

    SILENT = "SILENT", "nothing"
    NOTE = "NOTE", "a one-line note"
    BEST = "BEST", "best of the week"


class CardLength(models.TextChoices):
    """How much of each paper a card shows."""

    TITLE = "TITLE", "title"
    SUMMARY = "SUMMARY", "summary"
    FINDING = "FINDING", "summary in the authors’ own words"
    ABSTRACT = "ABSTRACT", "abstract"


def leave_id() -> str:
    """128 random bits as 22 URL-safe characters."""
    return secrets.token_urlsafe(16)


class Subscriber(models.Model):
    """An address, its consent, and how it wants to be served. The row is deleted by erasure."""

    public_id = models.CharField(max_length=16, unique=True, default=random_id, editable=False)
    leave_id = models.CharField(
        max_length=22, default=leave_id, editable=False, help_text="whoever holds it may unsubscribe this reader, no more"
    )
    feed_id = models.CharField(
        max_length=22, unique=True, null=True, blank=True, help_text="whoever holds it may read this reader's own feed, no more"
    )
    address = models.EmailField(max_length=254)
    address_key = models.CharField(max_length=64, unique=True, help_text="keyed hash of the normalised address")
    status = models.CharField(max_length=12, choices=SubscriberStatus, default=SubscriberStatus.PENDING)
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    left_at = models.DateTimeField(null=True, blank=True)
    consent_text = models.TextField(blank=True, default="", help_text="the words shown beside the button")
    consent_network_key = models.CharField(
        max_length=64, blank=True, default="", help_text="keyed hash of the network that asked"
    )
    confirm_hash = models.CharField(
        max_length=64, blank=True, default="", help_text="sha256 of the newest confirmation token; kept after its use"
    )
    confirm_expires_at = models.DateTimeField(null=True, blank=True)
    asked = models.JSONField(
        null=True, blank=True, help_text="what was asked for at the form since this reader left; holds once it is confirmed"
    )
    zone = models.CharField(max_length=64, default="UTC", help_text="IANA name")
    hour = models.PositiveSmallIntegerField(default=7, help_text="local hour of the digest, 0-23")
    days = models.PositiveSmallIntegerField(default=0b0011111, help_text="bit 0 = Monday ... bit 6 = Sunday")
    next_slot_at = models.DateTimeField(null=True, blank=True, help_text="instant of the next slot to plan; null: not ACTIVE")
    max_papers = models.PositiveSmallIntegerField(default=10)
    empty_day = models.CharField(max_length=8, choices=EmptyDay, default=EmptyDay.SILENT)
    card_length = models.CharField(max_length=10, choices=CardLength, default=CardLength.SUMMARY)
    text_only = models.BooleanField(default=False)
    locale = models.CharField(max_length=10, default="en")
    paused_until = models.DateField(null=True, blank=True, help_text="first local day with a digest again")
    muted = models.JSONField(default=list, help_text="lower-case words and author names that never appear")
    interests: models.ManyToManyField[Interest, SubscriberInterest] = models.ManyToManyField(
        Interest, through="SubscriberInterest", related_name="subscribers"
    )

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(hour__lte=23), name="hour_of_a_day"),
            models.CheckConstraint(condition=Q(days__lte=127), name="days_of_a_week"),
            models.CheckConstraint(condition=Q(max_papers__gte=3, max_papers__lte=25), name="three_to_twenty_five_papers"),
            models.UniqueConstraint(fields=["leave_id"], name="one_way_out_a_reader"),
        ]
        indexes = [
            models.Index(fields=["next_slot_at", "id"], condition=Q(status="ACTIVE"), name="subscriber_due"),
            models.Index(fields=["confirm_hash"], condition=~Q(confirm_hash=""), name="subscriber_confirm"),
        ]

    def __str__(self) -> str:
        return f"reader {self.public_id}"


class SubscriberInterest(models.Model):
    """A reader's interest. None at all means is:trending."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE)
    interest = models.ForeignKey(Interest, on_delete=models.PROTECT)
    added_at = models.DateTimeField(help_text="newer than the last digest: the interest catches up")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscriber", "interest"], name="interest_once_a_reader")]

    def __str__(self) -> str:
        return f"{self.subscriber_id} reads {self.interest_id}"


class MutedInterest(models.Model):
    """What this interest matches never reaches the reader, whatever else matches it; it may be one of the reader's own."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="mutes")
    interest = models.ForeignKey(Interest, on_delete=models.PROTECT, related_name="+")
    muted_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscriber", "interest"], name="interest_muted_once_a_reader")]

    def __str__(self) -> str:
        return f"{self.subscriber_id} mutes {self.interest_id}"


class Way(models.TextChoices):
    """Which way a vote points."""

    MORE = "MORE", "more like this"
    LESS = "LESS", "less like this"


class Vote(models.Model):
    """What a reader said of a paper; the last word counts."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="votes")
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="+")
    way = models.CharField(max_length=4, choices=Way)
    voted_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscriber", "paper"], name="vote_once_a_paper")]

    def __str__(self) -> str:
        return f"{self.subscriber_id} wants {self.way} like {self.paper_id}"


class Saved(models.Model):
    """A paper that a reader keeps."""

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="saved")
    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="+")
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscriber", "paper"], name="saved_once_a_paper")]
        verbose_name_plural = "saved papers"

    def __str__(self) -> str:
        return f"{self.subscriber_id} keeps {self.paper_id}"


class Move(models.Model):
    """A change of address: asked, made when the new one is confirmed, perhaps undone from the old one.

    The addresses are emptied once nothing can be undone; the keys stay for a while, so that a bounce that comes late is
    booked on the address it is about.
    """

    subscriber = models.ForeignKey(Subscriber, on_delete=models.CASCADE, related_name="moves")
    ask_ref = models.CharField(max_length=16, unique=True, help_text="public id of the mail to the new address")
    undo_ref = models.CharField(max_length=16, blank=True, default="", help_text="public id of the mail to the old one")
    from_address = models.CharField(max_length=254, blank=True, default="")
    from_key = models.CharField(max_length=64)
    to_address = models.CharField(max_length=254, blank=True, default="")
    to_key = models.CharField(max_length=64)
    asked_at = models.DateTimeField()
    moved_at = models.DateTimeField(null=True, blank=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["undo_ref"], condition=~Q(undo_ref=""), name="move_undo")]

    def __str__(self) -> str:
        return f"move {self.ask_ref} of {self.subscriber_id}"


class SuppressionReason(models.TextChoices):
    """Why an address gets no digest. Outlives erasure."""

    LEFT = "LEFT", "left"
    ERASED = "ERASED", "erased"
    HARD_BOUNCE = "HARD_BOUNCE", "hard bounce"
    COMPLAINT = "COMPLAINT", "complaint"
    NEVER = "NEVER", "asked never to be mailed"


class Suppression(models.Model):
    """A keyed hash of an address and the reason; never the address."""

    address_key = models.CharField(max_length=64)
    reason = models.CharField(max_length=12, choices=SuppressionReason)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["address_key", "reason"], name="suppression_once_a_reason")]

    def __str__(self) -> str:
        return f"{self.reason} {self.address_key[:8]}"


class Allowance(models.Model):
    """A counter that protects strangers: (scope, key, day) -> used. A row, atomic over processes (invariant 12)."""

    scope = models.CharField(max_length=30)
    key = models.CharField(max_length=64)
    day_on = models.DateField()
    used = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "key", "day_on"], name="allowance_once_a_day")]

    def __str__(self) -> str:
        return f"{self.scope} {self.day_on}: {self.used}"


class SuggestionState(models.TextChoices):
    """OPEN until a curator looked at it."""

    OPEN = "OPEN", "open"
    DONE = "DONE", "done"


class Suggestion(models.Model):
    """A paper that readers miss: an id or a link, nothing else of what they typed, and how often it was named."""

    scheme = models.CharField(max_length=10, help_text="arxiv, doi or url")
    value = models.CharField(max_length=300)
    asked = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=6, choices=SuggestionState, default=SuggestionState.OPEN)
    created_at = models.DateTimeField()
    asked_at = models.DateTimeField(help_text="the last time")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scheme", "value"], name="suggestion_once")]

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"


class ApiKey(models.Model):
    """A curator's key to the API: its hash, never the key. Revoked, not deleted: the log of acts names it."""

    public_id = models.CharField(max_length=16, unique=True, default=random_id, editable=False)
    name = models.CharField(max_length=80, help_text="who or what uses it")
    key_hash = models.CharField(max_length=64, unique=True, help_text="sha256 of the key, which was shown once")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, help_text="whose rights it has")
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"key {self.public_id} ({self.name})"
