"""How well a paper fits a query, in [0, 1], and why. Pure: the same for preview, planning, search and topic pages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from operator import add, mul
from typing import Any

from newsletter.matching import rarity, stems
from newsletter.matching.document import TEXT_FIELDS, Document, View
from newsletter.matching.nodes import And, Category, Flag, Leaf, Name, Node, Not, Number, Or, Text
from newsletter.matching.passages import Passage
from newsletter.matching.query import Query
from newsletter.matching.trend import THRESHOLD

Real = Any  # a float or an array of floats
SCOPES = {"": TEXT_FIELDS, "title": ("title",), "abstract": ("summary", "abstract")}  # Text.field -> the fields it is found in
SHOWN_TERMS = 3
_WORDS = (Text, Name)
LONGEST_NAME = 40


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

_RARE = 0.9  # a word that stands in no grade of common_words.toml
_LIGHT_TERMS = rarity.light_terms()
_FACETS = {"org": 0.6, "trending": 0.5, "category": 0.3}
_OTHER_FACET = 0.2
NO_EVIDENCE = 0.2  # of a query that only says what to leave out


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
class Hit:
    """One leaf found in one paper. strength: by which a reason chooses what it tells; see `said`."""

    leaf: Leaf
    field: str
    strength: float


@dataclass(frozen=True, slots=True)
class _Weighed:
    """value in [0, 1]: how well it fits; weight in (0, 1]: how much that says."""

    value: float
    weight: float
    hits: tuple[Hit, ...]


def relevance(doc: Document, query: Query) -> float | None:
    """`score`'s number alone, without its words: for ranking many. None: the query does not match."""
    if not query.matches(doc):
        return None
    weighed = _weigh(query.root, doc)
    return NO_EVIDENCE if weighed is None else fit(weighed.value, weighed.weight)


def score(doc: Document, query: Query) -> Match | None:
    """None: the query does not match."""
    if not query.matches(doc):
        return None
    weighed = _weigh(query.root, doc)
    if weighed is None:
        return Match(NO_EVIDENCE, (), "")
    return Match(fit(weighed.value, weighed.weight), *said(weighed.hits, lambda hit: written(hit, doc)))


def reason(match: Match, query_name: str = "") -> str:
    """One line of plain text for a card: matches “mixture of experts” (title). The name is left out where the words say it.

    query_name: a topic's name; a longer text (a query in full) is not repeated on every card.
    """
    name, sentence = query_name.strip(), _sentence(match)
    if not name or len(name) > LONGEST_NAME or any(_same(name, known) for known in (*match.terms, sentence)):
        return sentence
    return f"{name}: {sentence}"


def _same(name: str, known: str) -> bool:
    return _line(name) == _line(known)


@lru_cache(maxsize=50_000)
def _line(text: str) -> str:
    """Its terms between spaces, so that one line stands within another only by whole terms."""
    return f" {' '.join(stems.terms(stems.words(text)))} "


def _sentence(match: Match) -> str:
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


# Arithmetic that one paper (floats) and a whole day (arrays of them, `crowd`) share to the last bit: the same steps in the
# same order; 0 stands for no evidence.


def fit(value: Real, weight: Real) -> Real:
    """Relevance, to a millionth, so that equal papers tie."""
    return (value * weight * 1e6 + 0.5) // 1 / 1e6


def any_of(values: Iterable[Real]) -> Real:
    return 1 - reduce(mul, (1 - value for value in values))


def total(values: Iterable[Real]) -> Real:
    """Left to right; the built-in sum of newer Pythons rounds otherwise than numpy does."""
    return reduce(add, values)


def raised(weight: Real, phrase_weight: Real) -> Real:
    """Words typed side by side and found so: half of what the quotes would have given."""
    return (weight + phrase_weight) / 2


def strength(times: Real, length: Real, field: str) -> Real:
    """What `times` occurrences in a field of `length` terms give; 0 for none."""
    bm25 = _FIELDS[field]
    return bm25.most * times / (times + bm25.k * (1 - _LENGTH_SHARE + _LENGTH_SHARE * length / bm25.usual))


def times(leaf: Text, view: View) -> int:
    return (view.surface if leaf.prefix else view.line).count(leaf.needle)


def weight_of(heads: Iterable[str]) -> float:
    """A phrase says more than any of its words; heads: the first term of each."""
    return float(any_of(_LIGHT_TERMS.get(head, _RARE) for head in heads))


# Node -> evidence. None: no evidence (a NOT that holds speaks for nothing).


