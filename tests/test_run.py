"""bin/run, bin/test and the supervisor, as real processes on their own data folder and port."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from newsletter import curators

ROOT = Path(__file__).resolve().parent.parent
# A new terminal's environment: none of the tests' own settings.
PLAIN = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
linux = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are counted through /proc")


# ---- the shell half ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["run", "test", "find_python.sh"])
def test_the_scripts_are_plain_shell(name: str) -> None:
    for shell in filter(None, [shutil.which("sh"), shutil.which("dash")]):
        subprocess.run([shell, "-n", ROOT / "bin" / name], check=True)


def test_help_needs_no_python(checkout: Path) -> None:
    done = run_script(checkout, "run", "--help", path=tools(checkout))
    assert done.returncode == 0 and "--once" in done.stdout


def test_an_option_that_belongs_to_once_is_refused_alone(checkout: Path) -> None:
    done = run_script(checkout, "run", "--json", path=tools(checkout))
    assert done.returncode == 2 and "--json" in done.stderr


@pytest.mark.parametrize("script", ["run", "test"])
@pytest.mark.parametrize(
    ("python", "sentence"),
    [
        ("exit 127", r"needs Python 3\.11 or newer, and none is on PATH: install it"),
        (
            'case "$2" in *print*) echo 3.9 ;; *) exit 1 ;; esac',
            r"needs Python 3\.11 or newer, and the newest .* Python 3\.9 .*: install",
        ),
        (
            'case "$2" in *print*) echo 3.12 ;; *venv*) exit 1 ;; esac',
            r"needs Python's venv module.*apt-get install python3\.12-venv",
        ),
    ],
)
def test_a_python_that_will_not_do_is_one_sentence(checkout: Path, script: str, python: str, sentence: str) -> None:
    path = tools(checkout, python3=f"#!/bin/sh\n{python}\n")
    done = run_script(checkout, script, path=path)
    assert done.returncode == 1 and done.stdout == ""
    assert re.search(sentence, done.stderr) and done.stderr.count("\n") == 1


def test_a_later_python_is_taken_when_the_first_will_not_do(checkout: Path) -> None:
    path = tools(checkout, **{"python3.14": "#!/bin/sh\nexit 127\n", "python3": f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'})
    (checkout / "bin" / "install.py").write_text("import sys; sys.exit('reached with ' + sys.argv[1])")
    done = run_script(checkout, "run", path=path)
    assert "reached with requirements.txt" in done.stderr


def test_an_install_is_made_once_heals_and_hands_over(checkout: Path) -> None:
    first = install(checkout, "-c", "print('handed over')")
    assert first.returncode == 0 and first.stdout == "handed over\n" and "Installing 0 packages" in first.stderr
    again = install(checkout, "-c", "print('handed over')")
    assert again.stdout == "handed over\n" and again.stderr == ""
    (checkout / ".venv" / "paperround-unfinished").touch()
    (checkout / ".venv" / "leftover").touch()
    healed = install(checkout, "-c", "print('handed over')")
    assert healed.stdout == "handed over\n" and not (checkout / ".venv" / "leftover").exists()


def test_a_failed_install_names_the_log_and_is_tried_again(checkout: Path) -> None:
    (checkout / "requirements.txt").write_text("no-such-package-anywhere==1.0 --hash=sha256:" + "0" * 64 + "\n")
    for _ in range(2):
        failed = install(checkout, "-c", "print('handed over')", PIP_NO_INDEX="1")
        assert failed.returncode == 1 and failed.stdout == ""
        assert re.search(r"could not be installed .*no-such-package-anywhere.*install\.log", failed.stderr.splitlines()[-1])


def test_a_project_folder_that_cannot_be_written_is_one_sentence(checkout: Path) -> None:
    (checkout / ".venv").touch()  # holds for root too, who may write in every folder
    done = install(checkout, "-c", "print('handed over')")
    assert done.returncode == 1 and done.stdout == ""
    assert "make the project folder writable" in done.stderr and done.stderr.count("\n") == 1


def test_the_developers_stamp_serves_bin_run_until_either_file_changes(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installer = installer_of(checkout)
    (checkout / ".venv").mkdir()
    installer.stamp_of("requirements-dev.txt").write_text(installer.digest("requirements-dev.txt"))
    assert installer.complete("requirements.txt") and installer.complete("requirements-dev.txt")
    (checkout / "requirements.txt").write_text("# another lock\n")
    assert not installer.complete("requirements.txt") and not installer.complete("requirements-dev.txt")
    installer.stamp_of("requirements.txt").write_text(installer.digest("requirements.txt"))
    assert installer.complete("requirements.txt") and not installer.complete("requirements-dev.txt")


# ---- the one-time login -----------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_login_link_makes_the_curator_once() -> None:
    curators.make_link(now=NOW)
    curators.make_link(now=NOW)
    curator = User.objects.get()
    assert curator.username == "curator" and curator.is_superuser and not curator.has_usable_password()


@pytest.mark.django_db
def test_a_login_link_serves_one_login_within_thirty_minutes() -> None:
    uid, token = parts(curators.make_link(now=NOW))
    assert curators.redeem(uid, token, now=NOW + timedelta(minutes=31)) is None
    assert curators.redeem(uid, token[:-1] + ("0" if token[-1] != "0" else "1"), now=NOW) is None
    assert curators.redeem("bm9ib2R5", token, now=NOW) is None
    assert curators.redeem(uid, token, now=NOW + timedelta(minutes=29)) == User.objects.get()
    assert curators.redeem(uid, token, now=NOW + timedelta(minutes=29)) is None


@pytest.mark.django_db
def test_reading_the_login_page_changes_nothing_and_the_button_logs_in(client: Client) -> None:
    path = link_path()
    for _ in range(2):
        page = client.get(path)
        assert page.status_code == 200 and "no-store" in page["Cache-Control"] and b"<button" in page.content
    assert User.objects.get().last_login is None and "_auth_user_id" not in client.session
    answer = client.post(path)
    assert answer.status_code == 302 and answer["Location"] == "/desk/" and "_auth_user_id" in client.session
    spent = Client().post(path)
    assert spent.status_code == 410 and b"desk_link" in spent.content


@pytest.mark.django_db
def test_a_forged_login_link_says_how_to_get_another(client: Client) -> None:
    page = client.get("/desk/enter/MQ/abc-def/")
    assert page.status_code == 410 and b"manage.py desk_link" in page.content and b"<button" not in page.content


@pytest.mark.django_db
def test_the_login_button_needs_the_form_of_this_site() -> None:
    assert Client(enforce_csrf_checks=True).post(link_path()).status_code == 403


# ---- once -------------------------------------------------------------------------------------------------------


@pytest.mark.worker
@pytest.mark.xdist_group("worker")
def test_once_on_a_folder_sends_one_digest_and_the_second_run_none(tmp_path: Path) -> None:
    (tmp_path / "day 1").mkdir()
    (tmp_path / "day 1" / "2026-11-20.json").write_text(recording(7))
    (tmp_path / "day 1" / "broken.json").write_text("[{")
    (tmp_path / "day 1" / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    first = once(tmp_path, "--from", "day 1", "--json")
    report = json.loads(first.stdout)
    assert first.returncode == 0 and first.stderr == ""
    assert (report["papers"]["new"], report["candidates"], report["editions"], report["copies"], report["sent"]) == (
        7,
        7,
        1,
        1,
        1,
    )
    assert report["now"] == "2026-11-20T12:00:00+00:00" and "Paper number 7" in report["digest"]
    assert {line["source"]: line["outcome"] for line in report["sources"]} == {
        "2026-11-20.json": "FRESH",
        "broken.json": "BROKEN",
        "picture.png": "SKIPPED",
    }
    assert [Path(name).parent for name in report["mails"]] == [tmp_path / "data" / "outbox"] and Path(report["mails"][0]).exists()
    second = once(tmp_path, "--from", "day 1")
    assert second.returncode == 0 and "Everybody has today's; nothing was sent." in second.stdout
    assert len(list((tmp_path / "data" / "outbox").iterdir())) == 1
    assert not (tmp_path / "data" / "paperround.sqlite3").exists()


@pytest.mark.worker
@pytest.mark.xdist_group("worker")
def test_once_on_a_file_that_is_no_paper_source_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    (tmp_path / "empty").mkdir()
    for name in ("picture.png", "empty", "missing"):
        refused = once(tmp_path, "--from", name)
        assert refused.returncode == 1 and refused.stdout == ""
        assert str(tmp_path / name) in refused.stderr.splitlines()[-1] and "Traceback" not in refused.stderr


@pytest.mark.worker
@pytest.mark.xdist_group("worker")
def test_once_without_a_network_fills_a_new_installation_and_leaves_papers_for_today(tmp_path: Path) -> None:
    blocked = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    first = once(tmp_path, "--json", **blocked)
    report = json.loads(first.stdout)
    assert first.returncode == 0 and report["mode"] == "sample" and report["copies"] == report["sent"] == 1
    assert report["papers"]["new"] >= 120 and len(report["digest"].splitlines()) > 40
    second = json.loads(once(tmp_path, "--json", **blocked).stdout)
    assert second["mode"] == "offline" and second["sent"] == 0 and second["message"] == "Everybody has today's; nothing was sent."
    assert second["candidates"] >= 20


# ---- the supervisor ---------------------------------------------------------------------------------------------


@linux
@pytest.mark.worker
@pytest.mark.xdist_group("worker")
def test_one_start_brings_all_up_mends_it_and_one_signal_ends_it(start: Callable[..., Started]) -> None:
    first = start()
    first.wait_for("End  ")
    screen = first.output()
    assert f"http://127.0.0.1:{first.port}/desk/enter/" in screen and str(first.data) in screen and len(screen.splitlines()) <= 24
    assert get(first.port, "/livez") == 200 and get(first.port, "/healthz") == 200

    second = start(data=first.data, port=first.port)
    assert second.process.wait(20) == 0
    assert f"http://127.0.0.1:{first.port}/" in second.output() and f"kill {first.process.pid}" in second.output()

    old = first.pids("celery", "worker")
    os.kill(min(old), signal.SIGKILL)
    first.wait_for("worker ended")
    until(lambda: len(first.pids("celery", "worker")) >= 2, "a new worker with its pool")
    assert not set(old) & set(first.pids("celery", "worker"))

    first.process.send_signal(signal.SIGTERM)
    assert first.process.wait(25) == 0
    assert first.kin() == [] and not (first.data / "valkey.sock").exists()


@linux
@pytest.mark.worker
@pytest.mark.xdist_group("worker")
def test_a_killed_supervisor_takes_its_children_along_and_the_next_start_is_clean(start: Callable[..., Started]) -> None:
    first = start()
    first.wait_for("End  ")
    first.process.kill()
    first.process.wait()
    second = start(data=first.data, port=first.port)
    second.wait_for("End  ")
    assert get(second.port, "/livez") == 200 and len(second.pids("valkey-server", "") + second.pids("redis-server", "")) == 1
    second.process.send_signal(signal.SIGHUP)
    assert second.process.wait(25) == 0 and second.kin() == []


@linux
@pytest.mark.worker
@pytest.mark.xdist_group("worker")
@pytest.mark.parametrize(
    ("number", "after_s"), [(signal.SIGINT, 0.9), (signal.SIGTERM, 1.3), (signal.SIGHUP, 2.0), (signal.SIGTERM, 3.0)]
)
def test_a_signal_during_the_start_leaves_nobody(start: Callable[..., Started], number: int, after_s: float) -> None:
    begun = start()
    time.sleep(after_s)
    begun.process.send_signal(number)
    begun.process.wait(25)
    assert begun.kin() == [] and not (begun.data / "valkey.sock").exists()


@pytest.mark.worker
@pytest.mark.xdist_group("worker")
def test_a_busy_port_is_one_sentence(start: Callable[..., Started]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused = start(port=taken.getsockname()[1])
        assert refused.process.wait(20) == 1
    assert re.fullmatch(r"Port \d+ on 127\.0\.0\.1 is taken by another program: .* PORT=\d+ bin/run\n", refused.output())


@pytest.mark.worker
@pytest.mark.xdist_group("worker")
def test_a_data_folder_that_cannot_be_made_is_one_sentence(start: Callable[..., Started], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = start(data=tmp_path / "file" / "data")
    assert refused.process.wait(20) == 1
    assert "make the folder writable" in refused.output() and refused.output().count("\n") == 1


@linux
@pytest.mark.worker
@pytest.mark.xdist_group("worker")
def test_a_long_or_odd_data_path_gets_a_short_socket(start: Callable[..., Started], tmp_path: Path) -> None:
    begun = start(data=tmp_path / "a folder with % and spaces" / ("long" * 20))
    begun.wait_for("End  ")
    folder = Path((begun.data / "valkey.path").read_text())
    assert folder.stat().st_mode & 0o777 == 0o700 and (folder / "valkey.sock").exists()
    assert get(begun.port, "/healthz") == 200
    begun.process.terminate()
    assert begun.process.wait(25) == 0 and not (folder / "valkey.sock").exists()
    folder.rmdir()


def once(folder: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The command as bin/run calls it, from the caller's folder."""
    settings_ = {**PLAIN, "PAPERROUND_DATA": str(folder / "data"), **env}
    command = [sys.executable, ROOT / "manage.py", "once", *arguments]
    return subprocess.run(command, env=settings_, cwd=folder, capture_output=True, text=True, timeout=170, check=False)


