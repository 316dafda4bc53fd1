"""Interests and ranking: the query language, relevance, the trending formula, the shipped topics.

Pure: values in, values out; no model, no database, no network, no clock. Call the verbs by their modules:
`query.parse`, `score.score`, `score.reason`, `trend.trend`, `topics.topics`.
"""

from newsletter.matching.document import Document
from newsletter.matching.query import BadQuery, Query
from newsletter.matching.score import Match
from newsletter.matching.topics import Topic

__all__ = ["BadQuery", "Document", "Match", "Query", "Topic"]
