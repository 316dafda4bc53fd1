"""How well a paper fits a query, in [0, 1], and why. Pure: the same for preview, planning, search and topic pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from newsletter.matching import stems
from newsletter.matching.document import TEXT_FIELDS, Document, View
from newsletter.matching.nodes import And, Category, Flag, Leaf, Name, Node, Not, Number, Or, Text
from newsletter.matching.query import Query
from newsletter.matching.trend import THRESHOLD

SHOWN_TERMS = 3
LONGEST_NAME = 40
LONGEST_TERM = 60  # characters of the paper that a reason repeats


@dataclass(frozen=True, slots=True)
class _Bm25:
    """One field: what it can give at most, how quickly repeats saturate (k), its usual length in terms."""

    most: float
    k: float
    usual: int


# A word in the title alone (>= 0.6 up to 50 terms) beats any number of repeats in the abstract (< 0.5).
_FIELDS = {
    "title": _Bm25(0.9, 0.2, 11),
    "keywords": _Bm25(0.6, 0.2, 8),
    "summary": _Bm25(0.5, 0.5, 30),
    "abstract": _Bm25(0.5, 0.8, 180),
}
_LENGTH_SHARE = 0.4  # BM25's b

# Weights of words: what nearly every abstract has says little about this one.
_RARE, _USUAL, _FUNCTION = 0.9, 0.55, 0.08
_FUNCTION_WORDS = """
a about all also an and are as at be been between both but by can do each for from has have how in into is it its more most
not of on one or our over such than that the their then these they this through to two under up use was we what when where
which while who why will with
"""
_USUAL_WORDS = """
achieve algorithm analysis application approach art based benchmark data dataset deep design different effective efficient
evaluation experiment framework function general high improve information large learning low method model network neural new
novel paper performance present problem process propose research result show significant state study system task technique
time training using work
"""
_LIGHT_TERMS = {
    **dict.fromkeys(stems.terms(tuple(_USUAL_WORDS.split())), _USUAL),
    **dict.fromkeys(stems.terms(tuple(_FUNCTION_WORDS.split())), _FUNCTION),
}
_FACETS = {"org": 0.6, "trending": 0.5, "category": 0.3}
_OTHER_FACET = 0.2


@dataclass(frozen=True, slots=True)
class Match:
    """relevance in [0, 1]; terms: what matched, as the paper writes it, best first; field: where they stand.

    field: title, keywords, summary, abstract, author, org, source, category, code, project, trending, upvotes, stars,
    comments, age; "" when the query only says what to leave out.
    """

    relevance: float
    terms: tuple[str, ...]
    field: str


@dataclass(frozen=True, slots=True)
class _Hit:
    leaf: Leaf
    field: str
    strength: float


@dataclass(frozen=True, slots=True)
class _Weighed:
    """value in [0, 1]: how well it fits; weight in (0, 1]: how much that says."""

    value: float
    weight: float
    hits: tuple[_Hit, ...]


def score(doc: Document, query: Query) -> Match | None:
    """None: the query does not match."""
    if not query.matches(doc):
        return None
    weighed = _weigh(query.root, doc)
    if weighed is None:
        return Match(_OTHER_FACET, (), "")
    best = max(weighed.hits, key=lambda hit: (isinstance(hit.leaf, Text | Name), hit.strength))
    beside = sorted((hit for hit in weighed.hits if hit.field == best.field), key=lambda hit: -hit.strength)
    return Match(min(1.0, weighed.value * weighed.weight), _shown(beside, doc), best.field)


def reason(match: Match, query_name: str = "") -> str:
    """One line of plain text for a card: matches “mixture of experts” (title). The name is left out where the words say it.

    query_name: a topic's name; a longer text (a query in full) is not repeated on every card.
    """
    name, said = query_name.strip(), _said(match)
    known = {stems.terms(stems.words(term)) for term in (*match.terms, said)}
    return said if not name or len(name) > LONGEST_NAME or stems.terms(stems.words(name)) in known else f"{name}: {said}"


def _said(match: Match) -> str:
    first = match.terms[0] if match.terms else ""
    if match.field in TEXT_FIELDS:
        return f"matches {', '.join(f'“{term}”' for term in match.terms)} ({match.field})"
    count = {"upvotes": "votes", "stars": "stars", "comments": "comments"}.get(match.field)
    if count:
        return f"{first} {count.removesuffix('s') if first == '1' else count}"
    return {
        "author": f"by {first}", "org": f"from {first}", "source": f"listed by {first}", "category": f"in {first}",
        "code": "has code", "project": "has a project page", "trending": "trending now",
        "age": "listed today" if first == "0" else f"listed {first} {'day' if first == '1' else 'days'} ago",
    }.get(match.field, "nothing you left out")  # fmt: skip


# Node -> evidence. None: no evidence (a NOT that holds speaks for nothing).


def _weigh(node: Node, doc: Document) -> _Weighed | None:
    if isinstance(node, Not):
        return None
    if isinstance(node, And):
        return _weigh_and(node, doc)
    if isinstance(node, Or):
        found = [weighed for part in node.parts if part.holds(doc) and (weighed := _weigh(part, doc))]
        return _Weighed(_any(each.value * each.weight for each in found), 1.0, _hits(found)) if found else None
    return _weigh_text(node, doc) if isinstance(node, Text) else _weigh_facet(node, doc)


def _weigh_and(node: And, doc: Document) -> _Weighed | None:
    found = [weighed for part in node.parts if (weighed := _weigh(part, doc))]
    if not found:
        return None
    value = sum(each.value * each.weight for each in found) / sum(each.weight for each in found)
    weight = max(each.weight for each in found)
    texts = [part for part in node.parts if isinstance(part, Text)]
    if len(texts) > 1 and not any(part.prefix or part.field for part in texts):
        together = Text("", tuple(word for part in texts for word in part.words))
        if together.holds(doc):  # typed side by side and found so: half of what the quotes would have given
            weight = (weight + _phrase_weight(together.words)) / 2
    return _Weighed(value, weight, _hits(found))


def _weigh_text(leaf: Text, doc: Document) -> _Weighed:
    views = {"title": doc.title_view, "keywords": doc.keywords_view, "summary": doc.summary_view, "abstract": doc.abstract_view}
    wanted = {"": TEXT_FIELDS, "title": ("title",), "abstract": ("summary", "abstract")}[leaf.field]
    strengths = {field: _strength(leaf, views[field], _FIELDS[field]) for field in wanted}
    weight = _phrase_weight(leaf.words)
    best = max(strengths, key=lambda field: strengths[field])
    return _Weighed(_any(strengths.values()), weight, (_Hit(leaf, best, strengths[best] * weight),))


def _strength(leaf: Text, view: View, field: _Bm25) -> float:
    times = (view.surface if leaf.prefix else view.line).count(leaf.needle)
    length = 1 - _LENGTH_SHARE + _LENGTH_SHARE * view.length / field.usual
    return field.most * times / (times + field.k * length) if times else 0.0


def _phrase_weight(words: tuple[str, ...]) -> float:
    """A phrase says more than any of its words."""
    return 1 - prod(1 - _word_weight(word) for word in words)


def _word_weight(word: str) -> float:
    return _LIGHT_TERMS.get(stems.terms((word,))[0], _RARE)


def _weigh_facet(leaf: Leaf, doc: Document) -> _Weighed:
    field = leaf.field if isinstance(leaf, Name) else "category" if isinstance(leaf, Category) else leaf.name  # type: ignore[union-attr]
    weight = _RARE if field == "author" else _FACETS.get(field, _OTHER_FACET)
    value = doc.trend / (doc.trend + THRESHOLD) if field == "trending" else 1.0
    return _Weighed(value, weight, (_Hit(leaf, field, value * weight),))


def _any(values: Iterable[float]) -> float:
    return 1 - prod(1 - value for value in values)


def _hits(found: Iterable[_Weighed]) -> tuple[_Hit, ...]:
    return tuple(hit for each in found for hit in each.hits)


# What a reason shows.


def _shown(hits: Iterable[_Hit], doc: Document) -> tuple[str, ...]:
    """Best first; a term that stands within one already shown ("video" in "video generation") says nothing new."""
    shown: dict[str, str] = {}
    for hit in hits:
        written = _written(hit, doc)
        line = f" {' '.join(stems.terms(stems.words(written)))} "
        if not any(line in longer for longer in shown):
            shown[line] = written
    return tuple(shown.values())[:SHOWN_TERMS]


def _written(hit: _Hit, doc: Document) -> str:
    leaf = hit.leaf
    if isinstance(leaf, Text):
        texts = doc.keywords if hit.field == "keywords" else (getattr(doc, hit.field),)
        return next((found for text in texts if (found := _slice(leaf, text))), " ".join(leaf.words))
    if isinstance(leaf, Name):
        return leaf.found(doc) or " ".join(leaf.words)
    if isinstance(leaf, Category):
        codes = [code for code in doc.categories if leaf.folded in {code.casefold(), *code.casefold().split(".", 1)}]
        return codes[0] if codes else leaf.code
    if isinstance(leaf, Number):
        return str(getattr(doc, "age_days" if leaf.name == "age" else leaf.name))
    return leaf.name if isinstance(leaf, Flag) else ""


def _slice(leaf: Text, text: str) -> str:
    """The part of the text that the leaf found, on one line; "" when it is over 60 characters or not to be cut out."""
    pieces = [(start, end, word) for start, end, words in stems.pieces(text) for word in words]
    size = len(leaf.words)
    for at in range(len(pieces) - size + 1):
        run = pieces[at : at + size]
        if _same(leaf, tuple(word for _, _, word in run)):
            found = " ".join(stems.normal(text)[run[0][0] : run[-1][1]].split())
            return found if len(found) <= LONGEST_TERM else ""
    return ""


def _same(leaf: Text, words: tuple[str, ...]) -> bool:
    if leaf.prefix:
        return words[:-1] == leaf.words[:-1] and words[-1].startswith(leaf.words[-1])
    return stems.terms(words) == leaf.terms
