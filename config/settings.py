"""Django's settings, one file, all from the environment (config/environment.py reads and checks it)."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import dj_database_url
from csp.constants import NONCE, NONE, SELF

from config import environment
from newsletter.desk.unfold_settings import UNFOLD as DESK_LOOK

try:
    ENV = environment.read()
except environment.Misconfigured as error:
    sys.exit(f"Paper Round does not start. {error}.")

ROOT = environment.ROOT
DATA = ENV.paperround_data
_SHOWN_HOST = ENV.host if ENV.host not in {"0.0.0.0", "::"} else "127.0.0.1"  # noqa: S104 (compared, not bound)
PUBLIC_URL = ENV.public_url or f"http://{_SHOWN_HOST}:{ENV.port}"
_PUBLIC = urlsplit(PUBLIC_URL)
_HTTPS = _PUBLIC.scheme == "https"

# What the rooms read (through django.conf.settings).
PAPERROUND_DATA = DATA
MAIL_URL = ENV.mail_url
MAIL_URL_2 = ENV.mail_url_2
MAIL_DETOUR_MINUTES = ENV.mail_detour_minutes
MAIL_RATE = ENV.mail_rate
MAIL_DOMAIN_RATE = ENV.mail_domain_rate
MAIL_DAILY_QUOTA = ENV.mail_daily_quota
WARM_UP = ENV.warm_up
MAIL_SPREAD = timedelta(minutes=ENV.mail_spread_minutes)
MAIL_FROM = ENV.mail_from
SERVICE_FROM = ENV.service_from
REPLY_TO = ENV.reply_to
DKIM_KEY = ENV.dkim_key
DKIM_SELECTOR = ENV.dkim_selector
DKIM_DOMAIN = ENV.dkim_domain
POSTAL_ADDRESS = ENV.postal_address
NEWSLETTER_NAME = "Paper Round"
ISSUE_CUTOFF, ISSUE_ZONE = environment.cutoff_of(ENV.issue_cutoff)
LATE_WINDOW = timedelta(hours=ENV.late_hours)
KEEP_COPIES = timedelta(days=ENV.keep_copies_days)
KEEP_EVENTS = timedelta(days=ENV.keep_events_days)
KEEP_RUNS = timedelta(days=ENV.keep_runs_days)
WEBHOOK_SECRET = ENV.webhook_secret
WEBHOOK_KEYS = environment.webhook_keys_of(ENV.webhook_keys)
BOUNCE_DOMAIN = ENV.bounce_domain
BOUNCE_MAILBOX = ENV.bounce_mailbox
KEY_PREFIX = ENV.key_prefix
HOST = ENV.host
PORT = ENV.port

SECRET_KEY = ENV.secret_key
DEBUG = False
UNFOLD = DESK_LOOK
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *([_PUBLIC.hostname] if _PUBLIC.hostname else [])]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

INSTALLED_APPS = [
    "newsletter.apps.NewsletterConfig",
    "bench",
    "unfold.apps.BasicAppConfig",
    "newsletter.desk.apps.DeskConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "anymail",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.jinja2.Jinja2",
        "DIRS": [],
        "APP_DIRS": False,
        "OPTIONS": {"environment": "newsletter.web.jinja.environment"},
    },
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates" / "desk"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    },
]

_SQLITE_PRAGMAS = "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;PRAGMA foreign_keys=ON;"
DATABASES: dict[str, Any] = {
    "default": dj_database_url.parse(ENV.database_url or f"sqlite:///{DATA / 'paperround.sqlite3'}", conn_max_age=60)
}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    if not ENV.database_url:
        DATABASES["default"]["NAME"] = str(DATA / "paperround.sqlite3")
    DATABASES["default"].setdefault("OPTIONS", {}).update(transaction_mode="IMMEDIATE", timeout=20, init_command=_SQLITE_PRAGMAS)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = ENV.redis_url or f"unix://{environment.embedded_socket(DATA)}"
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": KEY_PREFIX,
    }
}

CELERY_BROKER_URL = (
    "redis+socket://" + REDIS_URL.removeprefix("unix://") + "?virtual_host=0" if REDIS_URL.startswith("unix:") else REDIS_URL
)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "max_retries": 2,
    "interval_start": 0,
    "interval_step": 0.2,
    "global_keyprefix": f"{KEY_PREFIX}:",
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 2
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.1}

if MAIL_URL.startswith("anymail:test"):
    EMAIL_BACKEND = "anymail.backends.test.EmailBackend"
ANYMAIL: dict[str, Any] = {"WEBHOOK_SECRET": WEBHOOK_SECRET} if WEBHOOK_SECRET else {}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/desk/login/"
LOGIN_REDIRECT_URL = "/desk/"
CSRF_FAILURE_VIEW = "newsletter.web.errors.forbidden"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [ROOT / "newsletter" / "web" / "static"]
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = _HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _HTTPS else None
SECURE_REFERRER_POLICY = "same-origin"  # pages behind a token say no-referrer themselves
X_FRAME_OPTIONS = "DENY"
# No SECURE_SSL_REDIRECT: the proxy in front redirects, and health checks ask over http.
SILENCED_SYSTEM_CHECKS = ["security.W008"]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF, NONCE],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-src": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
        "manifest-src": [SELF],
    }
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {"django.request": {"level": "ERROR"}, "httpx2": {"level": "WARNING"}, "CSSUTILS": {"level": "CRITICAL"}},
}
