"""Every page before the judges of the yard, as the web server of an installation serves it.

Pages are found as a visitor finds them: from the first page and from the mails, link by link, one page an address pattern.
Each judge is calibrated on a bad little site: one that cannot fail proves nothing.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import web_rows
from django.urls import Resolver404, resolve
from web_house import READER, ROOT, free_port, running, text_of

from newsletter.web.urls import urlpatterns

YARD = Path(os.environ.get("PAPERROUND_YARD") or ROOT / "no-yard")
WAPITI = os.environ.get("PAPERROUND_WAPITI", "")
PROGRAMS = {
    "node": "Node 20 or newer",
    "java": "a Java (apt-get install default-jre-headless)",
    "chromium": "Debian's chromium",
}
SECOND_HAND = {  # addresses that are no page of their own, and why
    **dict.fromkeys(("view", "edition", "outbox_html"), "a mail: tests/mail judges it"),
    **dict.fromkeys(("feed", "topic_feed", "edition_feed", "search_feed", "own_feed"), "a feed"),
    **dict.fromkeys(("reference", "day_references", "saved_file"), "a file of references"),
    **dict.fromkeys(("healthz", "livez", "metrics", "robots", "security", "sitemap", "sitemap_of"), "for machines"),
    **dict.fromkeys(("subscribe", "drop_saved"), "POST alone: the journey"),
    **dict.fromkeys(("preview", "own_preview"), "the page it is part of again"),
    **dict.fromkeys(
        ("mail_preferences", "mail_export", "mail_erase", "leave_export", "leave_erase", "ask_move", "set_own_feed"),
        "GET leads back",
    ),
    "favicon": "an image",
}
pytestmark = [
    pytest.mark.skipif(not YARD.is_dir(), reason="PAPERROUND_YARD names no folder of judging scripts"),
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.xdist_group("house"),
    pytest.mark.timeout(600),
]


def judge(script, *arguments, **environment):
    """(exit code, what it printed); 0 = nothing found, 1 = something, 2 = could not judge. Skips where a tool is missing."""
    for program in ("node", {"nu_check.mjs": "java", "csp_check.mjs": "node"}.get(script, "chromium")):
        if shutil.which(program) is None:
            pytest.skip(f"needs {PROGRAMS[program]}")
    if not (ROOT / "node_modules").is_dir():
        pytest.skip("node_modules is missing (npm ci --ignore-scripts)")
    done = subprocess.run(
        ["node", YARD / script, *arguments],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, **environment}, timeout=590,
    )  # fmt: skip
    assert done.returncode in {0, 1}, done.stdout[-2000:] + done.stderr[-2000:]
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def pages(house):
    """name of the address pattern -> URL of one page of it; also pages in another state, under names of their own."""
    way_out = everything_is_mailed(house)
    mails = [mail for address in (READER, "leaver@example.org", "moved@example.org") for mail in house.mails(address)]
    mailed = [urlsplit(url).path for mail in mails for url in re.findall(rf"{house.base}/[^\s>)]+", text_of(mail))]
    seeds = {"filled": "/?q=robot&topic=robotics", "found": "/search?q=model", "nothing_found": "/search?q=xylophagous"}
    [lab] = house.row("SELECT slug FROM newsletter_byline WHERE kind = 'LAB' LIMIT 1")
    seeds |= {"left": way_out, "lab": f"/labs/{lab}"}
    found, waiting = {}, [*seeds.items(), *(("", path) for path in ["/", *mailed, "/outbox/", "/preferences"])]
    seen = set()
    while waiting:
        name, path = waiting.pop(0)
        name = name or pattern_of(path)
        if not name or name in seen or name in SECOND_HAND:
            continue
        answer = house.get(path)
        if answer.status == 200 and "text/html" in answer.headers["Content-Type"]:
            seen.add(name)
            found[name] = house.base + path
            waiting += [("", href.partition("#")[0]) for href in web_rows.Links(answer.text).own()]
    return found


def everything_is_mailed(house):
    """One reader asks for all that comes by mail and moves, another confirms and leaves; the other's way out."""
    house.post("/subscribe", email="leaver@example.org")
    own = urlsplit(house.link(READER, "preferences")).path
    for way, fields in (("erase", {}), ("export", {}), ("move", {"email": "moved@example.org"})):
        house.post(f"{own}/{way}", **fields)
    house.run(["send"])
    assert house.post(urlsplit(house.link("leaver@example.org", "confirm")).path).status == 200
    assert house.post(urlsplit(house.link("moved@example.org", "move")).path).status == 200
    [leave_id] = house.row("SELECT leave_id FROM newsletter_subscriber WHERE address = ?", "leaver@example.org")
    assert house.post(f"/u/{leave_id}").status == 200
    house.run(["send"])
    return f"/u/{leave_id}"


def pattern_of(path):
    """The name of the reader's address that answers it; "" for the desk and for files."""
    try:
        match = resolve(path.partition("?")[0])
    except Resolver404:
        return ""
    return (match.url_name or "") if match.namespace == "web" else ""


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """The address of a site that does everything wrong."""
    port, log = free_port(), tmp_path_factory.mktemp("bad") / "site.txt"
    command = [sys.executable, str(YARD / "fixture_site.py"), "runserver", "--noreload", f"127.0.0.1:{port}"]
    env = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    with running(command, {**env, "BAD": "1"}, log, f"http://127.0.0.1:{port}/"):
        yield f"http://127.0.0.1:{port}/"


