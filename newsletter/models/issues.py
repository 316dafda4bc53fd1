"""What the house prints: Issue, TrendWeights, Candidate, Baseline, Edition."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from newsletter.models.papers import Paper, Source, random_id


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
    pruned = models.PositiveIntegerField(default=0, help_text="of the prepared ones: aged out of the ledger since")
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


class TrendWeights(models.Model):
    """What a curator made of the trending formula: the newest row counts, none means the shipped weights. Append-only.

    The fields are those of `matching.trend.Weights`, where their bounds and defaults are.
    """

    upvotes = models.FloatField()
    comments = models.FloatField()
    stars = models.FloatField()
    upvotes_gained = models.FloatField()
    stars_gained = models.FloatField()
    sources = models.FloatField()
    half_after_days = models.FloatField()
    since_at = models.DateTimeField()
    by = models.CharField(max_length=150, help_text="login, never an address")

    class Meta:
        verbose_name_plural = "trend weights"

    def __str__(self) -> str:
        return f"weights {self.pk} since {self.since_at:%Y-%m-%d %H:%M}"


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
    why = models.CharField(max_length=200, blank=True, default="", help_text="AGAIN: why it comes later, as said on the card")
    upvotes = models.IntegerField(null=True, blank=True)
    comments = models.IntegerField(null=True, blank=True)
    stars = models.IntegerField(null=True, blank=True)
    upvotes_gained = models.IntegerField(null=True, blank=True, help_text="in the last 24 h; null: nobody says")
    stars_gained = models.IntegerField(null=True, blank=True, help_text="in the last 24 h; null: nobody says")
    sources = models.PositiveIntegerField(default=1, help_text="independent places that showed it")
    listed_trending = models.BooleanField(default=False, help_text="a trending source lists it")
    listed_by = models.JSONField(default=list, blank=True, help_text="names, then slugs, of the sources: what source: looks in")
    has_code = models.BooleanField(default=False)
    has_project = models.BooleanField(default=False)
    trend = models.FloatField(default=0.0, help_text="matching.trend's total, >= 0")
    weights = models.ForeignKey(
        TrendWeights,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="of trend; null: the shipped ones",
    )
    pin = models.CharField(max_length=10, choices=PinScope, default=PinScope.NONE)
    pinned_at = models.DateTimeField(null=True, blank=True)
    hidden_at = models.DateTimeField(null=True, blank=True)
    summary_edit = models.TextField(blank=True, default="", help_text="the curator's summary; shown instead of the source's")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["issue", "paper"], name="paper_once_an_issue"),
            models.UniqueConstraint(fields=["paper"], condition=Q(kind="NEW"), name="paper_new_once"),
        ]
        indexes = [models.Index(fields=["paper"], name="candidate_edited", condition=~Q(summary_edit=""))]

    def __str__(self) -> str:
        return f"{self.kind} {self.paper_id} in {self.issue_id}"


class Baseline(models.Model):
    """What one source had counted for a paper when a day began: break-outs are measured from here (`docs/trending.md`)."""

    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="+")
    source = models.ForeignKey(Source, on_delete=models.CASCADE, related_name="+")
    upvotes = models.IntegerField()
    listed_on = models.DateField(help_text="the source's own day of the list that said so")
    seen_at = models.DateTimeField(help_text="when that list last changed what it says")
    taken_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["paper", "source"], name="baseline_once_a_paper_and_source")]

    def __str__(self) -> str:
        return f"{self.paper_id} had {self.upvotes} at {self.source_id}"


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
