"""Finished mails before the judges of the yard: as an SMTP server took them from our own delivery, every kind and variant.

Each judge is calibrated on broken mails: one that cannot fail proves nothing.
"""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from mail_captured import captured, html_of, kind_of
from mail_values import envelope

from newsletter.mail import Copy, Personal, Plate
from newsletter.mail.examples import examples
from newsletter.mail.lint import findings
from newsletter.models import Kind

ROOT = Path(__file__).resolve().parents[2]
YARD = Path(os.environ.get("PAPERROUND_YARD") or ROOT / "no-yard")
HARMLESS = re.compile(r"HTML_MESSAGE|NO_RECEIVED|NO_RELAYS|none|DKIM_\w+|T_SCC_BODY_TEXT_LINE")
LISTED = {"DIGEST", "TEST"}
PROGRAMS = {
    "node": "Node 20 or newer",
    "java": "a Java (apt-get install default-jre-headless)",
    "chromium": "Debian's chromium",
    "spamassassin": "Debian's spamassassin",
    "openssl": "openssl",
}
pytestmark = [
    pytest.mark.skipif(not YARD.is_dir(), reason="PAPERROUND_YARD names no folder of judging scripts"),
    pytest.mark.timeout(600),
    pytest.mark.django_db,
]


def judge(script, *arguments, **environment):
    """(exit code, what it printed); 0 = nothing found, 1 = something, 2 = could not judge. Skips where a tool is missing."""
    command = {".py": [sys.executable], ".mjs": ["node"], ".sh": ["bash"]}[Path(script).suffix]
    needs("openssl" if script == "dkim_check.py" else "spamassassin" if script == "spam_check.sh" else None)
    if script.endswith(".mjs"):
        needs("node", {"nu_check.mjs": "java", "render_check.mjs": "chromium"}.get(script))
        if not (ROOT / "node_modules").is_dir():
            pytest.skip("node_modules is missing (npm ci --ignore-scripts)")
    done = subprocess.run(
        [*command, YARD / script, *arguments],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment}, timeout=590,
    )  # fmt: skip
    assert done.returncode in {0, 1}, done.stdout[-2000:] + done.stderr[-2000:]
    return done.returncode, done.stdout


