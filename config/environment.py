"""Every setting an operator may give, typed and checked. docs/configure.md documents each; a test compares the two.

Raises `Misconfigured` (a ValueError) whose message names the variable and says what to do.
"""

from __future__ import annotations

import fcntl
import re
import secrets
from datetime import time
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SHORTEST_SECRET = 32
ROOT = Path(__file__).resolve().parent.parent


class Misconfigured(ValueError):
    """A setting is wrong; nothing has been started or written."""


class Environment(BaseSettings):
    """The operator's settings. Names are the environment's own, without prefix."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True)

    paperround_data: Path = Field(default=ROOT / "data")
    database_url: str = ""
    redis_url: str = ""
    mail_url: str = "file:"
    public_url: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    mail_from: str = "Paper Round <digest@paperround.example.org>"
    service_from: str = "Paper Round <service@paperround.example.org>"
    reply_to: str = ""
    postal_address: str = "Paper Round, 1 Example Street, 1000 Example Town"
    issue_cutoff: str = "04:30 UTC"
    secret_key: str = ""
    webhook_secret: str = ""
    key_prefix: str = Field(default="paperround", pattern=r"^[a-z0-9_-]{1,40}$")

    @field_validator("paperround_data")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

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
        return value

    @field_validator("reply_to")
    @classmethod
    def _one_reply(cls, value: str) -> str:
        return cls._one_sender(value) if value else value

    @field_validator("secret_key")
    @classmethod
    def _long_secret(cls, value: str) -> str:
        if value and len(value) < SHORTEST_SECRET:
            raise ValueError(f"it signs every link: write at least {SHORTEST_SECRET} random characters, or none to have one made")
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _name_and_password(cls, value: str) -> str:
        if value and not re.fullmatch(r"[^:\s]+:\S+", value):
            raise ValueError("write NAME:PASSWORD, as the provider will send them")
        return value

    @field_validator("port", mode="before")
    @classmethod
    def _a_port(cls, value: object) -> object:
        if not str(value).isdigit() or not 1 <= int(str(value)) <= 65535:
            raise ValueError("write a number from 1 to 65535, as in 8000")
        return value

    @field_validator("issue_cutoff")
    @classmethod
    def _time_and_zone(cls, value: str) -> str:
        cutoff_of(value)
        return value

    @model_validator(mode="after")
    def _real_mail_needs_https(self) -> Environment:
        real = not self.mail_url.startswith("file:") and self.mail_url != "anymail:test"
        if real and not self.public_url.startswith("https://"):
            raise ValueError("PUBLIC_URL: a real MAIL_URL sends links to people, so set PUBLIC_URL to an https address")
        return self


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
