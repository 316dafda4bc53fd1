"""Authors and labs by name: the slug of a name, and the bylines of papers. A name is as listed, nobody's identity."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from django.utils.text import slugify

from newsletter.models import Byline, BylineKind, Paper

LONGEST = 120


def slug_of(name: str) -> str:
    """Lower-case letters and digits of any script, words parted by dashes, without accents; "" for a name of neither."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    return slugify(unicodedata.normalize("NFC", plain), allow_unicode=True)[:LONGEST].strip("-_")


def write_bylines(papers: Sequence[Paper]) -> None:
    """The names over these papers, as they are now, instead of what stood there."""
    kept: list[Byline] = []
    for paper in papers:
        kept += [*_of(paper, BylineKind.AUTHOR, paper.authors), *_of(paper, BylineKind.LAB, paper.organizations)]
    Byline.objects.filter(paper__in=papers).delete()
    Byline.objects.bulk_create(kept, batch_size=500)


def _of(paper: Paper, kind: BylineKind, names: Iterable[str]) -> Iterator[Byline]:
    by_slug = {slug: name for name in reversed(list(names)) if (slug := slug_of(name))}
    for slug, name in by_slug.items():
        yield Byline(paper=paper, kind=kind, slug=slug, name=name[:200], listed_on=paper.listed_on)