def needs(*programs):
    for program in filter(None, programs):
        if shutil.which(program) is None:
            pytest.skip(f"needs {PROGRAMS[program]}")


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    """(private PEM, the file of the public half)"""
    needs("openssl")
    private, public = (tmp_path_factory.mktemp("key") / name for name in ("private.pem", "public.pem"))
    subprocess.run(["openssl", "genrsa", "-out", private, "2048"], check=True, capture_output=True)
    subprocess.run(["openssl", "rsa", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return private.read_text(), public


@pytest.fixture(scope="module")
def mails(key, tmp_path_factory, django_db_setup, django_db_blocker):
    """name -> file, signed"""
    with django_db_blocker.unblock():
        return captured(tmp_path_factory.mktemp("mails"), dkim_key=key[0])


@pytest.fixture(scope="module")
def pages(mails):
    """name -> file with the HTML part"""
    found = {name: html_of(file) for name, file in mails.items()}
    return {name: file for name, file in found.items() if file}


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """A folder of a good digest and of broken ones."""
    folder = tmp_path_factory.mktemp("broken")
    judge("sample_digest.py", folder)
    return folder


def test_every_kind_and_every_example_was_mailed(mails):
    written = {name.partition(".")[0] for name in mails}
    assert written >= {kind for kind in Kind.values if kind != "TEST"}
    shown = {name for name, one in examples().items() if getattr(one.says, "unsubscribe_url", True)}
    assert {name.split(".")[1] for name in mails} >= shown


def test_our_own_lint_finds_nothing(mails):
    assert {name: findings(file.read_bytes()) for name, file in mails.items()} == dict.fromkeys(mails, ())


# --- headers, structure, text ----------------------------------------


def lint(files, *options):
    address = "Paper Round, 1 Example Street, 1000 Example Town"
    return judge("mail_lint.py", "--strict", "--dkim", "--address", address, *options, *files)


def test_mail_lint_finds_nothing(mails):
    whole = {name: file for name, file in mails.items() if "text-only" not in name}  # it demands both parts
    listed = [file for name, file in whole.items() if kind_of(name) in LISTED]
    single = [file for name, file in whole.items() if kind_of(name) not in LISTED]
    assert lint(listed)[0] == 0, lint(listed)[1]
    assert lint(single, "--kind", "transactional")[0] == 0, lint(single, "--kind", "transactional")[1]


@pytest.mark.parametrize("name", ["bad", "nounsub", "nodate", "nomid", "notext", "big"])
def test_mail_lint_does_find_a_fault(name, broken):
    assert judge("mail_lint.py", "--strict", broken / f"{name}.eml")[0] == 1


def test_mail_lint_misses_a_header_taken_from_our_own_mail(mails, tmp_path):
    file = tmp_path / "less.eml"
    file.write_bytes(re.sub(rb"(?m)^List-Unsubscribe-Post: .*\r\n", b"", mails["DIGEST.written"].read_bytes()))
    code, said = lint([file])
    assert code == 1 and "LU-POST" in said


def test_a_host_of_forty_characters_makes_no_line_too_long(tmp_path):
    base, files = "https://papers.department.university.example.org", []
    urls = {
        "view_url": f"{base}/view/",
        "preferences_url": f"{base}/preferences/",
        "unsubscribe_url": f"{base}/u/",
        "tune_url": f"{base}/tune/",
    }
    for name, one in examples(base_url=base).items():
        if one.kind == "DIGEST" and one.says.unsubscribe_url:
            says = one.says
            own = Personal(
                interests=says.interests,
                since_on=says.since_on,
                view="v" * 67,
                preferences="p" * 67,
                unsubscribe="u" * 22,
                tune="t" * 67,
            )
            way_out = envelope(unsubscribe_url=f"{base}/u/{own.unsubscribe}", message_id=f"<{name}@papers.example.org>")
            wire = Copy(Plate(replace(says, **urls)), own).wire(way_out)
            files.append(tmp_path / f"{name}.eml")
            files[-1].write_bytes(wire)
    code, said = judge("mail_lint.py", "--strict", *files)
    assert code == 0, said


# --- spam ----------------------------------------


def spam(files, folder):
    """file name -> (score, rules of note), all in one process: SpamAssassin reads its rules once, not once a mail."""
    needs("spamassassin")
    preferences = folder / "preferences"
    preferences.write_text("required_score 5\nuse_bayes 0\nuse_razor2 0\nuse_pyzor 0\n")
    done = subprocess.run(["spamassassin", "-L", "-t", "-p", preferences, *files], capture_output=True, timeout=590, check=True)
    heads = re.findall(
        r"^X-Spam-Status: \S+ score=([-\d.]+).*?tests=(.*?)\s+autolearn", done.stdout.decode("latin-1"), re.M | re.S
    )
    assert len(heads) == len(files)
    rules = [[rule for rule in re.split(r"[,\s]+", tests) if not HARMLESS.fullmatch(rule)] for _, tests in heads]
    return {file.name: (float(score), found) for file, (score, _), found in zip(files, heads, rules, strict=True)}


def test_spamassassin_has_nothing_to_say(mails, broken, tmp_path):
    found = spam([*mails.values(), broken / "bad.eml", broken / "nodate.eml"], tmp_path)
    assert found.pop("bad.eml")[0] > 5
    assert found.pop("nodate.eml")[0] > 2
    assert {name: what for name, what in found.items() if what[0] > 0 or what[1]} == {}


def test_the_yard_scores_spam_as_we_do(mails, broken):
    code, said = judge("spam_check.sh", "0.0", mails["DIGEST.digest-15.en"], broken / "bad.eml")
    assert code == 1 and "ok DIGEST.digest-15.en.eml" in said and "FAIL bad.eml" in said


# --- DKIM ----------------------------------------


def test_every_mail_is_signed_and_verifies(mails, key):
    code, said = judge("dkim_check.py", key[1], *mails.values())
    assert code == 0, said


def test_no_mail_verifies_once_a_letter_of_it_has_changed(mails, key, tmp_path):
    for name, file in mails.items():
        wire = file.read_bytes()
        assert wire.count(b"Paper Round") >= 2
        (tmp_path / f"{name}.eml").write_bytes(b"Paper Wound".join(wire.rsplit(b"Paper Round", 1)))
    _, said = judge("dkim_check.py", key[1], *tmp_path.glob("*.eml"))
    assert said.endswith(f"dkim_check: {len(mails)} mails, {len(mails)} fail\n")


def test_the_way_out_is_signed(mails, key, tmp_path):
    file = tmp_path / "elsewhere.eml"
    file.write_bytes(
        mails["DIGEST.written"].read_bytes().replace(b"List-Unsubscribe: <https://", b"List-Unsubscribe: <https://x.")
    )
    assert judge("dkim_check.py", key[1], file)[0] == 1


# --- HTML ----------------------------------------


def test_the_html_is_valid(pages, broken):
    _, said = judge("nu_check.mjs", *pages.values(), broken / "bad.html")
    faulty = {line.partition(":")[0] for line in said.splitlines()[:-1]}
    assert faulty == {"bad.html"}, said


def test_no_mail_uses_what_mail_programs_lack(pages, broken, tmp_path):
    """All mails in one file: what any of them uses is found, and the tables are read once. German ones use the same."""
    every = tmp_path / "every.html"
    every.write_text("".join(page.read_text() for name, page in pages.items() if not name.endswith(".de")))
    code, said = judge("caniemail_check.mjs", every)
    assert code == 0, said
    every.write_text(every.read_text() + (broken / "bad.html").read_text())
    assert "22 clients, 7 unsupported" in judge("caniemail_check.mjs", every)[1]


# --- as readers see it ----------------------------------------


def sheet(pages, file, *, also=""):
    """All mails on one page, one below the other: each in every mode and width, for the price of a few views."""
    heads, bodies = zip(*(re.split(r'(?=<div class="pre")', page.read_text(), maxsplit=1) for page in pages), strict=True)
    file.write_text(heads[0] + "\n".join(body.rpartition("</body>")[0] for body in bodies) + also + "</body></html>")
    return file


def rendered(*files, widths, modes="light,dark,nostyle,noimg,text200"):
    return judge("render_check.mjs", files[0].parent / "png", *files, WIDTHS=widths, MODES=modes, SHOTS="0")


@pytest.mark.parametrize("widths", ["320,360", "600,800"])
def test_every_mail_reads_well_in_every_mode(widths, pages, tmp_path):
    shown = [page for name, page in pages.items() if not name.endswith(".de")]
    code, said = rendered(sheet(shown, tmp_path / "every.html"), widths=widths)
    assert code == 0, said
    assert said.endswith("10 views, 1 targets, 0 findings\n")


def test_every_german_mail_reads_well_where_it_is_narrow(pages, tmp_path):
    shown = [page for name, page in pages.items() if name.endswith(".de")]
    assert len(shown) > 20
    code, said = rendered(sheet(shown, tmp_path / "every.html"), widths="320", modes="light,text200")
    assert code == 0, said


def test_a_mail_reads_well_alone(pages):
    files = [pages[name] for name in ("DIGEST.digest-15.en", "CONFIRM.written")]
    code, said = rendered(*files, widths="320,600", modes="light")
    assert code == 0, said
    assert said.count("blocked requests 0") == 4


def test_a_broken_mail_does_not(pages, broken, tmp_path):
    code, said = rendered(broken / "bad.html", widths="320", modes="light")
    assert code == 1 and all(word in said for word in ("OVERFLOW", "SMALL", "color-contrast", "image-alt"))
    pale = '<p style="color:#ccc;background-color:#fff">Too pale to be read</p>'
    code, said = rendered(sheet(list(pages.values())[:3], tmp_path / "pale.html", also=pale), widths="320", modes="light")
    assert code == 1 and "color-contrast" in said
