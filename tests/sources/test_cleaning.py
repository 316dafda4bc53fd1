import time

import pytest

from newsletter.sources.page import ids, text


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (r"reaches 100\% on all", "reaches 100% on all"),
        (r"a gain of \sim6% over", "a gain of ~6% over"),
        ("a gain of sim6% over", "a gain of ~6% over"),
        ("a sim card and a simple case", "a sim card and a simple case"),
        ("see https://a.org/x{https://a.org/x}.", "see https://a.org/x."),
        (r"sorts in $O(n^2)$ time", "sorts in O(n²) time"),
        (r"$\textit{Slow-Fish}$ swims", "Slow-Fish swims"),
        (r"$\nabla^2$DFT", "∇²DFT"),
        (r"Fr\'echet and {\O}rsted and Erd\H{o}s", "Fréchet and Ørsted and Erdős"),
        (r"saves \$5 of \$10", "saves $5 of $10"),
        ("costs $5 or $10", "costs $5 or $10"),
        (r"earns \1.49M", "earns $1.49M"),
        (r"16\,FPS", "16 FPS"),
        (r"$\mathbb{R}^d$ and \mathbf{W}", "ℝᵈ and W"),
        (r"$x_{ij}$, $\alpha_i$ and $10^{-3}$", "xᵢⱼ, αᵢ and 10⁻³"),
        (r"$\mathcal{O}(\log n)$", "O(log n)"),
        (r"$\tilde{x}$, $\hat y$ and $\bar{D}^0$", "x̃, ŷ and D̄⁰"),
        (r"{\em big} {B}ayesian {LLM}s", "big Bayesian LLMs"),
        (r"as \cite{foo} says", "as says"),
        (r"$\pm$2 and $\|x\|$", "±2 and ‖x‖"),
        ("x_i in snake_case, the 10^th", "x_i in snake_case, the 10^th"),
        ("say {time}{place}", "say {time}{place}"),
        ("<think> twice", "<think> twice"),
        ("one\n  two\tthree\u2028four", "one two three four"),
        ("ab\u202ecd\u200b\x00ef\ud800", "abcdef"),
        ("a 👩\u200d🔬 here", "a 👩\u200d🔬 here"),
        ("write to a.name@example.org today", "write to today"),
    ],
)
def test_what_a_source_writes_is_shown_in_plain_unicode(written, shown):
    assert text.clean(written) == shown
    assert text.clean(shown) == shown


def test_entities_are_read_once_and_only_where_they_can_stand():
    assert text.clean("a &amp;lt; b", entities=True) == "a &lt; b"
    assert text.clean("a &amp; b") == "a &amp; b"
    assert text.from_html("<p>a &amp; b<br>c</p><!-- x --><script>evil()</script>") == "a & b c"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<p>if $<a,x>=0$ holds</p>", "if <a,x>=0 holds"),
        ("<p>if $<x>\\le<b>$ holds</p>", "if <x>≤<b> holds"),
        ("<jats:p>a <think> of <b class='x'>c</b></jats:p>", "a <think> of c"),
        ("<p>for $5</p><p>or $6</p>", "for $5 or $6"),
    ],
)
def test_only_the_tags_of_html_are_taken_out(written, shown):
    assert text.from_html(written) == shown


@pytest.mark.parametrize("value", [None, 3, [], {"a": 1}, True])
def test_what_is_no_text_is_empty(value):
    assert text.clean(value) == text.raw(value) == text.from_html(value) == text.web_url(value) == ""


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)//https://arxiv.org",
        "gopher://127.0.0.1:25/_HELO",
        "https://",
        "http://a b",
        "https://u@h.org/",
        "x" * 600,
    ],
)
def test_an_address_that_is_no_plain_web_address_is_dropped(url):
    assert text.web_url(url) == ""


def test_the_code_link_is_a_repository():
    assert text.code_link("Code at https://github.com/some/thing.") == "https://github.com/some/thing"
    assert text.code_link("See https://github.com/some and https://example.org/a/b") == ""


@pytest.mark.parametrize(
    "bad", ["\\" * 20000, "{" * 20000, "\\a{" * 7000, "https://x{" * 2000, "a@" * 9000, "<script>" * 20000, "^{" * 9000]
)
def test_hostile_text_takes_no_time(bad):
    begun = time.process_time()
    text.code_link(text.abstract(bad)), text.from_html(bad)
    assert time.process_time() - begun < 1


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("2405.15738v2", "2405.15738"),
        ("oai:arXiv.org:2508.13426v1", "2508.13426"),
        ("arXiv: 0704.0001", "0704.0001"),
        ("math.GT/0309136v1", "math/0309136"),
        ("cs.CL/0101001", "cs/0101001"),
        ("2413.00001", ""),
        ("1412.12345", ""),
        ("1501.1234", ""),
        ("nonsense/0309136", ""),
        ("2405.15738; DROP", ""),
        (None, ""),
    ],
)
def test_arxiv_ids_lose_version_and_class(written, number):
    assert ids.arxiv_id(written) == number


def test_ids_are_found_in_links_only():
    assert ids.arxiv_ids_in("https://arxiv.org/pdf/2401.00001v2.pdf, https://huggingface.co/papers/2401.00002. 2401.00003") == (
        "2401.00001",
        "2401.00002",
    )
    assert ids.doi("https://doi.org/10.1000/ABC.1).") == "10.1000/abc.1"
    assert ids.aliases(doi="10.48550/arxiv.2401.00001")[0] == ("arxiv", "2401.00001")


def test_a_class_goes_by_arxivs_table_unless_two_archives_have_it():
    assert [ids.category(code) for code in ("CL", "ML", "IV", "cs.CL")] == ["cs.CL", "stat.ML", "eess.IV", "cs.CL"]
    assert [ids.category(code) for code in ("IT", "CV", "ZZ")] == ["IT", "CV", "ZZ"]


def test_a_fingerprint_is_blind_to_case_accents_marks_and_given_names():
    one = ids.fingerprint("Über-Models: A DA² Study", ("Ann B. Müller",))
    assert (
        one
        == ids.fingerprint("uber models a DA2 study", ("A. Muller",))
        == ids.fingerprint("Uber Models—a DA2 Study", ("Müller, A.",))
    )
    assert one != ids.fingerprint("Über-Models: A DA² Study", ("Ann Meier",))
