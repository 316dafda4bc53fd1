"""Document: what a query sees of a paper. An immutable value; its terms are computed once, when first asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from newsletter.matching import stems

TEXT_FIELDS = ("title", "keywords", "summary", "abstract")
BREAK = " | "  # between keywords and between fields, so that no phrase reaches across


@dataclass(frozen=True, slots=True)
class View:
    """The terms of one or more fields as lines " a b | c ", so that a phrase is found by `in`.

    Each camel-case name stands in its place as one word and, behind a break of its own, cut in two, so that no phrase is
    broken: "DeepSeekMoE models" is " deepseekmo model | deep seekmo | deepseek moe ".
    """

    line: str
    surface: str  # the same with folded words instead of terms; what a prefix is looked up in
    vocabulary: frozenset[str]
    length: int  # in terms, names counted once


@dataclass(frozen=True, kw_only=True)
class Document:
    """One paper with its signals at one moment. None: not known. age_days: whole days since it was first listed.

    sources: slugs or names of the sources that listed it. trend: the total of `trend.trend`.
    """

    title: str = ""
    summary: str = ""
    abstract: str = ""
    authors: tuple[str, ...] = ()
    organizations: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    has_code: bool = False
    has_project: bool = False
    upvotes: int | None = None
    stars: int | None = None
    comments: int | None = None
    age_days: int | None = None
    trend: float = 0.0

    @cached_property
    def title_view(self) -> View:
        return _view((self.title,))

    @cached_property
    def keywords_view(self) -> View:
        return _view(self.keywords)

    @cached_property
    def summary_view(self) -> View:
        return _view((self.summary,))

    @cached_property
    def abstract_view(self) -> View:
        return _view((self.abstract,))

    @cached_property
    def body_view(self) -> View:
        """What `abstract:` means: the abstract, or the summary that stands for it."""
        return _joined(self.abstract_view, self.summary_view)

    @cached_property
    def anywhere_view(self) -> View:
        return _joined(self.title_view, self.keywords_view, self.summary_view, self.abstract_view)

    @cached_property
    def author_words(self) -> tuple[tuple[str, ...], ...]:
        return tuple(stems.words(name) for name in self.authors)

    @cached_property
    def organization_lines(self) -> tuple[str, ...]:
        return tuple(f" {' '.join(stems.words(name))} " for name in self.organizations)

    @cached_property
    def source_lines(self) -> tuple[str, ...]:
        return tuple(f" {' '.join(stems.words(name))} " for name in self.sources)

    @cached_property
    def category_codes(self) -> frozenset[str]:
        """Every spelling that finds the paper: cs.lg, cs and lg for cs.LG."""
        codes = [code.strip().casefold() for code in self.categories]
        return frozenset(codes) | frozenset(part for code in codes for part in code.split(".", 1))


def _view(texts: tuple[str, ...]) -> View:
    written = [stems.words(text) for text in texts]
    folded = written + [words for text in texts for _, _, words in stems.halves(text)]
    compared = [stems.terms(words) for words in folded]
    return View(
        line=BREAK.join(f" {' '.join(terms)} " for terms in compared),
        surface=BREAK.join(f" {' '.join(words)} " for words in folded),
        vocabulary=frozenset(term for terms in compared for term in terms),
        length=sum(map(len, compared[: len(written)])),
    )


def _joined(*views: View) -> View:
    return View(
        line=BREAK.join(view.line for view in views),
        surface=BREAK.join(view.surface for view in views),
        vocabulary=frozenset().union(*(view.vocabulary for view in views)),
        length=sum(view.length for view in views),
    )
