"""The settings an operator gives: each documented, each checked at start, a wrong one refused with what to write."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config import environment
from config.environment import Environment, Misconfigured, cutoff_of

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _bare(monkeypatch, tmp_path):
    for name in Environment.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("PAPERROUND_DATA", str(tmp_path))


def test_the_document_names_every_setting_and_no_other():
    rows = re.findall(r"^\| (`[^|]+`) \|", (ROOT / "docs" / "configure.md").read_text(), re.M)
    documented = {name for row in rows for name in re.findall(r"`([A-Z_0-9]+)`", row)}
    assert documented == {name.upper() for name in Environment.model_fields}


def test_compose_passes_every_setting_but_the_one_for_several_installations():
    import yaml

    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    assert set(compose["services"]["web"]["environment"]) == {name.upper() for name in Environment.model_fields} - {"KEY_PREFIX"}


def test_without_any_setting_everything_has_a_default(tmp_path):
    env = environment.read()
    assert (env.mail_url, env.host, env.port) == ("file:", "127.0.0.1", 8000)
    assert env.paperround_data == tmp_path


def test_the_secret_is_made_once_and_kept_for_this_user_alone(tmp_path):
    first, second = environment.read().secret_key, environment.read().secret_key
    assert first == second and len(first) > 40
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("MAIL_URL", "sendmail", "file:, smtp://"),
        ("MAIL_URL", "smtp://", "needs a host"),
        ("DATABASE_URL", "mysql://x/y", "postgresql://"),
        ("REDIS_URL", "http://x", "redis://"),
        ("PUBLIC_URL", "papers.example.org", "https://"),
        ("PUBLIC_URL", "https://papers.example.org/path", "host only"),
        ("MAIL_FROM", "nobody", "one address"),
        ("MAIL_FROM", "A <a@b.org>\r\nBcc: c@d.org", "one address"),
        ("MAIL_FROM", "Pâpers <digest@pâpers.example>", "xn--"),
        ("REPLY_TO", "desk@pâpers.example", "xn--"),
        ("ISSUE_CUTOFF", "half past four", "04:30 UTC"),
        ("ISSUE_CUTOFF", "25:00 UTC", "04:30 UTC"),
        ("ISSUE_CUTOFF", "04:30 Mars/Base", "IANA zone"),
        ("PORT", "0", "PORT"),
        ("PORT", "eighty", "PORT"),
        ("KEY_PREFIX", "Über", "KEY_PREFIX"),
        ("PORT", "99999", "from 1 to 65535"),
        ("PUBLIC_URL", "http://exa mple", "https://"),
        ("REPLY_TO", "zz", "one address"),
        ("DKIM_KEY", "/no/such/file", "readable PEM file"),
        ("DKIM_KEY", "-----BEGIN RSA PRIVATE KEY-----\\nAAAA\\n-----END RSA PRIVATE KEY-----", "openssl genrsa 2048"),
        ("DKIM_SELECTOR", "a b", "DKIM_SELECTOR"),
        ("DKIM_DOMAIN", "localhost", "DKIM_DOMAIN"),
        ("SECRET_KEY", "x", "32 random characters"),
        ("WEBHOOK_SECRET", "x", "NAME:PASSWORD"),
        ("MAIL_RATE", "fast", "from 0.01 to 10000"),
        ("MAIL_RATE", "0.001", "from 0.01 to 10000"),
        ("MAIL_RATE", "1e4", "from 0.01 to 10000"),
        ("MAIL_DOMAIN_RATE", "-1", "a minute to one recipient domain"),
        ("MAIL_DAILY_QUOTA", "50k", "in any 24 hours"),
        ("MAIL_SPREAD_MINUTES", "60", "from 0 to 59"),
        ("WARM_UP", "yes", "as in 2026-11-22"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_a_remedy(monkeypatch, name, value, says):
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as refused:
        environment.read()
    assert name in str(refused.value) and says in str(refused.value)


@pytest.mark.parametrize("mail", ["smtp://mail.example.org:587", "anymail:postmark?server_token=x"])
def test_real_mail_needs_an_https_address_for_its_links(monkeypatch, mail):
    monkeypatch.setenv("MAIL_URL", mail)
    with pytest.raises(Misconfigured, match="https"):
        environment.read()
    monkeypatch.setenv("PUBLIC_URL", "http://papers.example.org")
    with pytest.raises(Misconfigured, match="https"):
        environment.read()
    monkeypatch.setenv("PUBLIC_URL", "https://papers.example.org/")
    assert environment.read().public_url == "https://papers.example.org"


def test_digests_are_spread_where_they_are_really_sent_unless_told_otherwise(monkeypatch):
    assert environment.read().mail_spread_minutes == 0
    monkeypatch.setenv("MAIL_SPREAD_MINUTES", "7")
    assert environment.read().mail_spread_minutes == 7
    monkeypatch.delenv("MAIL_SPREAD_MINUTES")
    monkeypatch.setenv("MAIL_URL", "smtp://mail.example.org")
    monkeypatch.setenv("PUBLIC_URL", "https://papers.example.org")
    assert environment.read().mail_spread_minutes == 20


def test_test_mail_needs_none(monkeypatch):
    monkeypatch.setenv("MAIL_URL", "anymail:test")
    environment.read()


@pytest.mark.parametrize("bits", [1024, 2048])
def test_a_key_for_signing_is_text_or_a_file_long_enough_and_has_a_selector(monkeypatch, tmp_path, bits):
    pem = subprocess.run(["openssl", "genrsa", str(bits)], check=True, capture_output=True, text=True).stdout
    (tmp_path / "key.pem").write_text(pem)
    for value in (pem, pem.replace("\n", "\\n"), str(tmp_path / "key.pem")):
        monkeypatch.setenv("DKIM_KEY", value)
        monkeypatch.delenv("DKIM_SELECTOR", raising=False)
        with pytest.raises(Misconfigured, match="DKIM_SELECTOR: write" if bits == 2048 else "DKIM_KEY: .* no key of 1024 bits"):
            environment.read()
        if bits == 2048:
            monkeypatch.setenv("DKIM_SELECTOR", "round1")
            env = environment.read()
            assert (env.dkim_key, env.dkim_domain) == (pem, "paperround.example.org")


def test_service_mails_have_the_sender_of_digests_unless_they_have_their_own(monkeypatch):
    assert environment.read().service_from == "Paper Round <service@paperround.example.org>"
    monkeypatch.setenv("MAIL_FROM", "P <d@papers.example.net>")
    assert environment.read().service_from == "P <d@papers.example.net>"
    monkeypatch.setenv("SERVICE_FROM", "P <s@papers.example.net>")
    assert environment.read().service_from == "P <s@papers.example.net>"


def test_a_cut_off_has_a_time_and_a_zone():
    at, zone = cutoff_of("06:05 Europe/Amsterdam")
    assert (at.hour, at.minute, zone.key) == (6, 5, "Europe/Amsterdam")


def _start(tmp_path, **settings: str) -> subprocess.CompletedProcess[str]:
    env = {"PATH": os.environ["PATH"], "PAPERROUND_DATA": str(tmp_path), **settings}
    return subprocess.run([sys.executable, "manage.py", "check"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=150)


def test_a_wrong_setting_ends_the_start_with_one_sentence(tmp_path):
    done = _start(tmp_path, ISSUE_CUTOFF="noon")
    assert done.returncode == 1
    assert done.stderr.startswith("Paper Round does not start. ISSUE_CUTOFF: write a time")
    assert "Traceback" not in done.stderr and len(done.stderr.splitlines()) == 1


def test_a_folder_that_cannot_be_written_ends_the_start_with_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    done = _start(tmp_path / "file" / "data")
    assert done.returncode == 1 and "PAPERROUND_DATA: cannot write" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_provider_without_a_webhook_secret_and_example_senders_do_not_start(tmp_path):
    real = {"MAIL_URL": "anymail:postmark?server_token=x", "PUBLIC_URL": "https://papers.example.net"}
    done = _start(tmp_path, **real)
    assert done.returncode == 1
    assert "paperround.E001" in done.stderr and "paperround.E002" in done.stderr
    true = {"MAIL_FROM": "P <d@papers.example.net>", "SERVICE_FROM": "P <s@papers.example.net>"}
    true.update(POSTAL_ADDRESS="P, 7 True Street, Town", WEBHOOK_SECRET="a:b")
    done = _start(tmp_path, **real, **true)
    assert done.returncode == 0, done.stderr
    done = _start(tmp_path, **real | {"MAIL_URL": "anymail:nosuch?x=1"}, **true)
    assert done.returncode == 1 and "paperround.E003" in done.stderr


def test_a_command_before_the_first_migration_says_what_to_do(tmp_path):
    env = {"PATH": os.environ["PATH"], "PAPERROUND_DATA": str(tmp_path)}
    done = subprocess.run([sys.executable, "manage.py", "send"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=150)
    assert done.returncode == 1 and "manage.py migrate" in done.stderr and "Traceback" not in done.stderr


def test_an_https_address_brings_secure_cookies_and_hsts(tmp_path):
    code = (
        "from django.conf import settings as s;"
        "print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS >= 31536000, 'papers.example.net' in s.ALLOWED_HOSTS)"
    )
    env = {"PATH": os.environ["PATH"], "PAPERROUND_DATA": str(tmp_path), "PUBLIC_URL": "https://papers.example.net"}
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", code],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.stdout.split() == ["True"] * 4, done.stderr