def _weigh(node: Node, doc: Document) -> _Weighed | None:
    if isinstance(node, Not):
        return None
    if isinstance(node, And):
        return _weigh_and(node, doc)
    if isinstance(node, Or):
        found = [weighed for part in node.parts if part.holds(doc) and (weighed := _weigh(part, doc))]
        return _Weighed(any_of(each.value * each.weight for each in found), 1.0, _hits(found)) if found else None
    return _weigh_text(node, doc) if isinstance(node, Text) else _weigh_facet(node, doc)


def _weigh_and(node: And, doc: Document) -> _Weighed | None:
    found = [weighed for part in node.parts if (weighed := _weigh(part, doc))]
    if not found:
        return None
    weights = [each.weight for each in found]
    value = total([each.value * each.weight for each in found]) / total(weights)
    weight = max(weights)
    together = side_by_side(node)
    if together and together.holds(doc):
        weight = raised(weight, _phrase_weight(together.words))
    return _Weighed(value, weight, _hits(found))


def side_by_side(node: And) -> Text | None:
    """The phrase that the words of this AND would make; None when they are not plain words, or only one."""
    texts = [part for part in node.parts if isinstance(part, Text)]
    if len(texts) < 2 or any(part.prefix or part.field for part in texts):
        return None
    return Text("", tuple(word for part in texts for word in part.words))


def _weigh_text(leaf: Text, doc: Document) -> _Weighed:
    views = {"title": doc.title_view, "keywords": doc.keywords_view, "summary": doc.summary_view, "abstract": doc.abstract_view}
    strengths = {field: strength(times(leaf, views[field]), views[field].length, field) for field in SCOPES[leaf.field]}
    weight = _phrase_weight(leaf.words)
    best = max(strengths, key=lambda field: strengths[field])
    return _Weighed(any_of(strengths.values()), weight, (Hit(leaf, best, strengths[best] * weight),))


@lru_cache(maxsize=4096)
def _phrase_weight(words: tuple[str, ...]) -> float:
    return weight_of(stems.terms((word,))[0] for word in words)


def _weigh_facet(leaf: Leaf, doc: Document) -> _Weighed:
    field, weight = facet(leaf)
    value = facet_value(field, doc)
    return _Weighed(value, weight, (Hit(leaf, field, value * weight),))


def facet(leaf: Leaf) -> tuple[str, float]:
    """Field and weight of a leaf that is no Text."""
    field = leaf.field if isinstance(leaf, Name) else "category" if isinstance(leaf, Category) else leaf.name  # type: ignore[union-attr]
    return field, _RARE if field == "author" else _FACETS.get(field, _OTHER_FACET)


def facet_value(field: str, doc: Document) -> float:
    return doc.trend / (doc.trend + THRESHOLD) if field == "trending" else 1.0


def _hits(found: Iterable[_Weighed]) -> tuple[Hit, ...]:
    return tuple(hit for each in found for hit in each.hits)


# What a reason shows.


def said(hits: Sequence[Hit], writing: Callable[[Hit], str]) -> tuple[tuple[str, ...], str]:
    """Match.terms and Match.field: words before facts, all of the best hit's field.

    A term that stands within one already shown ("video" in "video generation") says nothing new.
    """
    if len(hits) == 1:
        return (writing(hits[0]),), hits[0].field
    best = max(hits, key=lambda hit: (isinstance(hit.leaf, _WORDS), hit.strength))
    shown: dict[str, str] = {}
    for hit in sorted((hit for hit in hits if hit.field == best.field), key=lambda hit: -hit.strength):
        text = writing(hit)
        line = _line(text)
        if not any(line in longer for longer in shown):
            shown[line] = text
        if len(shown) == SHOWN_TERMS:
            break
    return tuple(shown.values()), best.field


def written(hit: Hit, doc: Document, read: Callable[[str], Passage] = Passage) -> str:
    """The hit in the paper's own spelling. read: a text's Passage, for those who ask the same texts often."""
    leaf = hit.leaf
    if isinstance(leaf, Text):
        texts = doc.keywords if hit.field == "keywords" else (getattr(doc, hit.field),)
        return next((found for text in texts if (found := read(text).first(leaf))), " ".join(leaf.words))
    if isinstance(leaf, Name):
        return leaf.found(doc) or " ".join(leaf.words)
    if isinstance(leaf, Category):
        codes = [code for code in doc.categories if leaf.folded in {code.casefold(), *code.casefold().split(".", 1)}]
        return codes[0] if codes else leaf.code
    if isinstance(leaf, Number):
        return str(getattr(doc, "age_days" if leaf.name == "age" else leaf.name))
    return leaf.name if isinstance(leaf, Flag) else ""
