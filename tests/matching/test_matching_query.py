"""The query language: what people type, what it finds, and what is refused with which remedy."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsletter.matching import BadQuery, Document, stems
from newsletter.matching.query import MAX_CHARACTERS, MAX_DEPTH, parse

PAPER = Document(
    title="Learning World Models for Legged Robots",
    abstract="We train a mixture-of-experts policy that walks. No survey is attempted; naïve baselines fail.",
    authors=("Geoffrey Hinton", "Bernhard Schölkopf", "李飞飞"),
    organizations=("Peking University", "Google DeepMind"),
    categories=("cs.RO", "stat.ML"),
    keywords=("locomotion", "C++"),
    sources=("arxiv-cs-ro", "hf-daily"),
    has_code=True,
    upvotes=12,
    age_days=3,
    trend=4.0,
)


def found(text: str, paper: Document = PAPER) -> bool:
    return parse(text).matches(paper)


@pytest.mark.parametrize(
    "text",
    [
        "robot", "ROBOTS", "world models", '"world models"', "world-models", "“world models”", '"mixture of experts"',
        "naive", "NAÏVE", "vision OR robots", "vision or robots", "vision | robots", "world AND robots", "world & robots",
        "(vision OR legged) world", "robots -vision", "robots NOT vision", "-vision", "NOT (vision OR speech)",
        "-(world vision)", "loco*", "robo*", "mixture-of-exp*", "title:robots", "title:(vision OR robots)", "abstract:policy",
        'abs:"mixture of experts"', "author:hinton", "author: hinton", 'author:"hinton geoffrey"', 'author:"g hinton"',
        "author:scholkopf", "author:Schölkopf", "author:schol*", "author:李飞飞", "org:peking", 'org:"google deepmind"',
        "lab:deepmind", "cat:cs", "cat:cs.RO", "cat:CS.ro", "cat:cs.*", "cat:RO", "cat:ml", "source:arxiv", "source:hf-daily",
        "has:code", "HAS:code", "-has:project", "is:trending", "upvotes>10", "votes>=12", "upvotes > 11", "upvotes=12",
        "upvotes:>10", "age<7d", "age<=3", "age<1w", "c++", "robots & 🙂",
    ],
)  # fmt: skip
def test_a_query_finds_the_paper(text: str) -> None:
    assert found(text)


@pytest.mark.parametrize(
    "text",
    [
        "vision", '"models world"', "robots -world", "-robots", "title:policy", "abstract:legged", "author:geoff",
        'author:"hinton scholkopf"', "org:university-of-peking", "cat:cs.LG", "cat:c", "cat:math", "source:daily-hf",
        "has:project", "upvotes>12", "stars>0", "stars<5", "age<3d", '"robots we"', '"robots locomotion"', "hinton",
        "mode* vision", "NOT has:code",
    ],
)  # fmt: skip
def test_a_query_passes_the_paper_over(text: str) -> None:
    assert not found(text)


def test_trending_is_the_published_threshold() -> None:
    assert found("is:trending", Document(trend=3.5))
    assert not found("is:trending", Document(trend=3.499))


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("世界模型", "用于机器人的世界模型研究"), ("模", "世界模型"), ("ロボット", "家庭用ロボットの学習"),
        ("로봇", "로봇은 걷는다"), ("ガン", "ガンマ線"), ("روبوت", "تعلم روبوت المشي"), ("робот", "РОБОТ учится ходить"),
        ("учёный", "Ученый робот"), ("रोबोट", "रोबोट सीखता है"), ("שלום", "שָׁלוֹם עולם"), ("LLM", "Pruning LLMs"),
        ("VLA", "VLAs act"), ("ﬁne tuning", "Fine-Tuning"), ("ＡＩ", "AI"), ("parkinson", "Parkinson’s disease"),
        ("หุ่นยนต์", "การเรียนรู้ของหุ่นยนต์"), ("ຫຸ່ນຍົນ", "ການຮຽນຮູ້ຂອງຫຸ່ນຍົນ"), ("Łukasz", "lukasz"), ("scho\u0308n", "Schön"),
    ],
)  # fmt: skip
def test_words_of_any_script_match(text: str, title: str) -> None:
    assert found(text, Document(title=title))


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("DeepSeek", "DeepSeekMoE: Towards Experts"), ("DeepSeek", "DeepSeekMath"), ("DeepSeek", "DeepSeek-R1"),
        ("deepseek", "We extend DeepSeekV3."), ("MoE", "DeepSeekMoE"), ('"DeepSeek MoE"', "DeepSeekMoE"), ("GPT", "ChatGPTs"),
        ("deepseekmoe", "DeepSeekMoE"), ('"deepseekmoe models"', "DeepSeekMoE models"), ("math*", "DeepSeekMath"),
        ("LLaVA", "ConvLLaVA's eyes"), ("title:llama", "TinyLlama"), ("GitHub", "Code from GitHub"), ("LaTeX", "LaTeX sources"),
        ("PyTorch", "PyTorch 2"), ("OpenAI", "OpenAI o1"), ("ImageNet", "ImageNet-1k"), ("github", "GITHUB"), ("DeepSeek", "使用DeepSeekMoE模型"),
    ],
)  # fmt: skip
def test_a_name_in_camel_case_is_found_whole_and_by_its_halves(text: str, title: str) -> None:
    assert found(text, Document(title=title))
    assert found(text, Document(keywords=("other", title))) != text.startswith("title:")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("torch", "PyTorch"), ("AI", "OpenAI"), ("la", "LaTeX"), ("seek", "DeepSeekMoE"), ('"seek models"', "DeepSeek models"),
        ('"a deep"', "a DeepSeek"), ("DeepSeekMoE", "Deep seek moe"), ("Abc", "Abc" * 14), ('"moe deep"', "DeepSeekMoE"),
    ],
)  # fmt: skip
def test_a_name_is_cut_nowhere_else(text: str, title: str) -> None:
    assert not found(text, Document(title=title))


def test_a_cut_name_counts_once_in_the_length_of_its_text() -> None:
    assert Document(title="DeepSeekMoE models").title_view.length == 2


def test_kana_with_and_without_voice_marks_differ() -> None:
    assert not found("カン", Document(title="ガンマ線"))


@pytest.mark.parametrize(
    "title",
    [
        "DeepSeek-VL: Towards Real-World Vision-Language Understanding",
        "Mixture of Tunable Experts -- Behavior Modification of DeepSeek-R1 at Inference Time",
        "And Then There Were None: A Study (in Two Parts)",
        "Words or Vision: Do Vision-Language Models Have Blind Faith in Text?",
        "A Probabilistic Bound of p<0.05, or: How I Learned",
        "To Be or Not to Be - That Is the Question!",
    ],
)
def test_a_pasted_title_finds_its_paper(title: str) -> None:
    assert found(title, Document(title=title))


@pytest.mark.parametrize(
    ("text", "column", "suggestion", "says"),
    [
        ("robots auther:hinton", 8, "author:", "Did you mean “author:”"),
        ("tittle:robots", 1, "title:", "no field “tittle:”"),
        ("tile:robots", 1, "title:", "Did you mean “title:”"),
        ("by:hinton", 1, "author:", "Did you mean “author:”"),
        ("from:mit", 1, "org:", "Did you mean “org:”"),
        ("code:yes", 1, "has:code", "Did you mean “has:code”"),
        ("foo:bar", 1, "", "put them in quotes"),
        ("https://arxiv.org/abs/2401.00001", 1, "", "use words of its title"),
        ("keywords:robots", 1, "", "leave it out"),
        ("robots has:cod", 12, "has:code", "Did you mean “has:code”"),
        ("is:trendy", 4, "is:trending", "Did you mean “is:trending”"),
        ("is:new", 4, "", "Possible: is:trending"),
        ("robots has:", 12, "", "ends where a word should follow"),
        ("upvote>10", 1, "upvotes>10", "Did you mean “upvotes>10”"),
        ("likes>20", 1, "upvotes>20", "Did you mean “upvotes>20”"),
        ("votes:20", 1, "upvotes>20", "“votes” is compared"),
        ("age:2w", 1, "age<14d", "“age” is compared"),
        ("year:2024", 1, "age<7d", "Did you mean “age<7d”"),
        ("upvotes>many", 1, "upvotes>10", "a whole number"),
        ("upvotes>ten", 1, "upvotes>10", "as in “upvotes>10”"),
        ("upvotes>", 1, "upvotes>10", "a whole number"),
        ("upvotes>10d", 1, "upvotes>10", "a whole number"),
        ("upvotes>1,500", 1, "upvotes>1500", "a whole number"),
        ("upvotes>2k", 1, "upvotes>2000", "a whole number"),
        ("stars!=3", 1, "-stars=3", "put a minus before it"),
        ("robots >10 upvotes", 8, "upvotes>10", "The name comes first"),
        ("> 10 votes", 1, "upvotes>10", "The name comes first"),
        ("age<soon", 1, "age<7d", "days, weeks or months"),
        ("age<2y", 1, "age<730d", "as in “age<730d”"),
        ("age<1 year", 1, "age<365d", "days, weeks or months"),
        ("cat:cs.LG,cs.CV", 5, "cat:(cs.lg OR cs.cv)", "Join categories by OR"),
        ("cat:robots!", 5, "", "is no category"),
        ("", 1, "", "no word"),
        ("   ", 1, "", "no word"),
        ("🙂 !!", 1, "", "no word"),
        ("... --- ...", 1, "", "no word"),
        ('""', 1, "", "no word"),
        ("robots OR", 10, "", "ends where a word should follow"),
        ("robots AND", 11, "", "ends where a word should follow"),
        ("robots NOT", 11, "", "ends where a word should follow"),
        ("OR robots", 1, "", "missing before “OR”"),
        ("AND robots", 1, "", "missing before “AND”"),
        ("NOT AND robots", 5, "", "missing before “AND”"),
        ("a AND OR b", 7, "", "missing before “OR”"),
        ("(a OR) b", 6, "", "missing before this parenthesis"),
        ("(robots", 1, "", "parenthesis is never closed"),
        ("robots (a (b)", 8, "", "parenthesis is never closed"),
        ("robots)", 7, "", "closes nothing"),
        ("robots ()", 9, "", "missing before this parenthesis"),
        ('x "world models', 3, "", "quotation mark is never closed"),
        ('("world models)', 2, "", "quotation mark is never closed"),
        ("author:", 8, "", "ends where"),
        ("title:!!", 1, "", "needs something after it"),
        ("title:(author:x)", 8, "", "cannot stand inside"),
        ("title:(upvotes>3)", 8, "", "cannot stand after"),
        ("r*", 1, '"r"', "two letters"),
        ("*", 1, "", "two letters"),
        ("(" * 9 + "a" + ")" * 9, 9, "", "at most 8 deep"),
        ("a" * 501, 501, "", "at most 500 characters"),
        (" ".join(f"w{n}" for n in range(10, 51)), 161, "", "at most 40 terms"),
        ("ﷺ" * 250, 500, "", "more than 500"),
    ],
)
def test_a_query_that_cannot_be_meant_is_refused_with_its_remedy(text: str, column: int, suggestion: str, says: str) -> None:
    with pytest.raises(BadQuery) as refused:
        parse(text)
    assert says in refused.value.message
    assert (refused.value.column, refused.value.suggestion) == (column, suggestion)


@pytest.mark.parametrize(
    "text",
    [
        "auther:hinton", "tile:robots", "from:mit", "code:yes", "has:cod", "is:trendy", "upvote>10", "likes>20", "votes:20",
        "age:2w", "year:2024", "upvotes>ten", "upvotes>1,500", "upvotes>2k", "stars!=3", ">10 upvotes", "age<2y", "age<soon",
        "cat:cs.LG,cs.CV", "r*", "coments>=5", "orgs:mit", "organisations:mit", "> 999 votes", "categorys:cs",
    ],
)  # fmt: skip
def test_what_a_refusal_suggests_can_be_typed(text: str) -> None:
    with pytest.raises(BadQuery) as refused:
        parse(text)
    suggestion = refused.value.suggestion
    assert suggestion
    assert parse(suggestion + {"has:": "code"}.get(suggestion, "x" if suggestion.endswith(":") else ""))


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Title :robots", "title:robots"), ("author : hinton", "author:hinton"), ("has:code, robots", "has:code robots"),
        ("upvotes > 10", "upvotes>10"), ("upvotes => 10", "upvotes>=10"), ("stars==3", "stars=3"), ("upvotes>10, robots", "upvotes>10 robots"),
        ("age < 2 weeks", "age<14d"), ("age<7days", "age<7d"), ("age<=1 month robots", "age<=30d robots"), ("robots –survey", "robots -survey"),
        ("robots −survey", "robots -survey"), (" and robots", '"and" robots'), ("रोबो*", "रोबो*"), ("the of", "the of"),
        ("10 stars", "10 stars"), ("SNR>10", '"snr 10"'), ("What Attention Is: A Study", "what attention is a study"),
        ("age<999999999m", "age<999999999d"),
    ],
)  # fmt: skip
def test_what_people_type_is_read_as_they_mean_it(text: str, canonical: str) -> None:
    assert parse(text).canonical == canonical


def test_the_limits_themselves_are_allowed() -> None:
    assert parse("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH).canonical == "a"
    assert len(parse(" ".join(f"w{n}" for n in range(40))).leaves()) == 40
    assert len(parse("x" * MAX_CHARACTERS).canonical) == MAX_CHARACTERS


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        # Huge, empty or nothing but form.
        ("(" * 10_000, "at most 500 characters"), ("a" * 1_000_000, "at most 500 characters"), ("", "no word"), ("\x00\x1b", "no word"),
        ("(" * 249 + "a" + ")" * 249, "at most 8 deep"), ("- " * 250, "no word"), ("NOT " * 124, "ends where a word should follow"),
        ('"' * 500, "no word"), ('"' * 499, "quotation mark is never closed"), ("a:" * 250, "more than 500"), ("-" * 500, "no word"),
        ("\ud800\udfff", "no word"), ("\u202e\u200b", "no word"), ("👩‍🚀🏳️‍🌈🤖", "no word"), ("🤖 robots 🙂", "robots"), ("a\x00\x1b\ud800b", "a b"),
        # SQL, FTS5, tsquery and LIKE: words, or a refusal that says why.
        ("'; DROP TABLE newsletter_paper; --", "drop table \"newsletter paper\""), ("robots' OR '1'='1", "robots OR \"1 1\""),
        ("1; SELECT * FROM auth_user", "A * stands at the end of a word"), ('" OR 1=1 --', "quotation mark is never closed"),
        ("robots UNION SELECT password", "robots union select password"), ("NEAR(robots vision, 5)", "near robots vision 5"),
        ('title : "robots" NOT', "ends where a word should follow"), ("robots ^ vision", "robots vision"),
        ("{title abstract}:x", "title \"abstract x\""),
        ("robots:* & !vision", "no field “robots:”"), ("robots <-> vision", "robots vision"), ("%_%", "no word"), ("$$robots$$", "robots"),
        ("rank:bm25", "no field “rank:”"), ("\\'; \\x27 \\u0027", "x27 u0027"), ("${jndi:ldap://x}", "\"jndi ldap x\""),
        ("{{ robots }} {% x %}", "robots x"), ("<script>alert(1)</script>", "\"script alert\" 1 script"), ("../../etc/passwd", "\"etc passwd\""),
    ],
)  # fmt: skip
def test_hostile_text_gets_a_query_or_a_refusal(text: str, answer: str) -> None:
    try:
        canonical = parse(text).canonical
    except BadQuery as refused:
        assert answer in refused.message
        assert len(refused.message) < 200
    else:
        assert canonical == answer


@pytest.mark.parametrize(
    "title",
    [
        "基于世界模型的机器人学习", "تعلم الروبوتات باستخدام النماذج", "Обучение роботов с подкреплением", "למידת רובוטים מחיזוקים",
        "विश्व मॉडल के साथ रोबोट सीखना", "การเรียนรู้ของหุ่นยนต์", "ロボットのための世界モデル", "로봇을 위한 월드 모델", "Μάθηση ρομπότ",
        "რობოტების სწავლება",
        "Robotların öğrenmesi: İstanbul’dan", "Học máy cho rô-bốt",
    ],
)  # fmt: skip
def test_a_title_in_any_script_is_found_by_itself_and_by_each_of_its_words(title: str) -> None:
    paper = Document(title=title)
    assert found(title, paper)
    assert found(f'"{title.upper()}"', paper)
    for word in title.replace(":", " ").split():
        assert found(word, paper)
        assert found(f"title:{word}", paper)
        assert len(word) < 4 or found(f"{word[:-1]}*", paper)
        assert not found(f"-{word}", paper)
        assert not found(word)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Robotics AND robotics", "robotics"),
        ("NOT NOT a", "a"),
        ("(a (b c)) OR (d OR e)", "a b c OR d OR e"),
        ("(a OR b) c", "(a OR b) c"),
        ("NOT (a b)", "-(a b)"),
        ("self-supervised LEARNING", '"self supervised" learning'),
        ("title:(a OR b) cat:cs.lg cat:Q-BIO.nc cat:cs.*", "(title:a OR title:b) cat:cs.LG cat:q-bio.NC cat:cs"),
        ("age<2w votes≥3", "age<14d upvotes>=3"),
        ("and then", '"and" then'),
    ],
)
def test_the_canonical_form_is_one_spelling(text: str, canonical: str) -> None:
    assert parse(text).canonical == canonical
    assert parse(canonical) == parse(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('("world models" OR robotics) -surveys has:code', "papers about world models or robotics, with code, not surveys"),
        ("vision (robotics OR speech)", "papers about vision and (robotics or speech)"),
        ("author:hinton cat:cs.LG", "papers by hinton, in cs.LG"),
        ("-survey", "all papers, not survey"),
        ("is:trending", "papers trending now"),
        ("upvotes>10 age<7d", "papers with over 10 votes, under 7 days old"),
        ("title:robot* OR org:mit", "papers about robot… in the title or from mit"),
    ],
)
def test_a_query_is_said_in_plain_words(text: str, words: str) -> None:
    assert parse(text).words() == words


OPERATORS = [
    "OR", "AND ", " NOT ", " or ", " and ", "title:", "Author : ", "cat:", "has:code ", "is:trending", "has:", "upvotes>", "age<",
    "999999999m", "7d", " 2 weeks", "=>", "!=", "DeepSeekMoE", "世界模型", "रोबो*", "(((", ")))", "foo:", "\ud800", "\x00", "\u2028", "–",
]  # fmt: skip
ALPHABET = st.sampled_from("abc  ()\"-*:<>=.|&“”«#'_\u0301") | st.sampled_from(OPERATORS) | st.characters(categories=None)


@settings(max_examples=600, deadline=None)
@given(st.lists(ALPHABET, max_size=60).map("".join))
@example("İ ŉ ǰ ΐ ẞ ﬃ ㎏ ½ ª ſ")
@example("author:a-* OR cat:\u0130.x")
@example("c++-gp* #a c# a++b*")
@example('cat:"a  b" cat:a_b cat:é')
@example('cat: or title:or cat:"-a" cat:"&a"')
@example("age<999999999m")
def test_whatever_is_typed_the_canonical_form_is_stable(text: str) -> None:
    try:
        query = parse(text)
    except BadQuery as refused:
        assert 1 <= refused.column <= len(text) + 1
        assert 0 < len(refused.message) < 200
        return
    assert 0 < len(query.canonical) <= MAX_CHARACTERS
    assert query.words()
    again = parse(query.canonical)
    assert (again.canonical, again.root, again.words()) == (query.canonical, query.root, query.words())
    for paper in (PAPER, Document(), Document(title=text)):
        assert again.matches(paper) == query.matches(paper)


NESTING = st.sampled_from(["(", "-(", "NOT (", "title:(", "a (", "a OR (", "(a OR -"])


@settings(max_examples=200, deadline=None)
@given(
    opened=st.lists(NESTING, max_size=160), closing=st.integers(0, 200), inside=st.sampled_from(["a", "", '"a b"', "has:code"])
)
def test_whatever_is_nested_there_is_a_query_or_a_refusal(opened: list[str], closing: int, inside: str) -> None:
    text = ("".join(opened) + inside + ")" * closing)[:MAX_CHARACTERS]
    try:
        query = parse(text)
    except BadQuery as refused:
        assert 1 <= refused.column <= len(text) + 1
    else:
        assert parse(query.canonical).root == query.root


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40))
def test_folding_twice_changes_nothing(text: str) -> None:
    words = stems.words(text)
    assert stems.words(" ".join(words)) == words
    assert all(unicodedata.is_normalized("NFC", word) and word == stems.fold(word) for word in words)
