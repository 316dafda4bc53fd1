"""Papers that were never written: abstracts of about 180 words over a vocabulary whose words are as unevenly used as real ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from newsletter.matching import trend
from newsletter.models import Candidate, Issue, Paper

VOCABULARY = 40_000
_COMMON = """
the of and a to in we for that is with on this by are as from be our an which can it model method data results show
approach learning propose based using network performance training task language large paper image new work state
problem framework analysis system study different information high demonstrate experiments representation time existing
feature graph robot diffusion agent policy optimization attention transformer benchmark code generation reasoning vision
video detection
""".split()  # noqa: SIM905 (a list of words reads as a text)
_STARTS = ["str", "pr", "tr", "pl", "gr", "cl", "sp", "br", "m", "n", "r", "s", "t", "v", "l", "d", "f", "p", "c", "h"]
_VOWELS = ["a", "e", "i", "o", "u", "ea", "ou"]
_ENDS = ["tion", "ing", "al", "ity", "er", "ic", "ment", "s", "ed", "ive", "ous", "n", "r", "l", "m"]
_CODES = ("cs.LG", "cs.CL", "cs.CV", "cs.AI", "cs.RO", "stat.ML", "eess.IV", "math.OC", "q-bio.NC", "cs.DC")


@dataclass(frozen=True)
class Writer:
    """Writes papers from a seed: equal seeds, equal papers."""

    dice: np.random.Generator
    words: np.ndarray
    shares: np.ndarray  # rising to 1: a random number's place among them is a word

    @classmethod
    def of(cls, seed: int) -> Writer:
        dice = np.random.default_rng(seed)
        words = dict.fromkeys(_COMMON)
        while len(words) < VOCABULARY:
            parts = [dice.choice(some, VOCABULARY) for some in (_STARTS, _VOWELS, _STARTS, _VOWELS, _ENDS)]
            words.update(dict.fromkeys(map("".join, zip(*parts, strict=True))))
        weights = 1.0 / (np.arange(VOCABULARY) + 3.0)
        return cls(dice, np.array(list(words)[:VOCABULARY]), np.cumsum(weights / weights.sum()))

    def text(self, words: int) -> str:
        return " ".join(self.words[np.searchsorted(self.shares, self.dice.random(words))])

    def word(self, low: int, high: int) -> str:
        """One whose rank, by how often it is used, lies between."""
        return str(self.words[self.dice.integers(low, high)])

    def papers(self, number: int, *, newest: date, days: int) -> Iterator[Paper]:
        """Oldest first."""
        for place in range(number):
            on = newest - timedelta(days=days - 1 - place * days // number)
            votes = int(self.dice.pareto(1.0) * 3) if self.dice.random() < 0.3 else None
            yield Paper(
                title=self.text(int(self.dice.integers(5, 15))).capitalize(),
                abstract=self.text(min(max(int(self.dice.normal(180, 40)), 40), 400)),
                authors=[f"{self.word(300, 3000).title()} {self.word(300, 9000).title()}" for _ in range(4)],
                organizations=[f"{self.word(300, 900).title()} University"],
                categories=list(self.dice.choice(_CODES, size=2, replace=False)),
                keywords=[self.word(40, 4000), f"{self.word(40, 900)} {self.word(40, 900)}"],
                url="https://example.org/paper", has_code=bool(self.dice.random() < 0.3), upvotes=votes,
                comments=votes and votes // 8, listed_on=on, seen_at=f"{on}T12:00:00Z",
                project_url="https://example.org/project" if self.dice.random() < 0.1 else "",
            )  # fmt: skip


def candidate(issue: Issue, paper: Paper) -> Candidate:
    """With the signals that the paper has on its day."""
    heat = trend.trend(trend.Signals(upvotes=paper.upvotes, comments=paper.comments, age_days=0)).total
    return Candidate(
        issue=issue, paper=paper, upvotes=paper.upvotes, comments=paper.comments, has_code=paper.has_code,
        has_project=bool(paper.project_url), listed_by=["arXiv", "arxiv"], trend=round(heat, 6),
    )  # fmt: skip
