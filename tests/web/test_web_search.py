"""The doors that take a query: whatever is typed gets a page or a sentence, never an error of ours."""

import html

import pytest
from web_rows import HOSTILE, issue, papers, topic

from newsletter.models import Issue, IssueState, Paper

pytestmark = pytest.mark.django_db

WORDS_OF_THE_WORLD = {
    "Chinese": ("面向机器人的世界模型", "机器人"),
    "Arabic": ("التَّعَلُّم العميق للروبوتات", "التعلم"),
    "Cyrillic": ("Обучение роботов моделям мира", "роботов"),
    "Japanese": ("ロボットのための世界モデル", "世界モデル"),
    "Korean": ("로봇을 위한 세계 모델", "세계"),
    "Hindi": ("रोबोट के लिए विश्व मॉडल", "विश्व"),
    "accents": ("Über naïve Schrödinger Brücken", "schrodinger"),
}
ATTEMPTS = [
    "", " ", "'", '"', '""', "`", "\\", "\\'", "%", "%s", "%(q)s", "_", "*", "a*", "ro*", "**", "-", "--", "- -", "---robot", "NOT", "AND",
    "OR", "NEAR", "NEAR(robot world, 5)", "robot NEAR world", "robot AND", "robot OR", "AND robot", "robot NOT", "NOT NOT robot",
    "title:", "title:*", ":", "::", "a:b", "{title}:robot", "newsletter_terms_fts:robot", "rowid:1", "robot^2", "^robot", "robot+world",
    "'; DROP TABLE newsletter_paper; --", "robot' OR '1'='1", "robot' || pg_sleep(9) || '", "1 UNION SELECT password FROM auth_user",
    "robot & !world", "robot <-> world", "robot:*A", "'robot':*", "!!robot", "(", ")", "((", "()", "(" * 40 + "robot" + ")" * 40,
    "<script>alert(1)</script>", HOSTILE, "\u202erobot", "\ufeff", "\u0000", "ro\u0000bot", "\ud7ff\ue000", "🙂", "🙂 robot", "👩‍🔬", "🇳🇱", "％",
    "robot\r\nSet-Cookie: a=b", "../../etc/passwd", "{{ 7*7 }}", "${7*7}", "upvotes>99999999999999999999", "age<999999999m", "upvotes>-1",
    "age<d", "upvotes>٣", "has:everything", "is:on", "cat:'", 'cat:"a b"', "source:'", 'author:"', "org:%", "a" * 501, "a " * 250, "x OR " * 60 + "x",
    "机" * 500, "𠀀" * 400, "\u0301" * 300, "i̇" * 200, "ß" * 400, "a\u0301" * 240, "ﷺ" * 60,
]  # fmt: skip


@pytest.fixture
def archive():
    rows = papers(issue(1), 3)
    topic()
    return rows


def _doors(client, typed: str):
    yield client.get("/search", {"q": typed})
    yield client.get("/preview", {"q": typed}, headers={"HX-Request": "true"})
    yield client.get("/", {"q": typed})
    yield client.post("/preview", {"q": typed})


@pytest.mark.parametrize("typed", ATTEMPTS, ids=range(len(ATTEMPTS)))
def test_whatever_is_typed_gets_a_page_or_a_sentence(client, archive, typed):
    for answer in _doors(client, typed):
        assert answer.status_code in (200, 422)
        page = answer.content.decode()
        assert "<script>alert" not in page
        if answer.status_code == 422:
            assert 'class="error"' in page
    assert Paper.objects.count() == 3


def test_a_megabyte_is_refused_in_a_sentence_and_not_sent_back(client, archive):
    for answer in _doors(client, "robot " * 180_000):
        assert answer.status_code in (400, 422)
        assert len(answer.content) < 400_000
    refused = client.get("/search", {"q": "robot " * 180_000})
    assert "A query has at most 500 characters; this one has" in html.unescape(refused.content.decode())


def test_topics_feeds_and_pages_that_do_not_exist_say_so(client, archive):
    for path in (
        "/feeds/topics/%27%20OR%201=1.rss",
        "/feeds/topics/" + "x" * 5_000 + ".atom",
        "/topics/%F0%9F%99%82",
        "/feeds/today.exe",
    ):
        assert client.get(path).status_code == 404
    for number in ("0", "-1", "x", "9" * 30, "２", "1'"):
        assert client.get("/search", {"q": "robot", "page": number}).status_code == 200
    assert client.get("/search", {"q": "robot", "page": "99999"}).status_code == 404


@pytest.mark.parametrize(("title", "typed"), WORDS_OF_THE_WORLD.values(), ids=WORDS_OF_THE_WORLD)
def test_words_of_every_script_are_found_by_search_and_preview(client, title, typed):
    [row] = papers(issue(1), 1, title=title)
    papers(Issue.objects.get(), 1, title="Nothing of the kind")
    page = client.get("/search", {"q": typed}).content.decode()
    assert f"/papers/{row.public_id}" in page and "Nothing of the kind" not in page
    fragment = client.get("/preview", {"q": typed}, headers={"HX-Request": "true"}).content.decode()
    assert row.title in html.unescape(fragment) and "Nothing of the kind" not in fragment


def test_the_archive_is_searched_whole_in_pages_that_meet(client):
    old = issue(-20200101, days_ago=2_000, state=IssueState.ARCHIVED)
    rows = papers(old, 45, title="A robot of old")
    papers(issue(1), 3, title="A poem")
    seen = []
    for number, shown in ((1, 20), (2, 20), (3, 5)):
        page = client.get("/search", {"q": "robot AND old", "page": number}).content.decode()
        found = [row.public_id for row in rows if f"/papers/{row.public_id}" in page]
        assert len(found) == shown and "45 papers" in page
        seen += found
    assert sorted(seen) == sorted(row.public_id for row in rows)


def test_more_than_the_pool_is_said_to_be_more(client):
    papers(issue(1), 520, title="A robot")
    page = client.get("/search", {"q": "robot"}).content.decode()
    assert "At least 500 papers; the newest 500 of them, best first." in page
