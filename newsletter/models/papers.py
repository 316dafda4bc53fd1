"""What the world shows: Source, Permit, Paper, Alias, Sighting."""

from __future__ import annotations

import base64
import secrets

from django.db import models


def random_id() -> str:
    """95 random bits as 16 URL-safe characters: the only kind of id that leaves the house.

    The first is a letter: no command takes one for an option, no spreadsheet for a sum."""
    drawn = bytearray(secrets.token_bytes(12))
    drawn[0] &= 0x7F
    return base64.urlsafe_b64encode(drawn).decode()


class Outcome(models.TextChoices):
    """What one reading of a source came to. Only FRESH and QUIET move the cursor."""

    NEVER = "NEVER", "never read"
    FRESH = "FRESH", "fresh"
    QUIET = "QUIET", "valid and empty"
    LATE = "LATE", "same batch as last time"
    PARTIAL = "PARTIAL", "fewer than declared or usual"
    BROKEN = "BROKEN", "error"


class Source(models.Model):
    """A place where papers appear, read on its own schedule."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, help_text="module of newsletter.sources, as in its KINDS")
    params = models.JSONField(default=dict, blank=True, help_text="what the kind needs: url, category, ...")
    enabled = models.BooleanField(default=True)
    is_sample = models.BooleanField(default=False, help_text="reads the bundled sample, never the network")
    is_trending = models.BooleanField(default=False, help_text="being listed here is itself a sign of attention")
    every_minutes = models.PositiveIntegerField(default=180)
    due_at = models.DateTimeField(null=True, blank=True, db_index=True)
    cursor = models.CharField(
        max_length=200, blank=True, default="", help_text="last batch booked; moves on FRESH and QUIET only"
    )
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.NEVER)
    outcome_reason = models.TextField(blank=True, default="", help_text="a sentence a person can act on")
    checked_at = models.DateTimeField(null=True, blank=True)
    fetched_etag = models.CharField(max_length=200, blank=True, default="")
    fetched_last_modified = models.CharField(max_length=100, blank=True, default="")
    settling = models.JSONField(default=dict, blank=True, help_text="day -> [fingerprint of its small list, first read at]")
    fails = models.PositiveIntegerField(default=0, help_text="readings in a row that were BROKEN: the wait grows with them")
    leased_until = models.DateTimeField(null=True, blank=True, help_text="set: a process is reading it until then at the latest")
    told_outcome = models.CharField(
        max_length=10, blank=True, default="", help_text="what the curators were last told; empty = that it is well"
    )

    def __str__(self) -> str:
        return self.slug


class Permit(models.Model):
    """Who may ask a host now: shared by all processes, taken and returned by conditional UPDATE, in real seconds.

    host: a name, with its port when that is not the usual one; all of arxiv.org is one host.
    """

    host = models.CharField(max_length=200, unique=True)
    next_allowed_at = models.DateTimeField(help_text="no request before")
    held_until = models.DateTimeField(null=True, blank=True, help_text="set: one connection is open, until then at the latest")
    holder = models.CharField(max_length=32, blank=True, default="", help_text="token of the process that has it")
    fails = models.PositiveIntegerField(default=0, help_text="refusals in a row (429, 5xx, no answer): the wait doubles")
    said = models.CharField(max_length=200, blank=True, default="", help_text="why it waits, for people")
    robots = models.TextField(blank=True, default="", help_text="its robots.txt, as read")
    robots_at = models.DateTimeField(null=True, blank=True, help_text="when that was read; a day later it is read again")

    def __str__(self) -> str:
        return self.host


class Paper(models.Model):
    """One work, whatever number of versions and places. Votes, stars: the newest known, null = no source said."""

    public_id = models.CharField(max_length=16, unique=True, default=random_id, editable=False)
    title = models.TextField(help_text="cleaned: Unicode, one line")
    raw_title = models.TextField(blank=True, default="")
    abstract = models.TextField(blank=True, default="", help_text="empty when the licence forbids showing it")
    summary = models.TextField(blank=True, default="", help_text="the source's own one or two sentences")
    summary_by = models.CharField(max_length=60, blank=True, default="", help_text="who wrote the summary, as shown")
    authors = models.JSONField(default=list, help_text="names in the paper's order")
    authors_total = models.PositiveIntegerField(null=True, blank=True, help_text="null: the source cut the list with et al.")
    organizations = models.JSONField(default=list, help_text="as listed")
    categories = models.JSONField(default=list, help_text="arXiv codes, primary first")
    keywords = models.JSONField(default=list)
    url = models.URLField(max_length=500, blank=True, default="")
    pdf_url = models.URLField(max_length=500, blank=True, default="")
    code_url = models.URLField(max_length=500, blank=True, default="")
    project_url = models.URLField(max_length=500, blank=True, default="")
    has_code = models.BooleanField(default=False, help_text="a Code flag or link; the flag may come without a link")
    upvotes = models.IntegerField(null=True, blank=True)
    comments = models.IntegerField(null=True, blank=True)
    stars = models.IntegerField(null=True, blank=True)
    license = models.CharField(max_length=60, blank=True, default="")
    published_on = models.DateField(null=True, blank=True)
    listed_on = models.DateField(db_index=True, help_text="the day its first source listed it")
    seen_at = models.DateTimeField(help_text="when it was first read here")
    is_sample = models.BooleanField(default=False)
    trust = models.JSONField(default=dict, blank=True, help_text="field: trust in the place that its value is from; 0 gives way")
    withdrawn_at = models.DateTimeField(null=True, blank=True)
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged_from")
    merged_at = models.DateTimeField(null=True, blank=True, help_text="copies planned before it may hold both papers")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~models.Q(merged_into=models.F("id")), name="paper_not_merged_into_itself")
        ]
        indexes = [models.Index(fields=["id"], name="paper_withdrawn", condition=models.Q(withdrawn_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self.title[:80]} ({self.public_id})"

    def survivor(self) -> Paper:
        """The paper that it lives on in: merged_into to its end; itself when it was not merged."""
        paper = self
        while paper.merged_into is not None:
            paper = paper.merged_into
        return paper


class Scheme(models.TextChoices):
    """What an alias is an id in."""

    ARXIV = "arxiv", "arXiv id without version"
    DOI = "doi", "DOI, lower case"
    TITLE = "title", "fingerprint of title and first author"
    URL = "url", "address of an entry without other id"


class Alias(models.Model):
    """(scheme, value) belongs to one paper, for good. `locked`: a curator decided, machines leave it."""

    scheme = models.CharField(max_length=10, choices=Scheme)
    value = models.CharField(max_length=300)
    paper = models.ForeignKey(Paper, on_delete=models.PROTECT, related_name="aliases")
    home = models.ForeignKey(
        Paper, null=True, blank=True, on_delete=models.PROTECT, related_name="+", help_text="whose it was before a merge"
    )
    locked = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scheme", "value"], name="alias_belongs_to_one_paper")]

    def __str__(self) -> str:
        return f"{self.scheme}:{self.value}"


class Sighting(models.Model):
    """Who showed the paper, when, at which rank, with how many votes: a time series. Unchanged readings leave none."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="sightings")
    paper = models.ForeignKey(Paper, on_delete=models.PROTECT, related_name="sightings")
    alias = models.ForeignKey(
        Alias, null=True, blank=True, on_delete=models.PROTECT, related_name="sightings", help_text="the id it was shown under"
    )
    seen_at = models.DateTimeField()
    listed_on = models.DateField(help_text="the source's own day")
    rank = models.PositiveIntegerField(help_text="from 1")
    upvotes = models.IntegerField(null=True, blank=True)
    comments = models.IntegerField(null=True, blank=True)
    stars = models.IntegerField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "paper", "listed_on", "seen_at"], name="sighting_once_a_reading")
        ]
        indexes = [models.Index(fields=["paper", "seen_at"], name="sighting_paper_seen")]

    def __str__(self) -> str:
        return f"{self.source_id} saw {self.paper_id} at {self.seen_at:%Y-%m-%d %H:%M}"
