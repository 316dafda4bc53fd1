"""The schema on one page a noun family: nouns, states, constraints, querysets.

papers: Source, Permit, Paper, Alias, Sighting. issues: Issue, TrendWeights, Candidate, Baseline, Edition.
readers: Interest, Subscriber, SubscriberInterest, MutedInterest, Vote, Saved, Move, Suppression, Allowance,
Suggestion. ledger: Delivery, Run. record: Event, Act, Mark. search: Terms, Byline, Unindexed.
"""

from newsletter.models.issues import (
    AgainReason,
    Baseline,
    Candidate,
    CandidateKind,
    Edition,
    Issue,
    IssueState,
    PinScope,
    TrendWeights,
)
from newsletter.models.ledger import Delivery, DeliveryState, Kind, Lane, Run, RunState
from newsletter.models.papers import Alias, Outcome, Paper, Permit, Scheme, Sighting, Source
from newsletter.models.readers import (
    Allowance,
    CardLength,
    EmptyDay,
    Interest,
    Move,
    MutedInterest,
    Saved,
    Subscriber,
    SubscriberInterest,
    SubscriberStatus,
    Suggestion,
    SuggestionState,
    Suppression,
    SuppressionReason,
    Vote,
    Way,
)
from newsletter.models.record import Act, Event, Mark
from newsletter.models.search import Byline, BylineKind, Terms, Unindexed

__all__ = [
    "Act",
    "AgainReason",
    "Alias",
    "Allowance",
    "Baseline",
    "Byline",
    "BylineKind",
    "Candidate",
    "CandidateKind",
    "CardLength",
    "Delivery",
    "DeliveryState",
    "Edition",
    "EmptyDay",
    "Event",
    "Interest",
    "Issue",
    "IssueState",
    "Kind",
    "Lane",
    "Mark",
    "Move",
    "MutedInterest",
    "Outcome",
    "Paper",
    "Permit",
    "PinScope",
    "Run",
    "RunState",
    "Saved",
    "Scheme",
    "Sighting",
    "Source",
    "Subscriber",
    "SubscriberInterest",
    "SubscriberStatus",
    "Suggestion",
    "SuggestionState",
    "Suppression",
    "SuppressionReason",
    "Terms",
    "TrendWeights",
    "Unindexed",
    "Vote",
    "Way",
]
