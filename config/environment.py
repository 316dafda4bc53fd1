"""Every setting an operator may give, typed and checked. docs/configure.md documents each; a test compares the two.

Raises `Misconfigured` (a ValueError) whose message names the variable and says what to do.
"""

from __future__ import annotations

import fcntl
import re
import secrets
from datetime import date, time
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SHORTEST_SECRET = 32
ROOT = Path(__file__).resolve().parent.parent


_LIMITS = {
    "late_hours": (1, 23, "a digest not sent so many hours after its reader's hour is skipped, and the next day's comes"),
    "mail_domain_rate": (0, 1_000_000, "mails a minute to one recipient domain; 0 for no limit"),
    "mail_daily_quota": (0, 1_000_000_000, "mails in any 24 hours; 0 for no limit"),
    "mail_spread_minutes": (0, 59, "a digest leaves inside its reader's hour"),
    "keep_copies_days": (45, 3660, "that nobody gets a paper twice is read from the copies of the last 45 days"),
    "keep_events_days": (45, 3660, "soft bounces are counted over weeks"),
    "keep_runs_days": (7, 3660, "the desk shows the last week"),
}


class Misconfigured(ValueError):
    """A setting is wrong; nothing has been started or written."""


class Environment(BaseSettings):
    """The operator's settings. Names are the environment's own, without prefix."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    paperround_data: Path = Field(default=ROOT / "data")
    database_url: str = ""
    redis_url: str = ""
    mail_url: str = "file:"
    mail_url_2: str = ""
    mail_detour_minutes: int = Field(default=10, ge=1, le=1440)
    mail_rate: float = 0
    mail_domain_rate: int = 0
    mail_daily_quota: int = 0
    warm_up: str = ""
    mail_spread_minutes: int = 20
    public_url: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    mail_from: str = "Paper Round <digest@paperround.example.org>"
    service_from: str = "Paper Round <service@paperround.example.org>"
    reply_to: str = ""
    dkim_key: str = ""
    dkim_selector: str = Field(default="", pattern=r"^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)?$")
    dkim_domain: str = Field(default="", pattern=r"^(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)?$")
    postal_address: str = "Paper Round, 1 Example Street, 1000 Example Town"
    issue_cutoff: str = "04:30 UTC"
    late_hours: int = 6
    keep_copies_days: int = 396
    keep_events_days: int = 396
    keep_runs_days: int = 90
    secret_key: str = ""
    webhook_secret: str = ""
    webhook_keys: str = ""
    bounce_domain: str = Field(default="", pattern=r"^(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)?$")
    bounce_mailbox: str = ""
    key_prefix: str = Field(default="paperround", pattern=r"^[a-z0-9_-]{1,40}$")

    @field_validator("paperround_data")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("mail_url_2")
    @classmethod
    def _known_second(cls, value: str) -> str:
        return cls._known_mail(value) if value else value

    @field_validator("mail_url")
    @classmethod
    def _known_mail(cls, value: str) -> str:
        scheme = urlsplit(value).scheme
        if scheme not in {"file", "smtp", "smtps", "anymail"}:
            raise ValueError("write file:, smtp://USER:PASSWORD@HOST:PORT, smtps://... or anymail:PROVIDER?api_key=...")
        if scheme in {"smtp", "smtps"} and not urlsplit(value).hostname:
            raise ValueError("an smtp address needs a host, as in smtp://mail.example.org:587")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in {"sqlite", "postgres", "postgresql"}:
            raise ValueError("write postgresql://USER:PASSWORD@HOST:PORT/NAME or sqlite:////path/of/file")
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, value: str) -> str:
        if value and urlsplit(value).scheme not in {"redis", "rediss", "unix"}:
            raise ValueError("write redis://HOST:PORT/NUMBER or unix:///path/of/socket")
        return value

    @field_validator("public_url")
    @classmethod
    def _origin_only(cls, value: str) -> str:
        parts = urlsplit(value)
        host = re.fullmatch(r"[A-Za-z0-9.\-]+|[0-9a-fA-F:.]+", parts.hostname or "")
        if value and (parts.scheme not in {"http", "https"} or not host or parts.path.strip("/") or parts.query):
            raise ValueError("write the address readers see, scheme and host only, as in https://papers.example.org")
        return value.rstrip("/")

    @field_validator("mail_from", "service_from")
    @classmethod
    def _one_sender(cls, value: str) -> str:
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", parseaddr(value)[1]) or re.search(r"[\r\n]", value):
            raise ValueError("write one address, as in Paper Round <digest@papers.example.org>")
        if not parseaddr(value)[1].isascii():
            raise ValueError("headers hold ASCII alone: write the address with its domain in the form xn--...")
        return value

    @field_validator("reply_to")
    @classmethod
    def _one_reply(cls, value: str) -> str:
        return cls._one_sender(value) if value else value

    @field_validator("dkim_key")
    @classmethod
    def _private_key(cls, value: str) -> str:
        return dkim_key_of(value) if value else value

    @field_validator("secret_key")
    @classmethod
    def _long_secret(cls, value: str) -> str:
        if value and len(value) < SHORTEST_SECRET:
            raise ValueError(f"it signs every link: write at least {SHORTEST_SECRET} random characters, or none to have one made")
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _name_and_password(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^:\s]+:\S+(?: [^:\s]+:\S+)*", value):
            raise ValueError(
                "write NAME:PASSWORD, as the provider will send them; while you change it, the old one after a space"
            )
        return value

    @field_validator("webhook_keys")
    @classmethod
    def _signing_keys(cls, value: str) -> str:
        webhook_keys_of(value)
        return value

    @field_validator("bounce_mailbox")
    @classmethod
    def _known_mailbox(cls, value: str) -> str:
        parts = urlsplit(value)
        whole = parts.path if parts.scheme == "maildir" else parts.hostname and parts.username and parts.password
        if value and (parts.scheme not in {"maildir", "imap", "imaps"} or not whole):
            raise ValueError("write maildir:/path/of/folder or imaps://USER:PASSWORD@HOST/FOLDER")
        return value

    @field_validator("port", mode="before")
    @classmethod
    def _a_port(cls, value: object) -> object:
        if not str(value).isdigit() or not 1 <= int(str(value)) <= 65535:
            raise ValueError("write a number from 1 to 65535, as in 8000")
        return value

    @field_validator(*_LIMITS, mode="before")
    @classmethod
    def _within_limits(cls, value: object, info: ValidationInfo) -> object:
        low, high, why = _LIMITS[info.field_name or ""]
        if not str(value).isdigit() or not low <= int(str(value)) <= high:
            raise ValueError(f"write a whole number from {low} to {high}: {why}")
        return value

    @field_validator("mail_rate", mode="before")
    @classmethod
    def _a_rate(cls, value: object) -> object:
        number = float(str(value)) if re.fullmatch(r"\d{1,5}(?:\.\d{1,3})?", str(value)) else -1.0
        if number != 0 and not 0.01 <= number <= 10_000:
            raise ValueError("write mails a second, from 0.01 to 10000, as in 14 or 0.5; 0 for no limit")
        return value

    @field_validator("warm_up")
    @classmethod
    def _on_or_since(cls, value: str) -> str:
        if value in {"", "0", "1"}:
            return value.replace("0", "")
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            raise ValueError("write 1, or the day on which the new domain or provider was first used, as in 2026-11-22") from None

    @field_validator("issue_cutoff")
    @classmethod
    def _time_and_zone(cls, value: str) -> str:
        cutoff_of(value)
        return value

    @model_validator(mode="after")
    def _real_mail_needs_https(self) -> Environment:
        urls = [url for url in (self.mail_url, self.mail_url_2) if url]
        if any(map(self._is_real, urls)) and not self.public_url.startswith("https://"):
            raise ValueError("PUBLIC_URL: a real MAIL_URL sends links to people, so set PUBLIC_URL to an https address")
        return self

    @model_validator(mode="after")
    def _files_leave_at_the_hour(self) -> Environment:
        if "mail_spread_minutes" not in self.model_fields_set and not self._is_real(self.mail_url):
            self.mail_spread_minutes = 0
        return self

    @staticmethod
    def _is_real(url: str) -> bool:
        return not url.startswith("file:") and url != "anymail:test"

    @model_validator(mode="after")
    def _one_sender_is_enough(self) -> Environment:
        if "service_from" not in self.model_fields_set and "mail_from" in self.model_fields_set:
            self.service_from = self.mail_from
        return self

    @model_validator(mode="after")
    def _a_key_needs_its_selector(self) -> Environment:
        if self.dkim_key and not self.dkim_selector:
            raise ValueError("DKIM_SELECTOR: write the name under which the key's public half is published, as in paperround1")
        if self.dkim_key and not self.dkim_domain:
            self.dkim_domain = parseaddr(self.mail_from)[1].rpartition("@")[2]
        return self


def dkim_key_of(value: str) -> str:
    """The PEM text of an RSA key of at least 2048 bits; `value` is that text, or the path of a file that holds it."""
    import dkim.crypto  # slow to load, and off by default

    text = value.replace("\\n", "\n")
    if not text.lstrip().startswith("-----BEGIN"):
        try:
            text = Path(value).expanduser().read_text("ascii")
        except (OSError, UnicodeError):
            raise ValueError("write the path of a readable PEM file, or the PEM text itself") from None
    try:
        size = int(dkim.crypto.parse_pem_private_key(text.encode())["modulus"]).bit_length()
    except (dkim.crypto.UnparsableKeyError, UnicodeError, IndexError, KeyError):
        raise ValueError("write an RSA private key in PEM, as `openssl genrsa 2048` makes it") from None
    if size < 2048:
        raise ValueError(f"receivers take no key of {size} bits; write one of 2048 or more")
    return text


def webhook_keys_of(value: str) -> dict[str, str]:
    """Provider -> its signing key, from WEBHOOK_KEYS, e.g. "mailgun=KEY resend=whsec_KEY". Each must look like one."""
    keys = dict(pair.partition("=")[::2] for pair in value.split())
    for name, key in keys.items():
        if name not in _SIGNING_KEYS:
            raise ValueError(f"{name} signs with no key of yours; write NAME=KEY with NAME one of {', '.join(_SIGNING_KEYS)}")
        if not re.fullmatch(_SIGNING_KEYS[name], key):
            raise ValueError(f"this is no signing key of {name}; copy the one that its webhook page shows, as in {name}=KEY")
    return keys


# What the providers' pages show: Mailgun's HTTP webhook signing key, Resend's signing secret, SendGrid's verification key.
_SIGNING_KEYS = {
    "mailgun": r"[A-Za-z0-9-]{16,100}",
    "resend": r"whsec_(?:[A-Za-z0-9+/]{4}){4,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
    "sendgrid": r"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE[A-Za-z0-9+/]{86}==",  # DER of a public key on the curve P-256
}


def cutoff_of(value: str) -> tuple[time, ZoneInfo]:
    """Time and zone of ISSUE_CUTOFF, e.g. "04:30 UTC" or "06:00 Europe/Amsterdam"."""
    match = re.fullmatch(r"(\d{1,2}):(\d{2})\s+(\S+)", value.strip())
    try:
        if not match:
            raise ValueError
        return time(int(match[1]), int(match[2])), ZoneInfo(match[3])
    except (ValueError, ZoneInfoNotFoundError):
        raise ValueError("write a time and an IANA zone, as in 04:30 UTC or 06:00 Europe/Amsterdam") from None


def read() -> Environment:
    """The environment, checked. Makes and keeps SECRET_KEY in the data folder when none is given."""
    try:
        env = Environment()
    except ValidationError as error:
        raise Misconfigured(_sentences(error)) from None
    _make_folder(env.paperround_data)
    if not env.secret_key:
        env.secret_key = _kept_secret(env.paperround_data)
    return env


def _make_folder(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(data, error) from None


def _unwritable(data: Path, error: OSError) -> Misconfigured:
    remedy = "make the folder writable or name another one"
    return Misconfigured(f"PAPERROUND_DATA: cannot write in {data} ({error.strerror}); {remedy}")


def _sentences(error: ValidationError) -> str:
    lines = []
    for item in error.errors():
        name = "_".join(str(part) for part in item["loc"]).upper()
        text = item["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {text}" if name else text)
    return "; ".join(lines)


def _kept_secret(data: Path) -> str:
    """The key of this installation, made once. Two processes starting at once agree: the first to create it wins."""
    path = data / "secret_key"
    try:
        path.touch(mode=0o600, exist_ok=True)
        with path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            text = file.read().strip()
            if not text:
                text = secrets.token_urlsafe(48)
                file.write(text)
            return text
    except OSError as error:
        raise _unwritable(data, error) from None


def embedded_socket(data: Path) -> Path:
    """Where the embedded broker listens: in the data folder, or where `valkey.path` there says (a long path)."""
    kept = data / "valkey.path"
    return (Path(kept.read_text().strip()) if kept.is_file() else data) / "valkey.sock"