def recording(papers: int) -> str:
    """A day of Hugging Face's list, in the fields that are read."""
    day = "2026-11-20T00:00:00.000Z"
    return json.dumps(
        [
            {
                "paper": {
                    "id": f"2611.0{number:04}",
                    "title": f"Paper number {number} on language models",
                    "summary": f"We train model {number} and measure it.",
                    "authors": [{"name": f"Ada Example{number}"}],
                    "upvotes": 10 * number,
                    "publishedAt": day,
                },
                "publishedAt": day,
            }
            for number in range(1, papers + 1)
        ]
    )


# ---- what the tests share ---------------------------------------------------------------------------------------


class Started:
    """A supervisor on its own folder and port, without a terminal and, unless told otherwise, with stdin closed."""

    def __init__(self, data: Path, port: int, log: Path, **settings_: str) -> None:
        self.data, self.port, self.log = data, port, log
        env = {**PLAIN, "PAPERROUND_DATA": str(data), "PORT": str(port), "MAIL_URL": "anymail:test", **settings_}
        with log.open("wb") as output:
            command = f'exec "{sys.executable}" "{ROOT}/manage.py" run <&-'
            self.process = subprocess.Popen(["sh", "-c", command], env=env, stdout=output, stderr=output, start_new_session=True)

    def output(self) -> str:
        return self.log.read_text()

    def wait_for(self, words: str, seconds: float = 60) -> None:
        until(lambda: words in self.output() or self.process.poll() is not None, words, seconds)
        assert words in self.output(), self.output() + self._logs()

    def kin(self) -> list[int]:
        """Living processes that were started on this data folder, the supervisor included."""
        wanted = f"PAPERROUND_DATA={self.data}".encode()
        return [pid for pid in processes() if wanted in read(pid, "environ") or str(self.data).encode() in read(pid, "cmdline")]

    def pids(self, *words: str) -> list[int]:
        return [pid for pid in self.kin() if all(word.encode() in read(pid, "cmdline") for word in words)]

    def _logs(self) -> str:
        return "".join(f"\n== {log}\n{log.read_text()[-2000:]}" for log in sorted(self.data.glob("logs/*.log")))

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(25)
            except subprocess.TimeoutExpired:
                self.process.kill()
        for pid in self.kin():
            os.kill(pid, signal.SIGKILL)


def processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and int(path.name) != os.getpid()]


def read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.1)


def get(port: int, path: str) -> int:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Started]]:
    all_started: list[Started] = []

    def begin(*, data: Path | None = None, port: int = 0, **settings_: str) -> Started:
        if not port:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
        log = tmp_path / f"out-{len(all_started)}"
        all_started.append(Started(data or tmp_path / "data", port, log, **settings_))
        return all_started[-1]

    yield begin
    for started in all_started:
        started.end()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A project folder with a space in its path, the scripts, and locks that ask for nothing."""
    folder = tmp_path / "a project"
    shutil.copytree(ROOT / "bin", folder / "bin")
    for name in ("requirements.txt", "requirements-dev.txt"):
        (folder / name).write_text("# nothing\n")
    return folder


def tools(checkout: Path, **programs: str) -> str:
    """A PATH with what any POSIX system has, and the programs given; no Python besides."""
    folder = checkout / "path"
    folder.mkdir()
    for name in ("sh", "dirname", "cat", "readlink"):
        (folder / name).symlink_to(str(shutil.which(name)))
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    return str(folder)


def run_script(checkout: Path, name: str, *arguments: str, path: str) -> subprocess.CompletedProcess[str]:
    command = [checkout / "bin" / name, *arguments]
    return subprocess.run(command, env={"PATH": path}, cwd="/", capture_output=True, text=True, timeout=150, check=False)


def install(checkout: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, checkout / "bin" / "install.py", "requirements.txt", *arguments]
    return subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, timeout=170, check=False)


def installer_of(checkout: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("installer", checkout / "bin" / "install.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parts(link: str) -> tuple[str, str]:
    uid, token = link.removeprefix(f"{settings.PUBLIC_URL}/desk/enter/").strip("/").split("/")
    return uid, token


def link_path() -> str:
    return curators.make_link(now=datetime.now(UTC)).removeprefix(settings.PUBLIC_URL)