def test_every_address_of_the_readers_door_is_judged_or_said_to_be_no_page(pages):
    names = {pattern.name for pattern in urlpatterns if getattr(pattern, "name", None)}
    assert names - set(pages) - set(SECOND_HAND) == set()


def test_every_page_is_valid_html(pages, house, bad, tmp_path):
    """Also the pages of what went wrong, and the fragment's page."""
    wrong = {
        "unknown": house.get("/papers/nothing"),
        "forged": house.get("/preferences/forged"),
        "unreadable": house.get("/search?q=(robot"),
        "refused": house.post("/subscribe", email="ada@@example", q="(robot", hour="99", zone="Mars", topic="nothing"),
        "sent": house.post("/subscribe", email="yard2@example.org"),
        "preview": house.post("/preview", email="ada@example.org", q="model"),
    }
    assert [answer.status for answer in wrong.values()] == [404, 404, 422, 422, 200, 200]
    for name, answer in wrong.items():
        (tmp_path / f"{name}.html").write_text(answer.text)
    _, said = judge("nu_check.mjs", *pages.values(), *(tmp_path / f"{name}.html" for name in wrong), bad)
    faulty = [line for line in said.splitlines()[:-1] if urlsplit(bad).netloc.replace(":", "-").replace(".", "-") not in line]
    assert faulty == [], said
    assert len(said.splitlines()) > 1, said


def test_every_page_carries_a_strict_policy_and_no_careless_header(pages, bad):
    code, said = judge("csp_check.mjs", *pages.values())
    assert code == 0, said
    assert judge("csp_check.mjs", bad)[0] == 1


def rendered(folder, *urls, widths, mode, **environment):
    return judge("render_check.mjs", folder, *urls, WIDTHS=widths, MODES=mode, SHOTS="0", KIND="web", **environment)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_page_reads_well_on_the_narrowest_phone(mode, pages, tmp_path):
    code, said = rendered(tmp_path, *pages.values(), widths="320", mode=mode)
    assert code == 0, said
    assert f"render_check: {len(pages)} views" in said


def test_every_page_reads_well_in_letters_twice_as_large(pages, tmp_path):
    """axe has seen the same pages; here it is the room that letters take."""
    code, said = rendered(tmp_path, *pages.values(), widths="320", mode="text200", AXE="0")
    assert code == 0, said


def test_every_page_reads_well_on_a_desk(pages, tmp_path):
    code, said = rendered(tmp_path, *pages.values(), widths="1280", mode="light")
    assert code == 0, said


def test_a_bad_page_does_not_read_well(bad, tmp_path):
    code, said = rendered(tmp_path, bad, widths="320", mode="light")
    assert code == 1
    assert all(word in said for word in ("OVERFLOW", "THIRD-PARTY", "html-has-lang", "image-alt")), said


def test_the_sign_up_form_works_by_keyboard_without_a_script_and_with_a_wrong_address(house, bad):
    code, said = judge("form_check.mjs", f"{house.base}/", GOOD="form@example.org")
    assert code == 0, said
    assert judge("form_check.mjs", bad)[0] == 1


@pytest.mark.parametrize("name", ["home", "archive", "day", "preferences"])
def test_lighthouse_has_nothing_to_say(name, pages):
    """The best of three for speed, and less of it from a machine that has more to do than it can. A personal page must not be
    found, so SEO is not asked of it."""
    for _ in range(3):
        speed = 0.95 if os.getloadavg()[0] <= 2 * (os.cpu_count() or 1) else 0.75
        floor = f"{speed},1,1,{0 if name == 'preferences' else 1}"
        code, said = judge("lighthouse_check.mjs", pages[name], MIN=floor)
        if code == 0 or "FAIL performance" not in said:
            break
    assert code == 0, said


@pytest.mark.parametrize("path", ["/search?q=robot", "/preview?q=robot&topic=robotics", "/trending?window=day", "/suggest"])
def test_wapiti_breaks_nothing_where_text_is_taken(path, house, tmp_path):
    if not WAPITI:
        pytest.skip("PAPERROUND_WAPITI names no wapiti (.ci/run installs it: a virtualenv of its own)")
    found = attacked(house.base + path, tmp_path / "found.json")
    assert {kind: rows for kind, rows in found["vulnerabilities"].items() if rows} == {}
    assert {kind: rows for kind, rows in found["anomalies"].items() if rows} == {}


def test_wapiti_does_break_a_bad_site(bad, tmp_path):
    if not WAPITI:
        pytest.skip("PAPERROUND_WAPITI names no wapiti (.ci/run installs it: a virtualenv of its own)")
    assert any(attacked(bad, tmp_path / "found.json")["vulnerabilities"].values())


def attacked(url, report):
    """What wapiti's report holds; how it is asked stands in the yard's table."""
    modules = "xss,sql,exec,file,csp,http_headers,cookieflags,redirect"
    command = [WAPITI, "-u", url, "--scope", "url", "-m", modules, "--max-scan-time", "60", "--no-bugreport"]
    command += ["--flush-session", "--store-session", report.parent / "session", "-f", "json", "-o", report]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return json.loads(report.read_text())
