"""Ids of papers as they stand in links, feeds and texts. Pure.

Source: arXiv's identifier scheme (info.arxiv.org/help/arxiv_identifier.html) and its category table.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

_CATEGORIES = """
astro-ph: CO EP GA HE IM SR
cond-mat: dis-nn mes-hall mtrl-sci other quant-gas soft stat-mech str-el supr-con
cs: AI AR CC CE CG CL CR CV CY DB DC DL DM DS ET FL GL GR GT HC IR IT LG LO MA MM MS NA NE NI OH OS PF PL RO SC SD SE SI SY
econ: EM GN TH
eess: AS IV SP SY
math: AC AG AP AT CA CO CT CV DG DS FA GM GN GR GT HO IT KT LO MG MP NA NT OA OC PR QA RA RT SG SP ST
nlin: AO CD CG PS SI
physics: acc-ph ao-ph app-ph atm-clus atom-ph bio-ph chem-ph class-ph comp-ph data-an ed-ph flu-dyn gen-ph geo-ph hist-ph ins-det med-ph optics plasm-ph pop-ph soc-ph space-ph
q-bio: BM CB GN MN NC OT PE QM SC TO
q-fin: CP EC GN MF PM PR RM ST TR
stat: AP CO ME ML OT TH
"""  # noqa: E501
_OLD = ("acc-phys adap-org alg-geom ao-sci astro-ph atom-ph bayes-an chao-dyn chem-ph cmp-lg comp-gas cond-mat cs dg-ga "
        "funct-an gr-qc hep-ex hep-lat hep-ph hep-th math math-ph mtrl-th nlin nucl-ex nucl-th patt-sol physics plasm-ph "
        "q-alg q-bio quant-ph solv-int supr-con")  # fmt: skip
_ARCHIVES = frozenset(_OLD.split())
_BY_CLASS: dict[str, list[str]] = {}
for _line in _CATEGORIES.strip().splitlines():
    _archive, _, _classes = _line.partition(": ")
    for _class in _classes.split():
        _BY_CLASS.setdefault(_class, []).append(f"{_archive}.{_class}")

_NEW_ID = r"(?P<year>\d{2})(?P<month>\d{2})\.(?P<number>\d{4,5})"
_OLD_ID = r"(?P<archive>[a-z][a-z-]{1,9})(?:\.[A-Za-z]{2})?/(?P<old>\d{7})"
_ID = re.compile(rf"(?:{_NEW_ID}|{_OLD_ID})(?:v\d{{1,3}})?", re.ASCII)
_PREFIX = re.compile(r"^(?:oai:)?arxiv(?:\.org)?:\s*", re.IGNORECASE)
_LINK = re.compile(
    r"(?:(?:arxiv\.org|alphaxiv\.org)/(?:abs|pdf|html|overview|format)|huggingface\.co/papers|hf\.co/papers)"
    r"/((?:[a-z-]{2,10}(?:\.[A-Z]{2})?/)?[\d.]{7,10}(?:v\d{1,3})?)",
    re.IGNORECASE,
)
_DOI = re.compile(r"\b10\.\d{4,9}/[^\s\"<>{}|\\^`\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]{1,200}", re.IGNORECASE)
_ARXIV_DOI = re.compile(r"^10\.48550/arxiv\.(.+)$")


def arxiv_id(text: object) -> str:
    """`2405.15738v2`, `arXiv:...`, `oai:arXiv.org:...`, `math.GT/0309136` -> the id without version or class, else ""."""
    if not isinstance(text, str):
        return ""
    found = _ID.fullmatch(_PREFIX.sub("", text.strip()))
    if not found:
        return ""
    if found["old"]:
        valid = found["archive"] in _ARCHIVES and 1 <= int(found["old"][2:4]) <= 12
        return f"{found['archive']}/{found['old']}" if valid else ""
    digits = 4 if int(found["year"]) < 15 else 5
    valid = 1 <= int(found["month"]) <= 12 and int(found["year"]) >= 7 and len(found["number"]) == digits
    return f"{found['year']}{found['month']}.{found['number']}" if valid else ""


def arxiv_ids_in(text: str) -> tuple[str, ...]:
    """The ids that the links of a text lead to, each once, in order. A bare number is no id: it may be a price."""
    return tuple(dict.fromkeys(filter(None, (arxiv_id(found.rstrip(".")) for found in _LINK.findall(text[:200_000])))))


def doi(text: object) -> str:
    """The first DOI in the text, lower case, at most 250 characters; "" when there is none."""
    found = _DOI.search(text[:50_000]) if isinstance(text, str) else None
    return found[0].rstrip(".,;:)]'").lower() if found else ""


def aliases(
    *, arxiv: str = "", doi: str = "", url: str = "", title: str = "", authors: tuple[str, ...] = ()
) -> tuple[tuple[str, str], ...]:
    """(scheme, value) in order of trust. A DataCite DOI of arXiv is the arXiv id in another dress."""
    dressed = _ARXIV_DOI.match(doi)
    if dressed and arxiv_id(dressed[1]):
        arxiv, doi = arxiv or arxiv_id(dressed[1]), ""
    if len(url) > 300:
        url = f"sha256:{hashlib.sha256(url.encode()).hexdigest()}"
    pairs = (("arxiv", arxiv), ("doi", doi), ("url", url), ("title", fingerprint(title, authors)))
    return tuple((scheme, value) for scheme, value in pairs if value)


def fingerprint(title: str, authors: tuple[str, ...] = ()) -> str:
    """`<hash of the folded title>:<folded family name of the first author, or nothing>`; "" without a title.

    Case, accents, punctuation and spacing do not count, so "DA²" and "DA^{2}" agree; initials and given names do
    not count either, because sources shorten them.
    """
    letters = _folded(title)
    if not letters:
        return ""
    return f"{hashlib.sha256(letters.encode()).hexdigest()[:40]}:{_family(authors[0]) if authors else ''}"


def long_enough(title: str) -> bool:
    """Four words: a shorter title ("Technical Report") may be anybody's and joins nothing."""
    return len(re.findall(r"\w+", title)) >= 4


def category(code: str) -> str:
    """`CL` -> cs.CL by arXiv's table; a full code, an ambiguous class or an unknown one stays as listed."""
    fits = _BY_CLASS.get(code, [])
    return fits[0] if len(fits) == 1 else code


def _folded(text: str) -> str:
    spread = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in spread if char.isalnum())


def _family(name: str) -> str:
    last_first, comma, _ = name.partition(",")
    words = (last_first if comma else name).split()
    return _folded(words[-1])[:80] if words else ""
