"""What the house prints: Issue, Candidate, Edition."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from newsletter.models.papers import Paper, random_id


class IssueState(models.TextChoices):
    """OPEN gathers; CLOSED is offered to readers; ARCHIVED was back-filled and mails nobody."""

    OPEN = "OPEN", "open"
    CLOSED = "CLOSED", "closed"
    ARCHIVED = "ARCHIVED", "archived"


class Issue(models.Model):
    """One closes every day, empty or not. `number` > 0 orders the windows; ARCHIVED days have -YYYYMMDD."""

    number = models.IntegerField(unique=True)
    state = models.CharField(max_length=10, choices=IssueState, default=IssueState.OPEN)
    closed_on = models.DateField(null=True, blank=True, db_index=True, help_text="date of its close in the installation's zone")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    held_at = models.DateTimeField(null=True, blank=True, help_text="set: no copy leaves whose window has this issue")
    note = models.TextField(blank=True, default="", help_text="the curator's note, Markdown")
    prepared = models.PositiveIntegerField(
        default=0, help_text="copies whose upto is this issue; counted in the planning transaction"
    )
    done_at = models.DateTimeField(null=True, blank=True, help_text="a newer issue has closed and none of its copies is open")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=Q(state="OPEN"), name="one_open_issue"),
            models.CheckConstraint(
                condition=(Q(state="ARCHIVED") & Q(number__lt=0)) | (~Q(state="ARCHIVED") & Q(number__gt=0)),
                name="archived_issues_have_negative_numbers",
            ),
            models.CheckConstraint(
                condition=Q(state="OPEN", closed_at__isnull=True, closed_on__isnull=True)
                | (~Q(state="OPEN") & Q(closed_at__isnull=False, closed_on__isnull=False)),
                name="closed_issue_has_its_close",
            ),
        ]

    def __str__(self) -> str:
        return f"Issue {self.number} ({self.state})"


class CandidateKind(models.TextChoices):
    """NEW once per paper, ever; AGAIN whatever looks back (its reasons are a set)."""

    NEW = "NEW", "new"
    AGAIN = "AGAIN", "again"


class AgainReason(models.TextChoices):
    """Why a paper is offered again, and only to readers who have not had it."""

    LISTED = "LISTED", "a trending source lists it for the first time"
    RISEN = "RISEN", "a break-out"
    TRUE = "TRUE", "its signals made an interest match that did not"
    PINNED = "PINNED", "pinned by the curator"
    RESTORED = "RESTORED", "restored by the curator"
    SPLIT = "SPLIT", "split from another paper"


class PinScope(models.TextChoices):
    """A pin goes before all else: to everyone, or to readers whose interests match."""

    NONE = "NONE", "not pinned"
    MATCHING = "MATCHING", "matching readers"
    EVERYONE = "EVERYONE", "everyone"


class Candidate(models.Model):
    """Issue x paper; this row is what the curator edits. Signals are live while the issue is OPEN, frozen at its close."""

    issue = models.ForeignKey(Issue, on_delete=models.PROTECT, related_name="candidates")
    paper = models.ForeignKey(Paper, on_delete=models.PROTECT, related_name="candidates")
    kind = models.CharField(max_length=5, choices=CandidateKind, default=CandidateKind.NEW)
    reasons = models.JSONField(default=list, help_text="AgainReason values; empty for NEW")
    upvotes = models.IntegerField(null=True, blank=True)
    comments = models.IntegerField(null=True, blank=True)
    stars = models.IntegerField(null=True, blank=True)
    sources = models.PositiveIntegerField(default=1, help_text="independent sources that showed it")
    listed_trending = models.BooleanField(default=False, help_text="a trending source lists it")
    has_code = models.BooleanField(default=False)
    trend = models.FloatField(default=0.0, help_text="matching.trend's total, >= 0")
    pin = models.CharField(max_length=10, choices=PinScope, default=PinScope.NONE)
    pinned_at = models.DateTimeField(null=True, blank=True)
    hidden_at = models.DateTimeField(null=True, blank=True)
    summary_edit = models.TextField(blank=True, default="", help_text="the curator's summary; shown instead of the source's")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["issue", "paper"], name="paper_once_an_issue"),
            models.UniqueConstraint(fields=["paper"], condition=Q(kind="NEW"), name="paper_new_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.paper_id} in {self.issue_id}"


class Edition(models.Model):
    """An ordered list of picks shared by all readers for whom the result is the same. Immutable.

    picks: list of [candidate id, paper id, interest id or null (a pin to everyone), reason text].
    key: sha256 hex of the canonical JSON of picks, so planning twice finds the same row.
    """

    key = models.CharField(max_length=64, unique=True)
    public_id = models.CharField(max_length=16, unique=True, default=random_id, editable=False)
    picks = models.JSONField(default=list)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Edition {self.public_id} ({len(self.picks)} papers)"
