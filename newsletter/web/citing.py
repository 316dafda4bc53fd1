"""Papers as reference managers take them: BibTeX and RIS. Any text, one query for the ids, however many papers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from newsletter import links
from newsletter.models import Alias, Paper, Scheme

TYPES = {"bib": "application/x-bibtex", "ris": "application/x-research-info-systems"}
_SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {c: f"\\{c}" for c in "&%$#_{}"}
_UNNAMED = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Work:
    """A paper and the ids that it is known by: `doi`, `arxiv` "" where nobody said."""

    paper: Paper
    doi: str = ""
    arxiv: str = ""

    @property
    def on(self) -> date:
        return self.paper.published_on or self.paper.listed_on

    @property
    def page(self) -> str:
        return links.absolute(f"/papers/{self.paper.public_id}")


def works(papers: Sequence[Paper]) -> list[Work]:
    """In the order given. A paper that is joined to another is its survivor, and stands once: load `merged_into` with it."""
    kept = list(dict.fromkeys(paper.survivor() for paper in papers))
    found: dict[tuple[int, str], str] = {}
    known = Alias.objects.filter(paper__in=kept, scheme__in=(Scheme.DOI, Scheme.ARXIV)).order_by("-id")
    for paper, scheme, value in known.values_list("paper_id", "scheme", "value"):
        found[paper, scheme] = value
    return [Work(paper, found.get((paper.pk, Scheme.DOI), ""), found.get((paper.pk, Scheme.ARXIV), "")) for paper in kept]


def bibtex(papers: Sequence[Paper]) -> str:
    """An entry a paper. What TeX would read as a command is escaped; letters beyond ASCII stay as they are (UTF-8)."""
    return "\n".join(map(_entry, works(papers)))


def ris(papers: Sequence[Paper]) -> str:
    """A record a paper, lines ended by CR LF. Source: the RIS specification of Reference Manager."""
    return "".join(map(_record, works(papers)))


def write(papers: Sequence[Paper], form: str) -> str:
    """As `bib` or `ris`."""
    return bibtex(papers) if form == "bib" else ris(papers)


def name_of(papers: Sequence[Paper], otherwise: str) -> str:
    """A file's name without its ending: that of the one paper, else the other."""
    return _key(works(papers)[0]) if len(papers) == 1 else otherwise


def _entry(work: Work) -> str:
    paper = work.paper
    authors = [_tex(name) for name in paper.authors] + (["others"] if paper.authors and paper.authors_total is None else [])
    fields = {
        "title": f"{{{_tex(paper.title)}}}",
        "author": " and ".join(authors),
        "year": str(work.on.year),
        "month": f"{work.on:%b}".lower(),
        "doi": _tex(work.doi),
        "eprint": _tex(work.arxiv),
        "archiveprefix": "arXiv" if work.arxiv else "",
        "primaryclass": _tex(paper.categories[0]) if work.arxiv and paper.categories else "",
        "url": _address(paper.url or work.page),
        "abstract": "" if paper.withdrawn_at else _tex(paper.abstract),
        "note": "withdrawn" if paper.withdrawn_at else "",
    }
    lines = [f"  {name} = {value if name == 'month' else '{' + value + '}'}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{_key(work)},", *lines, "}", ""])


def _record(work: Work) -> str:
    paper = work.paper
    pairs = [("TY", "JOUR" if work.doi and not work.arxiv else "GEN"), ("ID", _key(work)), ("TI", paper.title)]
    pairs += [("AU", _family_first(name)) for name in paper.authors]
    pairs += [("PY", str(work.on.year)), ("DA", f"{work.on:%Y/%m/%d}"), ("DO", work.doi)]
    pairs += [("UR", paper.url or work.page), ("L1", paper.pdf_url), ("AB", "" if paper.withdrawn_at else paper.abstract)]
    pairs += [("KW", word) for word in paper.keywords]
    pairs += [("N1", f"arXiv:{work.arxiv}" if work.arxiv else ""), ("ER", "")]
    return "".join(f"{tag}  - {_line(value)}\r\n" for tag, value in pairs if value or tag == "ER") + "\r\n"


def _key(work: Work) -> str:
    """lovelace2026robots-Xy12: readable, and one paper's own."""
    names = [_family(work.paper.authors[0])] if work.paper.authors else []
    first = next((word for word in _plain(work.paper.title).split("-") if len(word) > 3), "")
    return (
        "".join([*(_plain(name).replace("-", "") for name in names), str(work.on.year), first]) + "-" + work.paper.public_id[:4]
    )


def _family(name: str) -> str:
    """The last word with the particles before it; a name that was given the other way round by a comma, its beginning."""
    if "," in name:
        return name.partition(",")[0].strip()
    words = name.split()
    start = len(words) - 1
    while start > 1 and words[start - 1].islower():
        start -= 1
    return " ".join(words[start:])


def _family_first(name: str) -> str:
    family = _family(name)
    given = name[: len(name.rstrip()) - len(family)].strip() if name.rstrip().endswith(family) else ""
    return f"{family}, {given}" if given else name


def _plain(text: str) -> str:
    """Lower-case ASCII letters and digits, words parted by a dash."""
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _UNNAMED.sub("-", ascii_only).strip("-")


def _tex(text: str) -> str:
    return "".join(_SPECIAL.get(char, char) for char in _line(text))


def _address(url: str) -> str:
    """As `url` packages read it: only what would end the field or the line is percent-encoded."""
    return _line(url).replace("{", "%7B").replace("}", "%7D").replace("\\", "%5C").replace(" ", "%20")


def _line(text: str) -> str:
    """One line without control characters and marks that turn the writing direction."""
    spaced = "".join(char if unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"} else " " for char in text)
    return " ".join(
        "".join(char for char in spaced if char not in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069").split()
    )
