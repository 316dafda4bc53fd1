"""What leaves the house: Delivery, and Run (one execution of a stage)."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from newsletter.models.issues import Edition
from newsletter.models.papers import random_id
from newsletter.models.readers import Subscriber


class Kind(models.TextChoices):
    """What a copy is. The needs of each after the claim are in `newsletter.subscribers`."""

    DIGEST = "DIGEST", "digest"
    TEST = "TEST", "test copy of a digest"
    CONFIRM = "CONFIRM", "confirm the sign-up"
    ALREADY = "ALREADY", "already subscribed"
    LINK = "LINK", "preferences link"
    EXPORT = "EXPORT", "export link"
    ERASE = "ERASE", "erase link"
    MOVE_NEW = "MOVE_NEW", "address change, to the new address"
    MOVE_OLD = "MOVE_OLD", "address change, to the old address"
    GOODBYE = "GOODBYE", "goodbye"
    ALERT = "ALERT", "curator alert"


class Lane(models.IntegerChoices):
    """Service mails never wait behind a morning's digests: the cursor reads (lane, due_at, id)."""

    SERVICE = 0, "service"
    DIGEST = 1, "digest"


class DeliveryState(models.TextChoices):
    """PENDING -> SENDING -> SENT, FAILED, CANCELLED, UNCERTAIN; back to PENDING only when not accepted or not begun."""

    PENDING = "PENDING", "pending"
    SENDING = "SENDING", "sending"
    SENT = "SENT", "sent"
    FAILED = "FAILED", "failed"
    CANCELLED = "CANCELLED", "cancelled"
    UNCERTAIN = "UNCERTAIN", "uncertain"


OPEN_STATES = (DeliveryState.PENDING, DeliveryState.SENDING)
ACCEPTED_STATES = (DeliveryState.SENT, DeliveryState.UNCERTAIN)
WINDOW_STATES = (*OPEN_STATES, *ACCEPTED_STATES)


class RunState(models.TextChoices):
    RUNNING = "RUNNING", "running"
    DONE = "DONE", "done"
    FAILED = "FAILED", "failed"


class Run(models.Model):
    """One execution of a stage and its report. For plan: due == prepared + sum(excluded.values())."""

    stage = models.CharField(max_length=20)
    as_of = models.DateTimeField(help_text="the clock it was given")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=RunState, default=RunState.RUNNING)
    due = models.PositiveIntegerField(default=0)
    prepared = models.PositiveIntegerField(default=0)
    excluded = models.JSONField(default=dict, help_text="reason -> readers")
    report = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["stage", "-started_at"], name="run_stage_started")]

    def __str__(self) -> str:
        return f"{self.stage} {self.started_at:%Y-%m-%d %H:%M} {self.state}"


class Delivery(models.Model):
    """One reader's copy of anything that leaves.

    A digest's window is (after, upto] in issue numbers; both are fixed at planning. The wire's Message-ID is made
    of public_id. as_of: the claim's clock, so that what was shown can be shown again. run, run_seq: the planning
    wave that made it and its place there (from 1), so that a row deleted by hand is missed by name.
    """

    public_id = models.CharField(max_length=16, default=random_id, editable=False)
    subscriber = models.ForeignKey(
        Subscriber,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="deliveries",
        db_index=False,
        db_constraint=False,
    )
    kind = models.CharField(max_length=8, choices=Kind)
    lane = models.PositiveSmallIntegerField(choices=Lane)
    edition = models.ForeignKey(
        Edition, null=True, blank=True, on_delete=models.PROTECT, related_name="deliveries", db_index=False, db_constraint=False
    )
    slot_on = models.DateField(null=True, blank=True, help_text="the reader's local day")
    due_at = models.DateTimeField()
    late_at = models.DateTimeField(null=True, blank=True, help_text="digests: not sent from then on; fixed at planning")
    after = models.IntegerField(null=True, blank=True)
    upto = models.IntegerField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=DeliveryState, default=DeliveryState.PENDING)
    reason = models.CharField(max_length=120, blank=True, default="", help_text="why FAILED, CANCELLED, UNCERTAIN or waiting")
    attempts = models.PositiveSmallIntegerField(default=0)
    claim_token = models.CharField(max_length=32, blank=True, default="")
    claimed_at = models.DateTimeField(null=True, blank=True)
    as_of = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    to_address = models.CharField(max_length=254, blank=True, default="", help_text="service mails only, emptied once settled")
    provider_id = models.CharField(max_length=200, blank=True, default="", help_text="the provider's message id")
    params = models.JSONField(
        default=dict, blank=True, help_text="what a service mail needs to be written; no secret, no address"
    )
    run = models.ForeignKey(
        Run, null=True, blank=True, on_delete=models.PROTECT, related_name="deliveries", db_index=False, db_constraint=False
    )
    run_seq = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        # A million rows a morning: each index has a question or an invariant behind it. Nobody asks for the copies of an
        # edition, those of a run and of a reader are found by the indexes that begin with them, and `unique=True` would
        # add one for LIKE. Whether its edition, run and reader are there PostgreSQL would look up row by row, at half of what
        # writing costs; the audit does (decision 11).
        constraints = [
            models.UniqueConstraint(fields=["public_id"], name="delivery_public_id"),
            models.UniqueConstraint(fields=["subscriber", "slot_on"], condition=Q(kind="DIGEST"), name="one_digest_a_slot"),
            models.UniqueConstraint(
                fields=["subscriber"],
                condition=Q(kind="DIGEST", state__in=["PENDING", "SENDING"]),
                name="one_open_digest_a_reader",
            ),
            models.UniqueConstraint(
                fields=["subscriber", "after"],
                condition=Q(kind="DIGEST", state__in=["PENDING", "SENDING", "SENT", "UNCERTAIN"]),
                name="one_window_from_a_mark",
            ),
            models.CheckConstraint(condition=Q(after__lt=F("upto")) | ~Q(kind="DIGEST"), name="window_goes_forward"),
            models.CheckConstraint(
                condition=~Q(kind="DIGEST")
                | Q(edition__isnull=False, slot_on__isnull=False, after__isnull=False, upto__isnull=False, lane=1),
                name="digest_is_complete",
            ),
            models.CheckConstraint(condition=~Q(state="SENDING") | ~Q(claim_token=""), name="sending_is_claimed"),
            models.UniqueConstraint(fields=["run", "run_seq"], name="place_in_its_wave"),
        ]
        indexes = [
            models.Index(fields=["lane", "due_at", "id"], condition=Q(state="PENDING"), name="delivery_due"),
            models.Index(fields=["claim_token"], condition=Q(state="SENDING"), name="delivery_claimed"),
            models.Index(fields=["upto", "state"], name="delivery_upto_state"),
            models.Index(fields=["subscriber", "upto"], name="delivery_reader_upto"),
            models.Index(fields=["provider_id"], condition=~Q(provider_id=""), name="delivery_provider_id"),
        ]
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return f"{self.kind} {self.public_id} {self.state}"
