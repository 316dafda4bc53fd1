"""What the search room keeps: Terms, Byline, Unindexed. Its index itself is of each database's own kind (decision 0008)."""

from __future__ import annotations

from django.db import models

from newsletter.models.papers import Paper


class Terms(models.Model):
    """A paper's words as `matching` compares them: enough to find it and to score it without cutting its text again.

    title to abstract: a View's line; words: each folded word once, and each CJK character; authors, organizations: folded
    words, " | " between names; facets: category codes. kept: what `search._kept` reads back, a line each.
    """

    paper = models.OneToOneField(Paper, primary_key=True, on_delete=models.CASCADE, related_name="terms")
    version = models.CharField(max_length=12, db_index=True, help_text="of the rules that cut the words")
    listed_on = models.DateField()
    title = models.TextField()
    keywords = models.TextField()
    summary = models.TextField()
    abstract = models.TextField()
    words = models.TextField()
    authors = models.TextField()
    organizations = models.TextField()
    facets = models.TextField()
    kept = models.TextField()

    def __str__(self) -> str:
        return f"terms of paper {self.paper_id}"


class BylineKind(models.TextChoices):
    """Whose name stands over a paper."""

    AUTHOR = "AUTHOR", "author"
    LAB = "LAB", "lab"


class Byline(models.Model):
    """A name over a paper, as listed: what the pages of authors and labs are found by. Two people of one name are one here."""

    paper = models.ForeignKey(Paper, on_delete=models.CASCADE, related_name="bylines")
    kind = models.CharField(max_length=6, choices=BylineKind)
    slug = models.CharField(max_length=120, help_text="search.slug_of the name")
    name = models.CharField(max_length=200)
    listed_on = models.DateField(help_text="the paper's, so that the newest are read by the index alone")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["paper", "kind", "slug"], name="byline_once_a_paper")]
        indexes = [models.Index(fields=["kind", "slug", "-listed_on", "-paper"], name="byline_newest")]

    def __str__(self) -> str:
        return f"{self.kind} {self.slug} of paper {self.paper_id}"


class Unindexed(models.Model):
    """A paper that is new or has changed since its Terms were written. Triggers of the database write these rows."""

    paper = models.OneToOneField(Paper, primary_key=True, on_delete=models.CASCADE, related_name="+")

    def __str__(self) -> str:
        return f"paper {self.paper_id} is to be indexed"
