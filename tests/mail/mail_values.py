"""Invented papers and copies for the tests of the mail room."""

import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser

from newsletter.mail import Card, Digest, Envelope, Pick

BASE = "https://papers.example.org"
ADDRESS = "Paper Round, 1 Example Street, 1000 Example Town"
TITLES = (
    "Sparse Attention That Never Forgets: Linear-Time Retrieval over Ten Million Tokens",
    "Do Reward Models Read? Probing Preference Models with Shuffled Evidence",
    "Tiny Vision Encoders Are Enough for Document Layout",
    "A Field Guide to Data Contamination in 2026 Benchmarks",
    "Low-Rank Optimiser States without the Loss Spike",
    "Speech Tokens at 12 Hz",
    "Proof Repair as Search",
)
ABSTRACT = (
    "Long contexts are expensive. We introduce a learned index of old keys, so that each token reads only 64 of them. "
    "On recall over a million tokens it matches full attention with 9.4 times less memory. Code is available."
)


def card(n=1, **fields):
    shown = {
        "title": TITLES[(n - 1) % len(TITLES)] + (f" ({n})" if n > len(TITLES) else ""),
        "url": f"https://arxiv.example.org/abs/2611.{n:05}",
        "pdf_url": f"https://arxiv.example.org/pdf/2611.{n:05}",
        "authors": ("Adaeze Okafor", "Lena Lindqvist", "Mai Tanaka"),
        "authors_total": 7,
        "categories": ("cs.CL", "cs.LG"),
        "published_on": date(2026, 11, 20),
        "upvotes": 200 - n,
        "abstract": ABSTRACT,
        "page_url": f"{BASE}/papers/ref{n}",
    }
    return Card(ref=f"ref{n}", **(shown | fields))


def copy(papers=12, **fields):
    """A reader's digest. papers: how many cards, or the cards."""
    cards = [card(n) for n in range(1, papers + 1)] if isinstance(papers, int) else papers
    shown = {
        "newsletter": "Paper Round",
        "numbers": (128,),
        "slot_on": date(2026, 11, 22),
        "picks": tuple(Pick(one, "matches “long context” (title)") for one in cards),
        "since_on": date(2026, 3, 3),
        "interests": ("long context", "RLHF, with code"),
        "home_url": f"{BASE}/",
        "privacy_url": f"{BASE}/privacy",
        "webcopy_url": f"{BASE}/editions/k3J9s0aQ1xTtR8m2",
        "view_url": f"{BASE}/view/k3J9.a1b2",
        "preferences_url": f"{BASE}/preferences/k3J9.c3d4",
        "unsubscribe_url": f"{BASE}/u/k3J9",
        "tune_url": f"{BASE}/tune/k3J9.e5f6",
        "postal_address": ADDRESS,
    }
    return Digest(**(shown | fields))


def envelope(**fields):
    shown = {
        "to": "ada@example.net",
        "from_header": "Paper Round <digest@papers.example.org>",
        "reply_to": "desk@papers.example.org",
        "message_id": "<k3J9s0aQ@papers.example.org>",
        "date": datetime(2026, 11, 22, 7, 0, tzinfo=UTC),
        "list_id": "Paper Round <digest.papers.example.org>",
        "unsubscribe_url": f"{BASE}/u/k3J9",
        "help_url": f"{BASE}/",
        "feedback_id": "128:digest:1:paperround",
    }
    return Envelope(**(shown | fields))


SERVICE = {
    "CONFIRM": {
        "confirm_url": f"{BASE}/confirm/abc",
        "never_url": f"{BASE}/never/abc",
        "asked_at": "22 November 2026, 06:41 UTC",
    },
    "ALREADY": {"preferences_url": f"{BASE}/preferences/abc"},
    "LINK": {"preferences_url": f"{BASE}/preferences/abc"},
    "EXPORT": {"export_url": f"{BASE}/export/abc", "asked_at": "22 November 2026, 06:41 UTC"},
    "ERASE": {"erase_url": f"{BASE}/erase/abc", "asked_at": "22 November 2026, 06:41 UTC"},
    "MOVE_NEW": {"move_url": f"{BASE}/move/abc", "asked_at": "22 November 2026, 06:41 UTC"},
    "MOVE_OLD": {"undo_url": f"{BASE}/undo/abc", "masked": "a•••@e•••.net", "asked_at": "22 November 2026, 06:41 UTC"},
    "GOODBYE": {"return_url": "https://papers.example.org/return/abc.def"},
    "ALERT": {
        "subject_line": "arXiv cs.CL is broken since 04:00",
        "lines": ["It answered 403.", "Last read at 01:00."],
        "desk_url": f"{BASE}/desk/",
    },
}


def service_context(kind):
    return {
        "newsletter": "Paper Round",
        "postal_address": ADDRESS,
        "home_url": f"{BASE}/",
        "privacy_url": f"{BASE}/privacy",
    } | SERVICE[kind]


class Read(HTMLParser):
    """What a mail shows: text (hidden text apart), links in order, tags, headings."""

    def __init__(self, source):
        super().__init__()
        self.links, self.tags, self.headings, self.shown, self._open = [], [], [], [], []
        self.feed(source)
        self.text = re.sub(r"\s+", " ", "".join(self.shown)).strip()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        if tag not in {"meta", "br"}:
            self._open.append((tag, "display:none" in found.get("style", "").replace(" ", "") or tag in {"style", "title"}))
        if tag == "a":
            self.links.append(found["href"])
        if tag in {"h1", "h2"}:
            self.headings.append("")

    def handle_endtag(self, tag):
        while self._open and self._open.pop()[0] != tag:
            pass
        self.shown.append(" " if tag in {"p", "h1", "h2", "td"} else "")

    def handle_data(self, data):
        if not any(hidden for _, hidden in self._open):
            self.shown.append(data)
        if self._open and any(tag in {"h1", "h2"} for tag, _ in self._open):
            self.headings[-1] += data


def links_of_text(text):
    return re.findall(r"https?://[^\s<>]+|mailto:[^\s<>]+", text)


def distinct(items):
    return list(dict.fromkeys(items))
