"""One mail of every kind and variant, of invented papers: for the desk's gallery and for whoever judges our mails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final

from newsletter.mail._digest import digest
from newsletter.mail._invented import card
from newsletter.mail._service import service
from newsletter.mail._templates import moment
from newsletter.mail._values import Card, Digest, Message, Pick

BASE_URL: Final = "https://papers.example.org"
_ADDRESS: Final = "Paper Round, 1 Example Street, 1000 Example Town"
_DAY: Final = date(2026, 11, 22)
_ASKED_AT: Final = datetime(2026, 11, 22, 6, 41, tzinfo=UTC)
_INTERESTS: Final = ("long context", "reward models")
_REASONS: Final = ("matches “attention” (title)", "matches “long context” (abstract)", "trending now", "by Adaeze Okafor")
_NOTE: Final = (
    "Two papers about **memory** today, and they disagree. Read no. 1 first, then [the archive]"
    "({base}/archive):\n\n- one stores keys\n- the other *forgets* them"
)


@dataclass(frozen=True, slots=True)
class Example:
    """kind: DIGEST, or one of the service mails. says: what it is made of."""

    kind: str
    says: Digest | Mapping[str, object]

    def message(self) -> Message:
        return digest(self.says) if isinstance(self.says, Digest) else service(self.kind, self.says)


def examples(locale: str = "en", *, base_url: str = BASE_URL) -> dict[str, Example]:
    """Name -> example, in the order in which a gallery shows them. base_url: https, without a slash at the end."""
    digests = {name: Example("DIGEST", replace(found, locale=locale)) for name, found in _digests(base_url).items()}
    shared = {
        "newsletter": "Paper Round",
        "postal_address": _ADDRESS,
        "home_url": f"{base_url}/",
        "privacy_url": f"{base_url}/privacy",
        "asked_at": moment(_ASKED_AT, locale),
        "locale": locale,
    }
    letters = {kind.lower().replace("_", "-"): Example(kind, shared | own) for kind, own in _letters(base_url).items()}
    return digests | letters


def _digests(base: str) -> dict[str, Digest]:
    many = f"{base}/today"
    return {
        "digest-15": _copy(base, range(1, 16), more=14, more_url=many),
        "digest-1": _copy(base, [1]),
        "digest-5": _copy(base, range(1, 6)),
        "digest-25": _copy(base, range(1, 26), more=120, more_url=many),
        "digest-note": _copy(base, range(1, 6), notes=(_NOTE.format(base=base),)),
        "digest-pinned": _copy(base, [card(8, pinned=True), card(3, pinned=True), *map(card, (1, 2, 4))]),
        "digest-organisations": _copy(base, [_at(n, n) for n in range(1, 6)]),
        "digest-source-summaries": _copy(base, [_summed(n) for n in range(1, 6)]),
        "digest-long-titles": _copy(base, [_long(n) for n in range(1, 4)]),
        "digest-500-authors": _copy(base, [_crowd(1), card(2, authors_total=None), card(3)]),
        "digest-right-to-left": _copy(base, [*_right_to_left(), card(1)]),
        "digest-cjk": _copy(base, [*_cjk(), card(1)]),
        "digest-titles": _copy(base, range(1, 16), card_length="TITLE"),
        "digest-abstracts": _copy(base, range(1, 16), card_length="ABSTRACT"),
        "digest-own-words": _copy(base, [_summed(n) for n in range(1, 6)], card_length="FINDING"),
        "digest-bare": _copy(base, [Card(ref="bare", title="Untold"), card(1)]),
        "digest-several-issues": _copy(
            base, range(1, 11), numbers=(124, 125, 126, 127, 128), back_to=date(2026, 11, 18), more=31, more_url=many
        ),
        "digest-best-of-week": _copy(base, range(2, 7), best_of_week=True, more_url=many),
        "digest-empty-day": _copy(base, [], more_url=many),
        "digest-trending": _copy(base, range(1, 11), interests=()),
        "digest-test": _copy(base, range(1, 4), test=True),
        "digest-web-copy": _copy(
            base, range(1, 6), view_url="", preferences_url="", unsubscribe_url="", tune_url="", interests=(), since_on=None
        ),
    }


def _copy(base: str, papers: Sequence[int | Card], **fields: object) -> Digest:
    cards = [paper if isinstance(paper, Card) else card(paper) for paper in papers]
    shown: dict[str, object] = {
        "newsletter": "Paper Round",
        "numbers": (128,),
        "slot_on": _DAY,
        "picks": tuple(Pick(one, _REASONS[n % len(_REASONS)]) for n, one in enumerate(cards)),
        "since_on": date(2026, 3, 3),
        "interests": _INTERESTS,
        "home_url": f"{base}/",
        "privacy_url": f"{base}/privacy",
        "webcopy_url": f"{base}/editions/k3J9s0aQ1xTtR8m2",
        "view_url": f"{base}/view/k3J9s0aQ1xTtR8m2.a1b2",
        "preferences_url": f"{base}/preferences/k3J9s0aQ1xTtR8m2.c3d4",
        "unsubscribe_url": f"{base}/u/k3J9s0aQ1xTtR8m2x7Yz0A",
        "tune_url": f"{base}/tune/k3J9s0aQ1xTtR8m2.a5b6",
        "postal_address": _ADDRESS,
    }
    return Digest(**(shown | fields))  # type: ignore[arg-type]


def _at(n: int, count: int) -> Card:
    names = ("Northern Institute of Technology", "Harbour Lab", "University of the Two Rivers", "Delta Works", "Open Field")
    return card(n, organizations=names[:count])


def _summed(n: int) -> Card:
    said = "An index of old keys lets every token read 64 of them: recall as with full attention, at 9.4 times less memory."
    return card(n, summary=said, summary_by="Example Papers")


def _long(n: int) -> Card:
    tail = ", and What Follows for Everyone Who Has to Train, Serve, Measure and Explain Such Models in the Years to Come"
    return card(n, title=card(n).title + tail * n)


def _crowd(n: int) -> Card:
    return card(n, authors=tuple(f"Author Number {k}" for k in range(1, 501)), authors_total=500)


def _right_to_left() -> list[Card]:
    return [
        card(
            2,
            title="تعلّم التمثيلات من نصوص قليلة: ماذا يبقى بعد 90 % من الحذف؟",
            authors=("ليلى منصور", "سامي حداد"),
            authors_total=2,
            abstract="نقدّم طريقة لتعلّم التمثيلات من نصوص قليلة. تبلغ الدقة 91.5 % بعُشر البيانات.",
        ),
        card(
            3,
            title="זיכרון ארוך למודלים קטנים (RLHF בלי נתונים)",
            authors=("נועה לוי", "איתן כהן"),
            authors_total=2,
            abstract="אנו מציגים שיטה לזיכרון ארוך במודלים קטנים. היא חוסכת 58 % מהזיכרון.",
        ),
    ]


def _cjk() -> list[Card]:
    return [
        card(
            2,
            title="長文脈における記憶の再利用:千万トークンでの線形時間検索",
            authors=("田中 舞", "佐藤 愛子"),
            authors_total=2,
            abstract="長い入力では古い鍵の大半が二度と読まれない。本論文は学習された索引を提案する。メモリは9.4分の1になる。",
        ),
        card(
            3,
            title="小模型的长期记忆:一种无需微调的方法",
            authors=("李 明", "王 芳"),
            authors_total=6,
            abstract="我们提出一种无需微调的长期记忆方法。在四个基准上,它的准确率提高了12.5个百分点。",
        ),
        card(
            4,
            title="작은 모델의 긴 기억: 조정 없이 배우는 방법",
            authors=("김 하나",),
            authors_total=1,
            abstract="우리는 조정 없이 긴 기억을 배우는 방법을 제안한다. 네 가지 시험에서 정확도가 12.5 % 올랐다.",
        ),
    ]


def _letters(base: str) -> dict[str, dict[str, object]]:
    preferences: dict[str, object] = {"preferences_url": f"{base}/preferences/k3J9s0aQ1xTtR8m2.c3d4"}
    return {
        "CONFIRM": {
            "confirm_url": f"{base}/confirm/k3J9s0aQ1xTtR8m2",
            "never_url": f"{base}/never/k3J9s0aQ1xTtR8m2",
        },
        "ALREADY": preferences,
        "LINK": preferences,
        "EXPORT": {"export_url": f"{base}/export/k3J9s0aQ1xTtR8m2.e5f6"},
        "ERASE": {"erase_url": f"{base}/erase/k3J9s0aQ1xTtR8m2.a7b8"},
        "MOVE_NEW": {"move_url": f"{base}/move/k3J9s0aQ1xTtR8m2.c9d0"},
        "MOVE_OLD": {"undo_url": f"{base}/undo/k3J9s0aQ1xTtR8m2.e1f2", "masked": "a•••@e•••.net"},
        "GOODBYE": {"return_url": f"{base}/return/k3J9s0aQ1xTtR8m2.a3b4"},
        "ALERT": {
            "subject_line": "arXiv cs.CL is broken since 04:00",
            "lines": ["It answered 403 three times.", "Last read at 01:00 UTC. It is tried again at 07:00."],
            "desk_url": f"{base}/desk/",
        },
    }
