"""The schema on one page a noun family: nouns, states, constraints, querysets.

papers: Source, Permit, Paper, Alias, Sighting. issues: Issue, TrendWeights, Candidate, Baseline, Edition.
readers: Interest, Subscriber, SubscriberInterest, Suppression, Allowance, ApiKey.
ledger: Delivery, Run. record: Event, Act, Mark. search: Terms, Unindexed.
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
    ApiKey,
    CardLength,
    EmptyDay,
    Interest,
    Subscriber,
    SubscriberInterest,
    SubscriberStatus,
    Suppression,
    SuppressionReason,
)
from newsletter.models.record import Act, Event, Mark
from newsletter.models.search import Terms, Unindexed

__all__ = [
    "Act",
    "AgainReason",
    "Alias",
    "Allowance",
    "ApiKey",
    "Baseline",
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
    "Outcome",
    "Paper",
    "Permit",
    "PinScope",
    "Run",
    "RunState",
    "Scheme",
    "Sighting",
    "Source",
    "Subscriber",
    "SubscriberInterest",
    "SubscriberStatus",
    "Suppression",
    "SuppressionReason",
    "Terms",
    "TrendWeights",
    "Unindexed",
]
