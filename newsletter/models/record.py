"""What was said and done: Event (the world), Act (people), Mark (the clock's pulse)."""

from __future__ import annotations

from django.db import models

from newsletter.models.ledger import Delivery

HARD_REASONS = ("bounced", "invalid")  # of a bounced or rejected Event: the address does not exist


class Event(models.Model):
    """One provider notice in django-anymail's vocabulary. Append-only; holds no address."""

    provider = models.CharField(max_length=30)
    key = models.CharField(max_length=128, help_text="event id, else sha256 of the notice")
    type = models.CharField(max_length=20, help_text="delivered, bounced, complained, unsubscribed, autoresponded, ...")
    reject_reason = models.CharField(max_length=20, blank=True, default="")
    recipient_key = models.CharField(max_length=64, blank=True, default="", help_text="keyed hash")
    delivery = models.ForeignKey(Delivery, null=True, blank=True, on_delete=models.SET_NULL, related_name="events")
    happened_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True, blank=True, help_text="null: the verdict is still to come")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["provider", "key"], name="notice_once")]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(applied_at__isnull=True), name="event_open"),
            models.Index(fields=["recipient_key", "type"], name="event_of_an_address"),
            models.Index(
                fields=["received_at"], condition=models.Q(type__in=["bounced", "complained", "rejected"]), name="event_bad"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.type} {self.key[:12]}"


class Act(models.Model):
    """Who did what in desk or API. `hash` = sha256 over prev_hash and this row: a changed row breaks the chain."""

    seq = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    verb = models.CharField(max_length=40)
    target = models.CharField(max_length=120, blank=True, default="")
    details = models.JSONField(default=dict)
    prev_hash = models.CharField(max_length=64, blank=True, default="")
    hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"#{self.seq} {self.actor} {self.verb} {self.target}"


class Mark(models.Model):
    """A sign of life: a beat-scheduled task running in a worker writes `pulse`; /healthz reads its age."""

    name = models.CharField(max_length=40, unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M:%S}"
